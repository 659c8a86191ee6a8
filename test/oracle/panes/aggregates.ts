/**
 * Aggregates by the formulas of a textbook, over a list of records.
 *
 * Before: operator.ts, with what a pane holds. After: the values of one row of results.
 * Nulls are skipped; where nothing is left the result is null, except for counts, which are 0, and lists, which are empty.
 *
 * Invariant: no state; each result is computed from all records at once.
 */

import type { Cell } from '../windows.ts'
import { holds } from './expressions.ts'
import type { Aggregate, Held, Value } from './plan.ts'

type Results = Readonly<Record<string, Value>>

export function resultsOf(aggregates: Readonly<Record<string, Aggregate>>, records: readonly Held[]): Results {
  return Object.fromEntries(Object.entries(aggregates).map(([name, spec]) => [name, resultOf(spec, records)]))
}

/** Equal, NaN with itself; -0 is 0. */
export function sameResults(a: Results, b: Results): boolean {
  return exactText(a) === exactText(b)
}

/** A text that differs whenever a value does, but for the sign of 0. */
export function exactText(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'number' ? String(inner) : typeof inner === 'string' ? `"${inner}` : inner,
  )
}

function resultOf(spec: Aggregate, all: readonly Held[]): Value {
  const { fn, column, by, where } = spec
  const records = all.filter(({ row }) => holds(where, row))
  if (column === undefined) return records.length
  const cell = ({ row }: Held): Cell => row[column] ?? null
  const other = ({ row }: Held): Cell => row[by!] ?? null
  const present = records.filter((record) => cell(record) !== null)
  const pairs = by === undefined ? [] : present.filter((record) => other(record) !== null)
  const cells = present.map(cell)
  switch (fn) {
    case 'count':
      return present.length
    case 'countDistinct':
      return new Map(cells.map((value) => [identityOf(value), value])).size
    case 'topK':
      return by === undefined ? mostFrequent(cells).slice(0, spec.k) : largest(pairs, cell, other).slice(0, spec.k)
    case 'mode':
      return mostFrequent(cells)[0]?.value ?? null
    case 'argMin':
    case 'argMax':
      return extreme(fn, pairs, cell, other)
    case 'collect':
      return inOrder(spec, present).map(cell).slice(0, spec.limit)
    case 'concat': {
      if (present.length === 0) return null
      const parts = inOrder(spec, present).map((record) => String(cell(record)))
      return parts.slice(0, spec.limit).join(spec.separator ?? ',')
    }
    case 'any':
    case 'every':
      return cells.length === 0 ? null : fn === 'any' ? cells.includes(true) : !cells.includes(false)
    case 'histogram':
      return histogramOf(cells as number[], spec.bounds!)
    case 'sumOfProducts':
    case 'covariance':
    case 'correlation':
      return ofPairs(
        spec,
        pairs.map((record) => [cell(record) as number, other(record) as number]),
      )
    default:
      return present.length === 0 ? null : ofNumbers(spec, cells as number[], byTime(present), cell as (record: Held) => number)
  }
}

/** By event time, then arrival. */
function byTime(records: readonly Held[]): Held[] {
  return [...records].sort((a, b) => a.eventMs - b.eventMs || a.arrival - b.arrival)
}

function inOrder({ order = 'eventTime' }: Aggregate, records: readonly Held[]): readonly Held[] {
  return order === 'eventTime' ? byTime(records) : records
}

function ofNumbers(spec: Aggregate, numbers: readonly number[], ordered: readonly Held[], valueOf: (record: Held) => number): Value {
  const sum = numbers.reduce((total, value) => total + value, 0)
  const known = numbers.filter((value) => !Number.isNaN(value))
  switch (spec.fn) {
    case 'sum':
      return sum
    case 'mean':
      return sum / numbers.length
    case 'min':
      return known.length === 0 ? Number.NaN : known.reduce((least, value) => (value < least ? value : least))
    case 'max':
      return known.length === 0 ? Number.NaN : known.reduce((most, value) => (value > most ? value : most))
    case 'first':
      return valueOf(ordered[0]!)
    case 'last':
      return valueOf(ordered.at(-1)!)
    case 'variance':
    case 'stddev': {
      const divisor = spec.population === true ? numbers.length : numbers.length - 1
      if (divisor === 0) return null
      const mean = sum / numbers.length
      const variance = numbers.reduce((total, value) => total + (value - mean) ** 2, 0) / divisor
      return spec.fn === 'variance' ? variance : Math.sqrt(variance)
    }
    case 'median':
      return quantile(numbers, 0.5)
    case 'quantile':
      return quantile(numbers, spec.q!)
    default:
      return ofSeries(
        spec,
        ordered.map((record) => ({ timeMs: record.eventMs, value: valueOf(record) })),
      )
  }
}

interface Sample {
  readonly timeMs: number
  readonly value: number
}

