/**
 * SECOND and TIMES: means and co-moments of two columns, and of event time and a column.
 *
 *     SECOND  n │ Σxy │ mean x │ mean y │ m2 x │ m2 y │ cxy │ 0
 *     TIMES   n │ origin ms │ mean t │ mean v │ m2 t │ ctv              t counts from the first record, so that it stays exact
 *
 * Added by Welford's update and merged by Chan's formula, both extended to co-moments (Pébay, SAND2008-6212).
 *
 * Invariant: merging an empty block changes no bit but a −0 of Σxy.
 */
import { FN_CORRELATION, FN_COVARIANCE_POPULATION, FN_SUM_OF_PRODUCTS } from "../layout";

export const SECOND_BYTES = 64;
export const TIMES_BYTES = 48;

const SUM = 8;
const MEAN_X = 16;
const MEAN_Y = 24;
const M2_X = 32;
const M2_Y = 40;
const C_XY = 48;

const ORIGIN = 8;
const MEAN_T = 16;
const MEAN_V = 24;
const M2_T = 32;
const C_TV = 40;
const MS_PER_SECOND: f64 = 1000;

/** xs and ys: f64 by record. Records of which one is null must not come. */
export function addSecond(block: usize, x: f64, y: f64): void {
  const n = load<f64>(block) + 1;
  const dx = x - load<f64>(block + MEAN_X);
  const dy = y - load<f64>(block + MEAN_Y);
  const meanX = load<f64>(block + MEAN_X) + dx / n;
  const meanY = load<f64>(block + MEAN_Y) + dy / n;
  store<f64>(block, n);
  store<f64>(block + SUM, load<f64>(block + SUM) + x * y);
  store<f64>(block + MEAN_X, meanX);
  store<f64>(block + MEAN_Y, meanY);
  store<f64>(block + M2_X, load<f64>(block + M2_X) + dx * (x - meanX));
  store<f64>(block + M2_Y, load<f64>(block + M2_Y) + dy * (y - meanY));
  store<f64>(block + C_XY, load<f64>(block + C_XY) + dx * (y - meanY));
}

export function mergeSecond(into: usize, from: usize): void {
  const nB = load<f64>(from);
  if (nB == 0) return;
  const nA = load<f64>(into);
  if (nA == 0) {
    memory.copy(into, from, SECOND_BYTES);
    return;
  }
  const n = nA + nB;
  const share = nB / n;
  const weight = nA * share;
  const dx = load<f64>(from + MEAN_X) - load<f64>(into + MEAN_X);
  const dy = load<f64>(from + MEAN_Y) - load<f64>(into + MEAN_Y);
  store<f64>(into, n);
  store<f64>(into + SUM, load<f64>(into + SUM) + load<f64>(from + SUM));
  store<f64>(into + MEAN_X, load<f64>(into + MEAN_X) + dx * share);
  store<f64>(into + MEAN_Y, load<f64>(into + MEAN_Y) + dy * share);
  store<f64>(into + M2_X, load<f64>(into + M2_X) + load<f64>(from + M2_X) + dx * dx * weight);
  store<f64>(into + M2_Y, load<f64>(into + M2_Y) + load<f64>(from + M2_Y) + dy * dy * weight);
  store<f64>(into + C_XY, load<f64>(into + C_XY) + load<f64>(from + C_XY) + dx * dy * weight);
}

/** Whether the last result was there. */
export let hasResult: bool = false;

export function secondResult(fn: i32, block: usize): f64 {
  const n = load<f64>(block);
  const isPopulation = fn == FN_COVARIANCE_POPULATION;
  hasResult = n > (fn == FN_SUM_OF_PRODUCTS || isPopulation ? 0 : 1);
  if (!hasResult) return 0;
  if (fn == FN_SUM_OF_PRODUCTS) return load<f64>(block + SUM);
  // ∞ − ∞, whatever the order in which the values came.
  const isFinite = load<f64>(block + MEAN_X) - load<f64>(block + MEAN_X) == 0 && load<f64>(block + MEAN_Y) - load<f64>(block + MEAN_Y) == 0;
  if (!isFinite) return NaN;
  const c = load<f64>(block + C_XY);
  if (fn != FN_CORRELATION) return c / (isPopulation ? n : n - 1);
  const m2X = load<f64>(block + M2_X);
  const m2Y = load<f64>(block + M2_Y);
  hasResult = m2X != 0 && m2Y != 0;
  return hasResult ? max<f64>(-1, min<f64>(1, c / (Math.sqrt(m2X) * Math.sqrt(m2Y)))) : 0;
}

export function addTimes(block: usize, ms: f64, value: f64): void {
  const before = load<f64>(block);
  const n = before + 1;
  const origin = select(ms, load<f64>(block + ORIGIN), before == 0);
  const dt = ms - origin - load<f64>(block + MEAN_T);
  const dv = value - load<f64>(block + MEAN_V);
  const meanT = load<f64>(block + MEAN_T) + dt / n;
  const meanV = load<f64>(block + MEAN_V) + dv / n;
  store<f64>(block, n);
  store<f64>(block + ORIGIN, origin);
  store<f64>(block + MEAN_T, meanT);
  store<f64>(block + MEAN_V, meanV);
  store<f64>(block + M2_T, load<f64>(block + M2_T) + dt * (ms - origin - meanT));
  store<f64>(block + C_TV, load<f64>(block + C_TV) + dt * (value - meanV));
}

export function mergeTimes(into: usize, from: usize): void {
  const nB = load<f64>(from);
  if (nB == 0) return;
  const nA = load<f64>(into);
  if (nA == 0) {
    memory.copy(into, from, TIMES_BYTES);
    return;
  }
  const n = nA + nB;
  const share = nB / n;
  const weight = nA * share;
  const dt = load<f64>(from + ORIGIN) - load<f64>(into + ORIGIN) + load<f64>(from + MEAN_T) - load<f64>(into + MEAN_T);
  const dv = load<f64>(from + MEAN_V) - load<f64>(into + MEAN_V);
  store<f64>(into, n);
  store<f64>(into + MEAN_T, load<f64>(into + MEAN_T) + dt * share);
  store<f64>(into + MEAN_V, load<f64>(into + MEAN_V) + dv * share);
  store<f64>(into + M2_T, load<f64>(into + M2_T) + load<f64>(from + M2_T) + dt * dt * weight);
  store<f64>(into + C_TV, load<f64>(into + C_TV) + load<f64>(from + C_TV) + dt * dv * weight);
}

/** Least squares: change of the value per second. */
export function slopeResult(block: usize): f64 {
  hasResult = load<f64>(block) > 1 && load<f64>(block + M2_T) > 0;
  return hasResult ? load<f64>(block + C_TV) / load<f64>(block + M2_T) * MS_PER_SECOND : 0;
}

/** Of bytes to be restored: whether counts and origin can be. */
export function isSecondValid(block: usize, recordsMax: f64): bool {
  const n = load<f64>(block);
  return n >= 0 && n <= recordsMax && Math.floor(n) == n;
}
export function isTimesValid(block: usize, recordsMax: f64, timeMaxMs: f64): bool {
  return isSecondValid(block, recordsMax) && Math.abs(load<f64>(block + ORIGIN)) <= timeMaxMs;
}
