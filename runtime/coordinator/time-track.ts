/**
 * The event time of one source, as one `eventTime` operator sees it: a generator for each split, one watermark for all that follows.
 *
 * Before: intake says which split's chunk passes and what came; the stage of the operator gives the event times.
 * After: the exchanges send the watermark to every subtask.
 * Here is what every source needs. Idleness, flush, drift and the far-future guard are in ruled-time-track.ts, loaded for live sources and for
 * bounded ones that ask for some of it.
 *
 * Invariants: the watermark never goes back. Here only the strategy `timeLag` depends on the clock.
 */

import type { Clock } from '../clock.ts'
import type { TimedNode } from '../operator/operator.ts'
import type { EventTimeSpec } from '../plan.ts'
import type { Schema } from '../schema.ts'
import { WatermarkCombiner } from '../source/watermark-combiner.ts'
import type { GeneratorState, MakeGenerator, WatermarkGenerator } from '../source/watermark-strategy.ts'
import type { Exchange } from './exchange.ts'
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
  /** Of jobs whose time comes from a log: how long ago the last records came, and up to when silence has been made into event time, ms. */
  readonly silence?: { readonly recordsAgoMs: number; readonly flushedAgoMs: number | null }
}

/** What a checkpoint keeps of an `eventTime` operator beside its splits. */
export interface TimeTrackState {
  readonly watermarkMs: number | null
  readonly futureRecords?: number
}

export interface SplitTime {
  /** Largest event time observed; −Infinity before the first. */
  maxMs: number
  delayMsMax: number
  isEnded: boolean
  readonly generator: WatermarkGenerator
}

/** Event times of a chunk: the least, the largest, and beyond which they are not to be observed. */
export interface TimeRange {
  readonly leastMs: number
  readonly largestMs: number
  readonly limitMs: number
}

/** Numbers for status and metrics. */
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
  /** How long nothing more must come until it does, ms, 0 while it does; null: never. */
  readonly flushesInMs: number | null
}

export class TimeTrack implements TimeObserver {
  readonly spec: EventTimeSpec
  readonly nodes: readonly TimedNode[]
  protected readonly options: TimeTrackOptions
  protected splits: readonly SplitTime[] = []
  protected combiner = new WatermarkCombiner(0, 'hold')
  /** The split whose chunk passes. */
  #split = -1
  #watermarkMs = Number.NEGATIVE_INFINITY

  constructor(options: TimeTrackOptions) {
    this.options = options
    this.spec = options.spec
    this.nodes = options.nodes
  }

  /** The watermark that was sent last. */
  get watermarkMs(): number {
    return this.#watermarkMs
  }

  /** Begins with these splits, as they were at the checkpoint. */
  open(splits: readonly { readonly state: SplitTimeState | null; readonly isEnded: boolean }[], restored: TimeTrackState | null): void {
    const { clock, makeGenerator } = this.options
    this.#watermarkMs = restored?.watermarkMs ?? Number.NEGATIVE_INFINITY
    this.combiner = new WatermarkCombiner(splits.length, 'hold')
    this.splits = splits.map(({ state, isEnded }, index) => {
      const generator = makeGenerator(state?.generator ?? null)
      const maxMs = state?.maxMs ?? Number.NEGATIVE_INFINITY
      const isOld = state !== null && state.watermarkMs === undefined
      const watermark = isOld ? generator.watermark(maxMs, clock.now()) : state?.watermarkMs
      if (watermark !== undefined && watermark !== null) this.combiner.advance(index, watermark)
      if (isEnded) this.combiner.end(index)
      return { maxMs, delayMsMax: state?.delayMsMax ?? 0, isEnded, generator }
    })
  }

  /** Says whose chunk the stage is going to get. */
  begin(split: number): void {
    this.#split = split
  }

  observe(chunk: TimedChunk, leastMs: number, largestMs: number): TimedChunk {
    this.note(chunk, { leastMs, largestMs, limitMs: Number.POSITIVE_INFINITY })
    return chunk
  }

