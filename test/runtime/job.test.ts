/** Laws of a job as a whole: stopping and going on, checkpoints on demand, lost workers, failing sources and sinks, idle splits. */

import { expect, test } from 'vitest'
import { memoryCheckpoints } from '../../adapters/memory-store.ts'
import { count, sum } from '../../runtime/aggregate.ts'
import { systemClock } from '../../runtime/clock.ts'
import { pipeline } from '../../runtime/pipeline.ts'
import { f64, schema, timestamp, utf8 } from '../../runtime/schema.ts'
import { callbackSink, collectSink } from '../../runtime/sink/callback-sink.ts'
import type { Sink, SinkWriter } from '../../runtime/sink/sink.ts'
import type { Source, SplitReader } from '../../runtime/source/source.ts'
import { generatedSource, rowsSource } from '../../runtime/source/rows-source.ts'
import { start } from '../../runtime/start.ts'
import { boundedOutOfOrderness } from '../../runtime/watermark.ts'
import { tumbling } from '../../runtime/window.ts'
import { changedReaders } from '../support/changed-readers.ts'
import { KernelThreads } from '../support/kernel-workers.ts'
import { drive, turn, VirtualClock } from '../support/virtual-clock.ts'

const job = pipeline('job-test')
  .source('in', schema({ k: utf8(), t: timestamp(), v: f64() }))
  .eventTime('t', boundedOutOfOrderness('10ms', { everyRecords: 16, idleAfter: '100ms' }))
  .keyBy('k')
  .window(tumbling('100ms'))
  .aggregate({ n: count(), total: sum('v') })
  .sink('out')

const rows = Array.from({ length: 5_000 }, (_, index) => ({ k: `k${index % 7}`, t: index * 3, v: index }))

/** The rows, after each of which the reader may be asked to wait. */
function gated(gate: (row: number) => Promise<void> | null, source = rowsSource(rows)): Source {
  return changedReaders(source, (reader) => ({
    read(builder, rowsMax) {
      const wait = gate(Number(reader.position()['row']))
      if (wait === null) return reader.read(builder, rowsMax)
      return wait.then(() => reader.read(builder, rowsMax))
    },
  }))
}

async function wantedRows(parallelism = 1): Promise<readonly object[]> {
  const out = collectSink()
  await (await start(job, { host: 'inline', parallelism, sources: { in: rowsSource(rows) }, sinks: { out } })).finished
  return out.rows
}

for (const host of ['inline', 'shared', 'transferred'] as const) {
  test(`${host}: a stopped job closes no window, and a later start gives what one run would have given`, async () => {
    const store = memoryCheckpoints()
    const out = collectSink()
    const reached = Promise.withResolvers<void>()
    const slow = gated((row) => {
      if (row < 2_000) return null
      reached.resolve()
      return systemClock.sleep(5)
    })
    const options = { host, parallelism: 2, batchRows: 64, sinks: { out }, checkpoints: { store, every: '1h' as const } }
    const first = await start(job, { ...options, sources: { in: slow } })
    await reached.promise
    const stopped = await first.stop()
    expect(stopped.state).toBe('stopped')
    expect(stopped.recordsIn).toBeLessThan(rows.length)
    expect(out.rows.length).toBeLessThan((await wantedRows(2)).length)
    const second = await start(job, { ...options, sources: { in: rowsSource(rows) }, checkpoints: { store, resume: 'always' } })
    const ended = await second.finished
    expect(ended).toMatchObject({ state: 'ended', recordsIn: rows.length, late: 0 })
    expect(out.rows).toEqual(await wantedRows(2))
  })

  test(`${host}: a checkpoint on demand is complete when it says so`, async () => {
    const store = memoryCheckpoints()
    const run = await start(job, {
      host,
      sources: { in: gated((row) => (row > 100 ? systemClock.sleep(2) : null)) },
      sinks: { out: collectSink() },
      batchRows: 64,
      checkpoints: { store, every: '1h' },
    })
    expect(await run.checkpoint()).toBe(true)
    expect(await (await store.inspect()).generations()).toHaveLength(1)
    await run.stop()
  })

  test(`${host}: whoever asks for status or a checkpoint while the job ends gets an answer`, async () => {
    for (let attempt = 0; attempt < 5; attempt++) {
      const run = await start(job, {
        host,
        parallelism: 2,
        sources: { in: rowsSource(rows) },
        sinks: { out: collectSink() },
        checkpoints: { store: memoryCheckpoints(), every: '2ms' },
      })
      let isOver = false
      const asking = (async () => {
        const answers: Promise<unknown>[] = []
        while (!isOver) {
          answers.push(
            run.status(),
            run.checkpoint().catch((error: unknown) => expect(error).toMatchObject({ code: 'JOB_CLOSED' })),
          )
          await turn()
        }
        return Promise.all(answers)
      })()
      expect(await run.finished).toMatchObject({ state: 'ended', recordsIn: rows.length })
      isOver = true
      await asking
    }
  })

  test(`${host}: a sink that fails fails the job, with the sink's error as cause, and every question is answered`, async () => {
    for (const way of ['write', 'later', 'prepare', 'commit', 'finish'] as const) {
      const run = await start(job, {
        host,
        sources: { in: rowsSource(rows) },
        sinks: { out: failingSink(way) },
        checkpoints: { store: memoryCheckpoints(), every: '1ms' },
      })
      const status = run.status()
      const checkpoint = run.checkpoint().catch(() => false)
      await expect(run.finished, way).rejects.toMatchObject({ code: 'SINK_FAILED', cause: { message: `broken in ${way}` } })
      expect((await status).name).toBe('job-test')
      expect(await checkpoint).toBeTypeOf('boolean')
      expect((await run.status()).state).toBe('failed')
      await expect(run.checkpoint()).rejects.toMatchObject({ code: 'JOB_CLOSED' })
    }
  })

  test(`${host}: a source that fails fails the job, with the source's error as cause`, async () => {
    const broken = gated((row) => (row > 500 ? Promise.reject(new Error('torn cable')) : null))
    const run = await start(job, { host, batchRows: 64, sources: { in: broken }, sinks: { out: collectSink() } })
    await expect(run.finished).rejects.toMatchObject({ code: 'SOURCE_FAILED', cause: { message: 'torn cable' } })
    const thrown = gated(() => {
      throw new TypeError('thrown at once')
    })
    await expect((await start(job, { host, sources: { in: thrown }, sinks: { out: collectSink() } })).finished).rejects.toMatchObject({
      code: 'SOURCE_FAILED',
    })
  })
}

