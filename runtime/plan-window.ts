/**
 * The shape of window operators: window, lateness, aggregates.
 *
 * Before: `plan-validation.ts`, whose part it is. After: `plan-analysis.ts`, which knows the columns.
 *
 * Invariant: a window that passes has at most {@link FANOUT_MAX} slices, and every aggregate only options its function has.
 */

import { DURATION_MS_MAX } from './duration.ts'
import { bare, Fields, namedRecord } from './plan-fields.ts'
import { field, planError } from './plan-problem.ts'
import type { AggregateSpec, LatePolicy, TriggerSpec, WindowShape, WindowSpec } from './plan-spec.ts'
import { checkColumnName } from './schema.ts'

/** Most slices a window may consist of: size / gcd(size, slide). */
export const FANOUT_MAX = 10_000
export const AGGREGATES_MAX = 64
export const OFFSET_MS_DEFAULT = 0
export const ALLOWED_LATENESS_MS_DEFAULT = 0

const WINDOWS = ['tumbling', 'sliding'] as const
const LATER_WINDOWS = [
  'session',
  'cumulate',
  'countTumbling',
  'countSliding',
  'global',
  'calendar',
  'tradingDay',
  'intervals',
  'around',
  'stateWindow',
  'custom',
]
const FUNCTIONS = ['count', 'sum', 'min', 'max', 'mean', 'variance', 'stddev', 'first', 'last'] as const
const LATER_FUNCTIONS = [
  'median',
  'percentile',
  'quantile',
  'distinctCount',
  'topK',
  'mode',
  'collect',
  'histogram',
  'minBy',
  'maxBy',
  'covariance',
  'correlation',
]
export const WINDOW_FIELDS = ['window', 'time', 'trigger', 'accumulation', 'closing', 'allowedLatenessMs', 'late', 'aggregates']
const LATE = ['drop', 'fail', 'sideOutput'] as const

export function parseWindow(fields: Fields): Omit<WindowSpec, 'uid' | 'op' | 'inputs'> {
  const window = bare(
    parseShape(new Fields(fields.required('window', 'a window'), fields.at('window'), null, 'a window: {"kind", "sizeMs", …}')),
  )
  const allowedLatenessMs = fields.integer('allowedLatenessMs', {
    code: 'LATENESS_INVALID',
    wanted: 'a non-negative integer of milliseconds',
    least: 0,
    most: DURATION_MS_MAX,
    whenAbsent: ALLOWED_LATENESS_MS_DEFAULT,
  })
  return {
    window,
    time: fields.has('time') ? fields.word('time', 'TIME_UNKNOWN', ['event'], ['processing']) : 'event',
    trigger: parseTrigger(fields),
    accumulation: fields.has('accumulation')
      ? fields.word('accumulation', 'ACCUMULATION_UNKNOWN', ['accumulating'], ['discarding', 'retracting'])
      : 'accumulating',
    closing: fields.has('closing') ? fields.word('closing', 'CLOSING_UNKNOWN', ['none'], ['ifNonEmpty', 'always']) : 'none',
    allowedLatenessMs,
    late: bare(parseLate(fields)),
    aggregates: parseAggregates(fields),
  }
}

