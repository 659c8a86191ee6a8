/**
 * The dataflow of a batch in the pane kernel, on one page: clock → keys → windows → timers → emit.
 *
 * Before it, panes.ts has taken a slot; after it, panes lie in the output ring. First the clock of the slot's header advances and
 * windows fire that waited for it; then each record goes to its windows; then the watermark advances.
 * A batch stops between two records or two timers when the output ring is full, and goes on from there.
 *
 * Invariant: everything a batch does is done before its input slot is released.
 */
import {
  LATE_FAIL, LATE_OUTPUT, SLOT_PROCESSING_TIME_OFFSET, STATUS_LATE_RECORD, STATUS_OK, STATUS_OUTPUT_FULL, STATUS_SLOT_INVALID,
  STATUS_STATE_LIMIT, TIME_EVENT, TIME_PROCESSING, WINDOW_ASSIGNED,
} from "../layout";
import { latenessMs, latePolicy, TIME_MAX_MS } from "../config";
import { keyRowsPtr, resolveKeys } from "../batch/key-resolver";
import { writeLateRow } from "../batch/late-writer";
import { finishSlots } from "../batch/output-slot";
import { batchGeneration, batchRows, batchWatermark, openBatch, timeOf } from "../batch/record-batch";
import { enterGeneration } from "../state/dictionary";
import { keyRows } from "../state/key-table";
import { numberOf } from "./input-columns";
import { collectPaneKeys } from "./pane-key-collector";
import { flushPairs } from "./pair-buffer";
import { isProcessingTime, keepsKeyRecords, moreColumn, windowKind } from "./pane-config";
import { advanceProcessing, advanceWatermark, isOver, processingMs, recordClockMs, setClockMoved, setRecordClock, watermarkMs } from "./pane-time";
import { drainPanes, mustDrain } from "./pending-panes";
import { dueMs, nextDueEntry } from "./timer-queue";
import { assignRecord, horizonMs, isAccepted, isAssigned, trimRecords } from "./window-assigner";
import { armForEnd, runTimer } from "./window-contents";
import { ENTRY_AFTER, firstEntry, keyRecords } from "./window-entry";

const IDLE = 0;
const CLOCK = 1;
const RESOLVE = 2;
const RECORDS = 3;
const LATE = 4;
const WATERMARK = 5;
const FORWARD = 6;

export let recordsIn: f64 = 0;
export let lateDropped: f64 = 0;
export let outsideRecords: f64 = 0;

let phase = 0;
let from = 0; // segment of the batch whose keys are resolved
let to = 0;
let cursor = 0;
let forwardMs: f64 = NaN;
let takenBefore = false; // an earlier row of the same record was taken by its window
let assignedBefore = false;
/** The watermark when records of keys were last swept. */
export let sweptMs: f64 = 0;

export function configureOperator(): void {
  phase = IDLE;
  recordsIn = lateDropped = outsideRecords = 0;
  takenBefore = assignedBefore = false;
  sweptMs = -Infinity;
}

/** Goes on sweeping where a snapshot was taken. */
export function restoreSweep(restoredMs: f64): void {
  sweptMs = restoredMs;
}

/** Whether a batch has been begun and waits for room in the output ring. */
export function isSuspended(): bool {
  return phase != IDLE;
}

/** Takes up a batch slot. */
export function beginBatch(slot: usize): i32 {
  if (!openBatch(slot)) return STATUS_SLOT_INVALID;
  enterGeneration(batchGeneration());
  from = to = 0;
  forwardMs = NaN;
  const clock = load<f64>(slot + SLOT_PROCESSING_TIME_OFFSET);
  // A slot that only tells the time is a mark too: behind it, consumers of several kernels know that nothing is missing.
  if (clock == clock && batchRows == 0 && batchWatermark() != batchWatermark()) forwardMs = watermarkMs;
  if (isProcessingTime && batchRows > 0 && clock != clock) return STATUS_SLOT_INVALID;
  // Rows of a millisecond may still come while it lasts: what they tell is that all before it are over.
  const hasMoved = advanceProcessing(batchRows > 0 ? clock - 1 : clock);
  if (batchRows > 0) setRecordClock(clock);
  setClockMoved(hasMoved);
  phase = hasMoved ? CLOCK : RESOLVE;
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
  switch (phase) {
    case CLOCK: {
      const status = runTimers(TIME_PROCESSING, processingMs);
      if (status == STATUS_OK) {
        setClockMoved(false);
        phase = RESOLVE;
      }
      return status;
    }
    case RESOLVE:
      return resolveSegment();
    case RECORDS:
      return passRecords();
    case LATE:
      return passLateRecord();
    case WATERMARK:
      return runWatermark();
    default:
      if (!drainPanes() || !finishSlots(forwardMs)) return STATUS_OUTPUT_FULL;
      phase = IDLE;
      return STATUS_OK;
  }
}

