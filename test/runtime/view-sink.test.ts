import { describe, expect, test, vi } from 'vitest'
import {
  boundedOutOfOrderness,
  col,
  count,
  early,
  f64,
  globalWindow,
  max,
  monotonous,
  onCount,
  pipeline,
  rowsSource,
  schema,
  session,
  type SinkRow,
  start,
  timestamp,
  tumbling,
  utf8,
  type ViewOptions,
  viewSink,
} from '../../runtime/index.ts'
import { memoryCheckpoints } from '../../adapters/memory-store.ts'
import { viewOf } from '../../runtime/sink/view-sink.ts'
import { iterableSource } from '../../runtime/source/iterable-source.ts'

const readings = () => pipeline('view').source('readings', schema({ device: utf8(), at: timestamp(), celsius: f64() }))
const timed = () => readings().eventTime('at', boundedOutOfOrderness('0ms', { everyRecords: 1 }))
const windowed = () => timed().keyBy('device').window(tumbling('10s')).allowedLateness('1h')
const minutes = () =>
  windowed()
    .aggregate({ n: count(), max: max('celsius') })
    .sink('minutes')

const row = (device: string, second: number, celsius = 0) => ({ device, at: second * 1000, celsius })

/** Runs the job over the rows into one view. */
async function viewed(job: ReturnType<typeof minutes>, rows: readonly object[], options: ViewOptions = {}) {
  const view = viewSink(options)
  const run = await start(job, { sources: { readings: rowsSource(rows) }, sinks: { minutes: view }, host: 'inline' })
  await run.finished
  return view
}

