/** Laws of workers: who makes them, what is said when they cannot be had, and how one is noticed that gives no sign of life. */

import { platform } from '#platform'
import { Worker } from 'node:worker_threads'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { memoryCheckpoints } from '../../adapters/memory-store.ts'
import { count } from '../../runtime/aggregate.ts'
import { systemClock } from '../../runtime/clock.ts'
import { patience } from '../../runtime/host/patience.ts'
import { pipeline } from '../../runtime/pipeline.ts'
import { schema, timestamp, utf8 } from '../../runtime/schema.ts'
import { collectSink } from '../../runtime/sink/callback-sink.ts'
import { rowsSource } from '../../runtime/source/rows-source.ts'
import type { Source, SourceSplit } from '../../runtime/source/source.ts'
import { start, type StartOptions } from '../../runtime/start.ts'
import { boundedOutOfOrderness } from '../../runtime/watermark.ts'
import { tumbling } from '../../runtime/window.ts'
import { KernelThreads } from '../support/kernel-workers.ts'
import { pacedRows } from '../support/paced-rows.ts'

const job = pipeline('workers-test')
  .source('in', schema({ k: utf8(), t: timestamp() }))
  .eventTime('t', boundedOutOfOrderness('10ms', { everyRecords: 16 }))
  .keyBy('k')
  .window(tumbling('100ms'))
  .aggregate({ n: count() })
  .sink('out')
const rows = Array.from({ length: 1_000 }, (_, index) => ({ k: `k${index % 7}`, t: index * 3 }))

async function run(options: Omit<StartOptions, 'sources' | 'sinks'>, source = rowsSource(rows)) {
  const out = collectSink()
  const status = await (await start(job, { ...options, sources: { in: source }, sinks: { out } })).finished
  return { status, rows: out.rows }
}

const script = (name: string) => new URL(`../support/${name}.ts`, import.meta.url)

/** The platform as it was before a test turned it into another. */
let original: typeof platform
beforeEach(() => {
  original = { ...platform }
})
afterEach(() => {
  Object.assign(platform, original)
})
const pretend = (as: Partial<typeof platform>) => void Object.assign(platform, as)

const noSharing = { name: 'browser', canShare: false, whyNot: 'send Cross-Origin-Opener-Policy and Cross-Origin-Embedder-Policy' }

test('each wish has its tier, and a warning only where there would be a better one', async () => {
  const cases = [
    ['auto', {}, 'shared', 0],
    ['workers', {}, 'shared', 0],
    ['shared', {}, 'shared', 0],
    ['transferred', {}, 'transferred', 0],
    ['inline', {}, 'inline', 0],
    ['auto', noSharing, 'transferred', 1],
    ['workers', noSharing, 'transferred', 1],
    ['transferred', noSharing, 'transferred', 0],
    ['inline', noSharing, 'inline', 0],
    ['auto', { name: 'none', canShare: false, hasWorkers: false }, 'inline', 0],
  ] as const
  const { rows: wanted } = await run({ host: 'inline' })
  for (const [host, as, tier, warningCount] of cases) {
    pretend({ ...original, ...as })
    const warnings: string[] = []
    const result = await run({ host, onWarning: (message) => warnings.push(message) })
    expect(result.status.tier, host).toBe(tier)
    expect(result.rows).toEqual(wanted)
    expect(warnings.length, `${host} ${JSON.stringify(as)} ${warnings}`).toBe(warningCount)
    if (warningCount > 0) expect(warnings[0]).toMatch(/Cross-Origin-Opener-Policy.*Cross-Origin-Embedder-Policy/)
  }
})

test('a wish that cannot be had is refused with what stands in its way', async () => {
  pretend(noSharing)
  await expect(run({ host: 'shared' })).rejects.toMatchObject({
    code: 'SHARED_MEMORY_UNAVAILABLE',
    message: expect.stringMatching(/Cross-Origin-Embedder-Policy.*host: 'transferred'/),
  })
})

test('the program may make the workers', async () => {
  for (const host of ['shared', 'transferred'] as const) {
    const threads = new KernelThreads()
    const { status } = await run({ host, parallelism: 3, worker: threads.make })
    expect(status.tier).toBe(host)
    expect(threads.made).toHaveLength(3)
  }
})

test('what is no worker is refused', async () => {
  for (const made of [undefined, {}, 'worker.js', new URL('file:///worker.js')]) {
    await expect(run({ host: 'workers', worker: () => made as never })).rejects.toMatchObject({ code: 'WORKER_INVALID' })
  }
})