function runTimers(domain: i32, nowMs: f64): i32 {
  while (true) {
    // What has been emitted waits until there is enough of it to fill a slot, but not without bound.
    if (mustDrain() && !drainPanes()) return STATUS_OUTPUT_FULL;
    const entry = nextDueEntry(domain, nowMs);
    if (entry == 0) return STATUS_OK;
    if (!runTimer(domain, entry, dueMs)) return STATUS_STATE_LIMIT;
  }
}

function resolveSegment(): i32 {
  from = to;
  if (from == batchRows) {
    if (!flushPairs()) return STATUS_STATE_LIMIT;
    const carriedMs = batchWatermark();
    const hasAdvanced = advanceWatermark(carriedMs);
    if (carriedMs == carriedMs) forwardMs = watermarkMs;
    phase = hasAdvanced ? WATERMARK : FORWARD;
    return hasAdvanced && isOver() && !armAll() ? STATUS_STATE_LIMIT : STATUS_OK;
  }
  to = resolveKeys(from, batchRows);
  if (to == from) {
    // Panes that wait name their keys by row.
    if (!drainPanes()) {
      to = from;
      return STATUS_OUTPUT_FULL;
    }
    if (!flushPairs() || !collectPaneKeys()) return STATUS_STATE_LIMIT;
    to = resolveKeys(from, batchRows);
  }
  if (to < from) return STATUS_SLOT_INVALID;
  if (to == from) return STATUS_STATE_LIMIT;
  cursor = from;
  phase = RECORDS;
  return STATUS_OK;
}

function passRecords(): i32 {
  for (; cursor < to; cursor++) {
    if (mustDrain() && !drainPanes()) return STATUS_OUTPUT_FULL;
    const time = isProcessingTime ? recordClockMs : timeOf(cursor);
    if (!(Math.abs(time) <= TIME_MAX_MS)) return STATUS_SLOT_INVALID;
    if (!assignRecord(load<i32>(keyRowsPtr + (cursor << 2)), cursor, time)) return STATUS_STATE_LIMIT;
    if (windowKind == WINDOW_ASSIGNED) {
      takenBefore = takenBefore || isAccepted;
      assignedBefore = assignedBefore || isAssigned;
      if (numberOf(moreColumn, cursor) == 1) continue;
    } else {
      takenBefore = isAccepted;
      assignedBefore = isAssigned;
    }
    const isTaken = takenBefore;
    const isInWindow = assignedBefore;
    takenBefore = assignedBefore = false;
    recordsIn += 1;
    if (!isInWindow) outsideRecords += 1;
    else if (!isTaken) {
      if (latePolicy == LATE_FAIL) return STATUS_LATE_RECORD;
      lateDropped += 1;
      if (latePolicy == LATE_OUTPUT) {
        phase = LATE;
        return STATUS_OK;
      }
    }
  }
  phase = RESOLVE;
  return STATUS_OK;
}

function passLateRecord(): i32 {
  if (!drainPanes() || !writeLateRow(cursor)) return STATUS_OUTPUT_FULL;
  cursor++;
  phase = RECORDS;
  return STATUS_OK;
}

function runWatermark(): i32 {
  const status = runTimers(TIME_EVENT, watermarkMs);
  if (status != STATUS_OK) return status;
  if (keepsKeyRecords && watermarkMs - sweptMs > horizonMs + latenessMs) sweepRecords();
  phase = FORWARD;
  return STATUS_OK;
}

// Records of keys that are silent go too: at the latest when the watermark has moved by as much as they may be needed.
function sweepRecords(): void {
  sweptMs = watermarkMs;
  for (let key = 0; key < keyRows; key++) trimRecords(keyRecords(key));
}

// The stream is over: everything there is has something due.
function armAll(): bool {
  for (let key = 0; key < keyRows; key++) {
    for (let entry = firstEntry(key); entry != 0; entry = load<u32>(entry + ENTRY_AFTER)) if (!armForEnd(entry)) return false;
  }
  return true;
}
