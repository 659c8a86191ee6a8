/** What GUIDE.md says of windows in words, one law after the other. Its pictures and tables are in `guide-claims.test.ts`. */

import { describe, expect, test } from 'vitest'
import { testJob } from '../../adapters/testing.ts'
import {
  around,
  bool,
  calendar,
  type CalendarOptions,
  col,
  count,
  countSliding,
  countTumbling,
  cumulate,
  customWindow,
  early,
  f64,
  globalWindow,
  intervals,
  monotonous,
  pipeline,
  run,
  schema,
  session,
  sliding,
  slidingByRecord,
  stateWindow,
  timestamp,
  tradingDay,
  tumbling,
  utf8,
  when,
  type WindowDeclaration,
} from '../../runtime/index.ts'
import { at, readings } from './guide/pictures.ts'

type AnyWindow = WindowDeclaration<never, unknown, number | null>

const counted = (window: AnyWindow) => readings().window(window).aggregate({ n: count() }).sink('out')
/** Bounds in seconds and number of records of all windows. */
async function windows(window: AnyWindow, rows: readonly object[]) {
  const found = await run(counted(window), rows as never)
  return found.map(({ windowStart, windowEnd, n }) => [Number(windowStart) / 1000, Number(windowEnd) / 1000, n])
}
async function status(window: AnyWindow, rows: readonly object[]) {
  const test = await testJob(counted(window), { watermarks: 'declared' })
  await test.push(...(rows as never[]))
  return test.end()
}
const ms = (...times: number[]) => times.map((time) => ({ device: 'a', at: time, value: time }))
const code = (expected: string) => expect.objectContaining({ code: expected })

describe('windows of time', () => {
  test('an offset moves them, and is nearer to 0 than the size', async () => {
    const [day] = await windows(tumbling('1d', { offset: '6h' }), ms(Date.UTC(2026, 0, 2, 5)))
    expect(day![0]).toBe(Date.UTC(2026, 0, 1, 6) / 1000)
    expect(await windows(tumbling('10s', { offset: -1000 }), at(0, 9))).toEqual([
      [-1, 9, 1],
      [9, 19, 1],
    ])
    expect(() => counted(tumbling('10s', { offset: '10s' }))).toThrow(code('WINDOW_OFFSET_INVALID'))
  })

  test('days begin at midnight UTC, also before 1970', async () => {
    expect(await windows(tumbling('1d'), ms(-1))).toEqual([[-86_400, 0, 1]])
  })

  test('a slide may be longer than the size, and what lies between is outside', async () => {
    expect((await status(sliding('5s', '10s'), at(1, 9, 10))).windows[0]).toMatchObject({ outside: 1, results: 2 })
  })

  test('a slide need not divide the size, but there is a limit', async () => {
    expect(await windows(sliding('10s', '4s'), at(9))).toEqual([
      [0, 10, 1],
      [4, 14, 1],
      [8, 18, 1],
    ])
    expect(() => counted(sliding(10_001, 10_000))).toThrow(code('WINDOW_FANOUT'))
  })

  test('a step divides the size, and steps without new records fire with the total', async () => {
    expect(() => counted(cumulate('10s', '3s'))).toThrow(expect.objectContaining({ name: 'ConfigError' }))
    expect(await windows(cumulate('9s', '3s'), at(1))).toEqual([
      [0, 3, 1],
      [0, 6, 1],
      [0, 9, 1],
    ])
  })
})

