/**
 * Firing: the result of a window becomes a pane, with what it means for those who have had earlier panes of the window.
 *
 * Before it, the trigger says that the window fires; after it, pending-panes writes what is emitted. Windows that keep their
 * records are evicted and accumulated here.
 *
 * Invariant: in retracting mode, of the rows emitted for a key and window those not taken back are one at most: the newest result.
 */
import {
  CHANGE_DELETE, CHANGE_INSERT, CHANGE_LAST, CHANGE_UPDATE_AFTER, CHANGE_UPDATE_BEFORE, EVICT_COUNT, EVICT_NONE, EVICT_TIME, FN_HANDLE,
  FN_RECORDS, MODE_DISCARDING, MODE_RETRACTING, PANE_EARLY, PANE_LATE, PANE_ON_TIME, WINDOW_COUNT, WINDOW_STATE,
} from "../layout";
import { aggregateCount, aggregateFunction } from "../config";
import { blobBytes, blobPtr, resetBlobs } from "../batch/blob-buffer";
import { addPairs, clearPaneRow, paneRowBytes, releasePaneRow, writePaneResults } from "../aggregate/pane-row";
import { imageNumber, stageRecords, stagedRecordsMax, writeRecordsBlob } from "../aggregate/record-image";
import { allocate, reallocate } from "../state/arena";
import { handleOf, tellDrop } from "./operation-log";
import { flushPairs } from "./pair-buffer";
import {
  accumulatesAtFiring, accumulation, emitsUnchanged, evictor, evictorColumn, evictorLimit, evictsAfter, keepsKeyRecords, keepsRecords,
  windowKind,
} from "./pane-config";
import { isEndReached, isExpired } from "./pane-time";
import { appendPane, imageFixedBytes } from "./pending-panes";
import { listCount, lowerIndex, recordAt, removeRecords, timeAt } from "./record-list";
import { hasFinished } from "./trigger";
import {
  clearContents, dropLast, END_PASSED, ENTRY_COUNT, ENTRY_END, ENTRY_FLAGS, ENTRY_FRESH, ENTRY_KEY, ENTRY_LAST, ENTRY_LAST_BYTES,
  ENTRY_LEAST, ENTRY_MOST, ENTRY_PANE_INDEX, ENTRY_RECORDS, ENTRY_START, keyRecords, LAST_TIMING_MASK, LAST_TIMING_SHIFT, rowOf,
} from "./window-entry";

export let lateUpdates: f64 = 0;
let image: usize = 0; // cells, validity, bytes of texts and lists
let imageCapacity = 0;
let imageBytes = 0;
let scratchRow: usize = 0;
let stagedRows: usize = 0; // u32: scratchRow for each staged record
let stagedIndices: usize = 0; // u32: 0, 1, 2 ...

export function configureFiring(): bool {
  lateUpdates = 0;
  imageCapacity = imageFixedBytes() + 256;
  image = allocate(imageCapacity);
  scratchRow = allocate(paneRowBytes);
  stagedRows = allocate(<usize>stagedRecordsMax * 4);
  stagedIndices = allocate(<usize>stagedRecordsMax * 4);
  if (image == 0 || scratchRow == 0 || stagedRows == 0 || stagedIndices == 0) return false;
  clearPaneRow(scratchRow);
  for (let i = 0; i < stagedRecordsMax; i++) {
    store<u32>(stagedRows + i * 4, <u32>scratchRow);
    store<u32>(stagedIndices + i * 4, i);
  }
  return true;
}

/** When a pane that is emitted now comes, seen from the window. */
export function timingOf(entry: usize): i32 {
  // These fire when they are full or closed, which is their end, whatever the watermark.
  if (windowKind == WINDOW_COUNT || windowKind == WINDOW_STATE) return PANE_ON_TIME;
  if (!isEndReached(load<f64>(entry + ENTRY_END))) return PANE_EARLY;
  return load<i32>(entry + ENTRY_FLAGS) & END_PASSED ? PANE_LATE : PANE_ON_TIME;
}

