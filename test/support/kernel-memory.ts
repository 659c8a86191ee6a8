/**
 * The memory of one kernel in a test: rings, config and state laid out one behind the other, and the config written from a plan.
 *
 * Before: a plan in plain words. After: kernel-input writes its input ring, kernel-output reads its output ring.
 *
 * Invariant: everything here follows from the drawings in kernel/layout.ts.
 */

import * as L from '../../kernel/layout.ts'
import { type Aggregate, AGGREGATE_NAMES, type KernelPlan } from './kernel-plan.ts'
import { writePaneConfig } from './pane-config.ts'

const LATE = { drop: L.LATE_DROP, output: L.LATE_OUTPUT, fail: L.LATE_FAIL }
const INPUT_DICTIONARY_BYTES_MIN = 4096

const align = (bytes: number) => (bytes + 63) & ~63

export class KernelMemory {
  readonly plan: KernelPlan
  readonly memory: WebAssembly.Memory
  /** The input ring, the output ring. */
  readonly input: number
  readonly output: number
  readonly inputSlotBytes: number
  readonly outputSlotBytes: number
  readonly batchRowsMax: number
  readonly resultRowsMax: number
  readonly epoch: number
  /** Where columns lie in a slot; −1: there is none. */
  readonly timestampColumn: number
  readonly keyGroupColumn: number
  readonly columns: readonly { values: number; validity: number }[]
  /** Columns of a result. */
  readonly firstKey: number
  readonly aggregateCount: number

  constructor(plan: KernelPlan, isShared: boolean) {
    this.plan = plan
    this.epoch = plan.epoch ?? 3
    this.batchRowsMax = plan.batchRowsMax ?? 64
    this.resultRowsMax = plan.resultRowsMax ?? 16
    let at = L.SLOT_HEADER_BYTES
    const take = (bytes: number) => {
      const offset = at
      at = align(at + bytes * this.batchRowsMax)
      return offset
    }
    this.timestampColumn = take(8)
    this.keyGroupColumn = plan.keyGroupColumn === false ? -1 : take(4)
    this.columns = plan.columns.map((kind) => ({ values: take(kind === 'f64' ? 8 : 4), validity: take(1) }))
    this.inputSlotBytes = Math.max(at, INPUT_DICTIONARY_BYTES_MIN)
    this.firstKey = plan.panes === undefined ? L.RESULT_FIRST_KEY : L.PANE_RESULT_FIRST_KEY
    this.aggregateCount = (plan.panes ?? plan).aggregates.length
    const resultColumns = this.firstKey + plan.keys.length + this.aggregateCount
    this.outputSlotBytes = Math.max(L.resultSlotBytes(resultColumns, this.resultRowsMax), this.inputSlotBytes)
    const inputSlots = plan.inputSlots ?? 4
    const outputSlots = plan.outputSlots ?? 4
    this.input = L.RINGS_OFFSET
    this.output = align(this.input + L.ringBytes(inputSlots, this.inputSlotBytes))
    const state = align(this.output + L.ringBytes(outputSlots, this.outputSlotBytes))
    const initial = Math.ceil(state / L.PAGE_BYTES) + 1
    this.memory = new WebAssembly.Memory({ initial: Math.max(initial, 4), maximum: 65536, shared: isShared })
    const view = this.view()
    this.#writeRing(view, this.input, inputSlots, this.inputSlotBytes)
    this.#writeRing(view, this.output, outputSlots, this.outputSlotBytes)
    this.#writeConfig(view, state)
    if (plan.panes !== undefined) writePaneConfig(view, plan.panes)
  }

  view(): DataView {
    return new DataView(this.memory.buffer)
  }

