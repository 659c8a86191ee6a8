/**
 * Rows that are held back: columns with a slot for each row, in any order, slots used again when their rows have left.
 *
 * Before and after: event-time-sorter. A batch's strings are codes of its dictionary, and streams begin a new dictionary now and then:
 * then the strings of the rows that are held move to the new one, so that whatever leaves has one dictionary.
 *
 * Invariant: all codes of the store belong to {@link RowStore.dictionary}.
 */

import { newValues } from '../batch-builder.ts'
import { Dictionary } from '../dictionary.ts'
import { type Column, type ColumnValues, RecordBatch } from '../record-batch.ts'
import type { ColumnDefinition, Schema } from '../schema.ts'
import type { StateReader, StateWriter } from './state-bytes.ts'

interface StoredColumn extends ColumnDefinition {
  values: ColumnValues
  /** 0 where the row has a null. */
  validity: Uint8Array
}

const CAPACITY_LEAST = 1024

const encoder = new TextEncoder()

export class RowStore {
  readonly #schema: Schema
  readonly #columns: readonly StoredColumn[]
  readonly #hasStrings: boolean
  readonly #taken: readonly StoredColumn[]
  #capacity = 0
  /** Slots that were used and are free again. */
  #free = new Uint32Array(0)
  #freeCount = 0
  /** Slots from here on were never used. */
  #top = 0
  /** Of the strings that are held; null before the first. */
  dictionary: Dictionary | null = null

  constructor(schema: Schema) {
    this.#schema = schema
    const stored = () =>
      schema.columns.map((column): StoredColumn => ({ ...column, values: newValues(column.type, 0), validity: new Uint8Array(0) }))
    this.#columns = stored()
    this.#taken = stored()
    this.#hasStrings = schema.columns.some(({ type }) => type === 'utf8')
  }

  get capacity(): number {
    return this.#capacity
  }

  get byteLength(): number {
    const bytes = (columns: readonly StoredColumn[]) =>
      columns.reduce((sum, { values, validity }) => sum + values.byteLength + validity.byteLength, 0)
    return bytes(this.#columns) + bytes(this.#taken) + this.#free.byteLength
  }

  /** Forgets all rows, and gives their memory back. */
  reset(): void {
    this.#capacity = this.#freeCount = this.#top = 0
    this.#resize(0)
  }

  /**
   * Copies all rows of a batch into slots, which are written to `slots` in the order of the rows.
   *
   * @param held - Slots whose rows are still in use.
   */
  add(batch: RecordBatch, slots: Uint32Array, held: Uint32Array): void {
    const { rowCount } = batch
    if (this.#hasStrings) this.#useDictionary(batch, held)
    this.#reserve(rowCount)
    for (let row = 0; row < rowCount; row++) slots[row] = this.#freeCount > 0 ? this.#free[--this.#freeCount]! : this.#top++
    this.#columns.forEach((column, index) => {
      const source = batch.columns[index]!
      scatter(column.values, source.values, slots, rowCount)
      if (source.validity !== null) scatter(column.validity, source.validity, slots, rowCount)
      else for (let row = 0; row < rowCount; row++) column.validity[slots[row]!] = 1
    })
  }

