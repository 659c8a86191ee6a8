/**
 * The event time of one source, as one `eventTime` operator sees it: a generator for each split, one watermark for all that follows.
 *
 * Before: intake says which split's chunk passes, what came and what time it is; the stage of the operator gives the event times.
 * After: the exchanges send the watermark to every subtask; intake asks which splits are held back.
 *
 * Invariants: the watermark never goes back. On bounded sources nothing here depends on the clock, but for the strategy `timeLag` and a
 * `maxFutureSkew` that was asked for.
 */

import type { Clock } from '../clock.ts'
import type { TimedNode } from '../operator/operator.ts'
import type { EventTimeSpec } from '../plan.ts'
import { FLUSH_AFTER_MS_DEFAULT } from '../plan-watermark.ts'
import type { Schema } from '../schema.ts'
import { IdlenessDetector } from '../source/idleness-detector.ts'
import { WatermarkCombiner } from '../source/watermark-combiner.ts'
import type { GeneratorState, MakeGenerator, WatermarkGenerator } from '../source/watermark-strategy.ts'
import type { Exchange } from './exchange.ts'
import { FutureGuard } from './future-guard.ts'
import type { StageReport, TimedChunk, TimeObserver } from './stage.ts'

export interface TimeTrackOptions {
  readonly spec: EventTimeSpec
  /** Of the rows that reach the operator. */
  readonly schema: Schema
  /** Everything that its watermark reaches; the rest is behind operators with state. */
  readonly exchanges: readonly Exchange[]
  readonly nodes: readonly TimedNode[]
  readonly makeGenerator: MakeGenerator
  readonly isLive: boolean
  readonly clock: Clock
  readonly report: StageReport
}

/** What a checkpoint keeps of event time on one split; null: −Infinity. */
export interface SplitTimeState {
  readonly maxMs: number | null
  /** The last watermark of the split; absent in checkpoints of before, when it followed from `maxMs`. */
  readonly watermarkMs?: number | null
  readonly delayMsMax?: number
  readonly generator?: GeneratorState
}

/** What a checkpoint keeps of an `eventTime` operator beside its splits. */
export interface TimeTrackState {
  readonly watermarkMs: number | null
  readonly futureRecords?: number
}

interface SplitTime {
  /** Largest event time observed; −Infinity before the first. */
  maxMs: number
  delayMsMax: number
  isEnded: boolean
  /** When the split last brought records, on the monotonic clock. */
  lastRecordsMs: number
  readonly generator: WatermarkGenerator
  readonly idleness: IdlenessDetector | null
}

/** How often a watermark that follows the clock is sent: every one wakes the subtasks. */
const TICK_MS = 200
/** Without `idleAfter`, a live split holds no other back when it has been silent for longer. */
const DRIFT_SILENCE_MS = 30_000

export class TimeTrack implements TimeObserver {
  readonly spec: EventTimeSpec
  readonly nodes: readonly TimedNode[]
  readonly #options: TimeTrackOptions
  readonly #guard: FutureGuard
  readonly #flushAfterMs: number
  #splits: readonly SplitTime[] = []
  #combiner = new WatermarkCombiner(0, 'hold')
  /** The split whose chunk passes. */
  #split: SplitTime | null = null
  /** When the source last brought records, or could not be asked, on the monotonic clock. */
  #lastRecordsMs = 0
  /** Up to when silence has been made into event time. */
  #flushedMs = Number.NEGATIVE_INFINITY
  #tickedMs = Number.NEGATIVE_INFINITY
  #watermarkMs = Number.NEGATIVE_INFINITY

  constructor(options: TimeTrackOptions) {
    this.#options = options
    this.spec = options.spec
    this.nodes = options.nodes
    this.#guard = new FutureGuard(options.spec, options.schema, options.isLive, options.clock, options.report)
    const { watermark } = options.spec
    const mayFlush = options.isLive && watermark.kind !== 'timeLag' && watermark.kind !== 'manual'
    const { flushAfterMs = FLUSH_AFTER_MS_DEFAULT } = watermark
    this.#flushAfterMs = mayFlush && flushAfterMs !== null ? flushAfterMs : Number.POSITIVE_INFINITY
  }

