/**
 * Plans of one window operator, for tests of what is legal.
 *
 * Before: the fields of an operator. After: the tests of plans, and of the combinations they refuse.
 */

import { ConfigError } from '../../runtime/errors.ts'
import { analyzePlan, loadPlan, type Plan, type WindowSpec } from '../../runtime/plan.ts'
import type { Schema } from '../../runtime/schema.ts'

export type Json = Record<string, unknown>

/** Where the operator stands in paths of messages. */
export const AT = 'operators[3]'

const SCHEMA = { device: 'utf8', at: 'timestamp', celsius: 'f64', n: 'i32', ok: 'bool' }
const AGGREGATES = { n: { fn: 'count' } }

/** A plan whose window operator has these fields. */
export function planWith(fields: Json, schema: Json = SCHEMA): Json {
  return {
    millrace: 1,
    name: 'job',
    operators: [
      { uid: 'in', op: 'source', schema },
      { uid: 'time', op: 'eventTime', inputs: ['in'], column: 'at', watermark: { kind: 'monotonous' } },
      { uid: 'key', op: 'keyBy', inputs: ['time'], columns: ['device'] },
      { uid: 'w', op: 'window', inputs: ['key'], window: { kind: 'tumbling', sizeMs: 60_000 }, aggregates: AGGREGATES, ...fields },
      { uid: 'out', op: 'sink', inputs: ['w'], name: 'out' },
    ],
  }
}

/** Functions under any key. */
export const ANY_FUNCTION: ReadonlyMap<string, unknown> = { has: () => true } as never

export function loadWith(fields: Json): Plan {
  return loadPlan(planWith(fields), ANY_FUNCTION)
}

export function windowOf(fields: Json): WindowSpec {
  return loadWith(fields).operators[3] as WindowSpec
}

/** Columns of the results. */
export function resultsOf(fields: Json): Schema {
  return analyzePlan(loadWith(fields)).operators.get('w')!.schema
}

/** The error for an operator with these fields, or null. */
export function errorOf(fields: Json): ConfigError | null {
  try {
    loadWith(fields)
    return null
  } catch (error) {
    if (error instanceof ConfigError) return error
    throw error
  }
}
