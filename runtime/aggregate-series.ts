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
import type { AccumulatorFunctions, AggregateFunctions } from './plan-functions.ts'
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
 * An aggregate in JavaScript: `create` makes an accumulator, `add` brings in a record, `merge` makes one of two, `result` says what comes out.
 *
 * Functions get the rows of the window's input with all their columns, those for which `where` is true. They run on the thread that has
 * started the job and must depend on their arguments alone. Accumulators are part of checkpoints: JSON, or with `serialize` and
 * `deserialize` anything; what a checkpoint cannot keep is refused with `ACCUMULATOR_INVALID`.
 *
 * A window keeps its accumulator, not its records: state does not grow with them. Where records are kept instead, and the aggregate is
 * computed from all of them (in order of arrival, without `merge`) whenever the window fires: with an evictor, `keepRecords` or a window
 * function; when retracting; in windows around records or sliding by record, and in sessions and state windows with a maximum length.
 *
 * A record on which `add` throws becomes a dead letter (`FUNCTION_THREW`, from `<uid>.aggregate.<name>`); when another function throws, so does
 * the result of the window.
 *
 * @example
 * // Total weight and heaviest parcel, as one value.
 * customAggregate({
 *   create: () => ({ grams: 0, heaviest: 0 }),
 *   add: (load, row: { readonly grams: number | null }) => {
 *     load.grams += row.grams ?? 0
 *     load.heaviest = Math.max(load.heaviest, row.grams ?? 0)
 *     return load
 *   },
 *   merge: (a, b) => ({ grams: a.grams + b.grams, heaviest: Math.max(a.heaviest, b.heaviest) }),
 *   result: ({ grams, heaviest }) => ({ kilograms: grams / 1_000, share: grams === 0 ? null : heaviest / grams }),
 * })
 * @example
 * // A set is not JSON: how a checkpoint keeps it has to be said.
 * customAggregate({
 *   create: () => new Set<string>(),
 *   add: (seen, row: { readonly device: string | null }) => (row.device === null ? seen : seen.add(row.device)),
 *   merge: (a, b) => a.union(b),
 *   result: (seen) => [...seen].sort(),
 *   serialize: (seen) => [...seen],
 *   deserialize: (kept) => new Set(kept as string[]),
 * })
 */
export function customAggregate<A extends Json, V extends Json, Row = unknown>(
  functions: AggregateFunctions<A, V, Row> & { readonly serialize?: never; readonly deserialize?: never },
): Aggregate<'custom', never, never, never, V, Row>
export function customAggregate<A, V extends Json, Row = unknown>(
  functions: AggregateFunctions<A, V, Row> & AccumulatorFunctions<A>,
): Aggregate<'custom', never, never, never, V, Row>
export function customAggregate<A, V extends Json, Row>(
  functions: AggregateFunctions<A, V, Row>,
): Aggregate<'custom', never, never, never, V, Row> {
  const kept = functions as unknown as AggregateFunctions<never>
  return bringing(new Aggregate({ fn: 'custom', function: true }, kept), windowRules()) as unknown as Aggregate<
    'custom',
    never,
    never,
    never,
    V,
    Row
  >
}
