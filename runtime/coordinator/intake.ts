/**
 * Reads one source: its splits in turn, chunk by chunk, through the stages into the exchanges, with watermarks at fixed places.
 *
 * Before: source/ readers. After: stages, then exchanges (and sinks of pipelines without a window).
 * A chunk never crosses a place where a watermark is evaluated, so which record is late follows from the record sequence alone.
 *
 * Invariant: a chunk is written to every exchange, and its watermark behind it, before the next one is read.
 */

import { BatchBuilder, type DeadLetter } from '../batch-builder.ts'
import type { Clock } from '../clock.ts'
import { Dictionary } from '../dictionary.ts'
import { ConnectorError, MillraceError } from '../errors.ts'
import type { EventTimeSpec } from '../plan.ts'
import type { RecordBatch } from '../record-batch.ts'
import type { Schema } from '../schema.ts'
import type { ReadResult, Source, SplitPosition, SplitReader } from '../source/source.ts'
import { combinedWatermark, type SplitTime } from '../source/watermark-strategy.ts'
import type { Exchange } from './exchange.ts'
import type { Stage } from './stage.ts'

/** An `eventTime` operator of this source, with everything that its watermark reaches. */
export interface TimeTrack {
  readonly spec: EventTimeSpec
  readonly exchanges: readonly Exchange[]
  /** Set by the stage while a chunk passes: the chunk's largest event time. */
  observedMs: number
  watermarkMs: number
}

export interface IntakeOptions {
  readonly uid: string
  readonly name: string
  readonly schema: Schema
  readonly source: Source
  readonly stages: readonly Stage[]
  readonly tracks: readonly TimeTrack[]
  readonly exchanges: readonly Exchange[]
  /** Resolves when direct sinks have taken what the stages gave them. */
  readonly settle: () => Promise<void> | null
  readonly deadLetter: (letter: DeadLetter) => void
  readonly clock: Clock
  readonly batchRowsMax: number
  readonly restored: IntakeState | null
}

/** Records of this source that did not reach a window or sink; counted where that happens, kept in checkpoints. */
export interface IntakeCounts {
  filtered: number
  deadLetters: number
}

/** What a checkpoint keeps of a source. */
export interface IntakeState {
  readonly turn: number
  readonly counts: Readonly<IntakeCounts>
  readonly deadLetterCount: number
  readonly splits: Readonly<Record<string, SplitState>>
  /** By `eventTime` operator. */
  readonly watermarks: Readonly<Record<string, number | null>>
}
interface SplitState {
  readonly position: SplitPosition
  readonly recordCount: number
  readonly isEnded: boolean
  /** By `eventTime` operator; null before the first record. */
  readonly maxMs: Readonly<Record<string, number | null>>
}

interface Split {
  readonly id: string
  readonly reader: SplitReader
  readonly times: SplitTime[]
  recordCount: number
  lastActiveMs: number
  isEnded: boolean
}

/** What a read brought: rows in the builder, or a batch of their own. */
interface Chunk {
  readonly split: Split
  readonly result: ReadResult
  readonly batch: RecordBatch | null
}

interface Reading {
  chunk: Chunk | null
  error: Error | null
  done: Promise<void>
}

/** More distinct strings than this and the dictionary is begun anew, so that key churn does not leak. */
const DICTIONARY_SIZE_MAX = 1 << 20
const DICTIONARY_BYTES_MAX = 1 << 28
/** Records of a split until the next one has its turn, where no watermark says so. */
const TURN_RECORDS = 1024
/** Chunks a step reads before it looks up. */
const CHUNKS_A_STEP = 16

export type IntakeProgress = 'progress' | 'idle' | 'blocked' | 'ended'

export class Intake {
  readonly uid: string
  readonly #options: IntakeOptions
  readonly #splits: Split[] = []
  readonly #builder: BatchBuilder
  /** Exchanges to windows that go by the host's clock. */
  readonly #clocked: readonly Exchange[]
  #turn = 0
  #isChunkPending = false
  /** A read that has to be waited for. */
  #reading: Reading | null = null
  #isEnded = false
  deadLetterCount = 0

  constructor(options: IntakeOptions) {
    this.uid = options.uid
    this.#options = options
    this.#builder = new BatchBuilder(options.schema, options.batchRowsMax, new Dictionary())
    this.#builder.source = options.name
    this.#clocked = options.exchanges.filter(({ layout }) => layout.usesClock)
  }

