/**
 * One kernel in a test: lays out its memory, writes input slots, steps it, decodes its output.
 *
 * Before: a plan in plain words and a sequence of records and watermarks. After: panes, late records and watermarks in order, with
 * numbers as bits, so that equal means equal. Works with each build of the kernel.
 *
 * Invariant: the harness shares layout.ts with the kernel and nothing else.
 */

import { readFileSync } from 'node:fs'
import * as L from '../../kernel/layout.ts'
import type { Found } from './naive-aggregates.ts'
import { decodeBlob, formOf, type PanePlan, writePaneConfig } from './pane-config.ts'

export type Build = 'shared' | 'plain' | 'debug'
export type Value = number | string | null
export type Aggregate =
  | 'countRows'
  | 'count'
  | 'sum'
  | 'min'
  | 'max'
  | 'mean'
  | 'varianceSample'
  | 'variancePopulation'
  | 'stddevSample'
  | 'stddevPopulation'
  | 'first'
  | 'last'
  | 'sumCompensated'

export interface KernelPlan {
  readonly sizeMs: number
  readonly slideMs: number
  readonly offsetMs?: number
  readonly latenessMs?: number
  readonly columns: readonly ('f64' | 'utf8')[]
  readonly keys: readonly number[]
  readonly aggregates: readonly { readonly fn: Aggregate; readonly column?: number }[]
  readonly latePolicy?: 'drop' | 'output' | 'fail'
  readonly batchRowsMax?: number
  readonly resultRowsMax?: number
  readonly inputSlots?: number
  readonly outputSlots?: number
  readonly pagesMax?: number
  readonly tableBytesMax?: number
  readonly keyGroupColumn?: boolean
  readonly epoch?: number
  /** Runs on the pane kernel, with the aggregates given there. */
  readonly panes?: PanePlan
}

export interface KernelRecord {
  readonly ms: number
  readonly values: readonly Value[]
}
export type Op = KernelRecord | { readonly watermark: number }

export interface Pane {
  readonly kind: 'pane'
  readonly start: number
  readonly end: number
  readonly index: number
  readonly timing: number
  readonly keys: readonly Value[]
  readonly aggregates: readonly (number | null)[]
  /** Of the pane kernel: the aggregates as values, and CHANGE_*. */
  readonly results?: readonly Found[]
  readonly change?: number
}
export type Output =
  | Pane
  | { readonly kind: 'late'; readonly ms: number; readonly values: readonly Value[] }
  | { readonly kind: 'watermark'; readonly ms: number }
  | { readonly kind: 'barrier'; readonly id: number }
  | { readonly kind: 'end' }

export interface Exports {
  layoutVersion(): number
  configure(): number
  restoreAllocate(bytes: number): number
  restoreSection(ptr: number, bytes: number): number
  restoreEnd(): number
  step(slotsMax: number): number
  barrierId(): number
  snapshot(): number
  snapshotPtr(): number
  snapshotBytes(): number
  snapshotRelease(): void
  passBarrier(): number
  counter(index: number): number
}

export const KEY_GROUPS = 16
const AGGREGATES: readonly Aggregate[] = [
  'countRows',
  'count',
  'sum',
  'min',
  'max',
  'mean',
  'varianceSample',
  'variancePopulation',
  'stddevSample',
  'stddevPopulation',
  'first',
  'last',
  'sumCompensated',
]
const LATE = { drop: L.LATE_DROP, output: L.LATE_OUTPUT, fail: L.LATE_FAIL }
const INPUT_DICTIONARY_BYTES_MIN = 4096

export type KernelName = 'kernel' | 'kernel-panes'
const modules = new Map<string, WebAssembly.Module>()
export function wasmBytes(build: Build, name: KernelName = 'kernel'): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readFileSync(new URL(`../../dist/${name}-${build}.wasm`, import.meta.url)))
}
function wasm(build: Build, name: KernelName): WebAssembly.Module {
  const known = modules.get(name + build)
  if (known !== undefined) return known
  const made = new WebAssembly.Module(wasmBytes(build, name))
  modules.set(name + build, made)
  return made
}

function partOf(fn: Aggregate): number {
  if (fn.startsWith('variance') || fn.startsWith('stddev')) return L.PART_MOMENTS
  if (fn === 'first' || fn === 'last') return L.PART_ENDS
  return fn === 'sumCompensated' ? L.PART_COMPENSATED : L.PART_BASIC
}

