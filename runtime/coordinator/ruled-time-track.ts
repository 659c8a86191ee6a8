/**
 * Event time with the rules of live sources: idle splits, silence made into event time, splits that wait for each other, clocks that are wrong.
 *
 * Before: intake, which also says what time passes without records. After: as time-track.ts, of which this is the whole.
 * Loaded for live sources, and for bounded ones whose plan names `maxDrift` or `maxFutureSkew`.
 *
 * Invariant: on bounded sources only a `maxFutureSkew` that was asked for depends on the clock.
 */

import type { EventTimeSpec } from '../plan.ts'
import { FLUSH_AFTER_MS_DEFAULT } from '../plan-watermark.ts'
import { IdlenessDetector } from '../source/idleness-detector.ts'
import { FutureGuard } from './future-guard.ts'
import type { TimedChunk } from './stage.ts'
import { type SplitTimeState, type TimeStatistics, TimeTrack, type TimeTrackOptions, type TimeTrackState } from './time-track.ts'

/** How often a watermark that follows the clock is sent: every one wakes the subtasks. */
const TICK_MS = 200
/** Without `idleAfter`, a live split holds no other back when it has been silent for longer. */
const DRIFT_SILENCE_MS = 30_000

export class RuledTimeTrack extends TimeTrack {
  readonly #guard: FutureGuard
  readonly #flushAfterMs: number
  #idleness: readonly (IdlenessDetector | null)[] = []
  /** When each split last brought records, on the monotonic clock. */
  #splitRecordsMs: number[] = []
  /** When the source last brought records, or could not be asked, on the monotonic clock. */
  #recordsMs = 0
  /** Up to when silence has been made into event time. */
  #flushedMs = Number.NEGATIVE_INFINITY
  #tickedMs = Number.NEGATIVE_INFINITY

  constructor(options: TimeTrackOptions) {
    super(options)
    this.#guard = new FutureGuard(options)
    this.#flushAfterMs = options.isLive ? flushAfterMsOf(options.spec) : Number.POSITIVE_INFINITY
  }

  override open(splits: Parameters<TimeTrack['open']>[0], restored: TimeTrackState | null): void {
    super.open(splits, restored)
    const { isLive, clock, spec } = this.options
    const { idleAfterMs } = spec.watermark
    this.#recordsMs = clock.monotonic()
    this.#splitRecordsMs = splits.map(() => this.#recordsMs)
    this.#idleness = splits.map(() => (isLive && idleAfterMs !== undefined ? new IdlenessDetector(idleAfterMs) : null))
    this.#guard.count = restored?.futureRecords ?? 0
    this.#restoreSilence(splits.map(({ state }) => state?.silence))
  }

