/** What the guide says of calendar windows, trading days and intervals in words, one fact a test. */

import { describe, expect, test } from 'vitest'
import { calendar, type CalendarOptions, intervals, tradingDay } from '../../runtime/index.ts'
import { code, counted, ms, status, windows } from './guide/counted-windows.ts'
import { at } from './guide/pictures.ts'

describe('calendar windows', () => {
  const zoned = async (unit: 'day' | 'week' | 'month' | 'quarter' | 'year', options: CalendarOptions, ...times: string[]) => {
    const found = await windows(calendar(unit, options), ms(...times.map((time) => Date.parse(time))))
    return found.map(([start, end]) => [new Date(start! * 1000).toISOString().slice(0, 16), (end! - start!) / 3600] as const)
  }

  test('the 31st does not drift', async () => {
    const begins = await zoned(
      'month',
      { anchor: { day: 31 } },
      '2024-02-01T00:00Z',
      '2024-03-01T00:00Z',
      '2024-03-31T00:00Z',
      '2024-04-30T00:00Z',
    )
    expect(begins.map(([start]) => start.slice(0, 10))).toEqual(['2024-01-31', '2024-02-29', '2024-03-31', '2024-04-30'])
  })

  test('years may begin on 29 February, in other years on the 28th', async () => {
    const begins = await zoned('year', { anchor: { month: 2, day: 29 } }, '2023-06-01T00:00Z', '2024-06-01T00:00Z')
    expect(begins.map(([start]) => start.slice(0, 10))).toEqual(['2023-02-28', '2024-02-29'])
  })

  test('quarters begin in any month of the anchor', async () => {
    const begins = await zoned('quarter', { anchor: { month: 2 } }, '2024-01-01T00:00Z', '2024-04-30T00:00Z', '2024-05-01T00:00Z')
    expect(begins.map(([start]) => start.slice(0, 10))).toEqual(['2023-11-01', '2024-02-01', '2024-05-01'])
  })

  test('several units are counted from the anchor', async () => {
    const seven = await zoned(
      'month',
      { every: 7, anchor: { from: '2014-03-01', day: 5 } },
      '2014-03-05T00:00Z',
      '2014-10-05T00:00Z',
      '2015-05-05T00:00Z',
    )
    expect(seven.map(([start]) => start.slice(0, 10))).toEqual(['2014-03-05', '2014-10-05', '2015-05-05'])
    const before = await zoned('month', { every: 7, anchor: { from: '2014-03-01', day: 5 } }, '2014-03-04T00:00Z')
    expect(before[0]![0].slice(0, 10)).toBe('2013-08-05')
    const fortnights = await zoned('week', { every: 2, anchor: { from: '2024-01-05' } }, '2024-01-18T23:59Z', '2024-01-19T00:00Z')
    expect(fortnights.map(([start]) => start.slice(0, 10))).toEqual(['2024-01-05', '2024-01-19'])
    expect((await zoned('week', { every: 2 }, '1970-01-01T00:00Z'))[0]![0].slice(0, 10)).toBe('1969-12-29')
    expect((await zoned('day', { every: 2 }, '1970-01-02T00:00Z'))[0]![0].slice(0, 10)).toBe('1970-01-01')
  })

  test.each([
    ['day', { timeZone: 'Europe/Berlin' }, '2024-03-31T12:00Z', '2024-03-30T23:00', 23],
    ['day', { timeZone: 'Australia/Lord_Howe' }, '2024-10-06T00:00Z', '2024-10-05T13:30', 23.5],
    ['day', { timeZone: 'Europe/Berlin' }, '2024-10-27T12:00Z', '2024-10-26T22:00', 25],
    ['day', { timeZone: 'Europe/Berlin', anchor: { hour: 2, minute: 30 } }, '2024-03-31T02:00Z', '2024-03-31T01:30', 23],
    ['day', { timeZone: 'America/Sao_Paulo' }, '2018-11-04T12:00Z', '2018-11-04T03:00', 23],
    ['day', { timeZone: 'Europe/Berlin', anchor: { hour: 2, minute: 30 } }, '2024-10-27T01:30Z', '2024-10-27T00:30', 25],
    ['day', { timeZone: 'Pacific/Apia' }, '2011-12-30T09:59Z', '2011-12-29T10:00', 24],
    ['day', { timeZone: 'Pacific/Apia' }, '2011-12-30T10:00Z', '2011-12-30T10:00', 24],
    ['day', { timeZone: 'America/Juneau' }, '1867-10-18T12:00Z', '1867-10-18T08:57', 48],
    ['day', { timeZone: 'Asia/Kathmandu' }, '1986-01-01T12:00Z', '1985-12-31T18:30', 23.75],
  ] as const)('%s of %o at %s', async (unit, options, time, start, hours) => {
    const [[found, length]] = (await zoned(unit, options, time)) as [readonly [string, number]]
    expect([found, Math.round(length * 4) / 4]).toEqual([start, hours])
  })

  test('a zone that nobody knows is refused', () => {
    expect(() => counted(calendar('day', { timeZone: 'Europe/Atlantis' }))).toThrow(code('TIME_ZONE_UNKNOWN'))
  })
})

describe('trading days', () => {
  const day = { days: ['mon', 'tue', 'wed', 'thu', 'fri'], open: '09:00', close: '15:00' } as const
  const hours = (hour: number, minute = 0) => ms(Date.UTC(2024, 11, 27, hour, minute))[0]!

  test('the close is outside, and is counted', async () => {
    expect((await status(tradingDay({ timeZone: 'UTC', sessions: [day] }), [hours(9), hours(15)])).windows[0]).toMatchObject({
      outside: 1,
      results: 1,
    })
  })

  test('sessions may overlap, and be over night', async () => {
    const extended = { ...day, open: '07:00', close: '20:00' }
    expect(await windows(tradingDay({ timeZone: 'UTC', sessions: [day, extended] }), [hours(10)])).toHaveLength(2)
    const night = { days: ['fri'], open: '22:00', close: '02:00' } as const
    const saturday = ms(Date.UTC(2024, 11, 28, 1, 59))
    expect(await windows(tradingDay({ timeZone: 'UTC', sessions: [night] }), saturday)).toEqual([
      [hours(22).at / 1000, hours(26).at / 1000, 1],
    ])
    expect(await windows(tradingDay({ timeZone: 'UTC', sessions: [night], holidays: ['2024-12-27'] }), saturday)).toEqual([])
  })

  test('an early close that changes nothing, leaves nothing or is on a free day is refused', () => {
    const slips: readonly Record<string, string>[] = [{ '2024-12-27': '15:00' }, { '2024-12-27': '09:00' }, { '2024-12-28': '12:00' }]
    for (const early of slips)
      expect(() => counted(tradingDay({ timeZone: 'UTC', sessions: [day], early }))).toThrow(code('TRADING_DAY_INVALID'))
  })
})

test('intervals with the same bounds are one window, and take dates', async () => {
  const one = { start: new Date(0), end: 5000 }
  expect(
    await windows(
      intervals([
        { name: 'a', ...one },
        { name: 'b', ...one },
      ]),
      at(1),
    ),
  ).toEqual([[0, 5, 1]])
  for (const table of [[], [{ start: 5, end: 5 }], [{ start: 0.5, end: 5 }]])
    expect(() => counted(intervals(table))).toThrow(code('INTERVALS_INVALID'))
})
