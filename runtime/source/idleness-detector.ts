/**
 * Whether a split has been silent for too long.
 *
 * Before: coordinator/time-track says when records came, and asks whenever it looks at the clock. After: an idle split holds no watermark.
 *
 * Invariant: only time between two questions without a record in between counts, so that a split that nobody asked is not idle.
 */

export class IdlenessDetector {
  readonly #timeoutMs: number
  /** When it was first asked after the newest record; null: not yet. */
  #sinceMs: number | null = null

  /** @throws RangeError when the timeout is not positive. */
  constructor(timeoutMs: number) {
    if (!(timeoutMs > 0)) throw new RangeError(`The timeout of idleness is ${timeoutMs} ms; it must be positive`)
    this.#timeoutMs = timeoutMs
  }

  /** Records came, or the split could not be asked. */
  activity(): void {
    this.#sinceMs = null
  }

  /** Whether more than the timeout has passed since the first question after the newest record. */
  check(nowMs: number): boolean {
    this.#sinceMs ??= nowMs
    return nowMs - this.#sinceMs > this.#timeoutMs
  }
}
