/** Aggregates of the pane kernel against their definitions (naive-aggregates), through windows that add, merge and stage. */

import { describe, expect, test } from 'vitest'
import { Kernel } from '../support/kernel-harness.ts'
import type { KernelRecord, Op, Pane } from '../support/kernel-plan.ts'
import { mismatch, naive, type Observation } from '../support/naive-aggregates.ts'
import type { PaneAggregate } from '../support/pane-config.ts'
import {
  AGGREGATES,
  GAP,
  KEY,
  panesOf,
  planOf,
  randomStream,
  replayOf,
  seeds,
  type Shape,
  type Stream,
  WINDOWS,
} from '../support/pane-kernel.ts'
import { Prng } from '../support/prng.ts'

/** Their tolerance is in proportion to finite values. */
const INEXACT = new Set([
  'sum',
  'mean',
  'sumOfProducts',
  'covarianceSample',
  'covariancePopulation',
  'correlation',
  'linearSlope',
  'timeWeightedMean',
  'rate',
  'ewma',
])

const replay = replayOf('pane-aggregates')

/** Bounds of the windows a key's records are in, each with its records in order of arrival. */
function windowsOf(shape: Shape, records: readonly KernelRecord[]): Map<number, KernelRecord[]> {
  const [, sizeMs, slideMs] = WINDOWS[shape]
  const windows = new Map<number, KernelRecord[]>()
  const add = (start: number, record: KernelRecord) => windows.set(start, [...(windows.get(start) ?? []), record])
  const sorted = [...new Set(records.map(({ ms }) => ms))].toSorted((a, b) => a - b)
  const starts = sorted.filter((ms, i) => i === 0 || ms > sorted[i - 1]! + GAP)
  for (const record of records) {
    if (shape === 'global') add(Number.NaN, record)
    else if (shape === 'session') add(starts.findLast((start) => start <= record.ms)!, record)
    else for (let start = Math.floor(record.ms / slideMs) * slideMs; start > record.ms - sizeMs; start -= slideMs) add(start, record)
  }
  return windows
}

function observe(records: readonly KernelRecord[], { column, by }: PaneAggregate): Observation[] {
  return records.map(({ ms, values }) => ({
    ms,
    value: column === undefined ? null : values[column]!,
    by: by === undefined ? null : (values[by] as number | null),
  }))
}

function check(shape: Shape, { ops, isWild }: Stream, panes: readonly Pane[], aggregates = AGGREGATES): string | null {
  const records = ops.filter((op): op is KernelRecord => 'ms' in op)
  let expected = 0
  for (const key of new Set(records.map(({ values }) => values[KEY]!))) {
    const windows = windowsOf(
      shape,
      records.filter(({ values }) => values[KEY] === key),
    )
    expected += windows.size
    for (const [start, contents] of windows) {
      const pane = panes.find((each) => each.keys[0] === key && Object.is(each.start, start))
      if (pane === undefined) return `no pane of ${key} at ${start}`
      for (const [a, aggregate] of aggregates.entries()) {
        if (isWild && INEXACT.has(aggregate.fn)) continue
        const why = mismatch(naive(aggregate.fn, observe(contents, aggregate), aggregate), pane.results![a]!)
        if (why !== null) return `${JSON.stringify(aggregate)} of ${key} at ${start}, ${contents.length} records: ${why.slice(0, 500)}`
      }
    }
  }
  return panes.length === expected ? null : `${panes.length} panes instead of ${expected}`
}

describe.each<Shape>(['tumbling', 'sliding', 'session', 'global', 'kept'])('in %s windows', (shape) => {
  test.each(seeds)('every aggregate is what its definition says (seed %i)', (seed) => {
    const prng = new Prng(seed)
    const stream = randomStream(prng)
    const kernel = new Kernel(planOf(shape, AGGREGATES, { batchRowsMax: prng.pick([7, 64, 500]) }), seed % 2 === 0 ? 'debug' : 'shared')
    kernel.feed([...stream.ops, { watermark: Number.POSITIVE_INFINITY }], () => prng.int(20) === 0)
    kernel.settle()
    expect(check(shape, stream, panesOf(kernel)), replay(seed)).toBe(null)
  })
})

test.each(seeds)('sessions that grow together in another order come to the same (seed %i)', (seed) => {
  const prng = new Prng(seed + 2000)
  const stream = randomStream(prng)
  const order = (op: Op) => ('ms' in op ? op.ms : 0)
  const records = stream.ops.filter((op) => 'ms' in op).map((op, i) => ({ op, place: order(op) + (prng.next() - 0.5) * 4000, i }))
  const ops = records.toSorted((a, b) => a.place - b.place).map(({ op }) => op)
  const kernel = new Kernel(planOf('session'))
  kernel.feed([...ops, { watermark: Number.POSITIVE_INFINITY }])
  kernel.settle()
  expect(check('session', { ops, isWild: stream.isWild }, panesOf(kernel)), replay(seed)).toBe(null)
})
