/**
 * Aggregates over the values of a window: how many different ones, how they are distributed, which they are.
 *
 * Before: the user's declaration. After: the plan's window operators.
 *
 * All skip nulls; a window of nulls only gives null, except for counts (0) and lists (`[]`).
 * Invariant: what is left out stays left out; the plan fills in defaults.
 */

import { Aggregate } from './aggregate.ts'
import { bringing } from './plan-rules.ts'
import type { AggregateFunction, AggregateSpec, ListOrder } from './plan-spec.ts'
import { windowRules } from './plan-window-rules.ts'

export function richAggregate<A extends Aggregate<AggregateFunction, string, string>>(spec: AggregateSpec): A {
  return bringing(new Aggregate(spec), windowRules()) as unknown as A
}

export interface CountDistinctOptions {
  /** By HyperLogLog instead of exactly: in bounded memory, with a relative standard error of 1.04 / √(2^precision). */
  readonly approximate?: boolean
  /** 4 to 16. Default 12: 1.6 %, 4 KiB. */
  readonly precision?: number
}

/** Number of different values. */
export function countDistinct<const N extends string>(column: N, options: CountDistinctOptions = {}): Aggregate<'countDistinct', N> {
  const { approximate, ...others } = options
  return richAggregate({ fn: 'countDistinct', column, ...(approximate === true ? { approximate } : {}), ...others })
}

export interface QuantileOptions {
  /** Relative error of the value, 0.001 to 0.5, once there are more values than are kept exactly. Default 0.01. */
  readonly accuracy?: number
}

/** The value below which a part `q` (0 to 1) of the values lies. */
export function quantile<const N extends string>(column: N, q: number, options: QuantileOptions = {}): Aggregate<'quantile', N> {
  return richAggregate({ fn: 'quantile', column, q, ...options })
}

/** The middle value: {@link quantile} of 0.5. */
export function median<const N extends string>(column: N, options: QuantileOptions = {}): Aggregate<'median', N> {
  return richAggregate({ fn: 'median', column, ...options })
}

/** How many values lie below the first bound, from each bound to the next, and from the last on: one number more than bounds. */
export function histogram<const N extends string>(column: N, bounds: readonly number[]): Aggregate<'histogram', N> {
  return richAggregate({ fn: 'histogram', column, bounds })
}

/**
 * The k most frequent values, `{ value, count }[]`, ties by value; or with `by` the k values with the largest `by`, `{ value, by }[]`.
 *
 * @example
 * topK('page', 10)
 * topK('player', 3, { by: 'score' })
 */
export function topK<const N extends string>(column: N, k: number): Aggregate<'topK', N>
export function topK<const N extends string, const B extends string>(
  column: N,
  k: number,
  options: { readonly by: B },
): Aggregate<'topK', N, B>
export function topK(column: string, k: number, options: { readonly by?: string } = {}): Aggregate<'topK', string, string> {
  return richAggregate({ fn: 'topK', column, k, ...options })
}

/** The most frequent value; of several the smallest. */
export function mode<const N extends string>(column: N): Aggregate<'mode', N> {
  return richAggregate({ fn: 'mode', column })
}

/** The value of a column where another is smallest; of several the earliest. */
export function argMin<const N extends string, const B extends string>(column: N, by: B): Aggregate<'argMin', N, B> {
  return richAggregate({ fn: 'argMin', column, by })
}

/** The value of a column where another is largest; of several the earliest. */
export function argMax<const N extends string, const B extends string>(column: N, by: B): Aggregate<'argMax', N, B> {
  return richAggregate({ fn: 'argMax', column, by })
}

export interface ListOptions {
  /** Default `eventTime`. */
  readonly order?: ListOrder
  /** Most values that are kept: the first in the order. */
  readonly limit?: number
}

/** All values as a list. */
export function collect<const N extends string>(column: N, options: ListOptions = {}): Aggregate<'collect', N> {
  return richAggregate({ fn: 'collect', column, ...options })
}

/** All values as one string, with a separator between them; default `,`. */
export function concat<const N extends string>(
  column: N,
  options: ListOptions & { readonly separator?: string } = {},
): Aggregate<'concat', N> {
  return richAggregate({ fn: 'concat', column, ...options })
}

/** Whether a boolean column is true in any row. */
export function anyTrue<const N extends string>(column: N): Aggregate<'any', N> {
  return richAggregate({ fn: 'any', column })
}

/** Whether a boolean column is true in every row. */
export function everyTrue<const N extends string>(column: N): Aggregate<'every', N> {
  return richAggregate({ fn: 'every', column })
}
