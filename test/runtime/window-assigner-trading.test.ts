import { Temporal } from 'temporal-polyfill'
import { describe, expect, test } from 'vitest'
import type { ShortWeekday, TradingDayShape } from '../../runtime/plan-spec.ts'
import { SHORT_WEEKDAYS } from '../../runtime/window-assigner/calendar-spec.ts'
import { windowAssigner } from '../../runtime/window-assigner/window-assigner.ts'
import { assignAll, assignOne, type Bounds } from '../support/assigned.ts'
import { Prng } from '../support/prng.ts'

const MINUTE = 60_000
const DAY = 86_400_000
const WEEK: readonly ShortWeekday[] = ['mon', 'tue', 'wed', 'thu', 'fri']

const newYork: TradingDayShape = {
  kind: 'tradingDay',
  timeZone: 'America/New_York',
  sessions: [{ days: WEEK, open: '09:30', close: '16:00' }],
  holidays: ['2024-11-28', '2024-12-25'],
  early: { '2024-11-29': '13:00', '2024-12-24': '13:00' },
}
const tokyo: TradingDayShape = {
  kind: 'tradingDay',
  timeZone: 'Asia/Tokyo',
  sessions: [
    { days: WEEK, open: '09:00', close: '11:30' },
    { days: WEEK, open: '12:30', close: '15:30' },
  ],
  early: { '2024-12-30': '12:00' },
}
const chicago: TradingDayShape = {
  kind: 'tradingDay',
  timeZone: 'America/Chicago',
  sessions: [{ days: ['sun', 'mon', 'tue', 'wed', 'thu'], open: '17:00', close: '16:00' }],
  early: { '2024-11-27': '12:15', '2024-12-24': '18:30' },
}

/** Windows of a local time of the exchange, as local times. */
function sessionsAt(shape: TradingDayShape, localTime: string): string[] {
  const time = Temporal.PlainDateTime.from(localTime).toZonedDateTime(shape.timeZone).epochMilliseconds
  return assignOne(shape, time).map((window) => window.map((bound) => local(shape, bound)).join(' to '))
}

function local(shape: TradingDayShape, timeMs: number): string {
  return Temporal.Instant.fromEpochMilliseconds(timeMs)
    .toZonedDateTimeISO(shape.timeZone)
    .toPlainDateTime()
    .toString({ smallestUnit: 'minute' })
}

describe('a session is [open, close)', () => {
  test('before the open, in the session, at the close', () => {
    expect(sessionsAt(newYork, '2024-11-27T09:29:59.999')).toEqual([])
    expect(sessionsAt(newYork, '2024-11-27T09:30')).toEqual(['2024-11-27T09:30 to 2024-11-27T16:00'])
    expect(sessionsAt(newYork, '2024-11-27T15:59:59.999')).toEqual(['2024-11-27T09:30 to 2024-11-27T16:00'])
    expect(sessionsAt(newYork, '2024-11-27T16:00')).toEqual([])
  })

  test('none on weekends and holidays', () => {
    for (const time of ['2024-11-28T12:00', '2024-11-30T12:00', '2024-12-01T12:00', '2024-12-25T12:00'])
      expect(sessionsAt(newYork, time)).toEqual([])
  })

  test('ends at an early close', () => {
    expect(sessionsAt(newYork, '2024-11-29T12:59')).toEqual(['2024-11-29T09:30 to 2024-11-29T13:00'])
    expect(sessionsAt(newYork, '2024-11-29T13:00')).toEqual([])
  })

  test('opens at the same local time after the clocks have changed', () => {
    expect(assignOne(newYork, Date.UTC(2024, 2, 8, 15))).toEqual([[Date.UTC(2024, 2, 8, 14, 30), Date.UTC(2024, 2, 8, 21)]])
    expect(assignOne(newYork, Date.UTC(2024, 2, 11, 15))).toEqual([[Date.UTC(2024, 2, 11, 13, 30), Date.UTC(2024, 2, 11, 20)]])
  })
})

describe('several sessions', () => {
  test('of a day are windows of their own, and the break is in none', () => {
    expect(sessionsAt(tokyo, '2024-11-27T11:29')).toEqual(['2024-11-27T09:00 to 2024-11-27T11:30'])
    expect(sessionsAt(tokyo, '2024-11-27T12:00')).toEqual([])
    expect(sessionsAt(tokyo, '2024-11-27T12:30')).toEqual(['2024-11-27T12:30 to 2024-11-27T15:30'])
  })

  test('that would open after an early close are left out', () => {
    expect(sessionsAt(tokyo, '2024-12-30T09:00')).toEqual(['2024-12-30T09:00 to 2024-12-30T11:30'])
    expect(sessionsAt(tokyo, '2024-12-30T13:00')).toEqual([])
  })

  test('that overlap all hold the record, in order', () => {
    const extended: TradingDayShape = { ...newYork, sessions: [...newYork.sessions, { days: WEEK, open: '04:00', close: '20:00' }] }
    expect(sessionsAt(extended, '2024-11-27T10:00')).toEqual([
      '2024-11-27T04:00 to 2024-11-27T20:00',
      '2024-11-27T09:30 to 2024-11-27T16:00',
    ])
    expect(sessionsAt(extended, '2024-11-27T17:00')).toEqual(['2024-11-27T04:00 to 2024-11-27T20:00'])
  })

  test('that are the same are one window', () => {
    expect(assignOne({ ...newYork, sessions: [...newYork.sessions, ...newYork.sessions] }, Date.UTC(2024, 10, 27, 15))).toHaveLength(1)
  })
})

