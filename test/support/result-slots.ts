/**
 * Output slots made by hand, as the pane kernel writes them: results, and the bytes that their cells point to.
 *
 * Before: a test that says what a kernel might have written. After: the slot reader.
 *
 * Invariant: the bytes are those that layout.ts draws, written without the help of the code under test.
 */

import * as L from '../../kernel/layout.ts'
import { RingProducer } from '../../runtime/ring/spsc-ring.ts'
import { createMemory, formatMemory } from '../../runtime/subtask/kernel-instance.ts'
import type { SubtaskLayout } from '../../runtime/subtask/subtask-layout.ts'

const encoder = new TextEncoder()

/** A result: null, a number, or bytes of a blob. */
export type Cell = null | number | Uint8Array

export interface ResultRow {
  readonly start?: number
  readonly end?: number
  readonly index?: number
  readonly timing?: number
  readonly change?: number
  readonly keys?: readonly (number | null)[]
  readonly aggregates: readonly Cell[]
}

export class ResultWriter {
  readonly memory: WebAssembly.Memory
  readonly #layout: SubtaskLayout
  readonly #ring: RingProducer

  constructor(layout: SubtaskLayout) {
    this.#layout = layout
    this.memory = createMemory(layout, false)
    formatMemory(this.memory, layout, 1)
    this.#ring = new RingProducer(this.memory, layout.output)
  }

  ring(): void {}

  /** Writes results; blobs are cut into slots of at most `blobBytes`. */
  results(rows: readonly ResultRow[], watermarkMs = Number.NaN, blobBytes = 64): void {
    const { layout, places } = { layout: this.#layout, places: this.#blobs(rows, blobBytes) }
    const keyCount = layout.keys.length
    const columnCount = L.PANE_RESULT_FIRST_KEY + keyCount + layout.aggregates.length
    this.#slot(L.SLOT_RESULT, rows.length, watermarkMs, (view, slot) => {
      rows.forEach((row, at) => {
        const cell = (column: number) => slot + L.resultColumnOffset(column, layout.resultRowsMax) + at * 8
        const validity = (column: number) => slot + L.resultValidityOffset(column, columnCount, layout.resultRowsMax) + at
        view.setFloat64(cell(L.RESULT_WINDOW_START), row.start ?? 0, true)
        view.setFloat64(cell(L.RESULT_WINDOW_END), row.end ?? 10, true)
        view.setFloat64(cell(L.RESULT_PANE), (row.index ?? 0) * 4 + (row.timing ?? L.PANE_ON_TIME), true)
        view.setFloat64(cell(L.RESULT_CHANGE), row.change ?? L.CHANGE_INSERT, true)
        const keys = row.keys ?? []
        for (let index = 0; index < keyCount; index++) {
          view.setUint8(validity(L.PANE_RESULT_FIRST_KEY + index), keys[index] === null || keys[index] === undefined ? 0 : 1)
          view.setFloat64(cell(L.PANE_RESULT_FIRST_KEY + index), keys[index] ?? 0, true)
        }
        row.aggregates.forEach((value, index) => {
          const column = L.PANE_RESULT_FIRST_KEY + keyCount + index
          view.setUint8(validity(column), value === null ? 0 : 1)
          if (value instanceof Uint8Array) {
            view.setUint32(cell(column), places.get(value)!, true)
            view.setUint32(cell(column) + 4, value.length, true)
          } else view.setFloat64(cell(column), value ?? 0, true)
        })
      })
    })
  }

  /** Writes an entry of the kernel's dictionary. */
  entry(code: number, text: string): void {
    this.#slot(L.SLOT_DICTIONARY, 1, Number.NaN, (view, slot) => {
      const bytes = encoder.encode(text)
      const at = slot + L.SLOT_HEADER_BYTES
      view.setUint32(at + L.ENTRY_CODE_OFFSET, code, true)
      view.setInt32(at + L.ENTRY_BYTE_LENGTH_OFFSET, bytes.length, true)
      new Uint8Array(view.buffer, at + L.ENTRY_BYTES_OFFSET, bytes.length).set(bytes)
    })
  }

  /** Writes a piece of the stream of operations. */
  operations(payload: Uint8Array): void {
    this.#slot(L.SLOT_OPERATIONS, 0, Number.NaN, (view, slot) => {
      view.setInt32(slot + L.SLOT_PAYLOAD_BYTES_OFFSET, payload.length, true)
      new Uint8Array(view.buffer, slot + L.SLOT_HEADER_BYTES, payload.length).set(payload)
    })
  }

  barrier(checkpointId: number): void {
    this.#slot(L.SLOT_BARRIER, 0, Number.NaN, (view, slot) => view.setFloat64(slot + L.SLOT_CHECKPOINT_OFFSET, checkpointId, true))
  }

  get hasRoom(): boolean {
    return this.#ring.claim() >= 0
  }

  /** Writes what the cells point to. @returns the offset of each. */
  #blobs(rows: readonly ResultRow[], blobBytes: number): ReadonlyMap<Uint8Array, number> {
    const cells = rows.flatMap(({ aggregates }) => aggregates.filter((value) => value instanceof Uint8Array))
    const places = new Map<Uint8Array, number>()
    const all: number[] = []
    for (const cell of cells) {
      places.set(cell, all.length)
      all.push(...cell)
    }
    for (let from = 0; from < all.length; from += blobBytes) {
      const part = all.slice(from, from + blobBytes)
      this.#slot(L.SLOT_BLOB, 0, Number.NaN, (view, slot) => {
        view.setInt32(slot + L.SLOT_PAYLOAD_BYTES_OFFSET, part.length, true)
        new Uint8Array(view.buffer, slot + L.SLOT_HEADER_BYTES, part.length).set(part)
      })
    }
    return places
  }

  #slot(kind: number, rowCount: number, watermarkMs: number, write: (view: DataView, slot: number) => void): void {
    const slot = this.#ring.claim()
    if (slot < 0) throw new Error('the ring is full')
    const view = new DataView(this.memory.buffer)
    view.setInt32(slot + L.SLOT_KIND_OFFSET, kind, true)
    view.setInt32(slot + L.SLOT_ROW_COUNT_OFFSET, rowCount, true)
    view.setFloat64(slot + L.SLOT_WATERMARK_OFFSET, watermarkMs, true)
    view.setInt32(slot + L.SLOT_EPOCH_OFFSET, 1, true)
    write(view, slot)
    this.#ring.publish()
  }
}

