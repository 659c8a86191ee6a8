/**
 * What the job worker tells the page beside status and views: changed cells, late records, traced readings, and how far it has come.
 *
 * Before: the tables and the watched source. After: the page's model.
 * Everything goes in packets, at most one a frame, as columns whose buffers move, so that ten thousand changes cost the page as much as ten.
 * What changed leaves at once when a frame has passed since the packet before; how far the job has come may wait for it.
 *
 * Invariant: packets come in the order of what they tell; a packet that says `loaded` for a table replaces all that was known of it.
 */

import type { RecordBatch } from 'millrace'
import { deviceOf } from '../generator/fleet.ts'
import type { TracedReading } from '../watched-source.ts'
import { type CellChanges, type CellTable, wholeWindow } from './cell-table.ts'

export type TableName = 'devices' | 'late'

/** Records that came too late, as columns. */
export interface LateRecords {
  readonly number: Float64Array<ArrayBuffer>
  readonly device: Uint16Array<ArrayBuffer>
  readonly at: Float64Array<ArrayBuffer>
  readonly celsius: Float64Array<ArrayBuffer>
}

export interface Packet {
  readonly kind: 'packet'
  /** Tables that are to be emptied before the changes below are put in: the job began anew, or went back to a checkpoint. */
  readonly loaded: readonly TableName[]
  readonly devices: readonly CellChanges[]
  /** Only of a table that was loaded: late records follow one by one. */
  readonly lateCells: readonly CellChanges[]
  readonly late: LateRecords | null
  readonly traced: readonly TracedReading[]
  /** Number up to which the job has read; null: nothing since the packet before. */
  readonly reached: number | null
  /** When the packet was made, ms since the epoch, with fractions. */
  readonly madeMs: number
}

/** From the job worker to the page, on the worker's own channel. */
export type FromJob = Packet | { readonly kind: 'reader-wanted' } | { readonly kind: 'workers'; readonly count: number }

/** From the page to the job worker. */
export type ToJob =
  | { readonly kind: 'reader'; readonly port: MessagePort }
  /** Terminates one of the workers of the kernels. */
  | { readonly kind: 'crash' }

/** Least time between packets: a frame. */
const PACKET_MS = 16
/** How long what is no result waits for one to go with. */
const PATIENCE_MS = 33
const TRACED_MAX = 200

export class PagePort {
  readonly #post: (message: FromJob, transfer: Transferable[]) => void
  #tables = new Map<TableName, CellTable>()
  #loaded = new Set<TableName>()
  #late: RecordColumns = emptyRecords()
  #traced: TracedReading[] = []
  #reached: number | null = null
  #timer: ReturnType<typeof setTimeout> | undefined
  #dueMs = Number.POSITIVE_INFINITY
  #sentMs = Number.NEGATIVE_INFINITY

  constructor(post: (message: FromJob, transfer: Transferable[]) => void) {
    this.#post = post
  }

  loaded(name: TableName, table: CellTable): void {
    this.#tables.set(name, table)
    this.#loaded.add(name)
    if (name === 'late') this.#late = emptyRecords()
    this.#schedule()
  }

  /** Cells of a table have changed; the table knows which. */
  written(): void {
    this.#schedule()
  }

  late(batch: RecordBatch): void {
    const [number, device, at, celsius] = ['number', 'device', 'at', 'celsius'].map((name) => batch.column(name))
    for (let row = 0; row < batch.rowCount; row++) {
      this.#late.number.push(number!.values[row]!)
      this.#late.device.push(deviceOf(device!.dictionary!.stringAt(device!.values[row]!)))
      this.#late.at.push(at!.values[row]!)
      this.#late.celsius.push(celsius!.values[row]!)
    }
    this.#schedule()
  }

  traced(reading: TracedReading): void {
    if (this.#traced.length < TRACED_MAX) this.#traced.push(reading)
  }

  reached(number: number): void {
    this.#reached = number
    this.#schedule(PATIENCE_MS)
  }

  #schedule(patienceMs = 0): void {
    const nowMs = performance.now()
    const dueMs = Math.max(nowMs + patienceMs, this.#sentMs + PACKET_MS)
    if (dueMs >= this.#dueMs) return
    this.#dueMs = dueMs
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#flush(), dueMs - nowMs)
  }

  #flush(): void {
    this.#dueMs = Number.POSITIVE_INFINITY
    this.#sentMs = performance.now()
    const isLoaded = (name: TableName) => this.#loaded.has(name)
    const devices = this.#changesOf('devices')
    const lateCells = isLoaded('late') ? this.#changesOf('late') : []
    const late = this.#late.number.length === 0 ? null : columnsOf(this.#late)
    const packet: Packet = {
      kind: 'packet',
      loaded: [...this.#loaded],
      devices,
      lateCells,
      late,
      traced: this.#traced,
      reached: this.#reached,
      madeMs: performance.timeOrigin + performance.now(),
    }
    this.#loaded.clear()
    this.#late = emptyRecords()
    this.#traced = []
    this.#reached = null
    const columns = [...devices, ...lateCells].flatMap((changes) => buffersOf(changes))
    this.#post(packet, late === null ? columns : [...columns, ...buffersOf(late)])
  }

  #changesOf(name: TableName): readonly CellChanges[] {
    const table = this.#tables.get(name)
    if (table === undefined) return []
    if (!this.#loaded.has(name)) return table.takeChanges()
    table.takeChanges()
    return Array.from(table.windows(), wholeWindow)
  }
}

interface RecordColumns {
  readonly number: number[]
  readonly device: number[]
  readonly at: number[]
  readonly celsius: number[]
}

function emptyRecords(): RecordColumns {
  return { number: [], device: [], at: [], celsius: [] }
}

function columnsOf({ number, device, at, celsius }: RecordColumns): LateRecords {
  return {
    number: Float64Array.from(number),
    device: Uint16Array.from(device),
    at: Float64Array.from(at),
    celsius: Float64Array.from(celsius),
  }
}

function buffersOf(columns: object): ArrayBuffer[] {
  return Object.values(columns).flatMap((column) => (ArrayBuffer.isView(column) ? [column.buffer as ArrayBuffer] : []))
}
