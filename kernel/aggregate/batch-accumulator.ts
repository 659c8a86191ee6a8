/**
 * Records of a batch → accumulator rows of their slices.
 *
 * Before it, keys have been resolved; after it, late records are dealt with and windows fire. Two passes without a branch on
 * data: relative slice numbers of all records, then rows through a table of slice pointers. Records outside the table (late
 * ones, or far from the rest) go to a trash table and are left to `addRecord`, one at a time.
 *
 * Invariant: no slice gets records of a segment from both paths, so within a slice records are added in order of arrival.
 */
import { batchRowsMax, TIME_MAX_MS, valueCount, valueParts } from "../config";
import { PART_BASIC, STATUS_OK, STATUS_SLOT_INVALID, STATUS_STATE_LIMIT } from "../layout";
import { batchRows, timeOf, timesPtr, valuesPtr, valuesValidity } from "../batch/record-batch";
import { keyRowsPtr } from "../batch/key-resolver";
import { BASIC_BYTES, hasRows, rowBytes, ROWS_BYTES } from "../state/accumulator-row";
import { allocate, bytesOf, release } from "../state/arena";
import { keyRows } from "../state/key-table";
import {
  createSlice, ensureTable, findSlice, isLog, lowerBound, makeCompact, makeDense, obtainRow, shouldBecomeLog, SLICE_COMPACT, SLICE_LOG,
  SLICE_LOG_BYTES, SLICE_TABLE, sliceAt, sliceCount, sliceNumber, tableRowsWanted, widenSlices,
} from "../state/window-state";
import { isComplete, watermarkMs } from "../time/timers";
import { firstOpenSlice, isInWindow, lastWindowOf, sliceMs, sliceOf, sliceStart, span, stride } from "../window/slice-assigner";
import { dropMerges, patchMerges } from "../window/sliding-merge";
import { addColumn, addRecords } from "./accumulator";
import {
  addBasicDirect, addBasicToTable, CONSTANT_BYTES, earliestMs, latestMs, markIndices, redirectNulls, rowAddresses, sliceIndices,
  writeConstants,
} from "./column-loops";
import { appendEntries, appendOne, appendPlain } from "./log-writer";
import { configureLogs, entryBytes, foldLog, reserveEntries } from "./slice-log";

const WIDTH_MAX = 4096;
const EXACT_MS: f64 = 562949953421312; // width · sliceMs stays below 2^49: see sliceIndices
const MARK_RANGE_MIN = 64;

/** Whether the last segment has records that were left to `addRecord`. */
export let hasSlowRows: bool = false;
/** Records that lie in no window. */
export let outsideRecords: f64 = 0;

let width = 0;
let inverse: f64 = 0;
let tableBase: f64 = 0; // slice of index 1; kept between batches as a guess
let indices: usize = 0; // u32 for each record
let rowPtrs: usize = 0;
let redirected: usize = 0;
let slicePtrs: usize = 0; // u32 by index
let tables: usize = 0; // u32 by index: table, or trash
let cursors: usize = 0; // u32 by index: end of the log, or trash
let marks: usize = 0;
let trashTable: usize = 0;
let trashRows = 0;
let trashEntries: usize = 0;
let trashRow: usize = 0;
let constants: usize = 0;
let isPlain = false; // rows of one BASIC block
let low = 0; // indices in use by the segment
let high = 0;
let anyDense = false;
let anyLog = false;

export function configureAccumulation(): bool {
  width = <i32>min<f64>(WIDTH_MAX, Math.floor(EXACT_MS / sliceMs));
  inverse = (1 / sliceMs) * (1 + 4.440892098500626e-16);
  tableBase = -Infinity;
  outsideRecords = 0;
  indices = allocate(<usize>batchRowsMax * 4);
  rowPtrs = allocate(<usize>batchRowsMax * 4);
  redirected = allocate(<usize>batchRowsMax * 4);
  slicePtrs = allocate((width + 2) * 4);
  tables = allocate((width + 2) * 4);
  cursors = allocate((width + 2) * 4);
  marks = allocate(width + 2);
  trashRow = allocate(rowBytes + ROWS_BYTES);
  constants = allocate(CONSTANT_BYTES);
  trashTable = trashEntries = 0;
  trashRows = 0;
  if (indices == 0 || rowPtrs == 0 || redirected == 0 || slicePtrs == 0 || tables == 0 || cursors == 0) return false;
  if (marks == 0 || trashRow == 0 || constants == 0) return false;
  writeConstants(constants);
  isPlain = valueCount == 1 && valueParts(0) == PART_BASIC;
  if (!configureLogs(constants, trashRow)) return false;
  trashEntries = span == 1 ? allocate(bytesOf(batchRowsMax, entryBytes)) : 0;
  return span != 1 || trashEntries != 0;
}