describe('sessions', () => {
  test('that touch are one, one millisecond more and there are two', async () => {
    expect(await windows(session('5s'), ms(0, 5000))).toEqual([[0, 10, 2]])
    expect(await windows(session('5s'), ms(0, 5001))).toHaveLength(2)
  })

  test('a gap may be an expression or a function of the record, and counts from it', async () => {
    const gap = when(col('value').eq(1), 10_000, 1000)
    const job = readings().window(session(gap)).aggregate({ n: count() }).sink('out')
    const byFunction = readings()
      .window(session((row) => (row.value === 1 ? 10_000 : 1000)))
      .aggregate({ n: count() })
      .sink('out')
    const expected = [
      { windowStart: 1000, windowEnd: 11_000, n: 2 },
      { windowStart: 20_000, windowEnd: 21_000, n: 1 },
    ]
    expect(await run(job, at(1, 9, 20))).toEqual(expected)
    expect(await run(byFunction, at(1, 9, 20))).toEqual(expected)
  })

  test('a gap that is null or negative makes a dead letter', async () => {
    const job = readings()
      .window(session(col('value')))
      .aggregate({ n: count() })
      .sink('out')
    const test = await testJob(job)
    await test.push({ device: 'a', at: 0, value: null }, { device: 'a', at: 0, value: -1 }, { device: 'a', at: 0, value: 1000 })
    await test.end()
    expect(test.deadLetters).toHaveLength(2)
    expect(test.rows()).toEqual([{ windowStart: 0, windowEnd: 1000, n: 1 }])
  })

  test('a late record joins a session that is open, and one that links two makes them one', async () => {
    const test = await testJob(counted(session('5s')))
    await test.push(...at(10))
    await test.advanceWatermark(13_000)
    await test.push(...at(6)) // alone it would be [6, 11), which is past
    expect((await test.status()).late).toBe(0)
    await test.push(...at(18))
    expect(test.rows()).toEqual([])
    await test.push(...at(14))
    await test.end()
    expect(test.rows()).toEqual([{ windowStart: 6000, windowEnd: 23_000, n: 4 }])
  })

  test('one that has fired and grows is a new result with pane 0', async () => {
    const job = readings().window(session('5s')).allowedLateness('1m').aggregate({ n: count() }).sink('out')
    const test = await testJob(job)
    await test.push(...at(1))
    await test.advanceWatermark(5999)
    await test.push(...at(4))
    expect(test.results()).toHaveLength(1)
    await test.advanceWatermark(8999)
    expect(test.results().map(({ row, pane }) => [row.windowEnd, pane.index, pane.change])).toEqual([
      [6000, 0, '+I'],
      [9000, 0, '+I'],
    ])
  })

  test('where they are cut does not depend on the order of arrival', async () => {
    const window = session('5s', { maxLength: '6s' })
    const late = pipeline('order')
      .source('in', schema({ at: timestamp() }))
      .eventTime('at', monotonous())
      .window(window)
      .aggregate({ n: count() })
      .sink('out')
    const expected = await run(
      late,
      [0, 2, 4, 6, 8].map((second) => ({ at: second * 1000 })),
    )
    expect(expected).toHaveLength(2)
    expect(
      await run(
        late,
        [8, 4, 0, 6, 2].map((second) => ({ at: second * 1000 })),
      ),
    ).toEqual(expected)
  })
})

describe('count windows', () => {
  test('have what arrives, bounds of their records and numbers as pane indexes', async () => {
    const test = await testJob(counted(countTumbling(2)))
    await test.push(...at(9, 1, 5, 2))
    expect(test.results().map(({ row, pane }) => [row.windowStart, row.windowEnd, pane.index])).toEqual([
      [1000, 9001, 0],
      [2000, 5001, 1],
    ])
    await test.advanceWatermark(1_000_000)
    await test.push(...at(3, 4))
    expect((await test.status()).late).toBe(0)
    expect(test.results()).toHaveLength(3)
  })

  test('what is left at the end comes with partial only', async () => {
    expect(await windows(countTumbling(2), at(1, 2, 3))).toHaveLength(1)
    expect(await windows(countTumbling(2, { partial: true }), at(1, 2, 3))).toEqual([
      [1, 2.001, 2],
      [3, 3.001, 1],
    ])
  })

  test('may leave records out', async () => {
    expect(await windows(countSliding(1, 2), at(1, 2, 3))).toEqual([
      [1, 1.001, 1],
      [3, 3.001, 1],
    ])
  })
})

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

describe('windows around records', () => {
  test('include both ends, and nothing beyond', async () => {
    const rows = ms(1999, 2000, 4000, 6000, 6001)
    expect((await windows(around('2s', '2s'), rows)).find(([start]) => start === 2)).toEqual([2, 6.001, 3])
  })

  test('of two records of a time there is one', async () => {
    expect(await windows(around('2s', '2s'), at(4, 4))).toEqual([[2, 6.001, 2]])
  })

  test('by record: one ends with each, the one behind it comes when a record lies in it', async () => {
    expect(await windows(slidingByRecord('2s'), at(4))).toEqual([[2, 4.001, 1]])
    expect(await windows(slidingByRecord('2s'), at(4, 5))).toEqual([
      [2, 4.001, 1],
      [3, 5.001, 2],
      [4.001, 6.002, 1],
    ])
  })

  test('by record: with early, a result at every record', async () => {
    const job = readings()
      .window(slidingByRecord('2s'))
      .trigger(early({ count: 1 }))
      .aggregate({ n: count() })
      .sink('out')
    const test = await testJob(job)
    await test.push(...at(4))
    expect(test.take()).toHaveLength(1)
    await test.push(...at(5))
    expect(test.take().map(({ row: { windowEnd, n } }) => [windowEnd, n])).toContainEqual([5001, 2])
  })
})

