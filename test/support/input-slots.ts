/**
 * What an exchange has written, as words: the slots of an input ring, decoded by the layout.
 *
 * Before: an exchange over memories without kernels. After: a test's expectations.
 *
 * Invariant: texts are known by the entries that came before; a code without one is a failure.
 */

import * as L from '../../kernel/layout.ts'
import { RingConsumer } from '../../runtime/ring/spsc-ring.ts'
import { createMemory, formatMemory } from '../../runtime/subtask/kernel-instance.ts'
import type { SubtaskLayout } from '../../runtime/subtask/subtask-layout.ts'

export type CellValue = number | string | null
export interface InputSlot {
  readonly kind: 'rows' | 'barrier' | 'end'
  readonly rows: readonly Readonly<Record<string, CellValue>>[]
  /** NaN: none. */
  readonly watermarkMs: number
  readonly clockMs: number
}

/** A subtask without a kernel: its memory, and what lies in its input ring. */
export class InputReader {
  readonly memory: WebAssembly.Memory
  readonly #layout: SubtaskLayout
  readonly #ring: RingConsumer
  /** Columns of one name are told apart by a number. */
  readonly #names: readonly string[]
  #texts: string[] = []

  constructor(layout: SubtaskLayout, epoch = 1) {
    this.#layout = layout
    this.#names = layout.columns.map(({ name }, index) => {
      const before = layout.columns.slice(0, index).filter((column) => column.name === name).length
      return before === 0 ? name : `${name} ${before + 1}`
    })
    this.memory = createMemory(layout, false)
    formatMemory(this.memory, layout, epoch)
    this.#ring = new RingConsumer(this.memory, layout.input)
  }

  ring(): void {}

  /** Takes everything that is there; dictionary slots are read and left out. */
  take(): InputSlot[] {
    const slots: InputSlot[] = []
    for (let slot = this.#ring.take(); slot >= 0; slot = this.#ring.take()) {
      const read = this.#read(slot)
      if (read !== null) slots.push(read)
      this.#ring.release()
    }
    return slots
  }

  #read(slot: number): InputSlot | null {
    const view = new DataView(this.memory.buffer)
    const rowCount = view.getInt32(slot + L.SLOT_ROW_COUNT_OFFSET, true)
    const common = {
      rows: [],
      watermarkMs: view.getFloat64(slot + L.SLOT_WATERMARK_OFFSET, true),
      clockMs: view.getFloat64(slot + L.SLOT_PROCESSING_TIME_OFFSET, true),
    }
    switch (view.getInt32(slot + L.SLOT_KIND_OFFSET, true)) {
      case L.SLOT_DICTIONARY:
        this.#readEntries(view, slot, rowCount)
        return null
      case L.SLOT_BATCH:
        return { kind: 'rows', ...common, rows: Array.from({ length: rowCount }, (_, row) => this.#row(view, slot, row)) }
      case L.SLOT_BARRIER:
        return { kind: 'barrier', ...common }
      default:
        return { kind: 'end', ...common }
    }
  }

  #readEntries(view: DataView, slot: number, count: number): void {
    let at = slot + L.SLOT_HEADER_BYTES
    for (let entry = 0; entry < count; entry++) {
      const length = view.getInt32(at + L.ENTRY_BYTE_LENGTH_OFFSET, true)
      const bytes = new Uint8Array(view.buffer, at + L.ENTRY_BYTES_OFFSET, length).slice()
      this.#texts[view.getUint32(at + L.ENTRY_CODE_OFFSET, true)] = new TextDecoder().decode(bytes)
      at += L.entryBytes(length)
    }
  }

  #row(view: DataView, slot: number, row: number): Record<string, CellValue> {
    const nullMask = view.getInt32(slot + L.SLOT_NULL_MASK_OFFSET, true)
    const cells: Record<string, CellValue> = { time: view.getFloat64(slot + this.#layout.timestampOffset + row * 8, true) }
    this.#layout.columns.forEach(({ form, valuesOffset, validityOffset, hasEntries }, index) => {
      const name = this.#names[index]!
      const isNull = (nullMask & (1 << index)) !== 0 && view.getUint8(slot + validityOffset + row) === 0
      if (isNull) cells[name] = null
      else if (form === 'presence') cells[name] = 'present'
      else if (form === 'number') cells[name] = view.getFloat64(slot + valuesOffset + row * 8, true)
      else cells[name] = this.#text(view.getUint32(slot + valuesOffset + row * 4, true), hasEntries)
    })
    return cells
  }

  #text(code: number, hasEntries: boolean): string {
    if (!hasEntries) return `code ${code}`
    const text = this.#texts[code]
    if (text === undefined) throw new Error(`code ${code} was used before it was sent`)
    return text
  }
}
