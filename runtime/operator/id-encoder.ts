/**
 * Values of some columns as bytes and a hash: the same for the same values, whatever dictionary the batch has.
 *
 * Before: deduplicator, row by row. After: id-table.
 *
 * Invariant: two rows have the same bytes exactly when all their values are equal; −0 is +0, all NaNs are one, null is a value of its own.
 */

import { type Dictionary, hashBytes } from '../dictionary.ts'
import type { Column, RecordBatch } from '../record-batch.ts'

const NULL = 0
const NUMBER = 1
const STRING = 2

export class IdEncoder {
  readonly #indexes: readonly number[]
  #columns: readonly Column[] = []
  #bytes = new Uint8Array(256)
  #view = new DataView(this.#bytes.buffer)
  /** The bytes of the row last encoded: a view until the next. */
  bytes: Uint8Array = this.#bytes
  hash = 0

  /** @param indexes - Of the columns in the batches. */
  constructor(indexes: readonly number[]) {
    this.#indexes = indexes
  }

  /** Rows that follow are of this batch. */
  use(batch: RecordBatch): void {
    this.#columns = this.#indexes.map((index) => batch.columns[index]!)
  }

  /** @returns false when all values are null: then there is no id. */
  encode(row: number): boolean {
    const only = this.#columns.length === 1 ? this.#columns[0]! : null
    if (only !== null && only.type === 'utf8') return this.#encodeString(only, row)
    let at = 0
    let hasValue = false
    for (const column of this.#columns) {
      if (column.validity !== null && column.validity[row] === 0) {
        this.#bytes[at++] = NULL
        continue
      }
      hasValue = true
      at = column.type === 'utf8' ? this.#string(column, row, at) : this.#number(column.values[row]!, at)
      // Room for what the next column takes at least.
      if (at + 16 > this.#bytes.length) this.#grow(at, 256)
    }
    this.bytes = this.#bytes.subarray(0, at)
    this.hash = hashBytes(this.#bytes, 0, at)
    return hasValue
  }

  /** One column of strings: the dictionary has bytes and hash already. */
  #encodeString(column: Column, row: number): boolean {
    if (column.validity !== null && column.validity[row] === 0) return false
    const dictionary = column.dictionary as Dictionary
    const code = column.values[row]!
    this.bytes = dictionary.bytesAt(code)
    this.hash = dictionary.hashAt(code)
    return true
  }

  #number(value: number, at: number): number {
    this.#bytes[at] = NUMBER
    this.#view.setFloat64(at + 1, value === 0 ? 0 : Number.isNaN(value) ? Number.NaN : value, true)
    return at + 9
  }

  #string(column: Column, row: number, at: number): number {
    const bytes = (column.dictionary as Dictionary).bytesAt(column.values[row]!)
    if (at + 5 + bytes.length > this.#bytes.length) this.#grow(at, bytes.length + 5)
    this.#bytes[at] = STRING
    this.#view.setUint32(at + 1, bytes.length, true)
    this.#bytes.set(bytes, at + 5)
    return at + 5 + bytes.length
  }

  #grow(at: number, more: number): void {
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, at + more))
    larger.set(this.#bytes)
    this.#bytes = larger
    this.#view = new DataView(larger.buffer)
  }
}
