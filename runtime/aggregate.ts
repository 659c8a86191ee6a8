/**
 * Aggregates as people write them: `{ n: count(), mean: mean('celsius') }`.
 *
 * Before: the user's declaration. After: the plan's window operators; the kernel computes them.
 *
 * All skip nulls, except `count()`, which counts rows. A window of nulls only gives null, except for counts, which give 0.
 * Invariant: an aggregate is plain JSON; `F` and `N` tell the type checker its function and its column.
 */

import type { AggregateFunction, AggregateSpec } from './plan-spec.ts'
import type { ColumnTypes } from './schema.ts'

export interface Aggregate<F extends AggregateFunction = AggregateFunction, N extends string = string> extends AggregateSpec {
  readonly fn: F
  readonly column?: N
}

/** Names of numeric columns. */
export type NumericNames<C extends ColumnTypes> = {
  [N in keyof C & string]: C[N] extends 'f64' | 'i32' | 'timestamp' ? N : never
}[keyof C & string]

/** Aggregates that rows of these columns can have: counts of any column, the rest of numeric ones. */
export type AggregateOver<C extends ColumnTypes> =
  | Aggregate<'count', keyof C & string>
  | Aggregate<Exclude<AggregateFunction, 'count'>, NumericNames<C>>

/** Number of rows, or of rows in which a column is not null. */
export function count(): Aggregate<'count', never>
export function count<const N extends string>(column: N): Aggregate<'count', N>
export function count(column?: string): Aggregate<'count'> {
  return column === undefined ? { fn: 'count' } : { fn: 'count', column }
}

/** Sum in input order; `compensated` adds by Neumaier's method, whose error does not grow with the number of rows. */
export function sum<const N extends string>(column: N, options: { readonly compensated?: boolean } = {}): Aggregate<'sum', N> {
  return options.compensated === undefined ? { fn: 'sum', column } : { fn: 'sum', column, compensated: options.compensated }
}

/** Smallest value; NaN only if all values are. */
export function min<const N extends string>(column: N): Aggregate<'min', N> {
  return { fn: 'min', column }
}

/** Largest value; NaN only if all values are. */
export function max<const N extends string>(column: N): Aggregate<'max', N> {
  return { fn: 'max', column }
}

/** Arithmetic mean. */
export function mean<const N extends string>(column: N): Aggregate<'mean', N> {
  return { fn: 'mean', column }
}

export interface VarianceOptions {
  /** Divide by n instead of n - 1. */
  readonly population?: boolean
}

/** Variance of a sample (n - 1), or of a whole population (n). */
export function variance<const N extends string>(column: N, options: VarianceOptions = {}): Aggregate<'variance', N> {
  return options.population === undefined ? { fn: 'variance', column } : { fn: 'variance', column, population: options.population }
}

/** Standard deviation: the root of {@link variance}. */
export function stddev<const N extends string>(column: N, options: VarianceOptions = {}): Aggregate<'stddev', N> {
  return options.population === undefined ? { fn: 'stddev', column } : { fn: 'stddev', column, population: options.population }
}

/** The value of the first row, in input order, in which it is not null. */
export function first<const N extends string>(column: N): Aggregate<'first', N> {
  return { fn: 'first', column }
}

/** The value of the last row, in input order, in which it is not null. */
export function last<const N extends string>(column: N): Aggregate<'last', N> {
  return { fn: 'last', column }
}
