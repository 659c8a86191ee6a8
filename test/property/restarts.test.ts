/**
 * Random streams through jobs that are stopped in the middle and started again: nothing of it may show in the results.
 *
 * Before: run-case. After: nothing.
 *
 * Invariant: the place of the stop is a number of records, so a seed stops at the same place every time.
 */

import { expect, test } from 'vitest'
import { memoryCheckpoints } from '../../adapters/memory-store.ts'
import { PANE_ON_TIME } from '../../kernel/layout.ts'
import { fromPlan } from '../../runtime/pipeline.ts'
import { collectSink } from '../../runtime/sink/callback-sink.ts'
import { rowsSource } from '../../runtime/source/rows-source.ts'
import type { Source } from '../../runtime/source/source.ts'
import { start } from '../../runtime/start.ts'
import { windowsOf } from '../oracle/windows.ts'
import { Prng } from '../support/prng.ts'
import { randomCase, type StreamCase } from '../support/streams.ts'
import {
  bits,
  expectOracle,
  expectSameBits,
  forSeeds,
  type Options,
  optionsOf,
  type Outcome,
  outcome,
  runCase,
  sortedRows,
} from './run-case.ts'

/** Stops after about `stopAfter` rows were read, and goes on in a second start, with other options. */
async function runTwice(stream: StreamCase, stopAfter: number, first: Options, second: Options): Promise<Outcome> {
  const store = memoryCheckpoints()
  const out = collectSink()
  const late = collectSink()
  const job = fromPlan(stream.plan)
  const sinks = { 'w-out': out, late }
  const checkpoints = { store, every: '1h' as const }
  const { source, reached } = pausedSource(stream.rows, stopAfter)
  const before = await start(job, { ...first, sources: { in: source }, sinks, checkpoints })
  await reached
  await before.stop()
  const after = await start(job, {
    ...second,
    sources: { in: rowsSource(stream.rows) },
    sinks,
    checkpoints: { ...checkpoints, resume: 'always' },
  })
  const result = outcome(out, late, await after.finished)
  // What has ended stays as it is, however often it is started.
  const again = await start(job, { ...first, sources: { in: rowsSource(stream.rows) }, sinks, checkpoints })
  const { state, recordsIn, recordsOut } = await again.finished
  expect({ state, recordsIn, recordsOut, rows: out.rows.length }).toEqual({
    state: 'ended',
    recordsIn: result.status.recordsIn,
    recordsOut: 0,
    rows: result.panes.length,
  })
  return result
}

/** The rows, but nothing after the first `count`; `reached` resolves when they were read. */
function pausedSource(rows: readonly object[], count: number): { readonly source: Source; readonly reached: Promise<void> } {
  const { promise: reached, resolve } = Promise.withResolvers<void>()
  const whole = rowsSource(rows)
  const source: Source = {
    ...whole,
    async splits(context) {
      const [split] = await whole.splits(context)
      return [
        {
          splitId: split!.splitId,
          async open(position) {
            const reader = await split!.open(position)
            return {
              ...reader,
              read(builder, rowsMax) {
                const rest = count - Number(reader.position()['row'])
                if (rest > 0) return reader.read(builder, Math.min(rest, rowsMax))
                resolve()
                return 'idle'
              },
            }
          },
        },
      ]
    },
  }
  return { source, reached }
}

test('a stop and a restart at another parallelism change no result of a key', async () => {
  await forSeeds('restarts.test.ts', 'a stop and a restart at another parallelism', 600_001, 120, async (seed) => {
    const prng = new Prng(seed)
    const stream = randomCase(prng)
    const parallelism = 1 + prng.int(4)
    const result = await runTwice(stream, prng.int(stream.rows.length), optionsOf(stream), {
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

test('a stop and a restart of one subtask change no byte of the output', async () => {
  await forSeeds('restarts.test.ts', 'a stop and a restart of one subtask', 700_001, 60, async (seed) => {
    const prng = new Prng(seed)
    const stream = randomCase(prng, seed % 10 === 0 ? 12_000 : 300)
    const options = { ...optionsOf(stream), parallelism: 1 }
    const whole = await runCase(stream, options)
    const parts = await runTwice(stream, prng.int(stream.rows.length), options, options)
    expectSameBits(parts.panes, whole.panes)
    expectSameBits(parts.late, whole.late)
  })
})

// Between two watermarks or barriers late panes and late rows come subtask by subtask, so a barrier shows in their order.
test('a stop and a restart of several subtasks change no byte of the panes that fire on time', async () => {
  await forSeeds('restarts.test.ts', 'a stop and a restart of several subtasks', 800_001, 60, async (seed) => {
    const prng = new Prng(seed)
    const stream = randomCase(prng)
    const options = { ...optionsOf(stream), parallelism: 2 + prng.int(3) }
    const whole = await runCase(stream, options)
    const parts = await runTwice(stream, prng.int(stream.rows.length), options, options)
    const onTime = ({ panes }: Outcome) => panes.filter(({ timing }) => timing === PANE_ON_TIME)
    expectSameBits(onTime(parts), onTime(whole))
    expectSameBits(parts.panes.map(bits).sort(), whole.panes.map(bits).sort())
    expectSameBits(sortedRows(parts.late), sortedRows(whole.late))
  })
})
