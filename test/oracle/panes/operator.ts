/**
 * The whole window operator as one would explain it: every window keeps all its records, and each pane is computed from them anew.
 *
 * Before: a plan and what arrives, one event at a time. After: rows of results, late records and counts, which tests hold against the product.
 * Windows that count records are in count-windows.ts.
 *
 * Invariant: nothing here comes from the runtime or the kernel; slow and obvious on purpose.
 */

import { type Cell, keyIdentity } from '../windows.ts'
import { resultsOf, sameResults } from './aggregates.ts'
import { ascending, isWithin, windowsOf } from './assigners.ts'
import { evicted, inOrderOfArrival, inOrderOfTime } from './contents.ts'
import { CountWindows } from './count-windows.ts'
import { holds, valueOf } from './expressions.ts'
import type { Bounds, Change, Held, PaneEvent, PanePlan, PaneRow, Row, Timing, Trigger } from './plan.ts'
import { duesOf, fresh, isPeriodic, merged, type Moment, onFire, onRecord, rootOf, shouldFire, type TriggerState } from './triggers.ts'

export type RecordEvent = Extract<PaneEvent, { readonly kind: 'record' }>

/** A window of one key. */
interface Window extends Bounds {
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

/** Someone whom a record may be counted for. */
type Fate = 'taken' | 'closed' | 'late'

export class WindowOracle {
  readonly rows: PaneRow[] = []
  readonly late: RecordEvent[] = []
  outsideCount = 0
  closedCount = 0
  /** Records whose session gap is null or negative. */
  refusedCount = 0
  readonly #plan: PanePlan
  readonly #root: Trigger
  readonly #isProcessing: boolean
  readonly #latenessMs: number
  readonly #countWindows: CountWindows | null
  #windows: Window[] = []
  /** Records of state windows that the watermark has not passed. */
  #waiting: { readonly event: RecordEvent; readonly held: Held }[] = []
  /** Accepted records of each key, for windows that are made around records. */
  readonly #accepted = new Map<string, Held[]>()
  #watermarkMs = Number.NEGATIVE_INFINITY
  #nowMs = Number.NEGATIVE_INFINITY
  #arrivals = 0
  #born = 0
  #advances = 0
  #isAdvancing = false
  /** Whether a clock has just moved, not a record come. */
  #isDue = false

  constructor(plan: PanePlan) {
    this.#plan = plan
    this.#root = rootOf(plan.trigger)
    this.#isProcessing = plan.time === 'processing'
    this.#latenessMs = this.#isProcessing ? 0 : (plan.allowedLatenessMs ?? 0)
    const { window } = plan
    this.#countWindows = window.kind === 'countTumbling' || window.kind === 'countSliding' ? new CountWindows(window) : null
  }

  take(event: PaneEvent): void {
    if (event.kind === 'record') this.#record(event)
    else if (event.kind === 'watermark') this.#advanceWatermark(event.watermarkMs)
    else this.#advanceClock(event.nowMs)
  }

  // ---- records ----

  #record(event: RecordEvent): void {
    const timeMs = this.#isProcessing ? this.#nowMs : event.timeMs
    const held: Held = { arrival: this.#arrivals++, timeMs, eventMs: event.timeMs, row: event.row }
    if (this.#countWindows !== null) {
      this.#countRecord(this.#countWindows, event, held)
      return
    }
    const { window } = this.#plan
    switch (window.kind) {
      case 'session':
        this.#sessionRecord(event, held)
        return
      case 'around':
      case 'slidingByRecord':
        this.#neighbourRecord(event, held)
        return
      case 'stateWindow':
        this.#stateRecord(event, held)
        return
      case 'countTumbling':
      case 'countSliding':
        return
      default: {
        const bounds = windowsOf(window, timeMs, event.row)
        if (bounds.length === 0) this.outsideCount++
        else
          this.#settle(
            event,
            bounds.map((each) => this.#offer(event.key, each, [held])),
          )
      }
    }
  }

  /** All windows too late: a late record. Some of them finished: refused there. */
  #settle(event: RecordEvent, fates: readonly Fate[]): void {
    this.closedCount += fates.filter((fate) => fate === 'closed').length
    if (fates.every((fate) => fate === 'late')) this.late.push(event)
  }

