/**
 * The truth, to compare results with: what was sent, by device and window, added up from the log once more and on its own.
 *
 * Before: feed-log.ts, up to the place that the job has reached. After: the page's proof that no reading was lost or counted twice.
 *
 * Invariant: `number` readings of the log are accounted for, or lie before the ledger began; no reading is accounted for twice.
 */

import { addValue, type Cells, emptyCells, WINDOW_MS, WINDOWS_HELD, windowStartOf } from '../cells.ts'
import type { FeedLog } from './feed-log.ts'
import { NORMAL, type Readings } from './readings.ts'

/** Clocks of devices may be ahead by so much: readings of a window may come that long before it. */
const AHEAD_MS = 10_000

export interface Comparison {
  readonly startMs: number
  /** Cells of devices that sent something. */
  readonly cells: number
  /** Readings that were sent for this window, those that came too late for it included. */
  readonly readings: number
  readonly late: number
  /** Cells whose count, sum, least or largest value differs from the truth. */
  readonly differences: number
  /** The first of them, in words; empty when there is none. */
  readonly example: string
}

export class Ledger {
  readonly #log: FeedLog
  readonly #devices: number
  readonly #windows = new Map<number, Cells>()
  #firstStartMs: number
  #number: number
  #readings: Readings | null = null

  /** @param fromMs - Windows that begin then or later will be known whole. */
  constructor(log: FeedLog, { fromMs, devices }: { readonly fromMs: number; readonly devices: number }) {
    this.#log = log
    this.#devices = devices
    this.#firstStartMs = fromMs
    this.#number = log.firstNumber(Math.max(0, log.tickAt(fromMs - AHEAD_MS)))
  }

  /** Windows before this one are not known: the ledger began within them, or has forgotten them. */
  get firstStartMs(): number {
    return this.#firstStartMs
  }

  /** All readings before this number are accounted for. */
  get number(): number {
    return this.#number
  }

  /**
   * Accounts for the readings before number `to`, for at most about `budget` readings.
   *
   * @returns whether it got there.
   */
  advance(to: number, budget = 50_000): boolean {
    let left = budget
    while (this.#number < to && left > 0) {
      const readings = this.#readingsOf(this.#number)
      const from = this.#number - readings.firstNumber
      const end = Math.min(readings.rowCount, to - readings.firstNumber)
      for (let row = from; row < end; row++) if (readings.state[row] === NORMAL) this.#add(readings, row)
      this.#number += end - from
      left -= end - from
    }
    return this.#number >= to
  }

  /**
   * Compares the final result of a window and what came too late for it with the truth. Together they must be all that was sent.
   * Windows so old that nobody holds a result of them any more are forgotten; all others may be asked for again.
   *
   * @throws RangeError for a window that is not known: nothing can be said of it, and least of all that nothing was sent for it.
   */
  compare(result: Cells, late: Cells | null): Comparison {
    if (result.startMs < this.#firstStartMs)
      throw new RangeError(`The ledger knows windows from ${this.#firstStartMs} on; it was asked for that of ${result.startMs}`)
    const truth = this.#windows.get(result.startMs) ?? emptyCells(result.startMs, 0)
    const devices = Math.max(truth.n.length, result.n.length, late?.n.length ?? 0)
    let cells = 0
    let readings = 0
    let lateCount = 0
    let differences = 0
    let example = ''
    for (let device = 0; device < devices; device++) {
      const sent = cellOf(truth, device)
      const counted = cellOf(result, device)
      const aside = cellOf(late, device)
      if (sent.n === 0 && counted.n === 0 && aside.n === 0) continue
      cells++
      readings += sent.n
      lateCount += aside.n
      const found = together(counted, aside)
      if (found.n === sent.n && found.sum === sent.sum && found.min === sent.min && found.max === sent.max) continue
      if (differences++ === 0) example = `device ${device}: sent ${describe(sent)}, counted ${describe(counted)}, late ${describe(aside)}`
    }
    this.#forget(result.startMs - WINDOWS_HELD * WINDOW_MS)
    return { startMs: result.startMs, cells, readings, late: lateCount, differences, example }
  }

  /** Forgets windows that begin before; readings of them that are still to come are not added up any more. */
  #forget(beforeMs: number): void {
    this.#firstStartMs = Math.max(this.#firstStartMs, beforeMs)
    for (const startMs of this.#windows.keys()) if (startMs < beforeMs) this.#windows.delete(startMs)
  }

  #readingsOf(number: number): Readings {
    const known = this.#readings
    if (known !== null && number >= known.firstNumber && number < known.firstNumber + known.rowCount) return known
    this.#readings = this.#log.readings(this.#log.tickOf(number))
    return this.#readings
  }

  #add({ at, device, celsius }: Readings, row: number): void {
    const startMs = windowStartOf(at[row]!)
    let cells = this.#windows.get(startMs)
    if (cells === undefined) {
      if (startMs < this.#firstStartMs) return
      cells = emptyCells(startMs, this.#devices)
      this.#windows.set(startMs, cells)
    }
    addValue(cells, device[row]!, celsius[row]!)
  }
}

interface Cell {
  readonly n: number
  readonly sum: number
  readonly min: number
  readonly max: number
}

const NOTHING: Cell = { n: 0, sum: 0, min: 0, max: 0 }

function cellOf(cells: Cells | null, device: number): Cell {
  if (cells === null || device >= cells.n.length || cells.n[device] === 0) return NOTHING
  return { n: cells.n[device]!, sum: cells.sum[device]!, min: cells.min[device]!, max: cells.max[device]! }
}

function together(a: Cell, b: Cell): Cell {
  if (a.n === 0) return b
  if (b.n === 0) return a
  return { n: a.n + b.n, sum: a.sum + b.sum, min: Math.min(a.min, b.min), max: Math.max(a.max, b.max) }
}

function describe({ n, sum, min, max }: Cell): string {
  return n === 0 ? 'nothing' : `${n} readings, sum ${sum}, ${min} to ${max}`
}
