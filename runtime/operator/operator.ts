/**
 * The interface of operators that keep state and run on whole batches on the coordinator's thread, before rows are divided by key.
 *
 * Before: the stages behind an `eventTime` operator (coordinator/stage.ts). After: further stages, up to exchanges and sinks.
 * They run once whatever the parallelism is, so what they put out does not depend on it.
 *
 * Invariant: what an operator puts out, and when, follows from the sequence of rows and watermarks it was given, and from nothing else.
 */

import type { Chunk, Stage, StageReport } from '../coordinator/stage.ts'
import type { RecordBatch } from '../record-batch.ts'

export interface StatefulOperator {
  readonly uid: string
  /** Takes rows in. What passes at once is given on before it returns: one chunk, of at most as many rows as came. */
  processBatch(chunk: Chunk): void
  /** Event time has come to `watermarkMs`, which never goes back; +Infinity at the end. What is due now waits for {@link emit}. */
  advanceWatermark(watermarkMs: number): void
  /** Whether {@link emit} has something to give on. The watermark goes on only when it has not. */
  readonly isDue: boolean
  /** Gives on one batch of what is due to each output at most. */
  emit(): void
  /** Numbers for the job's status. */
  status(): OperatorNumbers
  /** The state as chunks of bytes. Asked for only when nothing is due. What did not change should give the same chunks. */
  snapshot(): Uint8Array<ArrayBuffer>[]
  /** Takes the chunks of a snapshot, before anything else is called. @throws CheckpointError `CHECKPOINT_CORRUPT`. */
  restore(chunks: readonly Uint8Array[]): void
}

export interface OperatorNumbers {
  /** Counts of this run; those of runs before are in the checkpoint. */
  readonly counts: Readonly<Record<string, number>>
  /** Records, ids or sources that the state holds now, and about how many bytes they take. */
  readonly stateCount: number
  readonly stateBytes: number
}

/** Where an operator puts out. */
export interface OperatorOutput {
  readonly next: readonly Stage[]
  /** Most rows of a chunk that {@link StatefulOperator.emit} gives on. */
  readonly rowsMax: number
  readonly report: StageReport
  /** Sink of a side output; null when there is none. */
  readonly side: ((batch: RecordBatch) => void) | null
}

/** What stands between a watermark and the exchanges: nodes pass it on when what it makes due has been given on. */
export interface TimedNode {
  advance(watermarkMs: number): void
  /** A mark behind the rows so far; see coordinator/exchange. */
  mark(watermarkMs: number): void
  /** Gives on one batch, or a watermark. @returns whether there was any: the exchanges must be flushed before the next call. */
  pump(): boolean
}
