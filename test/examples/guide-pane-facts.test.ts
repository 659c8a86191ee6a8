/** What GUIDE.md says in words of triggers, panes, late records and aggregates, one law after the other. */

import { describe, expect, test } from 'vitest'
import { PANE_COLUMNS } from '../../adapters/file/row-encoder.ts'
import { testJob } from '../../adapters/testing.ts'
import {
  anyOf,
  callbackSink,
  collect,
  collectSink,
  count,
  countDistinct,
  countEvictor,
  countTumbling,
  customAggregate,
  customTrigger,
  deltaEvictor,
  early,
  f64,
  first,
  globalWindow,
  iterableSource,
  last,
  max,
  monotonous,
  onCount,
  once,
  onEnd,
  onEventTime,
  onProcessingTime,
  orFinally,
  pipeline,
  quantile,
  run,
  schema,
  session,
  sliding,
  start,
  sum,
  timeEvictor,
  timestamp,
  tumbling,
  utf8,
} from '../../runtime/index.ts'
import { tableRows } from './guide/document.ts'
import { at, readings } from './guide/pictures.ts'

const windowed = () => readings().window(tumbling('10s'))
const overAll = () => readings().window(globalWindow())
const panes = (results: readonly { readonly pane: object; readonly row: object }[]) => results.map(({ row, pane }) => ({ ...pane, ...row }))
const throwing = () => {
  throw new Error('no')
}

describe('triggers', () => {
  test('at the end there is a pane also when nothing is new', async () => {
    const test = await testJob(
      windowed()
        .trigger(early({ count: 2 }))
        .aggregate({ n: count() })
        .sink('out'),
    )
    await test.push(...at(1, 4))
    await test.advanceWatermark(9999)
    expect(panes(test.results())).toMatchObject([
      { index: 0, timing: 0, n: 2 },
      { index: 1, timing: 1, n: 2 },
    ])
  })

  test('that jump over several intervals fire once', async () => {
    const byTime = await testJob(windowed().trigger(onEventTime('1s')).aggregate({ n: count() }).sink('out'))
    await byTime.push(...at(1))
    await byTime.advanceWatermark(8000)
    expect(byTime.results()).toHaveLength(1)
    // And again, though nothing is new.
    await byTime.advanceWatermark(9000)
    expect(byTime.results()).toHaveLength(2)
    const byClock = await testJob(overAll().trigger(onProcessingTime('1s')).aggregate({ n: count() }).sink('out'))
    await byClock.push(...at(1))
    await byClock.advanceTime('8500ms')
    expect(byClock.results()).toHaveLength(1)
    await byClock.advanceTime('501ms')
    expect(byClock.results()).toHaveLength(2)
  })

  test('at the end of the stream: only with onEnd', async () => {
    expect(await run(overAll().trigger(onCount(2)).aggregate({ n: count() }).sink('out'), at(1, 2, 3))).toHaveLength(1)
    const both = overAll()
      .trigger(anyOf(onCount(2), onEnd()))
      .aggregate({ n: count() })
      .sink('out')
    expect(await run(both, at(1, 2, 3))).toMatchObject([{ n: 2 }, { n: 3 }])
  })

  test('one that has ended closes its window, and what still comes is counted', async () => {
    const test = await testJob(
      windowed()
        .trigger(once(onCount(1)))
        .aggregate({ n: count() })
        .sink('out'),
    )
    await test.push(...at(1, 2, 3))
    expect((await test.status()).windows[0]).toMatchObject({ results: 1, closed: 2, late: 0 })
  })

  test('inside another one is not repeated by itself', async () => {
    const test = await testJob(
      windowed()
        .trigger(orFinally(onCount(1), onCount(10)))
        .aggregate({ n: count() })
        .sink('out'),
    )
    await test.push(...at(1, 2))
    expect(panes(test.results())).toMatchObject([{ n: 1, isLast: true }])
  })

  test('a custom one is told the row and its time', async () => {
    const seen: unknown[] = []
    const trigger = customTrigger((row: { readonly value: number | null }, ms) => seen.push([row.value, ms]) > 1)
    expect(await run(windowed().trigger(trigger).aggregate({ n: count() }).sink('out'), at(1, 4))).toMatchObject([{ n: 2 }])
    expect(seen).toEqual([
      [1, 1000],
      [4, 4000],
    ])
  })
})

