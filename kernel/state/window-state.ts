/**
 * (key, slice) → accumulator row: the live slices in order of time, each in one of two forms.
 *
 * DENSE: a table of rows indexed by key row; adding is one indexed update. LOG: entries in order of arrival, beside compact
 * rows for part of the keys (in key order), into which aggregate/slice-log folds the entries; for tumbling windows whose
 * table would not fit in a cache. Which form a slice has never shows in a result.
 * Before it, batches are assigned to slices; after it, windows are merged from slices and snapshots are written.
 *
 * Invariant: slices are sorted by number and each lies in a window that has not expired.
 */
import { tableBytesMax } from "../config";
import { addRowsBlock, clearRows, isEmptyRow, rowBytes, ROWS_BYTES, widenRows } from "./accumulator-row";
import { allocate, bytesOf, reallocate, release } from "./arena";
import { keyCapacity, keyRows } from "./key-table";

export const SLICE_NUMBER = 0; // f64
export const SLICE_TABLE = 8; // u32, dense rows
export const SLICE_TABLE_ROWS = 12; // i32
export const SLICE_SUFFIX = 16; // u32, rows merged with those of later slices (window/sliding-merge)
export const SLICE_SUFFIX_ROWS = 20; // i32
export const SLICE_LOG = 24; // u32, entries
export const SLICE_LOG_BYTES = 28; // i32, used
export const SLICE_LOG_CAPACITY = 32; // i32, bytes
export const SLICE_KEYS = 36; // u32, key rows of the compact rows, ascending
export const SLICE_ROWS = 40; // u32, compact rows
export const SLICE_COMPACT = 44; // i32, their number
export const SLICE_COMPACT_CAPACITY = 48; // i32
export const SLICE_IS_LOG = 52; // i32
const SLICE_BYTES = 64;
const SLICES_MIN = 64;
const TABLE_ROWS_MIN = 16;

let slices: usize = 0; // u32 pointers, ascending by number
let capacity = 0;
export let sliceCount: i32 = 0;
let mayLog: bool = false;

/** @param logAllowed - Windows are single slices, so a slice may be kept as a log. */
export function configureSlices(logAllowed: bool): bool {
  mayLog = logAllowed;
  sliceCount = 0;
  capacity = SLICES_MIN;
  slices = allocate(SLICES_MIN * 4);
  return slices != 0;
}

export function sliceAt(index: i32): usize {
  return load<u32>(slices + index * 4);
}
export function sliceNumber(slice: usize): f64 {
  return load<f64>(slice + SLICE_NUMBER);
}
export function isLog(slice: usize): bool {
  return load<i32>(slice + SLICE_IS_LOG) != 0;
}

/** Index of the first live slice with this number or a later one. */
export function lowerBound(number: f64): i32 {
  let low = 0;
  let high = sliceCount;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sliceNumber(sliceAt(middle)) < number) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The live slice with this number, or 0. */
export function findSlice(number: f64): usize {
  const at = lowerBound(number);
  return at < sliceCount && sliceNumber(sliceAt(at)) == number ? sliceAt(at) : 0;
}

/** Makes a slice that is not live yet; 0 when memory is exhausted. */
export function createSlice(number: f64): usize {
  if (sliceCount == capacity) {
    const grown = reallocate(slices, capacity * 4, capacity * 4, capacity * 8);
    if (grown == 0) return 0;
    slices = grown;
    capacity *= 2;
  }
  const slice = allocate(SLICE_BYTES);
  if (slice == 0) return 0;
  memory.fill(slice, 0, SLICE_BYTES);
  store<f64>(slice + SLICE_NUMBER, number);
  store<i32>(slice + SLICE_IS_LOG, i32(prefersLog()));
  const at = lowerBound(number);
  memory.copy(slices + at * 4 + 4, slices + at * 4, (sliceCount - at) * 4);
  store<u32>(slices + at * 4, <u32>slice);
  sliceCount++;
  return slice;
}

/** Gives back the oldest slice. */
export function dropFirstSlice(): void {
  const slice = sliceAt(0);
  releaseTable(slice);
  releaseSuffix(slice);
  releaseCompact(slice);
  releaseLog(slice);
  release(slice, SLICE_BYTES);
  sliceCount--;
  memory.copy(slices, slices + 4, sliceCount * 4);
}

function prefersLog(): bool {
  return mayLog && <f64>keyRows * rowBytes > <f64>tableBytesMax;
}

/** A dense slice of which the table has become too large is to go on as a log. */
export function shouldBecomeLog(slice: usize): bool {
  return !isLog(slice) && load<i32>(slice + SLICE_TABLE_ROWS) < keyRows && prefersLog();
}

