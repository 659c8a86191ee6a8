/**
 * JavaScript functions beside a plan: under which keys they are kept, and what each is called with.
 *
 * Before: the fluent API, which takes them. After: the coordinator, which calls them.
 *
 * Invariant: a key is the uid of the operator, followed by `.` and what the function is for where an operator can have several.
 */

import { nodesOf } from './plan-legality.ts'
import { planError } from './plan-problem.ts'
import type { OperatorSpec, Plan, WindowSpec } from './plan-spec.ts'
import type { RowObject } from './record-batch.ts'
import type { Json } from './schema.ts'

/** Of a filter (gives a boolean), a map (gives a row), a trigger (whether to fire), a session (its gap in ms) or a state window. */
export type RowFunction = (row: RowObject, timestampMs: number) => unknown

/** Windows `[start, end)` in milliseconds that a record is in. */
export type AssignerFunction = (row: RowObject, timestampMs: number) => readonly AssignedWindow[]

export interface AssignedWindow {
  readonly start: number
  readonly end: number
}

/** What a function of a window is told of the window that fires. Bounds of a global window are null. */
export interface FiredWindow {
  readonly windowStart: number | null
  readonly windowEnd: number | null
  /** How often the window had fired before. */
  readonly paneIndex: number
  readonly timing: 'early' | 'onTime' | 'late'
  readonly isLast: boolean
  /** Values of the key columns by their names; of a window without keys an empty object. */
  readonly key: RowObject
}

/** Rows made from all records of a window, in their order of arrival. */
export type ApplyFunction = (records: readonly RowObject[], window: FiredWindow) => Iterable<object>

/** An aggregate in JavaScript. Accumulators are JSON, so that they can be kept in checkpoints; they may be changed in place. */
export interface AggregateFunctions<A extends Json = Json, R extends Json = Json> {
  /** An empty accumulator. */
  create(): A
  /** The accumulator with a record. */
  add(accumulator: A, row: RowObject, timestampMs: number): A
  /** Two accumulators as one; the records of the first come before those of the second. */
  merge(a: A, b: A): A
  result(accumulator: A): R
}

export type JobFunction = RowFunction | AssignerFunction | ApplyFunction | AggregateFunctions<never, Json>

/** JavaScript functions of a job by their keys: see {@link functionKeysOf}. */
export type JobFunctions = ReadonlyMap<string, unknown>

/** What the functions of an operator are for: `''` for the only one of a filter or a map, else `gap`, `aggregate.NAME` and so on. */
export function functionPartsOf(spec: OperatorSpec): readonly string[] {
  switch (spec.op) {
    case 'filter':
      return isMarked(spec.where) ? [''] : []
    case 'map':
      return spec.function === true ? [''] : []
    case 'window':
      return windowPartsOf(spec)
    default:
      return []
  }
}

function windowPartsOf({ window, trigger, aggregates, apply }: WindowSpec): readonly string[] {
  const parts: string[] = []
  if (window.kind === 'session' && isMarked(window.gap)) parts.push('gap')
  if (window.kind === 'stateWindow' && isMarked(window.open)) parts.push('open')
  if (window.kind === 'stateWindow' && isMarked(window.close)) parts.push('close')
  if (window.kind === 'custom') parts.push('window')
  if (nodesOf(trigger).some(({ kind }) => kind === 'custom')) parts.push('trigger')
  for (const [name, { fn }] of Object.entries(aggregates)) if (fn === 'custom') parts.push(`aggregate.${name}`)
  if (apply !== undefined) parts.push('apply')
  return parts
}

/** Own fields only: a polluted prototype must not make an expression a function. */
function isMarked(part: object | undefined): boolean {
  return part !== undefined && Object.hasOwn(part, 'function')
}

/** The key of a function. */
export function functionKey(uid: string, part: string): string {
  return part === '' ? uid : `${uid}.${part}`
}

/** Keys of the functions that an operator needs. */
export function functionKeysOf(spec: OperatorSpec): readonly string[] {
  return functionPartsOf(spec).map((part) => functionKey(spec.uid, part))
}

/** @throws ConfigError `FUNCTION_MISSING`; `UID_DUPLICATE` if two operators need a function under the same key. */
export function requireFunctions(plan: Plan, functions: JobFunctions): void {
  const owners = new Map<string, string>()
  plan.operators.forEach((operator, index) => {
    for (const key of functionKeysOf(operator)) {
      const owner = owners.get(key)
      if (owner !== undefined) {
        const remedy = `${JSON.stringify(owner)} keeps a function under ${JSON.stringify(key)}, too: give one of them another uid`
        throw planError('UID_DUPLICATE', `operators[${index}].uid`, { found: operator.uid, wanted: 'keys of functions of its own', remedy })
      }
      owners.set(key, operator.uid)
      if (functions.has(key)) continue
      throw planError('FUNCTION_MISSING', `operators[${index}]`, {
        found: key,
        wanted: 'an operator whose function is at hand',
        remedy: 'a plan with functions is only complete together with the module that declares them: load that module',
      })
    }
  })
}
