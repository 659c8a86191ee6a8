/**
 * Columns of many records: the unit that crosses every boundary inside a job.
 *
 * Readers fill a batch through a {@link BatchBuilder}; expressions, router and sinks read it. A column of strings holds codes of
 * the batch's {@link Dictionary}.
 *
 * Invariant: every array of a batch is at least `rowCount` long; `validity === null` means that no value is null.
 */

import type { Dictionary } from './dictionary.ts'
import type { ColumnType, Json, Schema } from './schema.ts'

export type ColumnValues = Float64Array | Int32Array | Uint32Array | Uint8Array

/**
 * One column. `values` is Float64Array for f64 and timestamp, Int32Array for i32, Uint8Array (0 or 1) for bool, Uint32Array of codes for
 * utf8 and json.
 */
export interface Column {
  readonly name: string
  readonly type: ColumnType
  readonly values: ColumnValues
  /** 1 where a value is present, 0 where it is null; null when none is. */
  readonly validity: Uint8Array | null
  /** Of a utf8 or json column: what its codes stand for. */
  readonly dictionary: Dictionary | DictionaryView | null
}

/** What a reader of codes needs of a dictionary. */
export interface DictionaryView {
  /** The string; of a json column the JSON text. */
  stringAt(code: number): string
  /** The value of a json column. The same object for every reader: not to be changed. */
  valueAt?(code: number): Json
}

/** Pane of a result row, by row: how often the window had fired before, why it fired now, and what the row does to those before. */
export interface PaneColumns {
  readonly index: Uint32Array
  /** PANE_EARLY, PANE_ON_TIME or PANE_LATE of the kernel's layout. */
  readonly timing: Uint8Array
  /** CHANGE_INSERT, CHANGE_UPDATE_BEFORE, CHANGE_UPDATE_AFTER or CHANGE_DELETE of the kernel's layout. */
  readonly change: Uint8Array
  /** 1 when nothing follows for this window. */
  readonly isLast: Uint8Array
}

/** Numbers, of lists and objects too, may be NaN or infinite. */
export type Value = Json
export type RowObject = Record<string, Value>

export class RecordBatch {
  readonly schema: Schema
  readonly columns: readonly Column[]
  readonly rowCount: number
  /** Only on results of a window. */
  readonly panes: PaneColumns | null

  constructor(schema: Schema, columns: readonly Column[], rowCount: number, panes: PaneColumns | null = null) {
    this.schema = schema
    this.columns = columns
    this.rowCount = rowCount
    this.panes = panes
  }

  column(name: string): Column {
    const found = this.columns.find((column) => column.name === name)
    if (found === undefined) throw new RangeError(`No column ${name} in this batch`)
    return found
  }

  /** Value of a cell as JavaScript sees it: number, string, boolean, null, or lists and objects of these. Timestamps are numbers of milliseconds. */
  value(column: Column, row: number): Value {
    return cellValue(column, row)
  }

  /** A row as a plain object with own properties only, whatever the columns are called. */
  row(index: number): RowObject {
    const object: RowObject = {}
    for (const column of this.columns) setField(object, column.name, cellValue(column, index))
    return object
  }
}

/** Gives an object a field of its own, whatever it is called. */
export function setField(object: RowObject, name: string, value: Value): void {
  // Assignment would set the prototype instead.
  if (name === '__proto__') Object.defineProperty(object, name, { value, enumerable: true, writable: true, configurable: true })
  else object[name] = value
}

export function cellValue(column: Column, row: number): Value {
  if (column.validity !== null && column.validity[row] === 0) return null
  const raw = column.values[row]!
  if (column.type === 'utf8') return column.dictionary!.stringAt(raw)
  if (column.type === 'json') return jsonValue(column.dictionary!, raw)
  return column.type === 'bool' ? raw !== 0 : raw
}

function jsonValue(dictionary: DictionaryView, code: number): Json {
  return dictionary.valueAt === undefined ? (JSON.parse(dictionary.stringAt(code)) as Json) : dictionary.valueAt(code)
}
