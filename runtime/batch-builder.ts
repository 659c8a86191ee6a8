/**
 * A batch under construction: readers append rows, column by column on hot paths or as objects on comfortable ones.
 *
 * What cannot be a row becomes a {@link DeadLetter} here, with the reason and where it was, so that nothing is lost silently.
 *
 * Invariant: values of rows at and beyond `rowCount` are not yet part of the batch; validity is 1 unless set.
 */

import { ConfigError } from './errors.ts'
import { type Column, type ColumnValues, RecordBatch } from './record-batch.ts'
import type { Dictionary } from './dictionary.ts'
import type { ColumnType, Schema } from './schema.ts'

/** An input that could not become a record. */
export interface DeadLetter {
  /** Stable code, such as `LINE_SYNTAX` or `TIMESTAMP_INVALID`. */
  readonly code: string
  /** A sentence for people. */
  readonly reason: string
  /** Where it was: source and split, and the position in the split (bytes or line), as the source counts. */
  readonly source: string
  readonly split: string
  readonly position: string
  /** At most 120 characters of the input, control characters escaped. */
  readonly preview: string
}

const PREVIEW_CHARS = 120

/** Shortens and escapes a piece of input for a dead letter. */
export function preview(text: string): string {
  const cut = text.length > PREVIEW_CHARS ? `${text.slice(0, PREVIEW_CHARS - 1)}…` : text
  // oxlint-disable-next-line no-control-regex -- escaping them is the purpose
  return cut.replace(/[\u0000-\u001f\u007f]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** Column buffers of a builder, written by readers: `values[row]`, and `validity[row] = 0` with `hasNull = true` for a null. */
export interface ColumnBuffer {
  readonly name: string
  readonly type: ColumnType
  readonly values: ColumnValues
  readonly validity: Uint8Array
  hasNull: boolean
}

export class BatchBuilder {
  readonly schema: Schema
  readonly capacity: number
  readonly columns: readonly ColumnBuffer[]
  /** Where utf8 values are interned. The intake replaces it between batches when it has grown too large. */
  dictionary: Dictionary
  readonly deadLetters: DeadLetter[] = []
  rowCount = 0
  /** Set by the intake: the names under which dead letters are reported. */
  source = ''
  split = ''

  constructor(schema: Schema, capacity: number, dictionary: Dictionary) {
    this.schema = schema
    this.capacity = capacity
    this.dictionary = dictionary
    this.columns = schema.columns.map(({ name, type }) => ({
      name,
      type,
      values: newValues(type, capacity),
      validity: new Uint8Array(capacity).fill(1),
      hasNull: false,
    }))
  }

  /** Forgets rows and dead letters; keeps buffers and dictionary. */
  clear(): void {
    for (const column of this.columns) {
      if (column.hasNull) column.validity.fill(1)
      column.hasNull = false
    }
    this.rowCount = 0
    this.deadLetters.length = 0
  }

  /** Makes the cell (column, the row under construction) null. */
  setNull(column: ColumnBuffer): void {
    column.values[this.rowCount] = 0
    column.validity[this.rowCount] = 0
    column.hasNull = true
  }

  /** Takes back nulls of the row under construction, before it is dead-lettered instead. */
  dropRow(): void {
    for (const column of this.columns) if (column.hasNull) column.validity[this.rowCount] = 1
  }

  /** Takes back the rows from `rowCount` on, and the one under construction. */
  truncate(rowCount: number): void {
    for (const column of this.columns) if (column.hasNull) column.validity.fill(1, rowCount, this.rowCount + 1)
    this.rowCount = rowCount
  }

  deadLetter(code: string, reason: string, position: string, input: string): void {
    this.deadLetters.push({ code, reason, source: this.source, split: this.split, position, preview: preview(input) })
  }

  /**
   * Appends a row given as an object; fields are read once, in schema order. A missing field or null is null; a value of
   * another type makes the row a dead letter (`FIELD_TYPE`), a getter that throws `FIELD_THROWS`.
   *
   * @returns whether the row was appended.
   */
  appendRow(row: object, position: string): boolean {
    if (this.rowCount >= this.capacity) throw new RangeError(`The batch is full: it holds ${this.capacity} rows`)
    for (const column of this.columns) {
      let value: unknown
      try {
        value = Object.hasOwn(row, column.name) ? (row as Record<string, unknown>)[column.name] : undefined
      } catch (error) {
        this.dropRow()
        this.deadLetter('FIELD_THROWS', `Reading field ${column.name} threw: ${String(error)}`, position, '')
        return false
      }
      if (value === undefined || value === null) {
        this.setNull(column)
      } else if (!this.setValue(column, value)) {
        this.dropRow()
        this.deadLetter('FIELD_TYPE', `Field ${column.name} should be ${column.type}, found ${describe(value)}`, position, safeJson(row))
        return false
      }
    }
    this.rowCount++
    return true
  }

  /** Sets the cell (column, the row under construction). @returns false when the value is not of the column's type. */
  setValue(column: ColumnBuffer, value: unknown): boolean {
    const row = this.rowCount
    switch (column.type) {
      case 'utf8':
        if (typeof value !== 'string') return false
        column.values[row] = this.dictionary.codeOf(value)
        return true
      case 'bool':
        if (typeof value !== 'boolean') return false
        column.values[row] = value ? 1 : 0
        return true
      case 'i32':
        if (typeof value !== 'number' || (value | 0) !== value) return false
        column.values[row] = value
        return true
      case 'timestamp':
        if (value instanceof Date) {
          column.values[row] = value.getTime()
          return true
        }
        if (typeof value !== 'number') return false
        column.values[row] = value
        return true
      case 'f64':
        if (typeof value !== 'number') return false
        column.values[row] = value
        return true
      case 'json':
        // Only results of windows have such columns; nothing writes them row by row.
        return false
      default: {
        const never: never = column.type
        throw new ConfigError('COLUMN_TYPE_UNKNOWN', `Unknown column type ${String(never)}`)
      }
    }
  }

  /** The rows so far as a batch over the same buffers: valid until the next `clear`. */
  build(): RecordBatch {
    const columns: Column[] = this.columns.map((column) => ({
      name: column.name,
      type: column.type,
      values: column.values,
      validity: column.hasNull ? column.validity : null,
      dictionary: column.type === 'utf8' ? this.dictionary : null,
    }))
    return new RecordBatch(this.schema, columns, this.rowCount)
  }
}

export function newValues(type: ColumnType, length: number): ColumnValues {
  switch (type) {
    case 'f64':
    case 'timestamp':
      return new Float64Array(length)
    case 'i32':
      return new Int32Array(length)
    case 'bool':
      return new Uint8Array(length)
    case 'utf8':
    case 'json':
      return new Uint32Array(length)
    default: {
      const never: never = type
      throw new ConfigError('COLUMN_TYPE_UNKNOWN', `Unknown column type ${String(never)}`)
    }
  }
}

function describe(value: unknown): string {
  if (typeof value === 'string') return `the string ${JSON.stringify(preview(value))}`
  if (typeof value === 'number') return `the number ${value}`
  return Array.isArray(value) ? 'an array' : typeof value
}

function safeJson(row: object): string {
  try {
    return JSON.stringify(row) ?? ''
  } catch {
    return Object.prototype.toString.call(row)
  }
}
