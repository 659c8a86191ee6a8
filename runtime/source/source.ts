/**
 * Where records come from: a source has splits, a split is read by one reader, a reader fills batches and knows its position.
 *
 * Before: files, sockets, arrays. After: coordinator/intake, which evaluates event time and watermarks and routes.
 *
 * Invariant: reopening a split of a replayable source at `position()` yields exactly the records that followed it.
 */

import type { Journal } from '../checkpoint/journal.ts'
import type { Clock } from '../clock.ts'
import type { BatchBuilder } from '../batch-builder.ts'
import type { Dictionary } from '../dictionary.ts'
import type { RecordBatch } from '../record-batch.ts'
import type { Schema } from '../schema.ts'

/** Where to resume a split. Plain JSON data; its meaning is the source's own. */
export type SplitPosition = { readonly [field: string]: string | number | boolean | null }

/** `more`: call again; `idle`: nothing is ready now; `end`: nothing will follow. Rows may have been added in every case. */
export type ReadResult = 'more' | 'idle' | 'end'

export interface SourceContext {
  readonly name: string
  readonly schema: Schema
  readonly clock: Clock
  /** Whether {@link SplitReader.checkpointed} will be called. */
  readonly hasCheckpoints: boolean
  /** Opens a journal of this source in the checkpoint store; null when the job has no checkpoints or its store has no journals. */
  readonly openJournal: ((name: string) => Promise<Journal>) | null
}

export interface Source {
  readonly kind: string
  /** Whether a reader can be reopened at an earlier position. Required for exactly-once. */
  readonly isReplayable: boolean
  /** Whether it ends by itself. Files do; sockets do not. Live sources get idleness and the far-future guard by default. */
  readonly isBounded: boolean
  /** Lists the splits; called once at start, again after a restart. The ids must be the same. */
  splits(context: SourceContext): Promise<readonly SourceSplit[]>
}

export interface SourceSplit {
  readonly splitId: string
  /** @param position - Where to go on; null: from the beginning. @throws ConnectorError `SOURCE_REWIND` when the position cannot be reached. */
  open(position: SplitPosition | null): Promise<SplitReader>
}

export interface SplitReader {
  /**
   * Adds at most `rowsMax` rows (and any number of dead letters) to the builder.
   *
   * May answer at once or with a promise; a synchronous answer is faster.
   */
  read(builder: BatchBuilder, rowsMax: number): ReadResult | Promise<ReadResult>
  /**
   * Instead of {@link read}, for readers whose rows lie in columns already: a view of them, without a copy. Asked first where it is there.
   *
   * @param dictionary - The stream's dictionary, which codes of string columns must belong to.
   * @returns undefined when this time the rows must be read.
   */
  readBatch?(rowsMax: number, dictionary: Dictionary): { readonly batch: RecordBatch; readonly result: ReadResult } | undefined
  /** The position after the last row or dead letter that was added; asked also while a read waits that has added nothing yet. */
  position(): SplitPosition
  /** Total size and how far the reader is, in any unit, for progress; null when unknown. */
  progress(): { readonly done: number; readonly total: number } | null
  /**
   * For the strategy `manual`: the watermark behind the last row that was added, null when the source knows none. A reader ends a read where its
   * watermark advances. Other strategies do not listen.
   */
  watermark?(): number | null
  /**
   * A checkpoint with this position was completed: what lies before it will not be asked for again by a restart from that checkpoint. Older
   * checkpoints are kept too (three at least), for the case that the newest is damaged.
   */
  checkpointed?(position: SplitPosition): void
  /** For live sources: resolves when a read may find something. */
  ready?(): Promise<void>
  close(): Promise<void>
}