describe('panes', () => {
  test('retracting leaves out what stays the same, unless asked', async () => {
    for (const unchanged of [false, true]) {
      const job = windowed()
        .trigger(early({ count: 1 }))
        .retracting({ unchanged })
        .aggregate({ most: max('value') })
        .sink('out')
      const test = await testJob(job)
      await test.push(...at(4), ...at(1))
      expect(test.results().map(({ pane }) => pane.change)).toEqual(unchanged ? ['+I', '-U', '+U'] : ['+I'])
    }
  })

  test('retracting does not compare results of custom aggregates', async () => {
    const total = customAggregate({
      create: () => 0,
      add: (sum: number, row: { readonly value: number | null }) => sum + (row.value ?? 0),
      merge: (a, b) => a + b,
      result: (sum) => sum,
    })
    const job = windowed()
      .trigger(early({ count: 1 }))
      .retracting()
      .aggregate({ total })
      .sink('out')
    const test = await testJob(job)
    await test.push(...at(4), ...at(0))
    expect(test.results().map(({ row, pane }) => [pane.change, row.total])).toEqual([
      ['+I', 4],
      ['-U', 4],
      ['+U', 4],
    ])
  })

  test('have the columns in files that the guide says', () => {
    expect(PANE_COLUMNS).toEqual(['paneIndex', 'paneTiming', 'paneChange', 'paneIsLast'])
  })

  test('the one at the end is the last without allowed lateness, and with it says that it may not be', async () => {
    for (const lateness of [0, 1]) {
      const test = await testJob(windowed().allowedLateness(lateness).aggregate({ n: count() }).sink('out'))
      await test.push(...at(1))
      await test.advanceWatermark(9999)
      expect(test.results()[0]!.pane.isLast).toBe(lateness === 0)
    }
  })

  test('of a window that a late record begins are late, all of them', async () => {
    const test = await testJob(windowed().allowedLateness('10s').aggregate({ n: count() }).sink('out'))
    await test.advanceWatermark(9999)
    await test.push(...at(1, 2))
    expect(panes(test.results())).toMatchObject([
      { index: 0, timing: 2, change: '+I' },
      { index: 1, timing: 2, change: '+U' },
    ])
  })

  test('a window without records gives none, not even an empty one', async () => {
    expect(await run(windowed().emptyPanes().closing('always').aggregate({ n: count() }).sink('out'), at(1, 25))).toHaveLength(2)
  })
})

describe('evictors', () => {
  const values = async (evictor: Parameters<ReturnType<typeof overAll>['evict']>[0], ...seconds: number[]) => {
    const job = overAll()
      .trigger(onEnd())
      .evict(evictor)
      .aggregate({ values: collect('value') })
      .sink('out')
    return (await run(job, at(...seconds)))[0]!.values
  }

  test('keep what the table says', async () => {
    expect(await values(countEvictor(2), 5, 1, 3)).toEqual([1, 3])
    expect(await values(timeEvictor('3s'), 1, 2, 4, 3)).toEqual([2, 3, 4])
    // Less than the threshold below the last, or above it.
    expect(await values(deltaEvictor('value', 3), 1, 2, 9, 4)).toEqual([2, 4, 9])
  })

  test('after: the pane has had them', async () => {
    const job = overAll()
      .trigger(onCount(2))
      .evict(countEvictor(1, { after: true }))
      .aggregate({ values: collect('value') })
      .sink('out')
    expect(await run(job, at(1, 2, 3, 4))).toMatchObject([{ values: [1, 2] }, { values: [2, 3, 4] }])
  })
})

