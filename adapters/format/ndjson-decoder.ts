/**
 * NDJSON lines to rows: a byte scanner for flat objects, `JSON.parse` for all else.
 *
 * Before: line-reader. After: the builder of the intake.
 *
 * The scanner expects the keys in the order of the line before and so compares bytes instead of looking names up. It knows flat
 * objects of plain strings, numbers, booleans and nulls with keys that occur once; escapes, nesting, other types of value and every
 * error go to the careful path, which alone makes dead letters.
 *
 * Invariant: the scanner takes a line only if the careful path would make the same row of it.
 */

import type { BatchBuilder } from '../../runtime/batch-builder.ts'
import type { Schema } from '../../runtime/schema.ts'
import { setCellJson } from './cell-text.ts'
import { depthOf, isBlank, literalEnd, plainStringEnd, skipBlanks, startsWith } from './json-scan.ts'
import { type LineBuffer, type LineDecoder, refuseLongLine } from './line-buffer.ts'
import { isUtf8, scanInstant, scanNumber } from './text-scan.ts'

const NEWLINE = 0x0a
const RETURN = 0x0d
const SPACE = 0x20
const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d

const DEPTH_MAX = 64
/** Keys of a line whose order is remembered. */
const ORDER_MAX = 64
const ORDER_KEY_BYTES_MAX = 256
/** Place of a key that is no column. */
const OTHER = -1

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const encoder = new TextEncoder()

export class NdjsonDecoder implements LineDecoder {
  readonly #lineBytesMax: number
  readonly #columnCount: number
  /** Keys of the columns with their quotes, as they stand in a line without escapes. */
  readonly #keys: readonly Uint8Array[]
  /** The keys of the line before, in their order: their bytes with quotes, and the column or {@link OTHER}. */
  readonly #orderKeys: Uint8Array[] = []
  readonly #orderColumns: number[] = []
  /** Of each column: the number of the last line that had it. */
  readonly #seen: Float64Array
  #serial = 0
  readonly #number = new Float64Array(1)

  constructor(schema: Schema, lineBytesMax: number) {
    this.#lineBytesMax = lineBytesMax
    this.#columnCount = schema.columns.length
    this.#keys = schema.columns.map(({ name }) => encoder.encode(JSON.stringify(name)))
    this.#seen = new Float64Array(schema.columns.length)
  }

  decode(buffer: LineBuffer, builder: BatchBuilder, rowsMax: number): void {
    const { bytes, limit } = buffer
    const lineBytesMax = this.#lineBytesMax
    const rowLimit = builder.rowCount + rowsMax
    const letterLimit = builder.deadLetters.length + rowsMax
    while (buffer.start < limit && builder.rowCount < rowLimit && builder.deadLetters.length < letterLimit) {
      const from = buffer.start
      const next = bytes[from] === OPEN_BRACE ? this.#fastRow(bytes, from, builder) : -1
      if (next >= 0 && next - from <= lineBytesMax + 1) {
        builder.rowCount++
        buffer.start = next
        buffer.line++
      } else {
        builder.dropRow()
        this.#carefulRow(buffer, builder)
      }
    }
  }

  /** @returns the start of the next line, or -1 if the line needs the careful path. */
  #fastRow(bytes: Uint8Array, from: number, builder: BatchBuilder): number {
    const serial = ++this.#serial
    const seen = this.#seen
    let found = 0
    let p = skipBlanks(bytes, from + 1)
    if (bytes[p] === CLOSE_BRACE) p++
    else {
      for (let ordinal = 0; ; ordinal++) {
        const expected = ordinal < this.#orderKeys.length ? this.#orderKeys[ordinal]! : null
        let target: number
        if (expected !== null && startsWith(bytes, p, expected)) {
          target = this.#orderColumns[ordinal]!
          p += expected.length
        } else {
          const end = plainStringEnd(bytes, p)
          if (end < 0) return -1
          target = this.#columnOf(bytes, p, end)
          if (ordinal < ORDER_MAX && ordinal <= this.#orderKeys.length && end - p < ORDER_KEY_BYTES_MAX) {
            this.#orderKeys[ordinal] = bytes.slice(p, end)
            this.#orderColumns[ordinal] = target
          }
          p = end
        }
        if (bytes[p] !== COLON) p = skipBlanks(bytes, p)
        if (bytes[p] !== COLON) return -1
        if (bytes[++p]! <= SPACE) p = skipBlanks(bytes, p)
        if (target === OTHER) p = this.#skipValue(bytes, p)
        else {
          if (seen[target] === serial) return -1
          seen[target] = serial
          found++
          p = this.#fastValue(bytes, p, builder, target)
        }
        if (p < 0) return -1
        if (bytes[p]! <= SPACE) p = skipBlanks(bytes, p)
        const byte = bytes[p]!
        p++
        if (byte === CLOSE_BRACE) break
        if (byte !== COMMA) return -1
        if (bytes[p]! <= SPACE) p = skipBlanks(bytes, p)
      }
    }
    if (bytes[p] !== NEWLINE) {
      p = skipBlanks(bytes, p)
      if (bytes[p] === RETURN) p++
      if (bytes[p] !== NEWLINE) return -1
    }
    if (found < this.#columnCount) this.#fillMissing(builder, serial)
    return p + 1
  }