/** Whether the window takes nothing more after a pane that is emitted now. */
function isLastPane(entry: usize): bool {
  return windowKind == WINDOW_COUNT || windowKind == WINDOW_STATE || hasFinished(entry) || isExpired(load<f64>(entry + ENTRY_END));
}

/** Emits a pane of the window, and empties it if `purges` or in discarding mode; false when memory is exhausted. */
export function emitPane(entry: usize, purges: bool): bool {
  if (!flushPairs()) return false;
  const timing = timingOf(entry);
  if (evictor != EVICT_NONE && !evictsAfter) evict(entry);
  if (!computeResult(entry)) return false;
  if (!emitResult(entry, timing)) return false;
  if (evictor != EVICT_NONE && evictsAfter) evict(entry);
  store<f64>(entry + ENTRY_FRESH, 0);
  if (!purges && accumulation != MODE_DISCARDING) return true;
  if (!tellDrop(entry)) return false;
  clearContents(entry);
  return true;
}

function emitResult(entry: usize, timing: i32): bool {
  const index = load<i32>(entry + ENTRY_PANE_INDEX);
  const last: f64 = isLastPane(entry) ? CHANGE_LAST : 0;
  if (accumulation == MODE_RETRACTING && load<u32>(entry + ENTRY_LAST) != 0) {
    if (!emitsUnchanged && isUnchanged(entry)) return true;
    if (!takeBack(entry, CHANGE_UPDATE_BEFORE)) return false;
  }
  const isUpdate = index > 0 && accumulation != MODE_DISCARDING && windowKind != WINDOW_COUNT;
  const change: f64 = isUpdate ? CHANGE_UPDATE_AFTER : CHANGE_INSERT;
  if (timing == PANE_LATE) lateUpdates += 1;
  const blob = imageBytes - imageFixedBytes();
  const pane = <f64>index * 4 + <f64>timing;
  if (!appendPane(load<i32>(entry + ENTRY_KEY), outputStart(entry), outputEnd(entry), pane, change + last, image, imageBytes, blob)) return false;
  store<i32>(entry + ENTRY_PANE_INDEX, index + 1);
  if (accumulation != MODE_RETRACTING) return true;
  store<i32>(entry + ENTRY_FLAGS, (load<i32>(entry + ENTRY_FLAGS) & ~LAST_TIMING_MASK) | (timing << LAST_TIMING_SHIFT));
  return keepLast(entry);
}

// Count windows are named by their number in start; their bounds are those of their records.
function outputStart(entry: usize): f64 {
  if (windowKind == WINDOW_COUNT) return load<f64>(entry + ENTRY_LEAST);
  const start = load<f64>(entry + ENTRY_START);
  return start == -Infinity ? NaN : start;
}
function outputEnd(entry: usize): f64 {
  if (windowKind == WINDOW_COUNT) return load<f64>(entry + ENTRY_MOST) + 1;
  const end = load<f64>(entry + ENTRY_END);
  return end == Infinity ? NaN : end;
}

// The row as it was emitted, but for its change.
function takeBack(entry: usize, change: f64): bool {
  const bytes = load<i32>(entry + ENTRY_LAST_BYTES);
  const timing = (load<i32>(entry + ENTRY_FLAGS) & LAST_TIMING_MASK) >> LAST_TIMING_SHIFT;
  const pane = <f64>(load<i32>(entry + ENTRY_PANE_INDEX) - 1) * 4 + <f64>timing;
  return appendPane(
    load<i32>(entry + ENTRY_KEY), outputStart(entry), outputEnd(entry), pane, change, load<u32>(entry + ENTRY_LAST), bytes,
    bytes - imageFixedBytes(),
  );
}

function isUnchanged(entry: usize): bool {
  if (load<i32>(entry + ENTRY_LAST_BYTES) != imageBytes) return false;
  return memory.compare(load<u32>(entry + ENTRY_LAST), image, imageBytes) == 0;
}

