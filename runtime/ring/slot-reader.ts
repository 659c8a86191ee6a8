/**
 * Reads the slots of one output ring back into batches: results with their panes, late rows, the kernel's dictionary.
 *
 * Before: the kernel's batch/pane-writer. After: coordinator/outlet merges the subtasks' items.
 *
 * Invariant: a batch that is a view of a slot is used only until the slot is released; all others are copies.
 */

import * as L from '../../kernel/layout.ts'
import { newValues } from '../batch-builder.ts'
import { KernelError } from '../errors.ts'
import { type Column, type ColumnValues, type DictionaryView, type PaneColumns, RecordBatch } from '../record-batch.ts'
import type { Schema } from '../schema.ts'
import { type AggregateLayout, firstKeyColumn, type SubtaskLayout } from '../subtask/subtask-layout.ts'
import { RingConsumer, type RingMemory } from './spsc-ring.ts'
import { valuesView } from './slot-writer.ts'

/** What came out of a subtask, in order. */
export type OutputItem =
  | { readonly kind: 'results'; readonly batch: RecordBatch }
  | { readonly kind: 'late'; readonly batch: RecordBatch }
  | { readonly kind: 'operations'; readonly bytes: Uint8Array }
  | { readonly kind: 'watermark'; readonly watermarkMs: number }
  | { readonly kind: 'barrier'; readonly checkpointId: number }
  | { readonly kind: 'end' }

// A byte order mark is a character like others here.
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

class KernelDictionary implements DictionaryView {
  readonly #strings: string[] = []

  set(code: number, text: string): void {
    this.#strings[code] = text
  }

  stringAt(code: number): string {
    return this.#strings[code]!
  }
}

/** Reads results that lie not in their cells but where the cells point. */
export interface CellReader {
  /** Takes a piece of the stream of operations. @returns those that are whole. */
  operations(payload: Uint8Array): Uint8Array
  /** Takes bytes that cells of the next results point into; they are its own. */
  add(bytes: Uint8Array): void
  /**
   * The column of an aggregate; it may be kept.
   *
   * @param cells - Offset and length in bytes of each row's result, two numbers a row.
   */
  read(aggregate: AggregateLayout, cells: Uint32Array, validity: Uint8Array | null): Column
  /** Forgets the bytes: other results follow. */
  clear(): void
}

export interface SlotReaderOptions {
  readonly layout: SubtaskLayout
  /** Columns as the kernel gives them: the window's bounds, keys, and the aggregates of the layout. */
  readonly resultSchema: Schema
  /** Of layouts that have results of texts or lists. */
  readonly newCells?: (() => CellReader) | null
  readonly streamSchema: Schema
  /** The producer's dictionary that late rows' codes belong to. */
  readonly lateDictionary: (generation: number) => DictionaryView | undefined
  readonly epoch: number
}

export class SlotReader {
  readonly #options: SlotReaderOptions
  readonly #memory: RingMemory
  readonly #ring: RingConsumer
  #view: DataView
  readonly #dictionary = new KernelDictionary()
  readonly #cells: CellReader | null

  constructor(memory: RingMemory, options: SlotReaderOptions) {
    this.#options = options
    this.#cells = options.newCells?.() ?? null
    this.#memory = memory
    this.#ring = new RingConsumer(memory, options.layout.output)
    this.#view = new DataView(memory.buffer)
  }

