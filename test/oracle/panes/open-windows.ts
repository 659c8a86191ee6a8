/**
 * The windows that are open, each with all its records, and their panes: each computed anew from the records when the trigger says so.
 *
 * Before: operator.ts, sessions.ts and neighbours.ts say into which windows a record goes. After: rows of results.
 *
 * Invariant: windows are in order of their creation; a window that has finished stays, empty, until it expires.
 */

import { type Cell, keyIdentity } from '../windows.ts'
import { resultsOf, sameResults } from './aggregates.ts'
import type { Clocks } from './clocks.ts'
import { evicted, inOrderOfArrival } from './contents.ts'
import type { Bounds, Change, Held, PanePlan, PaneRow, Timing, Trigger } from './plan.ts'
import { fresh, isPeriodic, type Moment, onFire, onRecord, rootOf, shouldFire, type TriggerState } from './triggers.ts'

/** A window of one key. */
export interface Window extends Bounds {
  readonly key: readonly Cell[]
  readonly keyId: string
  /** Its number in order of creation. */
  readonly born: number
  readonly trigger: TriggerState
  contents: readonly Held[]
  /** Records since the last pane. */
  newCount: number
  paneCount: number
  /** The row that stands: what a retraction takes back. */
  standing: PaneRow | null
  /** An evaluation has seen the end of the window. */
  isEndSeen: boolean
  /** When its end was reached: null, or the number of the advance. */
  endedIn: number | null
  hasOnTimePane: boolean
  /** The trigger has finished: a tombstone until the window expires. */
  isClosed: boolean
  /** Dues up to these times have been attended to. */
  eventTimeDone: number
  processingTimeDone: number
  /** Of sessions with a greatest length: a piece that was cut off, which neither merges nor grows. */
  isSealed: boolean
}

/** What became of a record in a window. */
export type Fate = 'taken' | 'closed' | 'late'

export class OpenWindows {
  all: readonly Window[] = []
  readonly root: Trigger
  readonly #plan: PanePlan
  readonly #clocks: Clocks
  readonly #rows: PaneRow[]
  #born = 0

  /** @param rows - Where rows of results go. */
  constructor(plan: PanePlan, clocks: Clocks, rows: PaneRow[]) {
    this.root = rootOf(plan.trigger)
    this.#plan = plan
    this.#clocks = clocks
    this.#rows = rows
  }

  ofKey(key: readonly Cell[]): Window[] {
    const keyId = keyIdentity(key)
    return this.all.filter((each) => each.keyId === keyId)
  }

  find(key: readonly Cell[], { start, end }: Bounds): Window | undefined {
    return this.ofKey(key).find((each) => each.start === start && each.end === end)
  }

  /** Adds records to the window with these bounds, which is made if it is not there, and evaluates it. */
  offer(key: readonly Cell[], bounds: Bounds, records: readonly Held[]): Fate {
    if (this.#clocks.isLate(bounds)) return 'late'
    const found = this.find(key, bounds)
    if (found?.isClosed) return 'closed'
    this.add(found ?? this.open(key, bounds), records)
    return 'taken'
  }

  add(window: Window, records: readonly Held[]): void {
    for (const record of records) {
      window.contents = inOrderOfArrival([...window.contents, record])
      window.newCount++
      onRecord(this.root, window.trigger, record.row, record.timeMs, this.moment(window))
    }
    this.evaluate(window)
  }

  open(key: readonly Cell[], bounds: Bounds): Window {
    const isOver = this.#clocks.overMs() >= bounds.end - 1
    const window: Window = {
      start: bounds.start,
      end: bounds.end,
      key,
      keyId: keyIdentity(key),
      born: this.#born++,
      trigger: fresh(this.root),
      contents: [],
      newCount: 0,
      paneCount: 0,
      standing: null,
      isEndSeen: isOver,
      endedIn: isOver ? -1 : null,
      hasOnTimePane: false,
      isClosed: false,
      eventTimeDone: this.#clocks.watermarkMs,
      processingTimeDone: this.#clocks.isProcessing ? this.#clocks.overMs() : this.#clocks.nowMs,
      isSealed: false,
    }
    this.all = [...this.all, window]
    return window
  }

  evaluate(window: Window): void {
    if (window.isClosed) return
    const moment = this.moment(window)
    const isAtEnd = moment.isEndReached && !window.isEndSeen
    if (moment.isEndReached) window.isEndSeen = true
    if (!shouldFire(this.root, window.trigger, moment)) return
    const fired: Trigger[] = []
    onFire(this.root, window.trigger, moment, fired)
    const hasContents = window.contents.length > 0
    const emits =
      window.newCount > 0 || (isAtEnd && (hasContents || this.#plan.emptyPanes === true)) || (hasContents && fired.some(isPeriodic))
    if (emits) this.emit(window, fired)
    if (window.trigger.finished) this.close(window)
  }

  /** One pane: evict, compute, take back what stood, put out what stands now, empty the window if it is to be emptied. */
  emit(window: Window, fired: readonly Trigger[]): void {
    const { evictor, accumulation = 'accumulating', aggregates } = this.#plan
    if (evictor !== undefined && evictor.after !== true) window.contents = evicted(evictor, window.contents)
    const isLast = window.trigger.finished || this.#clocks.isExpired(window)
    const isUpdate = accumulation !== 'discarding' && window.standing !== null
    const row: PaneRow = {
      key: window.key,
      windowStart: Number.isFinite(window.start) ? window.start : null,
      windowEnd: Number.isFinite(window.end) ? window.end : null,
      index: window.paneCount,
      timing: this.#timing(window),
      change: (isUpdate ? '+U' : '+I') satisfies Change,
      isLast,
      values: resultsOf(aggregates, window.contents),
      records: window.contents,
    }
    const isUnchanged = window.standing !== null && sameResults(window.standing.values, row.values)
    if (!(accumulation === 'retracting' && isUnchanged && this.#plan.emitUnchanged !== true)) {
      if (accumulation === 'retracting') this.takeBack(window, '-U')
      this.#rows.push(row)
      window.standing = row
      window.paneCount++
      if (row.timing === 'onTime') window.hasOnTimePane = true
    }
    window.newCount = 0
    if (accumulation === 'discarding' || fired.some(({ purge }) => purge === true)) window.contents = []
    else if (evictor?.after === true) window.contents = evicted(evictor, window.contents)
    if (isLast && !window.trigger.finished) this.remove(window)
  }

  /** Puts out the row that stands, if there is one, as taken back. */
  takeBack({ standing }: Window, change: Change): void {
    if (standing !== null) this.#rows.push({ ...standing, change, isLast: false })
  }

  close(window: Window): void {
    window.isClosed = true
    window.contents = []
    window.newCount = 0
  }

  remove(...windows: readonly Window[]): void {
    this.all = this.all.filter((each) => !windows.includes(each))
  }

  moment(window: Window): Moment {
    return {
      watermarkMs: this.#clocks.watermarkMs,
      nowMs: this.#clocks.nowMs,
      isEndReached: this.#clocks.isOver(window),
      canMerge: this.#plan.window.kind === 'session',
    }
  }

  /** Early before the end; on time once, in the advance that reaches it; late from then on. */
  #timing(window: Window): Timing {
    const clocks = this.#clocks
    if (!clocks.isOver(window)) return 'early'
    return clocks.isDue && window.endedIn === clocks.advances && !window.hasOnTimePane ? 'onTime' : 'late'
  }
}
