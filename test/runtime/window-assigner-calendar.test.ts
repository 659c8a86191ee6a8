import { readFileSync } from 'node:fs'
import { Temporal } from 'temporal-polyfill'
import { describe, expect, test } from 'vitest'
import type { CalendarAnchor, CalendarShape, CalendarUnit } from '../../runtime/plan-spec.ts'
import { CalendarPeriods } from '../../runtime/window-assigner/calendar-periods.ts'
import { civilOf, dayOf, parseDate, parseTimeOfDay, weekdayOf } from '../../runtime/window-assigner/civil-date.ts'
import { CALENDAR_EVERY_MAX, WEEKDAYS } from '../../runtime/window-assigner/calendar-spec.ts'
import { TimeZone } from '../../runtime/window-assigner/time-zone.ts'
import { windowAssigner } from '../../runtime/window-assigner/window-assigner.ts'
import { oracleCalendar } from '../oracle/calendar.ts'
import { assignAll, assignOne } from '../support/assigned.ts'
import { Prng } from '../support/prng.ts'
import { sharedDescribe, sharedPath } from '../support/shared-data.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const MAX = 8.64e15

function calendar(unit: CalendarUnit, timeZone = 'UTC', anchor?: CalendarAnchor, every = 1): CalendarShape {
  return { kind: 'calendar', unit, every, timeZone, ...(anchor === undefined ? {} : { anchor }) }
}

/** The window of a time as text: of its start and end, the local date, time and offset. */
function windowAt(shape: CalendarShape, time: string): string {
  const [window] = assignOne(shape, Temporal.Instant.from(time).epochMilliseconds)
  return window!.map((bound) => local(bound, shape.timeZone)).join(' to ')
}

function local(timeMs: number, timeZone: string): string {
  return Temporal.Instant.fromEpochMilliseconds(timeMs)
    .toZonedDateTimeISO(timeZone)
    .toString({ timeZoneName: 'never', smallestUnit: 'minute' })
}

function hoursOf(shape: CalendarShape, time: string): number {
  const [[start, end]] = assignOne(shape, Temporal.Instant.from(time).epochMilliseconds) as [[number, number]]
  return (end - start) / HOUR
}

describe('days across changes of the clocks', () => {
  test.each([
    ['Europe/Berlin', '2024-03-31T12:00Z', 23],
    ['Europe/Berlin', '2024-10-27T12:00Z', 25],
    ['America/New_York', '2024-03-10T12:00Z', 23],
    ['America/New_York', '2024-11-03T12:00Z', 25],
    ['Australia/Lord_Howe', '2024-10-06T00:00Z', 23.5],
    ['Australia/Lord_Howe', '2024-04-07T00:00Z', 24.5],
    ['Asia/Kathmandu', '2024-06-01T00:00Z', 24],
    ['UTC', '2024-03-31T12:00Z', 24],
  ])('a day in %s at %s has %d hours', (timeZone, time, hours) => {
    expect(hoursOf(calendar('day', timeZone), time)).toBe(hours)
  })

  test('a day whose midnight is in a gap begins when the gap ends', () => {
    expect(windowAt(calendar('day', 'America/Sao_Paulo'), '2018-11-04T12:00Z')).toBe('2018-11-04T01:00-02:00 to 2018-11-05T00:00-02:00')
    expect(windowAt(calendar('day', 'America/Sao_Paulo'), '2018-11-04T02:59Z')).toBe('2018-11-03T00:00-03:00 to 2018-11-04T01:00-02:00')
  })

  test('a day whose last hour is repeated has it twice', () => {
    expect(windowAt(calendar('day', 'America/Sao_Paulo'), '2018-02-18T02:30Z')).toBe('2018-02-17T00:00-02:00 to 2018-02-18T00:00-03:00')
  })

  test('a day that a zone has left out has no window', () => {
    const shape = calendar('day', 'Pacific/Apia')
    expect(windowAt(shape, '2011-12-30T09:59:59Z')).toBe('2011-12-29T00:00-10:00 to 2011-12-31T00:00+14:00')
    expect(windowAt(shape, '2011-12-30T10:00Z')).toBe('2011-12-31T00:00+14:00 to 2012-01-01T00:00+14:00')
  })

  test('a day that a zone has repeated is one window of both', () => {
    expect(hoursOf(calendar('day', 'America/Juneau'), '1867-10-19T00:00Z')).toBe(48)
  })

  test('a quarter of an hour of offset is part of the begin', () => {
    expect(windowAt(calendar('day', 'Asia/Kathmandu'), '2024-06-01T00:00Z')).toBe('2024-06-01T00:00+05:45 to 2024-06-02T00:00+05:45')
    // Until 1986 the offset was +05:30.
    expect(windowAt(calendar('day', 'Asia/Kathmandu'), '1985-12-31T12:00Z')).toBe('1985-12-31T00:00+05:30 to 1986-01-01T00:15+05:45')
  })
})

