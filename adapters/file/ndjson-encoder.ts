/**
 * Rows to NDJSON: one object per line, every column in the order of the schema, nulls included.
 *
 * Before: file-writer. After: the file. Numbers have their shortest exact form; timestamps are integer milliseconds. JSON has no
 * NaN and no infinities: they are the strings `"NaN"`, `"Infinity"`, `"-Infinity"`, which ndjsonFile reads back into f64 columns.
 * Columns of lists and objects stand as they are.
 *
 * Invariant: a line holds no raw control character, so a newline always ends a row.
 */

import type { RecordBatch } from '../../runtime/record-batch.ts'
import type { Schema } from '../../runtime/schema.ts'
import type { ByteWriter } from './byte-writer.ts'
import { PANE_COLUMNS, paneCells, type RowEncoder, refusePaneClash } from './row-encoder.ts'

const QUOTE = 0x22
const BACKSLASH = 0x5c
const encoder = new TextEncoder()

export class NdjsonEncoder implements RowEncoder {
  readonly #schema: Schema
  readonly #hasPanes: boolean
  /** What stands before each value: `{"a":` for the first column, `,"b":` for the others. */
  readonly #keys: readonly Uint8Array[]

  constructor(schema: Schema, options: { readonly hasPanes: boolean }) {
    if (options.hasPanes) refusePaneClash(schema)
    this.#schema = schema
    this.#hasPanes = options.hasPanes
    this.#keys = schema.columns.map(({ name }, index) => encoder.encode(`${index === 0 ? '{' : ','}${JSON.stringify(name)}:`))
  }

  header(): void {}

  rows(writer: ByteWriter, batch: RecordBatch, from: number, to: number): void {
    const columns = this.#schema.columns.map(({ name }) => batch.column(name))
    for (let row = from; row < to; row++) {
      for (let index = 0; index < columns.length; index++) {
        const column = columns[index]!
        writer.raw(this.#keys[index]!)
        if (column.validity !== null && column.validity[row] === 0) {
          writer.ascii('null')
        } else if (column.type === 'utf8') {
          writeString(writer, column.dictionary!.stringAt(column.values[row]!))
        } else if (column.type === 'json') {
          writer.utf8(column.dictionary!.stringAt(column.values[row]!))
        } else if (column.type === 'bool') {
          writer.ascii(column.values[row] === 0 ? 'false' : 'true')
        } else {
          const value = column.type === 'timestamp' ? Math.floor(column.values[row]!) : column.values[row]!
          if (Number.isFinite(value)) writer.number(value)
          else writer.ascii(`"${value}"`)
        }
      }
      if (columns.length === 0) writer.byte(0x7b)
      if (this.#hasPanes) this.#panes(writer, batch, row)
      writer.ascii('}\n')
    }
  }

  #panes(writer: ByteWriter, batch: RecordBatch, row: number): void {
    const cells = batch.panes === null ? PANE_COLUMNS.map(() => null) : paneCells(batch.panes, row)
    const text = cells.map((cell, index) => `"${PANE_COLUMNS[index]}":${JSON.stringify(cell)}`).join()
    writer.ascii(batch.columns.length === 0 ? text : `,${text}`)
  }
}

function writeString(writer: ByteWriter, text: string): void {
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i)
    if (char < 0x20 || char === QUOTE || char === BACKSLASH) {
      writer.utf8(JSON.stringify(text))
      return
    }
  }
  writer.byte(QUOTE)
  writer.utf8(text)
  writer.byte(QUOTE)
}
