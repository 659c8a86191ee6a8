/** What GUIDE.md says of windows in words, one law after the other. Its pictures and tables are in `guide-claims.test.ts`. */

import { describe, expect, test } from 'vitest'
import { testJob } from '../../adapters/testing.ts'
import {
  around,
  bool,
  col,
  count,
  countSliding,
  countTumbling,
  cumulate,
  customWindow,
  early,
  f64,
  globalWindow,
  monotonous,
  pipeline,
  run,
  schema,
  session,
  sliding,
  slidingByRecord,
  stateWindow,
  timestamp,
  tumbling,
  utf8,
  when,
} from '../../runtime/index.ts'
import { type AnyWindow, code, counted, ms, status, windows } from './guide/counted-windows.ts'
import { at, readings } from './guide/pictures.ts'

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