function keepLast(entry: usize): bool {
  const had = load<i32>(entry + ENTRY_LAST_BYTES);
  if (had != imageBytes) {
    dropLast(entry);
    const block = allocate(imageBytes);
    if (block == 0) return false;
    store<u32>(entry + ENTRY_LAST, <u32>block);
    store<i32>(entry + ENTRY_LAST_BYTES, imageBytes);
  }
  memory.copy(load<u32>(entry + ENTRY_LAST), image, imageBytes);
  return true;
}

/** The bounds of a window are about to change: what was emitted for it under the old ones is taken back; false when memory is exhausted. */
export function forgetPanes(entry: usize): bool {
  if (load<u32>(entry + ENTRY_LAST) != 0) {
    if (!takeBack(entry, CHANGE_DELETE)) return false;
    dropLast(entry);
  }
  store<i32>(entry + ENTRY_PANE_INDEX, 0);
  return true;
}

function computeResult(entry: usize): bool {
  let list: usize = 0;
  let from = 0;
  let to = 0;
  if (keepsKeyRecords) {
    list = keyRecords(load<i32>(entry + ENTRY_KEY));
    from = lowerIndex(list, load<f64>(entry + ENTRY_START));
    to = lowerIndex(list, load<f64>(entry + ENTRY_END));
  } else if (keepsRecords) {
    list = entry + ENTRY_RECORDS;
    to = listCount(list);
  }
  let row = rowOf(entry);
  if (accumulatesAtFiring) {
    if (!accumulateRange(list, from, to)) return false;
    row = scratchRow;
  }
  resetBlobs();
  const fixed = imageFixedBytes();
  memory.fill(image, 0, fixed);
  if (!writePaneResults(row, image, image + (aggregateCount << 3))) return false;
  for (let a = 0; a < aggregateCount; a++) {
    const fn = aggregateFunction(a);
    if (fn == FN_HANDLE) {
      store<f64>(image + (a << 3), handleOf(entry));
      store<u8>(image + (aggregateCount << 3) + a, 1);
    }
    if (fn != FN_RECORDS) continue;
    const offset = blobBytes();
    if (!writeRecordsBlob(list == 0 ? 0 : recordAt(list, from), to - from)) return false;
    store<u32>(image + (a << 3), offset);
    store<u32>(image + (a << 3), blobBytes() - offset, 4);
    store<u8>(image + (aggregateCount << 3) + a, 1);
  }
  if (accumulatesAtFiring) releasePaneRow(scratchRow);
  imageBytes = fixed + blobBytes();
  if (imageBytes > imageCapacity) {
    const wanted = max(imageBytes, imageCapacity * 2);
    const grown = reallocate(image, imageCapacity, fixed, wanted);
    if (grown == 0) return false;
    image = grown;
    imageCapacity = wanted;
  }
  memory.copy(image + fixed, blobPtr(), blobBytes());
  return true;
}

function accumulateRange(list: usize, from: i32, to: i32): bool {
  for (let at = from; at < to; ) {
    const count = min(to - at, stagedRecordsMax);
    stageRecords(recordAt(list, at), count);
    if (!addPairs(stagedIndices, stagedRows, count)) return false;
    at += count;
  }
  return true;
}

// The meaning of Flink's CountEvictor, TimeEvictor and DeltaEvictor.
function evict(entry: usize): void {
  const list = entry + ENTRY_RECORDS;
  const count = listCount(list);
  if (count == 0) return;
  if (evictor == EVICT_COUNT) {
    if (<f64>count > evictorLimit) removeRecords(list, 0, count - <i32>evictorLimit);
  } else {
    const newest = imageNumber(recordAt(list, count - 1), evictorColumn);
    let most = -Infinity;
    for (let i = 0; i < count; i++) most = max(most, timeAt(list, i));
    for (let i = count - 1; i >= 0; i--) {
      const goes = evictor == EVICT_TIME
        ? timeAt(list, i) <= most - evictorLimit
        : newest - imageNumber(recordAt(list, i), evictorColumn) >= evictorLimit;
      if (goes) removeRecords(list, i, 1);
    }
  }
  store<f64>(entry + ENTRY_COUNT, listCount(list));
}