/** Rows a table must have, when it has to grow, for all keys there are. */
export function tableRowsWanted(): i32 {
  let rows = TABLE_ROWS_MIN;
  while (rows < keyRows) rows <<= 1;
  return min(rows, keyCapacity);
}

/** Gives a dense slice a row for every key; false when memory is exhausted. */
export function ensureTable(slice: usize): bool {
  const had = load<i32>(slice + SLICE_TABLE_ROWS);
  if (had >= keyRows) return true;
  const table = growRows(load<u32>(slice + SLICE_TABLE), had, tableRowsWanted());
  if (table == 0) return false;
  store<u32>(slice + SLICE_TABLE, <u32>table);
  store<i32>(slice + SLICE_TABLE_ROWS, tableRowsWanted());
  return true;
}

/** A larger table with the old rows and empty ones after them; the old is given back. 0 when memory is exhausted. */
export function growRows(table: usize, had: i32, wanted: i32): usize {
  const grown = reallocate(table, bytesOf(had, rowBytes), bytesOf(had, rowBytes), bytesOf(wanted, rowBytes));
  if (grown != 0) clearRows(grown + <usize>had * rowBytes, wanted - had);
  return grown;
}

/** The row of a key, 0 when the slice has none. Not for a slice with entries in its log. */
export function findRow(slice: usize, key: i32): usize {
  if (!isLog(slice)) {
    return key < load<i32>(slice + SLICE_TABLE_ROWS) ? <usize>load<u32>(slice + SLICE_TABLE) + <usize>key * rowBytes : 0;
  }
  const at = compactLowerBound(slice, key);
  if (at == load<i32>(slice + SLICE_COMPACT) || load<i32>(load<u32>(slice + SLICE_KEYS) + at * 4) != key) return 0;
  return load<u32>(slice + SLICE_ROWS) + <usize>at * rowBytes;
}

