/**
 * The fingerprint of a plan: equal for plans that mean the same, by which a checkpoint knows its job.
 *
 * Before: a loaded plan, so defaults are filled in. After: manifests of checkpoints.
 *
 * Invariant: the order of fields does not matter. The order of names that users chose (columns of a schema or a map, aggregates)
 * does: it is the order of output columns, and the order in which state is laid out.
 */

import type { Plan, WindowSpec } from './plan-spec.ts'

/** SHA-256 of the canonical form, as 64 hexadecimal digits. */
export async function fingerprint(plan: Plan): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(canonicalPlan(plan)))
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** The canonical form: JSON without spaces, fields sorted, objects keyed by users' names as lists of pairs. */
export function canonicalPlan(plan: Plan): string {
  const operators = plan.operators.map((operator) => {
    const pairs: Record<string, unknown> = {}
    if ('schema' in operator && operator.schema !== undefined) pairs['schema'] = Object.entries(operator.schema)
    if (operator.op === 'map' && operator.columns !== undefined) pairs['columns'] = Object.entries(operator.columns)
    if (operator.op === 'window') Object.assign(pairs, windowPairs(operator))
    return { ...operator, ...pairs }
  })
  return canonicalText({ ...plan, operators })
}

/** Fields that plans of before did not have are left out where they say what was meant then, so that those keep their fingerprint. */
function windowPairs(spec: WindowSpec): Record<string, unknown> {
  const pairs: Record<string, unknown> = { aggregates: Object.entries(spec.aggregates) }
  if (spec.time === 'event') pairs['time'] = undefined
  if (canonicalText(spec.trigger) === '{"kind":"onWatermark"}') pairs['trigger'] = undefined
  if (spec.accumulation === 'accumulating') pairs['accumulation'] = undefined
  if (spec.closing === 'none') pairs['closing'] = undefined
  if (spec.apply !== undefined) pairs['apply'] = { ...spec.apply, schema: Object.entries(spec.apply.schema) }
  return pairs
}

/** JSON without spaces, fields sorted: equal for values that are. */
export function canonicalText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalText).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const fields = Object.entries(value).filter(([, item]) => item !== undefined)
  fields.sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${fields.map(([name, item]) => `${JSON.stringify(name)}:${canonicalText(item)}`).join(',')}}`
}
