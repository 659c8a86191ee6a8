/**
 * What a kernel is told of a window that is more than plain columns: which columns it needs, which of them are computed first, its aggregates and its config block.
 *
 * Before: job-graph, for windows that the slice kernel does not have, or that need computed columns. After: subtask-layout places the columns; computed-columns fills them.
 *
 * Invariant: the same spec and schema give the same columns in the same order, so a snapshot fits the plan it was taken with.
 */

import type { WindowSpec } from '../plan.ts'
import type { ColumnDefinition, ColumnType, Schema } from '../schema.ts'
import type { ExtendedPlan } from '../subtask/subtask-layout.ts'
import { usesSliceKernel } from '../plan-kernel.ts'
import { isAssigned } from '../plan-kernel.ts'
import { type ColumnRoles, type ComputedColumn, shipContents } from './computed-column.ts'
import { type CustomPlan, hasFunctions, planAggregates } from './pane-aggregates.ts'
import { paneConfig, windowNumbers } from './pane-config.ts'
import { TriggerNodes, usesProcessingTime } from './trigger-nodes.ts'

export interface WindowPlan extends ExtendedPlan {
  readonly computed: readonly ComputedColumn[]
  /** Of the results as the kernel gives them. */
  readonly kernelSchema: Schema
  readonly customs: readonly CustomPlan[]
}

/**
 * @param schema - Of the window's input.
 * @param resultSchema - Of its results: the bounds, the keys, the aggregates; or the rows of the function `apply`.
 */
export function planPanes(spec: WindowSpec, schema: Schema, keyColumns: readonly string[], resultSchema: Schema): WindowPlan {
  const computed: ComputedColumn[] = []
  /** The source index of a computed column, which is made once however many ask for it. */
  const compute = (column: ComputedColumn): number => {
    const text = JSON.stringify(column)
    const at = computed.findIndex((known) => JSON.stringify(known) === text)
    return schema.columns.length + (at >= 0 ? at : computed.push(column) - 1)
  }
  const sourceOf = (name: string): number => schema.columns.findIndex((column) => column.name === name)
  const typeOf = (source: number): ColumnType => schema.columns[source]!.type
  const trigger = TriggerNodes.of(spec, (of) => compute({ name: '~when', type: 'bool', kind: 'condition', of, functionName: 'trigger' }))
  const aggregates = planAggregates(spec, schema, { sourceOf, typeOf, compute })
  // Assigned windows come last: their columns are made when all others are there.
  const windowRoles = planRoles(spec, compute, sourceOf)
  const needsRecords = hasFunctions(spec)
  const kernel = usesSliceKernel(spec) ? 'slices' : 'panes'
  return {
    kernel,
    computed,
    customs: aggregates.customs,
    kernelSchema: kernelSchema(schema, keyColumns, aggregates.plans, resultSchema),
    usesClock: usesProcessingTime(spec),
    numbers: windowNumbers(spec),
    layOut(ship) {
      const roles = mapRoles(windowRoles, (source) => ship(source, 'number', false))
      const nodes = trigger.shipped((source) => ship(source, 'number', false))
      const { values, layouts, parameters, numbers } = aggregates.layOut(ship)
      if (needsRecords) schema.columns.forEach(({ type }, source) => shipContents(ship, source, type))
      for (const { condition } of aggregates.customs) if (condition !== null) ship(condition, 'number', false)
      return {
        values,
        aggregates: layouts,
        moreColumn: roles.more,
        config: kernel === 'slices' ? null : paneConfig({ spec, roles, nodes, values, parameters, numbers }),
      }
    },
  }
}

/** Bounds, keys, aggregates. Types of results are those that the plan has derived. */
function kernelSchema(schema: Schema, keyColumns: readonly string[], aggregates: readonly ColumnDefinition[], results: Schema): Schema {
  const keys = keyColumns.map((key) => schema.columns.find(({ name }) => name === key)!)
  const bounds: ColumnDefinition[] = [
    { name: 'windowStart', type: 'timestamp' },
    { name: 'windowEnd', type: 'timestamp' },
  ]
  const typed = aggregates.map(({ name, type }) => ({ name, type: results.columns.find((column) => column.name === name)?.type ?? type }))
  return { columns: [...bounds, ...keys, ...typed] }
}

function planRoles(spec: WindowSpec, compute: (column: ComputedColumn) => number, sourceOf: (name: string) => number): ColumnRoles {
  const roles: ColumnRoles = { evictor: -1, start: -1, end: -1, more: -1, gap: -1, open: -1, close: -1 }
  const { window, evictor } = spec
  if (evictor?.kind === 'delta') roles.evictor = sourceOf(evictor.column)
  if (isAssigned(window)) {
    roles.start = compute({ name: '~start', type: 'timestamp', kind: 'assigned', part: 'start' })
    roles.end = compute({ name: '~end', type: 'timestamp', kind: 'assigned', part: 'end' })
    roles.more = compute({ name: '~more', type: 'bool', kind: 'assigned', part: 'more' })
  }
  if (window.kind === 'session' && window.gap !== undefined) {
    roles.gap = compute({ name: '~gap', type: 'f64', kind: 'gap', of: window.gap })
  }
  if (window.kind === 'stateWindow') {
    roles.open = compute({ name: '~open', type: 'bool', kind: 'condition', of: window.open, functionName: 'open' })
    roles.close = compute({ name: '~close', type: 'bool', kind: 'condition', of: window.close, functionName: 'close' })
  }
  return roles
}

function mapRoles(roles: ColumnRoles, ship: (source: number) => number): ColumnRoles {
  const shipped = (source: number) => (source < 0 ? -1 : ship(source))
  return {
    evictor: shipped(roles.evictor),
    start: shipped(roles.start),
    end: shipped(roles.end),
    more: shipped(roles.more),
    gap: shipped(roles.gap),
    open: shipped(roles.open),
    close: shipped(roles.close),
  }
}
