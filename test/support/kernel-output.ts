/**
 * The output ring of a kernel in a test, decoded by the layout: panes, late records, watermarks, barriers and the end, in order.
 *
 * Before: the kernel writes the slots. After: kernel-harness, which hands them to tests in plain words.
 *
 * Invariant: texts are known by the entries that came before; a code without one is a failure.
 */

import * as L from '../../kernel/layout.ts'
import type { KernelInput } from './kernel-input.ts'
import type { KernelMemory } from './kernel-memory.ts'
import type { Output, Pane, Value } from './kernel-plan.ts'
import type { Found } from './naive-aggregates.ts'
import { decodeBlob, formOf } from './pane-config.ts'

export class KernelOutput {
  readonly outputs: Output[] = []
  readonly #memory: KernelMemory
  readonly #input: KernelInput
  /** Texts of the kernel, by its codes. */
  readonly #strings = new Map<number, string>()
  #blobs = new Uint8Array()

  /** @param input - Late records have the codes that it gave out. */
  constructor(memory: KernelMemory, input: KernelInput) {
    this.#memory = memory
    this.#input = input
  }

  /** Decodes and releases all output slots. */
  drain(): void {
    const view = this.#memory.view()
    const head = this.#memory.output + L.RING_HEAD_OFFSET
    while (this.#memory.pending(this.#memory.output) > 0) {
      this.#decode(view, this.#memory.slot(this.#memory.output, view.getInt32(head, true), this.#memory.outputSlotBytes))
      view.setInt32(head, (view.getInt32(head, true) + 1) | 0, true)
    }
  }

  #decode(view: DataView, slot: number): void {
    if (view.getInt32(slot + L.SLOT_EPOCH_OFFSET, true) !== this.#memory.epoch) throw new Error('epoch is missing')
    const kind = view.getInt32(slot + L.SLOT_KIND_OFFSET, true)
    const rows = view.getInt32(slot + L.SLOT_ROW_COUNT_OFFSET, true)
    const watermark = view.getFloat64(slot + L.SLOT_WATERMARK_OFFSET, true)
    if (kind === L.SLOT_DICTIONARY) this.#decodeDictionary(view, slot)
    else if (kind === L.SLOT_BLOB) this.#addBlob(view, slot)
    else if (kind === L.SLOT_RESULT) {
      for (let i = 0; i < rows; i++) this.outputs.push(this.#decodePane(view, slot, i))
      this.#blobs = new Uint8Array()
    } else if (kind === L.SLOT_LATE) for (let i = 0; i < rows; i++) this.outputs.push(this.#decodeLate(view, slot, i))
    else if (kind === L.SLOT_BARRIER) this.outputs.push({ kind: 'barrier', id: view.getFloat64(slot + L.SLOT_CHECKPOINT_OFFSET, true) })
    else if (kind === L.SLOT_END) this.outputs.push({ kind: 'end' })
    else throw new Error(`output slot of kind ${kind}`)
    if (!Number.isNaN(watermark)) this.outputs.push({ kind: 'watermark', ms: watermark })
  }

  #decodeDictionary(view: DataView, slot: number): void {
    const end = slot + L.SLOT_HEADER_BYTES + view.getInt32(slot + L.SLOT_PAYLOAD_BYTES_OFFSET, true)
    for (let at = slot + L.SLOT_HEADER_BYTES; at < end; ) {
      const length = view.getInt32(at + L.ENTRY_BYTE_LENGTH_OFFSET, true)
      const bytes = this.#memory.bytes(at + L.ENTRY_BYTES_OFFSET, length)
      this.#strings.set(view.getUint32(at + L.ENTRY_CODE_OFFSET, true), new TextDecoder().decode(bytes))
      at += L.entryBytes(length)
    }
  }

  #addBlob(view: DataView, slot: number): void {
    const more = this.#memory.bytes(slot + L.SLOT_HEADER_BYTES, view.getInt32(slot + L.SLOT_PAYLOAD_BYTES_OFFSET, true))
    const joined = new Uint8Array(this.#blobs.length + more.length)
    joined.set(this.#blobs)
    joined.set(more, this.#blobs.length)
    this.#blobs = joined
  }

  #decodePane(view: DataView, slot: number, row: number): Pane {
    const { plan, resultRowsMax } = this.#memory
    const columns = this.#memory.firstKey + plan.keys.length + this.#memory.aggregateCount
    const cell = (column: number) => view.getFloat64(slot + L.resultColumnOffset(column, resultRowsMax) + row * 8, true)
    const isThere = (column: number) => view.getUint8(slot + L.resultValidityOffset(column, columns, resultRowsMax) + row) === 1
    const keys = plan.keys.map((column, k): Value => {
      const at = this.#memory.firstKey + k
      if (!isThere(at)) return null
      if (plan.columns[column] === 'f64') return cell(at)
      const text = this.#strings.get(cell(at))
      if (text === undefined) throw new Error(`code ${cell(at)} was used before it was sent`)
      return text
    })
    const aggregates = plan.aggregates.map((_, a) => {
      const at = L.RESULT_FIRST_KEY + plan.keys.length + a
      return isThere(at) ? cell(at) : null
    })
    const results = plan.panes?.aggregates.map((aggregate, a): Found => {
      const at = this.#memory.firstKey + plan.keys.length + a
      if (!isThere(at)) return null
      const form = formOf(aggregate, plan.columns)
      if (form === L.RESULT_NUMBER) return cell(at)
      const pointer = slot + L.resultColumnOffset(at, resultRowsMax) + row * 8
      const offset = view.getUint32(pointer, true)
      return decodeBlob(this.#blobs.slice(offset, offset + view.getUint32(pointer + 4, true)), form, plan.columns.length)
    })
    const pane = cell(L.RESULT_PANE)
    return {
      kind: 'pane',
      start: cell(L.RESULT_WINDOW_START),
      end: cell(L.RESULT_WINDOW_END),
      index: Math.floor(pane / 4),
      timing: pane % 4,
      keys,
      aggregates,
      ...(results === undefined ? {} : { results, change: cell(L.RESULT_CHANGE) }),
    }
  }

  #decodeLate(view: DataView, slot: number, row: number): Output {
    const nullMask = view.getInt32(slot + L.SLOT_NULL_MASK_OFFSET, true)
    const texts = new Map([...this.#input.codes].map(([text, code]) => [code, text]))
    const values = this.#memory.plan.columns.map((kind, c): Value => {
      if (((nullMask >> c) & 1) === 1 && view.getUint8(slot + this.#memory.columns[c]!.validity + row) === 0) return null
      if (kind === 'f64') return view.getFloat64(slot + this.#memory.columns[c]!.values + row * 8, true)
      const code = view.getUint32(slot + this.#memory.columns[c]!.values + row * 4, true)
      return code === L.NULL_CODE ? null : texts.get(code)!
    })
    return { kind: 'late', ms: view.getFloat64(slot + this.#memory.timestampColumn + row * 8, true), values }
  }
}
