/**
 * Rules of the parts of a plan that not every pipeline has. The function that declares such a part brings its rules along, so
 * that bundlers leave out the rules of what a pipeline does not use; a plan of JSON is held against all rules.
 *
 * Before: the fluent API and `plan.ts`. After: `plan-window.ts` and `plan-window-derive.ts`, which ask rules for what they do not know.
 *
 * Invariant: rules only add words; what is legal without them means the same with them.
 */

import type { Fields } from './plan-fields.ts'
import type { Combination } from './plan-legality.ts'
import type { AggregateSpec, EvictorSpec, TriggerSpec, WindowShape, WindowSpec } from './plan-spec.ts'
import type { ColumnType, Schema } from './schema.ts'

/** What there is beyond tumbling and sliding windows of plain aggregates that fire when the watermark passes. */
export interface WindowRules {
  /** Kinds of windows, and how each is read. */
  readonly shapes: Readonly<Record<string, (fields: Fields) => WindowShape>>
  /** Aggregate functions. */
  readonly functions: readonly string[]
  /** Combinations that are refused. */
  readonly combinations: readonly Combination[]
  parseTrigger(fields: Fields): TriggerSpec
  parseEvictor(fields: Fields): EvictorSpec
  /** `fn` is one of `functions`. */
  parseAggregate(fields: Fields, fn: string): AggregateSpec
  /** Checks what takes all aggregates of an operator to see. */
  checkAggregates(aggregates: Readonly<Record<string, AggregateSpec>>, path: string): void
  /** Checks the columns of an aggregate. @returns the type of its result. */
  typeOfAggregate(spec: AggregateSpec, schema: Schema, path: string): ColumnType
  /** Checks columns and expressions of window, trigger and evictor. @returns the operator with checked copies. */
  deriveParts(spec: WindowSpec, schema: Schema, path: string): WindowSpec
}

const RULES = Symbol('rules')

/** Lets a declaration bring rules. They are no part of the data: JSON, copies and comparisons do not see them. */
export function bringing<T extends object>(declaration: T, rules: WindowRules): T {
  return Object.defineProperty(declaration, RULES, { value: rules })
}

/** The rules that one of the declarations brings, or null. */
export function rulesOf(...declarations: readonly unknown[]): WindowRules | null {
  for (const declaration of declarations) {
    if (typeof declaration !== 'object' || declaration === null || !Object.hasOwn(declaration, RULES)) continue
    return (declaration as { readonly [RULES]: WindowRules })[RULES]
  }
  return null
}
