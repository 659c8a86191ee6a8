/**
 * The dataflow of a slot on one page: resolve keys → accumulate → late records → late updates → fire → forward the watermark.
 *
 * Before it, the input ring; after it, the output ring. A batch is worked off in segments, nearly always one: a segment ends
 * early where the key table is full. Every phase that writes output can stop when the ring is full; what it was at is kept here.
 *
 * Invariant: results depend on the sequence of records and watermarks alone, not on how they were cut into slots or steps.
 */
import {
  LATE_FAIL, LATE_OUTPUT, STATUS_LATE_RECORD, STATUS_OK, STATUS_OUTPUT_FULL, STATUS_SLOT_INVALID, STATUS_STATE_LIMIT,
} from "./layout";
import { batchRowsMax, latenessMs, latePolicy, TIME_MAX_MS } from "./config";
import { accumulate, addRecord, hasSlowRows, nextSlowRow, outsideRecords, prepareRows } from "./aggregate/batch-accumulator";
import { entryBytes } from "./aggregate/slice-log";
import { keyRowsPtr, resolveKeys } from "./batch/key-resolver";
import { writeLateRow } from "./batch/late-writer";
import { finishSlots } from "./batch/output-slot";
import { panesRoom } from "./batch/pane-writer";
import { batchGeneration, batchRows, batchWatermark, openBatch, timeOf } from "./batch/record-batch";
import { allocate } from "./state/arena";
import { enterGeneration } from "./state/dictionary";
import { collectKeys } from "./state/key-collector";
import { countedWindow, countedWindows, dropFirstWindow } from "./state/pane-counts";
import { dropFirstSlice, sliceAt, sliceCount, sliceNumber } from "./state/window-state";
import { advanceWatermark, dueWindow, isComplete, isExpired, isSpent, nextDue, watermarkMs } from "./time/timers";
import { firstWindowOf, isInWindow, lastCompleteWindow, lastWindowOf, sliceOf } from "./window/slice-assigner";
import { dropMerges } from "./window/sliding-merge";
import { beginWindow, fireLate, firePanes, reserveMerged } from "./window/window-firing";

const IDLE = 0;
const RESOLVE = 1;
const LATE = 2;
const UPDATE = 3;
const FIRE = 4;
const PANES = 5;
const FORWARD = 6;

export let recordsIn: f64 = 0;
export let lateDropped: f64 = 0;
export let lateUpdates: f64 = 0;
export let outsideSlow: f64 = 0;

let phase = 0;
let from = 0; // segment of the batch
let to = 0;
let cursor = 0; // row (LATE) or index into slowRows (UPDATE) where the phase goes on
let slowRows: usize = 0; // u32 rows to be added one at a time
let slowCount = 0;
let isAdded = false; // the record at the cursor has been added, its windows are being fired
let lateWindow: f64 = 0;
let forwardMs: f64 = NaN;

export function configureOperator(): bool {
  phase = IDLE;
  recordsIn = lateDropped = lateUpdates = outsideSlow = 0;
  slowRows = allocate(<usize>batchRowsMax * 4);
  return slowRows != 0;
}

/** Whether a batch has been begun and waits for room in the output ring. */
export function isSuspended(): bool {
  return phase != IDLE;
}

export function outsideCount(): f64 {
  return outsideRecords + outsideSlow;
}

/** Takes up a batch slot. */
export function beginBatch(slot: usize): i32 {
  if (!openBatch(slot)) return STATUS_SLOT_INVALID;
  enterGeneration(batchGeneration());
  if (!prepareRows() || !reserveMerged()) return STATUS_STATE_LIMIT;
  from = to = 0;
  phase = RESOLVE;
  return STATUS_OK;
}

/** Goes on with the batch; STATUS_OK when it is done. */
export function continueBatch(): i32 {
  while (phase != IDLE) {
    const status = runPhase();
    if (status != STATUS_OK) return status;
  }
  return STATUS_OK;
}