  /** Opens all splits, at the restored positions. @throws ConnectorError `SOURCE_REWIND`, `SOURCE_FAILED`, and what the source throws of ours. */
  async open(): Promise<void> {
    try {
      await this.#open()
    } catch (error) {
      await this.close().catch(() => {})
      throw sourceError(this.#options.name, error)
    }
  }

  async #open(): Promise<void> {
    const { source, name, schema, clock, restored, tracks } = this.#options
    const splits = await source.splits({ name, schema, clock })
    const known = restored?.splits ?? {}
    for (const id of Object.keys(known)) {
      if (!splits.some((split) => split.splitId === id)) {
        throw new ConnectorError(
          'SOURCE_REWIND',
          `Source ${name} no longer has split ${id}, which the checkpoint has read; bind the same source, or start without resuming`,
        )
      }
    }
    for (const split of splits) {
      const state = Object.hasOwn(known, split.splitId) ? known[split.splitId]! : null
      this.#splits.push({
        id: split.splitId,
        reader: await split.open(state?.position ?? null),
        times: tracks.map((track) => ({
          maxMs: state?.maxMs[track.spec.uid] ?? Number.NEGATIVE_INFINITY,
          isIdle: false,
          isEnded: state?.isEnded ?? false,
        })),
        recordCount: state?.recordCount ?? 0,
        lastActiveMs: clock.monotonic(),
        isEnded: state?.isEnded ?? false,
      })
    }
    this.#turn = restored?.turn ?? 0
    this.deadLetterCount = restored?.deadLetterCount ?? 0
    for (const track of tracks) track.watermarkMs = restored?.watermarks[track.spec.uid] ?? Number.NEGATIVE_INFINITY
  }

  /** Whether everything was read and written to the exchanges, the last watermark included. */
  get isEnded(): boolean {
    return this.#isEnded && !this.#isChunkPending
  }

  get isLive(): boolean {
    return !this.#options.source.isBounded
  }

  get recordCount(): number {
    return this.#splits.reduce((sum, split) => sum + split.recordCount, 0)
  }

  /** Sum over the splits that know their size. */
  progress(): { readonly done: number; readonly total: number } | null {
    let done = 0
    let total = 0
    for (const split of this.#splits) {
      const progress = split.reader.progress()
      if (progress === null) return null
      done += progress.done
      total += progress.total
    }
    return total > 0 ? { done, total } : null
  }

  /**
   * Whether a barrier that follows now changes the order of no results: between two watermarks the outlets give each subtask its turn, and
   * a barrier there would begin the turns anew. On live sources watermarks lie anywhere, so it makes no difference.
   */
  get isBehindMark(): boolean {
    return this.isLive || this.#options.exchanges.every((exchange) => exchange.isBehindMark)
  }

  /**
   * Reads and passes on a few chunks. A promise only when a direct sink has to be waited for; a reader that has to wait is asked again.
   *
   * @param toMark - Whether to stop as soon as {@link isBehindMark}.
   */
  step(toMark = false): IntakeProgress | Promise<IntakeProgress> {
    const progress = this.#work(toMark)
    this.#wake()
    return progress
  }

  #work(toMark: boolean): IntakeProgress | Promise<IntakeProgress> {
    let progress: IntakeProgress = 'idle'
    for (let count = 0; count < CHUNKS_A_STEP; count++) {
      if (toMark && this.isBehindMark) return progress
      if (!this.#flush()) return progress === 'idle' ? 'blocked' : progress
      if (this.#isEnded) return 'ended'
      if (this.#tick()) {
        progress = 'progress'
        continue
      }
      const arrived = this.#reading === null ? this.#read() : this.#arrived()
      if (arrived === 'out') {
        this.#runOut()
        progress = 'progress'
        continue
      }
      if (arrived === null) return this.#advanceIdle() ? 'progress' : progress
      const handled = this.#handle(arrived)
      if (handled) progress = 'progress'
      const settling = this.#options.settle()
      if (settling !== null) return settling.then(() => progress)
      if (!handled) return this.#advanceIdle() ? 'progress' : progress
    }
    return progress
  }

  /** Tells the windows that go by it the clock, between two chunks. @returns whether it was time. */
  #tick(): boolean {
    let hasTicked = false
    for (const exchange of this.#clocked) hasTicked = exchange.tick() || hasTicked
    if (hasTicked) this.#isChunkPending = true
    return hasTicked
  }

  /** What the next split has: a chunk, null when it must be waited for, or `out` when all splits have ended. */
  #read(): Chunk | null | 'out' {
    const split = this.#nextSplit()
    if (split === null) return 'out'
    const builder = this.#emptyBuilder()
    const rowsMax = this.#rowsUntilWatermark(split)
    try {
      const whole = split.reader.readBatch?.(rowsMax, builder.dictionary)
      if (whole !== undefined) return { split, ...whole }
      const read = split.reader.read(builder, rowsMax)
      if (!(read instanceof Promise)) return { split, result: read, batch: null }
      this.#wait(split, read)
      return null
    } catch (error) {
      throw sourceError(this.#options.name, error)
    }
  }

  #wait(split: Split, read: Promise<ReadResult>): void {
    const reading: Reading = { chunk: null, error: null, done: Promise.resolve() }
    reading.done = read.then(
      (result) => {
        reading.chunk = { split, result, batch: null }
      },
      (error: unknown) => {
        reading.error = sourceError(this.#options.name, error)
      },
    )
    this.#reading = reading
  }

  /** The chunk that was waited for, or null when it is still to come. */
  #arrived(): Chunk | null {
    const reading = this.#reading!
    if (reading.error !== null) throw reading.error
    if (reading.chunk !== null) this.#reading = null
    return reading.chunk
  }

  #wake(): void {
    for (const exchange of this.#options.exchanges) exchange.wake()
  }

  /** Resolves when a split may have something; null when none can say. */
  ready(): Promise<void> | null {
    const reading = this.#reading
    // What has arrived waits for the rings while a chunk is pending: then there is nothing to be woken for here.
    if (reading !== null) return (reading.chunk !== null || reading.error !== null) && this.#isChunkPending ? null : reading.done
    if (!this.isLive) return null
    const waits = this.#splits.filter((split) => !split.isEnded).map((split) => split.reader.ready?.())
    return waits.length === 0 || waits.includes(undefined) ? null : Promise.race(waits).then(() => undefined)
  }

  /** Brings the intake between two chunks: passes on what was read. @returns whether it is there, so that a barrier may follow. */
  rest(): boolean {
    if (this.#flush() && this.#reading !== null) {
      const arrived = this.#arrived()
      if (arrived !== null) this.#handle(arrived)
      // Of a read that has brought nothing so far, nothing is behind the barrier: the reader's position is still the one before it.
      else if (this.#builder.rowCount > 0 || this.#builder.deadLetters.length > 0) return false
      this.#flush()
    }
    this.#wake()
    return !this.#isChunkPending
  }

  /** Sends the barrier behind everything read so far; only when {@link isAtRest}. */
  barrier(checkpointId: number, counts: IntakeCounts): IntakeState {
    for (const exchange of this.#options.exchanges) exchange.barrier(checkpointId)
    this.#isChunkPending = true
    return this.#state(counts)
  }

  /** Whether everything read was written to the exchanges. */
  get isAtRest(): boolean {
    return !this.#isChunkPending
  }

  #state(counts: IntakeCounts): IntakeState {
    const { tracks } = this.#options
    const number = (value: number) => (Number.isFinite(value) ? value : null)
    const splits = this.#splits.map((split): [string, SplitState] => [
      split.id,
      {
        position: split.reader.position(),
        recordCount: split.recordCount,
        isEnded: split.isEnded,
        maxMs: Object.fromEntries(tracks.map((track, index) => [track.spec.uid, number(split.times[index]!.maxMs)])),
      },
    ])
    return {
      turn: this.#turn,
      counts: { ...counts },
      deadLetterCount: this.deadLetterCount,
      splits: Object.fromEntries(splits),
      watermarks: Object.fromEntries(tracks.map((track) => [track.spec.uid, number(track.watermarkMs)])),
    }
  }

  /** Says on every ring that nothing follows. */
  finish(): void {
    this.#isEnded = true
    for (const exchange of this.#options.exchanges) exchange.end()
    this.#isChunkPending = true
  }

  async close(): Promise<void> {
    await Promise.all(this.#splits.map((split) => split.reader.close()))
  }

  #flush(): boolean {
    if (!this.#isChunkPending) return true
    let isDone = true
    for (const exchange of this.#options.exchanges) if (!exchange.flush()) isDone = false
    this.#isChunkPending = !isDone
    return isDone
  }

  #nextSplit(): Split | null {
    for (let tried = 0; tried < this.#splits.length; tried++) {
      const split = this.#splits[this.#turn % this.#splits.length]!
      if (!split.isEnded) return split
      this.#turn++
    }
    return null
  }

  /** The builder for the next chunk: the one before has been written by now. */
  #emptyBuilder(): BatchBuilder {
    const builder = this.#builder
    builder.clear()
    if (builder.dictionary.size > DICTIONARY_SIZE_MAX || builder.dictionary.byteLength > DICTIONARY_BYTES_MAX) {
      builder.dictionary = new Dictionary(builder.dictionary.generation + 1)
    }
    return builder
  }

  #rowsUntilWatermark(split: Split): number {
    const { tracks, batchRowsMax } = this.#options
    let rows = tracks.length === 0 ? Math.min(batchRowsMax, TURN_RECORDS - (split.recordCount % TURN_RECORDS)) : batchRowsMax
    for (const { spec } of tracks) rows = Math.min(rows, spec.watermark.everyRecords - (split.recordCount % spec.watermark.everyRecords))
    return rows
  }

  /** Passes on what a read brought. @returns whether it brought anything. */
  #handle({ split, result, batch }: Chunk): boolean {
    const { tracks, clock } = this.#options
    const builder = this.#builder
    const rowCount = batch?.rowCount ?? builder.rowCount
    const isSomething = rowCount > 0 || builder.deadLetters.length > 0
    for (const letter of builder.deadLetters) {
      this.deadLetterCount++
      this.#options.deadLetter(letter)
    }
    for (const track of tracks) track.observedMs = Number.NEGATIVE_INFINITY
    if (rowCount > 0) {
      const rows = batch ?? builder.build()
      for (const stage of this.#options.stages) stage({ batch: rows, times: null })
      split.recordCount += rowCount
      if (this.isLive) split.lastActiveMs = clock.monotonic()
    }
    if (result === 'end') split.isEnded = true
    // Splits take turns at fixed places too: how many rows a read brings must not decide in which order records of two splits come.
    let isTurnOver = this.isLive || split.isEnded || (tracks.length === 0 && rowCount > 0 && split.recordCount % TURN_RECORDS === 0)
    tracks.forEach((track, index) => {
      const time = split.times[index]!
      time.maxMs = Math.max(time.maxMs, track.observedMs)
      time.isEnded = split.isEnded
      if (rowCount > 0) time.isIdle = false
      const isPlace = rowCount > 0 && split.recordCount % track.spec.watermark.everyRecords === 0
      if (isPlace) isTurnOver = true
      if (isPlace || split.isEnded || (result === 'idle' && this.isLive)) this.#advance(track, index)
    })
    // Every place is a mark on every ring, also where no watermark advances there: between two marks the outlets give each subtask its turn.
    if (isTurnOver) for (const track of tracks) for (const exchange of track.exchanges) exchange.mark(track.watermarkMs)
    if (isTurnOver) this.#turn++
    this.#isChunkPending = true
    return isSomething || result !== 'idle'
  }

  #advance(track: TimeTrack, index: number): void {
    const watermark = combinedWatermark(
      track.spec.watermark,
      this.#splits.map((split) => split.times[index]!),
    )
    if (!(watermark > track.watermarkMs)) return
    track.watermarkMs = watermark
    for (const exchange of track.exchanges) exchange.watermark(watermark)
    this.#isChunkPending = true
  }

  /** Live splits that were silent for long enough no longer hold the watermark. @returns whether a watermark advanced. */
  #advanceIdle(): boolean {
    if (!this.isLive) return false
    const now = this.#options.clock.monotonic()
    let hasAdvanced = false
    this.#options.tracks.forEach((track, index) => {
      const { idleAfterMs } = track.spec.watermark
      if (idleAfterMs === undefined) return
      for (const split of this.#splits) if (now - split.lastActiveMs >= idleAfterMs) split.times[index]!.isIdle = true
      const before = track.watermarkMs
      this.#advance(track, index)
      if (track.watermarkMs > before) hasAdvanced = true
    })
    return hasAdvanced
  }

  /** All splits have ended: the watermark passes everything. */
  #runOut(): void {
    this.#options.tracks.forEach((track, index) => this.#advance(track, index))
    this.#isEnded = true
    this.#isChunkPending = true
  }
}

/** What a source throws, as one of our errors: those of its own it may throw as they are. */
function sourceError(name: string, error: unknown): MillraceError {
  if (error instanceof MillraceError) return error
  const message = error instanceof Error ? error.message : String(error)
  return new ConnectorError('SOURCE_FAILED', `Source ${name} failed: ${message}`, { cause: error })
}