describe('functions of a window', () => {
  test('are told the key and the pane, and may return no row', async () => {
    const told: object[] = []
    const job = readings()
      .keyBy('device')
      .window(tumbling('10s'))
      .apply((_, window) => (told.push(window), []), schema({ x: f64() }))
      .sink('out')
    expect(await run(job, at(1))).toEqual([])
    expect(told).toEqual([{ windowStart: 0, windowEnd: 10_000, paneIndex: 0, timing: 'onTime', isLast: true, key: { device: 'a' } }])
  })

  test('get records in their order of arrival', async () => {
    const job = windowed()
      .apply((records) => records.map(({ value }) => ({ value })), schema({ value: f64() }))
      .sink('out')
    const test = await testJob(job)
    await test.push(...at(4, 1, 3))
    await test.advanceWatermark(9999)
    expect(test.rows().map(({ value }) => value)).toEqual([4, 1, 3])
  })

  test('that throw make a dead letter of the window', async () => {
    const broken = customAggregate({ create: () => 0, add: throwing, merge: (a: number) => a, result: (a) => a })
    for (const job of [
      windowed()
        .apply(throwing, schema({ x: f64() }))
        .sink('out'),
      windowed().aggregate({ broken }).sink('out'),
    ]) {
      const test = await testJob(job as never)
      await test.push(...(at(1) as never[]))
      await test.advanceWatermark(9999)
      expect(test.deadLetters.map(({ code }) => code)).toEqual(['FUNCTION_THREW'])
      expect((await test.status()).windows[0]!.deadLetters).toBe(1)
    }
  })
})

describe('late records', () => {
  test('are late only if all their windows are', async () => {
    const test = await testJob(readings().window(sliding('10s', '5s')).aggregate({ n: count() }).sink('out'))
    await test.push(...at(8))
    await test.advanceWatermark(9999)
    await test.push(...at(9))
    expect((await test.status()).late).toBe(0)
    await test.push(...at(4))
    expect((await test.status()).late).toBe(1)
    await test.advanceWatermark(14_999)
    expect(test.rows()).toEqual([
      { windowStart: 0, windowEnd: 10_000, n: 1 },
      { windowStart: 5000, windowEnd: 15_000, n: 2 },
    ])
  })

  test('stop the job if it shall fail', async () => {
    const test = await testJob(windowed().lateFails().aggregate({ n: count() }).sink('out'))
    await test.advanceWatermark(9999)
    await expect(test.push(...at(1))).rejects.toMatchObject({ code: 'LATE_RECORD', name: 'RecordError' })
  })

  test('every record is accounted for', async () => {
    const job = readings()
      .filter((row) => row.value !== 2)
      .window(tumbling('10s'))
      .aggregate({ n: count() })
      .sink('out')
    const test = await testJob(job)
    await test.push(...at(1, 2), { device: 'a', at: Number.NaN, value: 1 })
    await test.advanceWatermark(9999)
    await test.push(...at(3))
    const { recordsIn, filtered, late, deadLetters, windows } = await test.end()
    expect([recordsIn, windows[0]!.processed, late, filtered, deadLetters]).toEqual([4, 1, 1, 1, 1])
  })

  test('a session that grows over its end is open again', async () => {
    const test = await testJob(readings().window(session('5s')).allowedLateness('5s').aggregate({ n: count() }).sink('out'))
    await test.push(...at(0, 5))
    await test.advanceWatermark(9999)
    await test.push(...at(9))
    expect(test.results()).toHaveLength(1)
    await test.advanceWatermark(13_999)
    expect(panes(test.results())).toMatchObject([
      { windowEnd: 10_000, n: 2, index: 0 },
      { windowEnd: 14_000, n: 3, index: 0, change: '+I' },
    ])
  })
})

