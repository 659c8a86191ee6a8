/**
 * What an operator makes of the rows it reads: their schema, keys and event time, and whether it may stand where it stands.
 *
 * Before: the operator's shape, checked, and what is known of its input. After: `plan-analysis.ts` and the fluent API, which both
 * go operator by operator.
 *
 * Invariant: of a derived operator every column exists and suits, and a window is keyed and timed as it must be.
 */

import { checkColumnExpression, checkCondition } from './expression/check.ts'
import type { Expression } from './expression/expression.ts'
import { bare, namedRecord } from './plan-fields.ts'
import { field, planError } from './plan-problem.ts'
import type { DerivedOperator, DerivedRows } from './plan-rows.ts'
import type { WindowRules } from './plan-rules.ts'
import type { EventTimeSpec, FilterSpec, FunctionRef, KeyBySpec, MapSpec, OperatorSpec, StageSpec, WatermarkSpec } from './plan-spec.ts'
import { requireStageColumns } from './plan-stages.ts'
import { deriveWindow, requireEventTime } from './plan-window-derive.ts'
import { type ColumnDefinition, type ColumnType, isNumericType, requireColumn, type Schema, schemaOf } from './schema.ts'

/**
 * @param input - What is known of the operator's input; null for sources.
 * @param rules - Those of windows that are not plain, if there are such.
 * @throws ConfigError `COLUMN_UNKNOWN`, `COLUMN_TYPE`, `EXPRESSION_TYPE`, `EVENT_TIME_MISSING`, `EVENT_TIME_TWICE`, `KEY_REPLACED`,
 *   `NAME_CONFLICT`, `COLUMNS_TOO_MANY`, `PLAN_UNSUPPORTED`.
 */
export function deriveOperator(
  spec: OperatorSpec,
  input: DerivedRows | null,
  path: string,
  rules: WindowRules | null = null,
): DerivedOperator {
  if (spec.op === 'source') {
    const schema = schemaOf(
      Object.entries(spec.schema).map(([name, type]) => ({ name, type })),
      `${path}.schema`,
    )
    return { spec, schema, keys: [], eventTime: null, windowUid: null, sourceUid: spec.uid }
  }
  if (input === null) throw new RangeError(`Operator ${spec.uid} has no input`)
  const rows: DerivedRows = {
    schema: input.schema,
    keys: input.keys,
    eventTime: input.eventTime,
    windowUid: input.windowUid,
    sourceUid: input.sourceUid,
  }
  switch (spec.op) {
    case 'eventTime':
      return deriveEventTime(spec, rows, path)
    case 'filter':
      return deriveFilter(spec, rows, path)
    case 'map':
      return deriveMap(spec, rows, path)
    case 'sortByEventTime':
    case 'deduplicate':
    case 'trackSequence':
      return deriveStage(spec, rows, path)
    case 'keyBy':
      return deriveKeyBy(spec, rows, path)
    case 'window':
      requireNoWindow(spec, rows, path)
      return deriveWindow(spec, rows, path, rules)
    case 'sink':
      if (isKeyed(rows))
        throw unsupported(path, 'a sink after keyBy', 'a window between them', 'keyed rows without a window are not supported yet')
      return { ...rows, spec }
    default: {
      const never: never = spec
      throw new RangeError(String(never))
    }
  }
}

/** Whether a filter's condition is a function beside the plan. Own fields only: a polluted prototype must not make it one. */
export function isFunctionRef(where: FilterSpec['where']): where is FunctionRef {
  return Object.hasOwn(where, 'function')
}

function isKeyed(rows: DerivedRows): boolean {
  return rows.windowUid === null && rows.keys.length > 0
}

function deriveEventTime(spec: EventTimeSpec, rows: DerivedRows, path: string): DerivedOperator {
  requireNoWindow(spec, rows, path)
  if (isKeyed(rows)) throw unsupported(path, 'eventTime after keyBy', 'eventTime before keyBy', 'this order is not supported yet')
  if (rows.eventTime !== null) {
    const owner = JSON.stringify(rows.eventTime.uid)
    const wanted = 'one eventTime between a source and a window'
    throw planError(
      'EVENT_TIME_TWICE',
      path,
      { found: 'a second eventTime', wanted, remedy: `${owner} has set the event time already` },
      true,
    )
  }
  const { type } = requireColumn(rows.schema, spec.column, `${path}.column`)
  if (type !== 'timestamp') throw columnType(`${path}.column`, spec.column, type, 'a column of type timestamp')
  const watermark = checkedWatermark(spec.watermark, rows.schema, `${path}.watermark`)
  return { ...rows, spec: bare({ ...spec, watermark }), eventTime: { uid: spec.uid, column: spec.column } }
}