describe('a view', () => {
  test('has the newest row of every window and key, by window and then first appearance', async () => {
    const rows = [row('b', 1, 5), row('a', 2, 7), row('b', 12, 1), row('a', 3, 9), row('a', 25)]
    const { rows: seen, panes } = (await viewed(minutes(), rows)).snapshot()
    expect(seen).toEqual([
      { windowStart: 0, windowEnd: 10_000, device: 'b', n: 1, max: 5 },
      // Fired on time with one record, and again with the late one.
      { windowStart: 0, windowEnd: 10_000, device: 'a', n: 2, max: 9 },
      { windowStart: 10_000, windowEnd: 20_000, device: 'b', n: 1, max: 1 },
      { windowStart: 20_000, windowEnd: 30_000, device: 'a', n: 1, max: 0 },
    ])
    expect(panes.map(({ index, timing }) => [index, timing])).toEqual([
      [0, 1],
      [1, 2],
      [0, 1],
      [0, 1],
    ])
  })

  test('is typed by the sink of the job', async () => {
    const job = minutes()
    const view = viewSink<SinkRow<typeof job, 'minutes'>>()
    const run = await start(job, { sources: { readings: rowsSource([row('a', 1)]) }, sinks: { minutes: view }, host: 'inline' })
    await run.finished
    const first = view.snapshot().rows[0]!
    const n: number = first.n
    // @ts-expect-error no such column
    expect(first.median).toBeUndefined()
    expect(n).toBe(1)
  })

  test('drops the oldest windows when there are too many, and counts them', async () => {
    const rows = Array.from({ length: 50 }, (_, index) => row('a', index * 10))
    const { rows: seen, evictedCount } = (await viewed(minutes(), rows, { rowsMax: 10 })).snapshot()
    expect(seen.map(({ windowStart }) => windowStart)).toEqual(Array.from({ length: 10 }, (_, index) => (40 + index) * 10_000))
    expect(evictedCount).toBe(40)
  })

  test('drops windows that ended longer ago than keepMs, in event time', async () => {
    const rows = Array.from({ length: 50 }, (_, index) => row('a', index * 10))
    const { rows: seen } = (await viewed(minutes(), rows, { keepMs: 30_000 })).snapshot()
    expect(seen.map(({ windowEnd }) => windowEnd)).toEqual([480_000, 490_000, 500_000])
  })

  test('a snapshot stays the same object until something changes, and never changes', async () => {
    const push = Promise.withResolvers<object>()
    const end = Promise.withResolvers<void>()
    async function* live() {
      yield row('a', 1)
      yield row('a', 11)
      yield await push.promise
      await end.promise
    }
    const view = viewSink()
    const empty = view.snapshot()
    expect(view.snapshot()).toBe(empty)
    const changed = () => new Promise<void>((resolve) => void view.subscribe(resolve))
    const first = changed()
    const run = await start(minutes(), { sources: { readings: iterableSource(live()) }, sinks: { minutes: view }, host: 'inline' })
    await first
    const one = view.snapshot()
    expect(one.rows.map(({ n }) => n)).toEqual([1])
    expect(view.snapshot()).toBe(one)
    const second = changed()
    push.resolve(row('a', 2))
    await second
    const two = view.snapshot()
    expect(two).not.toBe(one)
    expect(two.version).toBeGreaterThan(one.version)
    expect([one.rows.length, one.rows[0]!['n'], two.rows[0]!['n']]).toEqual([1, 1, 2])
    expect(() => (two.rows as unknown[]).push(1)).toThrow(TypeError)
    end.resolve()
    await run.finished
  })

  test('stops telling who has unsubscribed', async () => {
    const view = viewSink()
    let told = 0
    const stop = view.subscribe(() => told++)
    let toldToo = 0
    view.subscribe(() => toldToo++)
    stop()
    const run = await start(minutes(), { sources: { readings: rowsSource([row('a', 1)]) }, sinks: { minutes: view }, host: 'inline' })
    await run.finished
    expect(told).toBe(0)
    expect(toldToo).toBeGreaterThan(0)
  })

  test('takes away what is retracted for good: sessions that grow together', async () => {
    const job = timed()
      .keyBy('device')
      .window(session('5s'))
      .allowedLateness('1h')
      .retracting()
      .aggregate({ n: count(), max: max('celsius') })
      .sink('minutes')
    const rows = [row('a', 1), row('a', 8), row('a', 20), row('a', 5), row('a', 40)]
    const { rows: seen } = (await viewed(job, rows)).snapshot()
    expect(seen.map(({ windowStart, windowEnd, n }) => [windowStart, windowEnd, n])).toEqual([
      [1000, 13_000, 3],
      [20_000, 25_000, 1],
      [40_000, 45_000, 1],
    ])
  })

  test('forgets a row whose correction a filter takes away', async () => {
    const job = windowed()
      .retracting()
      .aggregate({ n: count(), max: max('celsius') })
      .filter(col('n').lt(2))
      .sink('minutes')
    const { rows: seen } = (await viewed(job, [row('a', 1), row('a', 11), row('a', 2)])).snapshot()
    expect(seen.map(({ windowStart }) => windowStart)).toEqual([10_000])
  })

  test('keeps the newest row of a key of its own, whatever is corrected behind it', async () => {
    const rows = [row('a', 1, 1), row('b', 1, 2), row('a', 11, 3), row('a', 2, 50), row('a', 31, 4)]
    const { rows: seen } = (await viewed(minutes(), rows, { key: ['device'] })).snapshot()
    expect(seen.map(({ device, windowStart, max }) => [device, windowStart, max])).toEqual([
      ['b', 0, 2],
      ['a', 30_000, 4],
    ])
  })

  test('keeps one row for each key of a global window, which never grows old', async () => {
    const job = timed()
      .keyBy('device')
      .window(globalWindow())
      .trigger(onCount(1))
      .aggregate({ n: count(), max: max('celsius') })
      .sink('minutes')
    const view = viewSink({ keepMs: 1 })
    const run = await start(job, {
      sources: { readings: rowsSource([row('a', 1), row('b', 2), row('a', 3)]) },
      sinks: { minutes: view },
      host: 'inline',
    })
    await run.finished
    expect(view.snapshot().rows.map(({ device, n }) => [device, n])).toEqual([
      ['a', 2],
      ['b', 1],
    ])
  })

  test('of rows without a window every one stands for itself, and the first leave first', async () => {
    const view = viewSink({ rowsMax: 3 })
    const job = timed().sink('raw')
    const run = await start(job, {
      sources: { readings: rowsSource([5, 5, 1, 9, 2].map((second) => row('a', second))) },
      sinks: { raw: view },
      host: 'inline',
    })
    await run.finished
    expect(view.snapshot().rows.map(({ at }) => at)).toEqual([1000, 9000, 2000])
    expect(view.snapshot().evictedCount).toBe(2)
  })

  test('shows early results, which the result on time replaces', async () => {
    const job = timed()
      .keyBy('device')
      .window(tumbling('10s'))
      .trigger(early(onCount(1)))
      .aggregate({ n: count(), max: max('celsius') })
      .sink('minutes')
    const view = viewSink()
    const timings: number[] = []
    view.subscribe(() => timings.push(...view.snapshot().panes.map(({ timing }) => timing)))
    const run = await start(job, {
      sources: { readings: rowsSource([row('a', 1), row('a', 2), row('a', 11)]) },
      sinks: { minutes: view },
      host: 'inline',
    })
    await run.finished
    expect(timings).toContain(0)
    expect(view.snapshot().rows.map(({ n }) => n)).toEqual([2, 1])
    expect(view.snapshot().panes.map(({ timing }) => timing)).toEqual([1, 1])
  })
})