/** Any pure function of the key will do: tests have no router. */
export function keyGroupOf(keys: readonly Value[]): number {
  let hash = 7
  for (const character of JSON.stringify(keys.map((key) => (typeof key === 'number' ? String(key === 0 ? 0 : key) : key)))) {
    hash = (Math.imul(hash, 31) + character.charCodeAt(0)) | 0
  }
  return (hash >>> 0) % KEY_GROUPS
}

const align = (bytes: number) => (bytes + 63) & ~63

export class Kernel {
  readonly plan: KernelPlan
  readonly build: Build
  readonly memory: WebAssembly.Memory
  readonly exports: Exports
  readonly outputs: Output[] = []
  readonly input: number
  readonly output: number
  readonly inputSlotBytes: number
  readonly outputSlotBytes: number
  readonly batchRowsMax: number
  readonly resultRowsMax: number
  generation = 1
  status: number
  readonly #timestampColumn: number
  readonly #keyGroupColumn: number
  readonly #columns: readonly { values: number; validity: number }[]
  readonly #codes = new Map<string, number>()
  readonly #strings = new Map<number, string>() // of the kernel
  readonly #epoch: number
  readonly #firstKey: number
  readonly #aggregateCount: number
  #blobs = new Uint8Array()

  constructor(plan: KernelPlan, build: Build = 'shared', options: { readonly restoring?: boolean } = {}) {
    this.plan = plan
    this.build = build
    this.#epoch = plan.epoch ?? 3
    this.batchRowsMax = plan.batchRowsMax ?? 64
    this.resultRowsMax = plan.resultRowsMax ?? 16
    let at = L.SLOT_HEADER_BYTES
    const take = (bytes: number) => {
      const offset = at
      at = align(at + bytes * this.batchRowsMax)
      return offset
    }
    this.#timestampColumn = take(8)
    this.#keyGroupColumn = plan.keyGroupColumn === false ? -1 : take(4)
    this.#columns = plan.columns.map((kind) => ({ values: take(kind === 'f64' ? 8 : 4), validity: take(1) }))
    this.inputSlotBytes = Math.max(at, INPUT_DICTIONARY_BYTES_MIN)
    this.#firstKey = plan.panes === undefined ? L.RESULT_FIRST_KEY : L.PANE_RESULT_FIRST_KEY
    this.#aggregateCount = (plan.panes ?? plan).aggregates.length
    const resultColumns = this.#firstKey + plan.keys.length + this.#aggregateCount
    this.outputSlotBytes = Math.max(L.resultSlotBytes(resultColumns, this.resultRowsMax), this.inputSlotBytes)
    const inputSlots = plan.inputSlots ?? 4
    const outputSlots = plan.outputSlots ?? 4
    this.input = L.RINGS_OFFSET
    this.output = align(this.input + L.ringBytes(inputSlots, this.inputSlotBytes))
    const state = align(this.output + L.ringBytes(outputSlots, this.outputSlotBytes))
    const initial = Math.ceil(state / L.PAGE_BYTES) + 1
    const isShared = build !== 'plain'
    this.memory = new WebAssembly.Memory({ initial: Math.max(initial, 4), maximum: 65536, shared: isShared })
    const view = this.view()
    this.#writeRing(view, this.input, inputSlots, this.inputSlotBytes)
    this.#writeRing(view, this.output, outputSlots, this.outputSlotBytes)
    this.#writeConfig(view, state)
    if (plan.panes !== undefined) writePaneConfig(view, plan.panes)
    const module = wasm(build, plan.panes === undefined ? 'kernel' : 'kernel-panes')
    this.exports = new WebAssembly.Instance(module, { env: { memory: this.memory } }).exports as unknown as Exports
    this.status = this.exports.configure()
    if (options.restoring !== true && this.status !== L.STATUS_OK) throw new Error(`configure answered ${this.status}`)
  }

