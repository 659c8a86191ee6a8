/**
 * Messages of lines, NDJSON or CSV, to rows: the decoders of files on the content of one message.
 *
 * Before: message-decoder. After: the builder of the intake.
 * Each line stands for itself: one that cannot be a row is a dead letter, and the others are rows.
 *
 * Invariant: `row` is the number of lines taken, blank ones and the header included.
 */

import type { BatchBuilder } from '../../runtime/batch-builder.ts'
import { MillraceError } from '../../runtime/errors.ts'
import type { ColumnType, Schema } from '../../runtime/schema.ts'
import { CsvDecoder } from '../format/csv-decoder.ts'
import { matchHeader, takeHeader } from '../format/csv-header.ts'
import { LineBuffer, type LineDecoder, linePreview } from '../format/line-buffer.ts'
import { NdjsonDecoder } from '../format/ndjson-decoder.ts'
import type { ContentDecoder } from './message-decoder.ts'

const NEWLINE = 0x0a
/** A message is bounded by what is allowed to wait: its lines need no limit of their own. */
const LINE_BYTES_MAX = 1 << 30

export class NdjsonContentDecoder implements ContentDecoder {
  readonly #buffer = new LineBuffer(1 << 12, 0, 0)
  readonly #decoder: NdjsonDecoder

  constructor(schema: Schema, given: ReadonlySet<string>) {
    this.#decoder = new NdjsonDecoder(schema, LINE_BYTES_MAX, given)
  }

  get row(): number {
    return this.#buffer.line
  }

  begin(content: string | Uint8Array, label: string, skip: number): void {
    this.#buffer.load(content)
    this.#buffer.label = `${label}, `
    skipLines(this.#buffer, skip)
  }

  take(builder: BatchBuilder, rowsMax: number): boolean {
    this.#decoder.decode(this.#buffer, builder, rowsMax)
    return !this.#buffer.hasLine
  }
}

export interface CsvContentOptions {
  /** Names of the columns; undefined: every message begins with a line of them. */
  readonly header: readonly string[] | undefined
  readonly delimiter: number
}

export class CsvContentDecoder implements ContentDecoder {
  /** The columns that a header must name: those that somebody else sets are not among them. */
  readonly #schema: Schema
  /** Of each column of `#schema`: its place in the schema of the source. */
  readonly #targetOf: readonly number[]
  readonly #types: readonly ColumnType[]
  readonly #options: CsvContentOptions
  readonly #buffer = new LineBuffer(1 << 12, 0, 0)
  #decoder: LineDecoder | null = null
  /** The header that the decoder was made for. */
  #header = ''
  #skip = 0
  #isBegun = false

  /** @throws ConfigError `COLUMN_UNKNOWN`, `CSV_HEADER_DUPLICATE` when the header of the options does not fit the schema. */
  constructor(schema: Schema, given: ReadonlySet<string>, options: CsvContentOptions) {
    this.#schema = { columns: schema.columns.filter(({ name }) => !given.has(name)) }
    this.#options = options
    this.#targetOf = this.#schema.columns.map(({ name }) => schema.columns.findIndex((column) => column.name === name))
    this.#types = schema.columns.map(({ type }) => type)
    if (options.header !== undefined) this.#decoder = this.#decoderFor(options.header, 'the option header')
  }

  get row(): number {
    return this.#buffer.line
  }

  begin(content: string | Uint8Array, label: string, skip: number): void {
    this.#buffer.load(content)
    this.#buffer.label = `${label}, `
    this.#skip = skip
    this.#isBegun = false
  }

  take(builder: BatchBuilder, rowsMax: number): boolean {
    if (!this.#isBegun) {
      this.#isBegun = true
      if (this.#options.header === undefined && !this.#takeHeader(builder)) return true
      skipLines(this.#buffer, this.#skip - this.#buffer.line)
    }
    if (this.#buffer.hasLine) this.#decoder!.decode(this.#buffer, builder, rowsMax)
    return !this.#buffer.hasLine
  }

  /** A header that is no use makes the message a dead letter: others may be right. */
  #takeHeader(builder: BatchBuilder): boolean {
    const buffer = this.#buffer
    const text = linePreview(buffer, LINE_BYTES_MAX)
    try {
      const names = takeHeader(buffer, 'the message', { delimiter: this.#options.delimiter, lineBytesMax: LINE_BYTES_MAX })
      if (names === null || names === undefined) return false
      const header = JSON.stringify(names)
      if (this.#decoder === null || header !== this.#header) this.#decoder = this.#decoderFor(names, 'the message')
      this.#header = header
      return true
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error
      builder.deadLetter(error.code, error.message, buffer.where(buffer.start), text)
      buffer.drop()
      return false
    }
  }

  #decoderFor(names: readonly string[], where: string): LineDecoder {
    const targets = matchHeader(names, this.#schema, where).map((target) => (target < 0 ? -1 : this.#targetOf[target]!))
    return new CsvDecoder(this.#types, targets, this.#options.delimiter, LINE_BYTES_MAX)
  }
}

function skipLines(buffer: LineBuffer, count: number): void {
  for (let skipped = 0; skipped < count && buffer.hasLine; skipped++) {
    buffer.start = buffer.bytes.indexOf(NEWLINE, buffer.start) + 1
    buffer.line++
  }
}