describe('a view refuses', () => {
  const refused = async (job: { readonly plan: unknown }, options: ViewOptions) => {
    const view = viewSink(options)
    return start(job as ReturnType<typeof minutes>, { sources: { readings: rowsSource([]) }, sinks: { minutes: view }, host: 'inline' })
  }

  test('options out of range', () => {
    for (const options of [{ rowsMax: 0 }, { rowsMax: 1.5 }, { rowsMax: 1e9 }, { keepMs: 0 }, { keepMs: Number.NaN }]) {
      expect(() => viewSink(options)).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
    }
  })

  test('a key that is not there', async () => {
    await expect(refused(minutes(), { key: ['devise'] })).rejects.toMatchObject({ code: 'COLUMN_UNKNOWN' })
  })

  test('results that nothing tells apart', async () => {
    const applied = windowed()
      .apply((records) => records.map(({ celsius }) => ({ celsius })), schema({ celsius: f64() }))
      .sink('minutes')
    await expect(refused(applied, {})).rejects.toMatchObject({ code: 'VIEW_KEY_UNKNOWN' })
    const mapped = windowed()
      .aggregate({ n: count() })
      .map({ device: col('device').coalesce('') })
      .sink('minutes')
    await expect(refused(mapped, {})).rejects.toMatchObject({ code: 'VIEW_KEY_UNKNOWN' })
    await (await refused(mapped, { key: ['device', 'windowEnd'] })).finished
  })

  test('two sinks of one job', async () => {
    const job = windowed().lateTo('late').aggregate({ n: count() }).sink('minutes')
    const view = viewSink()
    const shared = start(job, { sources: { readings: rowsSource([]) }, sinks: { minutes: view, late: view }, host: 'inline' })
    await expect(shared).rejects.toMatchObject({ code: 'SINK_SHARED' })
  })
})

describe('a view after a restart', () => {
  const store = () => memoryCheckpoints()
  const live = (rows: readonly object[], until: Promise<unknown>) =>
    (async function* () {
      yield* rows
      await until
    })()
  const job = () =>
    readings()
      .eventTime('at', monotonous({ everyRecords: 1 }))
      .keyBy('device')
      .window(tumbling('10s'))
      .aggregate({ n: count(), max: max('celsius') })
      .sink('minutes')
  const stopped = async (view: ReturnType<typeof viewSink>, checkpoints: ReturnType<typeof memoryCheckpoints>, rows: readonly object[]) => {
    const hold = Promise.withResolvers<void>()
    const run = await start(job(), {
      sources: { readings: iterableSource(live(rows, hold.promise)) },
      sinks: { minutes: view },
      checkpoints: { store: checkpoints, every: '1h' },
      host: 'inline',
      onWarning: () => {},
    })
    while ((await run.status()).recordsIn < rows.length) await new Promise((resolve) => setTimeout(resolve, 5))
    hold.resolve()
    await run.stop()
  }

  test('keeps its rows when the job goes on from a checkpoint', async () => {
    const [view, checkpoints] = [viewSink(), store()]
    await stopped(view, checkpoints, [row('a', 1), row('a', 11)])
    expect(view.snapshot().rows).toHaveLength(1)
    await stopped(view, checkpoints, [row('a', 21)])
    expect(view.snapshot().rows.map(({ windowStart }) => windowStart)).toEqual([0, 10_000])
  })

  test('begins empty when the job does', async () => {
    const view = viewSink()
    await stopped(view, store(), [row('a', 1), row('a', 11)])
    await stopped(view, store(), [row('a', 101), row('a', 111)])
    expect(view.snapshot().rows.map(({ windowStart }) => windowStart)).toEqual([100_000])
  })

  test('another object has what it had, if it is durable', async () => {
    const checkpoints = store()
    await stopped(viewSink({ durable: true }), checkpoints, [row('a', 1, Number.POSITIVE_INFINITY), row('b', 2, -0), row('a', 11)])
    const next = viewSink({ durable: true })
    await stopped(next, checkpoints, [row('a', 21)])
    expect(next.snapshot().rows).toEqual([
      { windowStart: 0, windowEnd: 10_000, device: 'a', n: 1, max: Number.POSITIVE_INFINITY },
      { windowStart: 0, windowEnd: 10_000, device: 'b', n: 1, max: -0 },
      { windowStart: 10_000, windowEnd: 20_000, device: 'a', n: 1, max: 0 },
    ])
  })
})

test('a view that another copy of the package made is one, as when a bundler has loaded the package twice', async () => {
  vi.resetModules()
  const other = await import('../../runtime/sink/view-sink.ts')
  expect(other.viewSink).not.toBe(viewSink)
  const view = other.viewSink()
  expect(viewOf({ kind: 'view', delivery: 'at-least-once', open: view.open })).toBeUndefined()
  const run = await start(minutes(), {
    sources: { readings: rowsSource([row('a', 1, 20), row('a', 20)]) },
    sinks: { minutes: view },
    host: 'inline',
  })
  await run.finished
  expect(viewOf(view)!.view.snapshot().rows).toEqual(view.snapshot().rows)
  expect(view.snapshot().rows).toMatchObject([{ device: 'a', n: 1, max: 20 }, { n: 1 }])
})
