/**
 * The input ring of a kernel in a test: records, dictionaries and control slots, written as the layout says.
 *
 * Before: kernel-harness, with records in plain words. After: the kernel takes the slots.
 *
 * Invariant: a text is told in a dictionary before its code is used.
 */

import * as L from '../../kernel/layout.ts'
import type { KernelMemory } from './kernel-memory.ts'
import { keyGroupOf, type KernelRecord } from './kernel-plan.ts'

interface Entry {
  readonly code: number
  readonly text: string
  readonly group: number
}

export class KernelInput {
  /** Texts that have been told, with their codes. */
  readonly codes = new Map<string, number>()
  generation = 1
  readonly #memory: KernelMemory
  readonly #makeRoom: () => void

  /** @param makeRoom - Called as long as the ring is full. */
  constructor(memory: KernelMemory, makeRoom: () => void) {
    this.#memory = memory
    this.#makeRoom = makeRoom
  }

  /** Offset of the next free input slot, with an empty header; room is made until there is one. */
  claim(kind: number): number {
    while (this.#memory.pending(this.#memory.input) >= this.#memory.slotCount(this.#memory.input)) this.#makeRoom()
    const view = this.#memory.view()
    const slot = this.#memory.slot(
      this.#memory.input,
      view.getInt32(this.#memory.input + L.RING_TAIL_OFFSET, true),
      this.#memory.inputSlotBytes,
    )
    view.setInt32(slot + L.SLOT_KIND_OFFSET, kind, true)
    view.setInt32(slot + L.SLOT_ROW_COUNT_OFFSET, 0, true)
    view.setFloat64(slot + L.SLOT_WATERMARK_OFFSET, Number.NaN, true)
    view.setInt32(slot + L.SLOT_EPOCH_OFFSET, this.#memory.epoch, true)
    view.setInt32(slot + L.SLOT_NULL_MASK_OFFSET, 0, true)
    view.setInt32(slot + L.SLOT_GENERATION_OFFSET, this.generation, true)
    return slot
  }

  publish(): void {
    const view = this.#memory.view()
    const tail = this.#memory.input + L.RING_TAIL_OFFSET
    view.setInt32(tail, (view.getInt32(tail, true) + 1) | 0, true)
  }

  /** Forgets the codes given out: the next slots begin a new dictionary. */
  newGeneration(): void {
    this.generation++
    this.codes.clear()
  }

  writeBatch(rows: readonly KernelRecord[], watermark: number): void {
    const { plan } = this.#memory
    const fresh: Entry[] = []
    for (const row of rows) {
      row.values.forEach((value, c) => {
        if (typeof value !== 'string' || this.codes.has(value)) return
        const isKey = plan.keys.length === 1 && plan.keys[0] === c
        fresh.push({ code: this.codes.size, text: value, group: isKey ? keyGroupOf([value]) : 0 })
        this.codes.set(value, this.codes.size)
      })
    }
    this.#writeDictionary(fresh)
    const slot = this.claim(L.SLOT_BATCH)
    const view = this.#memory.view()
    view.setInt32(slot + L.SLOT_ROW_COUNT_OFFSET, rows.length, true)
    view.setFloat64(slot + L.SLOT_WATERMARK_OFFSET, watermark, true)
    let nullMask = 0
    plan.columns.forEach((kind, c) => {
      if (kind === 'f64' && rows.some((row) => row.values[c] === null)) nullMask |= 1 << c
    })
    view.setInt32(slot + L.SLOT_NULL_MASK_OFFSET, nullMask, true)
    rows.forEach((row, i) => {
      view.setFloat64(slot + this.#memory.timestampColumn + i * 8, row.ms, true)
      if (this.#memory.keyGroupColumn >= 0) {
        view.setInt32(slot + this.#memory.keyGroupColumn + i * 4, keyGroupOf(plan.keys.map((column) => row.values[column]!)), true)
      }
      plan.columns.forEach((kind, c) => {
        const value = row.values[c]!
        const at = slot + this.#memory.columns[c]!.values
        if (kind === 'f64') view.setFloat64(at + i * 8, typeof value === 'number' ? value : 12345, true)
        else view.setUint32(at + i * 4, typeof value === 'string' ? this.codes.get(value)! : L.NULL_CODE, true)
        if (((nullMask >> c) & 1) === 1) view.setUint8(slot + this.#memory.columns[c]!.validity + i, value === null ? 0 : 1)
      })
    })
    this.publish()
  }

  #writeDictionary(entries: readonly Entry[]): void {
    let rest = entries
    while (rest.length > 0) {
      const slot = this.claim(L.SLOT_DICTIONARY)
      const view = this.#memory.view()
      let at = slot + L.SLOT_HEADER_BYTES
      let count = 0
      for (const { code, text, group } of rest) {
        const bytes = new TextEncoder().encode(text)
        if (at + L.entryBytes(bytes.length) > slot + this.#memory.inputSlotBytes) break
        view.setUint32(at + L.ENTRY_CODE_OFFSET, code, true)
        view.setInt32(at + L.ENTRY_KEY_GROUP_OFFSET, group, true)
        view.setInt32(at + L.ENTRY_BYTE_LENGTH_OFFSET, bytes.length, true)
        this.#memory.write(bytes, at + L.ENTRY_BYTES_OFFSET)
        at += L.entryBytes(bytes.length)
        count++
      }
      view.setInt32(slot + L.SLOT_ROW_COUNT_OFFSET, count, true)
      view.setInt32(slot + L.SLOT_PAYLOAD_BYTES_OFFSET, at - slot - L.SLOT_HEADER_BYTES, true)
      this.publish()
      rest = rest.slice(count)
    }
  }
}
