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
  /** What its functions are for, but for `apply`. */
  functionPartsOf(spec: WindowSpec): readonly string[]
  /** How many columns are computed before the kernel: assigned windows, gaps, conditions of state windows and triggers. */
  computedColumnCount(spec: WindowSpec): number
}

/** What a declaration brings beside its data. */
export interface Brought {
  readonly rules: WindowRules | null
  /** Functions by what they are for, such as `gap`: see `plan-functions.ts`. */
  readonly functions: Readonly<Record<string, unknown>>
}

const BROUGHT = Symbol('brought')
const NOTHING: Brought = Object.freeze({ rules: null, functions: Object.freeze({}) })

/** Lets a declaration bring rules, and functions. They are no part of the data: JSON, copies and comparisons do not see them. */
export function bringing<T extends object>(
  declaration: T,
  rules: WindowRules | null,
  functions: Readonly<Record<string, unknown>> = {},
): T {
  return Object.defineProperty(declaration, BROUGHT, { value: Object.freeze({ rules, functions }) satisfies Brought })
}

/** What declarations bring, together. */
export function broughtBy(...declarations: readonly unknown[]): Brought {
  return declarations.map(broughtByOne).reduce(together, NOTHING)
}

export function together(a: Brought, b: Brought): Brought {
  return { rules: a.rules ?? b.rules, functions: { ...a.functions, ...b.functions } }
}

function broughtByOne(declaration: unknown): Brought {
  const isObject = typeof declaration === 'object' && declaration !== null
  return isObject && Object.hasOwn(declaration, BROUGHT) ? (declaration as { readonly [BROUGHT]: Brought })[BROUGHT] : NOTHING
}
