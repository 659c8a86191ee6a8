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
import { ConnectorError, connectorError } from '../errors.ts'
import type { RecordBatch } from '../record-batch.ts'
import type { Schema } from '../schema.ts'
import type { ReadResult, Source, SourceContext } from '../source/source.ts'
import type { Exchange } from './exchange.ts'
import { type IntakeCounts, type IntakeState, type SplitState, timeState } from './intake-state.ts'
import { type Split, SplitTurns, TURN_RECORDS } from './split-turns.ts'
import type { Stage } from './stage.ts'
import { SuppliedWatermarks } from './supplied-watermarks.ts'
import type { TimeTrack } from './time-track.ts'

export interface IntakeOptions {
  readonly uid: string
  readonly name: string
  readonly schema: Schema
  readonly source: Source
  readonly stages: readonly Stage[]
  readonly tracks: readonly TimeTrack[]
  /** All exchanges of this source's rows. */
  readonly exchanges: readonly Exchange[]
  /** Resolves when direct sinks have taken what the stages gave them. */
  readonly settle: () => Promise<void> | null
  readonly deadLetter: (letter: DeadLetter) => void
  readonly clock: Clock
  readonly batchRowsMax: number
  /** Most distinct strings of the dictionary: with more it is begun anew, so that key churn does not leak. */
  readonly stringsMax: number
  readonly restored: IntakeState | null
  /** Of the checkpoint store, where it has journals. */
  readonly openJournal: SourceContext['openJournal']
  readonly hasCheckpoints: boolean
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

/** Most bytes of its strings. */
const DICTIONARY_BYTES_MAX = 1 << 28
/** Chunks a step reads before it looks up. */
const CHUNKS_A_STEP = 16

export type IntakeProgress = 'progress' | 'idle' | 'blocked' | 'ended'

export class Intake {
  readonly uid: string
  readonly #options: IntakeOptions
  readonly #turns: SplitTurns
  readonly #splits: readonly Split[]
  readonly #builder: BatchBuilder
  readonly #hasNodes: boolean
  /** Exchanges to windows that go by the host's clock. */
  readonly #clocked: readonly Exchange[]
  #isChunkPending = false
  /** A read that has to be waited for. */
  #reading: Reading | null = null
  #isEnded = false
  /** Watermarks from the program. */
  readonly #supplied = new SuppliedWatermarks()
  /** Whether the last step could write nothing, because a ring was full. */
  #isBlocked = false
  /** Whether the last flush gave on what operators with state had held back. */
  #hasPumped = false
  deadLetterCount = 0

  constructor(options: IntakeOptions) {
    this.uid = options.uid
    this.#options = options
    const { tracks, batchRowsMax } = options
    this.#turns = new SplitTurns({ tracks, isLive: this.isLive, batchRowsMax })
    this.#splits = this.#turns.splits
    this.#hasNodes = tracks.some(({ nodes }) => nodes.length > 0)
    this.#builder = new BatchBuilder(options.schema, batchRowsMax, new Dictionary())
    this.#builder.source = options.name
    this.#clocked = options.exchanges.filter(({ layout }) => layout.usesClock)
  }

