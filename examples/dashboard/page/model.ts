/**
 * What the page knows: cells of devices, windows of the fleet, traced readings, the watermark as it went, and the job's own numbers.
 *
 * Before: packets of the job worker, views, status, reports of the feed. After: every panel reads from here, and nothing else.
 *
 * Invariant: only what arrives changes it; drawing never does.
 */

import type { JobStatus } from 'millrace'
import { addValue, type Cells, emptyCells, FUTURE_MS, LATENESS_MS, reserve, WINDOW_MS, WINDOWS_HELD, windowStartOf } from '../cells.ts'
import type { CellChanges } from '../table/cell-table.ts'
import type { LateRecords, Packet } from '../table/page-port.ts'

/** What became of a traced reading. */
export const ON_TIME = 0
export const CORRECTS = 1
export const TOO_LATE = 2
export const AHEAD = 3
export type Fate = typeof ON_TIME | typeof CORRECTS | typeof TOO_LATE | typeof AHEAD

export interface Dot {
  /** When it was measured, and when it arrived in the job. */
  readonly at: number
  readonly arrivedMs: number
  readonly device: number
  readonly celsius: number
  readonly fate: Fate
}

/** A window of the whole fleet, as the event-time picture shows it. */
export interface FleetWindow {
  readonly startMs: number
  readonly endMs: number
  n: number
  mean: number
  /** 0 early, 1 on time, 2 late. */
  timing: number
  corrections: number
  /** What it was before the last correction, and when that came. */
  before: { readonly n: number; readonly mean: number } | null
  changedMs: number
}

export interface Correction {
  readonly startMs: number
  readonly device: number
  readonly before: { readonly n: number; readonly mean: number }
  readonly after: { readonly n: number; readonly mean: number }
  readonly atMs: number
}

export interface TrendRow {
  readonly windowEnd: number
  readonly n: number
  readonly mean: number
  readonly low: number
  readonly middle: number
  readonly high: number
}

interface FleetRow {
  readonly windowStart: number
  readonly windowEnd: number
  readonly n: number
  readonly mean: number
}

interface LateWindow {
  readonly base: Cells
  readonly records: { readonly number: number; readonly device: number; readonly celsius: number }[]
}

const DOTS_KEPT_MS = 9_000
const MARKS_KEPT_MS = 12_000

export class Model {
  devices: number
  readonly cells = new Map<number, Cells>()
  readonly #late = new Map<number, LateWindow>()
  readonly fleet = new Map<number, FleetWindow>()
  trend: readonly TrendRow[] = []
  dots: Dot[] = []
  /** The watermark as it was seen, oldest first. */
  marks: { readonly atMs: number; readonly watermarkMs: number }[] = []
  status: JobStatus | null = null
  /** What the feed says has come into being, and what the job says it has read, by number. */
  sentNumber = 0
  reachedNumber = 0
  correctionCount = 0
  /** Rises with every change of cells. */
  cellsVersion = 0
  newestStartMs = 0
  readonly #onCorrection: (correction: Correction) => void

  constructor(devices: number, onCorrection: (correction: Correction) => void) {
    this.devices = devices
    this.#onCorrection = onCorrection
  }

  /** The newest watermark; -Infinity before the first. */
  get watermarkMs(): number {
    return this.marks.at(-1)?.watermarkMs ?? Number.NEGATIVE_INFINITY
  }