  /** A copy of bytes of the memory. */
  bytes(from: number, length: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.memory.buffer).slice(from, from + length)
  }

  write(bytes: Uint8Array, at: number): void {
    new Uint8Array(this.memory.buffer).set(bytes, at)
  }

  slotCount(ring: number): number {
    return this.view().getInt32(ring + L.RING_SLOT_COUNT_OFFSET, true)
  }

  pending(ring: number): number {
    const view = this.view()
    return (view.getInt32(ring + L.RING_TAIL_OFFSET, true) - view.getInt32(ring + L.RING_HEAD_OFFSET, true)) | 0
  }

  slot(ring: number, position: number, bytes: number): number {
    return ring + L.RING_SLOTS_OFFSET + (position & (this.slotCount(ring) - 1)) * bytes
  }

  #writeRing(view: DataView, ring: number, slots: number, bytes: number): void {
    view.setInt32(ring + L.RING_SLOT_COUNT_OFFSET, slots, true)
    view.setInt32(ring + L.RING_SLOT_BYTES_OFFSET, bytes, true)
  }

  #writeConfig(view: DataView, state: number): void {
    const { plan } = this
    const i32 = (offset: number, value: number) => view.setInt32(L.CONFIG_OFFSET + offset, value, true)
    const f64 = (offset: number, value: number) => view.setFloat64(L.CONFIG_OFFSET + offset, value, true)
    i32(L.CONFIG_LAYOUT_VERSION, L.LAYOUT_VERSION)
    i32(L.CONFIG_INPUT_RING, this.input)
    i32(L.CONFIG_OUTPUT_RING, this.output)
    i32(L.CONFIG_STATE, state)
    i32(L.CONFIG_PAGES_MAX, plan.pagesMax ?? 4096)
    i32(L.CONFIG_LATE_POLICY, LATE[plan.latePolicy ?? 'drop'])
    i32(L.CONFIG_EPOCH, this.epoch)
    i32(L.CONFIG_TABLE_BYTES_MAX, plan.tableBytesMax ?? 1 << 20)
    f64(L.CONFIG_SIZE_MS, plan.sizeMs)
    f64(L.CONFIG_SLIDE_MS, plan.slideMs)
    f64(L.CONFIG_OFFSET_MS, plan.offsetMs ?? 0)
    f64(L.CONFIG_LATENESS_MS, plan.latenessMs ?? 0)
    i32(L.CONFIG_BATCH_ROWS_MAX, this.batchRowsMax)
    i32(L.CONFIG_RESULT_ROWS_MAX, this.resultRowsMax)
    i32(L.CONFIG_TIMESTAMP_COLUMN, this.timestampColumn)
    i32(L.CONFIG_KEY_GROUP_COLUMN, this.keyGroupColumn)
    i32(L.CONFIG_COLUMN_COUNT, plan.columns.length)
    i32(L.CONFIG_KEY_COUNT, plan.keys.length)
    plan.columns.forEach((kind, c) => {
      const at = L.CONFIG_COLUMNS + c * L.CONFIG_COLUMN_BYTES
      i32(at, kind === 'f64' ? L.COLUMN_F64 : L.COLUMN_CODE)
      i32(at + 4, this.columns[c]!.values)
      i32(at + 8, this.columns[c]!.validity)
    })
    plan.keys.forEach((column, k) => i32(L.CONFIG_KEYS + k * 4, column))
    const values: { column: number; parts: number }[] = []
    plan.aggregates.forEach(({ fn, column }, a) => {
      let value = -1
      if (fn !== 'countRows') {
        value = values.findIndex((known) => known.column === column)
        if (value < 0) value = values.push({ column: column!, parts: L.PART_BASIC }) - 1
        values[value]!.parts |= partOf(fn)
      }
      i32(L.CONFIG_AGGREGATES + a * L.CONFIG_AGGREGATE_BYTES, AGGREGATE_NAMES.indexOf(fn))
      i32(L.CONFIG_AGGREGATES + a * L.CONFIG_AGGREGATE_BYTES + 4, value)
    })
    values.forEach(({ column, parts }, v) => {
      i32(L.CONFIG_VALUES + v * L.CONFIG_VALUE_BYTES, column)
      i32(L.CONFIG_VALUES + v * L.CONFIG_VALUE_BYTES + 4, parts)
    })
    i32(L.CONFIG_VALUE_COUNT, values.length)
    i32(L.CONFIG_AGGREGATE_COUNT, plan.aggregates.length)
  }
}

function partOf(fn: Aggregate): number {
  if (fn.startsWith('variance') || fn.startsWith('stddev')) return L.PART_MOMENTS
  if (fn === 'first' || fn === 'last') return L.PART_ENDS
  return fn === 'sumCompensated' ? L.PART_COMPENSATED : L.PART_BASIC
}
