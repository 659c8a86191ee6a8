/**
 * Exports of the kernel, in order of life: configure, restore, step, snapshot, barrier, counters.
 *
 * Before it, the runtime has laid out memory (layout.ts); after it, window-operator does the work of a slot.
 *
 * Invariant: an export answers a status and never traps; once it has answered a negative one, `step` answers that for ever.
 */
import {
  COUNTER_KEYS, COUNTER_LATE_DROPPED, COUNTER_LATE_UPDATES, COUNTER_NEXT_CLOCK, COUNTER_NEXT_EVENT, COUNTER_OUTSIDE, COUNTER_RECORDS_IN,
  COUNTER_RESULTS, COUNTER_SLICES,
  COUNTER_STATE_BYTES, COUNTER_WATERMARK, CONFIG_BYTES, LAYOUT_VERSION, SLOT_BARRIER, SLOT_BATCH, SLOT_CHECKPOINT_OFFSET, SLOT_DICTIONARY,
  SLOT_END, SLOT_EPOCH_OFFSET, SLOT_GENERATION_OFFSET, SLOT_KIND_OFFSET, STATUS_BARRIER, STATUS_CONFIG_INVALID, STATUS_END, STATUS_IDLE,
  STATUS_OK, STATUS_OUTPUT_FULL, STATUS_PROGRESS, STATUS_SLOT_INVALID, STATUS_STATE_LIMIT,
} from "./layout";
import { configureAccumulation } from "./aggregate/batch-accumulator";
import { foldLogs } from "./aggregate/slice-log";
import { configureDictionaryReader, readDictionary } from "./batch/dictionary-reader";
import { configureResolver } from "./batch/key-resolver";
import { closeSlot, resetSlots } from "./batch/output-slot";
import { panesWritten, resetPanes } from "./batch/pane-writer";
import { configureBatches } from "./batch/record-batch";
import { epoch, keepConfig, pagesMax, readConfig, stateOffset } from "./config";
import { claimSlot, publishSlot, releaseSlot, takeSlot } from "./ring/spsc-ring";
import { configureRows } from "./state/accumulator-row";
import { allocate, arenaBytes, beginArena } from "./state/arena";
import { configureDictionary } from "./state/dictionary";
import { configureKeys, keyRows } from "./state/key-table";
import { configureCounts } from "./state/pane-counts";
import { restoreBuffer } from "./state/section-reader";
import { releaseSnapshot, resetSnapshot, snapshotBlock, snapshotSize } from "./state/section-writer";
import { writeSnapshot } from "./state/snapshot";
import { configureSlices as configureSliceState, sliceCount } from "./state/window-state";
import { beginRestore, endRestore, restoreOne } from "./state-restorer";
import { beginTime, nextDueMs, watermarkMs } from "./time/timers";
import { resetMerges } from "./window/sliding-merge";
import { configureFiring } from "./window/window-firing";
import { configureSlices as configureSliceTimes, span } from "./window/slice-assigner";
import { beginBatch, configureOperator, continueBatch, isSuspended, lateDropped, lateUpdates, outsideCount, recordsIn } from "./window-operator";

let failure = -5; // STATUS_OK while the kernel is sound; at first STATUS_CONFIG_INVALID, by value, for an import would need a start function
let hasEnded = false;
let barrier: f64 = 0;

export function layoutVersion(): i32 {
  return LAYOUT_VERSION;
}

/** Reads the config block and takes the memory of an empty operator. */
export function configure(): i32 {
  hasEnded = false;
  failure = STATUS_CONFIG_INVALID;
  if (!readConfig()) return failure;
  failure = STATUS_STATE_LIMIT;
  if (!beginArena(stateOffset, pagesMax)) return failure;
  const config = allocate(CONFIG_BYTES);
  if (config == 0) return failure;
  keepConfig(config);
  configureSliceTimes();
  resetPanes();
  resetSlots();
  resetMerges();
  resetSnapshot();
  if (!configureRows() || !configureDictionary() || !configureKeys() || !configureCounts()) return failure;
  if (!configureSliceState(span == 1) || !configureBatches() || !configureResolver() || !configureAccumulation()) return failure;
  if (!configureFiring() || !configureOperator()) return failure;
  configureDictionaryReader(false);
  beginTime(-Infinity);
  beginRestore();
  failure = STATUS_OK;
  return failure;
}

/** Memory for the next section to restore; 0 when the limit is reached. Valid until the next call. */
export function restoreAllocate(bytes: i32): usize {
  return failure == STATUS_OK && bytes >= 0 ? restoreBuffer(bytes) : 0;
}

