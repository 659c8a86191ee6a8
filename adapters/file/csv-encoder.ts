/**
 * Rows to CSV by RFC 4180, with a header and `\n` at the end of each line.
 *
 * Before: file-writer. After: the file. csvFile reads it back: null is an empty field, the empty text is `""`, NaN and the
 * infinities stand as `NaN`, `Infinity`, `-Infinity`, timestamps as integer milliseconds, lists and objects as JSON text.
 *
 * Invariant: a line is never blank, so reading it back gives a row; a lone null is written as `""` for that.
 */

import type { RecordBatch } from '../../runtime/record-batch.ts'
import type { Schema } from '../../runtime/schema.ts'
import type { ByteWriter } from './byte-writer.ts'
import { PANE_COLUMNS, paneCells, type RowEncoder, refusePaneClash } from './row-encoder.ts'

const NEWLINE = 0x0a
const QUOTE = 0x22
const FORMULA = /^(?:[\t\r]|\s*[=+\-@])/

export interface CsvEncoderOptions {
  readonly delimiter: string
  readonly isSpreadsheetSafe: boolean
  readonly hasPanes: boolean
}

export class CsvEncoder implements RowEncoder {
  readonly #schema: Schema
  readonly #delimiter: number
  readonly #options: CsvEncoderOptions
  readonly #isLone: boolean

  constructor(schema: Schema, options: CsvEncoderOptions) {
    if (options.hasPanes) refusePaneClash(schema)
    this.#schema = schema
    this.#options = options
    this.#delimiter = options.delimiter.charCodeAt(0)
    this.#isLone = schema.columns.length === 1 && !options.hasPanes
  }

  header(writer: ByteWriter): void {
    const names = this.#schema.columns.map(({ name }) => name)
    if (this.#options.hasPanes) names.push(...PANE_COLUMNS)
    names.forEach((name, index) => {
      if (index > 0) writer.byte(this.#delimiter)
      this.#text(writer, name)
    })
    writer.byte(NEWLINE)
  }

  rows(writer: ByteWriter, batch: RecordBatch, from: number, to: number): void {
    const columns = this.#schema.columns.map(({ name }) => batch.column(name))
    const last = columns.length - 1
    for (let row = from; row < to; row++) {
      for (let index = 0; index <= last; index++) {
        const column = columns[index]!
        if (column.validity !== null && column.validity[row] === 0) {
          if (this.#isLone) writer.ascii('""')
        } else if (column.type === 'utf8' || column.type === 'json') {
          this.#text(writer, column.dictionary!.stringAt(column.values[row]!))
        } else if (column.type === 'bool') {
          writer.ascii(column.values[row] === 0 ? 'false' : 'true')
        } else {
          writer.number(column.type === 'timestamp' ? Math.floor(column.values[row]!) : column.values[row]!)
        }
        if (index < last) writer.byte(this.#delimiter)
      }
      if (this.#options.hasPanes) this.#panes(writer, batch, row)
      writer.byte(NEWLINE)
    }
  }

  #panes(writer: ByteWriter, batch: RecordBatch, row: number): void {
    const cells = batch.panes === null ? PANE_COLUMNS.map(() => '') : paneCells(batch.panes, row)
    for (const cell of cells) {
      writer.byte(this.#delimiter)
      writer.ascii(String(cell))
    }
  }

  #text(writer: ByteWriter, value: string): void {
    const text = this.#options.isSpreadsheetSafe && FORMULA.test(value) ? `'${value}` : value
    if (!needsQuotes(text, this.#delimiter)) {
      writer.utf8(text)
      return
    }
    writer.byte(QUOTE)
    writer.utf8(text.replaceAll('"', '""'))
    writer.byte(QUOTE)
  }
}

/** An empty text needs them because an empty field is null; control characters because readers refuse them without. */
function needsQuotes(text: string, delimiter: number): boolean {
  if (text === '' || text.charCodeAt(0) === 0xfeff) return true
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i)
    if (char < 0x20 || char === QUOTE || char === delimiter) return true
  }
  return false
}