  protected note({ batch, times }: TimedChunk, { leastMs, largestMs, limitMs }: TimeRange): void {
    const split = this.splits[this.#split]!
    const delay = split.maxMs - leastMs
    if (delay > split.delayMsMax) split.delayMsMax = delay
    split.generator.observe?.({ batch, times, limitMs, maxMs: split.maxMs })
    if (largestMs > split.maxMs) split.maxMs = largestMs
  }

  /** The split has brought records. */
  records(_split: number): void {}

  /** Evaluates the split's watermark: at places of its record sequence, and on live sources when it has nothing more. */
  evaluate(split: number): void {
    this.#advance(split)
    this.sendCombined()
  }

  #advance(split: number): void {
    const { generator, maxMs } = this.splits[split]!
    this.combiner.advance(split, generator.watermark(maxMs, this.options.clock.now()))
  }

  /** The source says the split's watermark: only `manual` listens. */
  supply(split: number, watermarkMs: number): void {
    if (this.spec.watermark.kind !== 'manual') return
    this.combiner.advance(split, watermarkMs)
    this.sendCombined()
  }

  /** The program says the watermark of all splits: only `manual` listens. */
  supplyAll(watermarkMs: number): void {
    for (const index of this.splits.keys()) this.supply(index, watermarkMs)
  }

  /**
   * Nothing follows on the split.
   *
   * @param isPlace - Whether the last record is at a place where the watermark is evaluated: then it is, so that it does not show whether a
   *   source says the end with its last records or apart.
   */
  end(split: number, isPlace: boolean): void {
    this.splits[split]!.isEnded = true
    this.#advance(split)
    if (isPlace) this.send(this.combiner.watermarkMs)
    this.combiner.end(split)
    this.send(this.combiner.watermarkMs)
  }

  /** All splits have ended: the watermark passes everything. */
  runOut(): void {
    this.send(Number.POSITIVE_INFINITY)
  }

  /** A mark behind the rows so far: the watermark as it is. */
  mark(): void {
    for (const exchange of this.options.exchanges) exchange.mark(this.#watermarkMs)
    for (const node of this.nodes) node.mark(this.#watermarkMs)
  }

  /** The source could not be asked: that is no silence. */
  pause(): void {}

  /** What follows from the time that passes while a live source has nothing. @returns whether the watermark advanced. */
  tick(): boolean {
    return false
  }

  /** Whether a split is so far ahead of the slowest that it should not be read. */
  isHeld(_split: number): boolean {
    return false
  }

  protected sendCombined(): void {
    this.send(this.combiner.watermarkMs)
  }

  protected send(watermarkMs: number): void {
    if (!(watermarkMs > this.#watermarkMs)) return
    this.#watermarkMs = watermarkMs
    for (const exchange of this.options.exchanges) exchange.watermark(watermarkMs)
    for (const node of this.nodes) node.advance(watermarkMs)
  }

  splitState(split: number): SplitTimeState {
    const { maxMs, delayMsMax, generator } = this.splits[split]!
    const watermarkMs = finiteOrNull(this.combiner.watermarkOf(split))
    return { maxMs: finiteOrNull(maxMs), watermarkMs, delayMsMax, generator: generator.snapshot() }
  }

  state(): TimeTrackState {
    return { watermarkMs: finiteOrNull(this.#watermarkMs), futureRecords: this.futureRecords }
  }

  get futureRecords(): number {
    return 0
  }

  get statistics(): TimeStatistics {
    const expected = this.splits.flatMap(({ generator }) => generator.expectedDelayMs?.() ?? [])
    return {
      maxEventTimeMs: finiteOrNull(Math.max(Number.NEGATIVE_INFINITY, ...this.splits.map(({ maxMs }) => maxMs))),
      delayMsMax: Math.max(0, ...this.splits.map(({ delayMsMax }) => delayMsMax)),
      expectedDelayMs: expected.length === 0 ? null : Math.max(...expected),
      splits: this.splits.length,
      idleSplits: 0,
      heldSplits: 0,
      endedSplits: this.splits.filter(({ isEnded }) => isEnded).length,
      futureRecords: this.futureRecords,
      isFlushing: false,
      flushesInMs: null,
    }
  }
}

function finiteOrNull(value: number): number | null {
  return Number.isFinite(value) ? value : null
}
