/**
 * The shape of operators that keep state on whole batches: sorting by event time, deduplication, tracking of sequence numbers.
 *
 * Before: `plan-validation.ts`, whose part it is, and `plan-derive.ts`, which knows the columns. After: `operator/`, which runs them.
 *
 * Invariant: what passes has every default filled in and names only columns that exist and suit.
 */

import { DURATION_MS_MAX } from './duration.ts'
import { type Fields, nameOf } from './plan-fields.ts'
import { planError } from './plan-problem.ts'
import type { DeduplicateSpec, OperatorSpec, SortByEventTimeSpec, StageSpec, TrackSequenceSpec, WindowSpec } from './plan-spec.ts'
import { type ColumnDefinition, isNumericType, requireColumn, type Schema, schemaOf } from './schema.ts'

export const BUFFER_RECORDS_DEFAULT = 1_000_000
export const IDS_DEFAULT = 5_000_000
export const SOURCES_DEFAULT = 100_000
export const REORDER_WINDOW_DEFAULT = 1_000
/** Most columns of an id, and of a source. */
export const ID_COLUMNS_MAX = 16
const RECORDS_MAX = 2 ** 30
const REORDER_WINDOW_MAX = 1_000_000

/** Columns of a finding behind those of its source. */
const FINDING_COLUMNS: readonly ColumnDefinition[] = [
  { name: 'kind', type: 'utf8' },
  { name: 'from', type: 'f64' },
  { name: 'to', type: 'f64' },
  { name: 'count', type: 'f64' },
  { name: 'at', type: 'timestamp' },
]

export function isStage(spec: OperatorSpec): spec is StageSpec {
  return spec.op === 'sortByEventTime' || spec.op === 'deduplicate' || spec.op === 'trackSequence'
}

/** Whether a window sees its rows in order of event time only if they are sorted before it. */
export function needsOrder({ window, time }: WindowSpec): boolean {
  return window.kind === 'stateWindow' && time === 'event'
}

export function parseSort(fields: Fields): Pick<SortByEventTimeSpec, 'bufferRecordsMax' | 'whenFull' | 'late'> {
  fields.allow(['uid', 'op', 'inputs', 'bufferRecordsMax', 'whenFull', 'late'])
  return {
    bufferRecordsMax: limit(fields, 'bufferRecordsMax', BUFFER_RECORDS_DEFAULT),
    whenFull: choice(fields, 'whenFull', ['fail', 'release']),
    late: choice(fields, 'late', ['pass', 'drop']),
  }
}

export function parseDeduplicate(fields: Fields): Pick<DeduplicateSpec, 'by' | 'withinMs' | 'late' | 'idsMax' | 'whenFull'> {
  fields.allow(['uid', 'op', 'inputs', 'by', 'withinMs', 'late', 'idsMax', 'whenFull'])
  return {
    by: columnNames(fields, 'by'),
    withinMs: positiveMs(fields, 'withinMs'),
    late: choice(fields, 'late', ['pass', 'drop']),
    idsMax: limit(fields, 'idsMax', IDS_DEFAULT),
    whenFull: choice(fields, 'whenFull', ['fail', 'forget']),
  }
}

