/**
 * A clock that a test sets: nothing passes unless the test says so.
 *
 * Before: the test harness, or a test of its own. After: a job, which waits on it.
 * Who sleeps is woken when the time has come, and also whenever {@link ManualClock.wake} is called: the waits of a job are looks for work.
 *
 * Invariant: wall clock and monotonic clock go forward together, by what was advanced.
 */

import { type Clock, systemClock } from '../clock.ts'

export interface ManualClockOptions {
  /** The wall clock at the beginning, ms since the epoch; default 0. */
  readonly startMs?: number
  /** When the millisecond at which the clock stands counts as over: `after` it (default), or already `at` it. */
  readonly timers?: 'after' | 'at'
}

export class ManualClock implements Clock {
  readonly tickMs = 1
  readonly #startMs: number
  readonly #runsAhead: number
  #passedMs = 0
  #sleepers: (() => void)[] = []
  #slept: (() => void)[] = []

  constructor(options: ManualClockOptions = {}) {
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

  /** Lets everybody who sleeps look again, though no time has passed. */
  wake(): void {
    for (const wake of this.#sleepers.splice(0)) wake()
  }

  /** Resolves when somebody goes to sleep after this call. */
  nextSleep(): Promise<void> {
    return new Promise((resolve) => {
      this.#slept.push(resolve)
    })
  }

  sleep(_ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted === true) return resolve()
      signal?.addEventListener('abort', () => resolve(), { once: true })
      this.#sleepers.push(resolve)
      for (const slept of this.#slept.splice(0)) slept()
    })
  }

  yield(): Promise<void> {
    return systemClock.yield()
  }
}
