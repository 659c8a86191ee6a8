/**
 * The edge from the intake to the subtasks of one window operator: rows are routed by key group and written, column by column, into
 * each subtask's input ring; watermarks, barriers and the end follow in the same order on every ring.
 *
 * Before: intake. After: the rings of host/, taken by the kernels.
 * The intake offers one chunk at a time and calls {@link Exchange.flush} until it is written: a full ring holds the intake back.
 *
 * Invariant: every ring carries the same sequence of watermarks and barriers, each after exactly the rows that preceded it.
 */

import * as L from '../../kernel/layout.ts'
import type { Clock } from '../clock.ts'
import type { Dictionary } from '../dictionary.ts'
import { RecordError } from '../errors.ts'
import type { RecordBatch } from '../record-batch.ts'
import { SlotWriter } from '../ring/slot-writer.ts'
import type { RingMemory } from '../ring/spsc-ring.ts'
import type { SubtaskLayout } from '../subtask/subtask-layout.ts'
import { KeyRouter, subtaskOfKeyGroup } from './key-router.ts'

/** What the exchange needs of a subtask: its memory, and a way to wake it. */
export interface ExchangeTarget {
  readonly memory: RingMemory
  ring(): void
}

/** What one subtask still has to be given of the current chunk, in this order: entries, rows, then control. */
interface Lane {
  readonly writer: SlotWriter
  readonly target: ExchangeTarget
  selection: Uint32Array
  /** Codes whose entries this subtask has, of the current dictionary. */
  sent: Uint8Array
  entries: number[]
  entryAt: number
  rowCount: number
  rowAt: number
  /** Whether slots were published since the subtask was last woken. */
  hasNews: boolean
}

type Control =
  | { readonly kind: 'watermark'; readonly watermarkMs: number }
  | { readonly kind: 'clock'; readonly clockMs: number }
  | { readonly kind: 'barrier'; readonly checkpointId: number }
  | { readonly kind: 'end' }

/** Rows to be written, and whether they are the last of what was offered. */
export interface Piece {
  readonly batch: RecordBatch
  readonly times: Float64Array
  readonly isLast: boolean
}

/** How often the kernels of windows that go by the clock are told it, whether rows come or not. */
export const CLOCK_MS = 50

export class Exchange {
  readonly layout: SubtaskLayout
  readonly #lanes: readonly Lane[]
  readonly #router: KeyRouter
  readonly #subtaskOfGroup: Uint8Array
  readonly #codeColumns: readonly number[]
  /** A column of the batches that has codes, key or not: all of a batch share one dictionary. -1: there is none. */
  readonly #dictionaryColumn: number
  readonly #isStringKey: boolean
  /** By generation, those that slots on their way may name: until the mark behind their last rows has come out. */
  readonly #dictionaries = new Map<number, { readonly dictionary: Dictionary; untilMark: number }>()
  /** Marks put on every ring so far. */
  #markCount = 0
  #batch: RecordBatch | null = null
  #times: Float64Array = new Float64Array(0)
  #dictionary: Dictionary | null = null
  #sentCount = 0
  #controls: Control[] = []
  /** Lanes that have not yet been given the first control. */
  #controlLane = 0
  /** Gives the next piece of what was offered; null: there is none. */
  #next: (() => Piece) | null = null
  /** Of windows that go by the host's clock. */
  readonly #clock: Clock | null
  #ownTimes = new Float64Array(0)
  /** The clock of the rows being written: it never goes back, whatever the wall clock does. */
  #clockMs = Number.NaN
  /** The last millisecond the kernels were told is over. */
  #overMs = Number.NaN
  #nextClockMs = Number.NEGATIVE_INFINITY
  /** Whether no rows follow the newest mark; always with one subtask. The outlet puts subtasks in turn between two marks. */
  isBehindMark = true

