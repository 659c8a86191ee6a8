/**
 * Aggregates beyond the plain ones: which columns and options each function has, and the type of its result.
 *
 * Before: `plan-window.ts` and `plan-window-derive.ts`, by the rules of `plan-window-rules.ts`. After: the kernels' configuration.
 *
 * Invariant: defaults of options are filled in here; an aggregate that passes has only options its function has.
 */

import { DURATION_MS_MAX } from './duration.ts'
import type { Fields } from './plan-fields.ts'
import { field, planError } from './plan-problem.ts'
import type { AggregateFunction, AggregateSpec } from './plan-spec.ts'
import { isPlain, whereOf } from './plan-window.ts'
import { type ColumnType, isNumericType, requireColumn, type Schema } from './schema.ts'

export const PRECISION_DEFAULT = 12
export const ACCURACY_DEFAULT = 0.01
export const SEPARATOR_DEFAULT = ','
export const SEPARATOR_CHARS_MAX = 200
export const BOUNDS_MAX = 255
/** Most bounds of all histograms of a window: the kernel keeps them in one table. */
export const BOUNDS_TOGETHER_MAX = 256
export const K_MAX = 1_000

type Takes = 'numeric' | 'bool' | 'any' | 'none'
/** Result: a type, `column` for that of the column. */
type Gives = ColumnType | 'column'
type Option = 'population' | 'approximate' | 'q' | 'accuracy' | 'bounds' | 'k' | 'list' | 'separator' | 'halfLifeMs'

interface FunctionRule {
  readonly takes: Takes
  readonly gives: Gives
  /** Second column, which is numeric. */
  readonly by?: 'needed' | 'optional'
  readonly options?: readonly Option[]
}

type RichFunction = Exclude<AggregateFunction, 'count' | 'sum' | 'min' | 'max' | 'mean' | 'variance' | 'stddev' | 'first' | 'last'>

const FUNCTIONS: Readonly<Record<RichFunction, FunctionRule>> = {
  countDistinct: { takes: 'any', gives: 'f64', options: ['approximate'] },
  quantile: { takes: 'numeric', gives: 'f64', options: ['q', 'accuracy'] },
  median: { takes: 'numeric', gives: 'f64', options: ['accuracy'] },
  histogram: { takes: 'numeric', gives: 'json', options: ['bounds'] },
  topK: { takes: 'any', gives: 'json', by: 'optional', options: ['k'] },
  mode: { takes: 'any', gives: 'column' },
  argMin: { takes: 'any', gives: 'column', by: 'needed' },
  argMax: { takes: 'any', gives: 'column', by: 'needed' },
  collect: { takes: 'any', gives: 'json', options: ['list'] },
  concat: { takes: 'any', gives: 'utf8', options: ['list', 'separator'] },
  any: { takes: 'bool', gives: 'bool' },
  every: { takes: 'bool', gives: 'bool' },
  sumOfProducts: { takes: 'numeric', gives: 'f64', by: 'needed' },
  covariance: { takes: 'numeric', gives: 'f64', by: 'needed', options: ['population'] },
  correlation: { takes: 'numeric', gives: 'f64', by: 'needed' },
  linearSlope: { takes: 'numeric', gives: 'f64' },
  timeWeightedMean: { takes: 'numeric', gives: 'f64' },
  delta: { takes: 'numeric', gives: 'f64' },
  rate: { takes: 'numeric', gives: 'f64' },
  ewma: { takes: 'numeric', gives: 'f64', options: ['halfLifeMs'] },
  custom: { takes: 'none', gives: 'json' },
}

export const RICH_FUNCTIONS = (): readonly string[] => Object.keys(FUNCTIONS)

/** Fields of a plan that an option stands for. */
const OPTION_FIELDS: Readonly<Record<Option, readonly string[]>> = {
  population: ['population'],
  approximate: ['approximate', 'precision'],
  q: ['q'],
  accuracy: ['accuracy'],
  bounds: ['bounds'],
  k: ['k'],
  list: ['order', 'limit'],
  separator: ['separator'],
  halfLifeMs: ['halfLifeMs'],
}

export function parseRichAggregate(fields: Fields, fn: string): AggregateSpec {
  const rich = fn as RichFunction
  const { takes, by, options = [] } = FUNCTIONS[rich]
  if (takes === 'none') {
    fields.allow(['fn', 'function', 'where'])
    return { fn: rich, function: fields.functionRef('function'), ...whereOf(fields) }
  }
  fields.allow(['fn', 'column', ...(by === undefined ? [] : ['by']), 'where', ...options.flatMap((option) => OPTION_FIELDS[option])])
  const column = fields.name('column', `the column of ${fn}`)
  const second = by === undefined || (by === 'optional' && !fields.has('by')) ? {} : { by: fields.name('by', `the second column of ${fn}`) }
  return { fn: rich, column, ...second, ...Object.assign({}, ...options.map((option) => PARSERS[option](fields))), ...whereOf(fields) }
}

