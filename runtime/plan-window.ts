/**
 * The shape of window operators: window, trigger, lateness, aggregates. Of windows, triggers and aggregates it knows the plain ones;
 * the others are read by the rules of `plan-window-rules.ts`.
 *
 * Before: `plan-validation.ts`, whose part it is. After: `plan-window-derive.ts`, which knows the columns.
 *
 * Invariant: a window that passes has at most {@link FANOUT_MAX} slices, every aggregate only options its function has, and the
 * combination is one that `plan-legality.ts` does not refuse.
 */

import { DURATION_MS_MAX } from './duration.ts'
import { bare, Fields, namedRecord } from './plan-fields.ts'
import { PLAIN_COMBINATIONS, requireLegal } from './plan-legality.ts'
import { field, planError } from './plan-problem.ts'
import type { WindowRules } from './plan-rules.ts'
import type { AggregateFunction, AggregateSpec, ApplySpec, LatePolicy, TriggerSpec, WindowShape, WindowSpec } from './plan-spec.ts'
import { checkColumnName, type ColumnTypes } from './schema.ts'

/** Most slices a window may consist of: size / gcd(size, slide). */
export const FANOUT_MAX = 10_000
export const AGGREGATES_MAX = 64
export const OFFSET_MS_DEFAULT = 0
export const ALLOWED_LATENESS_MS_DEFAULT = 0

const WINDOW_FIELDS = [
  'uid',
  'op',
  'inputs',
  'window',
  'time',
  'trigger',
  'accumulation',
  'emitUnchanged',
  'closing',
  'emptyPanes',
  'evictor',
  'allowedLatenessMs',
  'late',
  'aggregates',
  'keepRecords',
  'apply',
]
const PLAIN_SHAPES = ['tumbling', 'sliding'] as const
const PLAIN_FUNCTIONS: readonly AggregateFunction[] = ['count', 'sum', 'min', 'max', 'mean', 'variance', 'stddev', 'first', 'last']
const LATE = ['drop', 'fail', 'sideOutput'] as const

const POSITIVE = { wanted: 'a positive integer of milliseconds', least: 1, most: DURATION_MS_MAX }

export interface WindowParsing {
  readonly uid: string
  readonly inputs: readonly [string]
  /** Reads the schema of `apply`. */
  readonly schemaOf: (fields: Fields) => ColumnTypes
  readonly rules: WindowRules | null
}

/** Reads a window operator; defaults are filled in here and nowhere else. */
export function parseWindow(fields: Fields, { uid, inputs, schemaOf, rules }: WindowParsing): WindowSpec {
  fields.allow(WINDOW_FIELDS)
  const window = bare(
    parseShape(new Fields(fields.required('window', 'a window'), fields.at('window'), null, 'a window: {"kind", …}'), rules),
  )
  const apply = parseApply(fields, schemaOf)
  const spec: WindowSpec = bare({
    uid,
    op: 'window',
    inputs,
    window,
    time: fields.has('time') ? fields.word('time', 'TIME_UNKNOWN', ['event', 'processing']) : 'event',
    trigger: bare(parseTrigger(fields, rules)),
    accumulation: fields.has('accumulation')
      ? fields.word('accumulation', 'ACCUMULATION_UNKNOWN', ['accumulating', 'discarding', 'retracting'])
      : 'accumulating',
    ...optionOf(fields, 'emitUnchanged'),
    closing: fields.has('closing') ? fields.word('closing', 'CLOSING_UNKNOWN', ['none', 'ifNonEmpty', 'always']) : 'none',
    ...optionOf(fields, 'emptyPanes'),
    ...(fields.has('evictor') ? { evictor: bare(needed(rules, fields.at('evictor'), 'an evictor').parseEvictor(fields)) } : {}),
    allowedLatenessMs: fields.integer('allowedLatenessMs', {
      code: 'LATENESS_INVALID',
      wanted: 'a non-negative integer of milliseconds',
      least: 0,
      most: DURATION_MS_MAX,
      whenAbsent: ALLOWED_LATENESS_MS_DEFAULT,
    }),
    late: bare(parseLate(fields)),
    aggregates: parseAggregates(fields, apply !== null, rules),
    ...optionOf(fields, 'keepRecords'),
    ...(apply === null ? {} : { apply }),
  })
  requireLegal(spec, fields.path, rules?.combinations ?? PLAIN_COMBINATIONS)
  return spec
}

/** An option that is off is left out, so that writing it down changes neither plan nor fingerprint. */
function optionOf<const N extends string>(fields: Fields, name: N): { readonly [P in N]?: true } {
  return fields.flag(name) ? ({ [name]: true } as { readonly [P in N]?: true }) : {}
}

/** The rules, which only a declaration not made by its function lacks. */
function needed(rules: WindowRules | null, path: string, found: string): WindowRules {
  if (rules !== null) return rules
  throw planError(
    'PLAN_UNSUPPORTED',
    path,
    {
      found: `${found} written by hand`,
      wanted: 'what the function of its name makes',
      remedy: 'plans of JSON go through fromPlan',
    },
    true,
  )
}

