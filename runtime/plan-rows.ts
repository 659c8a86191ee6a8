/**
 * What is known of the rows between operators, before any row is there.
 *
 * Before: `plan-derive.ts`, operator by operator. After: the operators that read them, and the runtime.
 */

import type { OperatorSpec } from './plan-spec.ts'
import type { Schema } from './schema.ts'

/** What is known of rows. */
export interface DerivedRows {
  readonly schema: Schema
  /** Columns the rows are keyed by; empty when they are not. Of a window's results: the key columns among them. */
  readonly keys: readonly string[]
  /** The `eventTime` operator the rows have passed, and its column at that place; null when there is none, and after a window. */
  readonly eventTime: { readonly uid: string; readonly column: string } | null
  /** The window operator whose results the rows are; null before one. */
  readonly windowUid: string | null
  /** The source the rows come from. */
  readonly sourceUid: string
}

export interface DerivedOperator extends DerivedRows {
  readonly spec: OperatorSpec
}
