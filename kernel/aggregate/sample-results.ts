/**
 * Results of ordered SAMPLES: the list itself, and what follows from values in order of event time.
 *
 *     time-weighted mean   Σ value · (time until the next) / (last time − first time): a value holds until the next one
 *     rate                 (sum of increases) / (last time − first time) per second; a drop is a restart from 0, as Prometheus has it
 *     ewma                 y ← y + (1 − 2^(−Δt / halfLife)) · (x − y), beginning with the first value
 *
 * Of equal times the last to arrive holds on. Mean and rate are null when all samples have one time.
 *
 * Invariant: samples have been put in order by event time and arrival.
 */
import { appendNumber, appendText } from "./value-cell";
import { decayed } from "./half-life";
import { SAMPLE_BYTES, SAMPLE_VALUE, sampleAt, sampleCount } from "./sample-list";

const MS_PER_SECOND: f64 = 1000;

/** Whether the last result was there. */
export let hasSampleResult: bool = false;

/** Appends the first `limit` values to the blobs; false when memory is exhausted. */
export function writeSamples(block: usize, limit: f64, isText: bool): bool {
  const count = <i32>min<f64>(limit, <f64>sampleCount(block));
  for (let i = 0; i < count; i++) {
    const value = load<u64>(sampleAt(block, i), SAMPLE_VALUE);
    if (!(isText ? appendText(<u32>value) : appendNumber(reinterpret<f64>(value)))) return false;
  }
  return true;
}

// Time from the first sample to the last; a result needs one above 0.
function spanOf(block: usize): f64 {
  const count = sampleCount(block);
  return count == 0 ? 0 : load<f64>(sampleAt(block, count - 1)) - load<f64>(sampleAt(block, 0));
}

export function timeWeightedMean(block: usize): f64 {
  const span = spanOf(block);
  hasSampleResult = span > 0;
  if (!hasSampleResult) return 0;
  let sum: f64 = 0;
  const last = sampleAt(block, sampleCount(block) - 1);
  for (let at = sampleAt(block, 0); at < last; at += SAMPLE_BYTES) {
    const held = load<f64>(at, SAMPLE_BYTES) - load<f64>(at);
    if (held > 0) sum += load<f64>(at, SAMPLE_VALUE) * held;
  }
  return sum / span;
}

export function rate(block: usize): f64 {
  const span = spanOf(block);
  hasSampleResult = span > 0;
  if (!hasSampleResult) return 0;
  let increase: f64 = 0;
  let before = load<f64>(sampleAt(block, 0), SAMPLE_VALUE);
  for (let i = 1; i < sampleCount(block); i++) {
    const value = load<f64>(sampleAt(block, i), SAMPLE_VALUE);
    increase += value < before ? value : value - before;
    before = value;
  }
  return increase / span * MS_PER_SECOND;
}

export function ewma(block: usize, halfLifeMs: f64): f64 {
  const count = sampleCount(block);
  hasSampleResult = count > 0;
  if (!hasSampleResult) return 0;
  let average = load<f64>(sampleAt(block, 0), SAMPLE_VALUE);
  for (let i = 1; i < count; i++) {
    const at = sampleAt(block, i);
    const gone = decayed((load<f64>(at) - load<f64>(at - SAMPLE_BYTES)) / halfLifeMs);
    average += gone * (load<f64>(at, SAMPLE_VALUE) - average);
  }
  return average;
}