  /** Opens all splits, at the restored positions. @throws ConnectorError `SOURCE_REWIND`, `SOURCE_FAILED`, and what the source throws of ours. */
  async open(): Promise<void> {
    try {
      await this.#open()
    } catch (error) {
      await this.close().catch(() => {})
      throw connectorError('source', this.#options.name, error)
    }
  }

  async #open(): Promise<void> {
    const { source, name, schema, clock, restored, tracks, openJournal, hasCheckpoints } = this.#options
    const splits = await source.splits({ name, schema, clock, hasCheckpoints, openJournal })
    const known = restored?.splits ?? {}
    for (const id of Object.keys(known)) {
      if (!splits.some((split) => split.splitId === id)) {
        throw new ConnectorError(
          'SOURCE_REWIND',
          `Source ${name} no longer has split ${id}, which the checkpoint has read; bind the same source, or start without resuming`,
        )
      }
    }
    const states = splits.map(({ splitId }) => (Object.hasOwn(known, splitId) ? known[splitId]! : null))
    for (const [index, split] of splits.entries()) {
      const state = states[index]!
      this.#turns.splits.push({
        id: split.splitId,
        index,
        reader: await split.open(state?.position ?? null),
        recordCount: state?.recordCount ?? 0,
        isEnded: state?.isEnded ?? false,
      })
    }
    this.#turns.count = restored?.turn ?? 0
    this.deadLetterCount = restored?.deadLetterCount ?? 0
    for (const track of tracks) {
      const { uid } = track.spec
      track.open(
        states.map((state) => ({ state: timeState(state, uid), isEnded: state?.isEnded ?? false })),
        restored === null ? null : { watermarkMs: restored.watermarks[uid] ?? null, futureRecords: restored.future?.[uid] ?? 0 },
      )
    }
  }

  /** Whether everything was read and written to the exchanges, the last watermark included. */
  get isEnded(): boolean {
    return this.#isEnded && !this.#isChunkPending
  }

  get isLive(): boolean {
    return !this.#options.source.isBounded
  }

  get recordCount(): number {
    return this.#turns.recordCount
  }

  progress(): { readonly done: number; readonly total: number } | null {
    return this.#turns.progress()
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
      const isFlushed = this.#flush()
      this.#isBlocked = !isFlushed
      if (this.#hasPumped) progress = 'progress'
      if (!isFlushed) {
        if (this.isLive) for (const track of this.#options.tracks) track.pause()
        return progress === 'idle' ? 'blocked' : progress
      }
      if (this.#supply()) {
        progress = 'progress'
        continue
      }
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
      if (arrived === null) return this.#tickTime() ? 'progress' : progress
      const handled = this.#handle(arrived)
      if (handled) progress = 'progress'
      const settling = this.#options.settle()
      if (settling !== null) return settling.then(() => progress)
      if (!handled) return this.#tickTime() ? 'progress' : progress
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
    const split = this.#turns.next()
    if (split === null) return 'out'
    const builder = this.#emptyBuilder()
    const rowsMax = this.#turns.rowsMax(split)
    try {
      const whole = split.reader.readBatch?.(rowsMax, builder.dictionary)
      if (whole !== undefined) return { split, ...whole }
      const read = split.reader.read(builder, rowsMax)
      if (!(read instanceof Promise)) return { split, result: read, batch: null }
      this.#wait(split, read)
      return null
    } catch (error) {
      throw connectorError('source', this.#options.name, error)
    }
  }

  #wait(split: Split, read: Promise<ReadResult>): void {
    const reading: Reading = { chunk: null, error: null, done: Promise.resolve() }
    reading.done = read.then(
      (result) => {
        reading.chunk = { split, result, batch: null }
      },
      (error: unknown) => {
        reading.error = connectorError('source', this.#options.name, error)
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
    // What is ready cannot be taken while a ring is full: whoever waited for it would not let the event loop have its turn.
    if (!this.isLive || this.#isBlocked) return null
    const waits = this.#splits.filter((split) => !split.isEnded && !this.#turns.isHeld(split)).map((split) => split.reader.ready?.())
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
    this.#isBlocked = this.#isChunkPending
    return !this.#isChunkPending
  }

  /** Sends the barrier behind everything read so far; only when {@link isAtRest}. */
  barrier(checkpointId: number, counts: IntakeCounts): IntakeState {
    for (const exchange of this.#options.exchanges) exchange.barrier(checkpointId)
    this.#isChunkPending = true
    return this.#state(counts)
  }

  /** A checkpoint with this state was completed. */
  checkpointed(state: IntakeState): void {
    this.#supplied.covered(Object.values(state.splits).reduce((sum, split) => sum + split.recordCount, 0))
    for (const split of this.#splits) {
      const { position } = state.splits[split.id] ?? {}
      if (position !== undefined) split.reader.checkpointed?.(position)
    }
  }

  /** Whether everything read was written to the exchanges. */
  get isAtRest(): boolean {
    return !this.#isChunkPending
  }

  #state(counts: IntakeCounts): IntakeState {
    const byTrack = <T>(value: (track: TimeTrack) => T) =>
      Object.fromEntries(this.#options.tracks.map((track) => [track.spec.uid, value(track)]))
    const splits = this.#splits.map((split): [string, SplitState] => [
      split.id,
      {
        position: split.reader.position(),
        recordCount: split.recordCount,
        isEnded: split.isEnded,
        times: byTrack((track) => track.splitState(split.index)),
      },
    ])
    return {
      turn: this.#turns.count,
      counts: { ...counts },
      deadLetterCount: this.deadLetterCount,
      splits: Object.fromEntries(splits),
      watermarks: byTrack((track) => track.state().watermarkMs),
      future: byTrack((track) => track.futureRecords),
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

  /** Writes to the exchanges what is pending, and behind it what operators with state give on. @returns whether nothing is left. */
  #flush(): boolean {
    this.#hasPumped = false
    for (let count = 0; this.#isChunkPending; count++) {
      let isDone = true
      for (const exchange of this.#options.exchanges) if (!exchange.flush()) isDone = false
      // An operator gives on the next batch only when nobody reads the one before.
      if (!isDone || (this.#hasNodes && (count > CHUNKS_A_STEP || this.#options.settle() !== null))) return false
      if (this.#hasNodes && this.#pump()) this.#hasPumped = true
      else this.#isChunkPending = false
    }
    return true
  }

  #pump(): boolean {
    return this.#options.tracks.some(({ nodes }) => nodes.some((node) => node.pump()))
  }

  /** The builder for the next chunk: the one before has been written by now. */
  #emptyBuilder(): BatchBuilder {
    const builder = this.#builder
    builder.clear()
    if (builder.dictionary.size > this.#options.stringsMax || builder.dictionary.byteLength > DICTIONARY_BYTES_MAX) {
      builder.dictionary = new Dictionary(builder.dictionary.generation + 1)
    }
    return builder
  }

  /** Passes on what a read brought. @returns whether it brought anything. */
  #handle({ split, result, batch }: Chunk): boolean {
    const { tracks } = this.#options
    const builder = this.#builder
    const rowCount = batch?.rowCount ?? builder.rowCount
    const isSomething = rowCount > 0 || builder.deadLetters.length > 0
    for (const letter of builder.deadLetters) {
      this.deadLetterCount++
      this.#options.deadLetter(letter)
    }
    if (rowCount > 0) {
      const rows = batch ?? builder.build()
      for (const track of tracks) track.begin(split.index)
      for (const stage of this.#options.stages) stage({ batch: rows, times: null })
      split.recordCount += rowCount
    }
    if (result === 'end') split.isEnded = true
    // Splits take turns at fixed places too: how many rows a read brings must not decide in which order records of two splits come.
    let isTurnOver = this.isLive || split.isEnded || (tracks.length === 0 && rowCount > 0 && split.recordCount % TURN_RECORDS === 0)
    const supplied = split.reader.watermark?.() ?? null
    for (const track of tracks) {
      if (rowCount > 0) track.records(split.index)
      const isPlace = rowCount > 0 && split.recordCount % track.spec.watermark.everyRecords === 0
      if (isPlace) isTurnOver = true
      if (supplied !== null) track.supply(split.index, supplied)
      if (split.isEnded) track.end(split.index, isPlace)
      else if (isPlace || (result === 'idle' && this.isLive)) track.evaluate(split.index)
    }
    // Every place is a mark on every ring, also where no watermark advances there: between two marks the outlets give each subtask its turn.
    if (isTurnOver) for (const track of tracks) track.mark()
    if (isTurnOver) this.#turns.count++
    this.#isChunkPending = true
    return isSomething || result !== 'idle'
  }

  /** What follows from time that passes while a live source has nothing. @returns whether a watermark advanced. */
  #tickTime(): boolean {
    if (!this.isLive) return false
    let hasAdvanced = false
    for (const track of this.#options.tracks) hasAdvanced = track.tick() || hasAdvanced
    if (hasAdvanced) this.#isChunkPending = true
    return hasAdvanced
  }

  /**
   * A watermark from the program, behind everything read so far; only `manual` operators listen.
   *
   * @returns resolves when it is on its way to all subtasks.
   */
  supplyWatermark(watermarkMs: number): Promise<void> {
    return this.#supplied.supply(watermarkMs)
  }

  /** Takes over from an attempt that failed what a checkpoint does not cover: the program's watermarks, each behind as many records as then. */
  follow(before: Intake): void {
    this.#supplied.follow(before.#supplied, this.#options.source.isReplayable ? before.recordCount : 0)
  }

  /** Passes on watermarks from the program. @returns whether there were any. */
  #supply(): boolean {
    const hasPassed = this.#supplied.pass(this.recordCount, (watermarkMs) => {
      for (const track of this.#options.tracks) track.supplyAll(watermarkMs)
    })
    if (hasPassed) this.#isChunkPending = true
    return hasPassed
  }

  /** All splits have ended: the watermark passes everything. */
  #runOut(): void {
    for (const track of this.#options.tracks) track.runOut()
    this.#isEnded = true
    this.#isChunkPending = true
  }
}
