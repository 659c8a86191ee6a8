/**
 * Records that windows keep, each as an image of fixed length; also as bytes of snapshots, and as the list a window function gets.
 *
 *     0    8         16          24                                 bytes
 *     ┌────┬─────────┬───────────┬────────────────┬────────────────┬───
 *     │ ms │ arrival │ valid bits│ data column 0  │ data column 1  │ ...
 *     └────┴─────────┴───────────┴────────────────┴────────────────┴───
 *
 * A column is an f64 or, of a text, a local code (u64) that the image holds; of a null, 0. Images may be moved as they are.
 *
 * Invariant: an image holds its strings from `storeRecord` or `restoreRecord` until `releaseRecord`.
 */
import { CELL_NULL, CELL_NUMBER, CELL_TEXT, COLUMN_CODE } from "../layout";
import { columnCount, columnKind, TIME_MAX_MS, valueColumn, valueCount } from "../config";
import { appendBlob } from "../batch/blob-buffer";
import { recordsBefore, timeOf } from "../batch/record-batch";
import { disuseString, holdString, stringBytes, stringPtr } from "../state/dictionary";
import { valueSecond } from "./aggregate-config";
import { bindStaged, cellFound, findCell, isArrival, noteArrival, stageTime, stageValue } from "./bound-values";
import { cellBytes, cellRead, oneNaN, readCell, resetCells, writeCell } from "./value-cell";

export { stagedRecordsMax } from "./bound-values";

export const IMAGE_MS = 0;
export const IMAGE_ARRIVAL = 8;
const IMAGE_VALID = 16;
const IMAGE_COLUMNS = 24;

export let recordBytes: i32 = 0;

export function configureRecords(): void {
  recordBytes = IMAGE_COLUMNS + columnCount * 8;
}

function isText(column: i32): bool {
  return columnKind(column) == COLUMN_CODE;
}
function isThere(image: usize, column: i32): bool {
  return ((load<u32>(image + IMAGE_VALID) >> column) & 1) != 0;
}

/** The number of a data column; NaN when it is null. */
export function imageNumber(image: usize, column: i32): f64 {
  return isThere(image, column) ? load<f64>(image + IMAGE_COLUMNS + column * 8) : NaN;
}

/** Writes the image of a row of the input slot; false when memory is exhausted. */
export function storeRecord(to: usize, row: i32): bool {
  store<f64>(to + IMAGE_MS, timeOf(row));
  store<f64>(to + IMAGE_ARRIVAL, recordsBefore + <f64>row);
  store<u64>(to + IMAGE_VALID, 0);
  memory.fill(to + IMAGE_COLUMNS, 0, columnCount * 8);
  for (let c = 0; c < columnCount; c++) {
    if (!findCell(c, row)) continue;
    if (isText(c)) {
      if (<i64>cellFound < 0) return false;
      holdString(<u32>cellFound);
    }
    store<u64>(to + IMAGE_COLUMNS + c * 8, cellFound);
    store<u32>(to + IMAGE_VALID, load<u32>(to + IMAGE_VALID) | (<u32>1 << c));
  }
  return true;
}

/** Gives up the strings of an image. */
export function releaseRecord(image: usize): void {
  for (let c = 0; c < columnCount; c++) if (isText(c) && isThere(image, c)) disuseString(load<u32>(image + IMAGE_COLUMNS + c * 8));
}

/** Makes `count` images, which lie one after the other, the records that `addPairs` adds: at most stagedRecordsMax. */
export function stageRecords(images: usize, count: i32): void {
  bindStaged();
  for (let i = 0, image = images; i < count; i++, image += recordBytes) stageTime(i, load<f64>(image), load<f64>(image + IMAGE_ARRIVAL));
  for (let v = 0; v < valueCount; v++) {
    const column = valueColumn(v);
    const second = valueSecond(v);
    for (let i = 0, image = images; i < count; i++, image += recordBytes) {
      const number = second < 0 ? 0 : load<f64>(image + IMAGE_COLUMNS + second * 8);
      const isSecondThere = second >= 0 && isThere(image, second);
      stageValue(v, i, load<u64>(image + IMAGE_COLUMNS + column * 8), isThere(image, column), number, isSecondThere);
    }
  }
}

/** Appends `count` images to the blobs, as RESULT_RECORDS in layout.ts; false when memory is exhausted. */
export function writeRecordsBlob(images: usize, count: i32): bool {
  for (let i = 0, image = images; i < count; i++, image += recordBytes) {
    const time = appendBlob(8);
    if (time == 0) return false;
    store<f64>(time, load<f64>(image));
    for (let c = 0; c < columnCount; c++) if (!appendCell(image, c)) return false;
  }
  return true;
}

function appendCell(image: usize, column: i32): bool {
  const cell = image + IMAGE_COLUMNS + column * 8;
  const form = !isThere(image, column) ? CELL_NULL : isText(column) ? CELL_TEXT : CELL_NUMBER;
  const bytes = form == CELL_NULL ? 0 : form == CELL_TEXT ? stringBytes(load<u32>(cell)) : 8;
  const at = appendBlob(8 + bytes);
  if (at == 0) return false;
  store<i32>(at, form);
  store<i32>(at, bytes, 4);
  if (form == CELL_TEXT) memory.copy(at + 8, stringPtr(load<u32>(cell)), bytes);
  else if (form == CELL_NUMBER) store<f64>(at + 8, oneNaN(load<f64>(cell)));
  return true;
}

/** Bytes of an image in a snapshot. */
export function recordSnapshotBytes(image: usize): i32 {
  let bytes = IMAGE_COLUMNS;
  for (let c = 0; c < columnCount; c++) if (isThere(image, c)) bytes += cellBytes(load<u64>(image + IMAGE_COLUMNS + c * 8), isText(c));
  return bytes;
}

/** Writes an image; answers where the next one goes. */
export function snapshotRecord(image: usize, to: usize): usize {
  memory.copy(to, image, IMAGE_COLUMNS);
  to += IMAGE_COLUMNS;
  for (let c = 0; c < columnCount; c++) if (isThere(image, c)) to = writeCell(to, load<u64>(image + IMAGE_COLUMNS + c * 8), isText(c));
  return to;
}

/** Reads an image; answers where the next one is, 0 when the bytes are none (or, see value-cell, memory is exhausted). */
export function restoreRecord(from: usize, end: usize, to: usize): usize {
  resetCells();
  if (end < from || end - from < <usize>IMAGE_COLUMNS) return 0;
  const ms = load<f64>(from);
  const arrival = load<f64>(from + IMAGE_ARRIVAL);
  const valid = load<u64>(from + IMAGE_VALID);
  if (!(Math.abs(ms) <= TIME_MAX_MS) || !isArrival(arrival) || valid >> columnCount != 0) return 0;
  noteArrival(arrival);
  memory.fill(to, 0, recordBytes);
  store<f64>(to + IMAGE_MS, ms);
  store<f64>(to + IMAGE_ARRIVAL, arrival);
  from += IMAGE_COLUMNS;
  for (let c = 0; c < columnCount; c++) {
    if (((valid >> c) & 1) == 0) continue;
    from = readCell(from, end, isText(c));
    if (from == 0) {
      releaseRecord(to);
      return 0;
    }
    store<u64>(to + IMAGE_COLUMNS + c * 8, cellRead);
    store<u32>(to + IMAGE_VALID, load<u32>(to + IMAGE_VALID) | (<u32>1 << c));
  }
  return from;
}
