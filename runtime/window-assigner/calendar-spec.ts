/**
 * Checks of the windows that are found by a calendar or a table: `calendar`, `tradingDay`, `intervals`.
 *
 * Before: `plan-window.ts`, which has read the kind. After: window-assigner.ts, which takes what passed at its word.
 *
 * Invariant: what passes names a time zone this runtime knows and only days and times there are; defaults are filled in.
 */

import { bare, Fields, namedRecord } from '../plan-fields.ts'
import { field, planError } from '../plan-problem.ts'
import type { CalendarAnchor, CalendarShape, IntervalSpec, TradingDayShape, TradingSession, WindowShape } from '../plan-spec.ts'
import { DAY_MINUTES, parseDate, parseTimeOfDay, weekdayOf } from './civil-date.ts'

export const CALENDAR_EVERY_DEFAULT = 1
/** Also of years: then the bounds of every window that holds a timestamp are safe integers. */
export const CALENDAR_EVERY_MAX = 10_000
export const TIME_ZONE_DEFAULT = 'UTC'
export const TRADING_SESSIONS_MAX = 100
export const TRADING_DATES_MAX = 10_000
export const INTERVALS_MAX = 10_000

const UNITS = ['day', 'week', 'month', 'quarter', 'year'] as const
/** Monday first, as {@link weekdayOf} counts. */
export const WEEKDAYS = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'] as const
export const SHORT_WEEKDAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const

const ANCHOR_FIELDS = {
  day: [],
  week: ['weekday'],
  month: ['day'],
  quarter: ['month', 'day'],
  year: ['month', 'day'],
} as const

/** @throws ConfigError `WINDOW_CALENDAR_INVALID`, `TIME_ZONE_UNKNOWN`, `PLAN_TYPE`, `PLAN_FIELD_UNKNOWN`, `PLAN_FIELD_MISSING`. */
export function parseCalendar(fields: Fields): CalendarShape {
  fields.allow(['kind', 'unit', 'every', 'timeZone', 'anchor'])
  const unit = fields.word('unit', 'WINDOW_CALENDAR_INVALID', UNITS)
  const every = calendarInteger(fields, 'every', 1, CALENDAR_EVERY_MAX, CALENDAR_EVERY_DEFAULT)
  const timeZone = fields.has('timeZone') ? parseTimeZone(fields) : TIME_ZONE_DEFAULT
  const anchor = parseAnchor(fields, unit)
  return bare({ kind: 'calendar', unit, every, timeZone, ...(anchor === null ? {} : { anchor }) })
}

function parseAnchor(outer: Fields, unit: CalendarShape['unit']): CalendarAnchor | null {
  if (!outer.has('anchor')) return null
  const own: readonly string[] = ANCHOR_FIELDS[unit]
  const known = [...own, 'hour', 'minute', 'from']
  const fields = new Fields(outer.optional('anchor'), outer.at('anchor'), known, `an object with some of ${known.join(', ')}`)
  if (fields.names.length === 0) return null
  return bare({
    ...optionalInteger(fields, 'month', 1, 12),
    ...optionalInteger(fields, 'day', 1, 31),
    ...(fields.has('weekday') ? { weekday: fields.word('weekday', 'WINDOW_CALENDAR_INVALID', WEEKDAYS) } : {}),
    ...optionalInteger(fields, 'hour', 0, 23),
    ...optionalInteger(fields, 'minute', 0, 59),
    ...(fields.has('from') ? { from: parsed(fields.optional('from'), fields.at('from'), 'WINDOW_CALENDAR_INVALID', DATE).text } : {}),
  })
}

function optionalInteger<N extends string>(fields: Fields, name: N, least: number, most: number): Partial<Record<N, number>> {
  if (!fields.has(name)) return {}
  const value: Partial<Record<N, number>> = {}
  value[name] = calendarInteger(fields, name, least, most)
  return value
}

