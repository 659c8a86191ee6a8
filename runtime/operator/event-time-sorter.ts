/**
 * `sortByEventTime`: holds rows back until the watermark has passed them, and lets them go in order of (event time, arrival).
 *
 * Before: stages, with event times. After: further stages, which see rows in order as long as none is late.
 * A late row (at or before the watermark when it comes) passes at once, or is dropped; it is counted either way.
 *
 * Invariant: the rows of one release are in order, and later than all rows of the releases before, but for those that had to be let go
 * early because the buffer was full.
 */

import type { Chunk } from '../coordinator/stage.ts'
import { pass } from '../coordinator/stage.ts'
import { ConfigError } from '../errors.ts'
import { mix } from '../dictionary.ts'
import type { SortByEventTimeSpec } from '../plan.ts'
import type { Schema } from '../schema.ts'
import type { OperatorNumbers, OperatorOutput, StatefulOperator } from './operator.ts'
import { RowStore } from './row-store.ts'
import { SlotHeap } from './slot-heap.ts'
import { StateReader, StateWriter } from './state-bytes.ts'

/** A buffer that has run empty gives its memory back when it is larger than this, in rows. */
const CAPACITY_KEPT = 1 << 16
/** Chunks of a snapshot end between two times of which one in so many is chosen by its value, so that what did not change is found again. */
const CUT_MASK = 0x7ff
const CHUNK_ROWS_LEAST = 512
const CHUNK_ROWS_MAX = 1 << 14
/** Dictionaries of restored rows count down from here: those of sources count up from 0. */
let restoredGeneration = -1

export class EventTimeSorter implements StatefulOperator {
  readonly uid: string
  readonly #spec: SortByEventTimeSpec
  readonly #output: OperatorOutput
  readonly #rows: RowStore
  readonly #heap = new SlotHeap()
  #watermarkMs = Number.NEGATIVE_INFINITY
  /** Rows held so far: their order of arrival. */
  #arrival = 0
  #slots = new Uint32Array(0)
  #leaving = new Uint32Array(0)
  #times = new Float64Array(0)
  readonly #counts = { recordsIn: 0, recordsOut: 0, latePassed: 0, lateDropped: 0, releasedEarly: 0 }

  constructor(spec: SortByEventTimeSpec, schema: Schema, output: OperatorOutput) {
    this.uid = spec.uid
    this.#spec = spec
    this.#output = output
    this.#rows = new RowStore(schema)
  }

