/**
 * The pane kernel in tests of its aggregates: every aggregate over one set of columns, every kind of window, random streams.
 *
 * Before: test/kernel, with a seed or with values. After: kernel-harness runs it; panes with their results.
 *
 * Invariant: the same seed makes the same stream.
 */

import * as L from '../../kernel/layout.ts'
import { Kernel } from './kernel-harness.ts'
import type { KernelPlan, Op, Pane, Value } from './kernel-plan.ts'
import type { Found } from './naive-aggregates.ts'
import type { PaneAggregate } from './pane-config.ts'
import type { Prng } from './prng.ts'

export const KEY = 0
export const NUMBER = 1
export const BY = 2
export const TEXT = 3
export const BOOL = 4
const COLUMNS = ['utf8', 'f64', 'f64', 'utf8', 'f64'] as const
export const GAP = 50
export const SIZE = 200
const DISORDER = 120

export const of = (fn: string, column: number, rest: Partial<PaneAggregate> = {}): PaneAggregate => ({ fn, column, ...rest })
export const AGGREGATES: readonly PaneAggregate[] = [
  { fn: 'countRows' },
  ...['count', 'sum', 'min', 'max', 'mean', 'countDistinct', 'mode', 'linearSlope', 'timeWeightedMean', 'delta', 'rate'].map((fn) =>
    of(fn, NUMBER),
  ),
  ...['count', 'countDistinct', 'mode'].map((fn) => of(fn, TEXT)),
  ...['any', 'every'].map((fn) => of(fn, BOOL)),
  ...['sumOfProducts', 'covarianceSample', 'covariancePopulation', 'correlation'].map((fn) => of(fn, NUMBER, { by: BY })),
  ...['argMin', 'argMax'].flatMap((fn) => [of(fn, NUMBER, { by: BY }), of(fn, TEXT, { by: BY })]),
  of('countDistinctApproximate', NUMBER, { a: 12 }),
  of('countDistinctApproximate', TEXT, { a: 8 }),
  of('quantile', NUMBER, { a: 0.5, b: 0.01 }),
  of('quantile', NUMBER, { a: 0.999, b: 0.01 }),
  of('quantile', NUMBER, { a: 0.05, b: 0.2 }),
  of('histogram', NUMBER, { bounds: [-5, 0, 0.5, 20] }),
  of('histogram', NUMBER, { bounds: [3] }),
  of('topFrequent', NUMBER, { a: 3 }),
  of('topFrequent', TEXT, { a: 1000 }),
  of('topLargest', NUMBER, { a: 4, by: BY }),
  of('topLargest', TEXT, { a: 40, by: BY }),
  of('collect', NUMBER, { a: Number.POSITIVE_INFINITY, b: 1 }),
  of('collect', NUMBER, { a: 3, b: 1 }),
  of('collect', NUMBER, { a: Number.POSITIVE_INFINITY, b: 0 }),
  of('collect', TEXT, { a: 5, b: 0 }),
  of('concat', TEXT, { a: Number.POSITIVE_INFINITY, b: 1 }),
  of('ewma', NUMBER, { a: 30 }),
  of('ewma', NUMBER, { a: 1e9 }),
]

export type Shape = 'tumbling' | 'sliding' | 'session' | 'global' | 'kept'
export const WINDOWS: Readonly<Record<Shape, readonly [kind: number, sizeMs: number, slideMs: number]>> = {
  tumbling: [L.WINDOW_ALIGNED, SIZE, SIZE],
  sliding: [L.WINDOW_ALIGNED, SIZE, 75],
  session: [L.WINDOW_SESSION, GAP, GAP],
  global: [L.WINDOW_GLOBAL, 1, 1],
  kept: [L.WINDOW_ALIGNED, SIZE * 4, SIZE * 4],
}

export function planOf(shape: Shape, aggregates = AGGREGATES, more: Partial<KernelPlan> = {}): KernelPlan {
  const [window, sizeMs, slideMs] = WINDOWS[shape]
  const evictor = shape === 'kept' ? { evictor: [L.EVICT_COUNT, 1e9] as const } : {}
  return { sizeMs, slideMs, columns: COLUMNS, keys: [KEY], aggregates: [], panes: { window, aggregates, ...evictor }, ...more }
}

export interface Stream {
  readonly ops: readonly Op[]
  readonly isWild: boolean
}

export function randomStream(prng: Prng): Stream {
  const isWild = prng.int(3) === 0
  const nulls = prng.pick([0, 5, 2])
  const distinct = prng.pick([2, 20, 1000])
  const rows = prng.pick([5, 40, 300, 1500])
  const pace = prng.pick([1, 8, 60])
  const odd = [0, -0, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 5e-324, 1e300, -1e-300]
  const number = () => {
    if (isWild && prng.int(4) === 0) return prng.pick(odd)
    return prng.int(2) === 0 ? prng.int(distinct) - (distinct >> 1) : (prng.next() - 0.4) * 10 ** (prng.int(6) - 2)
  }
  const text = () => [...'é😀x'].slice(0, prng.int(3)).join('') + 'k'.repeat(prng.int(2)) + prng.int(distinct)
  const orNull = (value: Value) => (nulls > 0 && prng.int(nulls) === 0 ? null : value)
  const ops: Op[] = []
  let base = 1_600_000_000_000 + prng.int(1000)
  for (let i = 0; i < rows; i++) {
    base += prng.int(pace)
    const values = [`key ${prng.int(2)}`, orNull(number()), orNull(number()), orNull(text()), orNull(prng.int(2))]
    ops.push({ ms: base - prng.int(DISORDER), values })
    if (prng.int(10) === 0) ops.push({ watermark: base - DISORDER })
  }
  return { ops, isWild }
}

export const panesOf = (kernel: Kernel) => kernel.outputs.filter((output): output is Pane => output.kind === 'pane')

/** Results of one window over these values of NUMBER, by millisecond. */
export function over(aggregates: readonly PaneAggregate[], values: readonly Value[], by: readonly Value[] = []): readonly Found[] {
  const kernel = new Kernel(planOf('global', aggregates, { keys: [], batchRowsMax: 1000 }))
  const text = (value: Value) => (typeof value === 'string' ? value : null)
  const number = (value: Value) => (typeof value === 'number' ? value : null)
  const ops = values.map((value, ms) => ({ ms, values: [null, number(value), by[ms] ?? null, text(value), number(value)] }))
  kernel.feed([...ops, { watermark: Number.POSITIVE_INFINITY }])
  kernel.settle()
  return panesOf(kernel)[0]!.results!
}

const seedFrom = Number(process.env['MILLRACE_SEED'] ?? 1)
export const seeds = Array.from({ length: Number(process.env['MILLRACE_SEEDS'] ?? 25) }, (_, i) => seedFrom + i)

/** @param file - The name of the test, as vitest filters by it. */
export const replayOf = (file: string) => (seed: number) =>
  `replay: MILLRACE_SEED=${seed} MILLRACE_SEEDS=1 npx vitest run --config test/vitest.config.ts ${file}`