/** Restores one section: all OPERATOR sections first, then all KEYS, then SLICE and PANES. */
export function restoreSection(ptr: usize, bytes: i32): i32 {
  if (failure == STATUS_OK) failure = restoreOne(ptr, bytes);
  return failure;
}

export function restoreEnd(): i32 {
  if (failure == STATUS_OK) failure = endRestore();
  return failure;
}

/** Works off at most `slotsMax` input slots. */
export function step(slotsMax: i32): i32 {
  if (failure != STATUS_OK) return failure;
  if (hasEnded) return STATUS_END;
  let done = 0;
  if (isSuspended()) {
    const status = finishBatch();
    if (status != STATUS_OK) return status;
    done++;
  }
  while (done < slotsMax) {
    const slot = takeSlot();
    if (slot == 0) return done > 0 ? STATUS_PROGRESS : STATUS_IDLE;
    const status = processSlot(slot);
    if (status != STATUS_OK) return status;
    done++;
  }
  return STATUS_PROGRESS;
}

function processSlot(slot: usize): i32 {
  const kind = load<i32>(slot + SLOT_KIND_OFFSET);
  if (load<i32>(slot + SLOT_EPOCH_OFFSET) != epoch) return fail(STATUS_SLOT_INVALID);
  if (kind == SLOT_BATCH) {
    const status = beginBatch(slot);
    return status == STATUS_OK ? finishBatch() : fail(status);
  }
  if (kind == SLOT_DICTIONARY) {
    const status = readDictionary(slot, load<i32>(slot + SLOT_GENERATION_OFFSET));
    if (status != STATUS_OK) return fail(status);
    releaseSlot();
    return STATUS_OK;
  }
  if (kind == SLOT_BARRIER) {
    barrier = load<f64>(slot + SLOT_CHECKPOINT_OFFSET);
    return STATUS_BARRIER;
  }
  return kind == SLOT_END ? passEnd() : fail(STATUS_SLOT_INVALID);
}

function finishBatch(): i32 {
  const status = continueBatch();
  if (status == STATUS_OK) releaseSlot();
  else if (status < 0) {
    closeSlot();
    return fail(status);
  }
  return status;
}

function passEnd(): i32 {
  if (claimSlot(SLOT_END) == 0) return STATUS_OUTPUT_FULL;
  publishSlot();
  releaseSlot();
  hasEnded = true;
  return STATUS_END;
}

function fail(status: i32): i32 {
  failure = status;
  return status;
}

/** checkpointId of the barrier `step` stopped at. */
export function barrierId(): f64 {
  return barrier;
}

/** Encodes all state; STATUS_OUTPUT_FULL while a batch is suspended. */
export function snapshot(): i32 {
  if (failure != STATUS_OK) return failure;
  if (isSuspended()) return STATUS_OUTPUT_FULL;
  releaseSnapshot();
  if (!foldLogs() || !writeSnapshot(watermarkMs)) {
    releaseSnapshot();
    return STATUS_STATE_LIMIT;
  }
  return STATUS_OK;
}
export function snapshotPtr(): usize {
  return snapshotBlock();
}
export function snapshotBytes(): i32 {
  return snapshotSize();
}
export function snapshotRelease(): void {
  releaseSnapshot();
}

/** Passes the barrier at the head of the input ring on to the output ring. */
export function passBarrier(): i32 {
  if (failure != STATUS_OK) return failure;
  const from = takeSlot();
  if (from == 0 || isSuspended() || load<i32>(from + SLOT_KIND_OFFSET) != SLOT_BARRIER) return STATUS_SLOT_INVALID;
  const to = claimSlot(SLOT_BARRIER);
  if (to == 0) return STATUS_OUTPUT_FULL;
  store<f64>(to + SLOT_CHECKPOINT_OFFSET, load<f64>(from + SLOT_CHECKPOINT_OFFSET));
  publishSlot();
  releaseSlot();
  return STATUS_OK;
}

/** One of the COUNTER_* of layout.ts; NaN for another index. */
export function counter(index: i32): f64 {
  if (index == COUNTER_RECORDS_IN) return recordsIn;
  if (index == COUNTER_LATE_DROPPED) return lateDropped;
  if (index == COUNTER_LATE_UPDATES) return lateUpdates;
  if (index == COUNTER_RESULTS) return panesWritten;
  if (index == COUNTER_KEYS) return keyRows;
  if (index == COUNTER_SLICES) return sliceCount;
  if (index == COUNTER_STATE_BYTES) return arenaBytes();
  if (index == COUNTER_WATERMARK) return watermarkMs;
  if (index == COUNTER_NEXT_EVENT) return nextDueMs();
  if (index == COUNTER_NEXT_CLOCK) return Infinity;
  return index == COUNTER_OUTSIDE ? outsideCount() : NaN;
}
