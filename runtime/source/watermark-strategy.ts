/**
 * From observed event times to watermarks: one generator for each source split, combined to one watermark for the operator.
 *
 * Before: coordinator/intake observes every record. After: the exchanges send the combined watermark to every subtask.
 * Watermarks are evaluated only at fixed places of the record sequence (and, on live sources, when nothing more is ready).
 *
 * Invariant: the combined watermark never goes back.
 */

import type { WatermarkSpec } from '../plan.ts'

/** Progress of event time on one split. */
export interface SplitTime {
  /** Largest event time seen; −Infinity before the first. */
  maxMs: number
  isIdle: boolean
  isEnded: boolean
}

/** The watermark a split's own records allow: with disorder bounded by d, largest time − d − 1. */
export function splitWatermark(spec: WatermarkSpec, maxMs: number): number {
  switch (spec.kind) {
    case 'monotonous':
      return maxMs - 1
    case 'boundedOutOfOrderness':
      return maxMs - spec.delayMs - 1
    default: {
      const never: never = spec
      throw new RangeError(`Unknown watermark strategy ${String(never)}`)
    }
  }
}

/**
 * Minimum over the splits that are active. When none is active but some are idle, the largest among the idle ones is passed on
 * and time then stands still; when all have ended, +Infinity.
 */
export function combinedWatermark(spec: WatermarkSpec, splits: readonly SplitTime[]): number {
  let least = Number.POSITIVE_INFINITY
  let largestIdle = Number.NEGATIVE_INFINITY
  let activeCount = 0
  let idleCount = 0
  for (const split of splits) {
    if (split.isEnded) continue
    const watermark = splitWatermark(spec, split.maxMs)
    if (split.isIdle) {
      idleCount++
      largestIdle = Math.max(largestIdle, watermark)
    } else {
      activeCount++
      least = Math.min(least, watermark)
    }
  }
  if (activeCount > 0) return least
  return idleCount > 0 ? largestIdle : Number.POSITIVE_INFINITY
}