function calendarInteger(fields: Fields, name: string, least: number, most: number, whenAbsent?: number): number {
  const rule = { code: 'WINDOW_CALENDAR_INVALID', wanted: `an integer from ${least} to ${most}`, least, most }
  return fields.integer(name, whenAbsent === undefined ? rule : { ...rule, whenAbsent })
}

/** The field `timeZone`, which must be there. */
function parseTimeZone(fields: Fields): string {
  const name = fields.name('timeZone', 'the name of a time zone')
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: name }).resolvedOptions()
    return name
  } catch {
    throw planError('TIME_ZONE_UNKNOWN', fields.at('timeZone'), {
      found: name,
      wanted: 'a time zone this runtime knows',
      remedy: 'use an IANA name such as "Europe/Berlin", or "UTC"',
    })
  }
}

interface Notation {
  readonly wanted: string
  readonly parse: (text: string) => number | null
}

const DATE: Notation = { wanted: 'a date that exists, as "YYYY-MM-DD"', parse: parseDate }
const TIME: Notation = { wanted: 'a time from "00:00" to "23:59"', parse: parseTimeOfDay }

function parsed(
  input: unknown,
  path: string,
  code: string,
  { wanted, parse }: Notation,
): { readonly text: string; readonly value: number } {
  const value = typeof input === 'string' ? parse(input) : null
  if (typeof input !== 'string' || value === null) throw planError(code, path, { found: input, wanted })
  return { text: input, value }
}

const TRADING = 'TRADING_DAY_INVALID'

/** @throws ConfigError `TRADING_DAY_INVALID`, `TIME_ZONE_UNKNOWN`, `PLAN_TYPE`, `PLAN_FIELD_UNKNOWN`, `PLAN_FIELD_MISSING`. */
export function parseTradingDay(fields: Fields): TradingDayShape {
  fields.allow(['kind', 'timeZone', 'sessions', 'holidays', 'early'])
  const timeZone = parseTimeZone(fields)
  const input = sized(fields, 'sessions', 'sessions: [{"days", "open", "close"}]', 1, TRADING_SESSIONS_MAX)
  const sessions = input.map((session, index) => parseSession(session, `${fields.at('sessions')}[${index}]`))
  const holidays = fields.has('holidays') ? parseHolidays(fields) : []
  const early = parseEarly(fields, sessions, holidays)
  return bare({
    kind: 'tradingDay',
    timeZone,
    sessions: Object.freeze(sessions),
    ...(holidays.length === 0 ? {} : { holidays: Object.freeze(holidays) }),
    ...(early === null ? {} : { early }),
  })
}

function parseSession(input: unknown, path: string): TradingSession {
  const fields = new Fields(input, path, ['days', 'open', 'close'], 'a session: {"days", "open", "close"}')
  const names = sized(fields, 'days', `some of ${SHORT_WEEKDAYS.join(', ')}`, 1, SHORT_WEEKDAYS.length)
  const days = names.map((name, index) => {
    const day = SHORT_WEEKDAYS.find((known) => known === name)
    if (day !== undefined && names.indexOf(name) === index) return day
    throw planError(TRADING, `${fields.at('days')}[${index}]`, { found: name, wanted: `one of ${SHORT_WEEKDAYS.join(', ')}, each once` })
  })
  const time = (name: 'open' | 'close') => parsed(fields.required(name, TIME.wanted), fields.at(name), TRADING, TIME).text
  return bare({ days: Object.freeze(days), open: time('open'), close: time('close') })
}

function parseHolidays(fields: Fields): string[] {
  const input = sized(fields, 'holidays', 'dates, as "YYYY-MM-DD"', 0, TRADING_DATES_MAX)
  return input.map((date, index) => parsed(date, `${fields.at('holidays')}[${index}]`, TRADING, DATE).text)
}

