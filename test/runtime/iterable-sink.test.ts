import { describe, expect, test } from 'vitest'
import { memoryCheckpoints } from '../../adapters/memory-store.ts'
import { systemClock } from '../../runtime/clock.ts'
import {
  boundedOutOfOrderness,
  ConnectorError,
  count,
  generatedSource,
  iterableSource,
  iterableSink,
  type JobStatus,
  pipeline,
  readableSink,
  type Run,
  rowsSource,
  schema,
  type Sink,
  type StartOptions,
  start,
  timestamp,
  tumbling,
  utf8,
} from '../../runtime/index.ts'

const job = pipeline('iterable')
  .source('readings', schema({ device: utf8(), at: timestamp() }))
  .eventTime('at', boundedOutOfOrderness('0ms', { everyRecords: 1 }))
  .keyBy('device')
  .window(tumbling('1s'))
  .allowedLateness('1h')
  .aggregate({ n: count() })
  .sink('seconds')
const WINDOWS = 3_000
const rows = Array.from({ length: WINDOWS }, (_, index) => ({ device: 'a', at: index * 1_000 }))

const started = (seconds: Sink, more: Partial<StartOptions<typeof job>> = {}) =>
  start(job, { sources: { readings: rowsSource(rows) }, sinks: { seconds }, host: 'inline', batchRows: 64, ringSlots: 2, ...more })

/** Rows that the job has read, when it does not get on any more. */
async function stalled(run: Run): Promise<JobStatus> {
  let before = await run.status()
  for (;;) {
    await systemClock.sleep(50)
    const now = await run.status()
    if (now.recordsIn === before.recordsIn && now.recordsOut === before.recordsOut) return now
    before = now
  }
}

