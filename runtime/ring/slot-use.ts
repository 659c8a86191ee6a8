/**
 * Which bytes of a slot are in use: the header, and of every column as many rows as the slot has.
 *
 * Before: a slot of a ring that lies here. After: slot-link sends those bytes, and the other end finds from the header where they belong.
 *
 * Invariant: the runs follow from layout and header alone, so that both ends compute the same.
 */

import * as L from '../../kernel/layout.ts'
import { firstKeyColumn, type SubtaskLayout } from '../subtask/subtask-layout.ts'

/** Runs begin at multiples of 8 in a frame. */
const align = (bytes: number): number => (bytes + 7) & ~7

export class SlotUse {
  readonly #layout: SubtaskLayout
  /** Of the slot last measured: where each run lies behind the slot's beginning, and how long it is. The header is the first. */
  readonly offsets: number[] = []
  readonly lengths: number[] = []
  /** Bytes that the runs take in a frame. */
  byteLength = 0

  constructor(layout: SubtaskLayout) {
    this.#layout = layout
  }

  /** Finds the runs of the slot whose header lies at `at`. */
  measure(view: DataView, at: number): this {
    this.offsets.length = 0
    this.lengths.length = 0
    this.byteLength = 0
    this.#add(0, L.SLOT_HEADER_BYTES)
    const rowCount = view.getInt32(at + L.SLOT_ROW_COUNT_OFFSET, true)
    switch (view.getInt32(at + L.SLOT_KIND_OFFSET, true)) {
      case L.SLOT_BATCH:
      case L.SLOT_LATE:
        this.#addRows(rowCount, view.getInt32(at + L.SLOT_NULL_MASK_OFFSET, true))
        break
      case L.SLOT_RESULT:
        this.#addResults(rowCount)
        break
      default:
        this.#add(L.SLOT_HEADER_BYTES, view.getInt32(at + L.SLOT_PAYLOAD_BYTES_OFFSET, true))
    }
    return this
  }

  #add(offset: number, length: number): void {
    if (length === 0) return
    this.offsets.push(offset)
    this.lengths.push(length)
    this.byteLength += align(length)
  }

  #addRows(rowCount: number, nullMask: number): void {
    const { timestampOffset, keyGroupOffset, columns } = this.#layout
    this.#add(timestampOffset, rowCount * 8)
    if (keyGroupOffset >= 0) this.#add(keyGroupOffset, rowCount * 4)
    for (const [index, { form, valuesOffset, validityOffset }] of columns.entries()) {
      this.#add(valuesOffset, rowCount * (form === 'code' ? 4 : 8))
      if ((nullMask & (1 << index)) !== 0) this.#add(validityOffset, rowCount)
    }
  }

  #addResults(rowCount: number): void {
    const { kernel, keys, aggregates, resultRowsMax } = this.#layout
    const firstKey = firstKeyColumn(kernel)
    const columnCount = firstKey + keys.length + aggregates.length
    for (let column = 0; column < columnCount; column++) {
      this.#add(L.resultColumnOffset(column, resultRowsMax), rowCount * 8)
      if (column >= firstKey) this.#add(L.resultValidityOffset(column, columnCount, resultRowsMax), rowCount)
    }
  }
}

/** Copies the runs of a slot into a frame. @returns where the next slot begins there. */
export function packSlot(use: SlotUse, memory: Uint8Array, slot: number, frame: Uint8Array, at: number): number {
  const { offsets, lengths } = use
  for (let run = 0; run < offsets.length; run++) {
    const from = slot + offsets[run]!
    frame.set(memory.subarray(from, from + lengths[run]!), at)
    at += align(lengths[run]!)
  }
  return at
}

/** The way back. @returns where the next slot begins in the frame. */
export function unpackSlot(use: SlotUse, frame: Uint8Array, at: number, memory: Uint8Array, slot: number): number {
  const { offsets, lengths } = use
  for (let run = 0; run < offsets.length; run++) {
    const length = lengths[run]!
    memory.set(frame.subarray(at, at + length), slot + offsets[run]!)
    at += align(length)
  }
  return at
}