  /** The watermark that was sent last. */
  get watermarkMs(): number {
    return this.#watermarkMs
  }

  /** Begins with these splits, as they were at the checkpoint. */
  open(splits: readonly { readonly state: SplitTimeState | null; readonly isEnded: boolean }[], restored: TimeTrackState | null): void {
    const { isLive, clock, makeGenerator } = this.#options
    const { idleAfterMs } = this.spec.watermark
    this.#lastRecordsMs = clock.monotonic()
    this.#watermarkMs = restored?.watermarkMs ?? Number.NEGATIVE_INFINITY
    this.#guard.count = restored?.futureRecords ?? 0
    this.#combiner = new WatermarkCombiner(splits.length, 'hold')
    this.#splits = splits.map(({ state, isEnded }, index) => {
      const generator = makeGenerator(state?.generator ?? null)
      const maxMs = state?.maxMs ?? Number.NEGATIVE_INFINITY
      const watermark = state === null || state.watermarkMs !== undefined ? state?.watermarkMs : generator.watermark(maxMs, clock.now())
      if (watermark !== undefined && watermark !== null) this.#combiner.advance(index, watermark)
      if (isEnded) this.#combiner.end(index)
      return {
        maxMs,
        delayMsMax: state?.delayMsMax ?? 0,
        isEnded,
        lastRecordsMs: this.#lastRecordsMs,
        generator,
        idleness: isLive && idleAfterMs !== undefined ? new IdlenessDetector(idleAfterMs) : null,
      }
    })
  }

  /** Says whose chunk the stage is going to get. */
  begin(split: number): void {
    this.#split = this.#splits[split]!
  }

  observe(chunk: TimedChunk, leastMs: number, largestMs: number): TimedChunk {
    const split = this.#split!
    const limitMs = this.#guard.limitMs
    if (largestMs <= limitMs) {
      this.#note(split, chunk, { leastMs, largestMs, limitMs })
      return chunk
    }
    const observedMs = this.#guard.observedLimitMs(limitMs)
    const passing = this.#guard.take(chunk, limitMs)
    let largest = Number.NEGATIVE_INFINITY
    for (let row = 0; row < chunk.batch.rowCount; row++) {
      const time = chunk.times[row]!
      if (time <= observedMs && time > largest) largest = time
    }
    if (largest !== Number.NEGATIVE_INFINITY) this.#note(split, chunk, { leastMs, largestMs: largest, limitMs: observedMs })
    return passing
  }

  #note(
    split: SplitTime,
    { batch, times }: TimedChunk,
    { leastMs, largestMs, limitMs }: { readonly leastMs: number; readonly largestMs: number; readonly limitMs: number },
  ): void {
    const delay = split.maxMs - leastMs
    if (delay > split.delayMsMax) split.delayMsMax = delay
    split.generator.observe?.({ batch, times, limitMs, maxMs: split.maxMs })
    if (largestMs > split.maxMs) split.maxMs = largestMs
  }

  /** The split has brought records: it is active. */
  records(split: number, nowMs: number): void {
    const time = this.#splits[split]!
    this.#combiner.setActive(split)
    time.idleness?.activity()
    time.lastRecordsMs = nowMs
    this.#lastRecordsMs = nowMs
  }

  /** Evaluates the split's watermark: at places of its record sequence, and on live sources when it has nothing more. */
  evaluate(split: number): void {
    this.#advance(split)
    this.#send(this.#combiner.watermarkMs)
  }

  #advance(split: number): void {
    const { generator, maxMs } = this.#splits[split]!
    this.#combiner.advance(split, generator.watermark(maxMs, this.#options.clock.now()))
  }

  /** The source says the split's watermark: only `manual` listens. */
  supply(split: number, watermarkMs: number): void {
    if (this.spec.watermark.kind !== 'manual') return
    this.#combiner.advance(split, watermarkMs)
    this.#send(this.#combiner.watermarkMs)
  }

  /** The program says the watermark of all splits: only `manual` listens. */
  supplyAll(watermarkMs: number): void {
    for (const index of this.#splits.keys()) this.supply(index, watermarkMs)
  }

  /**
   * Nothing follows on the split.
   *
   * @param isPlace - Whether the last record is at a place where the watermark is evaluated. Operators with state see that watermark too:
   *   whether a source says the end with its last records or apart must not show.
   */
  end(split: number, isPlace: boolean): void {
    this.#splits[split]!.isEnded = true
    this.#advance(split)
    const placeMs = this.#combiner.watermarkMs
    this.#combiner.end(split)
    const endMs = this.#combiner.watermarkMs
    if (isPlace && placeMs > this.#watermarkMs && placeMs < endMs) for (const node of this.nodes) node.advance(placeMs)
    this.#send(endMs)
  }

  /** All splits have ended: the watermark passes everything. */
  runOut(): void {
    this.#send(Number.POSITIVE_INFINITY)
  }

  /** A mark behind the rows so far: the watermark as it is. */
  mark(): void {
    for (const exchange of this.#options.exchanges) exchange.mark(this.#watermarkMs)
    for (const node of this.nodes) node.mark(this.#watermarkMs)
  }

  /** The source could not be asked: that is no silence. */
  pause(): void {
    this.#lastRecordsMs = this.#options.clock.monotonic()
    for (const { idleness } of this.#splits) idleness?.activity()
  }

  /** Live sources that have nothing more: what follows from the time that passes. @returns whether the watermark advanced. */
  tick(): boolean {
    const before = this.#watermarkMs
    const nowMs = this.#options.clock.monotonic()
    let isHeldBack = false
    this.#splits.forEach(({ isEnded, idleness }, index) => {
      if (isEnded) return
      if (this.isHeld(index)) {
        // It has something, which nobody has asked for.
        isHeldBack = true
        idleness?.activity()
      } else if (idleness?.check(nowMs) === true) {
        this.#combiner.setIdle(index)
      }
    })
    this.#send(this.#combiner.watermarkMs)
    if (isHeldBack) this.#lastRecordsMs = nowMs
    else this.#flush(nowMs)
    if (this.spec.watermark.kind === 'timeLag' && nowMs - this.#tickedMs >= TICK_MS) {
      this.#tickedMs = nowMs
      this.#splits.forEach(({ isEnded }, index) => {
        if (!isEnded) this.evaluate(index)
      })
    }
    return this.#watermarkMs > before
  }

  /** Whether silence is being made into event time. */
  get isFlushing(): boolean {
    return this.#options.clock.monotonic() - this.#lastRecordsMs > this.#flushAfterMs && Number.isFinite(this.#watermarkMs)
  }

  #flush(nowMs: number): void {
    if (nowMs - this.#lastRecordsMs <= this.#flushAfterMs || this.#watermarkMs === Number.POSITIVE_INFINITY) return
    const fromMs = Math.max(this.#flushedMs, this.#lastRecordsMs + this.#flushAfterMs)
    const elapsedMs = Math.floor(nowMs - fromMs)
    if (elapsedMs < TICK_MS) return
    this.#flushedMs = fromMs + elapsedMs
    const base = this.#watermarkMs === Number.NEGATIVE_INFINITY ? this.#leastKnown() : this.#watermarkMs
    this.#send(base + elapsedMs)
  }

  /** The least watermark of the splits that have one: those that never brought a record hold no flush. */
  #leastKnown(): number {
    let least = Number.POSITIVE_INFINITY
    for (const index of this.#splits.keys()) {
      const watermark = this.#combiner.watermarkOf(index)
      if (watermark > Number.NEGATIVE_INFINITY) least = Math.min(least, watermark)
    }
    return least === Number.POSITIVE_INFINITY ? Number.NEGATIVE_INFINITY : least
  }

  /** Whether a split is so far ahead of the slowest that it should not be read. */
  isHeld(split: number): boolean {
    const { maxDriftMs } = this.spec.watermark
    return maxDriftMs !== undefined && this.#splits[split]!.maxMs - this.#slowest() > maxDriftMs
  }

  /** Event time of the slowest split that counts. */
  #slowest(): number {
    let slowest = Number.POSITIVE_INFINITY
    this.#splits.forEach((split, index) => {
      if (split.maxMs > Number.NEGATIVE_INFINITY && split.maxMs < slowest && this.#combiner.isActive(index) && !this.#isSilent(split))
        slowest = split.maxMs
    })
    return slowest
  }

  #isSilent({ lastRecordsMs, idleness }: SplitTime): boolean {
    return this.#options.isLive && idleness === null && this.#options.clock.monotonic() - lastRecordsMs > DRIFT_SILENCE_MS
  }

  #send(watermarkMs: number): void {
    if (!(watermarkMs > this.#watermarkMs)) return
    this.#watermarkMs = watermarkMs
    for (const exchange of this.#options.exchanges) exchange.watermark(watermarkMs)
    for (const node of this.nodes) node.advance(watermarkMs)
  }

  splitState(split: number): SplitTimeState {
    const { maxMs, delayMsMax, generator } = this.#splits[split]!
    return {
      maxMs: finiteOrNull(maxMs),
      watermarkMs: finiteOrNull(this.#combiner.watermarkOf(split)),
      delayMsMax,
      generator: generator.snapshot(),
    }
  }

  state(): TimeTrackState {
    return { watermarkMs: finiteOrNull(this.#watermarkMs), futureRecords: this.#guard.count }
  }

  /** Numbers for status and metrics. */
  get statistics(): TimeStatistics {
    const indexes = [...this.#splits.keys()]
    const expected = this.#splits.flatMap(({ generator }) => generator.expectedDelayMs?.() ?? [])
    return {
      maxEventTimeMs: finiteOrNull(Math.max(Number.NEGATIVE_INFINITY, ...this.#splits.map(({ maxMs }) => maxMs))),
      delayMsMax: Math.max(0, ...this.#splits.map(({ delayMsMax }) => delayMsMax)),
      expectedDelayMs: expected.length === 0 ? null : Math.max(...expected),
      splits: indexes.length,
      idleSplits: indexes.filter((index) => this.#combiner.isIdleChannel(index)).length,
      heldSplits: indexes.filter((index) => !this.#splits[index]!.isEnded && this.isHeld(index)).length,
      endedSplits: this.#splits.filter(({ isEnded }) => isEnded).length,
      futureRecords: this.#guard.count,
      isFlushing: this.isFlushing,
    }
  }
}

export interface TimeStatistics {
  /** Largest event time seen, without those too far in the future; null before the first record. */
  readonly maxEventTimeMs: number | null
  /** How far a record was, at most, behind the newest of its split in the batches before its own: what a delay must allow for. */
  readonly delayMsMax: number
  /** The delay that `percentile` and `predicted` allow for now, of the split with the largest; null for other strategies. */
  readonly expectedDelayMs: number | null
  readonly splits: number
  /** Splits that were silent for longer than `idleAfter`. */
  readonly idleSplits: number
  /** Splits that are not read because they are further ahead than `maxDrift`. */
  readonly heldSplits: number
  readonly endedSplits: number
  /** Records whose event time was further ahead of the host's clock than `maxFutureSkew`. */
  readonly futureRecords: number
  /** Whether event time goes on by the clock because nothing comes. */
  readonly isFlushing: boolean
}

function finiteOrNull(value: number): number | null {
  return Number.isFinite(value) ? value : null
}