describe('a sink that is iterated', () => {
  test('gives every row in order, and ends with the job', async () => {
    const sink = iterableSink<{ windowStart: number; n: number }>()
    const run = await started(sink)
    const seen: number[] = []
    for await (const { windowStart } of sink) seen.push(windowStart)
    expect(seen).toEqual(rows.map(({ at }) => at))
    expect((await run.finished).state).toBe('ended')
    for await (const row of sink) throw new Error(`after the end came ${JSON.stringify(row)}`)
  })

  test('gives the panes of its rows to who asks for them', async () => {
    const sink = iterableSink()
    const late = [
      { device: 'a', at: 0 },
      { device: 'a', at: 5_000 },
      { device: 'a', at: 1 },
    ]
    await started(sink, { sources: { readings: rowsSource(late) } })
    const seen: unknown[] = []
    for await (const { row, pane } of sink.results()) seen.push([row['n'], pane.index, pane.timing])
    expect(seen).toEqual([
      [1, 0, 1],
      [2, 1, 2],
      [1, 0, 1],
    ])
  })

  test('holds the job back, at most rowsMax rows ahead', async () => {
    const sink = iterableSink({ rowsMax: 10 })
    const run = await started(sink)
    const { recordsIn } = await stalled(run)
    expect(recordsIn).toBeLessThan(1_000)
    const iterator = sink[Symbol.asyncIterator]()
    for (let index = 0; index < 20; index++) await iterator.next()
    expect((await stalled(run)).recordsIn).toBeLessThan(1_200)
    let taken = 20
    while ((await iterator.next()).done !== true) taken++
    expect(taken).toBe(WINDOWS)
    await run.finished
  })

  test('lets the job go on without a consumer that leaves the loop, and counts what nobody took', async () => {
    const sink = iterableSink({ rowsMax: 10 })
    const run = await started(sink)
    let taken = 0
    for await (const row of sink) if (row['n'] === 1 && ++taken === 5) break
    expect((await run.finished).state).toBe('ended')
    expect(sink.droppedCount).toBe(WINDOWS - 5)
  })

  test('takes up again with who reads next', async () => {
    const sink = iterableSink({ rowsMax: 10 })
    const hold = Promise.withResolvers<void>()
    async function* more() {
      yield* rows.slice(0, 11)
      await hold.promise
      yield* rows.slice(11, 21)
    }
    const run = await started(sink, { sources: { readings: iterableSource(more()) } })
    for await (const row of sink) if (row['windowStart'] === 9_000) break
    await stalled(run)
    const next = sink[Symbol.asyncIterator]().next()
    hold.resolve()
    expect((await next).value).toMatchObject({ windowStart: 10_000 })
    await run.stop()
  })

  test('is read by one at a time', async () => {
    const sink = iterableSink()
    const run = await started(sink)
    const first = sink[Symbol.asyncIterator]()
    await first.next()
    await expect(sink[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'SINK_CONSUMED' })
    await first.return!()
    const second = sink[Symbol.asyncIterator]()
    await second.next()
    await second.return!()
    await run.finished
  })

  test('throws the error that fails the job, behind the rows that came before', async () => {
    const sink = iterableSink()
    const source = generatedSource(1_000, (builder, from, many) => {
      for (let index = from; index < from + many; index++) builder.appendRow(rows[index]!, '')
      if (from > 500) throw new TypeError('the source is dry')
    })
    const run = await started(sink, { sources: { readings: source } })
    const seen: unknown[] = []
    const read = async () => {
      for await (const { windowStart } of sink) seen.push(windowStart)
    }
    await expect(read()).rejects.toMatchObject({ code: 'SOURCE_FAILED' })
    await expect(run.finished).rejects.toMatchObject({ code: 'SOURCE_FAILED' })
    expect(seen.length).toBeGreaterThan(100)
    expect(seen).toEqual(rows.slice(0, seen.length).map(({ at }) => at))
  })

  test('a job that cannot start ends the loop with its error', async () => {
    const sink = iterableSink()
    const loop = (async () => {
      for await (const row of sink) throw new Error(JSON.stringify(row))
    })()
    const source = { ...rowsSource(rows), splits: () => Promise.reject(new TypeError('no splits')) }
    await expect(started(sink, { sources: { readings: source } })).rejects.toThrow('no splits')
    await expect(loop).rejects.toThrow('no splits')
  })

  test('nobody has to read for a job to stop, end or fail', async () => {
    const sink = iterableSink({ rowsMax: 3 })
    const run = await started(sink, { checkpoints: { store: memoryCheckpoints(), every: '10ms' } })
    await stalled(run)
    expect((await run.stop()).state).toBe('stopped')
    // What it had computed is there for who reads now.
    const seen: unknown[] = []
    for await (const { windowStart } of sink) seen.push(windowStart)
    expect(seen.length).toBeGreaterThan(3)
    expect(seen).toEqual(rows.slice(0, seen.length).map(({ at }) => at))

    const few = iterableSink()
    await (await started(few, { sources: { readings: rowsSource(rows.slice(0, 100)) } })).finished
    let count = 0
    for await (const _ of few) count++
    expect(count).toBe(100)
  })

  test('stopping from within the loop does not wait for itself', async () => {
    const sink = iterableSink({ rowsMax: 3 })
    const run = await started(sink, { checkpoints: { store: memoryCheckpoints(), every: '10ms' } })
    let taken = 0
    for await (const _ of sink) if (++taken === 10) expect((await run.stop()).state).toBe('stopped')
    expect(taken).toBeGreaterThan(10)
  })

  test('a checkpoint waits until what came before it is delivered, so that a crash loses nothing', async () => {
    const store = memoryCheckpoints()
    const sink = iterableSink({ rowsMax: 100 })
    const run = await started(sink, { checkpoints: { store, every: '1h' }, restart: false })
    const iterator = sink[Symbol.asyncIterator]()
    for (let index = 0; index < 50; index++) await iterator.next()
    let isDone = false
    const checkpoint = run.checkpoint().then((done) => (isDone = done))
    await systemClock.sleep(100)
    expect(isDone).toBe(false)
    const seen = new Set<unknown>()
    while (!isDone) {
      const { value } = await iterator.next()
      await systemClock.yield()
      seen.add((value as { windowStart: number }).windowStart)
    }
    await checkpoint
    // A crash: nothing more is taken, and the job goes on from the checkpoint in another sink.
    const again = iterableSink({ rowsMax: 100 })
    const second = await started(again, { checkpoints: { store, every: '1h' } })
    const from = (await second.status()).recoveredFrom
    expect(from).not.toBeNull()
    let first: number | null = null
    for await (const { windowStart } of again) {
      first ??= windowStart as number
      seen.add(windowStart)
    }
    expect(first).toBeGreaterThan(0)
    expect(seen.size).toBe(WINDOWS - 50)
    await run.stop().catch(() => {})
  })

  test('goes on when the job restarts itself, and gives every window at least once', async () => {
    const sink = iterableSink<{ windowStart: number; n: number }>({ rowsMax: 50 })
    let failures = 0
    const source = generatedSource(WINDOWS, (builder, from, many) => {
      if (from > 1_500 && failures++ === 0) throw new ConnectorError('SOURCE_FAILED', 'the source is dry', { retryable: true })
      for (let index = from; index < from + many; index++) builder.appendRow(rows[index]!, '')
    })
    const run = await started(sink, {
      sources: { readings: source },
      checkpoints: { store: memoryCheckpoints(), every: '5ms' },
      restart: { attempts: 1 },
      onWarning: () => {},
    })
    const seen: number[] = []
    for await (const { windowStart } of sink) {
      seen.push(windowStart)
      if (seen.length % 50 === 0) await systemClock.yield()
    }
    expect(await run.finished).toMatchObject({ state: 'ended', restarts: 1 })
    expect([...new Set(seen)]).toEqual(rows.map(({ at }) => at))
  })

  test('refuses a number of rows that is none', () => {
    for (const rowsMax of [0, 1.5, Number.NaN]) {
      expect(() => iterableSink({ rowsMax })).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
    }
  })
})

describe('a sink that is a stream', () => {
  test('can be piped, and closes with the job', async () => {
    const { readable, ...sink } = readableSink<{ windowStart: number; n: number }>({ rowsMax: 10 })
    const run = await started(sink)
    const seen: number[] = []
    const halved = new TransformStream<{ windowStart: number }, number>({
      transform: ({ windowStart }, controller) => controller.enqueue(windowStart / 2),
    })
    await readable.pipeThrough(halved).pipeTo(new WritableStream({ write: (value) => void seen.push(value) }))
    expect(seen).toEqual(rows.map(({ at }) => at / 2))
    await run.finished
  })

  test('takes nothing ahead of its reader', async () => {
    const sink = readableSink({ rowsMax: 10 })
    const run = await started(sink)
    expect((await stalled(run)).recordsIn).toBeLessThan(1_000)
    await sink.readable.cancel()
    expect((await run.finished).state).toBe('ended')
  })

  test('errors with the job', async () => {
    const sink = iterableSink()
    const reader = sink.readable().getReader()
    const source = { ...rowsSource(rows), splits: () => Promise.reject(new TypeError('no splits')) }
    await expect(started(sink, { sources: { readings: source } })).rejects.toThrow()
    await expect(reader.read()).rejects.toThrow('no splits')
  })
})
