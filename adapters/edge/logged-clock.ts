/**
 * The clock of a job that lives in a Durable Object: it stands at the time of the log entry being processed.
 *
 * Before: the object's log, whose entries carry the wall clock of when they came. After: the job, which sees no other time. So what follows from
 * time (windows by the clock, silence, the guard against records of the future) follows from the log, and comes out the same when it is read again.
 *
 * Invariant: it never goes back.
 */

import { SteppedClock } from '../../runtime/stepped-clock.ts'

export class LoggedClock extends SteppedClock {
  readonly isLogged = true
  #nowMs: number

  constructor(startMs: number) {
    super()
    this.#nowMs = startMs
  }

  now(): number {
    return this.#nowMs
  }

  monotonic(): number {
    return this.#nowMs
  }

  /** Puts the clock forward; an earlier time changes nothing. */
  set(nowMs: number): void {
    if (nowMs > this.#nowMs) this.#nowMs = nowMs
  }
}