export function parseTrackSequence(fields: Fields): Omit<TrackSequenceSpec, 'uid' | 'op' | 'inputs'> {
  const options = ['silentAfterMs', 'forgetAfterMs', 'restartBelow', 'wrapsAt', 'findingsTo'] as const
  fields.allow(['uid', 'op', 'inputs', 'source', 'sequence', 'reorderWindow', 'sourcesMax', ...options])
  const wrapsAt = fields.has('wrapsAt') ? whole(fields, 'wrapsAt', 4, 2 ** 52) : null
  // Beyond half the circle of numbers ahead and behind are the same.
  const windowMax = Math.min(REORDER_WINDOW_MAX, wrapsAt === null ? Number.POSITIVE_INFINITY : Math.floor((wrapsAt - 1) / 2))
  return {
    source: columnNames(fields, 'source'),
    sequence: fields.name('sequence', 'the column with the sequence number'),
    reorderWindow: whole(fields, 'reorderWindow', 0, windowMax, Math.min(REORDER_WINDOW_DEFAULT, windowMax)),
    sourcesMax: limit(fields, 'sourcesMax', SOURCES_DEFAULT),
    ...(fields.has('silentAfterMs') ? { silentAfterMs: positiveMs(fields, 'silentAfterMs') } : {}),
    ...(fields.has('forgetAfterMs') ? { forgetAfterMs: positiveMs(fields, 'forgetAfterMs') } : {}),
    ...(fields.has('restartBelow') ? { restartBelow: whole(fields, 'restartBelow', 1, Number.MAX_SAFE_INTEGER) } : {}),
    ...(wrapsAt === null ? {} : { wrapsAt }),
    ...(fields.has('findingsTo')
      ? { findingsTo: fields.name('findingsTo', 'the name under which the sink for findings is bound at start') }
      : {}),
  }
}

/** Checks the columns that a stage names. @throws ConfigError `COLUMN_UNKNOWN`, `COLUMN_TYPE`, `NAME_CONFLICT`. */
export function requireStageColumns(spec: StageSpec, schema: Schema, path: string): void {
  if (spec.op === 'sortByEventTime') return
  if (spec.op === 'deduplicate') {
    spec.by.forEach((name, index) => void requireColumn(schema, name, `${path}.by[${index}]`))
    return
  }
  const { type } = requireColumn(schema, spec.sequence, `${path}.sequence`)
  if (!isNumericType(type)) {
    const found = `${JSON.stringify(spec.sequence)} of type ${type}`
    throw planError('COLUMN_TYPE', `${path}.sequence`, { found, wanted: 'a numeric column (f64, i32, timestamp)' }, true)
  }
  findingsSchema(spec, schema, path)
}

/** Schema of what a tracker finds: the columns of the source, then what was found. */
export function findingsSchema(spec: TrackSequenceSpec, schema: Schema, path = 'trackSequence'): Schema {
  const source = spec.source.map((name, index) => {
    const at = `${path}.source[${index}]`
    if (FINDING_COLUMNS.some((column) => column.name === name)) {
      const found = `the name ${JSON.stringify(name)}, which is a column that every finding has`
      throw planError('NAME_CONFLICT', at, { found, wanted: 'a free name', remedy: 'rename the column by a map before' }, true)
    }
    return requireColumn(schema, name, at)
  })
  return schemaOf([...source, ...FINDING_COLUMNS], path)
}

function columnNames(fields: Fields, name: string): readonly string[] {
  const path = fields.at(name)
  const wanted = `an array of 1 to ${ID_COLUMNS_MAX} columns`
  const list = fields.array(name, wanted)
  if (list.length === 0 || list.length > ID_COLUMNS_MAX) throw planError('COLUMNS_INVALID', path, { found: list, wanted })
  const names = Array.from(list, (item, index) => nameOf(item, `${path}[${index}]`, 'the name of a column'))
  names.forEach((item, index) => {
    if (names.indexOf(item) < index) throw planError('COLUMNS_INVALID', `${path}[${index}]`, { found: item, wanted: 'every column once' })
  })
  return Object.freeze(names)
}

function choice<const W extends string>(fields: Fields, name: string, words: readonly [W, ...W[]]): W {
  return fields.has(name) ? fields.word(name, 'OPTION_UNKNOWN', words) : words[0]
}

function positiveMs(fields: Fields, name: string): number {
  return fields.integer(name, { code: 'DURATION_INVALID', wanted: 'a positive integer of milliseconds', least: 1, most: DURATION_MS_MAX })
}

function limit(fields: Fields, name: string, whenAbsent: number): number {
  return whole(fields, name, 1, RECORDS_MAX, whenAbsent)
}

function whole(fields: Fields, name: string, least: number, most: number, whenAbsent?: number): number {
  const wanted = `an integer from ${least} to ${most}`
  return fields.integer(name, { code: 'OPTION_INVALID', wanted, least, most, ...(whenAbsent === undefined ? {} : { whenAbsent }) })
}
