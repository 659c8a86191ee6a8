/**
 * Add, merge and result of the accumulator rows drawn in state/accumulator-row.
 *
 * Before it, rows have been addressed (window-operator, slice-log); after it, batch/pane-writer writes the results of fired rows.
 * Moments merge by Chan's formula, compensated sums by Neumaier's addition of the other's sum and error.
 *
 * Invariant: merging is done strictly in order of time, and with an empty row it changes no bit.
 */
import {
  FN_COUNT, FN_COUNT_ROWS, FN_FIRST, FN_LAST, FN_MAX, FN_MEAN, FN_MIN, FN_STDDEV_POPULATION, FN_STDDEV_SAMPLE, FN_SUM,
  FN_SUM_COMPENSATED, FN_VARIANCE_POPULATION, FN_VARIANCE_SAMPLE, PART_COMPENSATED, PART_ENDS, PART_MOMENTS,
} from "../layout";
import { valueCount, valueParts } from "../config";
import { basicOffset, compensatedOffset, countOffset, endsOffset, hasRows, momentsOffset, rowBytes } from "../state/accumulator-row";
import { addBasic, addBasicMoments, addCompensated, addEnds, compensate, countRows } from "./column-loops";

/** Adds a value for each of `count` rows. Nulls must have been sent to trash rows. */
export function addColumn(value: i32, rows: usize, count: i32, values: usize, stride: i32, times: usize, timeStride: i32, constants: usize): void {
  const parts = valueParts(value);
  if (parts & PART_MOMENTS) addBasicMoments(rows, count, basicOffset(value), values, stride, constants);
  else addBasic(rows, count, basicOffset(value), values, stride, constants);
  if (parts & PART_COMPENSATED) addCompensated(rows, count, compensatedOffset(value), values, stride);
  if (parts & PART_ENDS) addEnds(rows, count, endsOffset(value), values, stride, times, timeStride);
}

/** Counts the records of `count` rows, where rows have a block for it. */
export function addRecords(rows: usize, count: i32): void {
  if (hasRows) countRows(rows, count, countOffset);
}

/** into[i] = a[i] ⊕ b[i] for `count` rows that lie one after the other; b is later in time. `into` may be a or b. */
export function mergeRows(into: usize, a: usize, b: usize, count: i32): void {
  for (let v = 0; v < valueCount; v++) {
    const basic = basicOffset(v);
    const parts = valueParts(v);
    if (parts & PART_MOMENTS) mergeMoments(into + basic, a + basic, b + basic, count);
    mergeBasic(into + basic, a + basic, b + basic, count);
    const compensated = compensatedOffset(v);
    if (parts & PART_COMPENSATED) mergeCompensated(into + compensated, a + compensated, b + compensated, count);
    const ends = endsOffset(v);
    if (parts & PART_ENDS) mergeEnds(into + ends, a + ends, b + ends, count);
  }
  if (hasRows) mergeCounts(into + countOffset, a + countOffset, b + countOffset, count);
}

function mergeBasic(into: usize, a: usize, b: usize, count: i32): void {
  const bytes = rowBytes;
  const end = into + <usize>count * bytes;
  for (; into < end; into += bytes, a += bytes, b += bytes) {
    v128.store(into, f64x2.add(v128.load(a), v128.load(b)));
    v128.store(into, f64x2.pmin(v128.load(a, 16), v128.load(b, 16)), 16);
  }
}

// Reads the counts of BASIC, so it runs before they are merged.
function mergeMoments(into: usize, a: usize, b: usize, count: i32): void {
  const bytes = rowBytes;
  const end = into + <usize>count * bytes;
  for (; into < end; into += bytes, a += bytes, b += bytes) {
    const countA = load<f64>(a, 8);
    const countB = load<f64>(b, 8);
    if (countA == 0 || countB == 0) {
      v128.store(into, v128.load(countB == 0 ? a : b, 32), 32);
      continue;
    }
    const total = countA + countB;
    const mean = load<f64>(a, 32);
    const delta = load<f64>(b, 32) - mean;
    const m2 = load<f64>(a, 40) + load<f64>(b, 40);
    store<f64>(into, mean + delta * (countB / total), 32);
    store<f64>(into, m2 + delta * delta * (countA * (countB / total)), 40);
  }
}

function mergeCompensated(into: usize, a: usize, b: usize, count: i32): void {
  const bytes = rowBytes;
  const end = into + <usize>count * bytes;
  for (; into < end; into += bytes, a += bytes, b += bytes) {
    compensate(into, load<f64>(a), load<f64>(b), load<f64>(a, 8) + load<f64>(b, 8));
  }
}

function mergeEnds(into: usize, a: usize, b: usize, count: i32): void {
  const bytes = rowBytes;
  const end = into + <usize>count * bytes;
  for (; into < end; into += bytes, a += bytes, b += bytes) {
    const first = load<f64>(b) < load<f64>(a) ? b : a;
    const last = load<f64>(b, 16) >= load<f64>(a, 16) ? b : a;
    const first2 = v128.load(first);
    const last2 = v128.load(last, 16);
    v128.store(into, first2);
    v128.store(into, last2, 16);
  }
}