  /** The rows of some slots as a batch over buffers that live until the next call. The slots stay as they are. */
  read(slots: Uint32Array, count: number): RecordBatch {
    const columns = this.#columns.map((column, index): Column => {
      const target = this.#taken[index]!
      if (target.values.length < count) {
        target.values = newValues(column.type, count)
        target.validity = new Uint8Array(count)
      }
      gather(target.values, column.values, slots, count)
      gather(target.validity, column.validity, slots, count)
      return {
        name: column.name,
        type: column.type,
        values: target.values,
        validity: target.validity.subarray(0, count).includes(0) ? target.validity : null,
        dictionary: column.type === 'utf8' ? this.dictionary : null,
      }
    })
    return new RecordBatch(this.#schema, columns, count)
  }

  /** Makes slots free again. */
  release(slots: Uint32Array, count: number): void {
    for (let at = 0; at < count; at++) this.#free[this.#freeCount++] = slots[at]!
  }

  /** Writes the rows of some slots, column by column; strings by a table of their own, so that no dictionary shows in the bytes. */
  write(writer: StateWriter, slots: Uint32Array): void {
    for (const { type, values, validity } of this.#columns) {
      for (const slot of slots) writer.byte(validity[slot]!)
      if (type !== 'utf8') {
        for (const slot of slots) if (validity[slot] === 1) writer.f64(values[slot]!)
        continue
      }
      const indexes = new Map<number, number>()
      for (const slot of slots) if (validity[slot] === 1 && !indexes.has(values[slot]!)) indexes.set(values[slot]!, indexes.size)
      writer.u32(indexes.size)
      for (const code of indexes.keys()) writer.bytes(encoder.encode(this.dictionary!.stringAt(code)))
      for (const slot of slots) if (validity[slot] === 1) writer.u32(indexes.get(values[slot]!)!)
    }
  }

  /**
   * Reads what {@link write} wrote into new slots.
   *
   * @param generation - For the dictionary of restored strings: one that no other dictionary of the stream has.
   */
  restore(reader: StateReader, count: number, generation: number): Uint32Array {
    this.#reserve(count)
    const slots = Uint32Array.from({ length: count }, () => this.#top++)
    const present = new Uint8Array(count)
    if (this.#hasStrings) this.dictionary ??= new Dictionary(generation)
    for (const { type, values, validity } of this.#columns) {
      for (let at = 0; at < count; at++) present[at] = validity[slots[at]!] = reader.byte() === 0 ? 0 : 1
      if (type !== 'utf8') {
        for (let at = 0; at < count; at++) if (present[at] === 1) values[slots[at]!] = reader.f64()
        continue
      }
      const tableSize = reader.count(4)
      const codes: number[] = []
      for (let at = 0; at < tableSize; at++) {
        const bytes = reader.bytes()
        codes.push(this.dictionary!.codeOfBytes(bytes, 0, bytes.length))
      }
      for (let at = 0; at < count; at++) {
        if (present[at] === 0) continue
        const code = codes[reader.u32()]
        if (code === undefined) throw reader.corrupt('it names a string that it does not have')
        values[slots[at]!] = code
      }
    }
    return slots
  }

  /** Moves the strings that are held to the dictionary of a batch. */
  #useDictionary(batch: RecordBatch, held: Uint32Array): void {
    const next = batch.columns.find(({ type }) => type === 'utf8')!.dictionary as Dictionary
    const before = this.dictionary
    this.dictionary = next
    if (before === null || before === next || held.length === 0) return
    const codes = new Map<number, number>()
    for (const { type, values, validity } of this.#columns) {
      if (type !== 'utf8') continue
      for (const slot of held) {
        if (validity[slot] === 0) continue
        const code = values[slot]!
        let moved = codes.get(code)
        if (moved === undefined) {
          const bytes = before.bytesAt(code)
          moved = next.codeOfBytes(bytes, 0, bytes.length)
          codes.set(code, moved)
        }
        values[slot] = moved
      }
    }
  }

  #reserve(count: number): void {
    const wanted = this.#top + Math.max(0, count - this.#freeCount)
    if (wanted <= this.#capacity) return
    this.#capacity = Math.max(wanted, this.#capacity * 2, CAPACITY_LEAST)
    this.#resize(this.#capacity)
  }

  #resize(capacity: number): void {
    for (const column of this.#columns) {
      const { values, validity } = column
      column.values = newValues(column.type, capacity)
      column.validity = new Uint8Array(capacity)
      if (capacity === 0) continue
      column.values.set(values)
      column.validity.set(validity)
    }
    const free = this.#free
    this.#free = new Uint32Array(capacity)
    if (capacity > 0) this.#free.set(free.subarray(0, this.#freeCount))
  }
}

function scatter(target: ColumnValues, source: ColumnValues, slots: Uint32Array, count: number): void {
  for (let row = 0; row < count; row++) target[slots[row]!] = source[row]!
}

function gather(target: ColumnValues, source: ColumnValues, slots: Uint32Array, count: number): void {
  for (let at = 0; at < count; at++) target[at] = source[slots[at]!]!
}