  /** Sets the cell of a column from the value at `p`. @returns where the value ends, or -1. */
  #fastValue(bytes: Uint8Array, p: number, builder: BatchBuilder, target: number): number {
    const column = builder.columns[target]!
    const row = builder.rowCount
    const byte = bytes[p]!
    if (byte === 0x6e) {
      const end = literalEnd(bytes, p)
      if (end >= 0) builder.setNull(column)
      return end
    }
    switch (column.type) {
      case 'f64':
        return scanNumber(bytes, p, column.values as Float64Array, row)
      case 'timestamp': {
        if (byte !== QUOTE) return scanNumber(bytes, p, column.values as Float64Array, row)
        const end = plainStringEnd(bytes, p)
        if (end < 0) return -1
        const instant = scanInstant(bytes, p + 1, end - 1)
        ;(column.values as Float64Array)[row] = instant
        return Number.isNaN(instant) ? -1 : end
      }
      case 'utf8': {
        const end = plainStringEnd(bytes, p)
        if (end >= 0) (column.values as Uint32Array)[row] = builder.dictionary.codeOfBytes(bytes, p + 1, end - 1)
        return end
      }
      case 'i32': {
        const end = scanNumber(bytes, p, this.#number, 0)
        const value = this.#number[0]!
        ;(column.values as Int32Array)[row] = value
        return (value | 0) === value ? end : -1
      }
      case 'bool': {
        ;(column.values as Uint8Array)[row] = byte === 0x74 ? 1 : 0
        return byte === 0x74 || byte === 0x66 ? literalEnd(bytes, p) : -1
      }
      case 'json':
        return -1
      default:
        return column.type satisfies never
    }
  }

  /** Passes over a value that no column takes. */
  #skipValue(bytes: Uint8Array, p: number): number {
    const byte = bytes[p]!
    if (byte === QUOTE) return plainStringEnd(bytes, p)
    return byte === 0x74 || byte === 0x66 || byte === 0x6e ? literalEnd(bytes, p) : scanNumber(bytes, p, this.#number, 0)
  }

  #columnOf(bytes: Uint8Array, from: number, end: number): number {
    for (let column = 0; column < this.#keys.length; column++) {
      const key = this.#keys[column]!
      if (key.length === end - from && startsWith(bytes, from, key)) return column
    }
    return OTHER
  }

  #fillMissing(builder: BatchBuilder, serial: number): void {
    for (let column = 0; column < this.#columnCount; column++) {
      if (this.#seen[column] !== serial) builder.setNull(builder.columns[column]!)
    }
  }

  /** Takes one line: a row, a dead letter, or nothing if it is blank. */
  #carefulRow(buffer: LineBuffer, builder: BatchBuilder): void {
    if (refuseLongLine(buffer, builder, this.#lineBytesMax)) return
    const { bytes, start: from } = buffer
    const newline = bytes.indexOf(NEWLINE, from)
    if (!isBlank(bytes, from, newline)) this.#carefulLine(buffer, builder, from, newline)
    buffer.start = newline + 1
    buffer.line++
  }

  #carefulLine(buffer: LineBuffer, builder: BatchBuilder, from: number, newline: number): void {
    const line = buffer.bytes.subarray(from, newline)
    const isCut = buffer.isUnterminated && newline === buffer.end - 1
    if (!isCut && !isUtf8(line, 0, line.length)) {
      buffer.deadLetter(builder, 'UTF8_INVALID', 'The line is not valid UTF-8; convert the file to UTF-8', from, newline)
      return
    }
    if (depthOf(line) > DEPTH_MAX) {
      buffer.deadLetter(builder, 'LINE_SYNTAX', `The line is nested deeper than ${DEPTH_MAX} levels`, from, newline)
      return
    }
    let value: unknown
    try {
      value = JSON.parse(decoder.decode(line))
    } catch (error) {
      const reason = error instanceof SyntaxError ? `The line is not one JSON document: ${error.message}` : 'The line is not valid UTF-8'
      if (isCut) buffer.deadLetter(builder, 'LINE_TRUNCATED', `The file ends inside the line. ${reason}`, from, newline)
      else buffer.deadLetter(builder, 'LINE_SYNTAX', reason, from, newline)
      return
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      buffer.deadLetter(builder, 'LINE_SYNTAX', 'The line should be a JSON object', from, newline)
      return
    }
    for (const column of builder.columns) {
      const cell: unknown = Object.hasOwn(value, column.name) ? (value as Record<string, unknown>)[column.name] : null
      if (cell === null) {
        builder.setNull(column)
        continue
      }
      const problem = setCellJson(builder, column, cell)
      if (problem !== null) {
        builder.dropRow()
        buffer.deadLetter(builder, problem.code, problem.reason, from, newline)
        return
      }
    }
    builder.rowCount++
  }
}