  /** Adds records to the window with these bounds, which is made if it is not there, and evaluates it. */
  #offer(key: readonly Cell[], bounds: Bounds, records: readonly Held[]): Fate {
    if (this.#isLate(bounds)) return 'late'
    const keyId = keyIdentity(key)
    const found = this.#windows.find((each) => each.keyId === keyId && each.start === bounds.start && each.end === bounds.end)
    if (found?.isClosed) return 'closed'
    this.#add(found ?? this.#open(key, bounds), records)
    return 'taken'
  }

  #add(window: Window, records: readonly Held[]): void {
    for (const record of records) {
      window.contents = inOrderOfArrival([...window.contents, record])
      window.newCount++
      onRecord(this.#root, window.trigger, record.row, record.timeMs, this.#moment(window))
    }
    this.#evaluate(window)
  }

  #open(key: readonly Cell[], bounds: Bounds): Window {
    const isOver = this.#clock() >= lastMs(bounds)
    const window: Window = {
      start: bounds.start,
      end: bounds.end,
      key,
      keyId: keyIdentity(key),
      born: this.#born++,
      trigger: fresh(this.#root),
      contents: [],
      newCount: 0,
      paneCount: 0,
      standing: null,
      isEndSeen: isOver,
      endedIn: isOver ? -1 : null,
      hasOnTimePane: false,
      isClosed: false,
      eventTimeDone: this.#watermarkMs,
      processingTimeDone: this.#isProcessing ? this.#clock() : this.#nowMs,
      isSealed: false,
    }
    this.#windows.push(window)
    return window
  }

  // ---- sessions ----