function parseShape(fields: Fields, rules: WindowRules | null): WindowShape {
  const kinds = [...PLAIN_SHAPES, ...Object.keys(rules?.shapes ?? {})]
  const kind = fields.word('kind', 'WINDOW_UNKNOWN', kinds)
  const parse = rules?.shapes[kind]
  return parse === undefined ? parseAligned(fields, kind as 'tumbling' | 'sliding') : parse(fields)
}

function parseAligned(fields: Fields, kind: 'tumbling' | 'sliding'): WindowShape {
  fields.allow(kind === 'tumbling' ? ['kind', 'sizeMs', 'offsetMs'] : ['kind', 'sizeMs', 'slideMs', 'offsetMs'])
  const sizeMs = fields.integer('sizeMs', { code: 'WINDOW_SIZE_INVALID', ...POSITIVE })
  const slideMs = kind === 'tumbling' ? sizeMs : fields.integer('slideMs', { code: 'WINDOW_SLIDE_INVALID', ...POSITIVE })
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
  const offsetMs = parseOffset(fields, kind === 'tumbling' ? 'sizeMs' : 'slideMs', slideMs)
  return kind === 'tumbling' ? { kind, sizeMs, offsetMs } : { kind, sizeMs, slideMs, offsetMs }
}

/** An offset, which must be nearer to 0 than the distance between windows. */
export function parseOffset(fields: Fields, stepName: string, stepMs: number): number {
  return fields.integer('offsetMs', {
    code: 'WINDOW_OFFSET_INVALID',
    wanted: `an integer of milliseconds, nearer to 0 than ${stepName} (${stepMs})`,
    least: 1 - stepMs,
    most: stepMs - 1,
    whenAbsent: OFFSET_MS_DEFAULT,
  })
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b)
}

function parseTrigger(outer: Fields, rules: WindowRules | null): TriggerSpec {
  if (!outer.has('trigger')) return { kind: 'onWatermark' }
  if (rules !== null) return rules.parseTrigger(outer)
  const fields = new Fields(outer.optional('trigger'), outer.at('trigger'), null, 'a trigger: {"kind", …}')
  if (fields.names.length > 1 || fields.optional('kind') !== 'onWatermark') needed(rules, fields.path, 'a trigger')
  return { kind: 'onWatermark' }
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

function parseApply(outer: Fields, schemaOf: (fields: Fields) => ColumnTypes): ApplySpec | null {
  if (!outer.has('apply')) return null
  const fields = new Fields(outer.optional('apply'), outer.at('apply'), ['function', 'schema'], '{"function": true, "schema"}')
  return bare({ function: fields.functionRef('function'), schema: schemaOf(fields) })
}

function parseAggregates(outer: Fields, mayBeEmpty: boolean, rules: WindowRules | null): Readonly<Record<string, AggregateSpec>> {
  const path = outer.at('aggregates')
  if (mayBeEmpty && !outer.has('aggregates')) return namedRecord<AggregateSpec>([])
  const fields = new Fields(outer.required('aggregates', 'aggregates by name'), path, null, 'aggregates by name: {"n": {"fn": "count"}}')
  const { names } = fields
  if (names.length === 0 && !mayBeEmpty) {
    throw planError('AGGREGATE_EMPTY', path, { found: 'no aggregate', wanted: 'at least one', remedy: 'count() is the simplest' }, true)
  }
  if (names.length > AGGREGATES_MAX) {
    throw planError('AGGREGATES_TOO_MANY', path, { found: `${names.length} aggregates`, wanted: `at most ${AGGREGATES_MAX}` }, true)
  }
  const aggregates = namedRecord(
    names.map((name) => [name, parseAggregate(name, fields.optional(name), field(path, name), rules)] as const),
  )
  rules?.checkAggregates(aggregates, path)
  return aggregates
}

function parseAggregate(name: string, input: unknown, path: string, rules: WindowRules | null): AggregateSpec {
  checkColumnName(name, path)
  const fields = new Fields(input, path, null, 'an aggregate: {"fn", "column"}')
  const fn = fields.word('fn', 'FUNCTION_UNKNOWN', [...PLAIN_FUNCTIONS, ...(rules?.functions ?? [])])
  if (!isPlain(fn)) return bare(rules!.parseAggregate(fields, fn))
  const options = fn === 'sum' ? ['compensated'] : fn === 'variance' || fn === 'stddev' ? ['population'] : []
  fields.allow(['fn', 'column', 'where', ...options])
  const column = fn === 'count' && !fields.has('column') ? undefined : fields.name('column', `the column of ${fn}`)
  return bare({
    fn,
    ...(column === undefined ? {} : { column }),
    ...optionOf(fields, 'compensated'),
    ...optionOf(fields, 'population'),
    ...whereOf(fields),
  })
}

/** Whether the slice kernel has a function. */
export function isPlain(fn: string): fn is AggregateFunction {
  return (PLAIN_FUNCTIONS as readonly string[]).includes(fn)
}

/** A condition; it is checked, and replaced by the checked copy, once the schema of its rows is known. */
export function whereOf(fields: Fields): Pick<AggregateSpec, 'where'> {
  return fields.has('where') ? { where: fields.optional('where') as NonNullable<AggregateSpec['where']> } : {}
}