function failingSink(way: 'write' | 'later' | 'prepare' | 'commit' | 'finish'): Sink {
  const fail = (here: typeof way) => (way === here ? Promise.reject(new Error(`broken in ${way}`)) : Promise.resolve())
  const writer: SinkWriter = {
    write() {
      if (way === 'write') throw new Error('broken in write')
      return way === 'later' ? fail('later') : undefined
    },
    prepare: () => fail('prepare').then(() => ({})),
    commit: () => fail('commit'),
    finish: () => fail('finish'),
    close: () => Promise.resolve(),
  }
  return { kind: 'failing', delivery: 'exactly-once', open: () => Promise.resolve(writer) }
}

test('without restarts a lost worker fails the job, and a start from the newest checkpoint gives what one run would have given', async () => {
  const threads = new KernelThreads()
  const store = memoryCheckpoints()
  const out = collectSink()
  const halfway = Promise.withResolvers<void>()
  const slow = gated((row) => {
    if (row < 2_500) return null
    halfway.resolve()
    return systemClock.sleep(5)
  })
  const options = { host: 'workers', parallelism: 2, batchRows: 64, sinks: { out }, checkpoints: { store, every: '5ms' } } as const
  const run = await start(job, { ...options, worker: threads.make, restart: false, sources: { in: slow } })
  await halfway.promise
  expect(await run.checkpoint()).toBe(true)
  await threads.made[1]!.terminate()
  await expect(run.finished).rejects.toMatchObject({ code: 'WORKER_LOST', retryable: true })
  expect(await run.status()).toMatchObject({ state: 'failed', restarts: 0, lastFailure: null })
  const again = await start(job, { ...options, sources: { in: rowsSource(rows) }, checkpoints: { store, resume: 'always' } })
  expect(await again.finished).toMatchObject({ state: 'ended', recordsIn: rows.length })
  expect(out.rows).toEqual(await wantedRows(2))
})

test('a worker that is lost while the sources are opened fails the job', async () => {
  const threads = new KernelThreads()
  const source = rowsSource(rows)
  const opening: Source = {
    ...source,
    async splits(context) {
      await threads.made[0]!.terminate()
      await systemClock.sleep(20)
      return source.splits(context)
    },
  }
  const run = await start(job, { host: 'workers', worker: threads.make, sources: { in: opening }, sinks: { out: collectSink() } })
  await expect(run.finished).rejects.toMatchObject({ code: 'WORKER_LOST' })
})

test('a second start on a store fences the first', async () => {
  const store = memoryCheckpoints()
  const endless = gated(
    () => systemClock.sleep(2),
    generatedSource(1e9, (builder, from, number) => {
      for (let row = from; row < from + Math.min(number, 10); row++) builder.appendRow({ k: 'k', t: row, v: 0 }, '')
    }),
  )
  const options = {
    host: 'inline',
    batchRows: 10,
    sources: { in: endless },
    sinks: { out: callbackSink(() => {}) },
    checkpoints: { store, every: '5ms' },
  } as const
  const first = await start(job, options)
  const second = await start(job, options)
  await expect(first.finished).rejects.toMatchObject({ code: 'JOB_FENCED' })
  expect((await second.stop()).state).toBe('stopped')
})