describe('hour anchors', () => {
  const at = (hour: number, minute = 0) => calendar('day', 'Europe/Berlin', { hour, minute })

  test('a begin in the gap is moved later by the gap, that day only', () => {
    expect(windowAt(at(2, 30), '2024-03-31T12:00Z')).toBe('2024-03-31T03:30+02:00 to 2024-04-01T02:30+02:00')
    expect(windowAt(at(2, 30), '2024-03-31T01:00Z')).toBe('2024-03-30T02:30+01:00 to 2024-03-31T03:30+02:00')
  })

  test('a begin in the overlap is the first of the two', () => {
    expect(windowAt(at(2, 30), '2024-10-27T00:29Z')).toBe('2024-10-26T02:30+02:00 to 2024-10-27T02:30+02:00')
    expect(windowAt(at(2, 30), '2024-10-27T00:30Z')).toBe('2024-10-27T02:30+02:00 to 2024-10-28T02:30+01:00')
    expect(windowAt(at(2, 30), '2024-10-27T01:30Z')).toBe('2024-10-27T02:30+02:00 to 2024-10-28T02:30+01:00')
  })

  test('gas days begin at 06:00 on the clocks, summer and winter', () => {
    expect(windowAt(at(6), '2024-03-31T03:59Z')).toBe('2024-03-30T06:00+01:00 to 2024-03-31T06:00+02:00')
    expect(hoursOf(at(6), '2024-03-30T12:00Z')).toBe(23)
  })
})

describe('weeks, months, quarters, years', () => {
  test('weeks begin on Monday, or as the anchor says', () => {
    expect(windowAt(calendar('week'), '2024-02-29T12:00Z')).toBe('2024-02-26T00:00+00:00 to 2024-03-04T00:00+00:00')
    expect(windowAt(calendar('week', 'UTC', { weekday: 'sunday' }), '2024-02-29T12:00Z')).toBe(
      '2024-02-25T00:00+00:00 to 2024-03-03T00:00+00:00',
    )
    expect(hoursOf(calendar('week', 'America/New_York', { weekday: 'sunday' }), '2024-03-12T12:00Z')).toBe(7 * 24 - 1)
  })

  test.each([
    ['2024-01-31T00:00Z', '2024-01-31T00:00+00:00 to 2024-02-29T00:00+00:00'],
    ['2024-02-28T23:59Z', '2024-01-31T00:00+00:00 to 2024-02-29T00:00+00:00'],
    ['2024-02-29T00:00Z', '2024-02-29T00:00+00:00 to 2024-03-31T00:00+00:00'],
    ['2023-02-28T00:00Z', '2023-02-28T00:00+00:00 to 2023-03-31T00:00+00:00'],
    ['2024-04-30T00:00Z', '2024-04-30T00:00+00:00 to 2024-05-31T00:00+00:00'],
    ['1900-02-28T00:00Z', '1900-02-28T00:00+00:00 to 1900-03-31T00:00+00:00'],
    ['2000-02-29T00:00Z', '2000-02-29T00:00+00:00 to 2000-03-31T00:00+00:00'],
  ])('billing months from the 31st: at %s', (time, window) => {
    expect(windowAt(calendar('month', 'UTC', { day: 31 }), time)).toBe(window)
  })

  test('billing months from the 30th fall on the last of February alone', () => {
    expect(windowAt(calendar('month', 'UTC', { day: 30 }), '2023-03-01T00:00Z')).toBe('2023-02-28T00:00+00:00 to 2023-03-30T00:00+00:00')
  })

  test('billing cycles by day, hour and zone', () => {
    const shape = calendar('month', 'America/New_York', { day: 15, hour: 4 })
    expect(windowAt(shape, '2024-03-15T07:59Z')).toBe('2024-02-15T04:00-05:00 to 2024-03-15T04:00-04:00')
    expect(windowAt(shape, '2024-03-15T08:00Z')).toBe('2024-03-15T04:00-04:00 to 2024-04-15T04:00-04:00')
  })

  test('years may begin on a leap day, quarters in any month', () => {
    const leap = calendar('year', 'UTC', { month: 2, day: 29 })
    expect(windowAt(leap, '2024-02-28T23:00Z')).toBe('2023-02-28T00:00+00:00 to 2024-02-29T00:00+00:00')
    expect(windowAt(leap, '2024-02-29T00:00Z')).toBe('2024-02-29T00:00+00:00 to 2025-02-28T00:00+00:00')
    expect(windowAt(calendar('quarter'), '2024-06-30T00:00Z')).toBe('2024-04-01T00:00+00:00 to 2024-07-01T00:00+00:00')
    expect(windowAt(calendar('quarter', 'UTC', { month: 11 }), '2024-01-31T00:00Z')).toBe(
      '2023-11-01T00:00+00:00 to 2024-02-01T00:00+00:00',
    )
    expect(windowAt(calendar('year', 'Europe/London', { month: 4, day: 6 }), '2024-04-05T22:59Z')).toBe(
      '2023-04-06T00:00+01:00 to 2024-04-06T00:00+01:00',
    )
  })
})

