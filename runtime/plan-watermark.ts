/**
 * The shape of watermark strategies, and their defaults.
 *
 * Before: `plan-validation.ts`, whose part it is. After: `plan-derive.ts`, which checks the expressions in them.
 *
 * Invariant: what depends on the kind of source (flush, far-future guard) stays absent: it is known only when a source is bound.
 */

import { DURATION_MS_MAX } from './duration.ts'
import { bare, Fields } from './plan-fields.ts'
import { planError } from './plan-problem.ts'
import type { DelayRules, WatermarkKind, WatermarkRules, WatermarkSpec } from './plan-spec.ts'

export const EVERY_RECORDS_DEFAULT = 1_024
/** Records that `percentile` looks back on, and of a block of `predicted`. */
export const PERCENTILE_RECORDS_DEFAULT = 2_048
export const PREDICTED_RECORDS_DEFAULT = 1_000
export const PREDICTED_SMOOTHING_DEFAULT = 0.25
export const WINDOW_RECORDS_MAX = 65_536
/** On live sources, where the plan does not say otherwise. */
export const FLUSH_AFTER_MS_DEFAULT = 30_000
export const MAX_FUTURE_SKEW_MS_DEFAULT = 300_000

const KINDS = ['monotonous', 'boundedOutOfOrderness', 'punctuated', 'timeLag', 'percentile', 'predicted', 'manual', 'custom'] as const
const POLICIES = ['hold', 'deadLetter', 'accept'] as const
const RULES = ['kind', 'everyRecords', 'idleAfterMs', 'maxDriftMs', 'maxFutureSkewMs', 'futurePolicy']
const DELAY_FIELDS = ['flushAfterMs', 'p', 'windowRecords', 'floorMs', 'ceilingMs']
/** Fields beside the common ones. */
const OWN_FIELDS: Readonly<Record<WatermarkKind, readonly string[]>> = {
  monotonous: ['flushAfterMs'],
  boundedOutOfOrderness: ['flushAfterMs', 'delayMs'],
  punctuated: ['flushAfterMs', 'when', 'time'],
  // These two do not wait for records: there is nothing to flush.
  timeLag: ['delayMs'],
  manual: [],
  percentile: DELAY_FIELDS,
  predicted: [...DELAY_FIELDS, 'smoothing'],
  custom: ['flushAfterMs', 'function'],
}

export function parseWatermark(outer: Fields): WatermarkSpec {
  const value = outer.required('watermark', 'a watermark strategy')
  const fields = new Fields(value, outer.at('watermark'), null, 'a watermark strategy: {"kind", …}')
  const kind = fields.word('kind', 'WATERMARK_UNKNOWN', KINDS)
  fields.allow([...RULES, ...OWN_FIELDS[kind]])
  return bare({ ...strategyOf(kind, fields), ...rulesOf(fields) } as WatermarkSpec)
}

function strategyOf(kind: WatermarkKind, fields: Fields): object {
  switch (kind) {
    case 'monotonous':
    case 'manual':
      return { kind }
    case 'boundedOutOfOrderness':
    case 'timeLag':
      return { kind, delayMs: duration(fields, 'delayMs', 0) }
    case 'punctuated':
      // Expressions are checked, and replaced by the checked copies, once the schema of the rows is known.
      return {
        kind,
        when: fields.required('when', 'a condition: an expression'),
        ...(fields.has('time') ? { time: fields.optional('time') } : {}),
      }
    case 'percentile':
      return { kind, ...delayRulesOf(fields, PERCENTILE_RECORDS_DEFAULT) }
    case 'predicted':
      return {
        kind,
        ...delayRulesOf(fields, PREDICTED_RECORDS_DEFAULT),
        smoothing: fields.has('smoothing') ? share(fields, 'smoothing') : PREDICTED_SMOOTHING_DEFAULT,
      }
    case 'custom':
      return { kind, function: fields.functionRef('function') }
    default: {
      const never: never = kind
      throw new RangeError(String(never))
    }
  }
}

function rulesOf(fields: Fields): WatermarkRules {
  const everyRecords = fields.integer('everyRecords', {
    code: 'EVERY_RECORDS_INVALID',
    wanted: 'an integer of 1 or more records between watermarks',
    least: 1,
    most: 2 ** 31 - 1,
    whenAbsent: EVERY_RECORDS_DEFAULT,
  })
  const optional = (name: string, least: number) => (fields.has(name) ? { [name]: duration(fields, name, least) } : {})
  const nullable = (name: string, least: number) => (fields.optional(name) === null ? { [name]: null } : optional(name, least))
  return {
    ...optional('idleAfterMs', 1),
    ...optional('maxDriftMs', 0),
    ...nullable('flushAfterMs', 1),
    ...nullable('maxFutureSkewMs', 0),
    ...(fields.has('futurePolicy') ? { futurePolicy: fields.word('futurePolicy', 'FUTURE_POLICY_UNKNOWN', POLICIES) } : {}),
    everyRecords,
  }
}

function delayRulesOf(fields: Fields, windowRecordsDefault: number): DelayRules {
  const p = share(fields, 'p')
  const windowRecords = fields.integer('windowRecords', {
    code: 'WATERMARK_INVALID',
    wanted: `an integer of 1 to ${WINDOW_RECORDS_MAX} records`,
    least: 1,
    most: WINDOW_RECORDS_MAX,
    whenAbsent: windowRecordsDefault,
  })
  const floorMs = fields.has('floorMs') ? duration(fields, 'floorMs', 0) : 0
  if (!fields.has('ceilingMs')) return { p, windowRecords, floorMs }
  const ceilingMs = duration(fields, 'ceilingMs', 0)
  if (ceilingMs >= floorMs) return { p, windowRecords, floorMs, ceilingMs }
  throw planError('WATERMARK_INVALID', fields.at('ceilingMs'), { found: ceilingMs, wanted: `at least the floor of ${floorMs} ms` })
}

function duration(fields: Fields, name: string, least: number): number {
  const wanted = least === 0 ? 'a non-negative integer of milliseconds' : 'a positive integer of milliseconds'
  return fields.integer(name, { code: 'DURATION_INVALID', wanted, least, most: DURATION_MS_MAX })
}

/** A number above 0 and at most 1. */
function share(fields: Fields, name: string): number {
  return fields.number(name, { code: 'WATERMARK_INVALID', wanted: 'a number above 0 and at most 1', least: Number.MIN_VALUE, most: 1 })
}
