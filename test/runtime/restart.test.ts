/** Laws of jobs that restart themselves: what is restarted, how often, and what a `Run` answers meanwhile. */

import { expect, test } from 'vitest'
import { memoryCheckpoints } from '../../adapters/memory-store.ts'
import { count, sum } from '../../runtime/aggregate.ts'
import { ConnectorError, JobStateError } from '../../runtime/errors.ts'
import { pipeline } from '../../runtime/pipeline.ts'
import { f64, schema, timestamp, utf8 } from '../../runtime/schema.ts'
import { callbackSink, collectSink } from '../../runtime/sink/callback-sink.ts'
import type { Sink } from '../../runtime/sink/sink.ts'
import { iterableSource } from '../../runtime/source/iterable-source.ts'
import { rowsSource } from '../../runtime/source/rows-source.ts'
import type { Source } from '../../runtime/source/source.ts'
import { start, type StartOptions } from '../../runtime/start.ts'
import { boundedOutOfOrderness, manual } from '../../runtime/watermark.ts'
import { tumbling } from '../../runtime/window.ts'
import { KernelThreads } from '../support/kernel-workers.ts'
import { pacedRows } from '../support/paced-rows.ts'
import { Prng } from '../support/prng.ts'
import { turn, VirtualClock } from '../support/virtual-clock.ts'

const stream = () => pipeline('restart-test').source('in', schema({ k: utf8(), t: timestamp(), v: f64() }))
const job = stream()
  .eventTime('t', boundedOutOfOrderness('10ms', { everyRecords: 16 }))
  .keyBy('k')
  .window(tumbling('100ms'))
  .aggregate({ n: count(), total: sum('v') })
  .sink('out')
const rows = Array.from({ length: 3_000 }, (_, index) => ({ k: `k${index % 7}`, t: index * 3, v: index }))

const lost = (retryable = true) => new JobStateError('WORKER_LOST', 'lost on purpose', { retryable })

/** Rows, and an error each time one of `at` comes. */
function failing(at: number[], error: () => Error = lost): Source {
  return pacedRows(rows, 50, (row) => {
    if (at.length === 0 || row < at[0]!) return
    at.shift()
    throw error()
  })
}

async function wantedRows(): Promise<readonly object[]> {
  const out = collectSink()
  await (await start(job, { host: 'inline', sources: { in: rowsSource(rows) }, sinks: { out } })).finished
  return out.rows
}

function options(more: Partial<StartOptions> = {}): Omit<StartOptions, 'sources' | 'sinks'> {
  return { host: 'inline', checkpoints: { store: memoryCheckpoints(), every: '1ms' }, onWarning: () => {}, ...more }
}

test('a job with checkpoints goes on from the newest one, and its results are those of a job that was left alone', async () => {
  const out = collectSink()
  const warnings: string[] = []
  const onWarning = (message: string) => void warnings.push(message)
  const run = await start(job, { ...options({ onWarning }), sources: { in: failing([700, 2_100]) }, sinks: { out } })
  const status = await run.finished
  expect(status).toMatchObject({
    state: 'ended',
    restarts: 2,
    recordsIn: rows.length,
    epoch: 3,
    lastFailure: { code: 'WORKER_LOST', message: 'lost on purpose' },
  })
  expect(status.recoveredFrom).not.toBeNull()
  expect(out.rows).toEqual(await wantedRows())
  expect(warnings).toEqual([1, 2].map((number) => `Restart ${number} from the newest checkpoint: lost on purpose`))
  expect(await run.status()).toMatchObject({ state: 'ended', restarts: 2 })
})

test('a job that failed before its first checkpoint begins anew', async () => {
  const out = collectSink()
  const run = await start(job, {
    ...options({ checkpoints: { store: memoryCheckpoints(), every: '1h', resume: 'never' } }),
    sources: { in: failing([1_500]) },
    sinks: { out },
  })
  expect(await run.finished).toMatchObject({ restarts: 1, recoveredFrom: null, recordsIn: rows.length })
  expect(out.rows).toEqual(await wantedRows())
})

test('more failures than attempts within the time fail the job with the last of them', async () => {
  const run = await start(job, {
    ...options({ restart: { attempts: 2, delay: '1ms' } }),
    sources: { in: failing([0, 0, 0, 0]) },
    sinks: { out: collectSink() },
  })
  await expect(run.finished).rejects.toMatchObject({ code: 'WORKER_LOST' })
  expect(await run.status()).toMatchObject({ state: 'failed', restarts: 2 })
  await expect(run.checkpoint()).rejects.toMatchObject({ code: 'JOB_CLOSED' })
  await expect(run.stop()).rejects.toMatchObject({ code: 'WORKER_LOST' })
})

