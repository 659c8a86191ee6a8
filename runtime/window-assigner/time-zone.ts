/**
 * Local time of a time zone, by the zone rules that the runtime itself carries.
 *
 * Before: calendar-periods.ts and trading-sessions.ts, once for a period, never for a record. After: `Intl`.
 *
 * Why `Intl` and not `Temporal`: all that is needed is the offset at an instant, which every runtime with `Intl` has from the same tz
 * database. `temporal-polyfill` (which asks `Intl` too) adds 19.3 KiB gzip and takes 7.1 µs for an offset, native `Temporal` of
 * V8 (`--harmony-temporal`) 125 µs, `format` with `longOffset` 0.8 µs (Node 24.21, Linux x64, November 2026). It would be
 * loaded on demand besides, and only in some runtimes. The tests hold every answer against the polyfill's.
 *
 * Invariant: `localOf` and `instantOf` are inverse to each other but in gaps and overlaps, where `instantOf` is what Temporal calls
 * `compatible`: a time in an overlap is its first occurrence, a time in a gap is moved later by the length of the gap.
 */

import { ConfigError } from '../errors.ts'
import { DAY_MS } from './civil-date.ts'

/** Largest instant that `Intl` takes. Beyond it, the offset at it goes on. */
const INSTANT_MAX_MS = 8.64e15

const OFFSET = /GMT(?:([+\u2212-])(\d\d):(\d\d)(?::(\d\d))?)?$/

/** Times are milliseconds: of an instant since the Unix epoch, of a local time since 1970-01-01T00:00 on the clocks of the zone. */
export class TimeZone {
  readonly #name: string
  /** Null for UTC, which needs none. */
  readonly #format: Intl.DateTimeFormat | null

  constructor(name: string) {
    this.#name = name
    this.#format = name === 'UTC' ? null : new Intl.DateTimeFormat('en-US', { timeZone: name, timeZoneName: 'longOffset' })
  }

  localOf(instantMs: number): number {
    return instantMs + this.#offsetAt(instantMs)
  }

  instantOf(localMs: number): number {
    if (this.#format === null) return localMs
    // Offsets are within ±16 h and change by 24 h at most, so a change that touches this local time lies between these two.
    const before = this.#offsetAt(localMs - DAY_MS)
    const after = this.#offsetAt(localMs + DAY_MS)
    if (before === after || this.#offsetAt(localMs - before) === before) return localMs - before
    return this.#offsetAt(localMs - after) === after ? localMs - after : localMs - before
  }

  #offsetAt(instantMs: number): number {
    if (this.#format === null) return 0
    const text = this.#format.format(Math.max(-INSTANT_MAX_MS, Math.min(INSTANT_MAX_MS, instantMs)))
    const found = OFFSET.exec(text)
    if (found === null) {
      throw new ConfigError('TIME_ZONE_UNKNOWN', `Cannot use time zone ${this.#name}: this runtime writes its offset as ${text}`)
    }
    const [, sign, hours = '0', minutes = '0', seconds = '0'] = found
    const offsetMs = (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * 1000
    return sign === undefined || sign === '+' ? offsetMs : -offsetMs
  }
}
