/**
 * The two clocks of the pane kernel, and what they say about a window.
 *
 * Before it, the headers of input slots; after it, triggers, timers and the late rule.
 *
 * Invariant: neither clock goes back.
 */
import { latenessMs } from "../config";
import { isProcessingTime } from "./pane-config";

export let watermarkMs: f64 = 0;
/** The last millisecond of processing time that is over. */
export let processingMs: f64 = 0;
/** The clock at which the rows of the slot are processed. */
export let recordClockMs: f64 = 0;

/** @param watermark - −Infinity for a new operator, as `processing`. */
export function beginClocks(watermark: f64, processing: f64): void {
  watermarkMs = watermark;
  processingMs = processing;
}

/** Advances the watermark; false when it would not move. */
export function advanceWatermark(toMs: f64): bool {
  if (!(toMs > watermarkMs)) return false;
  watermarkMs = toMs;
  return true;
}

/** Advances the processing-time clock; false when it would not move. */
export function advanceProcessing(toMs: f64): bool {
  if (!(toMs > processingMs)) return false;
  processingMs = toMs;
  return true;
}

/** The stream has ended: windows of either time domain are at their end. */
export function isOver(): bool {
  return watermarkMs == Infinity;
}

export function setRecordClock(clockMs: f64): void {
  recordClockMs = clockMs;
}

// A host that says that the millisecond at which its clock stands is over (those of tests do) may still have records of it.
let hasClockMoved = false;
export function setClockMoved(moved: bool): void {
  hasClockMoved = moved;
}

/** Whether a window with this end is complete. */
export function isEndReached(endMs: f64): bool {
  if (isOver()) return true;
  return isProcessingTime ? hasClockMoved && endMs - 1 <= processingMs : endMs - 1 <= watermarkMs;
}

/** When a window with this end is given up, in its time domain. */
export function expiryOf(endMs: f64): f64 {
  return isProcessingTime ? endMs - 1 : endMs - 1 + latenessMs;
}

export function isExpired(endMs: f64): bool {
  return isOver() || (isProcessingTime ? isEndReached(endMs) : expiryOf(endMs) <= watermarkMs);
}

/** Whether records come too late for a window with this end. Processing time has no late records. */
export function isLateFor(endMs: f64): bool {
  return !isProcessingTime && endMs - 1 + latenessMs <= watermarkMs;
}