test('attempts count within the time alone, and the delay between them doubles', async () => {
  const clock = new VirtualClock()
  const failedAt: number[] = []
  const source = pacedRows(rows, 50, () => {
    failedAt.push(clock.monotonic())
    throw lost()
  })
  const run = await start(job, {
    ...options({ clock, restart: { attempts: 4, within: '1m', delay: '1s' } }),
    sources: { in: source },
    sinks: { out: collectSink() },
  })
  let isOver = false
  run.finished.catch(() => {}).finally(() => (isOver = true))
  while (!isOver) {
    await turn()
    clock.timeline.next()
  }
  const delays = failedAt.slice(1).map((ms, index) => Math.round((ms - failedAt[index]!) / 1_000))
  expect(delays).toEqual([0, 1, 2, 4])
})

test('what cannot be otherwise a second time is not tried again', async () => {
  for (const error of [() => new ConnectorError('SOURCE_BROKEN', 'broken'), () => lost(false)]) {
    const run = await start(job, { ...options(), sources: { in: failing([10], error) }, sinks: { out: collectSink() } })
    await expect(run.finished).rejects.toThrow(/broken|lost on purpose/)
    expect(await run.status()).toMatchObject({ state: 'failed', restarts: 0 })
  }
})

test('only jobs that lose nothing by it restart unasked', async () => {
  const live = { ...failing([10]), isReplayable: false }
  const cases: readonly (readonly [Partial<StartOptions>, Source])[] = [
    [{ restart: false }, failing([10])],
    [{ checkpoints: undefined as never }, failing([10])],
    [{}, live],
  ]
  for (const [more, source] of cases) {
    const run = await start(job, { ...options(more), sources: { in: source }, sinks: { out: collectSink() } })
    await expect(run.finished).rejects.toMatchObject({ code: 'WORKER_LOST' })
  }
  const asked = await start(job, {
    ...options({ restart: {} }),
    sources: { in: { ...failing([10]), isReplayable: false } },
    sinks: { out: collectSink() },
  })
  expect(await asked.finished).toMatchObject({ restarts: 1 })
})

test('an iterable that was read before is not taken for one that has ended', async () => {
  let hasFailed = false
  function* numbers() {
    for (const row of rows) yield row
  }
  const run = await start(job, {
    ...options({ restart: {} }),
    sources: { in: iterableSource(numbers()) },
    sinks: {
      out: callbackSink(() => {
        if (hasFailed) return
        hasFailed = true
        throw lost()
      }),
    },
  })
  await expect(run.finished).rejects.toMatchObject({ code: 'SOURCE_REWIND' })
  expect((await run.status()).lastFailure).toMatchObject({ code: 'WORKER_LOST' })
})

test('whoever asks while the job restarts is answered by the job that follows', async () => {
  const out = collectSink()
  const reopened = Promise.withResolvers<void>()
  let openCount = 0
  const paced = failing([1_000])
  const source: Source = {
    ...paced,
    async splits(context) {
      if (++openCount === 2) await reopened.promise
      return paced.splits(context)
    },
  }
  const run = await start(job, {
    ...options({ checkpoints: { store: memoryCheckpoints(), every: '1h' } }),
    sources: { in: source },
    sinks: { out },
  })
  while (openCount < 2) await turn()
  expect(await run.status()).toMatchObject({ state: 'restarting', restarts: 1 })
  const checkpoint = run.checkpoint()
  await turn()
  reopened.resolve()
  expect(await checkpoint).toBe(true)
  expect(await run.finished).toMatchObject({ state: 'ended', restarts: 1 })
  expect(out.rows).toEqual(await wantedRows())
})

test('a stop during a restart stops the job that follows, and a later start goes on', async () => {
  const store = memoryCheckpoints()
  const out = collectSink()
  const checkpoints = { store, every: '1h' } as const
  let openCount = 0
  const paced = failing([1_000, 1_000])
  const source: Source = {
    ...paced,
    splits: (context) => {
      openCount++
      return paced.splits(context)
    },
  }
  const run = await start(job, { ...options({ checkpoints, restart: { delay: '1h' } }), sources: { in: source }, sinks: { out } })
  // The second restart would come in an hour.
  while ((await run.status()).restarts < 2) await turn()
  expect(openCount).toBe(2)
  expect(await run.stop()).toMatchObject({ state: 'stopped', restarts: 2 })
  expect(openCount).toBe(3)
  const after = await start(job, { ...options({ checkpoints }), sources: { in: rowsSource(rows) }, sinks: { out } })
  expect(await after.finished).toMatchObject({ state: 'ended', recordsIn: rows.length })
  expect(out.rows).toEqual(await wantedRows())
})