  get #buffer(): ArrayBufferLike {
    return this.#view.buffer
  }

  /** Slots that wait to be read. */
  get fill(): number {
    return this.#ring.fill
  }

  /**
   * What the oldest slot holds, or null when there is none; call {@link release} when its batches are no longer needed.
   *
   * Batches are views of the ring where the memory is shared. A plain memory may be replaced under a view when it grows: there they are copies.
   */
  peek(): OutputItem[] | null {
    const slot = this.#ring.take()
    if (slot < 0) return null
    this.#refresh()
    const items: OutputItem[] = []
    this.#read(slot, items, typeof SharedArrayBuffer === 'function' && this.#buffer instanceof SharedArrayBuffer)
    return items
  }

  /** Gives the slot last peeked at back. */
  release(): void {
    this.#ring.release()
  }

  /** Takes everything that is there, as copies. @returns whether anything was. */
  drain(items: OutputItem[]): boolean {
    let slot = this.#ring.take()
    if (slot < 0) return false
    this.#refresh()
    for (; slot >= 0; slot = this.#ring.take()) {
      this.#read(slot, items, false)
      this.#ring.release()
    }
    return true
  }

  /** A memory that grew has another buffer, and a plain one has detached the old. */
  #refresh(): void {
    if (this.#view.buffer !== this.#memory.buffer) this.#view = new DataView(this.#memory.buffer)
  }

  #read(slot: number, items: OutputItem[], isView: boolean): void {
    const view = this.#view
    const epoch = view.getInt32(slot + L.SLOT_EPOCH_OFFSET, true)
    if (epoch !== this.#options.epoch) {
      throw new KernelError(
        'EPOCH_MISMATCH',
        `Subtask of ${this.#options.layout.uid} wrote a slot of epoch ${epoch}; this is epoch ${this.#options.epoch}`,
      )
    }
    const rowCount = view.getInt32(slot + L.SLOT_ROW_COUNT_OFFSET, true)
    const kind = view.getInt32(slot + L.SLOT_KIND_OFFSET, true)
    switch (kind) {
      case L.SLOT_DICTIONARY:
        this.#readEntries(slot, rowCount)
        return
      case L.SLOT_OPERATIONS:
        items.push({ kind: 'operations', bytes: this.#cells!.operations(this.#payload(slot)) })
        return
      case L.SLOT_BLOB:
        this.#cells!.add(this.#payload(slot))
        return
      case L.SLOT_RESULT:
        if (rowCount > 0) items.push({ kind: 'results', batch: this.#readResults(slot, rowCount, isView) })
        break
      case L.SLOT_LATE:
        if (rowCount > 0) items.push({ kind: 'late', batch: this.#readLate(slot, rowCount) })
        break
      case L.SLOT_BARRIER:
        items.push({ kind: 'barrier', checkpointId: view.getFloat64(slot + L.SLOT_CHECKPOINT_OFFSET, true) })
        return
      case L.SLOT_END:
        items.push({ kind: 'end' })
        return
      default:
        throw new KernelError('SLOT_KIND_UNKNOWN', `Subtask of ${this.#options.layout.uid} wrote a slot of unknown kind ${kind}`)
    }
    const watermarkMs = view.getFloat64(slot + L.SLOT_WATERMARK_OFFSET, true)
    if (!Number.isNaN(watermarkMs)) items.push({ kind: 'watermark', watermarkMs })
  }

  /** The bytes behind the header, a copy. */
  #payload(slot: number): Uint8Array {
    const byteLength = this.#view.getInt32(slot + L.SLOT_PAYLOAD_BYTES_OFFSET, true)
    return new Uint8Array(this.#buffer, slot + L.SLOT_HEADER_BYTES, byteLength).slice()
  }

  #readEntries(slot: number, count: number): void {
    let at = slot + L.SLOT_HEADER_BYTES
    for (let index = 0; index < count; index++) {
      const byteLength = this.#view.getInt32(at + L.ENTRY_BYTE_LENGTH_OFFSET, true)
      // A copy: browsers do not decode from shared memory.
      const bytes = new Uint8Array(this.#buffer, at + L.ENTRY_BYTES_OFFSET, byteLength).slice()
      this.#dictionary.set(this.#view.getUint32(at + L.ENTRY_CODE_OFFSET, true), decoder.decode(bytes))
      at += L.entryBytes(byteLength)
    }
  }

  #readResults(slot: number, rowCount: number, isView: boolean): RecordBatch {
    const { layout, resultSchema } = this.#options
    const rowsMax = layout.resultRowsMax
    const firstKey = firstKeyColumn(layout.kernel)
    const columnCount = firstKey + layout.keys.length + layout.aggregates.length
    const columns: Column[] = resultSchema.columns.map(({ name, type }, index) => {
      // The schema has windowStart, windowEnd, keys, aggregates; the slot has columns of the pane after the first two.
      const slotColumn = index < L.RESULT_PANE ? index : index - L.RESULT_PANE + firstKey
      const offset = slot + L.resultColumnOffset(slotColumn, rowsMax)
      const validity = index < L.RESULT_PANE ? this.#boundsValidity(rowCount) : this.#validity(slot, slotColumn, columnCount, rowCount)
      const aggregate = layout.aggregates[slotColumn - firstKey - layout.keys.length]
      if (aggregate !== undefined && aggregate.form.kind !== 'cell') {
        return this.#cells!.read(aggregate, new Uint32Array(this.#buffer, offset, rowCount * 2), validity)
      }
      const raw = new Float64Array(this.#buffer, offset, rowCount)
      const isNumber = type === 'f64' || type === 'timestamp'
      const values = !isNumber ? convert(raw, type) : isView ? raw : raw.slice()
      return { name, type, values, validity, dictionary: type === 'utf8' ? this.#dictionary : null }
    })
    this.#cells?.clear()
    return new RecordBatch(resultSchema, columns, rowCount, this.#readPanes(slot, rowCount))
  }

  /** The global window has no bounds. */
  #boundsValidity(rowCount: number): Uint8Array | null {
    return this.#options.layout.window.window.kind === 'global' ? new Uint8Array(rowCount) : null
  }

  #validity(slot: number, column: number, columnCount: number, rowCount: number): Uint8Array | null {
    return copyValidity(this.#buffer, slot + L.resultValidityOffset(column, columnCount, this.#options.layout.resultRowsMax), rowCount)
  }

  #readPanes(slot: number, rowCount: number): PaneColumns {
    const { layout } = this.#options
    const numbers = (column: number) => new Float64Array(this.#buffer, slot + L.resultColumnOffset(column, layout.resultRowsMax), rowCount)
    const panes = numbers(L.RESULT_PANE)
    const changes = layout.kernel === 'panes' ? numbers(L.RESULT_CHANGE) : null
    const index = new Uint32Array(rowCount)
    const timing = new Uint8Array(rowCount)
    const change = new Uint8Array(rowCount)
    const isLast = new Uint8Array(rowCount)
    // Windows of the slice kernel fire again only for late records that are still allowed.
    const isOnlyPane = layout.window.allowedLatenessMs === 0
    for (let row = 0; row < rowCount; row++) {
      const pane = panes[row]!
      index[row] = Math.floor(pane / 4)
      timing[row] = pane & 3
      if (changes !== null) {
        change[row] = changes[row]! & 3
        isLast[row] = changes[row]! >= L.CHANGE_LAST ? 1 : 0
      } else {
        change[row] = index[row] === 0 ? L.CHANGE_INSERT : L.CHANGE_UPDATE_AFTER
        isLast[row] = isOnlyPane ? 1 : 0
      }
    }
    return { index, timing, change, isLast }
  }

  #readLate(slot: number, rowCount: number): RecordBatch {
    const { layout, streamSchema } = this.#options
    const nullMask = this.#view.getInt32(slot + L.SLOT_NULL_MASK_OFFSET, true)
    const generation = this.#view.getInt32(slot + L.SLOT_GENERATION_OFFSET, true)
    const columns: Column[] = streamSchema.columns.map(({ name, type }, source) => {
      const index = layout.columns.findIndex((column) => column.source === source && column.form !== 'presence')
      const shipped = layout.columns[index]!
      const raw = valuesView(shipped, this.#buffer, slot, rowCount)
      const validity = (nullMask & (1 << index)) === 0 ? null : copyValidity(this.#buffer, slot + shipped.validityOffset, rowCount)
      const values = raw instanceof Uint32Array ? raw.slice() : convert(raw, type)
      return { name, type, values, validity, dictionary: type === 'utf8' ? (this.#options.lateDictionary(generation) ?? null) : null }
    })
    return new RecordBatch(streamSchema, columns, rowCount)
  }
}

/** Numbers of a slot as the column's own array, a copy. A loop, since `from` and a typed array of another type go by the iterator. */
function convert(raw: Float64Array, type: Column['type']): ColumnValues {
  const values = newValues(type, raw.length)
  for (let row = 0; row < raw.length; row++) values[row] = raw[row]!
  return values
}

/** The validity bytes as a plain copy, or null when no value is null. */
function copyValidity(buffer: ArrayBufferLike, offset: number, rowCount: number): Uint8Array | null {
  const bytes = new Uint8Array(buffer, offset, rowCount)
  return bytes.includes(0) ? bytes.slice() : null
}
