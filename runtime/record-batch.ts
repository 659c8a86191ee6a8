/**
 * Columns of many records: the unit that crosses every boundary inside a job.
 *
 * Readers fill a batch through a {@link BatchBuilder}; expressions, router and sinks read it. A column of strings holds codes of
 * the batch's {@link Dictionary}.
 *
 * Invariant: every array of a batch is at least `rowCount` long; `validity === null` means that no value is null.
 */

import type { Dictionary } from './dictionary.ts'
import type { ColumnType, Schema } from './schema.ts'

export type ColumnValues = Float64Array | Int32Array | Uint32Array | Uint8Array

/** One column. `values` is Float64Array for f64 and timestamp, Int32Array for i32, Uint8Array (0 or 1) for bool, Uint32Array of codes for utf8. */
export interface Column {
  readonly name: string
  readonly type: ColumnType
  readonly values: ColumnValues
  /** 1 where a value is present, 0 where it is null; null when none is. */
  readonly validity: Uint8Array | null
  /** Of a utf8 column: what its codes stand for. */
  readonly dictionary: Dictionary | DictionaryView | null
}

/** What a reader of codes needs of a dictionary. */
export interface DictionaryView {
  stringAt(code: number): string
}

/** Pane of a result row, by row: how often the window had fired before, and why it fired now. */
export interface PaneColumns {
  readonly index: Uint32Array
  /** PANE_EARLY, PANE_ON_TIME or PANE_LATE of the kernel's layout. */
  readonly timing: Uint8Array
}

export type Value = number | string | boolean | null
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

  /** Value of a cell as JavaScript sees it: number, string, boolean or null. Timestamps are numbers of milliseconds. */
  value(column: Column, row: number): Value {
    return cellValue(column, row)
  }

  /** A row as a plain object with own properties only, whatever the columns are called. */
  row(index: number): RowObject {
    const object: RowObject = {}
    for (const column of this.columns) {
      const value = cellValue(column, index)
      // Assignment would set the prototype instead.
      if (column.name === '__proto__')
        Object.defineProperty(object, '__proto__', { value, enumerable: true, writable: true, configurable: true })
      else object[column.name] = value
    }
    return object
  }
}

export function cellValue(column: Column, row: number): Value {
  if (column.validity !== null && column.validity[row] === 0) return null
  const raw = column.values[row]!
  if (column.type === 'utf8') return column.dictionary!.stringAt(raw)
  return column.type === 'bool' ? raw !== 0 : raw
}