test('a job that is lost while it stops is stopped again', async () => {
  const store = memoryCheckpoints()
  const out = collectSink()
  let fails = true
  const sink: Sink = {
    ...out,
    async open(context) {
      const writer = await out.open(context)
      return {
        ...writer,
        prepare(checkpointId) {
          if (!fails) return writer.prepare(checkpointId)
          fails = false
          throw lost()
        },
      }
    },
  }
  const checkpoints = { store, every: '1h' } as const
  const run = await start(job, { ...options({ checkpoints }), sources: { in: failing([]) }, sinks: { out: sink } })
  expect(await run.stop()).toMatchObject({ state: 'stopped', restarts: 1 })
})

test('watermarks of the program hold across a restart, behind the records that they followed', async () => {
  const manualJob = stream()
    .eventTime('t', manual({ everyRecords: 1 }))
    .keyBy('k')
    .window(tumbling('100ms'))
    .lateTo('late')
    .aggregate({ n: count() })
    .sink('out')
  const late = collectSink()
  const atThousand = Promise.withResolvers<void>()
  const given = Promise.withResolvers<void>()
  const seen = new Map<string, number | null>()
  let attempt = 0
  const whole = rowsSource(rows)
  const source: Source = {
    ...whole,
    async splits(context) {
      attempt++
      const [split] = await whole.splits(context)
      const open: (typeof split & {})['open'] = async (position) => {
        const reader = await split!.open(position)
        return {
          ...reader,
          async read(builder, rowsMax) {
            const row = Number(reader.position()['row'])
            if (row === 1_000) {
              atThousand.resolve()
              await given.promise
            }
            if (attempt === 1 && row >= 1_500) throw lost()
            if (row === 500 || row === 2_000) seen.set(`${attempt} ${row}`, (await run.status()).eventTimes[0]!.watermarkMs)
            return reader.read(builder, Math.min(rowsMax, 50))
          },
        }
      }
      return [{ splitId: split!.splitId, open }]
    },
  }
  const run = await start(manualJob, {
    ...options({ checkpoints: { store: memoryCheckpoints(), every: '1h' } }),
    sources: { in: source },
    sinks: { out: collectSink(), late },
  })
  await atThousand.promise
  // Passed on behind the read under way, the rows 1000 to 1050.
  const passed = run.advanceWatermark('in', 2_500)
  given.resolve()
  await passed
  expect(await run.finished).toMatchObject({ restarts: 1, late: 0, recordsIn: rows.length })
  expect([...seen]).toEqual([
    ['1 500', null],
    ['2 500', null],
    ['2 2000', 2_500],
  ])
})

test('checkpoints of workers that are lost all the time are those of the job that follows them', { timeout: 60_000 }, async () => {
  const prng = new Prng(7)
  for (const host of ['shared', 'transferred'] as const) {
    const threads = new KernelThreads()
    const out = collectSink()
    const kills = [300, 900, 1_500, 2_100]
    const source = pacedRows(rows, 25, (row) => {
      if (kills.length > 0 && row >= kills[0]!) {
        kills.shift()
        threads.kill(prng, 2)
      }
    })
    const run = await start(job, {
      ...options({ host, parallelism: 2, worker: threads.make, restart: { attempts: 9, delay: '1ms' } }),
      sources: { in: source },
      sinks: { out },
    })
    let isOver = false
    const asking = (async () => {
      let completed = 0
      while (!isOver) {
        if (await run.checkpoint().catch((error: unknown) => expect(error).toMatchObject({ code: 'JOB_CLOSED' }))) completed++
        await turn()
      }
      return completed
    })()
    const status = await run.finished
    isOver = true
    expect(await asking).toBeGreaterThan(0)
    expect(status).toMatchObject({ state: 'ended', tier: host, recordsIn: rows.length })
    // Two kills may fall on one attempt.
    expect(status.restarts).toBeGreaterThan(1)
    expect(out.rows).toEqual(
      await (async () => {
        const wanted = collectSink()
        await (await start(job, { host: 'inline', parallelism: 2, sources: { in: rowsSource(rows) }, sinks: { out: wanted } })).finished
        return wanted.rows
      })(),
    )
  }
})

test('options of restarts are checked', async () => {
  const given = { ...options(), sources: { in: rowsSource([]) }, sinks: { out: collectSink() } }
  for (const restart of [{ attempts: -1 }, { attempts: 1.5 }]) {
    await expect(start(job, { ...given, restart })).rejects.toMatchObject({ code: 'OPTION_INVALID' })
  }
  await expect(start(job, { ...given, restart: { within: 'soon' as never } })).rejects.toMatchObject({ code: 'DURATION_INVALID' })
  const { checkpoints: _, ...without } = given
  await expect(start(job, { ...without, restart: {} })).rejects.toMatchObject({ code: 'OPTION_INVALID' })
})
