/**
 * Random streams through whole jobs against the naive oracle, and the laws that any two runs of one stream must keep.
 *
 * Before: run-case. After: nothing.
 *
 * Invariant: the tests of this folder run more than 2,000 streams.
 */

import { expect, test } from 'vitest'
import { paneDifference } from '../oracle/compare.ts'
import { windowsOf } from '../oracle/windows.ts'
import { Prng } from '../support/prng.ts'
import { randomCase } from '../support/streams.ts'
import { expectOracle, expectSameBits, forSeeds, type Options, optionsOf, runCase } from './run-case.ts'

const BLOCKS = 8
const BLOCK_STREAMS = 300
for (let block = 0; block < BLOCKS; block++) {
  const name = `random streams give the panes of the oracle, block ${block}`
  test(name, async () => {
    await forSeeds('windows.test.ts', name, 1 + block * 10_000, BLOCK_STREAMS, async (seed) => {
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
  await forSeeds('windows.test.ts', 'streams of thousands of keys', 100_001, 12, async (seed) => {
    const stream = randomCase(new Prng(seed), 12_000)
    const result = await runCase(stream, { ...optionsOf(stream), batchRows: 256 })
    // Keys whose state is gone may be forgotten once there are more than a thousand: their order is another law's matter.
    expectOracle(stream, windowsOf(stream.oracle, stream.arrivals), result, Number.POSITIVE_INFINITY)
  })
})

test('batch size, ring size and host change no bit of the results', async () => {
  await forSeeds('windows.test.ts', 'batch size, ring size and host', 200_001, 60, async (seed) => {
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
  await forSeeds('windows.test.ts', 'worker threads give', 300_001, 24, async (seed) => {
    const stream = randomCase(new Prng(seed))
    const result = await runCase(stream, { ...optionsOf(stream), host: 'workers' })
    expectOracle(stream, windowsOf(stream.oracle, stream.arrivals), result, stream.parallelism)
  })
})

test('results of several subtasks come in one order, run after run', async () => {
  await forSeeds('windows.test.ts', 'results of several subtasks', 400_001, 8, async (seed) => {
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
  await forSeeds('windows.test.ts', 'one watermark advance', 500_001, 60, async (seed) => {
    const stream = randomCase(new Prng(seed))
    const expected = windowsOf(stream.oracle, stream.arrivals)
    const { panes } = await runCase(stream, { ...optionsOf(stream), parallelism: 1 })
    const order = (list: readonly { windowEnd: unknown; index: number }[]) => list.map(({ windowEnd, index }) => [windowEnd, index])
    expect(order(panes.map(({ row, index }) => ({ windowEnd: row['windowEnd'], index })))).toEqual(order(expected.panes))
    const why = paneDifference(expected.panes, panes, { keys: stream.keys, aggregates: {} })
    expect(why, why ?? '').toBeNull()
  })
})
