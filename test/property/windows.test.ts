/**
 * Random streams through whole jobs against the naive oracle, and the laws that any two runs of one stream must keep.
 *
 * Before: test/support/streams makes a case of a seed. After: nothing; a failure prints its seed and the command that replays it.
 * `SEED=n` replays one case in every test; `STREAMS=n` multiplies the number of cases.
 *
 * Invariant: the sum over the tests below is more than 2,000 streams a run.
 */

import { expect, test } from 'vitest'
import { memoryCheckpoints } from '../../adapters/memory-store.ts'
import { PANE_ON_TIME } from '../../kernel/layout.ts'
import type { JobStatus } from '../../runtime/coordinator/job-status.ts'
import { fromPlan } from '../../runtime/pipeline.ts'
import { type CollectSink, collectSink } from '../../runtime/sink/callback-sink.ts'
import type { Source } from '../../runtime/source/source.ts'
import { rowsSource } from '../../runtime/source/rows-source.ts'
import { start, type StartOptions } from '../../runtime/start.ts'
import { type ActualPane, actualPanes, paneDifference, paneDifferenceByKey } from '../oracle/compare.ts'
import { type OracleResult, windowsOf } from '../oracle/windows.ts'
import { Prng } from '../support/prng.ts'
import { randomCase, type StreamCase } from '../support/streams.ts'

const factor = Number(process.env['STREAMS'] ?? 1)

