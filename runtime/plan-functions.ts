/**
 * JavaScript functions beside a plan: under which keys they are kept, and what each is called with.
 *
 * Before: the fluent API, which takes them. After: the coordinator, which calls them.
 *
 * Invariant: a key is the uid of the operator, followed by `.` and what the function is for where an operator can have several.
 */

import { planError } from './plan-problem.ts'
import type { WindowRules } from './plan-rules.ts'
import type { OperatorSpec, Plan } from './plan-spec.ts'
import type { RowObject } from './record-batch.ts'
import type { Json } from './schema.ts'
import type { CustomWatermarks } from './source/custom-watermarks.ts'
import type { WindowFunction } from './window-assigner/custom-windows.ts'

/** Of a filter (gives a boolean) or a map (gives a row). */
export type RowFunction = (row: RowObject) => unknown

/** Of a session (its gap in ms), a state window (a boolean) or a trigger (whether to fire): gets the event time, too. */
export type TimedRowFunction = (row: RowObject, timestampMs: number) => unknown

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

/**
 * An aggregate in JavaScript. Functions depend on their arguments alone; `add` and `merge` may change their first argument in place and
 * return it, but a function that throws must leave it as it was.
 *
 * Accumulators are kept in checkpoints, so without {@link AccumulatorFunctions} they are JSON: numbers (also NaN and the infinities), texts,
 * booleans, null, lists and plain objects. A `Map`, a `Date`, a bigint or an object of a class is refused. Fields that are undefined are
 * absent after a restart.
 */
export interface AggregateFunctions<A = Json, V extends Json = Json, Row = RowObject> extends Partial<AccumulatorFunctions<A>> {
  /** An empty accumulator, a new one each time. */
  create(): A
  /** The accumulator with a record. A record on which it throws becomes a dead letter and is not in the result. */
  add(accumulator: A, row: Row, timestampMs: number): A
  /** Two accumulators as one: of sessions that have grown together. Event times of the first are before those of the second. */
  merge(a: A, b: A): A
  /** May be called several times on the same accumulator, whenever the window fires. */
  result(accumulator: A): V
}

/** How checkpoints keep accumulators that are not JSON. */
export interface AccumulatorFunctions<A> {
  /** The accumulator as JSON. */
  serialize(accumulator: A): Json
  /** The accumulator of what {@link AccumulatorFunctions.serialize} gave. */
  deserialize(kept: Json): A
}

export type JobFunction =
  | RowFunction
  | TimedRowFunction
  | WindowFunction
  | ApplyFunction
  | AggregateFunctions<never>
  | (() => CustomWatermarks)

/** JavaScript functions of a job by their keys: see {@link functionKey}. */
export type JobFunctions = ReadonlyMap<string, unknown>

/**
 * What the functions of an operator are for: `''` for the only one of a filter or a map, else `gap`, `aggregate.NAME` and so on.
 *
 * @param rules - Those of windows that are not plain, if there are such.
 */
export function functionPartsOf(spec: OperatorSpec, rules: WindowRules | null): readonly string[] {
  switch (spec.op) {
    case 'filter':
      return isMarked(spec.where) ? [''] : []
    case 'map':
      return spec.function === true ? [''] : []
    case 'eventTime':
      return spec.watermark.kind === 'custom' ? ['watermark'] : []
    case 'window':
      return [...(rules?.functionPartsOf(spec) ?? []), ...(spec.apply === undefined ? [] : ['apply'])]
    default:
      return []
  }
}

/** Own fields only: a polluted prototype must not make an expression a function. */
export function isMarked(part: object | undefined): boolean {
  return part !== undefined && Object.hasOwn(part, 'function')
}

/** The key of a function: `minutes.gap` of what is for the gap of the operator `minutes`. */
export function functionKey(uid: string, part: string): string {
  return part === '' ? uid : `${uid}.${part}`
}

/** @throws ConfigError `FUNCTION_MISSING`; `UID_DUPLICATE` if two operators need a function under the same key. */
export function requireFunctions(plan: Plan, functions: JobFunctions, rules: WindowRules | null): void {
  const owners = new Map<string, string>()
  plan.operators.forEach((operator, index) => {
    for (const part of functionPartsOf(operator, rules)) {
      const key = functionKey(operator.uid, part)
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
