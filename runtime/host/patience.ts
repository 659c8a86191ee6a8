/**
 * How long somebody who gives no sign of life is waited for.
 *
 * Before: kernel-workers has asked a worker something. After: it is given up.
 * Real time, whatever clock the job has: threads live in it.
 *
 * Invariant: only time counts in which this thread was awake. A page that was frozen, or a thread that was busy, has not waited.
 */

import { systemClock } from '../clock.ts'

const SLICES = 10
const SLICE_MS_MAX = 1_000
/** Timers of hidden pages come as much late without anybody having slept. */
const LATE_MS_MAX = 1_500

/**
 * @param progress - A number that changes when there is a sign of life: the time begins anew.
 * @returns true when `limitMs` have passed without one; false when `signal` was aborted before.
 */
export async function patience(limitMs: number, signal: AbortSignal, progress: () => number): Promise<boolean> {
  const sliceMs = Math.min(limitMs / SLICES, SLICE_MS_MAX)
  let seen = progress()
  let waitedMs = 0
  while (waitedMs < limitMs) {
    const beforeMs = systemClock.monotonic()
    await systemClock.sleep(sliceMs, signal)
    if (signal.aborted) return false
    const sleptMs = systemClock.monotonic() - beforeMs
    const now = progress()
    waitedMs = now !== seen || sleptMs > sliceMs + LATE_MS_MAX ? 0 : waitedMs + sleptMs
    seen = now
  }
  return true
}
