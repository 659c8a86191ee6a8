/**
 * A source of columns that are already in memory: typed arrays pass through the job without a copy until they reach a ring.
 *
 * Before: the program, a columnar file, Arrow. After: coordinator/intake.
 *
 * Invariant: a batch is a view of the given arrays; they must not change while the job runs.
 */

import { type ColumnValues, type Column, RecordBatch } from '../record-batch.ts'
import type { BatchBuilder, ColumnBuffer } from '../batch-builder.ts'
import type { Dictionary } from '../dictionary.ts'
import { ConfigError, ConnectorError } from '../errors.ts'
import type { ColumnType, Schema } from '../schema.ts'
import type { ReadResult, Source, SplitReader } from './source.ts'

/** Strings as codes into a list of distinct strings: what a columnar file or Arrow already has. */
export interface DictionaryColumn {
  readonly codes: Uint32Array
  readonly strings: readonly string[]
  readonly length: number
}

/** A string column that is dictionary-coded already: row i is `strings[codes[i]]`. */
export function dictionaryColumn(codes: Uint32Array, strings: readonly string[]): DictionaryColumn {
  return { codes, strings, length: codes.length }
}

/** A column: numbers as a typed array, strings as a dictionary column, or an array of values in which null is null. */
export type GivenColumn = Float64Array | Int32Array | DictionaryColumn | readonly (string | number | boolean | null)[]

/**
 * Records given as columns by name: bounded and replayable, and much faster than rows.
 *
 * @param columns - All of one length. f64 and timestamp take a Float64Array, i32 an Int32Array, utf8 a {@link dictionaryColumn}; any takes an array.
 * @throws ConfigError `COLUMN_LENGTH` when lengths differ; at start `COLUMN_UNKNOWN` when one of the schema is missing and `COLUMN_TYPE` when one does not fit it.
 */
export function columnsSource(columns: Readonly<Record<string, GivenColumn>>): Source {
  const [first, ...rest] = Object.entries(columns)
  const rowCount = first?.[1].length ?? 0
  const odd = rest.find(([, { length }]) => length !== rowCount)
  if (odd !== undefined) {
    throw new ConfigError(
      'COLUMN_LENGTH',
      `Column ${odd[0]} has ${odd[1].length} values, ${first![0]} has ${rowCount}; all columns must have one length`,
    )
  }
  return {
    kind: 'columns',
    isReplayable: true,
    isBounded: true,
    splits: async ({ schema }) => {
      const given = schema.columns.map(({ name, type }) => givenColumn(columns, name, type))
      const split = {
        splitId: 'columns',
        open: (position: { readonly [field: string]: unknown } | null) => {
          const row = position === null ? 0 : Number(position['row'])
          if (row <= rowCount) return Promise.resolve(columnsReader(schema, given, rowCount, row))
          throw new ConnectorError(
            'SOURCE_REWIND',
            `Cannot go on at row ${row}: there are only ${rowCount} rows; give the same columns as before`,
          )
        },
      }
      return [split]
    },
  }
}

function givenColumn(columns: Readonly<Record<string, GivenColumn>>, name: string, type: ColumnType): GivenColumn {
  const given = Object.hasOwn(columns, name) ? columns[name]! : undefined
  if (given === undefined)
    throw new ConfigError('COLUMN_UNKNOWN', `The columns given have no ${name}; they have ${Object.keys(columns).join(', ')}`)
  const fits =
    Array.isArray(given) ||
    ('codes' in given ? type === 'utf8' : given instanceof Float64Array ? type === 'f64' || type === 'timestamp' : type === 'i32')
  if (!fits) {
    const found = 'codes' in given ? 'a dictionary column' : given.constructor.name
    throw new ConfigError('COLUMN_TYPE', `Column ${name} is ${type}, which ${found} is not; give ${wanted[type]} or an array of values`)
  }
  return given
}

