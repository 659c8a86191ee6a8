/**
 * Columns that are computed before the ring, and the parts that columns have in a window.
 *
 * Before: the plan of a window. After: computed-columns fills them; the kernel reads them like any other.
 *
 * Invariant: a computed column stands behind those of the stream, so its name may be anything.
 */

import type { Expression } from '../expression/expression.ts'
import type { FunctionRef } from '../plan.ts'
import type { ColumnDefinition, ColumnType } from '../schema.ts'
import type { Ship } from '../subtask/subtask-layout.ts'

/** A column that the coordinator computes before the ring. */
export type ComputedColumn = ColumnDefinition &
  (
    | { readonly kind: 'masked'; readonly source: number | null; readonly where: Expression }
    | { readonly kind: 'gap'; readonly of: Expression | FunctionRef }
    | { readonly kind: 'condition'; readonly of: Expression | FunctionRef; readonly functionName: string }
    | { readonly kind: 'assigned'; readonly part: 'start' | 'end' | 'more' }
  )

/** Columns of the config block by their part in the window; -1: it has none. */
export interface ColumnRoles {
  evictor: number
  start: number
  end: number
  more: number
  gap: number
  open: number
  close: number
}

/** Ships a column with what its codes stand for. */
export function shipContents(ship: Ship, source: number, type: ColumnType): number {
  return ship(source, type === 'utf8' ? 'code' : 'number', type === 'utf8')
}
