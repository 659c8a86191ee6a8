/**
 * Windows of calendars, exchanges and tables as people write them.
 *
 * Before: the user's declaration. After: the plan's window operators.
 *
 * Invariant: what is left out stays left out; the plan fills in defaults.
 */

import { planError } from './plan-problem.ts'
import { bringing } from './plan-rules.ts'
import type { CalendarAnchor, CalendarUnit, TradingSession } from './plan-spec.ts'
import { windowRules } from './plan-window-rules.ts'
import type { WindowDeclaration } from './window.ts'

export interface CalendarOptions {
  /** Length of a window in units. Default 1. */
  readonly every?: number
  /** An IANA name, such as `Europe/Berlin`. Default `UTC`. */
  readonly timeZone?: string
  /** Where periods begin: a month from the 15th at 06:00 is `{ day: 15, hour: 6 }`. */
  readonly anchor?: CalendarAnchor
}

/**
 * Days, weeks, months, quarters or years as the clocks of a time zone have them: 23 or 25 hours long where clocks change.
 *
 * @example
 * calendar('month', { timeZone: 'Europe/Berlin', anchor: { day: 31 } })
 */
export function calendar(unit: CalendarUnit, options: CalendarOptions = {}): WindowDeclaration {
  return bringing({ kind: 'calendar', unit, ...options }, windowRules())
}

export interface TradingDayOptions {
  /** An IANA name, such as `America/New_York`. */
  readonly timeZone: string
  /** Times `HH:MM`; a close that is not after the open is on the next day. */
  readonly sessions: readonly TradingSession[]
  /** Days without sessions, `YYYY-MM-DD`. */
  readonly holidays?: readonly string[]
  /** Close `HH:MM` of single days, by `YYYY-MM-DD`. */
  readonly early?: Readonly<Record<string, string>>
}

/**
 * Sessions of an exchange. Records outside of them are in no window, and are counted as `outside`.
 *
 * @example
 * tradingDay({ timeZone: 'America/New_York', sessions: [{ days: ['mon', 'tue', 'wed', 'thu', 'fri'], open: '09:30', close: '16:00' }] })
 */
export function tradingDay(options: TradingDayOptions): WindowDeclaration {
  return bringing({ kind: 'tradingDay', ...options }, windowRules())
}

export interface Interval {
  readonly name?: string
  /** A date, or milliseconds since the epoch. */
  readonly start: number | Date
  /** The end is not part of it. */
  readonly end: number | Date
}

/**
 * Windows of a table, such as campaigns. They may overlap; records outside of all are in no window, and are counted as `outside`.
 *
 * @throws ConfigError `PLAN_TYPE`.
 */
export function intervals(table: readonly Interval[]): WindowDeclaration {
  if (!Array.isArray(table)) throw planError('PLAN_TYPE', 'intervals', { found: table, wanted: 'an array of { start, end }' })
  const rows = table.map(({ name, start, end }: Interval) => ({ name, startMs: Number(start), endMs: Number(end) }))
  return bringing({ kind: 'intervals', table: rows }, windowRules())
}
