/**
 * A clock that a test sets: nothing passes unless the test says so.
 *
 * Before: the test harness, or a test of its own. After: a job, which waits on it.
 * Who sleeps is woken when the time has come, and also whenever {@link ManualClock.wake} is called: the waits of a job are looks for work.
 *
 * Invariant: wall clock and monotonic clock go forward together, by what was advanced.
 */

import { SteppedClock } from '../stepped-clock.ts'

export interface ManualClockOptions {
  /** The wall clock at the beginning, ms since the epoch; default 0. */
  readonly startMs?: number
  /** When the millisecond at which the clock stands counts as over: `after` it (default), or already `at` it. */
  readonly timers?: 'after' | 'at'
}

export class ManualClock extends SteppedClock {
  readonly #startMs: number
  readonly #runsAhead: number
  #passedMs = 0

  constructor(options: ManualClockOptions = {}) {
    super()
    this.#startMs = options.startMs ?? 0
    this.#runsAhead = options.timers === 'at' ? 0 : 1
  }

  now(): number {
    return this.#startMs + this.#passedMs
  }

  overMs(): number {
    return this.now() - this.#runsAhead
  }

  monotonic(): number {
    return this.#passedMs
  }

  /** Lets time pass. Whoever sleeps looks again. */
  advance(ms: number): void {
    if (!(ms >= 0) || !Number.isFinite(ms)) throw new RangeError(`Time only goes forward: by a number of milliseconds from 0, not ${ms}`)
    this.#passedMs += ms
    this.wake()
  }
}
