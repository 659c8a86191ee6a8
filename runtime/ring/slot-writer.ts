/**
 * Writes columns, dictionary entries and controls into the slots of one input ring.
 *
 * Before: coordinator/exchange decides what goes where. After: the kernel's batch/record-batch reads the same offsets.
 *
 * Invariant: a slot is complete, header included, before it is published.
 */

import * as L from '../../kernel/layout.ts'
import type { Dictionary } from '../dictionary.ts'
import { RecordError } from '../errors.ts'
import type { Column, RecordBatch } from '../record-batch.ts'
import type { ShippedColumn, SubtaskLayout } from '../subtask/subtask-layout.ts'
import { type RingMemory, RingProducer } from './spsc-ring.ts'

/** Typed views of a slot's columns, made once for each slot of the ring. */
interface SlotViews {
  readonly times: Float64Array
  readonly keyGroups: Uint32Array | null
  readonly values: readonly (Float64Array | Uint32Array)[]
  readonly validity: readonly Uint8Array[]
}

export class SlotWriter {
  readonly #layout: SubtaskLayout
  readonly #ring: RingProducer
  readonly #memory: RingMemory
  #view: DataView
  #bytes: Uint8Array
  readonly #epoch: number
  readonly #slots = new Map<number, SlotViews>()
  /** Of the codes in the last slot that had any. */
  #generation = 0

  constructor(layout: SubtaskLayout, memory: RingMemory, epoch: number) {
    this.#layout = layout
    this.#memory = memory
    this.#ring = new RingProducer(memory, layout.input)
    this.#view = new DataView(memory.buffer)
    this.#bytes = new Uint8Array(memory.buffer)
    this.#epoch = epoch
  }