export const text = (value: string): Uint8Array => encoder.encode(value)
export const numbers = (...values: readonly number[]): Uint8Array => new Uint8Array(Float64Array.from(values).buffer)

const padded = (bytes: Uint8Array): number[] => [...bytes, ...Array<number>((8 - (bytes.length % 8)) % 8).fill(0)]
const i32s = (...values: readonly number[]): number[] => [...new Uint8Array(Int32Array.from(values).buffer)]
const f64 = (value: number): number[] => [...numbers(value)]
const joined = (parts: readonly (readonly number[])[]): Uint8Array => Uint8Array.from(parts.flat())

export const texts = (...values: readonly string[]): Uint8Array =>
  joined(values.map((value) => [...i32s(text(value).length, 0), ...padded(text(value))]))
export const numberPairs = (...pairs: readonly (readonly [number, number])[]): Uint8Array => numbers(...pairs.flat())
export const textPairs = (...pairs: readonly (readonly [string, number])[]): Uint8Array =>
  joined(pairs.map(([value, number]) => [...f64(number), ...i32s(text(value).length, 0), ...padded(text(value))]))

/** Records: the event time, then a cell for each column that travels. */
export const records = (...rows: readonly (readonly [number, ...(number | string | null)[]])[]): Uint8Array =>
  joined(
    rows.map(([timeMs, ...cells]) => [
      ...f64(timeMs),
      ...cells.flatMap((cell) => {
        if (cell === null) return i32s(L.CELL_NULL, 0)
        if (typeof cell === 'number') return [...i32s(L.CELL_NUMBER, 8), ...f64(cell)]
        return [...i32s(L.CELL_TEXT, text(cell).length), ...padded(text(cell))]
      }),
    ]),
  )
