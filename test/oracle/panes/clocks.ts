/**
 * The two clocks of an operator, and what the one that its windows go by says of a window: whether it is over, whether a record is too late.
 *
 * Before: operator.ts, which is told of watermarks and of the host's clock. After: open-windows.ts, sessions.ts and operator.ts ask.
 *
 * Invariant: neither clock goes back.
 */

import type { Bounds, PanePlan, Shape } from './plan.ts'

export type ClockName = 'event' | 'processing'

export class Clocks {
  watermarkMs = Number.NEGATIVE_INFINITY
  nowMs = Number.NEGATIVE_INFINITY
  /** How often a clock has moved. */
  advances = 0
  /** Whether a clock has just moved, not a record come. */
  isDue = false
  readonly isProcessing: boolean
  readonly #shape: Shape
  readonly #latenessMs: number
  #isAdvancing = false

  constructor({ window, time, allowedLatenessMs = 0 }: PanePlan) {
    this.#shape = window
    this.isProcessing = time === 'processing'
    this.#latenessMs = this.isProcessing ? 0 : allowedLatenessMs
  }

  /** The clock that windows go by. */
  get own(): ClockName {
    return this.isProcessing ? 'processing' : 'event'
  }

  at(clock: ClockName): number {
    return clock === 'event' ? this.watermarkMs : this.nowMs
  }

  /** @returns Whether the clock has moved. */
  advance(clock: ClockName, timeMs: number): boolean {
    if (timeMs <= this.at(clock)) return false
    if (clock === 'event') this.watermarkMs = timeMs
    else this.nowMs = timeMs
    this.advances++
    return true
  }

  /** Does what is due because a clock has moved. */
  whileDue(clock: ClockName, attend: () => void): void {
    this.#isAdvancing = clock === 'processing' || this.at(clock) === Number.POSITIVE_INFINITY
    this.isDue = true
    attend()
    this.#isAdvancing = false
    this.isDue = false
  }

  /** Up to when time is over. While the host's clock stands, records still come for the millisecond it shows: nothing ends by it. */
  overMs(): number {
    if (!this.isProcessing) return this.watermarkMs
    return this.#isAdvancing ? this.nowMs : Number.NEGATIVE_INFINITY
  }

  /** When a window is over: the last millisecond that is in it. */
  lastMs({ start, end }: Bounds): number {
    const shape = this.#shape
    const isLimited = shape.kind === 'session' && shape.maxLengthMs !== undefined
    return isLimited ? Math.min(end, start + shape.maxLengthMs!) - 1 : end - 1
  }

  isOver(window: Bounds): boolean {
    return this.overMs() >= this.lastMs(window)
  }

  /** When a window expires. */
  cleanupMs(window: Bounds): number {
    return this.lastMs(window) + this.#latenessMs
  }

  isExpired(window: Bounds): boolean {
    return this.overMs() >= this.cleanupMs(window)
  }

  /** Whether records for a window come too late. */
  isLate(window: Bounds): boolean {
    return !this.isProcessing && this.watermarkMs >= this.cleanupMs(window)
  }
}