/** Early closes are refused where they change nothing, because then the date or the time is a slip. */
function parseEarly(
  outer: Fields,
  sessions: readonly TradingSession[],
  holidays: readonly string[],
): Readonly<Record<string, string>> | null {
  if (!outer.has('early')) return null
  const path = outer.at('early')
  const fields = new Fields(outer.optional('early'), path, null, 'closes by date: {"2024-11-29": "13:00"}')
  if (fields.names.length === 0) return null
  if (fields.names.length > TRADING_DATES_MAX) throw tooMany(path, fields.names.length, TRADING_DATES_MAX)
  const closed = new Set(holidays)
  return namedRecord(
    fields.names.map((date) => {
      const day = parsed(date, field(path, date), TRADING, DATE).value
      const close = parsed(fields.optional(date), field(path, date), TRADING, TIME)
      const open = closed.has(date) ? [] : sessions.filter(({ days }) => days.includes(SHORT_WEEKDAYS[weekdayOf(day)]!))
      if (open.length === 0)
        throw planError(TRADING, field(path, date), { found: date, wanted: 'a day on which a session opens and that is no holiday' })
      const minutes = open.map((session) => sessionMinutes(session, close.value))
      if (minutes.every((left, index) => left === sessionMinutes(open[index]!, null)) || minutes.every((left) => left === 0)) {
        throw planError(TRADING, field(path, date), {
          found: close.text,
          wanted: 'a time after the first open and before the last close of that day',
          remedy: 'a day without sessions belongs to holidays',
        })
      }
      return [date, close.text] as const
    }),
  )
}

/**
 * Minutes a session lasts on the clocks, at most up to an early close; 0 when that is before the open.
 *
 * A close, early or not, that is not after the open of an overnight session is on the next day.
 */
export function sessionMinutes(session: TradingSession, earlyMinute: number | null): number {
  const open = parseTimeOfDay(session.open)!
  const close = parseTimeOfDay(session.close)!
  const isOvernight = close <= open
  const full = isOvernight ? close + DAY_MINUTES - open : close - open
  if (earlyMinute === null) return full
  const early = isOvernight && earlyMinute <= open ? earlyMinute + DAY_MINUTES - open : earlyMinute - open
  return Math.max(0, Math.min(full, early))
}

type IntervalsShape = Extract<WindowShape, { readonly kind: 'intervals' }>

/** @throws ConfigError `INTERVALS_INVALID`, `PLAN_TYPE`, `PLAN_FIELD_UNKNOWN`, `PLAN_FIELD_MISSING`. */
export function parseIntervals(fields: Fields): IntervalsShape {
  fields.allow(['kind', 'table'])
  const input = sized(fields, 'table', 'intervals: [{"name", "startMs", "endMs"}]', 1, INTERVALS_MAX, 'INTERVALS_INVALID')
  return bare({
    kind: 'intervals',
    table: Object.freeze(input.map((interval, index) => parseInterval(interval, `${fields.at('table')}[${index}]`))),
  })
}

function parseInterval(input: unknown, path: string): IntervalSpec {
  const fields = new Fields(input, path, ['name', 'startMs', 'endMs'], 'an interval: {"name", "startMs", "endMs"}')
  const rule = { code: 'INTERVALS_INVALID', wanted: 'an integer of milliseconds within ±2^53', least: -(2 ** 53) + 1, most: 2 ** 53 - 1 }
  const startMs = fields.integer('startMs', rule)
  const endMs = fields.integer('endMs', rule)
  if (startMs >= endMs) {
    throw planError('INTERVALS_INVALID', path, { found: `startMs ${startMs} and endMs ${endMs}`, wanted: 'a start before the end' }, true)
  }
  return bare({ ...(fields.has('name') ? { name: fields.name('name', 'the name of an interval') } : {}), startMs, endMs })
}

function sized(fields: Fields, name: string, of: string, least: number, most: number, code = TRADING): readonly unknown[] {
  const input = fields.array(name, of)
  if (input.length < least) throw planError(code, fields.at(name), { found: 'an empty array', wanted: of }, true)
  if (input.length > most) throw tooMany(fields.at(name), input.length, most, code)
  return input
}

function tooMany(path: string, count: number, most: number, code = TRADING): Error {
  return planError(code, path, { found: `${count} entries`, wanted: `at most ${most}` }, true)
}