const brokenWorkers: readonly (readonly [string, () => Worker, RegExp])[] = [
  [
    'a function that throws',
    () => {
      throw new TypeError('This document requires TrustedScriptURL assignment')
    },
    /requires TrustedScriptURL/,
  ],
  ['a script that is not there', () => new Worker(script('no-such-worker')), /Cannot find module/],
  ['a script that throws', () => new Worker('throw new Error("torn")', { eval: true }), /torn/],
  ['a script that ends', () => new Worker('', { eval: true }), /exit code 0/],
  ['a script that never answers', () => new Worker(script('silent-worker')), /did not answer within 1500 ms/],
]

for (const [name, worker, why] of brokenWorkers) {
  test(`${name} is told when workers are wished for, and otherwise warned about`, async () => {
    const workerTimeout = '500ms'
    for (const host of ['shared', 'transferred', 'workers'] as const) {
      const failed = await run({ host, worker, workerTimeout }).catch((error: unknown) => error)
      expect(failed).toMatchObject({ code: 'WORKERS_UNAVAILABLE', message: expect.stringMatching(why) })
      expect((failed as Error).message).toMatch(/worker: \(\) => new Worker/)
    }
    const warnings: string[] = []
    const { status } = await run({ worker, workerTimeout, onWarning: (message) => warnings.push(message) })
    expect(status.tier).toBe('inline')
    expect(warnings).toHaveLength(1)
    expect(warnings[0]).toMatch(why)
    expect(warnings[0]).toMatch(/worker: \(\) => new Worker/)
  })
}

for (const host of ['shared', 'transferred'] as const) {
  test(`${host}: a worker that hangs is lost, and the job goes on without it`, async () => {
    const threads = new KernelThreads(script('hanging-worker'))
    let hangs = true
    const source = pacedRows(rows, 16, (row) => {
      if (row < 300 || !hangs) return
      hangs = false
      threads.made[1]!.postMessage('hang')
    })
    const options = { host, parallelism: 2, worker: threads.make, workerTimeout: '400ms', onWarning: () => {} } as const
    const beganMs = systemClock.monotonic()
    const { status, rows: found } = await run({ ...options, checkpoints: { store: memoryCheckpoints(), every: '2ms' } }, source)
    expect(status).toMatchObject({ restarts: 1, lastFailure: { code: 'WORKER_HUNG' }, recordsIn: rows.length, state: 'ended' })
    expect(systemClock.monotonic() - beganMs).toBeGreaterThan(400)
    expect(found).toEqual((await run({ host: 'inline', parallelism: 2 })).rows)
  })
}

test('a worker that hangs fails a job without restarts', async () => {
  const threads = new KernelThreads(script('hanging-worker'))
  const source = pacedRows(rows, 16, () => threads.made[0]!.postMessage('hang'))
  await expect(run({ host: 'workers', worker: threads.make, workerTimeout: '300ms' }, source)).rejects.toMatchObject({
    code: 'WORKER_HUNG',
    retryable: true,
  })
})

test('a worker that has nothing to do for long is not taken for one that hangs', async () => {
  const waiting = (['shared', 'transferred'] as const).map(async (host) => {
    let waits = true
    const whole = rowsSource(rows)
    const source: Source = {
      ...whole,
      async splits(context) {
        const [split] = await whole.splits(context)
        const open: SourceSplit['open'] = async (position) => {
          const reader = await split!.open(position)
          return {
            ...reader,
            async read(builder, rowsMax) {
              if (waits) await systemClock.sleep(3_000)
              waits = false
              return reader.read(builder, rowsMax)
            },
          }
        }
        return [{ splitId: split!.splitId, open }]
      },
    }
    return run({ host, workerTimeout: '1s' }, source)
  })
  for (const { status } of await Promise.all(waiting)) expect(status).toMatchObject({ state: 'ended', restarts: 0 })
})

test('time in which this thread was not awake is no waiting', async () => {
  let progress = 0
  const never = new AbortController().signal
  const beganMs = systemClock.monotonic()
  const waited = patience(300, never, () => progress)
  await systemClock.sleep(200)
  // As a page that is frozen: the timer comes seconds late.
  const untilMs = systemClock.monotonic() + 1_700
  while (systemClock.monotonic() < untilMs);
  await systemClock.sleep(150)
  progress++
  expect(await waited).toBe(true)
  expect(systemClock.monotonic() - beganMs).toBeGreaterThan(200 + 1_700 + 150 + 270)
})

test('patience ends when the answer comes', async () => {
  const answer = new AbortController()
  const waited = patience(60_000, answer.signal, () => 0)
  answer.abort()
  expect(await waited).toBe(false)
})

test('the time that a worker may be silent is checked', async () => {
  await expect(run({ host: 'inline', workerTimeout: 0 })).rejects.toMatchObject({ code: 'DURATION_INVALID' })
})
