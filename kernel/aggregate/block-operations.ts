/**
 * Add, merge, release and bytes of a block, whichever part it is: the switch between aggregate/pane-row and the parts.
 *
 * Before it, pane-row has added values to the blocks of state/accumulator-row; after it, one file for each part.
 *
 * Invariant: the part is looked at once for many records; nulls are left out here.
 */
import {
  PART_COUNTS, PART_EXTREMES, PART_HISTOGRAM, PART_LARGEST, PART_REGISTERS, PART_SAMPLES, PART_SECOND, PART_SKETCH, PART_TIMES,
} from "../layout";
import { TIME_MAX_MS } from "../config";
import { numberPtr } from "./aggregate-config";
import { arrivalOf, boundBoth, boundCells, boundNumbers, boundSeconds, boundTimes, boundValidity } from "./bound-values";
import { addSecond, addTimes, isSecondValid, isTimesValid, mergeSecond, mergeTimes, SECOND_BYTES, TIMES_BYTES } from "./co-moments";
import { addCount, countsSnapshotBytes, mergeCounts, releaseCounts, restoreCounts, snapshotCounts } from "./distinct-counts";
import { addExtremes, extremesSnapshotBytes, mergeExtremes, releaseExtremes, restoreExtremes, snapshotExtremes } from "./extremes";
import { addToHistogram, isHistogramValid, mergeHistograms } from "./histogram";
import {
  addRegister, mergeRegisters, registersSnapshotBytes, releaseRegisters, restoreRegisters, snapshotRegisters,
} from "./hyper-log-log";
import { blockA, blockB, blockIsText, blockOffset, blockPart, blockValue } from "./pane-blocks";
import {
  addToSketch, mergeSketches, perDoublingOf, releaseSketch, restoreSketch, sketchSnapshotBytes, snapshotSketch,
} from "./quantile-sketch";
import { addSample, cutSamples, mergeSamples, releaseSamples, restoreSamples, samplesSnapshotBytes, snapshotSamples } from "./sample-list";
import { addLargest, largestSnapshotBytes, mergeLargest, releaseLargest, restoreLargest, snapshotLargest } from "./top-list";
import { oneNaN } from "./value-cell";

// One loop for each part, so that none asks for the part again. Each passes over records of which a value it needs is null.

/** Adds records records[i] to block b of rows rows[i]; false when memory is exhausted. */
export function addToBlock(b: i32, records: usize, rows: usize, count: i32): bool {
  const value = blockValue(b);
  const offset = blockOffset(b);
  const validity = boundValidity(value);
  const both = boundBoth(value);
  const numbers = boundNumbers(value);
  const cells = boundCells(value);
  const seconds = boundSeconds(value);
  const isText = blockIsText(b);
  switch (blockPart(b)) {
    case PART_SECOND: {
      for (let i = 0; i < count; i++) {
        const r = recordAt(records, i, both);
        if (r >= 0) addSecond(rowAt(rows, i) + offset, load<f64>(numbers + (r << 3)), load<f64>(seconds + (r << 3)));
      }
      return true;
    }
    case PART_TIMES: {
      for (let i = 0; i < count; i++) {
        const r = recordAt(records, i, validity);
        if (r >= 0) addTimes(rowAt(rows, i) + offset, load<f64>(boundTimes + (r << 3)), load<f64>(numbers + (r << 3)));
      }
      return true;
    }
    case PART_EXTREMES: {
      for (let i = 0; i < count; i++) {
        const r = recordAt(records, i, both);
        if (r < 0) continue;
        addExtremes(rowAt(rows, i) + offset, load<f64>(seconds + (r << 3)), load<f64>(boundTimes + (r << 3)), load<u64>(cells + (r << 3)), isText);
      }
      return true;
    }
    case PART_SAMPLES: {
      for (let i = 0; i < count; i++) {
        const r = recordAt(records, i, validity);
        if (r < 0) continue;
        const ms = load<f64>(boundTimes + (r << 3));
        if (!addSample(rowAt(rows, i) + offset, ms, arrivalOf(r), load<u64>(cells + (r << 3)), isText, blockA(b), blockB(b) != 0)) return false;
      }
      return true;
    }
    case PART_COUNTS: {
      for (let i = 0; i < count; i++) {
        const r = recordAt(records, i, validity);
        if (r >= 0 && !addCount(rowAt(rows, i) + offset, load<u64>(cells + (r << 3)), 1, isText)) return false;
      }
      return true;
    }
    case PART_REGISTERS: {
      const precision = <i32>blockA(b);
      for (let i = 0; i < count; i++) {
        const r = recordAt(records, i, validity);
        if (r >= 0 && !addRegister(rowAt(rows, i) + offset, precision, load<u64>(cells + (r << 3)), isText)) return false;
      }
      return true;
    }
    case PART_SKETCH: {
      const perDoubling = perDoublingOf(b);
      for (let i = 0; i < count; i++) {
        const r = recordAt(records, i, validity);
        if (r >= 0 && !addToSketch(rowAt(rows, i) + offset, load<f64>(numbers + (r << 3)), perDoubling)) return false;
      }
      return true;
    }
    case PART_HISTOGRAM: {
      const bounds = numberPtr(<i32>blockA(b));
      const boundCount = <i32>blockB(b);
      for (let i = 0; i < count; i++) {
        const r = recordAt(records, i, validity);
        if (r >= 0) addToHistogram(rowAt(rows, i) + offset, bounds, boundCount, load<f64>(numbers + (r << 3)));
      }
      return true;
    }
    default: {
      const limit = <i32>blockA(b);
      for (let i = 0; i < count; i++) {
        const r = recordAt(records, i, both);
        if (r < 0) continue;
        if (!addLargest(rowAt(rows, i) + offset, limit, load<f64>(seconds + (r << 3)), load<u64>(cells + (r << 3)), isText)) return false;
      }
      return true;
    }
  }
}