/** Rows count their records from the first null of the first column on; false when memory is exhausted. */
export function prepareRows(): bool {
  if (valueCount == 0 || hasRows || batchRows == 0 || valuesValidity(0) == 0) return true;
  return widenAll();
}

export function widenAll(): bool {
  dropMerges();
  release(trashTable, bytesOf(trashRows, rowBytes));
  trashTable = 0;
  trashRows = 0;
  return widenSlices();
}

/** Accumulates records [from, to) but for those it leaves to `addRecord`. */
export function accumulate(from: i32, to: i32): i32 {
  if (!assignSlices(from, to)) return STATUS_SLOT_INVALID;
  if (low > high) return STATUS_OK;
  if (!findSlices(from, to)) return STATUS_STATE_LIMIT;
  const count = to - from;
  const keys = keyRowsPtr + from * 4;
  if (stride > span) countOutside(count);
  if (anyDense) addToTables(from, count, keys);
  if (anyLog) addToLogs(from, count, keys);
  return STATUS_OK;
}

/** The next record from `row` on that was left to `addRecord`, or `to`. `from` is where the segment begins. */
export function nextSlowRow(from: i32, row: i32, to: i32): i32 {
  const limit: u32 = width;
  const limits = i32x4.splat(width);
  const one = i32x4.splat(1);
  const first = indices - from * 4;
  while (row < to) {
    const at = first + (row << 2);
    if (row + 16 <= to) {
      const a = i32x4.max_u(i32x4.sub(v128.load(at), one), i32x4.sub(v128.load(at, 16), one));
      const b = i32x4.max_u(i32x4.sub(v128.load(at, 32), one), i32x4.sub(v128.load(at, 48), one));
      if (!v128.any_true(i32x4.ge_u(i32x4.max_u(a, b), limits))) {
        row += 16;
        continue;
      }
    }
    if (load<u32>(at) - 1 >= limit) return row;
    row++;
  }
  return to;
}

// The table begins at the first slice none of whose windows has fired; where the stream is far beyond (or there is no
// watermark yet) around the middle record of the segment.
function assignSlices(from: i32, to: i32): bool {
  const times = timesPtr() + from * 8;
  const open = firstOpenSlice(watermarkMs);
  let base = max(tableBase, open);
  sliceIndices(times, to - from, sliceStart(base), inverse, width, indices);
  if (!(earliestMs >= -TIME_MAX_MS) || !(latestMs <= TIME_MAX_MS) || earliestMs > latestMs) return false;
  if (latestMs >= sliceStart(base + width) || (earliestMs < sliceStart(base) && base > open)) {
    const middle = timeOf((from + to) >> 1);
    const wanted = Math.abs(middle) <= TIME_MAX_MS ? max(open, sliceOf(middle) - (width >> 1)) : base;
    if (wanted != base) {
      base = wanted;
      sliceIndices(times, to - from, sliceStart(base), inverse, width, indices);
    }
  }
  tableBase = base;
  const isBelow = earliestMs < sliceStart(base);
  const isAbove = latestMs >= sliceStart(base + width);
  hasSlowRows = isBelow || isAbove;
  low = isBelow ? 1 : <i32>min<f64>(sliceOf(earliestMs) - base, width) + 1;
  high = isAbove ? width : latestMs < sliceStart(base) ? 0 : <i32>(sliceOf(latestMs) - base) + 1;
  return true;
}

function findSlices(from: i32, to: i32): bool {
  const range = high - low + 1;
  memory.fill(slicePtrs + low * 4, 0, range * 4);
  let live = 0;
  for (let i = lowerBound(tableBase + low - 1); i < sliceCount; i++, live++) {
    const index = <i32>(sliceNumber(sliceAt(i)) - tableBase) + 1;
    if (index > high) break;
    store<u32>(slicePtrs + index * 4, <u32>sliceAt(i));
  }
  const byMark = live < range || range > MARK_RANGE_MIN;
  if (byMark) {
    memory.fill(marks + low, 0, range);
    markIndices(indices, to - from, marks);
  }
  if (!ensureTrash()) return false;
  anyDense = anyLog = false;
  for (let index = low; index <= high; index++) {
    if (byMark && !load<u8>(marks + index)) store<u32>(slicePtrs + index * 4, 0);
    else if (!openSlice(index, to - from)) return false;
  }
  setTrash(0);
  setTrash(width + 1);
  return true;
}