function runPhase(): i32 {
  if (phase == RESOLVE) return resolveSegment();
  if (phase == LATE) return passLateRecords();
  if (phase == UPDATE) return updateWindows();
  if (phase == FIRE) return beginDueWindow();
  if (phase == PANES) return fireDueWindow();
  if (!finishSlots(forwardMs)) return STATUS_OUTPUT_FULL;
  phase = IDLE;
  return STATUS_OK;
}

function resolveSegment(): i32 {
  from = to;
  if (from == batchRows) {
    // One that does not advance is passed on too: behind it, consumers of several kernels know that nothing is missing.
    const carriedMs = batchWatermark();
    advanceWatermark(carriedMs);
    forwardMs = carriedMs == carriedMs ? watermarkMs : NaN;
    phase = FIRE;
    return STATUS_OK;
  }
  to = resolveKeys(from, batchRows);
  if (to == from) {
    dropMerges();
    if (!collectKeys(entryBytes)) return STATUS_STATE_LIMIT;
    to = resolveKeys(from, batchRows);
  }
  if (to < from) return STATUS_SLOT_INVALID;
  if (to == from) return STATUS_STATE_LIMIT;
  const status = accumulate(from, to);
  if (status != STATUS_OK) return status;
  recordsIn += <f64>(to - from);
  cursor = from;
  slowCount = 0;
  phase = hasSlowRows ? LATE : RESOLVE;
  return STATUS_OK;
}

// Of the records that the tables did not take: drops the late ones and lists the others.
function passLateRecords(): i32 {
  for (cursor = nextSlowRow(from, cursor, to); cursor < to; cursor = nextSlowRow(from, cursor + 1, to)) {
    const time = timeOf(cursor);
    if (!(Math.abs(time) <= TIME_MAX_MS)) return STATUS_SLOT_INVALID;
    const slice = sliceOf(time);
    if (!isInWindow(slice)) {
      outsideSlow += 1;
    } else if (isExpired(lastWindowOf(slice))) {
      if (latePolicy == LATE_FAIL) return STATUS_LATE_RECORD;
      if (latePolicy == LATE_OUTPUT && !writeLateRow(cursor)) return STATUS_OUTPUT_FULL;
      lateDropped += 1;
    } else {
      store<i32>(slowRows + slowCount++ * 4, cursor);
    }
  }
  cursor = 0;
  isAdded = false;
  phase = UPDATE;
  return STATUS_OK;
}

// Adds the listed records one at a time, and fires at once the windows that had fired before.
function updateWindows(): i32 {
  for (; cursor < slowCount; cursor++) {
    const row = load<i32>(slowRows + cursor * 4);
    const slice = sliceOf(timeOf(row));
    if (!isAdded) {
      if (!addRecord(row, slice)) return STATUS_STATE_LIMIT;
      isAdded = true;
      lateWindow = max(firstWindowOf(slice), lastCompleteWindow(watermarkMs - latenessMs) + 1);
    }
    for (; lateWindow <= lastWindowOf(slice) && isComplete(lateWindow); lateWindow += 1) {
      if (panesRoom() == 0) return STATUS_OUTPUT_FULL;
      if (!fireLate(lateWindow, load<i32>(keyRowsPtr + row * 4))) return STATUS_STATE_LIMIT;
      lateUpdates += 1;
    }
    isAdded = false;
  }
  phase = RESOLVE;
  return STATUS_OK;
}

function beginDueWindow(): i32 {
  dropSpent();
  if (!nextDue()) {
    dropSpent();
    phase = FORWARD;
    return STATUS_OK;
  }
  phase = PANES;
  return beginWindow(dueWindow) ? STATUS_OK : STATUS_STATE_LIMIT;
}

function fireDueWindow(): i32 {
  if (!firePanes()) return STATUS_OUTPUT_FULL;
  phase = FIRE;
  return STATUS_OK;
}

function dropSpent(): void {
  while (sliceCount > 0 && isSpent(sliceNumber(sliceAt(0)))) dropFirstSlice();
  while (countedWindows > 0 && isExpired(countedWindow(0))) dropFirstWindow();
}
