/**
 * Aggregates as people write them: `{ n: count(), mean: mean('celsius') }`. The plain ones are here, the others in
 * `aggregate-values.ts` and `aggregate-series.ts`.
 *
 * Before: the user's declaration. After: the plan's window operators; the kernel computes them.
 *
 * All skip nulls, except `count()`, which counts rows. A window of nulls only gives null, except for counts, which give 0.
 * Invariant: the spec of an aggregate is plain JSON; types tell the checker its function, columns and result.
 */

import { Expr, type AllowedRefs, type BoolNames, type Expression, type ExprKind, type Needs, type Refs } from './expression/expression.ts'
import type { AggregateFunctions } from './plan-functions.ts'
import { bringing, broughtBy } from './plan-rules.ts'
import type { AggregateFunction, AggregateSpec } from './plan-spec.ts'
import type { ColumnTypes, Flat, Json, ValueOf } from './schema.ts'

/**
 * An aggregate. Immutable.
 *
 * For the type checker: `F` its function, `N` and `By` its columns, `Needed` the columns of its condition, `V` the result of a custom
 * aggregate, `Row` the rows that one takes.
 */
export class Aggregate<
  out F extends AggregateFunction = AggregateFunction,
  out N extends string = string,
  out By extends string = never,
  out Needed extends Refs = never,
  out V = Json,
  in Row = unknown,
> {
  declare readonly '~fn': F
  declare readonly '~column': N
  declare readonly '~by': By
  declare readonly '~needs': Needed
  declare readonly '~value': V
  declare readonly '~row': (row: Row) => void
  /** The aggregate as plain data. */
  readonly spec: AggregateSpec
  /** Of a custom aggregate: its functions, which are kept beside the plan. */
  readonly functions: AggregateFunctions<never, Json> | null

  constructor(spec: AggregateSpec, functions: AggregateFunctions<never, Json> | null = null) {
    this.spec = spec
    this.functions = functions
  }

  /**
   * Aggregates only rows for which the condition is true. Several conditions must all be.
   *
   * @example
   * count().where(col('celsius').gt(30))
   */
  where<R extends Refs, K extends ExprKind>(condition: Expr<R, K>): Aggregate<F, N, By, Needed | R | Needs<K, 'bool'>, V, Row>
  where(condition: Expression): Aggregate<F, N, By, Needed, V, Row>
  where(condition: Expr | Expression): Aggregate<F, N, By, Needed, V, Row> {
    const added = condition instanceof Expr ? condition.tree : condition
    const before = this.spec.where
    const where: Expression = before === undefined ? added : { fn: 'and', args: [before, added] }
    return bringing(new Aggregate({ ...this.spec, where }, this.functions), broughtBy(this).rules)
  }

  toJSON(): AggregateSpec {
    return this.spec
  }
}

/** Names of numeric columns. */
export type NumericNames<C extends ColumnTypes> = {
  [N in keyof C & string]: C[N] extends 'f64' | 'i32' | 'timestamp' ? N : never
}[keyof C & string]

/** Functions that take columns of any type. */
type AnyColumnFunction = 'count' | 'countDistinct' | 'mode' | 'topK' | 'collect' | 'argMin' | 'argMax' | 'concat'
type BoolFunction = 'any' | 'every'

/** Aggregates that rows of these columns can have. */
export type AggregateOver<C extends ColumnTypes, R = never> =
  | Aggregate<AnyColumnFunction, keyof C & string, NumericNames<C>, AllowedRefs<C>>
  | Aggregate<BoolFunction, BoolNames<C>, never, AllowedRefs<C>>
  | Aggregate<Exclude<AggregateFunction, AnyColumnFunction | BoolFunction | 'custom'>, NumericNames<C>, NumericNames<C>, AllowedRefs<C>>
  | Aggregate<'custom', never, never, AllowedRefs<C>, Json, R>

/** Results by the names of the aggregates. */
export type AggregateValues<C extends ColumnTypes, A> = {
  readonly [N in keyof A]: A[N] extends Aggregate<infer F, infer M, infer By, Refs, infer V, never>
    ? ValueOfAggregate<C, F, M, By, V>
    : number
}
type ValueOfAggregate<C extends ColumnTypes, F, N extends string, By, V> = F extends BoolFunction
  ? boolean
  : F extends 'concat'
    ? string
    : F extends 'argMin' | 'argMax' | 'mode'
      ? ValueOf<C[N]>
      : F extends 'collect'
        ? readonly ValueOf<C[N]>[]
        : F extends 'topK'
          ? readonly Flat<
              { readonly value: ValueOf<C[N]> } & ([By] extends [never] ? { readonly count: number } : { readonly by: number })
            >[]
          : F extends 'histogram'
            ? readonly number[]
            : F extends 'custom'
              ? V
              : number

/** Column types of results by the names of the aggregates. */
export type AggregateTypes<C extends ColumnTypes, A> = {
  readonly [N in keyof A]: A[N] extends Aggregate<infer F, infer M, string, Refs, unknown, never> ? TypeOfAggregate<C, F, M> : 'f64'
}
type TypeOfAggregate<C extends ColumnTypes, F, N extends string> = F extends BoolFunction
  ? 'bool'
  : F extends 'concat'
    ? 'utf8'
    : F extends 'argMin' | 'argMax' | 'mode'
      ? C[N]
      : F extends 'collect' | 'topK' | 'histogram' | 'custom'
        ? 'json'
        : 'f64'

/** Number of rows, or of rows in which a column is not null. */
export function count(): Aggregate<'count', never>
export function count<const N extends string>(column: N): Aggregate<'count', N>
export function count(column?: string): Aggregate<'count'> {
  return new Aggregate(column === undefined ? { fn: 'count' } : { fn: 'count', column })
}

/** Sum in input order; `compensated` adds by Neumaier's method, whose error does not grow with the number of rows. */
export function sum<const N extends string>(column: N, options: { readonly compensated?: boolean } = {}): Aggregate<'sum', N> {
  return new Aggregate({ fn: 'sum', column, ...options })
}

/** Smallest value; NaN only if all values are. */
export function min<const N extends string>(column: N): Aggregate<'min', N> {
  return new Aggregate({ fn: 'min', column })
}

/** Largest value; NaN only if all values are. */
export function max<const N extends string>(column: N): Aggregate<'max', N> {
  return new Aggregate({ fn: 'max', column })
}

/** Arithmetic mean. */
export function mean<const N extends string>(column: N): Aggregate<'mean', N> {
  return new Aggregate({ fn: 'mean', column })
}

export interface VarianceOptions {
  /** Divide by n instead of n - 1. */
  readonly population?: boolean
}

/** Variance of a sample (n - 1), or of a whole population (n). */
export function variance<const N extends string>(column: N, options: VarianceOptions = {}): Aggregate<'variance', N> {
  return new Aggregate({ fn: 'variance', column, ...options })
}

/** Standard deviation: the root of {@link variance}. */
export function stddev<const N extends string>(column: N, options: VarianceOptions = {}): Aggregate<'stddev', N> {
  return new Aggregate({ fn: 'stddev', column, ...options })
}

/** The value of the first row, by event time, in which it is not null; of equal times the first that arrived. */
export function first<const N extends string>(column: N): Aggregate<'first', N> {
  return new Aggregate({ fn: 'first', column })
}

/** The value of the last row, by event time, in which it is not null; of equal times the last that arrived. */
export function last<const N extends string>(column: N): Aggregate<'last', N> {
  return new Aggregate({ fn: 'last', column })
}
