/**
 * What a window operator makes of the rows it reads: columns of its results, and whether every column it uses exists and suits.
 *
 * Before: `plan-derive.ts`. After: the runtime, which lays out columns by it.
 *
 * Invariant: results have the columns `windowStart`, `windowEnd`, the keys, the aggregates, then those of `apply`; no name is there twice.
 */

import { canonicalText } from './plan-fingerprint.ts'
import type { DerivedOperator, DerivedRows } from './plan-rows.ts'
import { checkCondition } from './expression/check.ts'
import { bare, namedRecord } from './plan-fields.ts'
import { field, planError } from './plan-problem.ts'
import type { WindowRules } from './plan-rules.ts'
import type { AggregateSpec, WindowSpec } from './plan-spec.ts'
import { isPlain } from './plan-window.ts'
import { type ColumnDefinition, type ColumnType, isNumericType, requireColumn, type Schema, schemaOf } from './schema.ts'

/** Most columns of its input that a window can use: keys, aggregated columns and, with a side output, all that go there. */
export const WINDOW_COLUMNS_MAX = 32

/** @throws ConfigError `COLUMN_UNKNOWN`, `COLUMN_TYPE`, `EXPRESSION_TYPE`, `EVENT_TIME_MISSING`, `NAME_CONFLICT`, `COLUMNS_TOO_MANY`. */
export function deriveWindow(raw: WindowSpec, rows: DerivedRows, path: string, rules: WindowRules | null): DerivedOperator {
  if (raw.time !== 'processing') requireEventTime(rows, path)
  const taken = new Set(['windowStart', 'windowEnd'])
  rows.keys.forEach((key) => {
    if (taken.has(key)) throw nameConflict(path, key, 'a column that every result has', 'rename the key column by a map before')
  })
  for (const key of rows.keys) taken.add(key)
  const results: ColumnDefinition[] = []
  const aggregates = Object.entries(raw.aggregates).map(([name, aggregate]) => {
    const at = field(`${path}.aggregates`, name)
    if (taken.has(name)) throw nameConflict(at, name, 'a key column, or one that every result has', 'name the aggregate otherwise')
    taken.add(name)
    results.push({ name, type: typeOfAggregate(aggregate, rows.schema, at, rules) })
    return [name, withCheckedWhere(aggregate, rows.schema, at)] as const
  })
  const columns: ColumnDefinition[] = [
    { name: 'windowStart', type: 'timestamp' },
    { name: 'windowEnd', type: 'timestamp' },
    ...rows.keys.map((key) => requireColumn(rows.schema, key, path)),
    ...results,
    ...appliedColumns(raw, taken, path),
  ]
  const parts = rules === null ? raw : rules.deriveParts(raw, rows.schema, path)
  const spec: WindowSpec = bare({ ...parts, aggregates: namedRecord(aggregates) })
  requireColumnLimit(spec, rows, path, rules?.computedColumnCount(spec) ?? 0)
  return { ...rows, spec, schema: schemaOf(columns, path), eventTime: null, windowUid: spec.uid }
}

/** @throws ConfigError `EVENT_TIME_MISSING`. */
export function requireEventTime(rows: DerivedRows, path: string): void {
  if (rows.eventTime !== null) return
  const remedy = 'put eventTime(column, strategy) between the source and this operator'
  const found = 'rows without an event time'
  throw planError('EVENT_TIME_MISSING', path, { found, wanted: 'an eventTime operator upstream', remedy }, true)
}

function typeOfAggregate(spec: AggregateSpec, schema: Schema, at: string, rules: WindowRules | null): ColumnType {
  if (!isPlain(spec.fn)) return rules!.typeOfAggregate(spec, schema, at)
  if (spec.column === undefined) return 'f64'
  const { type } = requireColumn(schema, spec.column, `${at}.column`)
  if (spec.fn !== 'count' && !isNumericType(type)) {
    const wanted = `a numeric column (f64, i32, timestamp) for ${spec.fn}`
    throw planError('COLUMN_TYPE', `${at}.column`, { found: `${JSON.stringify(spec.column)} of type ${type}`, wanted }, true)
  }
  return 'f64'
}

function withCheckedWhere(spec: AggregateSpec, schema: Schema, at: string): AggregateSpec {
  return spec.where === undefined ? spec : bare({ ...spec, where: checkCondition(spec.where, schema, `${at}.where`).tree })
}

function appliedColumns({ apply }: WindowSpec, taken: ReadonlySet<string>, path: string): readonly ColumnDefinition[] {
  return Object.entries(apply?.schema ?? {}).map(([name, type]) => {
    const at = field(`${path}.apply.schema`, name)
    if (taken.has(name)) throw nameConflict(at, name, 'a column that every result has', 'the function need not return it: leave it out')
    return { name, type }
  })
}

/**
 * Columns travel to the kernel once in each form they are needed in: as numbers or codes, or only whether they are null; under a
 * condition once more; and what is computed for the kernel is a column too.
 */
function requireColumnLimit(spec: WindowSpec, rows: DerivedRows, path: string, computedCount: number): void {
  const used = new Set(rows.keys)
  const aggregates = Object.values(spec.aggregates)
  for (const { fn, column, by, where } of aggregates) {
    const condition = where === undefined ? '' : ` where ${canonicalText(where)}`
    const isPresence = column !== undefined && fn === 'count' && requireColumn(rows.schema, column, path).type === 'utf8'
    if (column !== undefined) used.add(`${isPresence ? 'count of ' : ''}${column}${condition}`)
    else if (where !== undefined) used.add(condition)
    if (by !== undefined) used.add(by)
  }
  const needsAll = spec.late.kind === 'sideOutput' || spec.apply !== undefined || aggregates.some(({ fn }) => fn === 'custom')
  if (needsAll) for (const { name } of rows.schema.columns) used.add(name)
  const size = used.size + computedCount
  if (size <= WINDOW_COLUMNS_MAX) return
  throw planError(
    'COLUMNS_TOO_MANY',
    path,
    {
      found: `a window over ${size} columns (keys, aggregated, late rows)`,
      wanted: `at most ${WINDOW_COLUMNS_MAX}`,
      remedy: needsAll ? 'all columns of its rows are needed: drop those nobody needs by a map' : 'split the window into two',
    },
    true,
  )
}

function nameConflict(path: string, name: string, what: string, remedy: string): Error {
  return planError(
    'NAME_CONFLICT',
    path,
    { found: `the name ${JSON.stringify(name)}, which is ${what}`, wanted: 'a free name', remedy },
    true,
  )
}