  #sessionRecord(event: RecordEvent, held: Held): void {
    const gap = this.#gapOf(event.row)
    if (gap === null || !(gap >= 0)) {
      this.refusedCount++
      return
    }
    const keyId = keyIdentity(event.key)
    const own = { start: held.timeMs, end: held.timeMs + gap }
    const ofKey = this.#windows.filter((each) => each.keyId === keyId)
    const sealed = ofKey.find((each) => each.isSealed && isWithin(each, held.timeMs))
    if (sealed !== undefined) {
      this.#add(sealed, [held])
      return
    }
    const touched = ofKey.filter((each) => !each.isSealed && each.start <= own.end && own.start <= each.end)
    const bounds = hull([own, ...touched])
    if (this.#isLate(bounds)) {
      this.late.push(event)
      return
    }
    const session = this.#merge(event.key, bounds, touched)
    if (session.isClosed) this.closedCount++
    else this.#add(session, [held])
  }

  #gapOf(row: Row): number | null {
    const { window } = this.#plan
    if (window.kind !== 'session') throw new RangeError('Only sessions have gaps')
    return window.gap === undefined ? (window.gapMs ?? null) : (valueOf(window.gap, row) as number | null)
  }

  /** The window that these have become: one of them if its bounds are those of all, else a new one. */
  #merge(key: readonly Cell[], bounds: Bounds, parts: readonly Window[]): Window {
    const same = parts.find((part) => part.start === bounds.start && part.end === bounds.end)
    if (same !== undefined) return same
    this.#windows = this.#windows.filter((each) => !parts.includes(each))
    if (this.#plan.accumulation === 'retracting') {
      for (const { standing } of [...parts].sort((a, b) => a.start - b.start || a.end - b.end))
        if (standing !== null) this.rows.push({ ...standing, change: '-D', isLast: false })
    }
    const window = this.#open(key, bounds)
    if (parts.length === 0) return window
    const trigger = merged(
      this.#root,
      parts.map((part) => part.trigger),
      this.#moment(window),
    )
    Object.assign(window.trigger, trigger)
    window.contents = inOrderOfArrival(parts.flatMap(({ contents }) => contents))
    window.newCount = parts.reduce((sum, { newCount }) => sum + newCount, 0)
    if (trigger.finished) this.#close(window)
    return window
  }

  // ---- windows around records ----

  #neighbourRecord(event: RecordEvent, held: Held): void {
    const { window } = this.#plan
    const keyId = keyIdentity(event.key)
    const accepted = this.#accepted.get(keyId) ?? []
    const { timeMs } = held
    const opened = this.#windows.filter((each) => each.keyId === keyId && isWithin(each, timeMs))
    const made: Bounds[] = []
    if (window.kind === 'around') made.push({ start: timeMs - window.beforeMs, end: timeMs + window.afterMs + 1 })
    else if (window.kind === 'slidingByRecord') {
      const before = (last: number) => ({ start: last - window.differenceMs, end: last + 1 })
      const after = (last: number) => ({ start: last + 1, end: last + window.differenceMs + 2 })
      made.push(before(timeMs))
      for (const other of accepted) if (isWithin(after(other.timeMs), timeMs)) made.push(after(other.timeMs))
      if (accepted.some((other) => isWithin(after(timeMs), other.timeMs))) made.push(after(timeMs))
    }
    const fates: Fate[] = []
    for (const bounds of ascending([...opened, ...made])) {
      const isThere = this.#windows.some((each) => each.keyId === keyId && each.start === bounds.start && each.end === bounds.end)
      const holdsIt = isWithin(bounds, timeMs)
      // The window behind a record, of records that came before it, is made only with the record.
      if (!holdsIt && (isThere || fates.every((fate) => fate === 'late'))) continue
      const earlier = isThere ? [] : inOrderOfTime(accepted.filter((other) => isWithin(bounds, other.timeMs)))
      const fate = this.#offer(event.key, bounds, holdsIt ? [...earlier, held] : earlier)
      if (holdsIt) fates.push(fate)
    }
    this.#settle(event, fates)
    if (fates.some((fate) => fate !== 'late')) this.#accepted.set(keyId, [...accepted, held])
  }

  // ---- windows from one condition to another ----

  /** Records wait until the watermark has passed them, so that they come in order of event time. */
  #stateRecord(event: RecordEvent, held: Held): void {
    if (held.timeMs <= this.#watermarkMs) this.late.push(event)
    else this.#waiting.push({ event, held })
  }

  #stateRecords(watermarkMs: number): void {
    const isDue = ({ held }: { readonly held: Held }) => held.timeMs <= watermarkMs
    const due = this.#waiting.filter(isDue).sort((a, b) => a.held.timeMs - b.held.timeMs || a.held.arrival - b.held.arrival)
    this.#waiting = this.#waiting.filter((each) => !isDue(each))
    for (const { event, held } of due) this.#stateStep(event.key, held)
  }

  #stateStep(key: readonly Cell[], held: Held): void {
    const { window: shape } = this.#plan
    if (shape.kind !== 'stateWindow') throw new RangeError('Only state windows open and close')
    const keyId = keyIdentity(key)
    const running = this.#windows.find((each) => each.keyId === keyId)
    if (running !== undefined && held.timeMs >= running.start + (shape.maxLengthMs ?? Number.POSITIVE_INFINITY)) {
      this.#stateEnd(running, shape.maxLengthMs)
      this.#stateStep(key, held)
      return
    }
    if (running === undefined && !holds(shape.open, held.row)) {
      this.outsideCount++
      return
    }
    const window = running ?? this.#open(key, { start: held.timeMs, end: Number.POSITIVE_INFINITY })
    window.contents = [...window.contents, held]
    if (holds(shape.close, held.row)) this.#stateEnd(window, shape.maxLengthMs)
  }

  /** Ends behind its last record, or at its greatest length. */
  #stateEnd(window: Window, maxLengthMs = Number.POSITIVE_INFINITY): void {
    const last = Math.max(...window.contents.map(({ timeMs }) => timeMs))
    this.rows.push({
      key: window.key,
      windowStart: window.start,
      windowEnd: Math.min(last + 1, window.start + maxLengthMs),
      index: 0,
      timing: 'onTime',
      change: '+I',
      isLast: true,
      values: resultsOf(this.#plan.aggregates, window.contents),
      records: window.contents,
    })
    this.#remove(window)
  }

  // ---- time ----

  #advanceWatermark(watermarkMs: number): void {
    if (watermarkMs <= this.#watermarkMs) return
    const { window } = this.#plan
    if (window.kind === 'stateWindow') this.#stateRecords(watermarkMs)
    this.#watermarkMs = watermarkMs
    this.#advances++
    const isOver = watermarkMs === Number.POSITIVE_INFINITY
    // The end of the stream is the end of both clocks for windows in processing time.
    if (isOver && this.#isProcessing) this.#advanceClock(watermarkMs)
    this.#fireDue('event')
    if (!isOver) return
    if (this.#countWindows !== null) for (const { key, windows } of this.#countWindows.rest()) this.#countRows(key, windows)
  }

  #advanceClock(nowMs: number): void {
    if (nowMs <= this.#nowMs) return
    this.#nowMs = nowMs
    this.#advances++
    this.#fireDue('processing')
  }

  /** Attends to each window of which something is due by a clock, by its earliest due time, then by age: once, with the clock at its new time. */
  #fireDue(clock: 'event' | 'processing'): void {
    const now = clock === 'event' ? this.#watermarkMs : this.#nowMs
    const done = clock === 'event' ? 'eventTimeDone' : 'processingTimeDone'
    this.#isAdvancing = clock === 'processing' || now === Number.POSITIVE_INFINITY
    this.#isDue = true
    for (;;) {
      const next = this.#windows
        .flatMap((window) => this.#dues(window, clock).map((due) => ({ window, due })))
        .filter(({ window, due }) => window[done] < due && due <= now)
        .sort((a, b) => a.due - b.due || a.window.born - b.window.born)[0]
      if (next === undefined) break
      next.window[done] = now
      this.#due(next.window, clock)
    }
    for (const window of this.#windows) window[done] = now
    this.#isAdvancing = false
    this.#isDue = false
  }

  #dues(window: Window, clock: 'event' | 'processing'): number[] {
    if (this.#plan.window.kind === 'stateWindow') return clock === 'event' ? [this.#lastMs(window)] : []
    const dues = window.isClosed ? [] : duesOf(this.#root, window.trigger, clock)
    return clock === (this.#isProcessing ? 'processing' : 'event') ? [...dues, this.#lastMs(window), this.#cleanupMs(window)] : dues
  }

  #due(window: Window, clock: 'event' | 'processing'): void {
    const { window: shape, closing = 'none' } = this.#plan
    if (shape.kind === 'stateWindow') {
      this.#stateEnd(window, shape.maxLengthMs)
      return
    }
    const subject = this.#clock() >= this.#lastMs(window) ? this.#cut(window) : window
    if (this.#clock() >= this.#lastMs(subject)) subject.endedIn ??= this.#advances
    this.#evaluate(subject)
    const isOwnClock = clock === (this.#isProcessing ? 'processing' : 'event')
    if (!isOwnClock || this.#clock() < this.#cleanupMs(subject)) return
    const isWanted = closing === 'always' || (closing === 'ifNonEmpty' && subject.newCount > 0)
    if (this.#windows.includes(subject) && !subject.isClosed && isWanted) this.#emit(subject, [])
    this.#remove(subject)
  }

  /** A session that has outgrown its greatest length becomes a piece that is over and sessions of the rest. */
  #cut(window: Window): Window {
    const { window: shape } = this.#plan
    if (shape.kind !== 'session' || shape.maxLengthMs === undefined || window.isSealed) return window
    const limit = window.start + shape.maxLengthMs
    if (window.end <= limit) return window
    const kept = window.contents.filter(({ timeMs }) => timeMs < limit)
    const rest = window.contents.filter(({ timeMs }) => timeMs >= limit)
    const lastEnd = Math.max(...kept.map(({ timeMs, row }) => timeMs + this.#gapOf(row)!))
    this.#remove(window)
    const piece = this.#open(window.key, { start: window.start, end: Math.min(lastEnd, limit) })
    Object.assign(piece, { isSealed: true, isEndSeen: false, endedIn: this.#advances, contents: kept, newCount: kept.length })
    const sessions: { bounds: Bounds; records: Held[] }[] = []
    for (const record of inOrderOfTime(rest)) {
      const own = { start: record.timeMs, end: record.timeMs + this.#gapOf(record.row)! }
      const last = sessions.at(-1)
      if (last !== undefined && own.start <= last.bounds.end) {
        last.bounds = hull([last.bounds, own])
        last.records.push(record)
      } else sessions.push({ bounds: own, records: [record] })
    }
    for (const { bounds, records } of sessions) {
      const next = this.#open(window.key, bounds)
      Object.assign(next, { contents: inOrderOfArrival(records), newCount: records.length, isEndSeen: false, endedIn: null })
      next.eventTimeDone = Number.NEGATIVE_INFINITY
      next.processingTimeDone = Number.NEGATIVE_INFINITY
    }
    return piece
  }

  // ---- panes ----

  #evaluate(window: Window): void {
    if (window.isClosed) return
    const moment = this.#moment(window)
    const isAtEnd = moment.isEndReached && !window.isEndSeen
    if (moment.isEndReached) window.isEndSeen = true
    if (!shouldFire(this.#root, window.trigger, moment)) return
    const fired: Trigger[] = []
    onFire(this.#root, window.trigger, moment, fired)
    const hasContents = window.contents.length > 0
    const emits =
      window.newCount > 0 || (isAtEnd && (hasContents || this.#plan.emptyPanes === true)) || (hasContents && fired.some(isPeriodic))
    if (emits) this.#emit(window, fired)
    if (window.trigger.finished) this.#close(window)
  }

  /** One pane: evict, compute, take back what stood, put out what stands now, empty the window if it is to be emptied. */
  #emit(window: Window, fired: readonly Trigger[]): void {
    const { evictor, accumulation = 'accumulating', aggregates } = this.#plan
    if (evictor !== undefined && evictor.after !== true) window.contents = evicted(evictor, window.contents)
    const isLast = window.trigger.finished || this.#clock() >= this.#cleanupMs(window)
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
      if (accumulation === 'retracting' && window.standing !== null) this.rows.push({ ...window.standing, change: '-U', isLast: false })
      this.rows.push(row)
      window.standing = row
      window.paneCount++
      if (row.timing === 'onTime') window.hasOnTimePane = true
    }
    window.newCount = 0
    if (accumulation === 'discarding' || fired.some(({ purge }) => purge === true)) window.contents = []
    else if (evictor?.after === true) window.contents = evicted(evictor, window.contents)
    if (isLast && !window.trigger.finished) this.#remove(window)
  }

  /** Early before the end; on time once, in the advance that reaches it; late from then on. */
  #timing(window: Window): Timing {
    if (this.#clock() < this.#lastMs(window)) return 'early'
    return this.#isDue && window.endedIn === this.#advances && !window.hasOnTimePane ? 'onTime' : 'late'
  }

  #close(window: Window): void {
    window.isClosed = true
    window.contents = []
    window.newCount = 0
  }

  #remove(window: Window): void {
    this.#windows = this.#windows.filter((each) => each !== window)
  }

  /** Up to when time is over. While the host's clock stands, records still come for the millisecond it shows: nothing ends by it. */
  #clock(): number {
    if (!this.#isProcessing) return this.#watermarkMs
    return this.#isAdvancing ? this.#nowMs : Number.NEGATIVE_INFINITY
  }

  /** When a window is over: the last millisecond that is in it. */
  #lastMs(window: Bounds): number {
    const { window: shape } = this.#plan
    const isLimited = (shape.kind === 'session' || shape.kind === 'stateWindow') && shape.maxLengthMs !== undefined
    return isLimited ? Math.min(window.end, window.start + shape.maxLengthMs!) - 1 : lastMs(window)
  }

  #cleanupMs(window: Bounds): number {
    return this.#lastMs(window) + this.#latenessMs
  }

  #isLate(bounds: Bounds): boolean {
    return !this.#isProcessing && this.#watermarkMs >= this.#cleanupMs(bounds)
  }

  #moment(window: Window): Moment {
    return {
      watermarkMs: this.#watermarkMs,
      nowMs: this.#nowMs,
      isEndReached: this.#clock() >= this.#lastMs(window),
      canMerge: this.#plan.window.kind === 'session',
    }
  }

  // ---- windows that count ----

  #countRecord(windows: CountWindows, event: RecordEvent, held: Held): void {
    const taken = windows.add(event.key, held)
    if (taken.isOutside) this.outsideCount++
    this.#countRows(event.key, taken.full)
  }

  #countRows(key: readonly Cell[], windows: readonly { readonly number: number; readonly records: readonly Held[] }[]): void {
    for (const { number, records } of windows) {
      const times = records.map(({ timeMs }) => timeMs)
      const bounds = { start: Math.min(...times), end: Math.max(...times) + 1 }
      this.rows.push({
        key,
        windowStart: bounds.start,
        windowEnd: bounds.end,
        index: number,
        timing: 'onTime',
        change: '+I',
        isLast: true,
        values: resultsOf(this.#plan.aggregates, records),
        records,
      })
    }
  }
}

function lastMs({ end }: Bounds): number {
  return end - 1
}

function hull(windows: readonly Bounds[]): Bounds {
  return { start: Math.min(...windows.map(({ start }) => start)), end: Math.max(...windows.map(({ end }) => end)) }
}

/** Everything that a plan makes of what arrives. */
export function oracleOf(plan: PanePlan, events: readonly PaneEvent[]): WindowOracle {
  const oracle = new WindowOracle(plan)
  for (const event of events) oracle.take(event)
  return oracle
}