  processBatch({ batch, times }: Chunk): void {
    const { rowCount } = batch
    if (this.#slots.length < rowCount) this.#slots = new Uint32Array(rowCount)
    if (this.#leaving.length < rowCount) this.#leaving = new Uint32Array(rowCount)
    const slots = this.#slots
    const leaving = this.#leaving
    this.#rows.add(batch, slots, this.#heap.slots)
    this.#heap.reserve(this.#rows.capacity)
    this.#counts.recordsIn += rowCount
    const { bufferRecordsMax } = this.#spec
    let count = 0
    for (let row = 0; row < rowCount; row++) {
      const timeMs = times![row]!
      if (timeMs <= this.#watermarkMs) {
        count = this.#late(slots, row, timeMs, count)
        continue
      }
      this.#heap.push(slots[row]!, timeMs, this.#arrival++)
      if (this.#heap.size <= bufferRecordsMax) continue
      if (this.#spec.whenFull === 'fail') throw this.#full(timeMs)
      this.#counts.releasedEarly++
      leaving[count++] = this.#heap.pop()
    }
    if (count > 0) this.#give(count)
  }

  advanceWatermark(watermarkMs: number): void {
    this.#watermarkMs = watermarkMs
  }

  get isDue(): boolean {
    return this.#heap.size > 0 && this.#heap.firstMs <= this.#watermarkMs
  }

  emit(): void {
    const { rowsMax } = this.#output
    if (this.#leaving.length < rowsMax) this.#leaving = new Uint32Array(rowsMax)
    let count = 0
    while (count < rowsMax && this.isDue) this.#leaving[count++] = this.#heap.pop()
    this.#give(count)
    if (this.#heap.size > 0 || this.#rows.capacity <= CAPACITY_KEPT) return
    this.#rows.reset()
    this.#heap.reset()
  }

  status(): OperatorNumbers {
    return { counts: this.#counts, stateCount: this.#heap.size, stateBytes: this.#rows.byteLength + this.#heap.byteLength }
  }

  snapshot(): Uint8Array<ArrayBuffer>[] {
    const head = new StateWriter('h')
    head.f64(this.#watermarkMs)
    const chunks = [head.finish()]
    const ordered = this.#heap.ordered()
    for (let from = 0; from < ordered.length; ) {
      const to = this.#cut(ordered, from)
      const slots = ordered.subarray(from, to)
      const writer = new StateWriter('r')
      writer.u32(slots.length)
      for (const slot of slots) writer.f64(this.#heap.timeOf(slot))
      this.#rows.write(writer, slots)
      chunks.push(writer.finish())
      from = to
    }
    return chunks
  }

  restore(chunks: readonly Uint8Array[]): void {
    const generation = restoredGeneration--
    for (const chunk of chunks) {
      const reader = new StateReader(chunk)
      if (reader.kind === 'h') this.#watermarkMs = reader.f64()
      else if (reader.kind === 'r') this.#restoreRows(reader, generation)
      else throw reader.corrupt(`it holds ${reader.kind}, which a sorter has not`)
      reader.finish()
    }
  }

  #restoreRows(reader: StateReader, generation: number): void {
    const times = Float64Array.from({ length: reader.count(8) }, () => reader.f64())
    const slots = this.#rows.restore(reader, times.length, generation)
    this.#heap.reserve(this.#rows.capacity)
    times.forEach((timeMs, index) => this.#heap.push(slots[index]!, timeMs, this.#arrival++))
  }

  /** Where the chunk that begins at `from` ends: by the rows' own times, so that rows which come or go elsewhere do not move it. */
  #cut(ordered: Uint32Array, from: number): number {
    let to = Math.min(ordered.length, from + CHUNK_ROWS_LEAST)
    const most = Math.min(ordered.length, from + CHUNK_ROWS_MAX)
    for (; to < most; to++) {
      const timeMs = this.#heap.timeOf(ordered[to]!)
      if (timeMs !== this.#heap.timeOf(ordered[to - 1]!) && (mix(timeMs % 2 ** 32) & CUT_MASK) === 0) break
    }
    return to
  }

  #late(slots: Uint32Array, row: number, timeMs: number, count: number): number {
    if (this.#spec.late === 'drop') {
      this.#counts.lateDropped++
      this.#rows.release(slots.subarray(row, row + 1), 1)
      return count
    }
    this.#counts.latePassed++
    this.#heap.note(slots[row]!, timeMs)
    this.#leaving[count] = slots[row]!
    return count + 1
  }

  #give(count: number): void {
    if (this.#times.length < count) this.#times = new Float64Array(Math.max(count, this.#output.rowsMax))
    for (let at = 0; at < count; at++) this.#times[at] = this.#heap.timeOf(this.#leaving[at]!)
    const batch = this.#rows.read(this.#leaving, count)
    this.#rows.release(this.#leaving, count)
    this.#counts.recordsOut += count
    pass({ batch, times: this.#times }, this.#output.next)
  }

  #full(timeMs: number): ConfigError {
    const { bufferRecordsMax } = this.#spec
    return new ConfigError(
      'SORT_BUFFER_FULL',
      `Cannot hold back more rows in ${this.uid}: ${bufferRecordsMax} wait for the watermark, which is at ${this.#watermarkMs} while rows at ${timeMs} come; ` +
        "raise bufferRecordsMax, let the watermark follow more closely, or choose whenFull: 'release'",
      { details: { uid: this.uid, bufferRecordsMax, watermarkMs: this.#watermarkMs } },
    )
  }
}
