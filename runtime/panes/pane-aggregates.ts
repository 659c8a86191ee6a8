/**
 * Aggregates of the pane kernel: function, parameters, the value columns they share, and the form of their results.
 *
 * Before: pane-plan. After: the kernel's configuration, and result-cells, which reads the results.
 *
 * Invariant: aggregates share a value when they read the same columns and no part of it would need two parameters.
 */

import * as L from '../../kernel/layout.ts'
import { ConfigError } from '../errors.ts'
import type { AggregateSpec, WindowSpec } from '../plan.ts'
import type { ColumnDefinition, ColumnType, Schema } from '../schema.ts'
import {
  type AggregateLayout,
  type ElementForm,
  numericFunction,
  type ResultForm,
  type Ship,
  type ValueLayout,
} from '../subtask/subtask-layout.ts'
import { type ComputedColumn, shipContents } from './computed-column.ts'

/** The records of a window, as a column of its own: functions of the user make their results of them. */
export const RECORDS_NAME = '~records'
/** The name of a window's accumulators, as a column of its own. */
export const HANDLE_NAME = '~handle'

const PRECISION_DEFAULT = 12
const ACCURACY_DEFAULT = 0.01

export interface PaneValue extends ValueLayout {
  /** Index into the columns that travel of the second column, or -1. */
  readonly second: number
}

interface AggregatePlan {
  readonly name: string
  readonly type: ColumnType
  readonly fn: number
  readonly parts: number
  /** Sources of its columns; -1: none. `presence`: only whether the first is null counts. */
  readonly source: number
  readonly second: number
  /** Whether the first column is text, whose contents matter. */
  readonly isText: boolean
  readonly isPresence: boolean
  readonly a: number
  readonly b: number
  /** What a value may only have once, as text: the parameter of a part. */
  readonly parameter: string
  readonly bounds: readonly number[]
  readonly form: ResultForm
}

interface Columns {
  sourceOf(name: string): number
  typeOf(source: number): ColumnType
  compute(column: ComputedColumn): number
}

/** An aggregate of functions of the user, and the source of the condition that its records have to meet. */
export interface CustomPlan {
  readonly name: string
  readonly condition: number | null
}

export interface AggregatePlans {
  readonly customs: readonly CustomPlan[]
  readonly plans: readonly (ColumnDefinition & { readonly fn: number })[]
  layOut(ship: Ship): {
    readonly values: readonly PaneValue[]
    readonly layouts: readonly AggregateLayout[]
    readonly parameters: readonly { readonly a: number; readonly b: number }[]
    readonly numbers: readonly number[]
  }
}

export function planAggregates(spec: WindowSpec, schema: Schema, columns: Columns): AggregatePlans {
  const plans = Object.entries(spec.aggregates)
    .filter(([, { fn }]) => fn !== 'custom')
    .map(([name, aggregate]) => planAggregate(name, aggregate, columns))
  const customs = Object.entries(spec.aggregates)
    .filter(([, { fn }]) => fn === 'custom')
    .map(([name, { where }]): CustomPlan => {
      if (where === undefined) return { name, condition: null }
      return { name, condition: columns.compute({ name: '~where', type: 'bool', kind: 'condition', of: where, functionName: '' }) }
    })
  if (tellsOperations(spec)) plans.push({ ...ROWS, name: HANDLE_NAME, type: 'f64', fn: L.FN_HANDLE, form: { kind: 'cell' } })
  else if (hasFunctions(spec)) plans.push({ ...ROWS, name: RECORDS_NAME, type: 'json', fn: L.FN_RECORDS, form: { kind: 'records' } })
  return {
    plans,
    customs,
    layOut: (ship) => layOutAggregates(plans, (source) => typeOfSource(schema, source), ship),
  }
}

/** Whether results of a window are made by functions of the user. */
export function hasFunctions({ apply, aggregates }: WindowSpec): boolean {
  return apply !== undefined || Object.values(aggregates).some(({ fn }) => fn === 'custom')
}

/**
 * Whether custom aggregates are kept up to date record by record, outside the kernel. Else they are computed from the records of the window
 * when it fires: where those are there anyway, or what a window holds is only known then, or an old result is to be taken back.
 */
