/**
 * The whole window operator as one would explain it: every window keeps all its records, and each pane is computed from them anew.
 *
 * Before: a plan and what arrives, one event at a time. After: rows of results, late records and counts, which tests hold against the product.
 * open-windows.ts keeps windows and makes panes; sessions.ts, neighbours.ts, count-windows.ts and state-windows.ts make windows of records
 * that depend on other records.
 *
 * Invariant: nothing here comes from the runtime or the kernel; slow and obvious on purpose.
 */

import type { Cell } from '../windows.ts'
import { resultsOf } from './aggregates.ts'
import { windowsOf } from './assigners.ts'
import { type ClockName, Clocks } from './clocks.ts'
import { CountWindows, type CountedWindow } from './count-windows.ts'
import { Neighbours } from './neighbours.ts'
import { type Fate, OpenWindows, type Window } from './open-windows.ts'
import type { Bounds, Held, PaneEvent, PanePlan, PaneRow } from './plan.ts'
import { Sessions } from './sessions.ts'
import { StateWindows } from './state-windows.ts'
import { duesOf } from './triggers.ts'

export type RecordEvent = Extract<PaneEvent, { readonly kind: 'record' }>

export class WindowOracle {
  readonly rows: PaneRow[] = []
  readonly late: RecordEvent[] = []
  outsideCount = 0
  closedCount = 0
  /** Records whose session gap is null or negative. */
  refusedCount = 0
  readonly #plan: PanePlan
  readonly #clocks: Clocks
  readonly #windows: OpenWindows
  readonly #sessions: Sessions | null
  readonly #neighbours: Neighbours | null
  readonly #countWindows: CountWindows | null
  readonly #stateWindows: StateWindows | null
  #arrivals = 0

  constructor(plan: PanePlan) {
    const { window } = plan
    this.#plan = plan
    this.#clocks = new Clocks(plan)
    this.#windows = new OpenWindows(plan, this.#clocks, this.rows)
    this.#sessions = window.kind === 'session' ? new Sessions(window, plan, this.#clocks, this.#windows) : null
    this.#neighbours = window.kind === 'around' || window.kind === 'slidingByRecord' ? new Neighbours(window, this.#windows) : null
    this.#countWindows = window.kind === 'countTumbling' || window.kind === 'countSliding' ? new CountWindows(window) : null
    this.#stateWindows = window.kind === 'stateWindow' ? new StateWindows(window) : null
  }

  take(event: PaneEvent): void {
    if (event.kind === 'record') this.#record(event)
    else if (event.kind === 'watermark') this.#advanceWatermark(event.watermarkMs)
    else this.#advanceClock(event.nowMs)
  }

  // ---- records ----

  #record(event: RecordEvent): void {
    const timeMs = this.#clocks.isProcessing ? this.#clocks.nowMs : event.timeMs
    const held: Held = { arrival: this.#arrivals++, timeMs, eventMs: event.timeMs, row: event.row }
    const { window } = this.#plan
    switch (window.kind) {
      case 'session': {
        const fate = this.#sessions!.take(event.key, held)
        if (fate === 'refused') this.refusedCount++
        else this.#settle(event, [fate])
        return
      }
      case 'around':
      case 'slidingByRecord':
        this.#settle(event, this.#neighbours!.take(event.key, held))
        return
      case 'stateWindow':
        if (!this.#stateWindows!.add(event.key, held)) this.late.push(event)
        return
      case 'countTumbling':
      case 'countSliding': {
        const { isOutside, full } = this.#countWindows!.add(event.key, held)
        if (isOutside) this.outsideCount++
        this.#countRows(event.key, full)
        return
      }
      default: {
        const bounds = windowsOf(window, timeMs, event.row)
        if (bounds.length === 0) this.outsideCount++
        else
          this.#settle(
            event,
            bounds.map((each) => this.#windows.offer(event.key, each, [held])),
          )
      }
    }
  }

  /** All windows too late: a late record. Some of them finished: refused there. */
  #settle(event: RecordEvent, fates: readonly Fate[]): void {
    this.closedCount += fates.filter((fate) => fate === 'closed').length
    if (fates.every((fate) => fate === 'late')) this.late.push(event)
  }