describe('several units', () => {
  test('are counted from the period that begins in the week, month, quarter or year of `from`', () => {
    const window = '2014-03-05T00:00+00:00 to 2014-10-05T00:00+00:00'
    for (const from of ['2014-03-01', '2014-03-05', '2014-03-31'])
      expect(windowAt(calendar('month', 'UTC', { day: 5, from }, 7), '2014-06-01T00:00Z')).toBe(window)
    expect(windowAt(calendar('week', 'UTC', { weekday: 'wednesday', from: '2024-01-05' }, 2), '2024-01-05T00:00Z')).toBe(
      '2024-01-03T00:00+00:00 to 2024-01-17T00:00+00:00',
    )
  })

  test('begin on the very date of `from` when nothing else is said', () => {
    expect(windowAt(calendar('month', 'UTC', { from: '2024-01-31' }, 3), '2024-04-29T00:00Z')).toBe(
      '2024-01-31T00:00+00:00 to 2024-04-30T00:00+00:00',
    )
    expect(windowAt(calendar('week', 'UTC', { from: '2024-01-05' }, 2), '2024-01-18T00:00Z')).toBe(
      '2024-01-05T00:00+00:00 to 2024-01-19T00:00+00:00',
    )
    expect(windowAt(calendar('quarter', 'UTC', { from: '2024-02-10' }), '2024-02-10T00:00Z')).toBe(
      '2024-02-10T00:00+00:00 to 2024-05-10T00:00+00:00',
    )
  })

  test('are counted from 1970 without `from`', () => {
    expect(windowAt(calendar('year', 'UTC', undefined, 10), '2024-01-01T00:00Z')).toBe('2020-01-01T00:00+00:00 to 2030-01-01T00:00+00:00')
    expect(windowAt(calendar('day', 'UTC', undefined, 3), '1969-12-31T00:00Z')).toBe('1969-12-29T00:00+00:00 to 1970-01-01T00:00+00:00')
    expect(windowAt(calendar('week', 'UTC', undefined, 2), '1970-01-01T00:00Z')).toBe('1969-12-29T00:00+00:00 to 1970-01-12T00:00+00:00')
  })
})

describe('far from now', () => {
  test('before standard time, local mean time counts to the second', () => {
    // New York was at -4:56:02 until 18 November 1883.
    const [[start, end]] = assignOne(calendar('day', 'America/New_York'), Date.UTC(1850, 0, 1, 12)) as [[number, number]]
    expect([start, end]).toEqual([Date.UTC(1850, 0, 1, 4, 56, 2), Date.UTC(1850, 0, 2, 4, 56, 2)])
  })

  test.each(['UTC', 'Europe/Berlin', 'Asia/Manila', 'Pacific/Kiritimati'])(
    'the first and the last timestamp have windows in %s',
    (timeZone) => {
      for (const unit of ['day', 'week', 'month', 'quarter', 'year'] as const) {
        for (const every of [1, CALENDAR_EVERY_MAX]) {
          for (const time of [-MAX, -MAX + 1, MAX - 1, MAX]) {
            const [[start, end]] = assignOne(calendar(unit, timeZone, undefined, every), time) as [[number, number]]
            expect(start <= time && time < end && Number.isSafeInteger(start) && Number.isSafeInteger(end)).toBe(true)
          }
        }
      }
    },
  )

  test('years BC are leap years by the same rule', () => {
    // Year 0 is a leap year of the proleptic Gregorian calendar.
    const start = dayOf(0, 2, 29) * DAY
    expect(assignOne(calendar('month', 'UTC', { day: 31 }), start)).toEqual([[start, start + 31 * DAY]])
  })
})