  view(): DataView {
    return new DataView(this.memory.buffer)
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
    i32(L.CONFIG_EPOCH, this.#epoch)
    i32(L.CONFIG_TABLE_BYTES_MAX, plan.tableBytesMax ?? 1 << 20)
    f64(L.CONFIG_SIZE_MS, plan.sizeMs)
    f64(L.CONFIG_SLIDE_MS, plan.slideMs)
    f64(L.CONFIG_OFFSET_MS, plan.offsetMs ?? 0)
    f64(L.CONFIG_LATENESS_MS, plan.latenessMs ?? 0)
    i32(L.CONFIG_BATCH_ROWS_MAX, this.batchRowsMax)
    i32(L.CONFIG_RESULT_ROWS_MAX, this.resultRowsMax)
    i32(L.CONFIG_TIMESTAMP_COLUMN, this.#timestampColumn)
    i32(L.CONFIG_KEY_GROUP_COLUMN, this.#keyGroupColumn)
    i32(L.CONFIG_COLUMN_COUNT, plan.columns.length)
    i32(L.CONFIG_KEY_COUNT, plan.keys.length)
    plan.columns.forEach((kind, c) => {
      const at = L.CONFIG_COLUMNS + c * L.CONFIG_COLUMN_BYTES
      i32(at, kind === 'f64' ? L.COLUMN_F64 : L.COLUMN_CODE)
      i32(at + 4, this.#columns[c]!.values)
      i32(at + 8, this.#columns[c]!.validity)
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
      i32(L.CONFIG_AGGREGATES + a * L.CONFIG_AGGREGATE_BYTES, AGGREGATES.indexOf(fn))
      i32(L.CONFIG_AGGREGATES + a * L.CONFIG_AGGREGATE_BYTES + 4, value)
    })
    values.forEach(({ column, parts }, v) => {
      i32(L.CONFIG_VALUES + v * L.CONFIG_VALUE_BYTES, column)
      i32(L.CONFIG_VALUES + v * L.CONFIG_VALUE_BYTES + 4, parts)
    })
    i32(L.CONFIG_VALUE_COUNT, values.length)
    i32(L.CONFIG_AGGREGATE_COUNT, plan.aggregates.length)
  }

  /** Offset of the next free input slot, with an empty header; steps the kernel until there is one. */
  claim(kind: number): number {
    while (this.#pending(this.input) >= this.#slotCount(this.input)) this.advance()
    const view = this.view()
    const slot = this.#slot(this.input, view.getInt32(this.input + L.RING_TAIL_OFFSET, true), this.inputSlotBytes)
    view.setInt32(slot + L.SLOT_KIND_OFFSET, kind, true)
    view.setInt32(slot + L.SLOT_ROW_COUNT_OFFSET, 0, true)
    view.setFloat64(slot + L.SLOT_WATERMARK_OFFSET, Number.NaN, true)
    view.setInt32(slot + L.SLOT_EPOCH_OFFSET, this.#epoch, true)
    view.setInt32(slot + L.SLOT_NULL_MASK_OFFSET, 0, true)
    view.setInt32(slot + L.SLOT_GENERATION_OFFSET, this.generation, true)
    return slot
  }

  publish(): void {
    const view = this.view()
    const tail = this.input + L.RING_TAIL_OFFSET
    view.setInt32(tail, (view.getInt32(tail, true) + 1) | 0, true)
  }

  /** One call of `step`; drains the output ring when it is full. Throws on a failure. */
  advance(slotsMax = 2): number {
    this.status = this.exports.step(slotsMax)
    if (this.status === L.STATUS_OUTPUT_FULL) this.drain()
    if (this.status < 0) throw new KernelFailure(this.status)
    return this.status
  }

  /** Steps until the input ring is empty, or a barrier or the end is reached. */
  settle(): number {
    for (;;) {
      const status = this.advance()
      if (status === L.STATUS_IDLE || status === L.STATUS_BARRIER || status === L.STATUS_END) {
        this.drain()
        return status
      }
    }
  }

  /** Writes records and watermarks, cut into slots where `cut` says so. */
  feed(ops: readonly Op[], cut: (rows: number) => boolean = () => false): void {
    let rows: KernelRecord[] = []
    for (const op of ops) {
      if ('watermark' in op) {
        this.writeBatch(rows, op.watermark)
        rows = []
        continue
      }
      rows.push(op)
      if (rows.length < this.batchRowsMax && !cut(rows.length)) continue
      this.writeBatch(rows, Number.NaN)
      rows = []
    }
    if (rows.length > 0) this.writeBatch(rows, Number.NaN)
  }

  /** Forgets the codes given out: the next slots begin a new dictionary. */
  newGeneration(): void {
    this.generation++
    this.#codes.clear()
  }

  writeBatch(rows: readonly KernelRecord[], watermark: number): void {
    const { plan } = this
    const fresh: { code: number; text: string; group: number }[] = []
    for (const row of rows) {
      row.values.forEach((value, c) => {
        if (typeof value !== 'string' || this.#codes.has(value)) return
        const isKey = plan.keys.length === 1 && plan.keys[0] === c
        fresh.push({ code: this.#codes.size, text: value, group: isKey ? keyGroupOf([value]) : 0 })
        this.#codes.set(value, this.#codes.size)
      })
    }
    this.#writeDictionary(fresh)
    const slot = this.claim(L.SLOT_BATCH)
    const view = this.view()
    view.setInt32(slot + L.SLOT_ROW_COUNT_OFFSET, rows.length, true)
    view.setFloat64(slot + L.SLOT_WATERMARK_OFFSET, watermark, true)
    let nullMask = 0
    plan.columns.forEach((kind, c) => {
      if (kind === 'f64' && rows.some((row) => row.values[c] === null)) nullMask |= 1 << c
    })
    view.setInt32(slot + L.SLOT_NULL_MASK_OFFSET, nullMask, true)
    rows.forEach((row, i) => {
      view.setFloat64(slot + this.#timestampColumn + i * 8, row.ms, true)
      if (this.#keyGroupColumn >= 0) {
        view.setInt32(slot + this.#keyGroupColumn + i * 4, keyGroupOf(plan.keys.map((column) => row.values[column]!)), true)
      }
      plan.columns.forEach((kind, c) => {
        const value = row.values[c]!
        const at = slot + this.#columns[c]!.values
        if (kind === 'f64') view.setFloat64(at + i * 8, typeof value === 'number' ? value : 12345, true)
        else view.setUint32(at + i * 4, typeof value === 'string' ? this.#codes.get(value)! : L.NULL_CODE, true)
        if (((nullMask >> c) & 1) === 1) view.setUint8(slot + this.#columns[c]!.validity + i, value === null ? 0 : 1)
      })
    })
    this.publish()
  }

  #writeDictionary(entries: readonly { code: number; text: string; group: number }[]): void {
    let rest = entries
    while (rest.length > 0) {
      const slot = this.claim(L.SLOT_DICTIONARY)
      const view = this.view()
      let at = slot + L.SLOT_HEADER_BYTES
      let count = 0
      for (const { code, text, group } of rest) {
        const bytes = new TextEncoder().encode(text)
        if (at + L.entryBytes(bytes.length) > slot + this.inputSlotBytes) break
        view.setUint32(at + L.ENTRY_CODE_OFFSET, code, true)
        view.setInt32(at + L.ENTRY_KEY_GROUP_OFFSET, group, true)
        view.setInt32(at + L.ENTRY_BYTE_LENGTH_OFFSET, bytes.length, true)
        new Uint8Array(this.memory.buffer).set(bytes, at + L.ENTRY_BYTES_OFFSET)
        at += L.entryBytes(bytes.length)
        count++
      }
      view.setInt32(slot + L.SLOT_ROW_COUNT_OFFSET, count, true)
      view.setInt32(slot + L.SLOT_PAYLOAD_BYTES_OFFSET, at - slot - L.SLOT_HEADER_BYTES, true)
      this.publish()
      rest = rest.slice(count)
    }
  }

  end(): void {
    this.claim(L.SLOT_END)
    this.publish()
    this.settle()
  }

  /** Sends a barrier, takes a snapshot there and lets the barrier pass. */
  checkpoint(id: number): Uint8Array[] {
    const slot = this.claim(L.SLOT_BARRIER)
    this.view().setFloat64(slot + L.SLOT_CHECKPOINT_OFFSET, id, true)
    this.publish()
    if (this.settle() !== L.STATUS_BARRIER || this.exports.barrierId() !== id) throw new Error('no barrier')
    const sections = this.snapshot()
    if (this.exports.passBarrier() !== L.STATUS_OK) throw new Error('barrier did not pass')
    this.drain()
    return sections
  }

  snapshot(): Uint8Array[] {
    const status = this.exports.snapshot()
    if (status !== L.STATUS_OK) throw new KernelFailure(status)
    const ptr = this.exports.snapshotPtr() >>> 0
    const bytes = new Uint8Array(this.memory.buffer).slice(ptr, ptr + this.exports.snapshotBytes())
    this.exports.snapshotRelease()
    const sections: Uint8Array[] = []
    for (let at = 0; at < bytes.length; ) {
      const length = new DataView(bytes.buffer).getInt32(at + L.SECTION_BYTES_OFFSET, true)
      sections.push(bytes.slice(at, at + length))
      at += length
    }
    return sections
  }

  /** Restores sections; the first status that is not OK, or OK. */
  restore(sections: readonly Uint8Array[]): number {
    for (const section of sections) {
      const ptr = this.exports.restoreAllocate(section.length) >>> 0
      if (ptr === 0) return L.STATUS_STATE_LIMIT
      new Uint8Array(this.memory.buffer).set(section, ptr)
      const status = this.exports.restoreSection(ptr, section.length)
      if (status !== L.STATUS_OK) return status
    }
    return this.exports.restoreEnd()
  }

  #slotCount(ring: number): number {
    return this.view().getInt32(ring + L.RING_SLOT_COUNT_OFFSET, true)
  }
  #pending(ring: number): number {
    const view = this.view()
    return (view.getInt32(ring + L.RING_TAIL_OFFSET, true) - view.getInt32(ring + L.RING_HEAD_OFFSET, true)) | 0
  }
  #slot(ring: number, position: number, bytes: number): number {
    return ring + L.RING_SLOTS_OFFSET + (position & (this.#slotCount(ring) - 1)) * bytes
  }

  /** Decodes and releases all output slots. */
  drain(): void {
    const view = this.view()
    const head = this.output + L.RING_HEAD_OFFSET
    while (this.#pending(this.output) > 0) {
      this.#decode(view, this.#slot(this.output, view.getInt32(head, true), this.outputSlotBytes))
      view.setInt32(head, (view.getInt32(head, true) + 1) | 0, true)
    }
  }

  #decode(view: DataView, slot: number): void {
    if (view.getInt32(slot + L.SLOT_EPOCH_OFFSET, true) !== this.#epoch) throw new Error('epoch is missing')
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
      const bytes = new Uint8Array(this.memory.buffer).slice(at + L.ENTRY_BYTES_OFFSET, at + L.ENTRY_BYTES_OFFSET + length)
      this.#strings.set(view.getUint32(at + L.ENTRY_CODE_OFFSET, true), new TextDecoder().decode(bytes))
      at += L.entryBytes(length)
    }
  }

  #addBlob(view: DataView, slot: number): void {
    const from = slot + L.SLOT_HEADER_BYTES
    const more = new Uint8Array(this.memory.buffer).slice(from, from + view.getInt32(slot + L.SLOT_PAYLOAD_BYTES_OFFSET, true))
    const joined = new Uint8Array(this.#blobs.length + more.length)
    joined.set(this.#blobs)
    joined.set(more, this.#blobs.length)
    this.#blobs = joined
  }

  #decodePane(view: DataView, slot: number, row: number): Pane {
    const { plan, resultRowsMax } = this
    const columns = this.#firstKey + plan.keys.length + this.#aggregateCount
    const cell = (column: number) => view.getFloat64(slot + L.resultColumnOffset(column, resultRowsMax) + row * 8, true)
    const isThere = (column: number) => view.getUint8(slot + L.resultValidityOffset(column, columns, resultRowsMax) + row) === 1
    const keys = plan.keys.map((column, k): Value => {
      const at = this.#firstKey + k
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
      const at = this.#firstKey + plan.keys.length + a
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
    const texts = new Map([...this.#codes].map(([text, code]) => [code, text]))
    const values = this.plan.columns.map((kind, c): Value => {
      if (((nullMask >> c) & 1) === 1 && view.getUint8(slot + this.#columns[c]!.validity + row) === 0) return null
      if (kind === 'f64') return view.getFloat64(slot + this.#columns[c]!.values + row * 8, true)
      const code = view.getUint32(slot + this.#columns[c]!.values + row * 4, true)
      return code === L.NULL_CODE ? null : texts.get(code)!
    })
    return { kind: 'late', ms: view.getFloat64(slot + this.#timestampColumn + row * 8, true), values }
  }
}

export class KernelFailure extends Error {
  readonly status: number
  constructor(status: number) {
    super(`kernel status ${status}`)
    this.status = status
  }
}

const bitsOf = new DataView(new ArrayBuffer(8))
/** A number as its bits, anything else as JSON: equal strings, equal output. */
export function exact(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => {
    if (typeof part !== 'number' || Number.isSafeInteger(part)) return Object.is(part, -0) ? '-0' : part
    bitsOf.setFloat64(0, part)
    return bitsOf.getBigUint64(0).toString(16)
  })
}
