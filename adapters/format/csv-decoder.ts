/**
 * CSV lines to rows: a fast path for the usual fields, the careful path of csv-record for all else.
 *
 * Before: two-path-decoder. After: the builder of the intake.
 *
 * Every record that is not blank becomes one row or one dead letter. A malformed record costs its first line only: reading goes on
 * at the next newline, so a quote that is never closed takes one line with it and not the rest of the file.
 */

import type { BatchBuilder, ColumnBuffer } from '../../runtime/batch-builder.ts'
import type { ColumnType } from '../../runtime/schema.ts'
import { setCellText } from './cell-text.ts'
import { CsvRecord, PLAIN } from './csv-record.ts'
import { type LineBuffer, refuseLongLine } from './line-buffer.ts'
import { isUtf8, scanInstant, scanNumber } from './text-scan.ts'
import { TwoPathDecoder } from './two-path-decoder.ts'

const NEWLINE = 0x0a
const RETURN = 0x0d
const QUOTE = 0x22

const SKIP = 0
const NUMBER = 1
const INTEGER = 2
const INSTANT = 3
const TEXT = 4
const BOOLEAN = 5
const KINDS: Readonly<Record<ColumnType, number>> = {
  f64: NUMBER,
  i32: INTEGER,
  timestamp: INSTANT,
  utf8: TEXT,
  bool: BOOLEAN,
  json: SKIP,
}

export class CsvDecoder extends TwoPathDecoder {
  readonly #record: CsvRecord
  readonly #delimiter: number
  readonly #fieldCount: number
  /** Of each field: what to make of it, and the column it goes to (by its place in the schema; 0 for fields that are skipped). */
  readonly #kinds: Uint8Array
  readonly #targets: Uint32Array
  /** 1 for the bytes at which the scan of a text stops: delimiter, end of line, quote, NUL, not ASCII. */
  readonly #stops = new Uint8Array(256)
  readonly #number = new Float64Array(1)

  /** @param targets - Of each field of the file: the index of its column in the schema, or -1. */
  constructor(types: readonly ColumnType[], targets: readonly number[], delimiter: number, lineBytesMax: number) {
    super(lineBytesMax)
    this.#record = new CsvRecord(delimiter)
    this.#delimiter = delimiter
    this.#fieldCount = targets.length
    this.#kinds = Uint8Array.from(targets, (target) => (target < 0 ? SKIP : KINDS[types[target]!]))
    this.#targets = Uint32Array.from(targets, (target) => Math.max(target, 0))
    this.#stops.fill(1, 0x80)
    for (const byte of [delimiter, NEWLINE, RETURN, QUOTE, 0]) this.#stops[byte] = 1
  }

  protected override fastRow(bytes: Uint8Array, from: number, builder: BatchBuilder): number {
    // A line of nothing is no record of one field that is null.
    if (bytes[from] === NEWLINE || bytes[from] === RETURN) return -1
    const kinds = this.#kinds
    const targets = this.#targets
    const stops = this.#stops
    const delimiter = this.#delimiter
    const columns = builder.columns
    const row = builder.rowCount
    const last = this.#fieldCount - 1
    let p = from
    for (let field = 0; field <= last; field++) {
      const column = columns[targets[field]!]!
      const start = p
      switch (kinds[field]!) {
        case NUMBER:
          p = scanNumber(bytes, p, column.values as Float64Array, row)
          break
        case INTEGER:
          p = this.#fastInteger(bytes, p, column, row)
          break
        case INSTANT:
          p = this.#fastInstant(bytes, p, column, row)
          break
        case BOOLEAN:
          p = fastBoolean(bytes, p, column, row)
          break
        default: {
          const isQuoted = bytes[p] === QUOTE
          if (isQuoted) {
            p = fastQuoted(bytes, p + 1)
            if (p < 0) return -1
          } else {
            let high = 0
            let byte = bytes[p]!
            for (;;) {
              while (stops[byte] === 0) byte = bytes[++p]!
              if (byte < 0x80 || delimiter === byte) break
              high = byte
              byte = bytes[++p]!
            }
            if (high !== 0 && !isUtf8(bytes, start, p)) return -1
          }
          if (kinds[field] === SKIP) break
          if (isQuoted) (column.values as Uint32Array)[row] = builder.dictionary.codeOfBytes(bytes, start + 1, p - 1)
          else if (p > start) (column.values as Uint32Array)[row] = builder.dictionary.codeOfBytes(bytes, start, p)
          else builder.setNull(column)
        }
      }
      if (p < 0) {
        // An empty field is null; anything else that did not scan needs a careful look.
        p = start
        const byte = bytes[p]!
        if (byte !== delimiter && byte !== NEWLINE && byte !== RETURN) return -1
        builder.setNull(column)
      }
      if (field < last) {
        if (bytes[p] !== delimiter) return -1
        p++
      }
    }
    if (bytes[p] === NEWLINE) return p + 1
    return bytes[p] === RETURN && bytes[p + 1] === NEWLINE ? p + 2 : -1
  }