function rowAt(rows: usize, i: i32): usize {
  return load<u32>(rows + (i << 2));
}
/** The i-th record, −1 when its validity byte is 0. */
function recordAt(records: usize, i: i32, validity: usize): i32 {
  const record = load<i32>(records + (i << 2));
  return validity == 0 || load<u8>(validity + record) != 0 ? record : -1;
}

export function mergeBlock(b: i32, into: usize, from: usize): bool {
  const isText = blockIsText(b);
  switch (blockPart(b)) {
    case PART_SECOND:
      mergeSecond(into, from);
      return true;
    case PART_TIMES:
      mergeTimes(into, from);
      return true;
    case PART_EXTREMES:
      mergeExtremes(into, from, isText);
      return true;
    case PART_HISTOGRAM:
      mergeHistograms(into, from, <i32>blockB(b));
      return true;
    case PART_SAMPLES:
      return mergeSamples(into, from, isText, blockA(b), blockB(b) != 0);
    case PART_COUNTS:
      return mergeCounts(into, from, isText);
    case PART_REGISTERS:
      return mergeRegisters(into, from, <i32>blockA(b));
    case PART_SKETCH:
      return mergeSketches(into, from, perDoublingOf(b));
    default:
      return mergeLargest(into, from, <i32>blockA(b), isText);
  }
}

/** Gives back what the block has elsewhere; it is empty afterwards, but for numbers of the row itself. */
export function releaseBlock(b: i32, block: usize): void {
  const isText = blockIsText(b);
  switch (blockPart(b)) {
    case PART_EXTREMES:
      releaseExtremes(block, isText);
      break;
    case PART_SAMPLES:
      releaseSamples(block, isText);
      break;
    case PART_COUNTS:
      releaseCounts(block, isText);
      break;
    case PART_REGISTERS:
      releaseRegisters(block, <i32>blockA(b));
      break;
    case PART_SKETCH:
      releaseSketch(block);
      break;
    case PART_LARGEST:
      releaseLargest(block, isText);
  }
}

/** Puts samples in order before they are written; where there is no memory for it, they are written as they came. */
export function settleBlock(b: i32, block: usize): void {
  if (blockPart(b) == PART_SAMPLES) cutSamples(block, blockIsText(b), blockA(b), blockB(b) != 0);
}

// Of numbers that lie in the row itself.
function fixedBytes(b: i32): i32 {
  const part = blockPart(b);
  if (part == PART_SECOND) return SECOND_BYTES;
  return part == PART_TIMES ? TIMES_BYTES : (<i32>blockB(b) + 1) * 8;
}

export function blockSnapshotBytes(b: i32, block: usize): i32 {
  const isText = blockIsText(b);
  switch (blockPart(b)) {
    case PART_EXTREMES:
      return extremesSnapshotBytes(block, isText);
    case PART_SAMPLES:
      return samplesSnapshotBytes(block, isText);
    case PART_COUNTS:
      return countsSnapshotBytes(block, isText);
    case PART_REGISTERS:
      return registersSnapshotBytes(block);
    case PART_SKETCH:
      return sketchSnapshotBytes(block);
    case PART_LARGEST:
      return largestSnapshotBytes(block, isText);
    default:
      return fixedBytes(b);
  }
}

/** Writes a block; answers where the next one goes. */
export function snapshotBlock(b: i32, block: usize, to: usize): usize {
  const isText = blockIsText(b);
  switch (blockPart(b)) {
    case PART_EXTREMES:
      return snapshotExtremes(block, to, isText);
    case PART_SAMPLES:
      return snapshotSamples(block, to, isText);
    case PART_COUNTS:
      return snapshotCounts(block, to, isText);
    case PART_REGISTERS:
      return snapshotRegisters(block, to, <i32>blockA(b));
    case PART_SKETCH:
      return snapshotSketch(block, to);
    case PART_LARGEST:
      return snapshotLargest(block, to, isText);
  }
  const bytes = fixedBytes(b);
  for (let i = 0; i < bytes; i += 8) store<f64>(to + i, oneNaN(load<f64>(block + i)));
  return to + bytes;
}

/** Reads into an empty block; answers where the next one is, 0 when the bytes are none or (see value-cell) memory is exhausted. */
export function restoreBlock(b: i32, from: usize, end: usize, block: usize, recordsMax: f64): usize {
  const isText = blockIsText(b);
  switch (blockPart(b)) {
    case PART_EXTREMES:
      return restoreExtremes(from, end, block, isText);
    case PART_SAMPLES:
      return restoreSamples(from, end, block, recordsMax, isText, blockA(b), blockB(b) != 0);
    case PART_COUNTS:
      return restoreCounts(from, end, block, recordsMax, isText);
    case PART_REGISTERS:
      return restoreRegisters(from, end, block, <i32>blockA(b));
    case PART_SKETCH:
      return restoreSketch(from, end, block, recordsMax, perDoublingOf(b));
    case PART_LARGEST:
      return restoreLargest(from, end, block, <i32>blockA(b), isText);
  }
  const bytes = fixedBytes(b);
  if (<usize>bytes > end - from || !areNumbersValid(b, from, recordsMax)) return 0;
  memory.copy(block, from, bytes);
  return from + bytes;
}

function areNumbersValid(b: i32, from: usize, recordsMax: f64): bool {
  const part = blockPart(b);
  if (part == PART_SECOND) return isSecondValid(from, recordsMax);
  if (part == PART_TIMES) return isTimesValid(from, recordsMax, TIME_MAX_MS);
  return isHistogramValid(from, <i32>blockB(b), recordsMax);
}