describe('overnight sessions', () => {
  test('belong to the day on which they open', () => {
    expect(sessionsAt(chicago, '2024-11-24T17:00')).toEqual(['2024-11-24T17:00 to 2024-11-25T16:00'])
    expect(sessionsAt(chicago, '2024-11-25T15:59')).toEqual(['2024-11-24T17:00 to 2024-11-25T16:00'])
    expect(sessionsAt(chicago, '2024-11-25T16:30')).toEqual([])
    expect(sessionsAt(chicago, '2024-11-29T17:00')).toEqual([])
  })

  test('have their early close on the next day, unless it is after the open', () => {
    expect(sessionsAt(chicago, '2024-11-28T12:14')).toEqual(['2024-11-27T17:00 to 2024-11-28T12:15'])
    expect(sessionsAt(chicago, '2024-11-28T12:15')).toEqual([])
    expect(sessionsAt(chicago, '2024-12-24T18:00')).toEqual(['2024-12-24T17:00 to 2024-12-24T18:30'])
    expect(sessionsAt(chicago, '2024-12-25T00:00')).toEqual([])
  })

  test('that close when they open last a day', () => {
    const always: TradingDayShape = {
      kind: 'tradingDay',
      timeZone: 'UTC',
      sessions: [{ days: SHORT_WEEKDAYS, open: '22:00', close: '22:00' }],
    }
    expect(assignOne(always, Date.UTC(2024, 0, 1, 22))).toEqual([[Date.UTC(2024, 0, 1, 22), Date.UTC(2024, 0, 2, 22)]])
  })

  test('are an hour longer or shorter in nights in which the clocks change', () => {
    const [spring] = assignOne(chicago, Date.UTC(2024, 2, 11, 0))
    const [autumn] = assignOne(chicago, Date.UTC(2024, 10, 4, 0))
    expect([spring!, autumn!].map(([start, end]) => (end - start) / DAY)).toEqual([23 / 24, 23 / 24])
    const night: TradingDayShape = { ...chicago, sessions: [{ days: ['sat'], open: '20:00', close: '08:00' }] }
    const lengths = [Date.UTC(2024, 2, 10, 10), Date.UTC(2024, 10, 3, 10)].map((time) => assignOne(night, time)[0]!)
    expect(lengths.map(([start, end]) => (end - start) / 3_600_000)).toEqual([11, 13])
  })
})

test('a day that the zone has left out has no session', () => {
  // Samoa had no Friday 2011-12-30.
  const apia: TradingDayShape = {
    kind: 'tradingDay',
    timeZone: 'Pacific/Apia',
    sessions: [{ days: ['fri'], open: '09:00', close: '17:00' }],
  }
  const times = Array.from({ length: 72 }, (_, hour) => Date.UTC(2011, 11, 29, 12) + hour * 3_600_000)
  expect(assignAll(windowAssigner(apia), times).flat()).toEqual([])
})

/** All sessions of the days around a time, made by the date library, and those that hold it. */
function naive(shape: TradingDayShape, time: number): Bounds[] {
  const today = Temporal.Instant.fromEpochMilliseconds(time).toZonedDateTimeISO(shape.timeZone).toPlainDate()
  const found = new Map<string, Bounds>()
  for (let days = -3; days <= 3; days++) {
    const date = today.add({ days })
    if (shape.holidays?.includes(date.toString()) === true) continue
    for (const { days: weekdays, open, close } of shape.sessions) {
      if (!weekdays.includes(SHORT_WEEKDAYS[date.dayOfWeek - 1]!)) continue
      const opens = date.toPlainDateTime(open)
      let closes = date.add({ days: close <= open ? 1 : 0 }).toPlainDateTime(close)
      const early = shape.early?.[date.toString()]
      if (early !== undefined) {
        const earlier = date.add({ days: close <= open && early <= open ? 1 : 0 }).toPlainDateTime(early)
        if (Temporal.PlainDateTime.compare(earlier, closes) < 0) closes = earlier
      }
      if (Temporal.PlainDateTime.compare(opens, closes) >= 0) continue
      const [start, end] = [opens, closes].map((plain) => plain.toZonedDateTime(shape.timeZone).epochMilliseconds) as [number, number]
      if (start <= time && time < end) found.set(`${start} ${end}`, [start, end])
    }
  }
  return [...found.values()].sort((a, b) => a[0] - b[0] || a[1] - b[1])
}

test('every time is in the sessions that a scan of the days around it finds', () => {
  const timeOfDay = (prng: Prng) => `${String(prng.int(24)).padStart(2, '0')}:${prng.pick(['00', '15', '30', '59'])}`
  for (let seed = 1; seed <= 60; seed++) {
    const prng = new Prng(seed)
    const base = Date.UTC(2024, prng.int(12), 1 + prng.int(28))
    const dateAt = (days: number) => new Date(base + days * DAY).toISOString().slice(0, 10)
    const shape: TradingDayShape = {
      kind: 'tradingDay',
      timeZone: prng.pick(['America/New_York', 'Europe/London', 'Australia/Sydney', 'Asia/Tokyo', 'America/Sao_Paulo']),
      sessions: Array.from({ length: 1 + prng.int(3) }, () => ({
        days: SHORT_WEEKDAYS.filter(() => prng.int(3) > 0),
        open: timeOfDay(prng),
        close: timeOfDay(prng),
      })),
      holidays: [dateAt(prng.int(10))],
      early: { [dateAt(prng.int(10))]: timeOfDay(prng), [dateAt(prng.int(10))]: timeOfDay(prng) },
    }
    const times = Array.from({ length: 60 }, () => base + prng.int(10 * 1440) * MINUTE + prng.pick([-1, 0, 0, 1]))
    expect(assignAll(windowAssigner(shape), times), `seed ${seed}`).toEqual(times.map((time) => naive(shape, time)))
  }
})