export function tellsOperations(spec: WindowSpec): boolean {
  const { window, apply, evictor, keepRecords, accumulation } = spec
  const knowsContents =
    window.kind !== 'around' && window.kind !== 'slidingByRecord' && !('maxLengthMs' in window && window.maxLengthMs !== undefined)
  const keepsRecords = apply !== undefined || evictor !== undefined || keepRecords === true || accumulation === 'retracting'
  return hasFunctions(spec) && knowsContents && !keepsRecords
}

const ROWS = { parts: 0, source: -1, second: -1, isText: false, isPresence: false, a: 0, b: 0, parameter: '', bounds: [] } as const

function typeOfSource(schema: Schema, source: number): ColumnType | null {
  return schema.columns[source]?.type ?? null
}

function planAggregate(name: string, spec: AggregateSpec, columns: Columns): AggregatePlan {
  const common = functionOf(spec, spec.column === undefined ? 'f64' : columns.typeOf(columns.sourceOf(spec.column)))
  const plain = spec.column === undefined ? null : columns.sourceOf(spec.column)
  const second = spec.by === undefined ? -1 : columns.sourceOf(spec.by)
  const type = plain === null ? 'f64' : columns.typeOf(plain)
  const isText = type === 'utf8'
  if (spec.where === undefined) return { ...ROWS, ...common, name, source: plain ?? -1, second, isText }
  // Where the condition is not true the value is null, and nulls do not count.
  const source = columns.compute({ name: '~where', type, kind: 'masked', source: plain, where: spec.where })
  const fn = common.fn === L.FN_COUNT_ROWS ? L.FN_COUNT : common.fn
  return { ...ROWS, ...common, fn, parts: common.parts | L.PART_BASIC, name, source, second, isText }
}

type FunctionPlan = Pick<AggregatePlan, 'fn' | 'parts' | 'type' | 'form'> & Partial<AggregatePlan>

/** @param type - Of the first column. */
function functionOf(spec: AggregateSpec, type: ColumnType): FunctionPlan {
  const element: ElementForm = type === 'utf8' ? 'text' : type === 'bool' ? 'bool' : 'number'
  const number = (fn: number, parts: number): FunctionPlan => ({ fn, parts: parts | L.PART_BASIC, type: 'f64', form: { kind: 'cell' } })
  // Its value is a value of the column.
  const same = (fn: number, parts: number): FunctionPlan => {
    return { ...number(fn, parts), type, form: type === 'utf8' ? { kind: 'text' } : { kind: 'cell' } }
  }
  switch (spec.fn) {
    case 'count':
      return { ...numericFunction(spec), type: 'f64', form: { kind: 'cell' }, isPresence: spec.column !== undefined && type === 'utf8' }
    case 'sum':
    case 'min':
    case 'max':
    case 'mean':
    case 'variance':
    case 'stddev':
    case 'first':
    case 'last':
      return { ...numericFunction(spec), type: 'f64', form: { kind: 'cell' } }
    case 'any':
      return { ...number(L.FN_ANY, 0), type: 'bool' }
    case 'every':
      return { ...number(L.FN_EVERY, 0), type: 'bool' }
    case 'countDistinct': {
      if (spec.approximate !== true) return number(L.FN_COUNT_DISTINCT, L.PART_COUNTS)
      const a = spec.precision ?? PRECISION_DEFAULT
      return { ...number(L.FN_COUNT_DISTINCT_APPROXIMATE, L.PART_REGISTERS), a, parameter: `registers ${a}` }
    }
    case 'quantile':
    case 'median': {
      const b = spec.accuracy ?? ACCURACY_DEFAULT
      return { ...number(L.FN_QUANTILE, L.PART_SKETCH), a: spec.fn === 'median' ? 0.5 : spec.q!, b, parameter: `sketch ${b}` }
    }
    case 'histogram': {
      const bounds = spec.bounds!
      const form = { kind: 'list', of: 'number' } as const
      return { ...number(L.FN_HISTOGRAM, L.PART_HISTOGRAM), type: 'json', form, bounds, parameter: `histogram ${bounds.join()}` }
    }
    case 'topK': {
      const form = { kind: 'pairs', of: element, second: spec.by === undefined ? 'count' : 'by' } as const
      if (spec.by === undefined) return { ...number(L.FN_TOP_FREQUENT, L.PART_COUNTS), type: 'json', form, a: spec.k! }
      return { ...number(L.FN_TOP_LARGEST, L.PART_LARGEST), type: 'json', form, a: spec.k!, parameter: `largest ${spec.k}` }
    }
    case 'mode':
      return same(L.FN_MODE, L.PART_COUNTS)
    case 'argMin':
      return same(L.FN_ARG_MIN, L.PART_EXTREMES)
    case 'argMax':
      return same(L.FN_ARG_MAX, L.PART_EXTREMES)
    case 'collect':
    case 'concat': {
      const isText = spec.fn === 'concat'
      const form: ResultForm = isText ? { kind: 'joined', of: element, separator: spec.separator ?? ',' } : { kind: 'list', of: element }
      const fn = number(isText ? L.FN_CONCAT : L.FN_COLLECT, L.PART_SAMPLES)
      return { ...fn, type: isText ? 'utf8' : 'json', form, a: spec.limit ?? Number.POSITIVE_INFINITY, b: spec.order === 'arrival' ? 0 : 1 }
    }
    case 'sumOfProducts':
      return number(L.FN_SUM_OF_PRODUCTS, L.PART_SECOND)
    case 'covariance':
      return number(spec.population === true ? L.FN_COVARIANCE_POPULATION : L.FN_COVARIANCE_SAMPLE, L.PART_SECOND)
    case 'correlation':
      return number(L.FN_CORRELATION, L.PART_SECOND)
    case 'linearSlope':
      return number(L.FN_LINEAR_SLOPE, L.PART_TIMES)
    case 'timeWeightedMean':
      return number(L.FN_TIME_WEIGHTED_MEAN, L.PART_SAMPLES)
    case 'delta':
      return number(L.FN_DELTA, L.PART_ENDS)
    case 'rate':
      return number(L.FN_RATE, L.PART_SAMPLES)
    case 'ewma':
      return { ...number(L.FN_EWMA, L.PART_SAMPLES), a: spec.halfLifeMs! }
    case 'custom':
      throw new RangeError('A custom aggregate is computed from the records of the window')
    default: {
      const never: never = spec.fn
      throw new RangeError(`Unknown aggregate ${String(never)}`)
    }
  }
}