const PARSERS: Readonly<Record<Option, (fields: Fields) => Partial<AggregateSpec>>> = {
  population: (fields) => (fields.flag('population') ? { population: true } : {}),
  approximate(fields) {
    if (fields.flag('approximate'))
      return {
        approximate: true,
        precision: fields.integer('precision', { ...invalid('4 to 16 bits'), least: 4, most: 16, whenAbsent: PRECISION_DEFAULT }),
      }
    if (!fields.has('precision')) return {}
    const problem = { found: 'a precision without approximate', wanted: 'approximate: true', remedy: 'exact counts have no precision' }
    throw planError('AGGREGATE_OPTION_INVALID', fields.at('precision'), problem, true)
  },
  q: (fields) => ({ q: fields.number('q', { ...invalid('a number of 0 to 1'), least: 0, most: 1 }) }),
  accuracy: (fields) => ({
    accuracy: fields.number('accuracy', {
      ...invalid('a relative error of 0.001 to 0.5'),
      least: 0.001,
      most: 0.5,
      whenAbsent: ACCURACY_DEFAULT,
    }),
  }),
  bounds: (fields) => ({ bounds: parseBounds(fields) }),
  k: (fields) => ({ k: fields.integer('k', { ...invalid(`1 to ${K_MAX}`), least: 1, most: K_MAX }) }),
  list: (fields) => ({
    order: fields.has('order') ? fields.word('order', 'AGGREGATE_OPTION_INVALID', ['eventTime', 'arrival']) : 'eventTime',
    ...(fields.has('limit')
      ? { limit: fields.integer('limit', { ...invalid('an integer of 1 or more values'), least: 1, most: 2 ** 31 - 1 }) }
      : {}),
  }),
  separator: (fields) => ({ separator: parseSeparator(fields) }),
  halfLifeMs: (fields) => ({
    halfLifeMs: fields.integer('halfLifeMs', { ...invalid('a positive integer of milliseconds'), least: 1, most: DURATION_MS_MAX }),
  }),
}

function invalid(wanted: string): { readonly code: string; readonly wanted: string } {
  return { code: 'AGGREGATE_OPTION_INVALID', wanted }
}

function parseBounds(fields: Fields): readonly number[] {
  const path = fields.at('bounds')
  const wanted = `an array of 1 to ${BOUNDS_MAX} numbers, each more than the one before`
  const list = fields.array('bounds', wanted)
  if (list.length === 0 || list.length > BOUNDS_MAX) throw planError('AGGREGATE_OPTION_INVALID', path, { found: list, wanted })
  const bounds = Array.from(list, (bound, index) => {
    if (typeof bound !== 'number' || !Number.isFinite(bound)) {
      throw planError('AGGREGATE_OPTION_INVALID', `${path}[${index}]`, { found: bound, wanted: 'a finite number' })
    }
    return bound + 0
  })
  const index = bounds.findIndex((bound, i) => i > 0 && bound <= bounds[i - 1]!)
  if (index > 0) {
    throw planError('AGGREGATE_OPTION_INVALID', `${path}[${index}]`, { found: bounds[index], wanted: `more than ${bounds[index - 1]}` })
  }
  return Object.freeze(bounds)
}

function parseSeparator(fields: Fields): string {
  const value = fields.has('separator') ? fields.optional('separator') : SEPARATOR_DEFAULT
  if (typeof value === 'string' && value.length <= SEPARATOR_CHARS_MAX && value.isWellFormed()) return value
  throw planError('AGGREGATE_OPTION_INVALID', fields.at('separator'), {
    found: value,
    wanted: `a well-formed string of at most ${SEPARATOR_CHARS_MAX} characters`,
  })
}

export function checkAggregates(aggregates: Readonly<Record<string, AggregateSpec>>, path: string): void {
  let together = 0
  for (const [name, { bounds }] of Object.entries(aggregates)) {
    together += bounds?.length ?? 0
    if (bounds === undefined || together <= BOUNDS_TOGETHER_MAX) continue
    const wanted = `at most ${BOUNDS_TOGETHER_MAX} in all histograms of a window`
    const problem = { found: `${together} bounds`, wanted, remedy: 'split the window into two' }
    throw planError('AGGREGATE_OPTION_INVALID', `${field(path, name)}.bounds`, problem, true)
  }
}

/** @throws ConfigError `COLUMN_UNKNOWN`, `COLUMN_TYPE`. */
export function typeOfRichAggregate(spec: AggregateSpec, schema: Schema, path: string): ColumnType {
  if (isPlain(spec.fn)) throw new RangeError(`${spec.fn} is plain`)
  const { takes, gives } = FUNCTIONS[spec.fn as RichFunction]
  if (spec.by !== undefined) requireType(schema, spec.by, 'numeric', `${path}.by`, spec.fn)
  if (spec.column === undefined) return gives === 'column' ? 'json' : gives
  const type = requireType(schema, spec.column, takes, `${path}.column`, spec.fn)
  return gives === 'column' ? type : gives
}

function requireType(schema: Schema, name: string, takes: Takes, path: string, fn: string): ColumnType {
  const { type } = requireColumn(schema, name, path)
  const suits = takes === 'numeric' ? isNumericType(type) : takes === 'bool' ? type === 'bool' : type !== 'json'
  if (suits) return type
  const wanted = { numeric: 'a numeric column (f64, i32, timestamp)', bool: 'a column of type bool', any: 'a column of a source', none: '' }
  throw planError('COLUMN_TYPE', path, { found: `${JSON.stringify(name)} of type ${type}`, wanted: `${wanted[takes]} for ${fn}` }, true)
}