  // ---- time ----

  #advanceWatermark(watermarkMs: number): void {
    if (!this.#clocks.advance('event', watermarkMs)) return
    if (this.#stateWindows !== null) this.#stateRows(this.#stateWindows, watermarkMs)
    const isOver = watermarkMs === Number.POSITIVE_INFINITY
    // The end of the stream is the end of both clocks for windows in processing time.
    if (isOver && this.#clocks.isProcessing) this.#advanceClock(watermarkMs)
    this.#clocks.whileDue('event', () => this.#fireDue('event'))
    if (!isOver) return
    if (this.#countWindows !== null) for (const { key, windows } of this.#countWindows.rest()) this.#countRows(key, windows)
  }

  #advanceClock(nowMs: number): void {
    if (this.#clocks.advance('processing', nowMs)) this.#clocks.whileDue('processing', () => this.#fireDue('processing'))
  }

  /** Attends to each window of which something is due by a clock, by its earliest due time, then by age: once, with the clock at its new time. */
  #fireDue(clock: ClockName): void {
    const now = this.#clocks.at(clock)
    const done = clock === 'event' ? 'eventTimeDone' : 'processingTimeDone'
    for (;;) {
      const next = this.#windows.all
        .flatMap((window) => this.#dues(window, clock).map((due) => ({ window, due })))
        .filter(({ window, due }) => window[done] < due && due <= now)
        .sort((a, b) => a.due - b.due || a.window.born - b.window.born)[0]
      if (next === undefined) break
      next.window[done] = now
      this.#due(next.window, clock)
    }
    for (const window of this.#windows.all) window[done] = now
  }

  #dues(window: Window, clock: ClockName): number[] {
    const dues = window.isClosed ? [] : duesOf(this.#windows.root, window.trigger, clock)
    return clock === this.#clocks.own ? [...dues, this.#clocks.lastMs(window), this.#clocks.cleanupMs(window)] : dues
  }

  #due(window: Window, clock: ClockName): void {
    const { closing = 'none' } = this.#plan
    const subject = this.#sessions !== null && this.#clocks.isOver(window) ? this.#sessions.cut(window) : window
    if (this.#clocks.isOver(subject)) subject.endedIn ??= this.#clocks.advances
    this.#windows.evaluate(subject)
    if (clock !== this.#clocks.own || !this.#clocks.isExpired(subject)) return
    const isWanted = closing === 'always' || (closing === 'ifNonEmpty' && subject.newCount > 0)
    if (this.#windows.all.includes(subject) && !subject.isClosed && isWanted) this.#windows.emit(subject, [])
    this.#windows.remove(subject)
  }

  // ---- windows that are not kept open here ----

  #stateRows(windows: StateWindows, watermarkMs: number): void {
    for (const { key, start, end, records } of windows.advance(watermarkMs)) this.#onlyRow(key, { start, end }, 0, records)
    this.outsideCount = windows.outsideCount
  }

  #countRows(key: readonly Cell[], windows: readonly CountedWindow[]): void {
    for (const { number, records } of windows) {
      const times = records.map(({ timeMs }) => timeMs)
      this.#onlyRow(key, { start: Math.min(...times), end: Math.max(...times) + 1 }, number, records)
    }
  }

  /** The row of a window that has one pane, at its end. */
  #onlyRow(key: readonly Cell[], { start, end }: Bounds, index: number, records: readonly Held[]): void {
    this.rows.push({
      key,
      windowStart: start,
      windowEnd: end,
      index,
      timing: 'onTime',
      change: '+I',
      isLast: true,
      values: resultsOf(this.#plan.aggregates, records),
      records,
    })
  }
}

/** Everything that a plan makes of what arrives. */
export function oracleOf(plan: PanePlan, events: readonly PaneEvent[]): WindowOracle {
  const oracle = new WindowOracle(plan)
  for (const event of events) oracle.take(event)
  return oracle
}
