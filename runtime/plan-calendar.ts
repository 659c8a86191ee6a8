/**
 * Windows of calendars and exchanges, as a plan writes them.
 *
 * Before: `plan-window.ts`, by the rules of `plan-window-rules.ts`. After: the assigner of calendar windows.
 *
 * Invariant: time zones are known to this platform's `Intl`, dates exist, and sessions of an exchange do not overlap.
 */

import { bare, Fields, namedRecord } from './plan-fields.ts'
import { field, planError } from './plan-problem.ts'
import type { CalendarAnchor, CalendarUnit, ShortWeekday, TradingSession, Weekday, WindowShape } from './plan-spec.ts'

export const CALENDAR_EVERY_DEFAULT = 1
export const TIME_ZONE_DEFAULT = 'UTC'
export const CALENDAR_EVERY_MAX = 10_000
export const TRADING_SESSIONS_MAX = 64
export const TRADING_DATES_MAX = 10_000

const UNITS: readonly CalendarUnit[] = ['day', 'week', 'month', 'quarter', 'year']
const WEEKDAYS: readonly Weekday[] = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday']
const SHORT_WEEKDAYS: readonly ShortWeekday[] = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']
/** What the anchor of a unit may say, beside hour and minute. */
const ANCHOR_FIELDS: Readonly<Record<CalendarUnit, readonly string[]>> = {
  day: [],
  week: ['weekday'],
  month: ['day'],
  quarter: ['month', 'day'],
  year: ['month', 'day'],
}
const MINUTES_OF_DAY = 1_440
const MINUTES_OF_WEEK = 7 * MINUTES_OF_DAY

export function parseCalendar(fields: Fields): WindowShape {
  fields.allow(['kind', 'unit', 'every', 'timeZone', 'anchor'])
  const unit = fields.word('unit', 'CALENDAR_UNIT_UNKNOWN', UNITS)
  const every = fields.integer('every', {
    code: 'CALENDAR_EVERY_INVALID',
    wanted: `1 to ${CALENDAR_EVERY_MAX} units`,
    least: 1,
    most: CALENDAR_EVERY_MAX,
    whenAbsent: CALENDAR_EVERY_DEFAULT,
  })
  const timeZone = parseTimeZone(fields, TIME_ZONE_DEFAULT)
  const anchor = fields.has('anchor') ? parseAnchor(new Fields(fields.optional('anchor'), fields.at('anchor'), null), unit, every) : null
  return { kind: 'calendar', unit, every, timeZone, ...(anchor === null ? {} : { anchor }) }
}

function parseAnchor(fields: Fields, unit: CalendarUnit, every: number): CalendarAnchor {
  fields.allow([...ANCHOR_FIELDS[unit], 'hour', 'minute', ...(every > 1 ? ['from'] : [])])
  const part = (name: string, least: number, most: number): Record<string, number> =>
    fields.has(name)
      ? { [name]: fields.integer(name, { code: 'CALENDAR_ANCHOR_INVALID', wanted: `${least} to ${most}`, least, most }) }
      : {}
  return bare({
    ...part('month', 1, 12),
    ...part('day', 1, 31),
    ...(fields.has('weekday') ? { weekday: fields.word('weekday', 'CALENDAR_ANCHOR_INVALID', WEEKDAYS) } : {}),
    ...part('hour', 0, 23),
    ...part('minute', 0, 59),
    ...(fields.has('from') ? { from: dateOf(fields.optional('from'), fields.at('from'), 'CALENDAR_ANCHOR_INVALID') } : {}),
  })
}

function parseTimeZone(fields: Fields, whenAbsent?: string): string {
  const wanted = 'the IANA name of a time zone, such as Europe/Berlin'
  if (!fields.has('timeZone') && whenAbsent !== undefined) return whenAbsent
  const name = fields.required('timeZone', wanted)
  const path = fields.at('timeZone')
  if (typeof name !== 'string') throw planError('PLAN_TYPE', path, { found: name, wanted })
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: name })
    return name
  } catch {
    throw planError('TIME_ZONE_UNKNOWN', path, {
      found: name,
      wanted,
      remedy: 'it must be known to the Intl of every platform that runs the plan',
    })
  }
}

/** A date `YYYY-MM-DD` that exists. */
function dateOf(value: unknown, path: string, code: string): string {
  if (typeof value === 'string' && /^\d{4}-\d{2}-\d{2}$/.test(value)) {
    const ms = Date.parse(`${value}T00:00:00Z`)
    if (!Number.isNaN(ms) && new Date(ms).toISOString().startsWith(value)) return value
  }
  throw planError(code, path, { found: value, wanted: 'a date, YYYY-MM-DD' })
}

