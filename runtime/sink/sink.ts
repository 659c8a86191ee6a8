/**
 * Where results go: a sink opens one writer per job start; the writer takes batches and takes part in the commit.
 *
 * Before: coordinator/outlet, which merges the workers' results in a fixed order. After: files, callbacks, the outer world.
 *
 * Invariant (exactly-once sinks): what was written since the last `prepare` becomes visible only by `commit` of the checkpoint
 * that covers it, and `commit` may be called again after a crash without effect.
 */

import type { Clock } from '../clock.ts'
import type { RecordBatch } from '../record-batch.ts'
import type { Schema } from '../schema.ts'

/** What a sink must know to commit after a crash. Plain JSON data; its meaning is the sink's own. */
export type SinkState = { readonly [field: string]: string | number | boolean | null | readonly string[] }

export type Delivery = 'exactly-once' | 'at-least-once'

/** What the plan knows of the rows of a sink beyond their schema. */
export interface RowTraits {
  /** `results` of a window have panes, and a later one may stand in for an earlier one; of `events` every row stands for itself. */
  readonly kind: 'results' | 'events'
  /**
   * Columns that tell the results of a window apart: its bounds and the key. Null when every row stands for itself, and when it is not known,
   * because a function gave several rows for a window, or a map replaced one of these columns.
   */
  readonly key: readonly string[] | null
  /** The column with the event time of a row, of results the end of their window; null when the rows have none. */
  readonly timeColumn: string | null
}

export interface SinkContext {
  readonly name: string
  readonly jobName: string
  /** Rises with every start of the job from one store: a sink that outer processes share refuses writers of a lower one. 1 without checkpoints. */
  readonly epoch: number
  readonly schema: Schema
  readonly traits: RowTraits
  /** State that the recovered checkpoint carries; null on a fresh start. Its commit must be finished by `open`, and anything newer removed. */
  readonly restored: SinkState | null
  /** Whether checkpoints will come. Without them everything is committed by the final `commit`. */
  readonly hasCheckpoints: boolean
  readonly clock: Clock
  /** Aborts when the job reads no more, because it ends, was stopped or failed: a sink that holds it back lets go then, whoever is slow. */
  readonly ending: AbortSignal
  /** Resolves when the job has ended or was stopped, behind the last commit; rejects with the error that failed it. */
  readonly finished: Promise<unknown>
}

export interface Sink {
  readonly kind: string
  readonly delivery: Delivery
  open(context: SinkContext): Promise<SinkWriter>
}

export interface SinkWriter {
  /** Takes the rows; the batch is only valid until this returns or resolves. A returned promise holds back what follows. */
  write(batch: RecordBatch): void | Promise<void>
  /** Makes everything written so far durable but not visible, and says what is needed to commit it. */
  prepare(checkpointId: number): Promise<SinkState>
  /** Makes visible what `prepare(checkpointId)` covered. Idempotent. */
  commit(checkpointId: number): Promise<void>
  /** After the last commit of a job that ended: put the result into its final form. Idempotent. */
  finish(): Promise<void>
  /** Gives up what is not committed and frees resources. */
  close(): Promise<void>
}
