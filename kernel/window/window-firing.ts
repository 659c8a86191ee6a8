/**
 * Firing: panes of one due window, keys in key order; and late panes of one key.
 *
 * Before it, time/timers names a due window or the late rule a changed one; after it, batch/pane-writer has the rows.
 * Firing stops when the output ring is full and goes on at the key where it stopped.
 *
 * Invariant: between two calls of `firePanes` for a window no record is accumulated, so its tables stand still.
 */
import { PANE_LATE, PANE_ON_TIME } from "../layout";
import { resultRowsMax } from "../config";
import { foldLog } from "../aggregate/slice-log";
import { mergeRows } from "../aggregate/accumulator";
import { panesRoom, writePanes } from "../batch/pane-writer";
import { countOffset, rowBytes } from "../state/accumulator-row";
import { allocate, release } from "../state/arena";
import { addToCount } from "../state/pane-counts";
import { findSlice, isLog, SLICE_COMPACT, SLICE_KEYS, SLICE_ROWS, SLICE_TABLE, SLICE_TABLE_ROWS } from "../state/window-state";
import { foldKey, leftRows, leftTable, mergeWindow, rightRows, rightTable } from "./sliding-merge";
import { span, stride, windowEnd, windowStart } from "./slice-assigner";

const MERGED_ROWS = 128; // merged at once, so that they are still in the cache when they are written

let firing: f64 = 0;
let table: usize = 0; // rows of the window, or the left part where other != 0
let tableRows = 0;
let other: usize = 0;
let otherRows = 0;
let compactKeys: usize = 0; // key row of each table row; 0: table is indexed by key row
let cursor = 0;
let rowPtrs: usize = 0;
let keyRowsOut: usize = 0;
let merged: usize = 0;
let mergedBytes: usize = 0;

export function configureFiring(): bool {
  rowPtrs = allocate(<usize>resultRowsMax * 4 + 4);
  keyRowsOut = allocate(<usize>resultRowsMax * 4 + 4);
  merged = 0;
  mergedBytes = 0;
  return rowPtrs != 0 && keyRowsOut != 0 && reserveMerged();
}

/** Makes room for merged rows; again after rows have become wider. */
export function reserveMerged(): bool {
  if (mergedBytes >= <usize>(MERGED_ROWS * rowBytes)) return true;
  release(merged, mergedBytes);
  mergedBytes = MERGED_ROWS * rowBytes;
  merged = allocate(mergedBytes);
  return merged != 0;
}

/** Prepares a window; false when memory is exhausted. */
export function beginWindow(window: f64): bool {
  firing = window;
  cursor = 0;
  other = compactKeys = 0;
  otherRows = 0;
  if (span != 1) {
    if (!mergeWindow(window)) return false;
    table = leftTable;
    tableRows = leftRows;
    other = rightTable;
    otherRows = rightRows;
    if (table == 0) {
      table = other;
      tableRows = otherRows;
      other = 0;
    }
    return true;
  }
  const slice = findSlice(window * stride);
  if (isLog(slice)) {
    if (!foldLog(slice)) return false;
    compactKeys = load<u32>(slice + SLICE_KEYS);
    table = load<u32>(slice + SLICE_ROWS);
    tableRows = load<i32>(slice + SLICE_COMPACT);
  } else {
    table = load<u32>(slice + SLICE_TABLE);
    tableRows = load<i32>(slice + SLICE_TABLE_ROWS);
  }
  return true;
}

/** Writes panes of the window until all are written (true) or the output ring is full (false). */
export function firePanes(): bool {
  const start = windowStart(firing);
  const end = windowEnd(firing);
  const rows = other == 0 ? tableRows : max(tableRows, otherRows);
  while (cursor < rows) {
    const room = panesRoom();
    if (room == 0) return false;
    if (compactKeys != 0) {
      const count = min(room, rows - cursor);
      addressRows(table + <usize>cursor * rowBytes, count);
      writePanes(rowPtrs, compactKeys + cursor * 4, count, start, end, PANE_ON_TIME);
      cursor += count;
      continue;
    }
    const count = other == 0 ? collectRows(table, cursor, rows, room) : collectMerged(min(room, min(MERGED_ROWS, rows - cursor)));
    if (count > 0) writePanes(rowPtrs, keyRowsOut, count, start, end, PANE_ON_TIME);
  }
  return true;
}

function addressRows(row: usize, count: i32): void {
  const bytes = rowBytes;
  for (let i = 0; i < count; i++, row += bytes) store<u32>(rowPtrs + i * 4, <u32>row);
}

// Lists the rows that are not empty, without a branch: the next entry is written always and kept only then.
function collectRows(base: usize, from: i32, to: i32, room: i32): i32 {
  const bytes = rowBytes;
  const offset = countOffset;
  const rows = rowPtrs;
  const keys = keyRowsOut;
  let row = base + <usize>from * bytes;
  let count = 0;
  let key = from;
  for (; key < to && count < room; key++, row += bytes) {
    store<u32>(rows + (count << 2), <u32>row);
    store<u32>(keys + (count << 2), key);
    count += i32(load<f64>(row + offset) > 0);
  }
  cursor = key;
  return count;
}

function collectMerged(count: i32): i32 {
  const from = cursor;
  const a = table + <usize>from * rowBytes;
  const b = other + <usize>from * rowBytes;
  const common = max(0, min(count, min(tableRows, otherRows) - from));
  const done = <usize>common * rowBytes;
  if (common > 0) mergeRows(merged, a, b, common);
  memory.copy(merged + done, (tableRows > otherRows ? a : b) + done, <usize>(count - common) * rowBytes);
  return collectRows(merged - <usize>from * rowBytes, from, from + count, count);
}

/**
 * Fires one key of a window that has fired before, after a late record has been added. The caller has made sure of room.
 *
 * @returns false when memory is exhausted.
 */
export function fireLate(window: f64, key: i32): bool {
  foldKey(window, key, merged, merged + rowBytes);
  // More than the record just added: then there was a first firing, on time or late.
  const again = load<f64>(merged + countOffset) > 1;
  const before = again ? addToCount(window, key, 1) : -1;
  if (again && before < 0) return false;
  store<u32>(rowPtrs, <u32>merged);
  store<i32>(keyRowsOut, key);
  writePanes(rowPtrs, keyRowsOut, 1, windowStart(window), windowEnd(window), (before + 1) * 4 + PANE_LATE);
  return true;
}