  /** A slot to write, or -1. A plain memory that grew has detached its buffer: views are made anew. */
  #claim(): number {
    if (this.#bytes.length === 0) {
      this.#view = new DataView(this.#memory.buffer)
      this.#bytes = new Uint8Array(this.#memory.buffer)
      this.#slots.clear()
    }
    return this.#ring.claim()
  }

  /** Slots published and not yet released. */
  get fill(): number {
    return this.#ring.fill
  }

  /**
   * Writes and publishes a slot without rows.
   *
   * @param clockMs - The host's clock; NaN: the kernel is not told.
   * @returns false when the ring is full.
   */
  writeControl(kind: number, watermarkMs: number, checkpointId: number, clockMs = Number.NaN): boolean {
    const slot = this.#claim()
    if (slot < 0) return false
    // A slot of another generation would begin another dictionary, codes or no codes.
    this.#writeHeader(slot, kind, 0, watermarkMs, this.#generation, clockMs)
    this.#view.setFloat64(slot + L.SLOT_CHECKPOINT_OFFSET, checkpointId, true)
    this.#ring.publish()
    return true
  }

  /**
   * Writes as many entries as fit in one slot, from `codes[from]` on.
   *
   * @returns the index of the first entry that was not written, or -1 when the ring is full.
   */
  writeEntries(dictionary: Dictionary, codes: readonly number[], from: number, groupOf: (code: number) => number): number {
    const slot = this.#claim()
    if (slot < 0) return -1
    const end = slot + this.#layout.input.slotBytes
    let at = slot + L.SLOT_HEADER_BYTES
    let index = from
    for (; index < codes.length; index++) {
      const code = codes[index]!
      const bytes = dictionary.bytesAt(code)
      if (at + L.entryBytes(bytes.length) > end) {
        if (index === from) throw this.#tooLong(bytes.length)
        break
      }
      this.#view.setUint32(at + L.ENTRY_CODE_OFFSET, code, true)
      this.#view.setInt32(at + L.ENTRY_KEY_GROUP_OFFSET, groupOf(code), true)
      this.#view.setInt32(at + L.ENTRY_BYTE_LENGTH_OFFSET, bytes.length, true)
      this.#bytes.set(bytes, at + L.ENTRY_BYTES_OFFSET)
      at += L.entryBytes(bytes.length)
    }
    this.#writeHeader(slot, L.SLOT_DICTIONARY, index - from, Number.NaN, dictionary.generation, Number.NaN)
    this.#view.setInt32(slot + L.SLOT_PAYLOAD_BYTES_OFFSET, at - slot - L.SLOT_HEADER_BYTES, true)
    this.#ring.publish()
    return index
  }

  /**
   * Writes and publishes `count` rows of the batch.
   *
   * @param rows - Which rows (`rows[from .. from + count)`), or null for `from .. from + count` themselves.
   * @param clockMs - The host's clock when the rows are processed; NaN: the kernel is not told.
   * @returns false when the ring is full.
   */
  writeRows(
    batch: RecordBatch,
    times: Float64Array,
    groups: Uint16Array,
    rows: Uint32Array | null,
    from: number,
    count: number,
    watermarkMs: number,
    generation: number,
    clockMs: number,
  ): boolean {
    const slot = this.#claim()
    if (slot < 0) return false
    const views = this.#slots.get(slot) ?? this.#makeViews(slot)
    copyNumbers(views.times, times, rows, from, count)
    if (views.keyGroups !== null) copyNumbers(views.keyGroups, groups, rows, from, count)
    let nullMask = 0
    const { columns } = this.#layout
    for (let index = 0; index < columns.length; index++) {
      const shipped = columns[index]!
      const column = batch.columns[shipped.source]!
      const target = views.values[index]!
      if (shipped.form === 'presence') target.fill(0, 0, count)
      else copyNumbers(target, column.values, rows, from, count)
      if (column.validity === null) continue
      nullMask |= 1 << index
      copyNumbers(views.validity[index]!, column.validity, rows, from, count)
      if (shipped.form === 'code') markNulls(target as Uint32Array, views.validity[index]!, count)
    }
    this.#writeHeader(slot, L.SLOT_BATCH, count, watermarkMs, generation, clockMs)
    this.#view.setInt32(slot + L.SLOT_NULL_MASK_OFFSET, nullMask, true)
    this.#ring.publish()
    return true
  }

  #tooLong(byteLength: number): RecordError {
    const { uid, input } = this.#layout
    const most = input.slotBytes - L.SLOT_HEADER_BYTES - L.ENTRY_BYTES_OFFSET - 8
    return new RecordError(
      'TEXT_TOO_LONG',
      `Operator ${uid} cannot take a text of ${byteLength} bytes: at most ${most} fit in a slot; shorten it by a map before, or raise batchRows`,
    )
  }

  #writeHeader(slot: number, kind: number, rowCount: number, watermarkMs: number, generation: number, clockMs: number): void {
    const view = this.#view
    view.setInt32(slot + L.SLOT_KIND_OFFSET, kind, true)
    view.setInt32(slot + L.SLOT_ROW_COUNT_OFFSET, rowCount, true)
    view.setFloat64(slot + L.SLOT_WATERMARK_OFFSET, watermarkMs, true)
    view.setInt32(slot + L.SLOT_EPOCH_OFFSET, this.#epoch, true)
    view.setInt32(slot + L.SLOT_NULL_MASK_OFFSET, 0, true)
    view.setInt32(slot + L.SLOT_PAYLOAD_BYTES_OFFSET, 0, true)
    view.setInt32(slot + L.SLOT_GENERATION_OFFSET, generation, true)
    this.#generation = generation
    view.setFloat64(slot + L.SLOT_PROCESSING_TIME_OFFSET, clockMs, true)
  }

  #makeViews(slot: number): SlotViews {
    const { buffer } = this.#view
    const { batchRowsMax, columns, timestampOffset, keyGroupOffset } = this.#layout
    const views: SlotViews = {
      times: new Float64Array(buffer, slot + timestampOffset, batchRowsMax),
      keyGroups: keyGroupOffset < 0 ? null : new Uint32Array(buffer, slot + keyGroupOffset, batchRowsMax),
      values: columns.map((column) => valuesView(column, buffer, slot, batchRowsMax)),
      validity: columns.map((column) => new Uint8Array(buffer, slot + column.validityOffset, batchRowsMax)),
    }
    this.#slots.set(slot, views)
    return views
  }
}

export function valuesView(column: ShippedColumn, buffer: ArrayBufferLike, slot: number, rows: number): Float64Array | Uint32Array {
  return column.form === 'code'
    ? new Uint32Array(buffer, slot + column.valuesOffset, rows)
    : new Float64Array(buffer, slot + column.valuesOffset, rows)
}

type Numbers = Column['values'] | Uint16Array

function copyNumbers(target: Numbers, source: Numbers, rows: Uint32Array | null, from: number, count: number): void {
  if (rows === null) {
    target.set(from === 0 && source.length === count ? source : source.subarray(from, from + count))
  } else if (target instanceof Float64Array && source instanceof Float64Array) {
    gatherF64(target, source, rows, from, count)
  } else if (target instanceof Uint32Array && source instanceof Uint32Array) {
    gatherU32(target, source, rows, from, count)
  } else {
    for (let at = 0; at < count; at++) target[at] = source[rows[from + at]!]!
  }
}

// One loop for each common pair of types: a loop that has seen several kinds of arrays is some three times as slow.
function gatherF64(target: Float64Array, source: Float64Array, rows: Uint32Array, from: number, count: number): void {
  for (let at = 0; at < count; at++) target[at] = source[rows[from + at]!]!
}

function gatherU32(target: Uint32Array, source: Uint32Array, rows: Uint32Array, from: number, count: number): void {
  for (let at = 0; at < count; at++) target[at] = source[rows[from + at]!]!
}

function markNulls(codes: Uint32Array, validity: Uint8Array, count: number): void {
  for (let row = 0; row < count; row++) if (validity[row] === 0) codes[row] = L.NULL_CODE
}
