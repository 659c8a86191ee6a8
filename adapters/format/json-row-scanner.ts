/**
 * JSON objects to rows: a byte scanner for flat objects, and the careful way for values that `JSON.parse` made.
 *
 * Before: ndjson-decoder for objects on lines, the decoder of JSON messages. After: the builder of the intake.
 *
 * The scanner expects the keys in the order of the object before and so compares bytes instead of looking names up. It knows flat
 * objects of plain strings, numbers, booleans and nulls with keys that occur once; escapes, nesting, other types of value and every
 * error go to the careful path, which alone makes dead letters.
 *
 * Invariant: the scanner takes an object only if the careful path would make the same row of it. A newline follows the bytes somewhere.
 */

import type { BatchBuilder } from '../../runtime/batch-builder.ts'
import type { Schema } from '../../runtime/schema.ts'
import { type CellProblem, setCellJson } from './cell-text.ts'
import { literalEnd, plainStringEnd, skipBlanks, startsWith } from './json-scan.ts'
import { scanInstant, scanNumber } from './text-scan.ts'

const SPACE = 0x20
const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a
const CLOSE_BRACE = 0x7d

/** Keys of an object whose order is remembered. */
const ORDER_MAX = 64
const ORDER_KEY_BYTES_MAX = 256
/** Place of a key that is no column. */
const OTHER = -1

const encoder = new TextEncoder()
const NONE: ReadonlySet<string> = new Set()

export class JsonRowScanner {
  readonly #columnCount: number
  /** 1 for columns whose cells the caller sets: keys of their names are passed over. */
  readonly #isGiven: Uint8Array
  /** Keys of the columns with their quotes, as they stand in an object without escapes. */
  readonly #keys: readonly Uint8Array[]
  /** The keys of the object before, in their order: their bytes with quotes, and the column or {@link OTHER}. */
  readonly #orderKeys: Uint8Array[] = []
  readonly #orderColumns: number[] = []
  /** Of each column: the number of the last object that had it. */
  readonly #seen: Float64Array
  #serial = 0
  readonly #number = new Float64Array(1)

  constructor(schema: Schema, given: ReadonlySet<string> = NONE) {
    this.#isGiven = Uint8Array.from(schema.columns, ({ name }) => (given.has(name) ? 1 : 0))
    this.#columnCount = schema.columns.length - given.size
    this.#keys = schema.columns.map(({ name }) => (given.has(name) ? new Uint8Array(0) : encoder.encode(JSON.stringify(name))))
    this.#seen = new Float64Array(schema.columns.length)
  }

  /**
   * Sets the cells of the row under construction from the object at `from`, which begins with a brace.
   *
   * @returns where the object ends, or -1 if it needs the careful path; then the row must be dropped or set anew.
   */
  object(bytes: Uint8Array, from: number, builder: BatchBuilder): number {
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
    if (found < this.#columnCount) this.#fillMissing(builder, serial)
    return p
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
    const isGiven = this.#isGiven
    for (let column = 0; column < isGiven.length; column++) {
      if (this.#seen[column] !== serial && isGiven[column] === 0) builder.setNull(builder.columns[column]!)
    }
  }

  /** Sets the cells of the row under construction from an object. @returns why the row must be dropped, or null. */
  value(object: object, builder: BatchBuilder): CellProblem | null {
    for (let index = 0; index < builder.columns.length; index++) {
      if (this.#isGiven[index] === 1) continue
      const column = builder.columns[index]!
      const cell: unknown = Object.hasOwn(object, column.name) ? (object as Record<string, unknown>)[column.name] : null
      if (cell === null) {
        builder.setNull(column)
        continue
      }
      const problem = setCellJson(builder, column, cell)
      if (problem !== null) return problem
    }
    return null
  }
}