  /** With time from a log, silence goes on where the checkpoint left it; elsewhere it begins anew, since a source that was away was not silent. */
  #restoreSilence(silences: readonly SplitTimeState['silence'][]): void {
    if (this.options.clock.isLogged !== true) return
    const nowMs = this.#recordsMs
    silences.forEach((silence, index) => {
      if (silence === undefined) return
      this.#splitRecordsMs[index] = nowMs - silence.recordsAgoMs
      if (silence.flushedAgoMs !== null) this.#flushedMs = nowMs - silence.flushedAgoMs
    })
    if (silences.every((silence) => silence !== undefined)) this.#recordsMs = Math.max(...this.#splitRecordsMs)
  }

  override splitState(split: number): SplitTimeState {
    const state = super.splitState(split)
    const { clock } = this.options
    if (clock.isLogged !== true) return state
    const nowMs = clock.monotonic()
    const flushedAgoMs = this.#flushedMs === Number.NEGATIVE_INFINITY ? null : nowMs - this.#flushedMs
    return { ...state, silence: { recordsAgoMs: nowMs - this.#splitRecordsMs[split]!, flushedAgoMs } }
  }

  override observe(chunk: TimedChunk, leastMs: number, largestMs: number): TimedChunk {
    const { limitMs } = this.#guard
    if (largestMs <= limitMs) {
      this.note(chunk, { leastMs, largestMs, limitMs })
      return chunk
    }
    const observedMs = this.#guard.observedLimitMs(limitMs)
    let largest = Number.NEGATIVE_INFINITY
    for (let row = 0; row < chunk.batch.rowCount; row++) {
      const time = chunk.times[row]!
      if (time <= observedMs && time > largest) largest = time
    }
    if (largest !== Number.NEGATIVE_INFINITY) this.note(chunk, { leastMs, largestMs: largest, limitMs: observedMs })
    return this.#guard.take(chunk, limitMs)
  }

  override records(split: number): void {
    if (!this.options.isLive) return
    this.combiner.setActive(split)
    this.#idleness[split]?.activity()
    this.#recordsMs = this.options.clock.monotonic()
    this.#splitRecordsMs[split] = this.#recordsMs
  }

  override pause(): void {
    this.#recordsMs = this.options.clock.monotonic()
    for (const idleness of this.#idleness) idleness?.activity()
  }

  override tick(): boolean {
    const before = this.watermarkMs
    const nowMs = this.options.clock.monotonic()
    const hasHeld = this.#findIdle(nowMs)
    this.sendCombined()
    // What is held back has something: that is no silence.
    if (hasHeld) this.#recordsMs = nowMs
    else this.#flush(nowMs)
    if (this.spec.watermark.kind === 'timeLag') this.#followClock(nowMs)
    return this.watermarkMs > before
  }

  /** Splits that were silent for long enough are idle. @returns whether any is held back. */
  #findIdle(nowMs: number): boolean {
    let hasHeld = false
    this.splits.forEach(({ isEnded }, index) => {
      if (isEnded) return
      const idleness = this.#idleness[index]
      if (this.isHeld(index)) {
        hasHeld = true
        idleness?.activity()
      } else if (idleness?.check(nowMs) === true) {
        this.combiner.setIdle(index)
      }
    })
    return hasHeld
  }

  #isSilent(nowMs: number): boolean {
    return nowMs - this.#recordsMs > this.#flushAfterMs && this.watermarkMs < Number.POSITIVE_INFINITY
  }

  /** Makes silence into event time, from the last watermark on. */
  #flush(nowMs: number): void {
    if (!this.#isSilent(nowMs)) return
    const fromMs = Math.max(this.#flushedMs, this.#recordsMs + this.#flushAfterMs)
    const elapsedMs = Math.floor(nowMs - fromMs)
    if (elapsedMs < TICK_MS) return
    this.#flushedMs = fromMs + elapsedMs
    const baseMs = this.watermarkMs === Number.NEGATIVE_INFINITY ? this.#leastKnown() : this.watermarkMs
    this.send(baseMs + elapsedMs)
  }

  /** The least watermark of the splits that have one: those that never brought a record hold no flush. */
  #leastKnown(): number {
    const known = this.splits
      .map((_, index) => this.combiner.watermarkOf(index))
      .filter((watermark) => watermark > Number.NEGATIVE_INFINITY)
    return known.length === 0 ? Number.NEGATIVE_INFINITY : Math.min(...known)
  }

  #followClock(nowMs: number): void {
    if (nowMs - this.#tickedMs < TICK_MS) return
    this.#tickedMs = nowMs
    this.splits.forEach(({ isEnded }, index) => {
      if (!isEnded) this.evaluate(index)
    })
  }

  override isHeld(split: number): boolean {
    const { maxDriftMs } = this.spec.watermark
    return maxDriftMs !== undefined && this.splits[split]!.maxMs - this.#slowest() > maxDriftMs
  }

  /** Event time of the slowest split that counts: it is active, and has brought records. */
  #slowest(): number {
    const silentBeforeMs =
      this.options.isLive && this.spec.watermark.idleAfterMs === undefined
        ? this.options.clock.monotonic() - DRIFT_SILENCE_MS
        : Number.NEGATIVE_INFINITY
    let slowest = Number.POSITIVE_INFINITY
    this.splits.forEach(({ maxMs }, index) => {
      const counts = maxMs > Number.NEGATIVE_INFINITY && this.combiner.isActive(index) && this.#splitRecordsMs[index]! >= silentBeforeMs
      if (counts && maxMs < slowest) slowest = maxMs
    })
    return slowest
  }

  override get futureRecords(): number {
    return this.#guard.count
  }

  override get statistics(): TimeStatistics {
    const open = [...this.splits.keys()].filter((index) => !this.splits[index]!.isEnded)
    return {
      ...super.statistics,
      idleSplits: open.filter((index) => !this.combiner.isActive(index)).length,
      heldSplits: open.filter((index) => this.isHeld(index)).length,
      isFlushing: Number.isFinite(this.watermarkMs) && this.#isSilent(this.options.clock.monotonic()),
      flushesInMs: this.#flushesInMs(),
    }
  }

  #flushesInMs(): number | null {
    if (this.#flushAfterMs === Number.POSITIVE_INFINITY || this.watermarkMs === Number.POSITIVE_INFINITY) return null
    return Math.max(0, this.#recordsMs + this.#flushAfterMs - this.options.clock.monotonic())
  }
}

function flushAfterMsOf({ watermark }: EventTimeSpec): number {
  const isSelfDriven = watermark.kind === 'timeLag' || watermark.kind === 'manual'
  const { flushAfterMs = FLUSH_AFTER_MS_DEFAULT } = watermark
  return isSelfDriven || flushAfterMs === null ? Number.POSITIVE_INFINITY : flushAfterMs
}