  take(packet: Packet, nowMs: number): void {
    if (packet.loaded.includes('devices')) this.cells.clear()
    if (packet.loaded.includes('late')) this.#late.clear()
    const isLoad = packet.loaded.length > 0
    for (const changes of packet.devices) this.#applyCells(changes, isLoad, nowMs)
    for (const changes of packet.lateCells) this.#loadLate(changes)
    if (packet.late !== null) this.#addLate(packet.late)
    for (const { at, device, celsius, arrivedMs } of packet.traced) {
      this.dots.push({ at, device, celsius, arrivedMs, fate: this.#fateOf(at, arrivedMs) })
    }
    if (packet.reached !== null) this.reachedNumber = packet.reached
    this.#forgetOld(nowMs)
  }

  takeStatus(status: JobStatus, nowMs: number): void {
    this.status = status
    const { watermarkMs } = status.eventTimes[0] ?? { watermarkMs: null }
    if (watermarkMs === null) return
    // After a restart the watermark is that of the checkpoint: the job goes through that time once more.
    if (watermarkMs < this.watermarkMs) this.marks = []
    this.marks.push({ atMs: nowMs, watermarkMs })
    while (this.marks.length > 2 && this.marks[1]!.atMs < nowMs - MARKS_KEPT_MS) this.marks.shift()
  }

  takeFleet(rows: readonly FleetRow[], panes: readonly { readonly timing: number; readonly index: number }[], nowMs: number): void {
    const seen = new Set<number>()
    rows.forEach(({ windowStart, windowEnd, n, mean }, index) => {
      seen.add(windowStart)
      const { timing, index: pane } = panes[index]!
      const known = this.fleet.get(windowStart)
      if (known === undefined) {
        this.fleet.set(windowStart, {
          startMs: windowStart,
          endMs: windowEnd,
          n,
          mean,
          timing,
          corrections: timing === 2 ? 1 : 0,
          before: null,
          changedMs: 0,
        })
      } else if (known.n !== n || known.timing !== timing || known.mean !== mean) {
        const isCorrection = timing === 2 && n !== known.n
        if (isCorrection)
          Object.assign(known, { before: { n: known.n, mean: known.mean }, changedMs: nowMs, corrections: known.corrections + 1 })
        Object.assign(known, { n, mean, timing })
        if (pane === 0) known.corrections = 0
      }
    })
    for (const startMs of this.fleet.keys()) if (!seen.has(startMs)) this.fleet.delete(startMs)
  }

  /** What came too late for a window, of the readings before a number. */
  lateCells(startMs: number, beforeNumber: number): Cells | null {
    const late = this.#late.get(startMs)
    if (late === undefined) return null
    const cells = structuredClone(late.base)
    for (const { number, device, celsius } of late.records) if (number < beforeNumber) addValue(cells, device, celsius)
    return cells
  }

  #applyCells(changes: CellChanges, isLoad: boolean, nowMs: number): void {
    const { startMs, device } = changes
    let cells = this.cells.get(startMs)
    if (cells === undefined) {
      cells = emptyCells(startMs, Math.max(this.devices, 1))
      this.cells.set(startMs, cells)
      this.newestStartMs = Math.max(this.newestStartMs, startMs)
    }
    let shown: Correction | null = null
    for (let index = 0; index < device.length; index++) {
      const id = device[index]!
      reserve(cells, id)
      const corrections = changes.corrections[index]!
      if (!isLoad && corrections > cells.corrections[id]! && cells.n[id]! > 0) {
        this.correctionCount += corrections - cells.corrections[id]!
        shown = {
          startMs,
          device: id,
          before: { n: cells.n[id]!, mean: cells.sum[id]! / cells.n[id]! },
          after: { n: changes.n[index]!, mean: changes.sum[index]! / changes.n[index]! },
          atMs: nowMs,
        }
        this.#onCorrection(shown)
      }
      cells.n[id] = changes.n[index]!
      cells.sum[id] = changes.sum[index]!
      cells.min[id] = changes.min[index]!
      cells.max[id] = changes.max[index]!
      cells.corrections[id] = corrections
    }
    this.cellsVersion++
  }

  #loadLate(changes: CellChanges): void {
    const base = emptyCells(changes.startMs, this.devices)
    changes.device.forEach((device, index) => {
      reserve(base, device)
      for (const column of ['n', 'sum', 'min', 'max'] as const) base[column][device] = changes[column][index]!
    })
    this.#late.set(changes.startMs, { base, records: [] })
  }

  #addLate({ number, device, at, celsius }: LateRecords): void {
    for (let index = 0; index < number.length; index++) {
      const startMs = windowStartOf(at[index]!)
      let late = this.#late.get(startMs)
      if (late === undefined) {
        late = { base: emptyCells(startMs, this.devices), records: [] }
        this.#late.set(startMs, late)
      }
      late.records.push({ number: number[index]!, device: device[index]!, celsius: celsius[index]! })
    }
  }

  #fateOf(at: number, arrivedMs: number): Fate {
    if (at > arrivedMs + FUTURE_MS) return AHEAD
    const endMs = windowStartOf(at) + WINDOW_MS
    const watermarkMs = this.watermarkMs
    if (watermarkMs < endMs - 1) return ON_TIME
    return watermarkMs < endMs - 1 + LATENESS_MS ? CORRECTS : TOO_LATE
  }

  #forgetOld(nowMs: number): void {
    const oldestMs = this.newestStartMs - WINDOWS_HELD * WINDOW_MS
    for (const startMs of this.cells.keys()) if (startMs < oldestMs) this.cells.delete(startMs)
    for (const startMs of this.#late.keys()) if (startMs < oldestMs) this.#late.delete(startMs)
    let gone = 0
    while (gone < this.dots.length && this.dots[gone]!.arrivedMs < nowMs - DOTS_KEPT_MS) gone++
    if (gone > 0) this.dots = this.dots.slice(gone)
  }
}
