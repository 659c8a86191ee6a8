/**
 * Random jobs on every tier: which one kernels run on changes no bit, nor does the loss of workers at any moment.
 *
 * Before: run-case and pane-jobs. After: nothing.
 *
 * Invariant: workers are lost by `terminate` alone, at a number of records that the seed decides.
 */

import { expect, test } from 'vitest'
import { memoryCheckpoints } from '../../adapters/memory-store.ts'
import { fromPlan } from '../../runtime/pipeline.ts'
import { collectSink } from '../../runtime/sink/callback-sink.ts'
import { start } from '../../runtime/start.ts'
import { KernelThreads } from '../support/kernel-workers.ts'
import { pacedRows } from '../support/paced-rows.ts'
import { Prng } from '../support/prng.ts'
import { randomCase, type StreamCase } from '../support/streams.ts'
import { randomJobCase, randomOptions, runJob } from './pane-jobs.ts'
import { outcomeDifference } from './pane-run.ts'
import { expectSameBits, forSeeds, type Options, type Outcome, outcome, runCase } from './run-case.ts'
import { caseText } from './shrinker.ts'

const TIERS = ['shared', 'transferred'] as const

test('plain windows give the same bits on every tier, through rings of two slots too', { timeout: 120_000 }, async () => {
  await forSeeds('hosts.test.ts', 'plain windows give the same bits', 1_500_001, 12, async (seed) => {
    const prng = new Prng(seed)
    const stream = randomCase(prng, seed % 6 === 0 ? 3_000 : 300)
    const options: Options = { parallelism: 1 + (seed % 3), batchRows: prng.pick([1, 7, 64]), ringSlots: prng.pick([2, 2, 8]) }
    const inline = await runCase(stream, { ...options, host: 'inline' })
    for (const host of TIERS) {
      const found = await runCase(stream, { ...options, host })
      expect(found.status.tier).toBe(host)
      expectSameBits(found.panes, inline.panes)
      expectSameBits(found.late, inline.late)
    }
  })
})

for (const isStopped of [false, true]) {
  const name = `windows of the pane kernel on transferred buffers give the panes of the oracle${isStopped ? ' after a stop' : ''}`
  test(name, { timeout: 120_000 }, async () => {
    await forSeeds('hosts.test.ts', name, isStopped ? 1_700_001 : 1_600_001, 20, async (seed) => {
      const prng = new Prng(seed)
      const jobCase = randomJobCase(prng)
      const host = 'transferred'
      const first = { ...randomOptions(prng), host } as const
      const stop = isStopped
        ? { at: prng.int(jobCase.rows.length), second: { ...randomOptions(prng), host: prng.pick(['shared', host, 'inline'] as const) } }
        : null
      const why = outcomeDifference(jobCase, await runJob(jobCase, first, stop))
      if (why !== null) expect.fail(`${why}\n${caseText(jobCase)}`)
    })
  })
}

/** Runs with checkpoints all the time, and ends a worker whenever one of `kills` rows comes. */
async function runKilled(stream: StreamCase, prng: Prng, options: Options, kills: number[]): Promise<Outcome> {
  const threads = new KernelThreads()
  const source = pacedRows(stream.rows, 16, (row) => {
    if (kills.length === 0 || row < kills[0]!) return
    kills.shift()
    threads.kill(prng, options.parallelism!)
  })
  const out = collectSink()
  const late = collectSink()
  const run = await start(fromPlan(stream.plan), {
    ...options,
    worker: threads.make,
    sources: { in: source },
    sinks: { 'w-out': out, late },
    checkpoints: { store: memoryCheckpoints(), every: '1ms' },
    restart: { attempts: 10, delay: '1ms' },
    onWarning: () => {},
  })
  return outcome(out, late, await run.finished)
}

for (const host of TIERS) {
  const name = `workers lost at any moment change no bit: ${host}`
  test(name, { timeout: 180_000 }, async () => {
    let restarts = 0
    await forSeeds('hosts.test.ts', name, 1_800_001, 12, async (seed) => {
      const prng = new Prng(seed)
      const stream = randomCase(prng, 600)
      const options: Options = { host, parallelism: 1 + (seed % 3), batchRows: prng.pick([7, 64]), ringSlots: prng.pick([2, 8]) }
      const wanted = await runCase(stream, { ...options, host: 'inline' })
      const kills = Array.from({ length: 1 + prng.int(3) }, () => prng.int(stream.rows.length)).toSorted((a, b) => a - b)
      const found = await runKilled(stream, prng, options, kills)
      restarts += found.status.restarts
      expectSameBits(found.panes, wanted.panes)
      expectSameBits(found.late, wanted.late)
      expect({ recordsIn: found.status.recordsIn, late: found.status.late }).toEqual({
        recordsIn: wanted.status.recordsIn,
        late: wanted.status.late,
      })
    })
    if (process.env['SEED'] === undefined) expect(restarts).toBeGreaterThan(5)
  })
}