/** What depends on when values were taken. */
function ofSeries(spec: Aggregate, samples: readonly Sample[]): number | null {
  const first = samples[0]!
  const last = samples.at(-1)!
  const spanMs = last.timeMs - first.timeMs
  const steps = samples.slice(1).map((sample, index) => ({ from: samples[index]!, to: sample }))
  switch (spec.fn) {
    case 'delta':
      return last.value - first.value
    case 'rate': {
      if (spanMs === 0) return null
      const increase = steps.reduce((total, { from, to }) => total + (to.value < from.value ? to.value : to.value - from.value), 0)
      return increase / (spanMs / 1_000)
    }
    case 'timeWeightedMean': {
      if (spanMs === 0) return null
      const lasting = steps.filter(({ from, to }) => to.timeMs > from.timeMs)
      return lasting.reduce((total, { from, to }) => total + from.value * (to.timeMs - from.timeMs), 0) / spanMs
    }
    case 'linearSlope': {
      if (spanMs === 0) return null
      const seconds = samples.map(({ timeMs }) => (timeMs - first.timeMs) / 1_000)
      const meanTime = mean(seconds)
      const meanValue = mean(samples.map(({ value }) => value))
      const products = samples.map(({ value }, index) => (seconds[index]! - meanTime) * (value - meanValue))
      return total(products) / total(seconds.map((each) => (each - meanTime) ** 2))
    }
    case 'ewma': {
      const gone = ({ from, to }: (typeof steps)[number]) => 1 - 2 ** ((from.timeMs - to.timeMs) / spec.halfLifeMs!)
      return steps.reduce((average, step) => average + gone(step) * (step.to.value - average), first.value)
    }
    default:
      throw new RangeError(`The oracle does not know ${spec.fn}`)
  }
}

function ofPairs({ fn, population }: Aggregate, pairs: readonly (readonly [number, number])[]): number | null {
  if (pairs.length === 0) return null
  if (fn === 'sumOfProducts') return total(pairs.map(([x, y]) => x * y))
  const meanX = mean(pairs.map(([x]) => x))
  const meanY = mean(pairs.map(([, y]) => y))
  const products = total(pairs.map(([x, y]) => (x - meanX) * (y - meanY)))
  if (fn === 'covariance') {
    const divisor = population === true ? pairs.length : pairs.length - 1
    return divisor === 0 ? null : products / divisor
  }
  const xx = total(pairs.map(([x]) => (x - meanX) ** 2))
  const yy = total(pairs.map(([, y]) => (y - meanY) ** 2))
  return pairs.length < 2 || xx * yy === 0 ? null : products / Math.sqrt(xx * yy)
}

function total(numbers: readonly number[]): number {
  return numbers.reduce((sum, value) => sum + value, 0)
}

function mean(numbers: readonly number[]): number {
  return total(numbers) / numbers.length
}

/** Between the two values nearest to rank q * (n - 1), in proportion; of those that are numbers. */
function quantile(numbers: readonly number[], q: number): number {
  const sorted = numbers.filter((value) => !Number.isNaN(value)).sort((a, b) => a - b)
  if (sorted.length === 0) return Number.NaN
  const rank = q * (sorted.length - 1)
  const below = sorted[Math.floor(rank)]!
  const above = sorted[Math.ceil(rank)]!
  return below === above ? below : below + (above - below) * (rank - Math.floor(rank))
}

/** Counts of values below the first bound, from each bound to the next, and of the rest, NaN among them. */
function histogramOf(numbers: readonly number[], bounds: readonly number[]): number[] {
  const bucketOf = (value: number) => {
    const above = bounds.findIndex((bound) => value < bound)
    return above < 0 ? bounds.length : above
  }
  return Array.from({ length: bounds.length + 1 }, (_, bucket) => numbers.filter((value) => bucketOf(value) === bucket).length)
}

/** Values are one when they are equal; -0 is 0, all NaNs are one. */
function identityOf(value: Cell): string {
  return typeof value === 'number' ? `number ${value === 0 ? 0 : value}` : `${typeof value} ${value}`
}

/** Numbers ascending and NaN behind them; texts by their UTF-8 bytes. */
export function compareCells(a: Cell, b: Cell): number {
  if (typeof a === 'string' && typeof b === 'string') return Buffer.compare(Buffer.from(a), Buffer.from(b))
  const [x, y] = [Number(a), Number(b)]
  return Number.isNaN(x) ? (Number.isNaN(y) ? 0 : 1) : Number.isNaN(y) ? -1 : x - y
}

function mostFrequent(cells: readonly Cell[]): { readonly value: Cell; readonly count: number }[] {
  const counts = Map.groupBy(cells, identityOf)
  return [...counts.values()]
    .map((same) => ({ value: same[0]!, count: same.length }))
    .sort((a, b) => b.count - a.count || compareCells(a.value, b.value))
}

/** By the second column, NaN as the smallest. */
function largest(
  records: readonly Held[],
  cell: (record: Held) => Cell,
  other: (record: Held) => Cell,
): { readonly value: Cell; readonly by: Cell }[] {
  const rank = (by: Cell) => (Number.isNaN(by) ? Number.NEGATIVE_INFINITY : Number(by))
  const isBehind = (by: Cell) => (Number.isNaN(by) ? 1 : 0)
  return records
    .map((record) => ({ value: cell(record), by: other(record) }))
    .sort(
      (a, b) =>
        isBehind(a.by) - isBehind(b.by) || (rank(a.by) === rank(b.by) ? 0 : rank(b.by) - rank(a.by)) || compareCells(a.value, b.value),
    )
}

/** The earliest of those with the smallest or largest second column; NaN only if there is nothing else. */
function extreme(fn: 'argMin' | 'argMax', records: readonly Held[], cell: (record: Held) => Cell, other: (record: Held) => Cell): Cell {
  const known = records.filter((record) => !Number.isNaN(other(record)))
  const candidates = byTime(known.length > 0 ? known : records)
  const values = candidates.map(other) as number[]
  const best = fn === 'argMin' ? Math.min(...values) : Math.max(...values)
  const found = candidates.find((record) => other(record) === best) ?? candidates[0]
  return found === undefined ? null : cell(found)
}
