/**
 * Random streams through jobs that are stopped in the middle and started again: nothing of it may show in the results.
 *
 * Before: run-case. After: nothing.
 *
 * Invariant: the place of the stop is a number of records, so a seed stops at the same place every time.
 */

import { expect, test } from 'vitest'
import { memoryCheckpoints } from '../../adapters/memory-store.ts'
import { systemClock } from '../../runtime/clock.ts'
import { JobStateError } from '../../runtime/errors.ts'
import { fromPlan } from '../../runtime/pipeline.ts'
import { collectSink } from '../../runtime/sink/callback-sink.ts'
import { rowsSource } from '../../runtime/source/rows-source.ts'
import { start } from '../../runtime/start.ts'
import { windowsOf } from '../oracle/windows.ts'
import { Prng } from '../support/prng.ts'
import { randomCase, type StreamCase } from '../support/streams.ts'
import { type Cut, pausedSource } from './paused-source.ts'
import { expectOracle, expectSameBits, forSeeds, type Options, optionsOf, type Outcome, outcome, runCase } from './run-case.ts'

/** Stops when `count` rows were read, goes on in a second start with other options, and starts a third time what has ended. */
async function runTwice(stream: StreamCase, cut: Cut, count: number, first: Options, second: Options): Promise<Outcome> {
  const out = collectSink()
  const late = collectSink()
  const job = fromPlan(stream.plan)
  const sinks = { 'w-out': out, late }
  const checkpoints = { store: memoryCheckpoints(), every: '1h' } as const
  const { source, reached, release } = pausedSource(stream.rows, count, cut)
  const before = await start(job, { ...first, sources: { in: source }, sinks, checkpoints })
  await reached
  const stopped = before.stop()
  release()
  await stopped
  const sources = { in: rowsSource(stream.rows) }
  const after = await start(job, { ...second, sources, sinks, checkpoints: { ...checkpoints, resume: 'always' } })
  const result = outcome(out, late, await after.finished)
  const again = await start(job, { ...first, sources, sinks, checkpoints })
  const { state, recordsIn, recordsOut } = await again.finished
  expect({ state, recordsIn, recordsOut, rows: out.rows.length }).toEqual({
    state: 'ended',
    recordsIn: result.status.recordsIn,
    recordsOut: 0,
    rows: result.panes.length,
  })
  return result
}

test('a stop and a restart at another parallelism change no result of a key', async () => {
  await forSeeds('restarts.test.ts', 'a stop and a restart at another parallelism', 600_001, 120, async (seed) => {
    const prng = new Prng(seed)
    const stream = randomCase(prng)
    const parallelism = 1 + prng.int(4)
    const result = await runTwice(stream, 'anywhere', prng.int(stream.rows.length), optionsOf(stream), {
      ...optionsOf(stream),
      parallelism,
      batchRows: 5,
    })
    const expected = windowsOf(stream.oracle, stream.arrivals)
    expectOracle({ ...stream, keys: stream.keys }, expected, result, 2)
    const { status } = result
    expect({
      recordsIn: status.recordsIn,
      filtered: status.filtered,
      late: status.late,
      deadLetters: status.deadLetters,
      results: status.windows[0]!.results,
    }).toEqual({
      recordsIn: stream.rows.length,
      filtered: stream.filteredCount,
      late: expected.dropped.length,
      deadLetters: stream.deadLetterCount,
      results: expected.panes.length,
    })
  })
})

test('a stop and a restart at the same parallelism change no byte of the output', async () => {
  await forSeeds('restarts.test.ts', 'a stop and a restart at the same parallelism', 700_001, 120, async (seed) => {
    const prng = new Prng(seed)
    const stream = randomCase(prng, seed % 10 === 0 ? 12_000 : 300)
    const options = optionsOf(stream)
    const whole = await runCase(stream, options)
    const parts = await runTwice(stream, 'behindWatermark', prng.int(stream.rows.length), options, options)
    expectSameBits(parts.panes, whole.panes)
    expectSameBits(parts.late, whole.late)
  })
})

test('checkpoints asked for all the time change no byte of the output, and each is answered', async () => {
  let completedCount = 0
  await forSeeds('restarts.test.ts', 'checkpoints asked for all the time', 800_001, 40, async (seed) => {
    const stream = randomCase(new Prng(seed), 3_000)
    const options = { ...optionsOf(stream), batchRows: 1, ringSlots: 2 }
    const without = await runCase(stream, options)
    const out = collectSink()
    const late = collectSink()
    const run = await start(fromPlan(stream.plan), {
      ...options,
      sources: { in: rowsSource(stream.rows) },
      sinks: { 'w-out': out, late },
      checkpoints: { store: memoryCheckpoints(), every: '1h' },
    })
    const asking = async () => {
      while (await run.checkpoint()) {
        completedCount++
        await systemClock.yield()
      }
    }
    const isRefusal = (error: unknown) => {
      // A job that is about to end answers no, one that is over refuses.
      if (!(error instanceof JobStateError && error.code === 'JOB_CLOSED')) throw error
    }
    const [status] = await Promise.all([run.finished, asking().catch(isRefusal)])
    const often = outcome(out, late, status)
    expectSameBits(often.panes, without.panes)
    expectSameBits(often.late, without.late)
  })
  expect(completedCount).toBeGreaterThan(0)
})
