/**
 * Tumbling and sliding windows as slices: pure functions of time.
 *
 * Comes before accumulation, which knows slices alone, and before firing, which merges them. Slice s is
 * [origin + s·sliceMs, +sliceMs); window w is the slices [w·stride, +span), of which slide/slice = stride, size/slice = span.
 * Numbers of slices and windows are integers in f64: there are more of them than an i32 holds.
 *
 * Invariant: all results are exact integers, floors toward −∞, for times within TIME_MAX_MS and durations within the config's limits.
 */
import { offsetMs, sizeMs, slideMs, TIME_MAX_MS } from "../config";

export let sliceMs: f64 = 1;
export let span: f64 = 1;
export let stride: f64 = 1;
let originMs: f64 = 0;

export function configureSlices(): void {
  let a = sizeMs;
  let b = slideMs;
  while (b > 0) {
    const rest = a - b * floorDivide(a, b);
    a = b;
    b = rest;
  }
  sliceMs = a;
  span = sizeMs / a;
  stride = slideMs / a;
  originMs = offsetMs - slideMs * floorDivide(offsetMs, slideMs);
}

/** floor(x / y) of integers: the rounded quotient can be one off, its remainder tells. */
export function floorDivide(x: f64, y: f64): f64 {
  const quotient = Math.floor(x / y);
  const rest = x - quotient * y;
  return rest < 0 ? quotient - 1 : rest >= y ? quotient + 1 : quotient;
}

export function sliceOf(timestampMs: f64): f64 {
  return floorDivide(timestampMs - originMs, sliceMs);
}
export function sliceStart(slice: f64): f64 {
  return slice * sliceMs + originMs;
}
export function firstWindowOf(slice: f64): f64 {
  return floorDivide(slice - span + stride, stride);
}
export function lastWindowOf(slice: f64): f64 {
  return floorDivide(slice, stride);
}
/** False for a slice between two windows, when the slide exceeds the size. */
export function isInWindow(slice: f64): bool {
  return slice - lastWindowOf(slice) * stride < span;
}
export function windowStart(window: f64): f64 {
  return window * slideMs + originMs;
}
export function windowEnd(window: f64): f64 {
  return window * slideMs + originMs + sizeMs;
}

/** The last window that is complete at this watermark; ±Infinity when all or none are. */
export function lastCompleteWindow(watermarkMs: f64): f64 {
  if (watermarkMs > TIME_MAX_MS + 2 * sizeMs) return Infinity;
  if (watermarkMs < -TIME_MAX_MS) return -Infinity;
  return floorDivide(Math.floor(watermarkMs) + 1 - sizeMs - originMs, slideMs);
}

/** The first slice of which no window is complete, kept within the slices that records can have (and one after). */
export function firstOpenSlice(watermarkMs: f64): f64 {
  const low = sliceOf(-TIME_MAX_MS);
  const high = sliceOf(TIME_MAX_MS) + 1;
  const window = lastCompleteWindow(watermarkMs);
  if (window == -Infinity) return low;
  if (window == Infinity) return high;
  return min(max(window * stride + span, low), high);
}