function mergeCounts(into: usize, a: usize, b: usize, count: i32): void {
  const bytes = rowBytes;
  const end = into + <usize>count * bytes;
  for (; into < end; into += bytes, a += bytes, b += bytes) store<f64>(into, load<f64>(a) + load<f64>(b));
}

/** Writes the result of one aggregate for `count` rows: values and validity. NaN is written as one pattern on all machines. */
export function writeResults(fn: i32, value: i32, rows: usize, count: i32, out: usize, validity: usize): void {
  if (fn == FN_COUNT_ROWS) {
    gatherColumn(rows, count, countOffset, out);
    memory.fill(validity, 1, count);
    return;
  }
  const basic = basicOffset(value);
  if (fn == FN_COUNT) gatherColumn(rows, count, basic + 8, out);
  else if (fn == FN_SUM) gatherColumn(rows, count, basic, out);
  else if (fn == FN_MIN || fn == FN_MAX) gatherExtremes(rows, count, basic + 16, fn == FN_MAX, out);
  else if (fn == FN_FIRST || fn == FN_LAST) gatherColumn(rows, count, endsOffset(value) + (fn == FN_FIRST ? 8 : 24), out);
  else for (let i = 0; i < count; i++) store<f64>(out + (i << 3), oneNaN(derived(fn, value, load<u32>(rows + (i << 2)))));
  const isSample = fn == FN_STDDEV_SAMPLE || fn == FN_VARIANCE_SAMPLE;
  // Without a ROWS block there has been no null in value 0, the rows' only counter.
  if (fn == FN_COUNT || (value == 0 && !hasRows && !isSample)) memory.fill(validity, 1, count);
  else writeValidity(rows, count, basic + 8, f64(isSample), out, validity);
}

function oneNaN(value: f64): f64 {
  return reinterpret<f64>(value != value ? 0x7ff8000000000000 : reinterpret<u64>(value));
}

// Two rows at a time: result columns are most of the work where there are few records to a pane.
function gatherColumn(rows: usize, count: i32, offset: i32, out: usize): void {
  const nan = f64x2.splat(NaN);
  const end = rows + (<usize>(count & ~1) << 2);
  for (; rows < end; rows += 8, out += 16) {
    const pair = v128.load64_lane(load<u32>(rows, 4) + offset, v128.load64_zero(load<u32>(rows) + offset), 1);
    v128.store(out, v128.bitselect(pair, nan, f64x2.eq(pair, pair)));
  }
  if (count & 1) store<f64>(out, oneNaN(load<f64>(load<u32>(rows) + offset)));
}

// {min, −max} of +Infinity both: records there were, but NaN all.
function gatherExtremes(rows: usize, count: i32, offset: i32, wantsMax: bool, out: usize): void {
  const nan = f64x2.splat(NaN);
  const infinity = f64x2.splat(Infinity);
  const flip = wantsMax ? f64x2.splat(-0.0) : f64x2.splat(0);
  const end = rows + (<usize>count << 2);
  for (; rows < end; rows += 8, out += 16) {
    const isPair = rows + 4 < end;
    const a = v128.load(load<u32>(rows) + offset);
    const b = v128.load(load<u32>(isPair ? rows + 4 : rows) + offset);
    const low = v128.shuffle<f64>(a, b, 0, 2);
    const negatedHigh = v128.shuffle<f64>(a, b, 1, 3);
    const isNaN = v128.and(f64x2.eq(low, infinity), f64x2.eq(negatedHigh, infinity));
    const result = v128.bitselect(nan, v128.xor(wantsMax ? negatedHigh : low, flip), isNaN);
    if (isPair) v128.store(out, result);
    else store<f64>(out, f64x2.extract_lane(result, 0));
  }
}

// A result needs more than `base` values; where there are not, the value is written as 0.
function writeValidity(rows: usize, count: i32, offset: i32, base: f64, out: usize, validity: usize): void {
  for (let i = 0; i < count; i++) {
    const isThere = load<f64>(load<u32>(rows + (i << 2)) + offset) > base;
    store<u64>(out + (i << 3), isThere ? load<u64>(out + (i << 3)) : 0);
    store<u8>(validity + i, u8(isThere));
  }
}

function derived(fn: i32, value: i32, row: usize): f64 {
  const count = load<f64>(row + basicOffset(value), 8);
  if (fn == FN_MEAN) return load<f64>(row + basicOffset(value)) / count;
  if (fn == FN_SUM_COMPENSATED) {
    const sum = load<f64>(row + compensatedOffset(value));
    return sum - sum == 0 ? sum + load<f64>(row + compensatedOffset(value), 8) : sum;
  }
  const m2 = load<f64>(row + momentsOffset(value), 8);
  const isPopulation = fn == FN_VARIANCE_POPULATION || fn == FN_STDDEV_POPULATION;
  const variance = m2 / (isPopulation ? count : count - 1);
  return fn == FN_STDDEV_SAMPLE || fn == FN_STDDEV_POPULATION ? Math.sqrt(variance) : variance;
}
