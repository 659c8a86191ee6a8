/**
 * Every message between a page and a worker that runs a whole job.
 *
 * Rule of the exchange: the worker's own channel carries greetings only, so that it stays the user's. Greeted, the page hands over two
 * ports: on `control` it calls {@link JobService} through Comlink; on `feed` the worker sends what changed in views, one message at a time:
 * the next one waits for the page's credit, and what changes meanwhile is joined.
 */

import type { JobStatus } from '../coordinator/job-status.ts'
import type { ErrorData } from '../errors.ts'
import type { Value } from '../record-batch.ts'
import type { ViewBeginning } from '../sink/view-sink.ts'
import type { ViewLimits } from '../sink/view.ts'

/** A page and a worker of different versions refuse each other. */
export const JOB_PROTOCOL_VERSION = 1

/** What passes on the worker's own channel. The page says hello until the worker serves; `serving` also comes unasked. */
export type Greeting =
  | { readonly millrace: 'hello' }
  | { readonly millrace: 'serving'; readonly protocol: number }
  | { readonly millrace: 'connect'; readonly control: MessagePort; readonly feed: MessagePort }

export function greetingOf(data: unknown): Greeting | null {
  return typeof data === 'object' && data !== null && Object.hasOwn(data, 'millrace') ? (data as Greeting) : null
}

/** Errors cross as data: structured clone keeps neither class nor code. */
export type Answer<T> = { readonly kind: 'done'; readonly value: T } | { readonly kind: 'failed'; readonly error: ErrorData }

/** What a job worker offers. */
export interface JobService {
  /** Starts the job. @throws (as an answer) also JobStateError `JOB_RUNNING`. */
  start(given: { readonly parameters: unknown }): Promise<Answer<JobStarted>>
  /** Stops the job, if it runs, with a last checkpoint, and starts it again: with these parameters, or (null) those of before. */
  restart(given: { readonly parameters: unknown } | null): Promise<Answer<JobStarted>>
  /** Answers when the job as it runs now has ended or failed. */
  finished(): Promise<Answer<JobStatus>>
  status(): Promise<Answer<JobStatus>>
  checkpoint(): Promise<Answer<boolean>>
  stop(): Promise<Answer<JobStatus>>
  advanceWatermark(source: string, watermarkMs: number): Promise<Answer<void>>
  /** Answers as long as the worker lives. */
  ping(): void
}

export interface JobStarted {
  /** Counts the starts in this worker. */
  readonly start: number
  readonly sinks: readonly string[]
  /** By name of their sink. */
  readonly views: Readonly<Record<string, ViewDescription>>
}

export interface ViewDescription extends ViewBeginning {
  readonly limits: ViewLimits
}

/** What the page says on the feed. */
export type FeedRequest =
  /** Send what changes in this view, beginning with all of it. */
  | { readonly kind: 'watch'; readonly view: string }
  /** The last message has been shown: send the next. */
  | { readonly kind: 'credit' }

/** What the worker says on the feed: changes of some views since the message before. */
export interface FeedMessage {
  /** The start that they belong to. */
  readonly start: number
  readonly deltas: readonly ViewDelta[]
}

/** Changes of a view. Rows are columns here: names once, then a list of values for each. */
export interface ViewDelta {
  readonly view: string
  readonly removed: readonly string[]
  readonly keys: readonly string[]
  /** Of the rows, as in a view's entries; NaN: without time. */
  readonly ranks: Float64Array
  readonly timesMs: Float64Array
  readonly columns: readonly string[]
  readonly values: readonly (readonly Value[])[]
  readonly paneIndexes: Uint32Array
  /** timing + 4 · change + 16 · isLast. */
  readonly paneFlags: Uint8Array
  readonly evictedCount: number
}