describe('aggregates', () => {
  const stream = () =>
    pipeline('aggregates')
      .source('in', schema({ s: utf8(), at: timestamp(), v: f64() }))
      .eventTime('at', monotonous())
      .window(globalWindow())

  test('first and last go by event time', async () => {
    const job = stream()
      .aggregate({ first: first('v'), last: last('v') })
      .sink('out')
    const rows = [3, 1, 2].map((second) => ({ s: 'a', at: second, v: second }))
    expect(await run(job, rows)).toMatchObject([{ first: 1, last: 3 }])
  })

  test('a quantile is exact up to 256 values, and then within its accuracy', async () => {
    const job = stream()
      .aggregate({ low: quantile('v', 0), q: quantile('v', 0.9), high: quantile('v', 1) })
      .sink('out')
    const of = async (length: number) =>
      (
        await run(
          job,
          Array.from({ length }, (_, index) => ({ s: '', at: index, v: index + 1 })),
        )
      )[0]!
    expect(await of(256)).toMatchObject({ low: 1, q: 230.5, high: 256 })
    const { low, q, high } = await of(10_000)
    expect([low, high]).toEqual([1, 10_000])
    expect(Math.abs(q - 9000.1) / 9000.1).toBeLessThan(0.01)
  })

  test('an approximate count is within a few standard errors', async () => {
    const job = stream()
      .aggregate({ about: countDistinct('s', { approximate: true }), exact: countDistinct('s') })
      .sink('out')
    const [row] = await run(
      job,
      Array.from({ length: 40_000 }, (_, index) => ({ s: `s${index % 20_000}`, at: index, v: 0 })),
    )
    expect(row!.exact).toBe(20_000)
    expect(Math.abs(row!.about - 20_000) / 20_000).toBeLessThan(4 * 0.01625)
  })

  test('a custom one may change its accumulator in place, and is merged in order', async () => {
    const names = customAggregate({
      create: (): string[] => [],
      add: (list, row: { readonly device: string | null }) => {
        list.push(String(row.device))
        return list
      },
      merge: (a, b) => [...a, ...b],
      result: (list) => list.join(''),
    })
    const job = readings().window(session('3s')).aggregate({ names }).sink('out')
    const test = await testJob(job)
    const row = (device: string, second: number) => ({ device, at: second * 1000, value: 0 })
    await test.push(row('a', 1), row('c', 6), row('b', 4))
    await test.end()
    expect(test.rows()).toEqual([{ windowStart: 1000, windowEnd: 9000, names: 'acb' }])
  })

  test('there are at most 64', () => {
    const many = Object.fromEntries(Array.from({ length: 65 }, (_, index) => [`n${index}`, count()]))
    expect(() => windowed().aggregate(many)).toThrow(expect.objectContaining({ code: 'AGGREGATES_TOO_MANY' }))
  })
})

describe('what a job says of itself', () => {
  test('has all fields that the guide names', async () => {
    const test = await testJob(
      readings()
        .window(countTumbling(1))
        .aggregate({ n: sum('value') })
        .sink('out'),
    )
    const status = await test.end()
    const known = new Set([status, status.windows[0]!, status.eventTimes[0]!, status.sinks[0]!].flatMap((part) => Object.keys(part)))
    const named = [
      'recordsIn',
      'filtered',
      'deadLetters',
      'deadLetterSamples',
      'outside',
      'late',
      'closed',
      'watermarkMs',
      'maxEventTimeMs',
    ]
    named.push('splits', 'idleSplits', 'heldSplits', 'endedSplits', 'futureRecords', 'expectedDelayMs', 'delayMsMax', 'isFlushing')
    named.push('results', 'rows', 'watermarkLagMs', 'lateUpdates', 'operators')
    expect(named.filter((name) => !known.has(name))).toEqual([])
  })

  test('an exactly-once sink shows results when the job ends, a callback at once', async () => {
    const collected = collectSink()
    const called: object[] = []
    const stream = readings().window(countTumbling(1)).aggregate({ n: count() })
    const first = stream.sink('collected')
    const job = stream.sink('called').and(first)
    let end = () => {}
    async function* rows() {
      yield* at(1, 2)
      await new Promise<void>((resolve) => (end = resolve))
    }
    const seen = new Promise<void>((resolve) => {
      const sink = callbackSink((batch) => void (called.push(...batch) >= 2 && resolve()))
      void start(job, { sources: { readings: iterableSource(rows()) }, sinks: { collected, called: sink }, host: 'inline' }).then(
        (running) => (finished = running.finished),
      )
    })
    let finished: Promise<unknown> = Promise.resolve()
    await seen
    expect(collected.rows).toHaveLength(0)
    end()
    await finished
    expect(collected.rows).toHaveLength(2)
  })
})

test('the table of refusals has a reason in every row', () => {
  for (const [rule, refused, why] of tableRows('table: refused')) expect([rule, refused, why].every((cell) => cell!.length > 3)).toBe(true)
})
