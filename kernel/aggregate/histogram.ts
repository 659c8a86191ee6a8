/**
 * HISTOGRAM: how many values lie between bounds; count i is of bound[i − 1] ≤ value < bound[i].
 *
 *     ┌────────────┬────────────────────┬───┬────────────────┐
 *     │ < bound[0] │ bound[0]..bound[1] │...│ ≥ last bound   │      f64 each; NaN is with the last
 *     └────────────┴────────────────────┴───┴────────────────┘
 *
 * Invariant: the counts add up to the number of values.
 */
import { appendBlob } from "../batch/blob-buffer";

export function addToHistogram(block: usize, bounds: usize, count: i32, value: f64): void {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (value < load<f64>(bounds + middle * 8)) high = middle;
    else low = middle + 1;
  }
  store<f64>(block + low * 8, load<f64>(block + low * 8) + 1);
}

export function mergeHistograms(into: usize, from: usize, count: i32): void {
  for (let i = 0; i <= count; i++) store<f64>(into + i * 8, load<f64>(into + i * 8) + load<f64>(from + i * 8));
}

export function writeHistogram(block: usize, count: i32): bool {
  const bytes = (count + 1) * 8;
  const at = appendBlob(bytes);
  if (at == 0) return false;
  memory.copy(at, block, bytes);
  return true;
}

/** Of bytes to be restored: whether they are counts of that many values. */
export function isHistogramValid(block: usize, count: i32, values: f64): bool {
  let sum: f64 = 0;
  for (let i = 0; i <= count; i++) {
    const n = load<f64>(block + i * 8);
    if (!(n >= 0) || Math.floor(n) != n) return false;
    sum += n;
  }
  return sum == values;
}
