/**
 * Window operators for tests of what lies below the plan: every field there, those that a test does not care about as plain as can be.
 *
 * Before: a test that says what it varies. After: planPanes, subtaskLayout, the kernels.
 *
 * Invariant: a spec from here looks like one of a loaded plan; nothing checks that it is legal.
 */

import { isExtended } from '../../runtime/plan-kernel.ts'
import type { WindowSpec } from '../../runtime/plan.ts'
import { planPanes, type WindowPlan } from '../../runtime/panes/pane-parts.ts'
import type { Schema } from '../../runtime/schema.ts'
import { type SubtaskLayout, subtaskLayout } from '../../runtime/subtask/subtask-layout.ts'

export function windowSpec(fields: Partial<WindowSpec>): WindowSpec {
  return {
    uid: 'w',
    op: 'window',
    inputs: ['in'],
    window: { kind: 'tumbling', sizeMs: 10, offsetMs: 0 },
    time: 'event',
    trigger: { kind: 'onWatermark' },
    accumulation: 'accumulating',
    closing: 'none',
    allowedLatenessMs: 0,
    late: { kind: 'drop' },
    aggregates: { n: { fn: 'count' } },
    ...fields,
  }
}

export interface LaidOut {
  readonly spec: WindowSpec
  readonly plan: WindowPlan | null
  readonly layout: SubtaskLayout
}

/** A window as the graph lays it out. */
export function laidOut(
  fields: Partial<WindowSpec>,
  schema: Schema,
  keyColumns: readonly string[] = [],
  sizes: { readonly batchRowsMax?: number; readonly slotCount?: number } = {},
): LaidOut {
  const spec = windowSpec(fields)
  const plan = isExtended(spec) ? planPanes(spec, schema, keyColumns, { columns: [] }) : null
  const layout = subtaskLayout({
    window: spec,
    schema,
    keyColumns,
    batchRowsMax: sizes.batchRowsMax ?? 8,
    slotCount: sizes.slotCount ?? 4,
    memoryBytesMax: 1 << 26,
    extended: plan,
  })
  return { spec, plan, layout }
}
