/**
 * One watermark from several channels: the splits of a source, or the inputs of an operator.
 *
 * Before: a watermark of each channel, and whether it is idle. After: the watermark of what reads all of them.
 * The least of the active channels counts. When the last active one goes idle, the largest of all is passed on, and time stands still.
 *
 * Invariant: the combined watermark never goes back.
 */

/**
 * What an idle channel that comes back behind the combined watermark does.
 *
 * - `hold`: it holds the watermark where it is until it has caught up, so that of its records only those are late that are behind what
 *   was passed on while it was idle. For the splits of a source.
 * - `catchUp`: it does not count until it has caught up, so that it holds nobody. For the inputs of an operator, as Flink does it.
 */
export type Returning = 'hold' | 'catchUp'

const ACTIVE = 0
const IDLE = 1
const ENDED = 2

export class WatermarkCombiner {
  readonly #returning: Returning
  readonly #watermarks: Float64Array
  readonly #states: Uint8Array
  /** Of `catchUp`: 1 for channels that came back and have not caught up. */
  readonly #isBehind: Uint8Array
  #watermarkMs = Number.NEGATIVE_INFINITY

  constructor(channelCount: number, returning: Returning) {
    this.#returning = returning
    this.#watermarks = new Float64Array(channelCount).fill(Number.NEGATIVE_INFINITY)
    this.#states = new Uint8Array(channelCount)
    this.#isBehind = new Uint8Array(channelCount)
  }

  /** The combined watermark; −Infinity before there is one, +Infinity when all channels have ended. */
  get watermarkMs(): number {
    return this.#watermarkMs
  }

  /** Whether all channels are idle, or have ended. */
  get isIdle(): boolean {
    return !this.#states.includes(ACTIVE)
  }

  /** The newest watermark of a channel. */
  watermarkOf(channel: number): number {
    return this.#watermarks[channel]!
  }

  isActive(channel: number): boolean {
    return this.#states[channel] === ACTIVE
  }

  /** Takes a channel's watermark; one that does not advance it is ignored, and with `catchUp` one of an idle channel. */
  advance(channel: number, watermarkMs: number): void {
    if (!(watermarkMs > this.#watermarks[channel]!)) return
    if (this.#returning === 'catchUp' && this.#states[channel] !== ACTIVE) return
    this.#watermarks[channel] = watermarkMs
    if (watermarkMs >= this.#watermarkMs) this.#isBehind[channel] = 0
    this.#update()
  }

  /** The channel brings nothing and no longer holds the watermark. */
  setIdle(channel: number): void {
    if (this.#states[channel] !== ACTIVE) return
    this.#states[channel] = IDLE
    // A channel that lags behind and goes idle last has not held anything: then nothing is let go.
    if (this.#returning === 'catchUp' && this.isIdle && this.#watermarks[channel] !== this.#watermarkMs) return
    this.#update()
  }

  setActive(channel: number): void {
    if (this.#states[channel] !== IDLE) return
    this.#states[channel] = ACTIVE
    if (this.#returning === 'catchUp' && this.#watermarks[channel]! < this.#watermarkMs) this.#isBehind[channel] = 1
  }

  /** Nothing follows on the channel. */
  end(channel: number): void {
    this.#states[channel] = ENDED
    this.#update()
  }

  #update(): void {
    const states = this.#states
    let least = Number.POSITIVE_INFINITY
    let largest = Number.NEGATIVE_INFINITY
    let hasActive = false
    let hasIdle = false
    let counted = 0
    for (let channel = 0; channel < states.length; channel++) {
      const watermark = this.#watermarks[channel]!
      if (watermark > largest) largest = watermark
      if (states[channel] === IDLE) hasIdle = true
      if (states[channel] !== ACTIVE) continue
      hasActive = true
      if (this.#isBehind[channel] !== 0) continue
      counted++
      if (watermark < least) least = watermark
    }
    const next = hasActive ? (counted > 0 ? least : this.#watermarkMs) : hasIdle ? largest : Number.POSITIVE_INFINITY
    if (next > this.#watermarkMs) this.#watermarkMs = next
  }
}