  #fastInteger(bytes: Uint8Array, at: number, column: ColumnBuffer, row: number): number {
    const number = this.#number
    const end = scanNumber(bytes, at, number, 0)
    if (end < 0) return -1
    const value = number[0]!
    if ((value | 0) !== value) return at
    column.values[row] = value
    return end
  }

  #fastInstant(bytes: Uint8Array, at: number, column: ColumnBuffer, row: number): number {
    const values = column.values as Float64Array
    const end = scanNumber(bytes, at, values, row)
    // A year is a number that ends at a hyphen.
    if (end < 0 || bytes[end] !== 0x2d) return end
    let to = end
    while (this.#stops[bytes[to]!] === 0) to++
    const instant = scanInstant(bytes, at, to)
    if (Number.isNaN(instant)) return at
    values[row] = instant
    return to
  }

  protected override carefulRow(buffer: LineBuffer, builder: BatchBuilder): boolean {
    const { bytes, start: from, end } = buffer
    const blank = bytes[from] === RETURN ? from + 1 : from
    if (bytes[blank] === NEWLINE) {
      buffer.start = blank + 1
      buffer.line++
      return true
    }
    const record = this.#record
    const status = record.scan(bytes, from, end)
    const isTooLong = (status === 'incomplete' ? end : record.next - 1) - from > this.lineBytesMax
    if (status === 'incomplete' && !buffer.isEnded && !isTooLong) return false
    if (refuseLongLine(buffer, builder, this.lineBytesMax)) return true
    if (status === 'malformed' && !isTooLong) return this.#refuseLine(buffer, builder, 'LINE_SYNTAX', record.reason)
    if (status !== 'record' || isTooLong) {
      const reason = isTooLong
        ? `A quote is not closed within ${this.lineBytesMax} bytes (maxLineBytes)`
        : 'A quote is not closed before the end of the input'
      return this.#refuseLine(buffer, builder, 'CSV_UNCLOSED', reason)
    }
    const { next, lines } = record
    if (record.count !== this.#fieldCount) {
      buffer.deadLetter(builder, 'CSV_COLUMNS', `The header has ${this.#fieldCount} columns, this line has ${record.count}`, from, next - 1)
    } else if (!isUtf8(bytes, from, next)) {
      buffer.deadLetter(builder, 'UTF8_INVALID', 'The line is not valid UTF-8; convert it to UTF-8', from, next - 1)
    } else {
      this.#carefulCells(buffer, builder)
    }
    buffer.start = next
    buffer.line += lines
    return true
  }

  #carefulCells(buffer: LineBuffer, builder: BatchBuilder): void {
    const record = this.#record
    for (let field = 0; field < record.count; field++) {
      if (this.#kinds[field] === SKIP) continue
      const column = builder.columns[this.#targets[field]!]!
      if (record.ends[field] === record.starts[field] && (record.quoting[field] === PLAIN || column.type !== 'utf8')) {
        builder.setNull(column)
        continue
      }
      const problem = setCellText(builder, column, record.text(buffer.bytes, field))
      if (problem !== null) {
        builder.dropRow()
        buffer.deadLetter(builder, problem.code, problem.reason, buffer.start, record.next - 1)
        return
      }
    }
    builder.rowCount++
  }

  /** Gives up the first line of a malformed record and goes on behind it. */
  #refuseLine(buffer: LineBuffer, builder: BatchBuilder, code: string, reason: string): boolean {
    const newline = buffer.bytes.indexOf(NEWLINE, buffer.start)
    buffer.deadLetter(builder, code, reason, buffer.start, newline)
    buffer.start = newline + 1
    buffer.line++
    return true
  }
}

/** The end of a quoted field without quotes, line ends or bytes beyond ASCII inside: after its closing quote; else -1. */
function fastQuoted(bytes: Uint8Array, from: number): number {
  let p = from
  let byte = bytes[p]!
  while (byte !== QUOTE) {
    if (byte === NEWLINE || byte >= 0x80) return -1
    byte = bytes[++p]!
  }
  return bytes[p + 1] === QUOTE ? -1 : p + 1
}

function fastBoolean(bytes: Uint8Array, at: number, column: ColumnBuffer, row: number): number {
  const byte = bytes[at]!
  let end = at
  if (byte === 0x74) end = bytes[at + 1] === 0x72 && bytes[at + 2] === 0x75 && bytes[at + 3] === 0x65 ? at + 4 : at
  else if (byte === 0x66)
    end = bytes[at + 1] === 0x61 && bytes[at + 2] === 0x6c && bytes[at + 3] === 0x73 && bytes[at + 4] === 0x65 ? at + 5 : at
  else if (byte === 0x30 || byte === 0x31) end = at + 1
  column.values[row] = byte === 0x74 || byte === 0x31 ? 1 : 0
  return end === at ? -1 : end
}