const ZONES = [
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'Australia/Lord_Howe',
  'America/Sao_Paulo',
  'Asia/Kathmandu',
  'Pacific/Apia',
  'Africa/Casablanca',
  'America/St_Johns',
  'Asia/Tehran',
  'Pacific/Kwajalein',
  'Antarctica/Troll',
]

function randomShape(prng: Prng): CalendarShape {
  const unit = prng.pick(['day', 'week', 'month', 'quarter', 'year'] as const)
  const maybe = <T extends object>(part: T): Partial<T> => (prng.int(2) === 0 ? part : {})
  const anchor: CalendarAnchor = {
    ...(unit === 'quarter' || unit === 'year' ? maybe({ month: 1 + prng.int(12) }) : {}),
    ...(unit === 'day' || unit === 'week' ? {} : maybe({ day: prng.pick([1, 5, 15, 28, 29, 30, 31]) })),
    ...(unit === 'week' ? maybe({ weekday: prng.pick(WEEKDAYS) }) : {}),
    ...maybe({ hour: prng.pick([0, 1, 2, 3, 6, 23]) }),
    ...maybe({ minute: prng.pick([0, 15, 30, 59]) }),
    ...maybe({ from: prng.pick(['1969-02-28', '1970-01-01', '2014-03-05', '2024-01-31', '2024-02-29', '2023-12-31']) }),
  }
  return calendar(unit, prng.pick(ZONES), anchor, unit === 'year' ? 1 + prng.int(2) : 1 + prng.int(4))
}

/** Years 1900 to 2100; half of the times within a day and a half of a change of the clocks. */
function randomTime(prng: Prng, timeZone: string): number {
  const time = Date.UTC(1900, 0, 1) + Math.floor(prng.next() * 200 * 365.25 * DAY)
  const change = Temporal.Instant.fromEpochMilliseconds(time).toZonedDateTimeISO(timeZone).getTimeZoneTransition('next')
  if (change === null || prng.int(2) === 0) return time
  return change.epochMilliseconds + prng.pick([-1, 0, 1, Math.floor((prng.next() - 0.5) * 3 * DAY)])
}

test('every time is in the window that walking from day to day finds', () => {
  for (let seed = 1; seed <= 120; seed++) {
    const prng = new Prng(seed)
    const shape = randomShape(prng)
    const times = Array.from({ length: 6 }, () => randomTime(prng, shape.timeZone))
    const expected = times.map((time) => [oracleCalendar(shape, time)])
    expect(assignAll(windowAssigner(shape), times), `seed ${seed}: ${JSON.stringify(shape)} ${times.join(' ')}`).toEqual(expected)
  }
})

test('windows tile the line, and begin at the anchor on the clocks unless that is in a gap', () => {
  for (let seed = 1; seed <= 200; seed++) {
    const prng = new Prng(seed)
    const shape = randomShape(prng)
    const { hour = 0, minute = 0 } = shape.anchor ?? {}
    const periods = new CalendarPeriods(shape)
    let { fromMs, untilMs } = periods.segmentAt(randomTime(prng, shape.timeZone))
    for (let step = 0; step < 20; step++) {
      expect(untilMs, `seed ${seed}`).toBeGreaterThan(fromMs)
      expect(periods.segmentAt(fromMs - 1).untilMs, `seed ${seed}`).toBe(fromMs)
      const date = Temporal.Instant.fromEpochMilliseconds(fromMs).toZonedDateTimeISO(shape.timeZone).toPlainDate()
      // A gap that holds midnight may move the begin to the next date.
      const anchored = [date, date.subtract({ days: 1 })].map((day) => day.toPlainDateTime({ hour, minute }))
      const begins = anchored.map((plain) => plain.toZonedDateTime(shape.timeZone, { disambiguation: 'compatible' }))
      const isAtAnchor = begins[0]!.epochMilliseconds === fromMs && begins[0]!.toPlainDateTime().equals(anchored[0]!)
      const isInGap = begins.some((begin, index) => begin.epochMilliseconds === fromMs && !begin.toPlainDateTime().equals(anchored[index]!))
      expect(isAtAnchor || isInGap, `seed ${seed}: ${fromMs}`).toBe(true)
      const next = periods.segmentAt(untilMs)
      expect(next.fromMs).toBe(untilMs)
      ;({ fromMs, untilMs } = next)
    }
  }
})