/** A live source whose splits give rows only when told to. */
function handFed(splits: readonly string[]) {
  const queues = new Map(splits.map((id) => [id, { rows: [] as object[], isEnded: false }]))
  const source: Source = {
    kind: 'hand-fed',
    isReplayable: false,
    isBounded: false,
    splits: async () =>
      splits.map((splitId) => ({
        splitId,
        open: async (): Promise<SplitReader> => ({
          read(builder, rowsMax) {
            const queue = queues.get(splitId)!
            const due = queue.rows.splice(0, rowsMax)
            for (const row of due) builder.appendRow(row, '')
            return due.length > 0 ? 'more' : queue.isEnded ? 'end' : 'idle'
          },
          position: () => ({}),
          progress: () => null,
          close: () => Promise.resolve(),
        }),
      })),
  }
  return {
    source,
    feed: (id: string, ...fed: object[]) => void queues.get(id)!.rows.push(...fed),
    end: () => {
      for (const queue of queues.values()) queue.isEnded = true
    },
  }
}

test('a silent split holds windows back until it is idle, and again when it speaks', async () => {
  const clock = new VirtualClock()
  const { source, feed, end } = handFed(['a', 'b'])
  const seen: unknown[] = []
  const out = callbackSink((batch) => void seen.push(...batch.map((row) => row['windowStart'])))
  const run = await start(job, { host: 'inline', clock, sources: { in: source }, sinks: { out } })
  const wait = (ms: number) => drive(clock.timeline, clock.sleep(ms))
  feed('a', { k: 'k', t: 50, v: 1 }, { k: 'k', t: 250, v: 1 })
  feed('b', { k: 'k', t: 60, v: 1 })
  await wait(50)
  expect(seen).toEqual([])
  await wait(200)
  // Split b is idle now, and a as well: the largest watermark, 239, is passed on.
  expect(seen).toEqual([0])
  feed('b', { k: 'k', t: 230, v: 1 })
  await wait(20)
  feed('a', { k: 'k', t: 900, v: 1 })
  await wait(50)
  expect(seen).toEqual([0])
  feed('b', { k: 'k', t: 330, v: 1 })
  await wait(50)
  expect(seen).toEqual([0, 200])
  end()
  await drive(clock.timeline, run.finished)
  expect(seen).toEqual([0, 200, 300, 900])
  expect(await run.finished).toMatchObject({ recordsIn: 6, late: 0 })
})

test('late rows carry their texts when no key is a text', async () => {
  const lateJob = pipeline('late-texts')
    .source('in', schema({ k: f64(), t: timestamp(), text: utf8() }))
    .eventTime('t', boundedOutOfOrderness('0ms', { everyRecords: 1 }))
    .keyBy('k')
    .window(tumbling('10ms'))
    .lateTo('late')
    .aggregate({ n: count() })
    .sink('out')
  const late = collectSink()
  const run = await start(lateJob, {
    host: 'inline',
    sources: {
      in: rowsSource([
        { k: 1, t: 100, text: 'first' },
        { k: 1, t: 5, text: 'é😀' },
        { k: 2, t: 1, text: null },
      ]),
    },
    sinks: { out: collectSink(), late },
  })
  await run.finished
  expect(late.rows.map((row) => row['text'])).toEqual(['é😀', null])
})

test('in which pieces two splits are read decides nothing', async () => {
  const splitRows = [0, 1].map((split) =>
    Array.from({ length: 300 }, (_, index) => ({
      k: `k${index % 3}`,
      t: index * 5 - ((index * 7919 + split) % 60),
      v: split * 1_000 + index,
    })),
  )
  const runs: string[] = []
  for (const piece of [1, 3, 7, 100_000]) {
    const sources = splitRows.map((list) => rowsSource(list))
    const source: Source = {
      ...sources[0]!,
      splits: async (context) =>
        Promise.all(
          sources.map(async (one, index) => {
            const [split] = await one.splits(context)
            return {
              splitId: `split-${index}`,
              async open(position) {
                const reader = await split!.open(position)
                return { ...reader, read: (builder, rowsMax) => reader.read(builder, Math.min(rowsMax, piece)) } satisfies SplitReader
              },
            } satisfies Awaited<ReturnType<Source['splits']>>[number]
          }),
        ),
    }
    const out = collectSink()
    const status = await (await start(job, { host: 'inline', batchRows: piece === 3 ? 5 : 64, sources: { in: source }, sinks: { out } }))
      .finished
    runs.push(JSON.stringify([out.rows, status.late]))
  }
  expect(new Set(runs).size).toBe(1)
})