function parseShape(fields: Fields): WindowShape {
  const kind = fields.word('kind', 'WINDOW_UNKNOWN', WINDOWS, LATER_WINDOWS)
  fields.allow(kind === 'tumbling' ? ['kind', 'sizeMs', 'offsetMs'] : ['kind', 'sizeMs', 'slideMs', 'offsetMs'])
  const positive = { wanted: 'a positive integer of milliseconds', least: 1, most: DURATION_MS_MAX }
  const sizeMs = fields.integer('sizeMs', { code: 'WINDOW_SIZE_INVALID', ...positive })
  const slideMs = kind === 'tumbling' ? sizeMs : fields.integer('slideMs', { code: 'WINDOW_SLIDE_INVALID', ...positive })
  const slices = sizeMs / greatestCommonDivisor(sizeMs, slideMs)
  if (slices > FANOUT_MAX) {
    throw planError(
      'WINDOW_FANOUT',
      fields.path,
      {
        found: `sizeMs ${sizeMs} and slideMs ${slideMs}, which cut each window into ${slices} slices`,
        wanted: `at most ${FANOUT_MAX}`,
        remedy: 'choose a slide that divides the size, or a longer one',
      },
      true,
    )
  }
  const most = slideMs - 1
  const step = kind === 'tumbling' ? 'sizeMs' : 'slideMs'
  const offsetMs = fields.integer('offsetMs', {
    code: 'WINDOW_OFFSET_INVALID',
    wanted: `an integer of milliseconds, nearer to 0 than ${step} (${slideMs})`,
    least: -most,
    most,
    whenAbsent: OFFSET_MS_DEFAULT,
  })
  return kind === 'tumbling' ? { kind, sizeMs, offsetMs } : { kind, sizeMs, slideMs, offsetMs }
}

function parseTrigger(outer: Fields): TriggerSpec {
  if (!outer.has('trigger')) return bare({ kind: 'onWatermark' })
  const fields = new Fields(outer.optional('trigger'), outer.at('trigger'), ['kind'], 'a trigger: {"kind", …}')
  return bare({ kind: fields.word('kind', 'TRIGGER_UNKNOWN', ['onWatermark'], ['onCount']) })
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b)
}

function parseLate(outer: Fields): LatePolicy {
  if (!outer.has('late')) return { kind: 'drop' }
  const fields = new Fields(
    outer.optional('late'),
    outer.at('late'),
    null,
    'a policy: {"kind": "drop"}, {"kind": "fail"} or {"kind": "sideOutput", "name"}',
  )
  const kind = fields.word('kind', 'LATE_POLICY_UNKNOWN', LATE)
  fields.allow(kind === 'sideOutput' ? ['kind', 'name'] : ['kind'])
  return kind === 'sideOutput'
    ? { kind, name: fields.name('name', 'the name under which the sink for late rows is bound at start') }
    : { kind }
}

function parseAggregates(outer: Fields): Readonly<Record<string, AggregateSpec>> {
  const path = outer.at('aggregates')
  const fields = new Fields(outer.required('aggregates', 'aggregates by name'), path, null, 'aggregates by name: {"n": {"fn": "count"}}')
  const { names } = fields
  if (names.length === 0) {
    throw planError('AGGREGATE_EMPTY', path, { found: 'no aggregate', wanted: 'at least one', remedy: 'count() is the simplest' }, true)
  }
  if (names.length > AGGREGATES_MAX) {
    throw planError('AGGREGATES_TOO_MANY', path, { found: `${names.length} aggregates`, wanted: `at most ${AGGREGATES_MAX}` }, true)
  }
  return namedRecord(names.map((name) => [name, parseAggregate(name, fields.optional(name), field(path, name))] as const))
}

function parseAggregate(name: string, input: unknown, path: string): AggregateSpec {
  checkColumnName(name, path)
  const fields = new Fields(input, path, null, 'an aggregate: {"fn", "column"}')
  const fn = fields.word('fn', 'FUNCTION_UNKNOWN', FUNCTIONS, LATER_FUNCTIONS)
  const options = fn === 'sum' ? ['compensated'] : fn === 'variance' || fn === 'stddev' ? ['population'] : []
  fields.allow(['fn', 'column', ...options])
  const column = fn === 'count' && !fields.has('column') ? undefined : fields.name('column', `the column of ${fn}`)
  return bare({
    fn,
    ...(column === undefined ? {} : { column }),
    // An option that is off is left out, so that writing it down changes neither plan nor fingerprint.
    ...(fields.flag('compensated') ? { compensated: true } : {}),
    ...(fields.flag('population') ? { population: true } : {}),
  })
}
