/** Aggregates of the pane kernel against their definitions (naive-aggregates), through windows that add, merge, stage and restore. */

import { describe, expect, test } from 'vitest'
import * as L from '../../kernel/layout.ts'
import { type Build, Kernel } from '../support/kernel-harness.ts'
import { exact, type KernelPlan, type KernelRecord, type Op, type Pane, type Value } from '../support/kernel-plan.ts'
import { type Found, mismatch, naive, type Observation } from '../support/naive-aggregates.ts'
import type { PaneAggregate } from '../support/pane-config.ts'
import { Prng } from '../support/prng.ts'

const KEY = 0
const NUMBER = 1
const BY = 2
const TEXT = 3
const BOOL = 4
const COLUMNS = ['utf8', 'f64', 'f64', 'utf8', 'f64'] as const
const GAP = 50
const SIZE = 200
const DISORDER = 120

const of = (fn: string, column: number, rest: Partial<PaneAggregate> = {}): PaneAggregate => ({ fn, column, ...rest })
const AGGREGATES: readonly PaneAggregate[] = [
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

type Shape = 'tumbling' | 'sliding' | 'session' | 'global' | 'kept'
const WINDOWS: Readonly<Record<Shape, readonly [kind: number, sizeMs: number, slideMs: number]>> = {
  tumbling: [L.WINDOW_ALIGNED, SIZE, SIZE],
  sliding: [L.WINDOW_ALIGNED, SIZE, 75],
  session: [L.WINDOW_SESSION, GAP, GAP],
  global: [L.WINDOW_GLOBAL, 1, 1],
  kept: [L.WINDOW_ALIGNED, SIZE * 4, SIZE * 4],
}

function planOf(shape: Shape, aggregates = AGGREGATES, more: Partial<KernelPlan> = {}): KernelPlan {
  const [window, sizeMs, slideMs] = WINDOWS[shape]
  const evictor = shape === 'kept' ? { evictor: [L.EVICT_COUNT, 1e9] as const } : {}
  return { sizeMs, slideMs, columns: COLUMNS, keys: [KEY], aggregates: [], panes: { window, aggregates, ...evictor }, ...more }
}

interface Stream {
  readonly ops: readonly Op[]
  readonly isWild: boolean
}

function randomStream(prng: Prng): Stream {
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

const panesOf = (kernel: Kernel) => kernel.outputs.filter((output): output is Pane => output.kind === 'pane')

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

const seedFrom = Number(process.env['MILLRACE_SEED'] ?? 1)
const seeds = Array.from({ length: Number(process.env['MILLRACE_SEEDS'] ?? 25) }, (_, i) => seedFrom + i)
const replay = (seed: number) =>
  `replay: MILLRACE_SEED=${seed} MILLRACE_SEEDS=1 npx vitest run --config test/vitest.config.ts pane-aggregates`

describe.each<Shape>(['tumbling', 'sliding', 'session', 'global', 'kept'])('in %s windows', (shape) => {
  test.each(seeds)('every aggregate is what its definition says (seed %i)', (seed) => {
    const prng = new Prng(seed)
    const stream = randomStream(prng)
    const kernel = new Kernel(planOf(shape, AGGREGATES, { batchRowsMax: prng.pick([7, 64, 500]) }), seed % 2 === 0 ? 'debug' : 'shared')
    kernel.feed([...stream.ops, { watermark: Number.POSITIVE_INFINITY }], () => prng.int(20) === 0)
    kernel.settle()
    expect(check(shape, stream, panesOf(kernel)), replay(seed)).toBe(null)
  })

  test.each(seeds)('a snapshot at any place changes no bit of a result (seed %i)', (seed) => {
    const prng = new Prng(seed + 1000)
    const { ops } = randomStream(prng)
    const all = [...ops, { watermark: Number.POSITIVE_INFINITY }]
    const plan = planOf(shape)
    const whole = new Kernel(plan)
    whole.feed(all)
    whole.settle()
    const at = prng.int(all.length)
    const before = new Kernel(plan)
    before.feed(all.slice(0, at))
    before.settle()
    const sections = before.checkpoint(1)
    const after = new Kernel(plan, 'debug')
    expect(after.restore(sections), replay(seed)).toBe(L.STATUS_OK)
    after.feed(all.slice(at))
    after.settle()
    const bits = (panes: readonly Pane[]) => panes.map(exact).toSorted()
    expect(bits([...panesOf(before), ...panesOf(after)]), replay(seed)).toEqual(bits(panesOf(whole)))
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

/** Results of one window over these values of NUMBER, by millisecond. */
function over(aggregates: readonly PaneAggregate[], values: readonly Value[], by: readonly Value[] = []): readonly Found[] {
  const kernel = new Kernel(planOf('global', aggregates, { keys: [], batchRowsMax: 1000 }))
  const text = (value: Value) => (typeof value === 'string' ? value : null)
  const number = (value: Value) => (typeof value === 'number' ? value : null)
  const ops = values.map((value, ms) => ({ ms, values: [null, number(value), by[ms] ?? null, text(value), number(value)] }))
  kernel.feed([...ops, { watermark: Number.POSITIVE_INFINITY }])
  kernel.settle()
  return panesOf(kernel)[0]!.results!
}

test('a window of nulls gives null, zero counts and empty lists', () => {
  const results = over(AGGREGATES, [null, null])
  const counting = new Set(['count', 'countDistinct', 'countDistinctApproximate'])
  const listing = new Set(['topFrequent', 'topLargest', 'collect', 'concat'])
  const expected = AGGREGATES.map(({ fn, bounds }) => {
    if (fn === 'countRows') return 2
    if (bounds !== undefined) return Array.from({ length: bounds.length + 1 }, () => 0)
    return counting.has(fn) ? 0 : listing.has(fn) ? [] : null
  })
  expect(results).toEqual(expected)
})

test('−0 is +0 and NaN is one value to distinct counts, mode and top', () => {
  const fns = [
    of('countDistinct', NUMBER),
    of('mode', NUMBER),
    of('topFrequent', NUMBER, { a: 9 }),
    of('countDistinctApproximate', NUMBER, { a: 14 }),
  ]
  const negativeNaN = new Float64Array(new BigUint64Array([0xfff8000000000001n]).buffer)[0]!
  expect(over(fns, [0, -0, Number.NaN, negativeNaN, Number.NaN, 7])).toEqual([
    3,
    Number.NaN,
    [
      [Number.NaN, 3],
      [0, 2],
      [7, 1],
    ],
    3,
  ])
})

test('equally frequent texts are in order of their bytes', () => {
  expect(over([of('topFrequent', TEXT, { a: 4 }), of('mode', TEXT)], ['é', 'z', 'Z', '😀', 'ﬀ'])).toEqual([
    [
      ['Z', 1],
      ['z', 1],
      ['é', 1],
      ['ﬀ', 1],
    ],
    'Z',
  ])
})

test('the value at the extreme of another column is the earliest of several, and not that of a NaN', () => {
  const fns = [of('argMin', NUMBER, { by: BY }), of('argMax', NUMBER, { by: BY })]
  expect(over(fns, [1, 2, 3, 4, 5, null, 6], [5, Number.NaN, 1, 5, 1, 0, null])).toEqual([3, 1])
  expect(over(fns, [1, 2], [Number.NaN, Number.NaN])).toEqual([1, 1])
})

test('quantiles lie between values as those of NumPy do, leave NaN out and take infinities', () => {
  const at = (...qs: number[]) => qs.map((a) => of('quantile', NUMBER, { a, b: 0.01 }))
  expect(over(at(0, 0.25, 0.5, 0.9, 1), [4, 1, 2, 3])).toEqual([1, 1.75, 2.5, 3.7, 4])
  expect(over(at(0, 0.5, 1), [Number.NaN, 2, Number.NaN, 6])).toEqual([2, 4, 6])
  expect(over(at(0.5), [Number.NaN])).toEqual([Number.NaN])
  expect(over(at(0, 0.25, 1), [1, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])).toEqual([
    Number.NEGATIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    Number.POSITIVE_INFINITY,
  ])
})

test('a rate counts a drop as a restart from 0', () => {
  expect(over([of('rate', NUMBER)], [10, 15, 3, 4])).toEqual([((5 + 3 + 1) / 3) * 1000])
  expect(over([of('rate', NUMBER), of('timeWeightedMean', NUMBER), of('linearSlope', NUMBER)], [10])).toEqual([null, null, null])
})

test('a value holds until the next one, in a mean weighted by time', () => {
  expect(over([of('timeWeightedMean', NUMBER)], [10, null, null, 20, 1000])).toEqual([(10 * 3 + 20) / 4])
})

test('a slope is exact far from the epoch', () => {
  const kernel = new Kernel(planOf('global', [of('linearSlope', NUMBER)], { keys: [] }))
  const base = 1_700_000_000_000
  kernel.feed([
    ...[0, 1, 2, 3].map((i) => ({ ms: base + i * 250, values: [null, 5 + i / 2, null, null, null] })),
    { watermark: Number.POSITIVE_INFINITY },
  ])
  kernel.settle()
  expect(panesOf(kernel)[0]!.results).toEqual([2])
})

test('half a half-life is √½, to the last digits', () => {
  const after = (ms: number, halfLife: number) => {
    const kernel = new Kernel(planOf('global', [of('ewma', NUMBER, { a: halfLife })], { keys: [] }))
    const row = (at: number, value: number) => ({ ms: at, values: [null, value, null, null, null] })
    kernel.feed([row(0, 0), row(ms, 1), { watermark: Number.POSITIVE_INFINITY }])
    kernel.settle()
    return panesOf(kernel)[0]!.results![0] as number
  }
  for (const [ms, halfLife] of [
    [1, 1],
    [1, 2],
    [1, 3],
    [7, 2],
    [1, 1e6],
    [1, 1e12],
    [999, 10],
    [5000, 1],
    [31, 40],
  ] as const) {
    const wanted = -Math.expm1((-ms / halfLife) * Math.LN2)
    expect(Math.abs(after(ms, halfLife) / wanted - 1)).toBeLessThan(2e-15)
  }
})

describe('sketches keep their error', () => {
  const distributions: Readonly<Record<string, (prng: Prng) => number>> = {
    uniform: (prng) => prng.next() * 1000,
    exponential: (prng) => -Math.log(1 - prng.next()),
    pareto: (prng) => (1 - prng.next()) ** -1.5,
    bothSigns: (prng) => (prng.next() - 0.5) * 10 ** prng.int(12),
    lognormal: (prng) => Math.exp(3 * Math.sqrt(-2 * Math.log(1 - prng.next())) * Math.cos(2 * Math.PI * prng.next())),
  }
  const qs = [0, 0.001, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 1]

  test.each(Object.keys(distributions))('of quantiles of %s values', (name) => {
    const prng = new Prng(7)
    const values = Array.from({ length: 20_000 }, () => distributions[name]!(prng))
    for (const accuracy of [0.05, 0.01, 0.001]) {
      const aggregates = qs.map((a) => of('quantile', NUMBER, { a, b: accuracy }))
      const found = over(aggregates, values)
      const observations = values.map((value, ms) => ({ ms, value, by: null }))
      for (const [i, aggregate] of aggregates.entries()) expect(mismatch(naive('quantile', observations, aggregate), found[i]!)).toBe(null)
    }
  })

  test.each([4, 8, 12])('of distinct counts with precision %i', (precision) => {
    const runs = 40
    for (const size of [30, 1000, 8000]) {
      let squares = 0
      for (let run = 0; run < runs; run++) {
        const values = Array.from({ length: size }, (_, i) => run * 1e6 + i)
        const [found] = over([of('countDistinctApproximate', NUMBER, { a: precision })], values)
        squares += ((found as number) / size - 1) ** 2
      }
      // The standard error, and four of its own standard errors.
      expect(Math.sqrt(squares / runs)).toBeLessThan((1.04 / Math.sqrt(2 ** precision)) * (1 + 4 / Math.sqrt(2 * runs)) + 1 / size)
    }
  })
})

test('what is counted, sketched or ranked does not depend on the order of values, bit for bit', () => {
  const prng = new Prng(11)
  // More than the buckets of a sketch: over 300 decades, both signs.
  const values = Array.from({ length: 6000 }, () => (prng.next() - 0.5) * 10 ** (prng.int(600) - 300))
  const aggregates = [
    ...[0.01, 0.3, 0.5, 0.9, 1].map((a) => of('quantile', NUMBER, { a, b: 0.05 })),
    of('countDistinctApproximate', NUMBER, { a: 10 }),
    of('histogram', NUMBER, { bounds: [-1, 0, 1] }),
    of('topLargest', NUMBER, { a: 50, by: BY }),
    of('topFrequent', NUMBER, { a: 50 }),
  ]
  const rows = values.map((value, i) => ({ value, by: i % 97, place: prng.next() }))
  const results = (list: typeof rows) =>
    exact(
      over(
        aggregates,
        list.map(({ value }) => value),
        list.map(({ by }) => by),
      ),
    )
  expect(results(rows.toSorted((a, b) => a.place - b.place))).toBe(results(rows))
  expect(results(rows.toSorted((a, b) => a.value - b.value))).toBe(results(rows))
})

test.each<Build>(['debug', 'shared'])('state that does not fit is a status, and no trap (%s)', (build) => {
  for (const [fn, column, rest] of [
    ['collect', TEXT, { a: Number.POSITIVE_INFINITY, b: 1 }],
    ['countDistinct', NUMBER, {}],
    ['topFrequent', TEXT, { a: 10 }],
    ['records', NUMBER, {}],
  ] as const) {
    const plan = planOf('global', [of(fn, column, rest)], { keys: [], pagesMax: 40, batchRowsMax: 500 })
    const kernel = new Kernel(fn === 'records' ? { ...plan, panes: { ...plan.panes!, flags: L.FLAG_KEEP_RECORDS } } : plan, build)
    const fill = () => {
      for (let i = 0; i < 200; i++) {
        kernel.feed(
          Array.from({ length: 500 }, (_, j) => ({ ms: i, values: [null, i * 500 + j, 1, `${'long '.repeat(20)}${i * 500 + j}`, 1] })),
        )
        kernel.settle()
      }
    }
    expect(fill).toThrow(`kernel status ${L.STATUS_STATE_LIMIT}`)
    expect(kernel.exports.step(1)).toBe(L.STATUS_STATE_LIMIT)
  }
})

test('lists longer than a slot travel in several', () => {
  const values = Array.from({ length: 3000 }, (_, i) => `value number ${i}`)
  const [collected, concatenated] = over(
    [of('collect', TEXT, { a: Number.POSITIVE_INFINITY, b: 0 }), of('concat', TEXT, { a: 1500, b: 1 })],
    values,
  )
  expect(collected).toEqual(values)
  expect(concatenated).toEqual(values.slice(0, 1500))
})

test('texts in state outlive the dictionary that brought them', () => {
  const kernel = new Kernel(
    planOf('global', [of('collect', TEXT, { a: Number.POSITIVE_INFINITY, b: 1 }), of('topFrequent', TEXT, { a: 1000 })], { keys: [] }),
  )
  const kept: string[] = []
  for (let generation = 0; generation < 40; generation++) {
    const texts = Array.from({ length: 60 }, (_, i) => `generation ${generation} text ${i}`)
    kernel.input.newGeneration()
    // All are told, few are kept.
    kernel.feed(texts.map((text, i) => ({ ms: generation, values: [text, null, null, i < 3 ? text : null, null] })))
    kept.push(...texts.slice(0, 3))
  }
  kernel.feed([{ watermark: Number.POSITIVE_INFINITY }])
  kernel.settle()
  const [collected, counted] = panesOf(kernel)[0]!.results!
  expect(collected).toEqual(kept)
  expect((counted as readonly Found[]).length).toBe(kept.length)
})

test('state is given back when windows are done', () => {
  const kernel = new Kernel(planOf('tumbling'))
  const prng = new Prng(3)
  const bytes: number[] = []
  for (let round = 0; round < 30; round++) {
    const rows = Array.from({ length: 300 }, () => {
      const values = ['key', prng.next(), prng.next(), `text ${prng.int(200)}`, 1]
      return { ms: round * SIZE * 10 + prng.int(SIZE), values }
    })
    kernel.feed([...rows, { watermark: (round + 1) * SIZE * 10 }])
    kernel.settle()
    bytes.push(kernel.exports.counter(L.COUNTER_STATE_BYTES))
  }
  expect(bytes.at(-1)).toBe(bytes[10])
})

describe('a config is refused', () => {
  const status = (aggregate: PaneAggregate) => new Kernel(planOf('global', [aggregate], { keys: [] }), 'debug', { restoring: true }).status
  test.each<[string, PaneAggregate]>([
    ['a sum of texts', of('sum', TEXT)],
    ['a quantile of texts', of('quantile', TEXT, { a: 0.5, b: 0.01 })],
    ['a quantile beyond 1', of('quantile', NUMBER, { a: 1.5, b: 0.01 })],
    ['an accuracy of 0', of('quantile', NUMBER, { a: 0.5, b: 0 })],
    ['a precision of 17', of('countDistinctApproximate', NUMBER, { a: 17 })],
    ['a covariance of one column', of('covarianceSample', NUMBER)],
    ['a second column of texts', of('argMin', NUMBER, { by: TEXT })],
    ['a second column that is not there', of('argMin', NUMBER, { by: 9 })],
    ['a top of none', of('topFrequent', NUMBER, { a: 0 })],
    ['a top of 1001', of('topLargest', NUMBER, { a: 1001, by: BY })],
    ['bounds that do not ascend', of('histogram', NUMBER, { bounds: [1, 1] })],
    ['a bound that is NaN', of('histogram', NUMBER, { bounds: [Number.NaN] })],
    ['no bounds', of('histogram', NUMBER, { bounds: [] })],
    ['half a limit', of('collect', NUMBER, { a: 1.5, b: 1 })],
    ['a half-life of 0', of('ewma', NUMBER, { a: 0 })],
  ])('that asks for %s', (_, aggregate) => {
    expect(status(aggregate)).toBe(L.STATUS_CONFIG_INVALID)
  })
  test('but not one that is in order', () => {
    for (const aggregate of AGGREGATES) expect(status(aggregate)).toBe(L.STATUS_OK)
  })
})

test.each(seeds)('bytes that are no snapshot are refused, and never lead astray (seed %i)', (seed) => {
  const prng = new Prng(seed + 3000)
  const shape = prng.pick<Shape>(['tumbling', 'session', 'kept'])
  const before = new Kernel(planOf(shape))
  before.feed(randomStream(prng).ops)
  before.settle()
  const sections = before.checkpoint(1)
  for (let attempt = 0; attempt < 12; attempt++) {
    const broken = sections.map((section) => section.slice())
    for (let change = 1 + prng.int(3); change > 0; change--) {
      const section = prng.pick(broken)
      section[L.SECTION_HEADER_BYTES + prng.int(section.length - L.SECTION_HEADER_BYTES)] = prng.pick([0, 1, 127, 128, 255, prng.int(256)])
    }
    const after = new Kernel(planOf(shape), prng.pick<Build>(['debug', 'shared']))
    const status = after.restore(broken)
    expect([L.STATUS_OK, L.STATUS_SNAPSHOT_INVALID], replay(seed)).toContain(status)
    if (status !== L.STATUS_OK) continue
    // What passed is state: it fires, and is written again.
    after.snapshot()
    after.feed([{ watermark: Number.POSITIVE_INFINITY }])
    after.settle()
  }
})
