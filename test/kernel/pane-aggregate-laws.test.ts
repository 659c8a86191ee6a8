/** Laws of single aggregates of the pane kernel that random streams would seldom meet, and configs that are refused. */

import { describe, expect, test } from 'vitest'
import * as L from '../../kernel/layout.ts'
import { Kernel } from '../support/kernel-harness.ts'
import { exact } from '../support/kernel-plan.ts'
import { mismatch, naive } from '../support/naive-aggregates.ts'
import type { PaneAggregate } from '../support/pane-config.ts'
import { AGGREGATES, BY, NUMBER, of, over, panesOf, planOf, TEXT } from '../support/pane-kernel.ts'
import { Prng } from '../support/prng.ts'

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