function timeOfDay(value: unknown, path: string): string {
  if (typeof value === 'string' && /^([01]\d|2[0-3]):[0-5]\d$/.test(value)) return value
  throw planError('TRADING_SESSION_INVALID', path, { found: value, wanted: 'a time of day, 00:00 to 23:59' })
}

export function parseTradingDay(fields: Fields): WindowShape {
  fields.allow(['kind', 'timeZone', 'sessions', 'holidays', 'early'])
  const timeZone = parseTimeZone(fields)
  const path = fields.at('sessions')
  const wanted = `an array of 1 to ${TRADING_SESSIONS_MAX} sessions`
  const list = fields.array('sessions', wanted)
  if (list.length === 0 || list.length > TRADING_SESSIONS_MAX) throw planError('TRADING_SESSION_INVALID', path, { found: list, wanted })
  const sessions = Array.from(list, (item, index) =>
    parseTradingSession(new Fields(item, `${path}[${index}]`, ['days', 'open', 'close'], '{"days", "open", "close"}')),
  )
  requireNoOverlap(sessions, path)
  const holidays = fields.has('holidays') ? parseHolidays(fields) : null
  const early = fields.has('early') ? parseEarly(fields, new Set(holidays)) : null
  return {
    kind: 'tradingDay',
    timeZone,
    sessions: Object.freeze(sessions),
    ...(holidays === null ? {} : { holidays }),
    ...(early === null ? {} : { early }),
  }
}

function parseTradingSession(fields: Fields): TradingSession {
  const path = fields.at('days')
  const wanted = `days, of ${SHORT_WEEKDAYS.join(', ')}, each once`
  const days = Array.from(fields.array('days', wanted), (day, index) => {
    const known = SHORT_WEEKDAYS.find((word) => word === day)
    if (known === undefined) throw planError('TRADING_SESSION_INVALID', `${path}[${index}]`, { found: day, wanted })
    return known
  })
  if (days.length === 0 || new Set(days).size < days.length) throw planError('TRADING_SESSION_INVALID', path, { found: days, wanted })
  return bare({
    days: Object.freeze(days),
    open: timeOfDay(fields.required('open', 'a time of day'), fields.at('open')),
    close: timeOfDay(fields.required('close', 'a time of day'), fields.at('close')),
  })
}

/** On the clocks of a week, all sessions one after the other. */
function requireNoOverlap(sessions: readonly TradingSession[], path: string): void {
  const spans = sessions.flatMap(({ days, open, close }, index) =>
    days.map((day) => {
      const start = SHORT_WEEKDAYS.indexOf(day) * MINUTES_OF_DAY + minutesOf(open)
      const length = minutesOf(close) - minutesOf(open)
      return { index, start, end: start + (length > 0 ? length : length + MINUTES_OF_DAY) }
    }),
  )
  spans.sort((a, b) => a.start - b.start)
  spans.forEach((span, i) => {
    const next = spans[(i + 1) % spans.length]!
    const nextStart = i + 1 < spans.length ? next.start : next.start + MINUTES_OF_WEEK
    if (span.end <= nextStart) return
    const found = `sessions ${span.index} and ${next.index}, which overlap`
    const problem = { found, wanted: 'sessions one after the other', remedy: 'a record is in one session at most' }
    throw planError('TRADING_SESSION_INVALID', `${path}[${next.index}]`, problem, true)
  })
}

function minutesOf(time: string): number {
  return Number(time.slice(0, 2)) * 60 + Number(time.slice(3))
}

function parseHolidays(fields: Fields): readonly string[] {
  const path = fields.at('holidays')
  const wanted = `an array of at most ${TRADING_DATES_MAX} dates`
  const list = fields.array('holidays', wanted)
  if (list.length > TRADING_DATES_MAX) throw planError('TRADING_DATE_INVALID', path, { found: list, wanted })
  return Object.freeze(Array.from(list, (date, index) => dateOf(date, `${path}[${index}]`, 'TRADING_DATE_INVALID')))
}

function parseEarly(outer: Fields, holidays: ReadonlySet<string>): Readonly<Record<string, string>> {
  const path = outer.at('early')
  const fields = new Fields(outer.optional('early'), path, null, 'closes by date: {"2026-12-24": "13:00"}')
  if (fields.names.length > TRADING_DATES_MAX) {
    throw planError('TRADING_DATE_INVALID', path, { found: `${fields.names.length} dates`, wanted: `at most ${TRADING_DATES_MAX}` }, true)
  }
  return namedRecord(
    fields.names.map((date) => {
      const at = field(path, date)
      dateOf(date, at, 'TRADING_DATE_INVALID')
      if (holidays.has(date)) {
        throw planError('TRADING_DATE_INVALID', at, { found: 'a holiday that closes early', wanted: 'one of both' }, true)
      }
      return [date, timeOfDay(fields.optional(date), at)] as const
    }),
  )
}
