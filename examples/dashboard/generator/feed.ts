/**
 * Sends a log at the pace at which it comes into being, from any number on, over whatever carries messages.
 *
 * Before: feed-log.ts. After: the Node server (WebSocket, MQTT) or the worker in the page (MessagePort) gives it a carrier.
 * A reader that was away gets what it has missed first, as fast as it takes it.
 *
 * Invariant: a feed sends every reading from its first number on once, in order, and never more than `aheadMax` readings, or what the carrier
 * holds, before they were taken. A message that begins at a number has at least the lines of any that began there before: so a reader may go on
 * within one.
 */

import type { FeedLog } from './feed-log.ts'
import type { Readings } from './readings.ts'
import { encodeReadings } from './wire.ts'

export interface Carrier {
  send(message: string): void
  /** Bytes that were given to it and are not on their way yet. */
  readonly backlogBytes: number
}

export interface FeedOptions {
  readonly log: FeedLog
  readonly carrier: Carrier
  /** Number of the first reading to send. */
  readonly from: number
  /** Most readings that were sent and not acknowledged; by default there is no limit. */
  readonly aheadMax?: number
}

/** How often a feed looks whether a tick has arrived, ms: what it adds to their way. */
export const PUMP_MS = 5
/** Readings of one message, about, when a reader catches up. */
const MESSAGE_ROWS = 4_000
const BACKLOG_BYTES_MAX = 4 << 20
/** Most readings of one turn, so that a feed that catches up leaves others their turn. */
const TURN_ROWS = 12_000

export class Feed {
  readonly #options: FeedOptions
  #next: number
  #acknowledged: number

  constructor(options: FeedOptions) {
    this.#options = options
    this.#next = options.from
    this.#acknowledged = options.from
  }

  /** Number of the first reading that was not sent yet. */
  get next(): number {
    return this.#next
  }

  /** The reader has taken all readings before this number. */
  acknowledge(number: number): void {
    this.#acknowledged = Math.max(this.#acknowledged, number)
  }

  /** Sends what has arrived by now. @returns whether more could be sent at once. */
  pump(nowMs: number): boolean {
    const { log, carrier, aheadMax = Number.POSITIVE_INFINITY } = this.#options
    const endTick = log.tickAt(nowMs)
    let left = TURN_ROWS
    let tick = log.tickOf(this.#next)
    while (tick < endTick) {
      if (left <= 0) return true
      if (carrier.backlogBytes > BACKLOG_BYTES_MAX || this.#next - this.#acknowledged > aheadMax) return false
      let text = ''
      let rows = 0
      while (tick < endTick && rows < MESSAGE_ROWS) {
        const readings: Readings = log.readings(tick++)
        text += encodeReadings(readings, Math.max(0, this.#next - readings.firstNumber))
        rows += readings.firstNumber + readings.rowCount - this.#next
        this.#next = readings.firstNumber + readings.rowCount
      }
      if (rows > 0) carrier.send(text)
      left -= rows
    }
    return false
  }
}