test('windows do not depend on the order of the records, nor on how many are remembered', () => {
  const prng = new Prng(7)
  const shape = calendar('day', 'Europe/Berlin')
  const times = Array.from({ length: 16_000 }, () => Date.UTC(1990, 0, 1) + prng.int(20_000) * DAY + prng.int(DAY))
  const sorted = [...times].sort((a, b) => a - b)
  const bySorted = new Map(assignAll(windowAssigner(shape), sorted).map((windows, index) => [sorted[index]!, windows]))
  expect(assignAll(windowAssigner(shape), times)).toEqual(times.map((time) => bySorted.get(time)))
})

test('local times are those of the date library, gaps and overlaps included', () => {
  const prng = new Prng(11)
  for (const name of [...ZONES, 'America/Juneau', 'Asia/Manila', 'Africa/Monrovia', 'Europe/Dublin', '+05:30']) {
    const zone = new TimeZone(name)
    for (let count = 0; count < 150; count++) {
      const time = name.startsWith('+') ? prng.int(2 ** 31) * 1000 : randomTime(prng, name)
      const plain = Temporal.Instant.fromEpochMilliseconds(time).toZonedDateTimeISO(name).toPlainDateTime()
      const localMs = plain.toZonedDateTime('UTC').epochMilliseconds
      expect(zone.localOf(time), `${name} ${time}`).toBe(localMs)
      const near = plain.add({ minutes: prng.int(3 * 1440) - 1440 }).with({ second: 0, millisecond: 0 })
      expect(zone.instantOf(near.toZonedDateTime('UTC').epochMilliseconds), `${name} ${near.toString()}`).toBe(
        near.toZonedDateTime(name, { disambiguation: 'compatible' }).epochMilliseconds,
      )
    }
  }
})

test('days and dates are inverse, and those of Date', () => {
  for (let day = -1_000_000; day <= 1_000_000; day += 97) {
    const { year, month, day: dayOfMonth } = civilOf(day)
    const date = new Date(day * DAY)
    expect([year, month, dayOfMonth]).toEqual([date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate()])
    expect(dayOf(year, month, dayOfMonth)).toBe(day)
    expect((weekdayOf(day) + 1) % 7).toBe(date.getUTCDay())
  }
})

test('dates and times of day are read strictly', () => {
  expect([parseDate('1970-01-02'), parseDate('2024-02-29'), parseDate('0000-03-01')]).toEqual([1, 19_782, -719_468])
  for (const text of ['2023-02-29', '2024-13-01', '2024-00-10', '2024-01-00', '2024-1-1', '24-01-01', '2024-01-01T00:00', ' 2024-01-01'])
    expect(parseDate(text), text).toBeNull()
  expect([parseTimeOfDay('00:00'), parseTimeOfDay('23:59')]).toEqual([0, 1439])
  for (const text of ['24:00', '9:30', '09:60', '09:30:00', '']) expect(parseTimeOfDay(text), text).toBeNull()
})

sharedDescribe('conformance cases of calendar windows', () => {
  interface CalendarCase {
    readonly id: string
    readonly config: {
      readonly window: {
        type: string
        unit: CalendarUnit
        count: number
        startDay?: 'wednesday'
        startMonth?: string
        dayOfMonth?: number
        timeZone?: string
      }
    }
    readonly assign?: readonly { readonly t: number; readonly windows: readonly (readonly [number, number])[] }[]
  }
  const { cases } = JSON.parse(readFileSync(sharedPath('conformance', 'windows-assign.json'), 'utf8')) as { cases: CalendarCase[] }
  const calendarCases = cases.filter(({ config }) => config.window?.type === 'calendar')

  test.each(calendarCases)('$id', ({ config: { window }, assign }) => {
    const { unit, count, startDay, startMonth, dayOfMonth, timeZone } = window
    const anchor: CalendarAnchor = {
      ...(startDay === undefined ? {} : { weekday: startDay }),
      ...(dayOfMonth === undefined ? {} : { day: dayOfMonth }),
      ...(startMonth === undefined ? {} : { from: `${startMonth}-01` }),
    }
    expect(
      assignAll(
        windowAssigner(calendar(unit, timeZone, anchor, count)),
        assign!.map(({ t }) => t),
      ),
    ).toEqual(assign!.map(({ windows }) => windows))
  })

  test('are there', () => {
    expect(calendarCases.length).toBeGreaterThan(0)
  })
})