describe('state windows', () => {
  const isOne = (name: string) => col('event').eq(name).or(col('event').eq('flash'))
  const machine = (options?: object) =>
    pipeline('machine')
      .source('events', schema({ event: utf8(), at: timestamp() }))
      .eventTime('at', monotonous())
      .window(stateWindow(isOne('start'), isOne('stop'), options))
      .lateTo('late')
      .aggregate({ n: count() })
      .sink('out')
  const event = (name: string, second: number) => ({ event: name, at: second * 1000 })

  test('a record between windows is outside, one that opens and closes is a window of its own', async () => {
    const test = await testJob(machine())
    await test.push(event('work', 0), event('flash', 1), event('work', 2), event('start', 3), event('start', 4), event('stop', 5))
    const { windows } = await test.end()
    expect(test.rows('out')).toEqual([
      { windowStart: 1000, windowEnd: 1001, n: 1 },
      { windowStart: 3000, windowEnd: 5001, n: 3 },
    ])
    expect(windows[0]!.outside).toBe(2)
  })

  test('they fire when the watermark has passed what closes them; at or before the watermark is late', async () => {
    const test = await testJob(machine())
    await test.push(event('stop', 5), event('start', 3))
    await test.advanceWatermark(4999)
    expect(test.rows('out')).toEqual([])
    await test.advanceWatermark(5000)
    expect(test.rows('out')).toEqual([{ windowStart: 3000, windowEnd: 5001, n: 2 }])
    await test.push(event('start', 5), event('start', 5.001))
    expect(test.rows('late')).toEqual([event('start', 5)])
  })

  test('a maximum length closes them, and the next begins with a record that opens', async () => {
    const test = await testJob(machine({ maxLength: '5s' }))
    await test.push(event('start', 1), event('work', 4), event('work', 7), event('start', 8))
    await test.end()
    expect(test.rows('out').map(({ windowStart, n }) => [windowStart, n])).toEqual([
      [1000, 2],
      [8000, 1],
    ])
  })

  test('conditions may be functions', async () => {
    const job = pipeline('machine')
      .source('events', schema({ on: bool(), at: timestamp() }))
      .eventTime('at', monotonous())
      .window(
        stateWindow(
          (row) => row.on === true,
          (row) => row.on === false,
        ),
      )
      .aggregate({ n: count() })
      .sink('out')
    expect(
      await run(
        job,
        [true, null, false].map((on, at) => ({ on, at })),
      ),
    ).toEqual([{ windowStart: 0, windowEnd: 3, n: 3 }])
  })
})

describe('custom windows', () => {
  const own = (find: (value: number | null, time: number) => unknown) =>
    customWindow((({ value }: { value: number | null }, time: number) => find(value, time)) as never) as AnyWindow

  test('several, duplicates, fractions, any order', async () => {
    const two = own((_, time) => [
      { start: time + 0.9, end: time + 60_000 },
      { start: time, end: time + 10_000 },
      { start: time, end: time + 10_000.9 },
    ])
    expect(await windows(two, at(0))).toEqual([
      [0, 10, 1],
      [0, 60, 1],
    ])
  })

  test.each([
    ['nothing', () => undefined, 'WINDOW_INVALID'],
    ['no number', () => ({ start: Number.NaN, end: 1 }), 'WINDOW_INVALID'],
    [
      'a start that is not before the end',
      () => [
        { start: 0, end: 9 },
        { start: 1, end: 1 },
      ],
      'WINDOW_INVALID',
    ],
    [
      'an error',
      () => {
        throw new Error('no')
      },
      'FUNCTION_THREW',
    ],
  ])('%s makes a dead letter, and the record is in no window', async (_, find, expected) => {
    const test = await testJob(counted(own(find)))
    await test.push(...at(0))
    await test.end()
    expect(test.deadLetters.map((letter) => letter.code)).toEqual([expected])
    expect(test.rows()).toEqual([])
  })
})

describe('windows by the clock', () => {
  test('need no event time, and fire at the end of the stream', async () => {
    for (const window of [tumbling('10s'), sliding('10s', '10s'), cumulate('10s', '10s'), session('5s'), globalWindow()]) {
      const job = pipeline('clock')
        .source('in', schema({ value: f64() }))
        .window(window)
        .processingTime()
        .aggregate({ n: count() })
        .sink('out')
      const test = await testJob(job)
      await test.push({ value: 1 }, { value: 2 })
      expect(test.rows()).toEqual([])
      await test.end()
      expect(test.rows()).toMatchObject([{ n: 2 }])
    }
  })
})