function setTrash(index: i32): void {
  store<u32>(slicePtrs + index * 4, 0);
  store<u32>(tables + index * 4, <u32>trashTable);
  store<u32>(cursors + index * 4, <u32>trashEntries);
}

function openSlice(index: i32, count: i32): bool {
  let slice = <usize>load<u32>(slicePtrs + index * 4);
  setTrash(index);
  if (slice == 0) {
    const number = tableBase + (index - 1);
    if (!isInWindow(number)) return true;
    slice = createSlice(number);
    if (slice == 0) return false;
  }
  store<u32>(slicePtrs + index * 4, <u32>slice);
  if (shouldBecomeLog(slice) && !makeCompact(slice)) return false;
  if (isLog(slice) && !reserveEntries(slice, count)) return false;
  if (isLog(slice)) {
    store<u32>(cursors + index * 4, load<u32>(slice + SLICE_LOG) + load<i32>(slice + SLICE_LOG_BYTES));
    anyLog = true;
    return true;
  }
  if (!ensureTable(slice)) return false;
  store<u32>(tables + index * 4, load<u32>(slice + SLICE_TABLE));
  anyDense = true;
  return true;
}

function ensureTrash(): bool {
  if (trashRows >= keyRows) return true;
  release(trashTable, bytesOf(trashRows, rowBytes));
  trashRows = tableRowsWanted();
  trashTable = allocate(bytesOf(trashRows, rowBytes));
  if (trashTable == 0) return false;
  memory.fill(trashTable, 0, <usize>trashRows * rowBytes);
  return true;
}

function countOutside(count: i32): void {
  for (let i = 0; i < count; i++) {
    const index = load<u32>(indices + i * 4);
    if (index > 0 && index <= <u32>width && load<u32>(slicePtrs + index * 4) == 0) outsideRecords += 1;
  }
}

function addToTables(from: i32, count: i32, keys: usize): void {
  if (isPlain && !hasRows && rowBytes == BASIC_BYTES) {
    const values = valuesPtr(0) + from * 8;
    if (low == high && !hasSlowRows) addBasicToTable(load<u32>(tables + low * 4), keys, values, count, constants);
    else addBasicDirect(tables, indices, keys, values, count, constants);
    return;
  }
  rowAddresses(tables, indices, keys, count, rowBytes, rowPtrs);
  addValues(from, count, rowPtrs);
}

// Adds records [from, from + count) to the rows of which `rows` has the addresses.
function addValues(from: i32, count: i32, rows: usize): void {
  for (let v = 0; v < valueCount; v++) {
    const validity = valuesValidity(v);
    if (validity != 0) redirectNulls(rows, validity + from, count, trashRow, redirected);
    addColumn(v, validity != 0 ? redirected : rows, count, valuesPtr(v) + from * 8, 8, timesPtr() + from * 8, 8, constants);
  }
  addRecords(rows, count);
}

function addToLogs(from: i32, count: i32, keys: usize): void {
  if (isPlain && valuesValidity(0) == 0) appendPlain(valuesPtr(0) + from * 8, count, keys, indices, cursors);
  else appendEntries(from, count, keys, indices, cursors, rowPtrs);
  for (let index = low; index <= high; index++) {
    const slice = <usize>load<u32>(slicePtrs + index * 4);
    if (slice == 0 || !isLog(slice)) continue;
    store<i32>(slice + SLICE_LOG_BYTES, load<u32>(cursors + index * 4) - load<u32>(slice + SLICE_LOG));
  }
}

/** Adds one record to its slice, whichever it is; false when memory is exhausted. */
export function addRecord(row: i32, number: f64): bool {
  const key = load<i32>(keyRowsPtr + row * 4);
  let slice = findSlice(number);
  const isNew = slice == 0;
  if (isNew) slice = createSlice(number);
  if (slice == 0) return false;
  if (shouldBecomeLog(slice) && !makeCompact(slice)) return false;
  if (isLog(slice)) {
    if (!isComplete(lastWindowOf(number))) {
      if (!reserveEntries(slice, 1)) return false;
      if (isLog(slice)) {
        appendOne(slice, row, key, rowPtrs);
        return true;
      }
    } else {
      // Its window has fired and will be asked for this key at once.
      if (!foldLog(slice)) return false;
      if (load<i32>(slice + SLICE_COMPACT) > keyRows >> 1 && !makeDense(slice)) return false;
    }
  }
  const target = obtainRow(slice, key);
  if (target == 0) return false;
  store<u32>(rowPtrs, <u32>target);
  addValues(row, 1, rowPtrs);
  return span == 1 || patchMerges(number, key, isNew);
}