  constructor(layout: SubtaskLayout, targets: readonly ExchangeTarget[], keyGroupCount: number, epoch: number, clock: Clock) {
    this.layout = layout
    this.#clock = layout.usesClock ? clock : null
    const keyColumns = layout.keys.map((index) => layout.columns[index]!)
    this.#isStringKey = layout.keyGroupOffset < 0 && keyColumns.length === 1
    this.#codeColumns = layout.columns.flatMap(({ hasEntries, form }, index) => (hasEntries && form === 'code' ? [index] : []))
    this.#dictionaryColumn = layout.columns.find(({ form }) => form === 'code')?.source ?? -1
    this.#router = new KeyRouter(
      keyColumns.map((column) => column.source),
      this.#isStringKey,
      keyGroupCount,
      layout.batchRowsMax,
    )
    this.#subtaskOfGroup = Uint8Array.from({ length: keyGroupCount }, (_, group) => subtaskOfKeyGroup(group, keyGroupCount, targets.length))
    this.#lanes = targets.map((target) => ({
      writer: new SlotWriter(layout, target.memory, epoch),
      target,
      selection: new Uint32Array(layout.batchRowsMax),
      sent: new Uint8Array(0),
      entries: [],
      entryAt: 0,
      rowCount: 0,
      rowAt: 0,
      hasNews: false,
    }))
  }

  /** The dictionary of late rows that carry codes of a generation. */
  dictionary(generation: number): Dictionary | undefined {
    return this.#dictionaries.get(generation)?.dictionary
  }

  /** So many marks have come out of every subtask: what only slots before them name is forgotten. */
  passed(markCount: number): void {
    for (const [generation, { untilMark }] of this.#dictionaries) if (untilMark <= markCount) this.#dictionaries.delete(generation)
  }

  /** Share of the input rings that is filled, the fullest ring counting. */
  get fill(): number {
    return Math.max(...this.#lanes.map((lane) => lane.writer.fill / this.layout.input.slotCount))
  }

  /**
   * Takes a chunk. Call {@link flush} until it answers true before anything else is offered.
   *
   * @param times - Event time of each row, integer milliseconds.
   */
  offer(batch: RecordBatch, times: Float64Array): void {
    if (batch.rowCount === 0) return
    this.#stamp()
    this.#take(batch, times)
  }

  /** Times for rows that have none: that of the clock, for each. */
  clockTimes(rowCount: number): Float64Array {
    if (this.#ownTimes.length < rowCount) this.#ownTimes = new Float64Array(rowCount)
    return this.#ownTimes.fill(this.#clock?.now() ?? 0, 0, rowCount)
  }

  /** Takes rows piece by piece: the next one is asked for, by {@link flush}, when the one before is written. */
  offerPieces(next: () => Piece): void {
    this.#stamp()
    this.#next = next
    this.#takeNext()
  }

  #stamp(): void {
    if (this.#clock !== null) this.#clockMs = later(this.#clockMs, this.#clock.now())
  }

  #takeNext(): void {
    const { batch, times, isLast } = this.#next!()
    if (isLast) this.#next = null
    this.#take(batch, times)
  }

  #take(batch: RecordBatch, times: Float64Array): void {
    this.#batch = batch
    this.#times = times
    if (batch.rowCount === 0) return
    this.isBehindMark = this.#lanes.length === 1
    if (this.#dictionaryColumn >= 0) {
      const dictionary = batch.columns[this.#dictionaryColumn]!.dictionary as Dictionary
      if (dictionary !== this.#dictionary) this.#startDictionary(dictionary)
    }
    // One subtask and a string key: groups are only wanted for new codes, which #collectEntries finds.
    if (this.layout.keys.length > 0 && !(this.#isStringKey && this.#lanes.length === 1)) this.#router.route(batch)
    this.#select(batch.rowCount)
    if (this.#codeColumns.length > 0) this.#collectEntries(batch)
  }

  watermark(watermarkMs: number): void {
    this.isBehindMark = true
    this.#pushMark({ kind: 'watermark', watermarkMs })
  }

  /** A mark behind the rows so far, unless they have one: the watermark as it is. */
  mark(watermarkMs: number): void {
    if (!this.isBehindMark) this.watermark(watermarkMs)
  }

  /**
   * Tells the kernels the clock, if they go by it and it is time. That is a mark on every ring.
   *
   * @returns whether there is something to flush.
   */
  tick(): boolean {
    if (this.#clock === null || this.#clock.monotonic() < this.#nextClockMs) return false
    this.#nextClockMs = this.#clock.monotonic() + (this.#clock.tickMs ?? CLOCK_MS)
    // Ends are reached when their last millisecond is over: records of the present one may still come.
    this.#overMs = later(this.#overMs, this.#clock.overMs?.() ?? this.#clock.now() - 1)
    this.isBehindMark = true
    this.#pushMark({ kind: 'clock', clockMs: this.#overMs })
    return true
  }

  barrier(checkpointId: number): void {
    this.#pushMark({ kind: 'barrier', checkpointId })
  }

  end(): void {
    this.#pushMark({ kind: 'end' })
  }

  #pushMark(control: Control): void {
    this.#markCount++
    this.#controls.push(control)
  }

  /** Wakes the subtasks that have something new: once for several chunks, since waking a sleeping thread costs as much as a chunk. */
  wake(): void {
    for (const lane of this.#lanes) {
      if (!lane.hasNews) continue
      lane.hasNews = false
      lane.target.ring()
    }
  }

  /** Writes what was offered as far as the rings have room. @returns whether everything is written. */
  flush(): boolean {
    while (this.#flushLanes()) {
      if (this.#next === null) return this.#flushControls()
      this.#forgetRows()
      this.#takeNext()
    }
    return false
  }

  /** Writes the rows at hand. @returns whether all are written. */
  #flushLanes(): boolean {
    let isDone = true
    const watermark = this.#firstWatermark()
    for (const lane of this.#lanes) {
      if (lane.entryAt < lane.entries.length || lane.rowAt < lane.rowCount) {
        const wrote = this.#flushRows(lane, watermark)
        if (wrote) lane.hasNews = true
      }
      if (lane.entryAt < lane.entries.length || lane.rowAt < lane.rowCount) isDone = false
    }
    return isDone
  }

  #flushControls(): boolean {
    const watermark = this.#firstWatermark()
    this.#batch = null
    while (this.#controls.length > 0) {
      const control = this.#controls[0]!
      for (; this.#controlLane < this.#lanes.length; this.#controlLane++) {
        const lane = this.#lanes[this.#controlLane]!
        // The last slot of rows already carries the first watermark.
        const isCarried = control.kind === 'watermark' && lane.rowCount > 0 && control.watermarkMs === watermark
        if (!isCarried) {
          if (!writeControl(lane.writer, control)) return false
          lane.hasNews = true
        }
        lane.rowCount = 0
        lane.rowAt = 0
      }
      this.#controlLane = 0
      this.#controls.shift()
    }
    this.#forgetRows()
    return true
  }

  #forgetRows(): void {
    for (const lane of this.#lanes) {
      lane.rowCount = 0
      lane.rowAt = 0
    }
  }

  /** The watermark that the last rows may carry. */
  #firstWatermark(): number {
    const first = this.#next === null ? this.#controls[0] : undefined
    return first?.kind === 'watermark' ? first.watermarkMs : Number.NaN
  }

  #select(rowCount: number): void {
    const lanes = this.#lanes
    if (lanes.length === 1 || this.layout.keys.length === 0) {
      // Everything goes to one subtask: no selection, whole columns are copied.
      lanes[0]!.rowCount = rowCount
      return
    }
    const groups = this.#router.groups
    const subtaskOfGroup = this.#subtaskOfGroup
    for (const lane of lanes) if (lane.selection.length < rowCount) lane.selection = new Uint32Array(rowCount)
    for (let row = 0; row < rowCount; row++) {
      const lane = lanes[subtaskOfGroup[groups[row]!]!]!
      lane.selection[lane.rowCount++] = row
    }
  }

  /** Finds the codes that a subtask has not seen, of columns whose texts it needs, so that their entries go first. */
  #collectEntries(batch: RecordBatch): void {
    const dictionary = this.#dictionary!
    // Where every code belongs to one subtask, there is nothing to look for when all were sent.
    const isOwned = this.#lanes.length === 1 || (this.#isStringKey && this.#codeColumns.length === 1)
    if (isOwned && this.#sentCount === dictionary.size) return
    if (this.#isStringKey) this.#router.learn(dictionary)
    const isWhole = this.#lanes.length === 1 || this.layout.keys.length === 0
    for (const lane of this.#lanes) {
      if (lane.rowCount === 0) continue
      if (lane.sent.length < dictionary.size) lane.sent = grown(lane.sent, dictionary.size)
      for (const index of this.#codeColumns) {
        const { values, validity } = batch.columns[this.layout.columns[index]!.source]!
        for (let at = 0; at < lane.rowCount; at++) {
          const row = isWhole ? at : lane.selection[at]!
          const code = values[row]!
          if (lane.sent[code] !== 0 || (validity !== null && validity[row] === 0)) continue
          lane.sent[code] = 1
          this.#sentCount++
          lane.entries.push(code)
        }
      }
    }
  }

  #startDictionary(dictionary: Dictionary): void {
    const before = this.#dictionaries.get(this.#dictionary?.generation ?? -1)
    if (before !== undefined) before.untilMark = this.#markCount + 1
    this.#dictionary = dictionary
    this.#dictionaries.set(dictionary.generation, { dictionary, untilMark: Number.POSITIVE_INFINITY })
    this.#sentCount = 0
    for (const lane of this.#lanes) lane.sent = new Uint8Array(Math.max(256, dictionary.size))
  }

  #flushRows(lane: Lane, watermarkMs: number): boolean {
    let wrote = false
    const generation = this.#dictionary?.generation ?? 0
    while (lane.entryAt < lane.entries.length) {
      const next = lane.writer.writeEntries(this.#dictionary!, lane.entries, lane.entryAt, (code) =>
        this.#isStringKey ? this.#router.groupOfCode(code) : 0,
      )
      if (next < 0) return wrote
      lane.entryAt = next
      wrote = true
    }
    lane.entries.length = 0
    lane.entryAt = 0
    const isWhole = this.#lanes.length === 1 || this.layout.keys.length === 0
    while (lane.rowAt < lane.rowCount) {
      const rows = isWhole ? null : lane.selection
      const count = this.#rowsThatFit(lane, rows)
      const isLast = lane.rowAt + count === lane.rowCount
      if (
        !lane.writer.writeRows(
          this.#batch!,
          this.#times,
          this.#router.groups,
          rows,
          lane.rowAt,
          count,
          isLast ? watermarkMs : Number.NaN,
          generation,
          this.#clockMs,
        )
      )
        return wrote
      lane.rowAt += count
      wrote = true
    }
    return wrote
  }

  /** How many rows go into one slot; rows of one record stay together if they can. */
  #rowsThatFit({ rowAt, rowCount }: Lane, rows: Uint32Array | null): number {
    const { batchRowsMax, moreColumn, columns } = this.layout
    const left = rowCount - rowAt
    if (left <= batchRowsMax || moreColumn < 0) return Math.min(left, batchRowsMax)
    const { values } = this.#batch!.columns[columns[moreColumn]!.source]!
    const isMore = (at: number) => values[rows === null ? at : rows[at]!] !== 0
    let count = batchRowsMax
    while (count > 0 && isMore(rowAt + count - 1)) count--
    return count === 0 ? batchRowsMax : count
  }
}

/** The later of two times, the first of which may be unknown. */
function later(before: number, now: number): number {
  return now > before || Number.isNaN(before) ? now : before
}

function writeControl(writer: SlotWriter, control: Control): boolean {
  switch (control.kind) {
    case 'watermark':
      return writer.writeControl(L.SLOT_BATCH, control.watermarkMs, 0)
    case 'clock':
      return writer.writeControl(L.SLOT_BATCH, Number.NaN, 0, control.clockMs)
    case 'barrier':
      return writer.writeControl(L.SLOT_BARRIER, Number.NaN, control.checkpointId)
    case 'end':
      return writer.writeControl(L.SLOT_END, Number.NaN, 0)
    default: {
      const never: never = control
      throw new RecordError('UNREACHABLE', `Unknown control ${String(never)}`)
    }
  }
}

function grown(array: Uint8Array, least: number): Uint8Array {
  const larger = new Uint8Array(Math.max(array.length * 2, least))
  larger.set(array)
  return larger
}