const wanted: Readonly<Record<ColumnType, string>> = {
  f64: 'a Float64Array',
  timestamp: 'a Float64Array of milliseconds',
  i32: 'an Int32Array',
  utf8: 'dictionaryColumn(codes, strings)',
  bool: 'an array of booleans',
  json: 'nothing: it is a type of results',
}

function columnsReader(schema: Schema, given: readonly GivenColumn[], rowCount: number, from: number): SplitReader {
  let at = from
  const recoded = given.map(() => new Recoded())
  const isWhole = given.every((column) => !Array.isArray(column))
  const result = (): ReadResult => (at === rowCount ? 'end' : 'more')
  return {
    readBatch(rowsMax, dictionary) {
      if (!isWhole) return undefined
      const count = Math.min(rowsMax, rowCount - at)
      const columns = schema.columns.map(({ name, type }, index): Column => {
        const column = given[index] as Float64Array | Int32Array | DictionaryColumn
        const values = 'codes' in column ? recoded[index]!.view(column, dictionary, at, count) : column.subarray(at, at + count)
        return { name, type, values, validity: null, dictionary: type === 'utf8' ? dictionary : null }
      })
      at += count
      return { batch: new RecordBatch(schema, columns, count), result: result() }
    },
    read(builder, rowsMax) {
      // Rows of arrays one by one: a value of another type is a dead letter, as in rows.
      for (const end = Math.min(rowCount, at + rowsMax - builder.rowCount); at < end; at++) appendRow(builder, given, recoded, at)
      return result()
    },
    position: () => ({ row: at }),
    progress: () => ({ done: at, total: rowCount }),
    close: () => Promise.resolve(),
  }
}

function appendRow(builder: BatchBuilder, given: readonly GivenColumn[], recoded: readonly Recoded[], row: number): void {
  for (const [index, target] of builder.columns.entries()) {
    const column = given[index]!
    if (!Array.isArray(column)) {
      const typed = column as Float64Array | Int32Array | DictionaryColumn
      target.values[builder.rowCount] = 'codes' in typed ? recoded[index]!.code(typed, builder.dictionary, row) : typed[row]!
    } else if (!setCell(builder, target, (column as readonly (string | number | boolean | null)[])[row]!)) {
      builder.dropRow()
      const value = String((column as readonly unknown[])[row])
      builder.deadLetter('FIELD_TYPE', `Column ${target.name} should be ${target.type}, found ${value}`, `row ${row}`, value)
      return
    }
  }
  builder.rowCount++
}

function setCell(builder: BatchBuilder, target: ColumnBuffer, value: string | number | boolean | null): boolean {
  if (value === null || value === undefined) {
    builder.setNull(target)
    return true
  }
  return builder.setValue(target, value)
}

/** Codes of a dictionary column in the stream's dictionary. */
class Recoded {
  #dictionary: Dictionary | null = null
  #codes = new Uint32Array(0)
  #isSame = false
  #buffer = new Uint32Array(0)

  code(column: DictionaryColumn, dictionary: Dictionary, row: number): number {
    this.#learn(column, dictionary)
    return this.#codes[column.codes[row]!]!
  }

  /** Rows as codes of the dictionary: the column itself where both number strings alike, else a copy that lives until the next call. */
  view({ codes, strings, length }: DictionaryColumn, dictionary: Dictionary, from: number, count: number): ColumnValues {
    this.#learn({ codes, strings, length }, dictionary)
    if (this.#isSame) return codes.subarray(from, from + count)
    if (this.#buffer.length < count) this.#buffer = new Uint32Array(count)
    for (let row = 0; row < count; row++) this.#buffer[row] = this.#codes[codes[from + row]!]!
    return this.#buffer.subarray(0, count)
  }

  #learn({ strings }: DictionaryColumn, dictionary: Dictionary): void {
    if (dictionary === this.#dictionary) return
    this.#dictionary = dictionary
    this.#codes = Uint32Array.from(strings, (text) => dictionary.codeOf(text))
    this.#isSame = this.#codes.every((code, index) => code === index)
  }
}
