/**
 * The watermark, and the windows that are due because of it, in order of their ends.
 *
 * Before it, the watermark in the header of a batch; after it, window/window-firing fires each due window. There are no timer
 * records: which windows are due follows from the watermark before, the watermark now and the live slices.
 *
 * Invariant: the watermark never goes back; while no window is due, exactly those with end − 1 ≤ watermark have fired.
 */
import { latenessMs } from "../config";
import { lowerBound, sliceAt, sliceCount, sliceNumber } from "../state/window-state";
import { firstWindowOf, lastCompleteWindow, lastWindowOf, stride, windowEnd } from "../window/slice-assigner";

export let watermarkMs: f64 = 0;
export let dueWindow: f64 = 0;
let nextWindow: f64 = 0;
let lastDue: f64 = 0;

/** @param restoredMs - −Infinity for a new operator. */
export function beginTime(restoredMs: f64): void {
  watermarkMs = restoredMs;
  lastDue = lastCompleteWindow(restoredMs);
  nextWindow = lastDue + 1;
}

/** Advances the watermark; false when it would not move. Then `nextDue` yields windows until it answers false. */
export function advanceWatermark(toMs: f64): bool {
  if (!(toMs > watermarkMs)) return false;
  watermarkMs = toMs;
  lastDue = lastCompleteWindow(toMs);
  return true;
}

/** Sets dueWindow to the next window with a live slice that is due; false when there is none. */
export function nextDue(): bool {
  const at = lowerBound(nextWindow * stride);
  const window = at < sliceCount ? max(nextWindow, firstWindowOf(sliceNumber(sliceAt(at)))) : Infinity;
  if (window > lastDue || window == Infinity) {
    nextWindow = lastDue + 1;
    return false;
  }
  dueWindow = window;
  nextWindow = window + 1;
  return true;
}

/** The watermark at which the next window with a live slice is due; Infinity when no window waits. */
export function nextDueMs(): f64 {
  const at = lowerBound(nextWindow * stride);
  return at < sliceCount ? windowEnd(max(nextWindow, firstWindowOf(sliceNumber(sliceAt(at))))) - 1 : Infinity;
}

export function isComplete(window: f64): bool {
  return windowEnd(window) - 1 <= watermarkMs;
}
export function isExpired(window: f64): bool {
  return windowEnd(window) - 1 + latenessMs <= watermarkMs;
}
/** A slice no record may enter any more and no window to come needs. */
export function isSpent(slice: f64): bool {
  const window = lastWindowOf(slice);
  return window < nextWindow && isExpired(window);
}
