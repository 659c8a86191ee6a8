/**
 * The aggregates of the pane kernel in obvious lines: what a window's records come to.
 *
 * Before: the records of a window, in order of arrival. After: what the kernel must answer, with how far off it may be.
 *
 * Invariant: nothing here is incremental; every result is computed from all records at once.
 */

export interface Observation {
  readonly ms: number
  readonly value: number | string | null
  readonly by: number | null
}

export type Found = number | string | null | readonly Found[]

/** Exactly this, or each number in it within a tolerance. */
export interface Expected {
  readonly value: Found
  readonly tolerance?: number
}

const exactly = (value: Found): Expected => ({ value })
const about = (value: Found, scale: number): Expected => ({ value, tolerance: scale * 1e-9 })

const SUBNORMAL = 2.3e-308 // of a sketch, what is nearer to 0 is 0

const encoder = new TextEncoder()
export function compareTexts(a: string, b: string): number {
  const [x, y] = [encoder.encode(a), encoder.encode(b)]
  for (let i = 0; i < Math.min(x.length, y.length); i++) if (x[i] !== y[i]) return x[i]! - y[i]!
  return x.length - y.length
}
/** Numbers ascending and NaN last; texts by their UTF-8 bytes. */
export function compareValues(a: number | string, b: number | string): number {
  if (typeof a === 'string' || typeof b === 'string') return compareTexts(String(a), String(b))
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b))
  return a - b || 0
}

type Present = Observation & { readonly value: number | string }
const isPresent = (record: Observation): record is Present => record.value !== null
const numbersOf = (records: readonly Observation[]) => records.filter(isPresent).map(({ value }) => value as number)
const inOrder = (records: readonly Observation[]) => records.filter(isPresent).toSorted((a, b) => a.ms - b.ms) // stable: arrival
const pairsOf = (records: readonly Observation[]) =>
  records.filter((record) => record.value !== null && record.by !== null) as { ms: number; value: number | string; by: number }[]
const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0)
const largest = (numbers: readonly number[]) => numbers.reduce((most, number) => Math.max(most, Math.abs(number)), 0)
const meanOf = (numbers: readonly number[]) => sum(numbers) / numbers.length

function counts(records: readonly Observation[]): [number | string, number][] {
  const found = new Map<number | string, number>()
  for (const { value } of records.filter(isPresent)) {
    const key = value === 0 ? 0 : value
    found.set(key, (found.get(key) ?? 0) + 1)
  }
  return [...found]
}
const byFrequency = (a: [number | string, number], b: [number | string, number]) => b[1] - a[1] || compareValues(a[0], b[0])

export function quantileOf(numbers: readonly number[], q: number): number {
  const sorted = numbers.toSorted((a, b) => a - b)
  const position = q * (sorted.length - 1)
  const low = Math.floor(position)
  const fraction = position - low
  const [below, above] = [sorted[low]!, sorted[Math.min(low + 1, sorted.length - 1)]!]
  if (fraction === 0 || below === above) return below
  const distance = above - below
  return Number.isFinite(distance) ? below + distance * fraction : below * (1 - fraction) + above * fraction
}

export function histogramOf(numbers: readonly number[], bounds: readonly number[]): number[] {
  const result = Array.from({ length: bounds.length + 1 }, () => 0)
  for (const number of numbers) {
    const at = bounds.findIndex((bound) => number < bound)
    result[at < 0 ? bounds.length : at]!++
  }
  return result
}

function argument(records: readonly Observation[], direction: 1 | -1): Found {
  let best: { ms: number; value: number | string; by: number } | undefined
  for (const record of pairsOf(records)) {
    if (best === undefined) best = record
    else if (Number.isNaN(best.by) !== Number.isNaN(record.by)) best = Number.isNaN(best.by) ? record : best
    else if ((record.by - best.by) * direction < 0) best = record
    else if ((record.by === best.by || Number.isNaN(best.by)) && record.ms < best.ms) best = record
  }
  return best === undefined ? null : best.value
}

function moments(records: readonly Observation[]) {
  const pairs = pairsOf(records) as { value: number; by: number }[]
  const [meanX, meanY] = [meanOf(pairs.map(({ value }) => value)), meanOf(pairs.map(({ by }) => by))]
  return {
    n: pairs.length,
    products: sum(pairs.map(({ value, by }) => value * by)),
    xx: sum(pairs.map(({ value }) => (value - meanX) ** 2)),
    yy: sum(pairs.map(({ by }) => (by - meanY) ** 2)),
    xy: sum(pairs.map(({ value, by }) => (value - meanX) * (by - meanY))),
    scale: sum(pairs.map(({ value, by }) => Math.abs(value * by))) + 1,
  }
}

function slope(records: readonly Observation[]): Expected {
  const list = inOrder(records)
  const times = list.map(({ ms }) => ms - list[0]!.ms)
  const values = list.map(({ value }) => value as number)
  const [meanT, meanV] = [meanOf(times), meanOf(values)]
  const tt = sum(times.map((t) => (t - meanT) ** 2))
  if (list.length < 2 || tt === 0) return exactly(null)
  const tv = sum(times.map((t, i) => (t - meanT) * (values[i]! - meanV)))
  const scale = sum(times.map((t, i) => Math.abs((t - meanT) * (values[i]! - meanV))))
  return about((tv / tt) * 1000, (scale / tt) * 1000 + 1e-9)
}

