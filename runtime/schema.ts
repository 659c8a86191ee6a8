/**
 * Column types and schemas: what a source's records have, and every row type that follows from it.
 *
 * Before: the user's declaration or a plan's JSON. After: the plan, batches, readers and sinks, which all ask a schema.
 *
 * Invariant: the names of a schema are unique, well-formed and 1 to 200 characters long; any such name is harmless, also
 * `__proto__`, because names are only ever keys of Maps and of objects without prototype.
 */

import { planError, suggestion } from './plan-problem.ts'

/** Types that columns of a source may have. */
export type SourceColumnType = 'f64' | 'i32' | 'timestamp' | 'bool' | 'utf8'

/** `json`: any JSON value, and only in results of windows: lists, histograms, custom aggregates. */
export type ColumnType = SourceColumnType | 'json'

/** All types a declaration may name, in the order in which messages list them. */
export const COLUMN_TYPES: readonly SourceColumnType[] = ['f64', 'i32', 'timestamp', 'bool', 'utf8']

export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json }

/** Largest and smallest event time: those a JavaScript Date can hold. */
export const TIMESTAMP_MAX_MS = 8.64e15
export const COLUMN_NAME_CHARS_MAX = 200
export const SCHEMA_COLUMNS_MAX = 1_000

/** Column types by name: how a plan writes a schema. */
export type ColumnTypes = Readonly<Record<string, ColumnType>>

export interface ColumnDefinition {
  readonly name: string
  readonly type: ColumnType
}

/** Columns in their order. `C` only exists for the type checker: it carries names and types from the declaration to every row. */
export interface Schema<C extends ColumnTypes = ColumnTypes> {
  readonly columns: readonly ColumnDefinition[]
  readonly '~types'?: C
}

/** One column of a declaration, made by {@link f64}, {@link i32}, {@link timestamp}, {@link bool} or {@link utf8}. */
export interface ColumnSpec<T extends ColumnType = ColumnType> {
  readonly type: T
}

/** What a value of a column type is in JavaScript. */
export type ValueOf<T extends ColumnType> = T extends 'utf8' ? string : T extends 'bool' ? boolean : T extends 'json' ? Json : number

/** Writes an intersection out as one object type, so that editors show its fields. */
export type Flat<T> = { [K in keyof T]: T[K] }

/** A row as functions of a pipeline get it: every column is there, any of them may be null. */
export type RowOfTypes<C extends ColumnTypes> = { readonly [N in keyof C]: ValueOf<C[N]> | null }

/** A row as a source may deliver it: a missing field is null, and a timestamp may be a `Date`. */
export type InputRowOfTypes<C extends ColumnTypes> = {
  readonly [N in keyof C]?: ValueOf<C[N]> | (C[N] extends 'timestamp' ? Date : never) | null | undefined
}

export type TypesOf<S> = S extends Schema<infer C> ? C : never

/** Type of the rows of a schema: `{ device: string | null; at: number | null }`. */
export type RowOf<S extends Schema> = RowOfTypes<TypesOf<S>>

/** Type of the rows that may be fed to a source of this schema. */
export type InputRowOf<S extends Schema> = InputRowOfTypes<TypesOf<S>>

/** 64-bit floating point; integers are exact to 2^53. */
export function f64(): ColumnSpec<'f64'> {
  return { type: 'f64' }
}

/** 32-bit signed integer. */
export function i32(): ColumnSpec<'i32'> {
  return { type: 'i32' }
}

/** Integer milliseconds since the Unix epoch. */
export function timestamp(): ColumnSpec<'timestamp'> {
  return { type: 'timestamp' }
}

/** `true` or `false`. */
export function bool(): ColumnSpec<'bool'> {
  return { type: 'bool' }
}

/** A string. */
export function utf8(): ColumnSpec<'utf8'> {
  return { type: 'utf8' }
}

/**
 * Declares the columns of a source.
 *
 * Columns keep the order of the object, except that JavaScript puts names that look like array indexes (`'0'`, `'17'`) first.
 *
 * @throws ConfigError `COLUMN_NAME_INVALID`, `COLUMN_TYPE_UNKNOWN`, `PLAN_TYPE`, `COLUMNS_TOO_MANY`.
 * @example
 * const readings = schema({ device: utf8(), at: timestamp(), celsius: f64() })
 */
export function schema<const D extends Readonly<Record<string, ColumnSpec>>>(
  declaration: D,
): Schema<{ readonly [N in keyof D]: D[N]['type'] }> {
  if (typeof declaration !== 'object' || declaration === null) {
    throw planError('PLAN_TYPE', 'schema', {
      found: declaration,
      wanted: 'an object of columns',
      remedy: 'write schema({ at: timestamp() })',
    })
  }
  const columns = Object.entries(declaration).map(([name, spec]: [string, ColumnSpec | undefined]) => ({
    name,
    type: checkedType(spec?.type, `schema.${name}`),
  }))
  return schemaOf(columns, 'schema')
}