function compactLowerBound(slice: usize, key: i32): i32 {
  const keys = load<u32>(slice + SLICE_KEYS);
  let low = 0;
  let high = load<i32>(slice + SLICE_COMPACT);
  while (low < high) {
    const middle = (low + high) >> 1;
    if (load<i32>(keys + middle * 4) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The row of a key, made when there is none; 0 when memory is exhausted. Not for a slice with entries in its log. */
export function obtainRow(slice: usize, key: i32): usize {
  if (!isLog(slice) && !ensureTable(slice)) return 0;
  const row = findRow(slice, key);
  if (row != 0) return row;
  const count = load<i32>(slice + SLICE_COMPACT);
  if (count == load<i32>(slice + SLICE_COMPACT_CAPACITY) && !growCompact(slice)) return 0;
  const at = compactLowerBound(slice, key);
  const keys = load<u32>(slice + SLICE_KEYS) + at * 4;
  const made = load<u32>(slice + SLICE_ROWS) + <usize>at * rowBytes;
  memory.copy(keys + 4, keys, (count - at) * 4);
  memory.copy(made + rowBytes, made, <usize>(count - at) * rowBytes);
  store<i32>(keys, key);
  clearRows(made, 1);
  store<i32>(slice + SLICE_COMPACT, count + 1);
  return made;
}

/** An empty row after the compact rows, in whatever order; 0 when memory is exhausted. Restoring sorts them in the end. */
export function appendRow(slice: usize, key: i32): usize {
  const count = load<i32>(slice + SLICE_COMPACT);
  if (count == load<i32>(slice + SLICE_COMPACT_CAPACITY) && !growCompact(slice)) return 0;
  store<i32>(load<u32>(slice + SLICE_KEYS) + count * 4, key);
  const row = load<u32>(slice + SLICE_ROWS) + <usize>count * rowBytes;
  clearRows(row, 1);
  store<i32>(slice + SLICE_COMPACT, count + 1);
  return row;
}

function growCompact(slice: usize): bool {
  const had = load<i32>(slice + SLICE_COMPACT_CAPACITY);
  const wanted = max(had + (had >> 1), TABLE_ROWS_MIN);
  const keys = reallocate(load<u32>(slice + SLICE_KEYS), had * 4, had * 4, wanted * 4);
  if (keys == 0) return false;
  store<u32>(slice + SLICE_KEYS, <u32>keys);
  const rows = reallocate(load<u32>(slice + SLICE_ROWS), bytesOf(had, rowBytes), bytesOf(had, rowBytes), bytesOf(wanted, rowBytes));
  if (rows == 0) return false;
  store<u32>(slice + SLICE_ROWS, <u32>rows);
  store<i32>(slice + SLICE_COMPACT_CAPACITY, wanted);
  return true;
}

export function releaseTable(slice: usize): void {
  release(load<u32>(slice + SLICE_TABLE), bytesOf(load<i32>(slice + SLICE_TABLE_ROWS), rowBytes));
  store<u64>(slice + SLICE_TABLE, 0);
}
export function releaseSuffix(slice: usize): void {
  release(load<u32>(slice + SLICE_SUFFIX), bytesOf(load<i32>(slice + SLICE_SUFFIX_ROWS), rowBytes));
  store<u64>(slice + SLICE_SUFFIX, 0);
}
export function releaseCompact(slice: usize): void {
  const rows = load<i32>(slice + SLICE_COMPACT_CAPACITY);
  release(load<u32>(slice + SLICE_KEYS), rows * 4);
  release(load<u32>(slice + SLICE_ROWS), bytesOf(rows, rowBytes));
  store<u64>(slice + SLICE_KEYS, 0);
  store<u64>(slice + SLICE_COMPACT, 0);
}
export function releaseLog(slice: usize): void {
  release(load<u32>(slice + SLICE_LOG), load<i32>(slice + SLICE_LOG_CAPACITY));
  store<u64>(slice + SLICE_LOG, 0);
  store<i32>(slice + SLICE_LOG_CAPACITY, 0);
}

/** Makes a slice without entries in its log dense. */
export function makeDense(slice: usize): bool {
  store<i32>(slice + SLICE_IS_LOG, 0);
  if (!ensureTable(slice)) return false;
  const table = load<u32>(slice + SLICE_TABLE);
  const keys = load<u32>(slice + SLICE_KEYS);
  const rows = load<u32>(slice + SLICE_ROWS);
  for (let i = 0, count = load<i32>(slice + SLICE_COMPACT); i < count; i++) {
    memory.copy(table + load<u32>(keys + i * 4) * rowBytes, rows + i * rowBytes, rowBytes);
  }
  releaseCompact(slice);
  releaseLog(slice);
  return true;
}

/** Makes a dense slice one of compact rows, ready for a log. */
export function makeCompact(slice: usize): bool {
  const table = load<u32>(slice + SLICE_TABLE);
  const tableRows = load<i32>(slice + SLICE_TABLE_ROWS);
  let count = 0;
  for (let key = 0; key < tableRows; key++) if (!isEmptyRow(table + key * rowBytes)) count++;
  const keys = allocate(count * 4);
  const rows = allocate(bytesOf(count, rowBytes));
  if (keys == 0 || rows == 0) return false;
  let n = 0;
  for (let key = 0; key < tableRows; key++) {
    const row = table + key * rowBytes;
    if (isEmptyRow(row)) continue;
    store<i32>(keys + n * 4, key);
    memory.copy(rows + n * rowBytes, row, rowBytes);
    n++;
  }
  setCompact(slice, keys, rows, count);
  releaseTable(slice);
  store<i32>(slice + SLICE_IS_LOG, 1);
  return true;
}

/** Replaces the compact rows of a slice. */
export function setCompact(slice: usize, keys: usize, rows: usize, count: i32): void {
  releaseCompact(slice);
  store<u32>(slice + SLICE_KEYS, <u32>keys);
  store<u32>(slice + SLICE_ROWS, <u32>rows);
  store<i32>(slice + SLICE_COMPACT, count);
  store<i32>(slice + SLICE_COMPACT_CAPACITY, count);
}

/** Gives all rows a ROWS block (state/accumulator-row). Suffixes must have been given back before. */
export function widenSlices(): bool {
  addRowsBlock();
  for (let i = 0; i < sliceCount; i++) {
    const slice = sliceAt(i);
    if (!widenBlock(slice + SLICE_TABLE, load<i32>(slice + SLICE_TABLE_ROWS), load<i32>(slice + SLICE_TABLE_ROWS))) return false;
    if (!widenBlock(slice + SLICE_ROWS, load<i32>(slice + SLICE_COMPACT_CAPACITY), load<i32>(slice + SLICE_COMPACT))) return false;
  }
  return true;
}

function widenBlock(field: usize, rows: i32, used: i32): bool {
  const old = load<u32>(field);
  if (old == 0) return true;
  const wide = allocate(bytesOf(rows, rowBytes));
  if (wide == 0) return false;
  widenRows(old, wide, used);
  release(old, bytesOf(rows, rowBytes - ROWS_BYTES));
  store<u32>(field, <u32>wide);
  return true;
}
