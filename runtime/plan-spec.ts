/**
 * The types of the plan: a pipeline as plain data. `plan.ts` loads and exports them.
 *
 * Before: the fluent API or a JSON file. After: everything that reads plans: analysis, runtime, `explain`, CLI.
 *
 * Invariant: a plan is JSON; objects whose keys are names chosen by users have no prototype.
 */

import type { Expression } from './expression/expression.ts'
import type { WindowSpec } from './plan-window-spec.ts'
import type { ColumnType } from './schema.ts'

export type * from './plan-window-spec.ts'

export interface Plan {
  readonly millrace: 1
  readonly name: string
  readonly operators: readonly OperatorSpec[]
}

export type OperatorSpec = SourceSpec | EventTimeSpec | FilterSpec | MapSpec | KeyBySpec | WindowSpec | SinkSpec

export interface SourceSpec {
  readonly uid: string
  readonly op: 'source'
  readonly schema: Readonly<Record<string, ColumnType>>
}

export type WatermarkSpec =
  | { readonly kind: 'monotonous'; readonly idleAfterMs?: number; readonly everyRecords: number }
  | { readonly kind: 'boundedOutOfOrderness'; readonly delayMs: number; readonly idleAfterMs?: number; readonly everyRecords: number }

export interface EventTimeSpec {
  readonly uid: string
  readonly op: 'eventTime'
  readonly inputs: readonly [string]
  readonly column: string
  readonly watermark: WatermarkSpec
}

/** `where` is an expression, or `{ function: true }` for a JavaScript function kept beside the plan by uid. */
export interface FilterSpec {
  readonly uid: string
  readonly op: 'filter'
  readonly inputs: readonly [string]
  readonly where: Expression | FunctionRef
}

/** Adds or replaces columns by expressions, or makes rows of a new schema by a function. */
export interface MapSpec {
  readonly uid: string
  readonly op: 'map'
  readonly inputs: readonly [string]
  readonly columns?: Readonly<Record<string, Expression>>
  readonly function?: true
  /** With `function`: the schema of the rows it returns. */
  readonly schema?: Readonly<Record<string, ColumnType>>
}

export interface FunctionRef {
  readonly function: true
}

export interface KeyBySpec {
  readonly uid: string
  readonly op: 'keyBy'
  readonly inputs: readonly [string]
  readonly columns: readonly string[]
}

export interface SinkSpec {
  readonly uid: string
  readonly op: 'sink'
  readonly inputs: readonly [string]
  readonly name: string
}