/** A strategy with checked copies of its expressions. */
function checkedWatermark(watermark: WatermarkSpec, schema: Schema, path: string): WatermarkSpec {
  if (watermark.kind !== 'punctuated') return watermark
  const { tree: when } = checkCondition(watermark.when, schema, `${path}.when`)
  if (watermark.time === undefined) return bare({ ...watermark, when })
  const { tree: time, type } = checkColumnExpression(watermark.time, schema, `${path}.time`)
  if (!isNumericType(type)) {
    const found = `an expression of type ${type}`
    throw planError('EXPRESSION_TYPE', `${path}.time`, { found, wanted: 'milliseconds (timestamp, f64 or i32)' }, true)
  }
  return bare({ ...watermark, when, time })
}

function deriveFilter(spec: FilterSpec, rows: DerivedRows, path: string): DerivedOperator {
  if (isFunctionRef(spec.where)) return { ...rows, spec }
  return { ...rows, spec: bare({ ...spec, where: checkCondition(spec.where, rows.schema, `${path}.where`).tree }) }
}

function deriveMap(spec: MapSpec, rows: DerivedRows, path: string): DerivedOperator {
  if (spec.function === true) {
    if (isKeyed(rows)) throw keyReplaced(path, 'a function, which may change the key', 'put this map before keyBy')
    return { ...rows, spec, schema: schemaOf(columnsOf(spec.schema ?? {}), `${path}.schema`), keys: [] }
  }
  const types = new Map(rows.schema.columns.map(({ name, type }) => [name, type]))
  const checked: (readonly [string, Expression])[] = []
  for (const [name, raw] of Object.entries(spec.columns ?? {})) {
    const at = field(`${path}.columns`, name)
    if (isKeyed(rows) && rows.keys.includes(name))
      throw keyReplaced(at, `the key column ${JSON.stringify(name)}`, 'replace it before keyBy')
    const expression = checkColumnExpression(raw, rows.schema, at)
    types.set(name, expression.type)
    checked.push([name, expression.tree])
  }
  const schema = schemaOf(
    [...types].map(([name, type]) => ({ name, type })),
    `${path}.columns`,
  )
  return { ...rows, spec: bare({ ...spec, columns: namedRecord(checked) }), schema }
}

function keyReplaced(path: string, found: string, remedy: string): Error {
  return planError('KEY_REPLACED', path, { found, wanted: 'key columns that stay as they are between keyBy and the window', remedy }, true)
}

function deriveStage(spec: StageSpec, rows: DerivedRows, path: string): DerivedOperator {
  requireNoWindow(spec, rows, path)
  if (isKeyed(rows)) {
    const remedy = 'put it before keyBy: it runs once, before rows are divided by key'
    throw unsupported(path, `${spec.op} after keyBy`, `${spec.op} between eventTime and keyBy`, remedy)
  }
  requireEventTime(rows, path)
  requireStageColumns(spec, rows.schema, path)
  return { ...rows, spec }
}

function deriveKeyBy(spec: KeyBySpec, rows: DerivedRows, path: string): DerivedOperator {
  requireNoWindow(spec, rows, path)
  if (isKeyed(rows)) throw unsupported(path, 'a second keyBy', 'one keyBy before a window', 'name all key columns in one keyBy')
  spec.columns.forEach((name, index) => {
    requireColumn(rows.schema, name, `${path}.columns[${index}]`)
  })
  return { ...rows, spec, keys: spec.columns }
}

function columnType(path: string, name: string, type: ColumnType, wanted: string): Error {
  return planError('COLUMN_TYPE', path, { found: `${JSON.stringify(name)} of type ${type}`, wanted }, true)
}

function requireNoWindow(spec: OperatorSpec, rows: DerivedRows, path: string): void {
  if (rows.windowUid === null) return
  const found = `${spec.op} after the window ${JSON.stringify(rows.windowUid)}`
  throw unsupported(path, found, 'one window between source and sink', 'several stages are not supported yet')
}

function unsupported(path: string, found: string, wanted: string, remedy: string): Error {
  return planError('PLAN_UNSUPPORTED', path, { found, wanted, remedy }, true)
}

function columnsOf(types: Readonly<Record<string, ColumnType>>): readonly ColumnDefinition[] {
  return Object.entries(types).map(([name, type]) => ({ name, type }))
}
