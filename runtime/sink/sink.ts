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

export interface SinkContext {
  readonly name: string
  readonly jobName: string
  /** Rises with every start of the job from one store: a sink that outer processes share refuses writers of a lower one. 1 without checkpoints. */
  readonly epoch: number
  readonly schema: Schema
  /** State that the recovered checkpoint carries; null on a fresh start. Its commit must be finished by `open`, and anything newer removed. */
  readonly restored: SinkState | null
  /** Whether checkpoints will come. Without them everything is committed by the final `commit`. */
  readonly hasCheckpoints: boolean
  readonly clock: Clock
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
