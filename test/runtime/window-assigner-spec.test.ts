import { describe, expect, test } from 'vitest'
import { ConfigError } from '../../runtime/errors.ts'
import { Fields } from '../../runtime/plan-fields.ts'
import { parseCalendar, parseIntervals, parseTradingDay } from '../../runtime/window-assigner/calendar-spec.ts'

const fieldsOf = (input: object) => new Fields(input, 'operators[2].window', null)
/** As plain JSON: parsed shapes have no prototype. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

function refusal(parse: (fields: Fields) => unknown, input: object): string {
  try {
    parse(fieldsOf(input))
  } catch (error) {
    if (error instanceof ConfigError) return `${error.code} ${String(error.details['path']).replace('operators[2].window', '')}`
    throw error
  }
  return 'accepted'
}

describe('calendar', () => {
  const input = { kind: 'calendar', unit: 'month' }

  test('defaults are filled in', () => {
    expect(plain(parseCalendar(fieldsOf(input)))).toEqual({ kind: 'calendar', unit: 'month', every: 1, timeZone: 'UTC' })
    expect(plain(parseCalendar(fieldsOf({ ...input, anchor: {} })))).toEqual({ kind: 'calendar', unit: 'month', every: 1, timeZone: 'UTC' })
  })

  test('a full one passes as it is', () => {
    const full = {
      kind: 'calendar',
      unit: 'year',
      every: 2,
      timeZone: 'Europe/Berlin',
      anchor: { month: 4, day: 31, hour: 6, minute: 30, from: '2024-02-29' },
    }
    expect(plain(parseCalendar(fieldsOf(full)))).toEqual(full)
    const week = { kind: 'calendar', unit: 'week', every: 1, timeZone: 'UTC', anchor: { weekday: 'sunday' } }
    expect(plain(parseCalendar(fieldsOf(week)))).toEqual(week)
  })

  test.each([
    [{ unit: 'hour' }, 'WINDOW_CALENDAR_INVALID .unit'],
    [{ unit: undefined }, 'PLAN_FIELD_MISSING .unit'],
    [{ every: 0 }, 'WINDOW_CALENDAR_INVALID .every'],
    [{ every: 1.5 }, 'WINDOW_CALENDAR_INVALID .every'],
    [{ every: 10_001 }, 'WINDOW_CALENDAR_INVALID .every'],
    [{ timeZone: 'Europe/Berlinn' }, 'TIME_ZONE_UNKNOWN .timeZone'],
    [{ timeZone: '' }, 'PLAN_TYPE .timeZone'],
    [{ timeZone: 1 }, 'PLAN_TYPE .timeZone'],
    [{ timezone: 'UTC' }, 'PLAN_FIELD_UNKNOWN .timezone'],
    [{ anchor: 5 }, 'PLAN_TYPE .anchor'],
    [{ anchor: { day: 0 } }, 'WINDOW_CALENDAR_INVALID .anchor.day'],
    [{ anchor: { day: 32 } }, 'WINDOW_CALENDAR_INVALID .anchor.day'],
    [{ anchor: { hour: 24 } }, 'WINDOW_CALENDAR_INVALID .anchor.hour'],
    [{ anchor: { minute: -1 } }, 'WINDOW_CALENDAR_INVALID .anchor.minute'],
    [{ anchor: { from: '2024-02-30' } }, 'WINDOW_CALENDAR_INVALID .anchor.from'],
    [{ anchor: { from: 20240201 } }, 'WINDOW_CALENDAR_INVALID .anchor.from'],
    [{ anchor: { weekday: 'monday' } }, 'PLAN_FIELD_UNKNOWN .anchor.weekday'],
    [{ anchor: { month: 3 } }, 'PLAN_FIELD_UNKNOWN .anchor.month'],
    [{ unit: 'week', anchor: { weekday: 'mon' } }, 'WINDOW_CALENDAR_INVALID .anchor.weekday'],
    [{ unit: 'week', anchor: { day: 3 } }, 'PLAN_FIELD_UNKNOWN .anchor.day'],
    [{ unit: 'year', anchor: { month: 13 } }, 'WINDOW_CALENDAR_INVALID .anchor.month'],
  ])('%j is refused', (change, expected) => {
    expect(refusal(parseCalendar, { ...input, ...change })).toBe(expected)
  })

  test('the message says what to do', () => {
    expect(() => parseCalendar(fieldsOf({ ...input, timeZone: 'Berlin' }))).toThrow(
      'Cannot accept operators[2].window.timeZone: found "Berlin", wanted a time zone this runtime knows; use an IANA name such as "Europe/Berlin", or "UTC"',
    )
  })
})

describe('trading day', () => {
  const session = { days: ['mon', 'tue', 'wed', 'thu', 'fri'], open: '09:30', close: '16:00' }
  const input = { kind: 'tradingDay', timeZone: 'America/New_York', sessions: [session] }

  test('a full one passes as it is, and empty lists are left out', () => {
    const full = { ...input, holidays: ['2024-12-25'], early: { '2024-11-29': '13:00' } }
    expect(plain(parseTradingDay(fieldsOf(full)))).toEqual(full)
    expect(plain(parseTradingDay(fieldsOf({ ...input, holidays: [], early: {} })))).toEqual(input)
  })

  test('an overnight session may close early on either day', () => {
    const night = { ...session, open: '17:00', close: '16:00' }
    for (const close of ['12:15', '18:30'])
      expect(refusal(parseTradingDay, { ...input, sessions: [night], early: { '2024-11-27': close } })).toBe('accepted')
  })

  test.each([
    [{ timeZone: undefined }, 'PLAN_FIELD_MISSING .timeZone'],
    [{ timeZone: 'New York' }, 'TIME_ZONE_UNKNOWN .timeZone'],
    [{ sessions: undefined }, 'PLAN_FIELD_MISSING .sessions'],
    [{ sessions: {} }, 'PLAN_TYPE .sessions'],
    [{ sessions: [] }, 'TRADING_DAY_INVALID .sessions'],
    [{ sessions: Array.from({ length: 101 }, () => session) }, 'TRADING_DAY_INVALID .sessions'],
    [{ sessions: [5] }, 'PLAN_TYPE .sessions[0]'],
    [{ sessions: [{ ...session, days: [] }] }, 'TRADING_DAY_INVALID .sessions[0].days'],
    [{ sessions: [{ ...session, days: ['monday'] }] }, 'TRADING_DAY_INVALID .sessions[0].days[0]'],
    [{ sessions: [{ ...session, days: ['mon', 'mon'] }] }, 'TRADING_DAY_INVALID .sessions[0].days[1]'],
    [{ sessions: [{ ...session, open: '9:30' }] }, 'TRADING_DAY_INVALID .sessions[0].open'],
    [{ sessions: [{ ...session, close: '24:00' }] }, 'TRADING_DAY_INVALID .sessions[0].close'],
    [{ sessions: [{ ...session, name: 'regular' }] }, 'PLAN_FIELD_UNKNOWN .sessions[0].name'],
    [{ holidays: '2024-12-25' }, 'PLAN_TYPE .holidays'],
    [{ holidays: ['25.12.2024'] }, 'TRADING_DAY_INVALID .holidays[0]'],
    [{ holidays: ['2023-02-29'] }, 'TRADING_DAY_INVALID .holidays[0]'],
    [{ early: { '2024-11-31': '13:00' } }, 'TRADING_DAY_INVALID .early["2024-11-31"]'],
    [{ early: { '2024-11-29': '1pm' } }, 'TRADING_DAY_INVALID .early["2024-11-29"]'],
    // A Saturday, a holiday, a close that is not early, a close before the open.
    [{ early: { '2024-11-30': '13:00' } }, 'TRADING_DAY_INVALID .early["2024-11-30"]'],
    [{ early: { '2024-11-29': '13:00' }, holidays: ['2024-11-29'] }, 'TRADING_DAY_INVALID .early["2024-11-29"]'],
    [{ early: { '2024-11-29': '16:00' } }, 'TRADING_DAY_INVALID .early["2024-11-29"]'],
    [{ early: { '2024-11-29': '09:30' } }, 'TRADING_DAY_INVALID .early["2024-11-29"]'],
  ])('%j is refused', (change, expected) => {
    expect(refusal(parseTradingDay, { ...input, ...change })).toBe(expected)
  })
})

describe('intervals', () => {
  const input = (...table: readonly unknown[]) => ({ kind: 'intervals', table })

  test('a table passes as it is', () => {
    const table = [
      { name: 'black friday', startMs: 0, endMs: 10 },
      { startMs: -5, endMs: 5 },
    ]
    expect(plain(parseIntervals(fieldsOf(input(...table))))).toEqual(input(...table))
  })

  test.each([
    [input(), 'INTERVALS_INVALID .table'],
    [{ kind: 'intervals' }, 'PLAN_FIELD_MISSING .table'],
    [input(...Array.from({ length: 10_001 }, () => ({ startMs: 0, endMs: 1 }))), 'INTERVALS_INVALID .table'],
    [input(null), 'PLAN_TYPE .table[0]'],
    [input({ startMs: 0 }), 'PLAN_FIELD_MISSING .table[0].endMs'],
    [input({ startMs: 5, endMs: 5 }), 'INTERVALS_INVALID .table[0]'],
    [input({ startMs: 0, endMs: 1 }, { startMs: 6, endMs: 5 }), 'INTERVALS_INVALID .table[1]'],
    [input({ startMs: 0.5, endMs: 5 }), 'INTERVALS_INVALID .table[0].startMs'],
    [input({ startMs: '0', endMs: 5 }), 'INTERVALS_INVALID .table[0].startMs'],
    [input({ startMs: 0, endMs: 2 ** 53 }), 'INTERVALS_INVALID .table[0].endMs'],
    [input({ startMs: 0, endMs: 5, name: '' }), 'PLAN_TYPE .table[0].name'],
    [input({ start: 0, endMs: 5 }), 'PLAN_FIELD_UNKNOWN .table[0].start'],
  ])('%#: a bad table is refused', (table, expected) => {
    expect(refusal(parseIntervals, table)).toBe(expected)
  })
})
