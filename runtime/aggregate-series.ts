/**
 * Aggregates over pairs of values and over values in the course of event time; and those that users write themselves.
 *
 * Before: the user's declaration. After: the plan's window operators.
 *
 * Pairs count where both values are present; too few of them give null.
 * Invariant: what is left out stays left out; the plan fills in defaults.
 */

import { Aggregate, type VarianceOptions } from './aggregate.ts'
import { richAggregate } from './aggregate-values.ts'
import { type Duration, durationMs } from './duration.ts'
import type { AggregateFunctions } from './plan-functions.ts'
import { bringing } from './plan-rules.ts'
import { windowRules } from './plan-window-rules.ts'
import type { Json } from './schema.ts'

/** Sum of the products of two columns. */
export function sumOfProducts<const N extends string, const B extends string>(column: N, by: B): Aggregate<'sumOfProducts', N, B> {
  return richAggregate({ fn: 'sumOfProducts', column, by })
}

/** Covariance of a sample (n - 1), or of a whole population (n). */
export function covariance<const N extends string, const B extends string>(
  column: N,
  by: B,
  options: VarianceOptions = {},
): Aggregate<'covariance', N, B> {
  return richAggregate({ fn: 'covariance', column, by, ...options })
}

/** Pearson's correlation, -1 to 1. */
export function correlation<const N extends string, const B extends string>(column: N, by: B): Aggregate<'correlation', N, B> {
  return richAggregate({ fn: 'correlation', column, by })
}

/** Slope of the line that fits the values best, per second of event time. */
export function linearSlope<const N extends string>(column: N): Aggregate<'linearSlope', N> {
  return richAggregate({ fn: 'linearSlope', column })
}

/** Mean weighted by how long each value holds: until the next record. The last one counts for nothing. */
export function timeWeightedMean<const N extends string>(column: N): Aggregate<'timeWeightedMean', N> {
  return richAggregate({ fn: 'timeWeightedMean', column })
}

/** The last value less the first, by event time. */
export function delta<const N extends string>(column: N): Aggregate<'delta', N> {
  return richAggregate({ fn: 'delta', column })
}

/** Increase of a counter per second of event time. A value below the one before means that the counter began again at 0. */
export function rate<const N extends string>(column: N): Aggregate<'rate', N> {
  return richAggregate({ fn: 'rate', column })
}

/**
 * Exponentially weighted moving average: a value counts half as much after the half-life.
 *
 * @throws ConfigError `DURATION_INVALID`.
 */
export function ewma<const N extends string>(column: N, halfLife: Duration): Aggregate<'ewma', N> {
  return richAggregate({ fn: 'ewma', column, halfLifeMs: durationMs(halfLife, { of: 'the half-life of ewma', positive: true }) })
}

/**
 * An aggregate in JavaScript. Accumulators are JSON, since they are kept in checkpoints; functions must depend on their arguments alone.
 *
 * @example
 * customAggregate({
 *   create: () => 1,
 *   add: (product, row: { readonly factor: number | null }) => product * (row.factor ?? 1),
 *   merge: (a, b) => a * b,
 *   result: (product) => product,
 * })
 */
export function customAggregate<A extends Json, V extends Json, Row = unknown>(
  functions: AggregateFunctions<A, V, Row>,
): Aggregate<'custom', never, never, never, V, Row> {
  const kept = functions as unknown as AggregateFunctions<never, Json>
  return bringing(new Aggregate({ fn: 'custom', function: true }, kept), windowRules()) as unknown as Aggregate<
    'custom',
    never,
    never,
    never,
    V,
    Row
  >
}
