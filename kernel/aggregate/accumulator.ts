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
  const end = rows + (<usize>count << 2);
  if (fn == FN_COUNT || fn == FN_COUNT_ROWS) {
    memory.fill(validity, 1, count);
    const at = fn == FN_COUNT_ROWS ? countOffset : basicOffset(value) + 8;
    for (; rows < end; rows += 4, out += 8) store<f64>(out, load<f64>(load<u32>(rows) + at));
    return;
  }
  const offset = fn == FN_FIRST || fn == FN_LAST ? endsOffset(value) : basicOffset(value);
  const basic = basicOffset(value);
  if (fn == FN_SUM) {
    for (; rows < end; rows += 4, out += 8, validity++) writeResult(out, validity, load<f64>(load<u32>(rows) + basic), load<f64>(load<u32>(rows) + basic, 8));
  } else if (fn == FN_MIN || fn == FN_MAX) {
    for (; rows < end; rows += 4, out += 8, validity++) {
      const row = <usize>load<u32>(rows) + basic;
      const low = load<f64>(row, 16);
      const negatedHigh = load<f64>(row, 24);
      const result = fn == FN_MIN ? low : -negatedHigh;
      writeResult(out, validity, low == Infinity && negatedHigh == Infinity ? NaN : result, load<f64>(row, 8));
    }
  } else if (fn == FN_FIRST || fn == FN_LAST) {
    const at = offset + (fn == FN_FIRST ? 8 : 24);
    for (; rows < end; rows += 4, out += 8, validity++) writeResult(out, validity, load<f64>(load<u32>(rows) + at), load<f64>(load<u32>(rows) + basic, 8));
  } else {
    for (; rows < end; rows += 4, out += 8, validity++) {
      const row = <usize>load<u32>(rows);
      writeResult(out, validity, derived(fn, value, row), load<f64>(row + basic, 8) - f64(fn == FN_STDDEV_SAMPLE || fn == FN_VARIANCE_SAMPLE));
    }
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

// @ts-ignore: a decorator; without it asc calls this for each row
@inline
function writeResult(out: usize, validity: usize, result: f64, count: f64): void {
  const isThere = count > 0;
  const bits = result != result ? 0x7ff8000000000000 : reinterpret<u64>(result);
  store<u64>(out, isThere ? bits : 0);
  store<u8>(validity, u8(isThere));
}
