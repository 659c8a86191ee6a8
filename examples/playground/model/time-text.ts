/**
 * Moments of event time as people write them. All of the playground is in UTC; a time of day without a date is one of {@link BASE_DAY_MS}.
 *
 * Before: cells of a stream, and what the engine says. After: the engine, and everything that is shown.
 */

/** 1 January 2026. */
export const BASE_DAY_MS = Date.UTC(2026, 0, 1)
const DAY_MS = 86_400_000

/** The moment that a cell says: milliseconds, `12:00:03`, `12:00:03.250` or an ISO date; null when it says none. */
export function momentOf(cell: unknown): number | null {
  if (typeof cell === 'number') return Number.isFinite(cell) ? cell : null
  if (typeof cell !== 'string') return null
  const time = /^(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,3}))?)?$/.exec(cell.trim())
  if (time !== null) {
    const [, hours, minutes, seconds = '0', fraction = '0'] = time
    return BASE_DAY_MS + Number(hours) * 3_600_000 + Number(minutes) * 60_000 + Number(seconds) * 1000 + Number(fraction.padEnd(3, '0'))
  }
  if (!/^\d{4}-\d{2}-\d{2}/.test(cell)) return null
  // Without an offset a date with a time would be one of the reader's own zone.
  const hasZone = /Z$|[+-]\d{2}:?\d{2}$/.test(cell) || cell.length === 10
  const ms = Date.parse(hasZone ? cell : `${cell}Z`)
  return Number.isNaN(ms) ? null : ms
}

/** A moment as a cell, in the manner of the cell that was there: number, time of day, or date. */
export function cellOf(ms: number, like: unknown): string | number {
  if (typeof like === 'number') return ms
  const isDate = typeof like === 'string' && /^\d{4}-/.test(like)
  if (!isDate && ms >= BASE_DAY_MS && ms < BASE_DAY_MS + DAY_MS) return timeOf(ms)
  return new Date(ms).toISOString().replace('.000Z', 'Z')
}

/** `12:00:03`, with milliseconds only where there are some. */
function timeOf(ms: number): string {
  return new Date(ms)
    .toISOString()
    .slice(11, 23)
    .replace(/\.000$/, '')
}

/** How moments of a picture are written: with the date as soon as they lie on several days. */
export class MomentText {
  readonly #hasDates: boolean
  readonly #hasTimes: boolean

  constructor(moments: readonly number[]) {
    const days = new Set(moments.map((ms) => Math.floor(ms / DAY_MS)))
    this.#hasDates = days.size > 2 || (days.size > 1 && spanOf(moments) > DAY_MS)
    this.#hasTimes = !this.#hasDates || moments.some((ms) => ms % DAY_MS !== 0)
  }

  of(ms: number | null): string {
    if (ms === null) return '–'
    if (ms === Number.POSITIVE_INFINITY) return 'the end'
    const date = new Date(ms)
    if (Number.isNaN(date.getTime())) return String(ms)
    if (!this.#hasDates) return timeOf(ms)
    const day = date.toLocaleDateString('en-GB', { day: 'numeric', month: 'short', timeZone: 'UTC' })
    const time = timeOf(ms)
    return !this.#hasTimes || time === '00:00:00' ? day : `${day} ${time.replace(/^(\d\d:\d\d):00$/, '$1')}`
  }

  /** `[12:00:00, 12:00:10)`. */
  window(startMs: number | null, endMs: number | null): string {
    return startMs === null || endMs === null ? 'all time' : `[${this.of(startMs)}, ${this.of(endMs)})`
  }
}

function spanOf(moments: readonly number[]): number {
  return Math.max(...moments) - Math.min(...moments)
}

/** A duration in the largest unit that has it whole: `90s`, `2m`. */
export function durationText(ms: number): string {
  for (const [unit, unitMs] of [
    ['d', DAY_MS],
    ['h', 3_600_000],
    ['m', 60_000],
    ['s', 1000],
  ] as const) {
    if (ms !== 0 && ms % unitMs === 0) return `${ms / unitMs}${unit}`
  }
  return `${ms}ms`
}
