/**
 * What a plan knows of the rows that come to a sink: whether they are results, what tells them apart, and where their event time is.
 *
 * Before: plan-analysis.ts. After: coordinator/job-graph gives it to every sink, which may keep the newest result of each window by it.
 *
 * Invariant: two results with the same values in the columns of `key` are results of the same window and the same key.
 */

import type { AnalyzedPlan } from '../plan-analysis.ts'
import type { MapSpec, WindowSpec } from '../plan-spec.ts'
import { findColumn } from '../schema.ts'
import type { RowTraits } from './sink.ts'

const BOUNDS = ['windowStart', 'windowEnd'] as const

/** Findings of a sequence tracker: events with a time of their own. */
export const FINDING_TRAITS: RowTraits = { kind: 'events', key: null, timeColumn: 'at' }

/** Of the rows that leave operator `uid`. */
export function rowTraits({ operators }: AnalyzedPlan, uid: string): RowTraits {
  const { schema, windowUid, eventTime } = operators.get(uid)!
  if (windowUid === null) {
    const column = eventTime === null ? undefined : findColumn(schema, eventTime.column)
    return { kind: 'events', key: null, timeColumn: column?.type === 'timestamp' ? column.name : null }
  }
  const window = operators.get(windowUid)!
  const key = [...BOUNDS, ...window.keys]
  let isKnown = (window.spec as WindowSpec).apply === undefined
  let hasEnd = true
  for (let at = uid; at !== windowUid; ) {
    const { spec } = operators.get(at)!
    if (spec.op === 'map') {
      if (key.some((name) => isReplaced(spec, name))) isKnown = false
      if (isReplaced(spec, 'windowEnd')) hasEnd = false
    }
    at = 'inputs' in spec ? spec.inputs[0] : windowUid
  }
  return { kind: 'results', key: isKnown ? key : null, timeColumn: hasEnd ? 'windowEnd' : null }
}

/** Whether a column behind a map is no longer the one before it. */
function isReplaced(spec: MapSpec, name: string): boolean {
  return spec.function === true || Object.hasOwn(spec.columns ?? {}, name)
}