/** Runs a body for many seeds, and says with the failure how to run it again. */
async function forSeeds(name: string, from: number, count: number, body: (seed: number) => Promise<void>): Promise<void> {
  const given = process.env['SEED']
  const seeds = given === undefined ? Array.from({ length: Math.ceil(count * factor) }, (_, index) => from + index) : [Number(given)]
  for (const seed of seeds) {
    try {
      await body(seed)
    } catch (error) {
      const replay = `SEED=${seed} npx vitest run --config test/vitest.config.ts test/property/windows.test.ts -t '${name}'`
      throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}\nreplay: ${replay}`, { cause: error })
    }
  }
}

type Options = Partial<Omit<StartOptions, 'sources' | 'sinks'>>

interface Outcome {
  readonly panes: readonly ActualPane[]
  readonly late: readonly object[]
  readonly status: JobStatus
}

function optionsOf(stream: StreamCase): Options {
  const { batchRows, ringSlots, parallelism } = stream
  return { host: 'inline', batchRows, ringSlots, parallelism }
}

async function runCase(stream: StreamCase, options: Options, source: Source = rowsSource(stream.rows)): Promise<Outcome> {
  const out = collectSink()
  const late = collectSink()
  const run = await start(fromPlan(stream.plan), { ...options, sources: { in: source }, sinks: { 'w-out': out, late } })
  const status = await run.finished
  return outcome(out, late, status)
}

function outcome(out: CollectSink, late: CollectSink, status: JobStatus): Outcome {
  return { panes: actualPanes(out), late: late.rows, status }
}

function expectOracle(stream: StreamCase, expected: OracleResult, { panes, late }: Outcome, parallelism: number): void {
  const rules = { keys: stream.keys, aggregates: stream.oracle.aggregates }
  const why =
    parallelism === 1 || stream.keys.length === 0
      ? paneDifference(expected.panes, panes, rules)
      : paneDifferenceByKey(expected.panes, panes, rules)
  expect(why, why ?? '').toBeNull()
  expect(sortedRows(late)).toEqual(sortedRows(expected.dropped.map(({ values }) => values)))
}

/** Rows with absent fields as null, in an order of their own, every number by its bits. */
function sortedRows(rows: readonly object[]): string[] {
  return rows
    .map((row) =>
      bits(
        Object.entries(row)
          .filter(([, cell]) => cell !== null && cell !== undefined)
          .sort(([a], [b]) => (a < b ? -1 : 1)),
      ),
    )
    .sort()
}

/** A text that differs whenever a bit differs (all NaNs are one). */
function bits(value: unknown): string {
  return (
    JSON.stringify(value, (_, inner: unknown) => (typeof inner === 'number' ? (Object.is(inner, -0) ? '-0' : String(inner)) : inner)) ??
    'nothing'
  )
}

/** Two sequences, bit for bit; names the first item that differs. */
function expectSameBits(actual: readonly unknown[], expected: readonly unknown[]): void {
  const at = Array.from({ length: Math.max(actual.length, expected.length) }, (_, index) => index).find(
    (index) => bits(actual[index]) !== bits(expected[index]),
  )
  if (at === undefined) return
  expect.fail(
    `item ${at} of ${expected.length} (found ${actual.length}):\n  expected ${bits(expected[at])}\n  actual   ${bits(actual[at])}`,
  )
}

const BLOCKS = 8
const BLOCK_STREAMS = 300
for (let block = 0; block < BLOCKS; block++) {
  const name = `random streams give the panes of the oracle, block ${block}`
  test(name, async () => {
    await forSeeds(name, 1 + block * 10_000, BLOCK_STREAMS, async (seed) => {
      const stream = randomCase(new Prng(seed))
      const expected = windowsOf(stream.oracle, stream.arrivals)
      const result = await runCase(stream, optionsOf(stream))
      expectOracle(stream, expected, result, stream.parallelism)
      const { status } = result
      const [window] = status.windows
      expect({ recordsIn: status.recordsIn, filtered: status.filtered, late: status.late, deadLetters: status.deadLetters }).toEqual({
        recordsIn: stream.rows.length,
        filtered: stream.filteredCount,
        late: expected.dropped.length,
        deadLetters: stream.deadLetterCount,
      })
      expect(window!.processed + status.late + status.filtered + status.deadLetters).toBe(status.recordsIn)
      expect(window!.results).toBe(expected.panes.length)
      expect(window!.lateUpdates).toBe(expected.panes.filter(({ timing }) => timing === 'late').length)
    })
  })
}

test('streams of thousands of keys give the panes of the oracle', async () => {
  await forSeeds('streams of thousands of keys', 100_001, 12, async (seed) => {
    const stream = randomCase(new Prng(seed), 12_000)
    const result = await runCase(stream, { ...optionsOf(stream), batchRows: 256 })
    // Keys whose state is gone may be forgotten once there are more than a thousand: their order is another law's matter.
    expectOracle(stream, windowsOf(stream.oracle, stream.arrivals), result, Number.POSITIVE_INFINITY)
  })
})

test('batch size, ring size and host change no bit of the results', async () => {
  await forSeeds('batch size, ring size and host', 200_001, 60, async (seed) => {
    const prng = new Prng(seed)
    const stream = randomCase(prng, seed % 10 === 0 ? 6_000 : 300)
    const parallelism = seed % 3 === 0 ? stream.parallelism : 1
    const variants: Options[] = [
      { host: 'inline', batchRows: 4_096, ringSlots: 64 },
      { host: 'inline', batchRows: 1, ringSlots: 2 },
      { host: 'inline', batchRows: 7, ringSlots: 4 },
      ...(seed % 6 === 0 ? [{ host: 'workers' as const, batchRows: 16, ringSlots: 8 }] : []),
    ]
    const results = []
    for (const variant of variants) results.push(await runCase(stream, { ...variant, parallelism }))
    for (const { panes, late } of results) {
      expectSameBits(panes, results[0]!.panes)
      expectSameBits(late, results[0]!.late)
    }
  })
})

test('worker threads give the panes of the oracle', async () => {
  await forSeeds('worker threads give', 300_001, 24, async (seed) => {
    const stream = randomCase(new Prng(seed))
    const result = await runCase(stream, { ...optionsOf(stream), host: 'workers' })
    expectOracle(stream, windowsOf(stream.oracle, stream.arrivals), result, stream.parallelism)
  })
})

test('results of several subtasks come in one order, run after run', async () => {
  await forSeeds('results of several subtasks', 400_001, 8, async (seed) => {
    const stream = randomCase(new Prng(seed))
    const options: Options = { ...optionsOf(stream), parallelism: 2 + (seed % 3) }
    const inline = await runCase(stream, options)
    for (const host of ['workers', 'workers'] as const) {
      const threads = await runCase(stream, { ...options, host })
      expectSameBits(threads.panes, inline.panes)
      expectSameBits(threads.late, inline.late)
    }
  })
})

test('one watermark advance puts its panes out by window end, then first appearance of the key', async () => {
  await forSeeds('one watermark advance', 500_001, 60, async (seed) => {
    const stream = randomCase(new Prng(seed))
    const expected = windowsOf(stream.oracle, stream.arrivals)
    const { panes } = await runCase(stream, { ...optionsOf(stream), parallelism: 1 })
    const order = (list: readonly { windowEnd: unknown; index: number }[]) => list.map(({ windowEnd, index }) => [windowEnd, index])
    expect(order(panes.map(({ row, index }) => ({ windowEnd: row['windowEnd'], index })))).toEqual(order(expected.panes))
    const why = paneDifference(expected.panes, panes, { keys: stream.keys, aggregates: {} })
    expect(why, why ?? '').toBeNull()
  })
})

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
  return outcome(out, late, await after.finished)
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
  await forSeeds('a stop and a restart at another parallelism', 600_001, 120, async (seed) => {
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
  await forSeeds('a stop and a restart of one subtask', 700_001, 60, async (seed) => {
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
  await forSeeds('a stop and a restart of several subtasks', 800_001, 60, async (seed) => {
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