interface OpenValue {
  readonly column: number
  readonly second: number
  parts: number
  readonly parameters: Set<string>
}

function layOutAggregates(plans: readonly AggregatePlan[], typeOf: (source: number) => ColumnType | null, ship: Ship) {
  const values: OpenValue[] = []
  const numbers: number[] = []
  const parameters: { a: number; b: number }[] = []
  const layouts = plans.map((plan): AggregateLayout => {
    const { name, type, fn, form, bounds } = plan
    let { a, b } = plan
    if (fn === L.FN_HISTOGRAM) {
      a = numbers.length
      b = bounds.length
      numbers.push(...bounds)
    }
    parameters.push({ a, b })
    return { name, type, fn, form, value: plan.source < 0 ? -1 : valueOf(plan, values, typeOf, ship) }
  })
  if (numbers.length > L.NUMBERS_MAX) {
    throw new ConfigError(
      'HISTOGRAM_TOO_LARGE',
      `The histograms of a window have ${numbers.length} bounds; at most ${L.NUMBERS_MAX} are possible`,
    )
  }
  return { values, layouts, parameters, numbers }
}

function valueOf(plan: AggregatePlan, values: OpenValue[], typeOf: (source: number) => ColumnType | null, ship: Ship): number {
  const column = plan.isPresence ? ship(plan.source, 'presence', false) : shipContents(ship, plan.source, plan.isText ? 'utf8' : 'f64')
  const second = plan.second < 0 ? -1 : shipContents(ship, plan.second, typeOf(plan.second) ?? 'f64')
  const { parameter } = plan
  // Two parameters of one part begin with the same word.
  const part = parameter.split(' ')[0]!
  const fits = (value: OpenValue) =>
    value.column === column &&
    value.second === second &&
    (parameter === '' || value.parameters.has(parameter) || ![...value.parameters].some((other) => other.startsWith(`${part} `)))
  let index = values.findIndex(fits)
  if (index < 0) index = values.push({ column, second, parts: 0, parameters: new Set() }) - 1
  values[index]!.parts |= plan.parts
  if (parameter !== '') values[index]!.parameters.add(parameter)
  return index
}