function sampled(fn: string, records: readonly Observation[], halfLifeMs: number): Expected {
  const list = inOrder(records) as { ms: number; value: number }[]
  const span = list.length === 0 ? 0 : list.at(-1)!.ms - list[0]!.ms
  const scale = largest(list.map(({ value }) => value)) + 1
  if (fn === 'ewma') {
    if (list.length === 0) return exactly(null)
    let average = list[0]!.value
    for (let i = 1; i < list.length; i++) {
      average += (1 - 2 ** (-(list[i]!.ms - list[i - 1]!.ms) / halfLifeMs)) * (list[i]!.value - average)
    }
    return about(average, scale)
  }
  if (span === 0) return exactly(null)
  if (fn === 'timeWeightedMean') {
    const parts = list.slice(1).map(({ ms }, i) => (ms === list[i]!.ms ? 0 : list[i]!.value * (ms - list[i]!.ms)))
    return about(sum(parts) / span, scale)
  }
  const increases = list.slice(1).map(({ value }, i) => (value < list[i]!.value ? value : value - list[i]!.value))
  return about((sum(increases) / span) * 1000, ((scale * list.length) / span) * 1000)
}

/** What an aggregate of these records is. Options are those of AggregateSpec; `population` is part of the name here. */
export function naive(
  fn: string,
  records: readonly Observation[],
  { a = 0, b = 0, bounds = [] }: { readonly a?: number; readonly b?: number; readonly bounds?: readonly number[] } = {},
): Expected {
  const numbers = () => numbersOf(records)
  const there = records.filter(isPresent)
  const present = there.length > 0
  switch (fn) {
    case 'countRows':
      return exactly(records.length)
    case 'count':
      return exactly(there.length)
    case 'sum':
      return present ? about(sum(numbers()), sum(numbers().map(Math.abs))) : exactly(null)
    case 'mean':
      return present ? about(meanOf(numbers()), largest(numbers())) : exactly(null)
    case 'min':
    case 'max': {
      const finite = numbers().filter((number) => !Number.isNaN(number))
      if (!present) return exactly(null)
      return exactly(finite.length === 0 ? Number.NaN : finite.reduce((x, y) => (fn === 'min' ? Math.min(x, y) : Math.max(x, y))))
    }
    case 'any':
      return exactly(present ? Number(numbers().some((number) => number === 1)) : null)
    case 'every':
      return exactly(present ? Number(numbers().every((number) => number === 1)) : null)
    case 'countDistinct':
      return exactly(counts(records).length)
    case 'countDistinctApproximate': {
      const exact = counts(records).length
      return { value: exact, tolerance: (exact * 5 * 1.04) / Math.sqrt(2 ** a) + 0.5 + Number(exact > 1) }
    }
    case 'mode':
      return exactly(counts(records).toSorted(byFrequency)[0]?.[0] ?? null)
    case 'topFrequent':
      return exactly(counts(records).toSorted(byFrequency).slice(0, a))
    case 'topLargest':
      return exactly(
        pairsOf(records)
          .map(({ value, by }): [number | string, number] => [value === 0 ? 0 : value, by])
          .toSorted((x, y) => Number(Number.isNaN(x[1])) - Number(Number.isNaN(y[1])) || y[1] - x[1] || compareValues(x[0], y[0]))
          .slice(0, a),
      )
    case 'argMin':
      return exactly(argument(records, 1))
    case 'argMax':
      return exactly(argument(records, -1))
    case 'collect':
    case 'concat':
      return exactly((b === 1 ? inOrder(records) : there).map(({ value }) => value).slice(0, a))
    case 'quantile': {
      const some = numbers().filter((number) => !Number.isNaN(number))
      if (!present) return exactly(null)
      if (some.length === 0) return exactly(Number.NaN)
      const exact = quantileOf(some, a)
      if (some.length <= 256) return exactly(exact)
      const sorted = some.toSorted((x, y) => x - y)
      const position = a * (sorted.length - 1)
      const near = [sorted[Math.floor(position)]!, sorted[Math.ceil(position)]!]
      return { value: exact, tolerance: largest(near) * b * (1 + 1e-9) + SUBNORMAL }
    }
    case 'histogram':
      return exactly(histogramOf(numbers(), bounds))
    case 'sumOfProducts': {
      const { n, products, scale } = moments(records)
      return n === 0 ? exactly(null) : about(products, scale)
    }
    case 'covarianceSample':
    case 'covariancePopulation': {
      const { n, xy, scale } = moments(records)
      const divisor = fn === 'covarianceSample' ? n - 1 : n
      return divisor < 1 ? exactly(null) : about(xy / divisor, scale)
    }
    case 'correlation': {
      const { n, xx, yy, xy } = moments(records)
      if (n < 2 || xx === 0 || yy === 0) return exactly(null)
      return about(xy / Math.sqrt(xx) / Math.sqrt(yy), 1)
    }
    case 'linearSlope':
      return slope(records)
    case 'delta': {
      const list = inOrder(records)
      return exactly(present ? (list.at(-1)!.value as number) - (list[0]!.value as number) : null)
    }
    default:
      return sampled(fn, records, a)
  }
}

/** What differs, or null. */
export function mismatch(expected: Expected, found: Found): string | null {
  const isSame = (wanted: Found, got: Found): boolean => {
    if (Array.isArray(wanted)) return Array.isArray(got) && wanted.length === got.length && wanted.every((each, i) => isSame(each, got[i]))
    if (typeof wanted !== 'number' || typeof got !== 'number') return wanted === got
    if (Number.isNaN(wanted) || !Number.isFinite(wanted)) return Number.isNaN(wanted) ? Number.isNaN(got) : wanted === got
    return wanted === got || Math.abs(wanted - got) <= (expected.tolerance ?? 0)
  }
  return isSame(expected.value, found) ? null : `expected ${JSON.stringify(expected)}, found ${JSON.stringify(found)}`
}