/**
 * A schema of given columns, checked.
 *
 * @param path - Where the columns stand in a plan, for messages.
 * @throws ConfigError `COLUMN_NAME_INVALID`, `COLUMN_DUPLICATE`, `COLUMN_TYPE_UNKNOWN`, `COLUMNS_TOO_MANY`, `SCHEMA_EMPTY`.
 */
export function schemaOf<C extends ColumnTypes = ColumnTypes>(columns: readonly ColumnDefinition[], path = 'schema'): Schema<C> {
  if (columns.length === 0) {
    throw planError(
      'SCHEMA_EMPTY',
      path,
      { found: 'no column', wanted: 'at least one column', remedy: 'declare the columns that are read' },
      true,
    )
  }
  if (columns.length > SCHEMA_COLUMNS_MAX) {
    throw planError('COLUMNS_TOO_MANY', path, {
      found: columns.length,
      wanted: `at most ${SCHEMA_COLUMNS_MAX} columns`,
      remedy: 'declare only the columns that are read',
    })
  }
  const seen = new Set<string>()
  const copies = columns.map(({ name, type }) => {
    checkColumnName(name, path)
    if (seen.has(name)) {
      throw planError('COLUMN_DUPLICATE', path, { found: name, wanted: 'every name once', remedy: 'rename one of the two columns' })
    }
    seen.add(name)
    return Object.freeze({ name, type: type === 'json' ? type : checkedType(type, path) })
  })
  return Object.freeze({ columns: Object.freeze(copies) })
}

const indexes = new WeakMap<Schema, ReadonlyMap<string, number>>()

/** Index of every column by its name; made once per schema. */
export function columnIndexes(schema: Schema): ReadonlyMap<string, number> {
  let map = indexes.get(schema)
  if (map === undefined) {
    map = new Map(schema.columns.map((column, index) => [column.name, index]))
    indexes.set(schema, map)
  }
  return map
}

/** Index of a column, or -1. */
export function columnIndex(schema: Schema, name: string): number {
  return columnIndexes(schema).get(name) ?? -1
}

/** A column's definition, or undefined. */
export function findColumn(schema: Schema, name: string): ColumnDefinition | undefined {
  const index = columnIndexes(schema).get(name)
  return index === undefined ? undefined : schema.columns[index]
}

/**
 * A column's definition.
 *
 * @throws ConfigError `COLUMN_UNKNOWN`, which names the nearest column there is.
 */
export function requireColumn(schema: Schema, name: string, path: string): ColumnDefinition {
  const found = findColumn(schema, name)
  if (found !== undefined) return found
  const names = schema.columns.map((column) => column.name)
  throw planError('COLUMN_UNKNOWN', path, { found: name, wanted: `one of the columns ${list(names)}`, suggestion: suggestion(name, names) })
}

/** @throws ConfigError `COLUMN_NAME_INVALID` unless the name is a well-formed string of 1 to 200 characters. */
export function checkColumnName(name: unknown, path: string): asserts name is string {
  if (typeof name === 'string' && name.length > 0 && name.length <= COLUMN_NAME_CHARS_MAX && name.isWellFormed()) return
  throw planError('COLUMN_NAME_INVALID', path, {
    found: name,
    wanted: `a well-formed name of 1 to ${COLUMN_NAME_CHARS_MAX} characters`,
    remedy: 'rename the column',
  })
}

/** @throws ConfigError `COLUMN_TYPE_UNKNOWN` unless `type` is one that a declaration may name. */
export function checkedType(type: unknown, path: string): SourceColumnType {
  const known = COLUMN_TYPES.find((candidate) => candidate === type)
  if (known !== undefined) return known
  throw planError('COLUMN_TYPE_UNKNOWN', path, {
    found: type,
    wanted: `one of ${COLUMN_TYPES.join(', ')}`,
    suggestion: typeof type === 'string' ? suggestion(type, COLUMN_TYPES) : null,
    remedy: type === 'json' ? 'json is a type of results only' : null,
  })
}

export function isNumericType(type: ColumnType): boolean {
  return type === 'f64' || type === 'i32' || type === 'timestamp'
}

function list(names: readonly string[]): string {
  const shown = names
    .slice(0, 12)
    .map((name) => JSON.stringify(name))
    .join(', ')
  return names.length > 12 ? `${shown} and ${names.length - 12} more` : shown
}
