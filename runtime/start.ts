/**
 * What starting a job takes and gives. What a running job consists of is in engine.ts, loaded here: a page that declares a pipeline has
 * not downloaded it yet.
 *
 * Before: pipeline.ts or a JSON plan. After: engine.ts.
 */

import type { DeadLetter } from './batch-builder.ts'
import type { CheckpointStore } from './checkpoint/checkpoint-store.ts'
import type { Clock } from './clock.ts'
import type { JobStatus } from './coordinator/job-status.ts'
import type { Duration } from './duration.ts'
import { engineParts } from './engine-parts.ts'
import type { StepOrder } from './host/inline-host.ts'
import type { Job, SinkNames, SourceNames } from './pipeline.ts'
import { engine } from './platform/parts-on-demand.ts'
import type { WorkerLike } from './platform/platform.ts'
import type { Sink } from './sink/sink.ts'
import type { Source } from './source/source.ts'

export interface CheckpointOptions {
  readonly store: CheckpointStore
  /** How often; default `'10s'`. */
  readonly every?: Duration
  /** `auto` (default): go on from the newest checkpoint if there is one. `always`: it must be there. `never`: refuse a store that has one. */
  readonly resume?: 'auto' | 'always' | 'never'
  /** Failed checkpoints in a row that the job survives, with the one before still valid; default 3. */
  readonly tolerableFailures?: number
}

export interface RestartOptions {
  /** Restarts within the time below, after which the job fails for good; default 3. */
  readonly attempts?: number
  /** Default `'1m'`. */
  readonly within?: Duration
  /** The first restart comes at once, the second after this delay, which then doubles; default `'100ms'`. */
  readonly delay?: Duration
}

export interface StartOptions<J extends Job = Job> {
  /** A source for each source name of the pipeline. */
  readonly sources: { readonly [Name in SourceNames<J>]: Source }
  /** A sink for each sink name of the pipeline, those of late records included. */
  readonly sinks: { readonly [Name in SinkNames<J>]: Sink }
  readonly checkpoints?: CheckpointOptions
  /** Subtasks of every window operator; default 1. At most the number of key groups. */
  readonly parallelism?: number
  /**
   * Where kernels run. `shared`: in workers with rings in shared memory, which pages have when they are cross-origin isolated. `transferred`:
   * in workers that get their records in transferred buffers. `inline`: on this thread. `workers`: the better of the two with workers. `auto`
   * (default): the best that can be had; {@link JobStatus.tier} says which, and a warning why it is not a better one.
   */
  readonly host?: 'auto' | 'workers' | 'shared' | 'transferred' | 'inline'
  /**
   * Makes a kernel worker, for bundlers that do not find the package's own and for pages whose Content-Security-Policy wants script URLs of a
   * Trusted Types policy: `() => new Worker(new URL('millrace/kernel-worker', import.meta.url), { type: 'module' })`. Called for each worker.
   */
  readonly worker?: () => WorkerLike
  /** How long a worker may give no sign of life before it counts as lost, `WORKER_HUNG`; its script has three times as long to load. Default `'10s'`. */
  readonly workerTimeout?: Duration
  /**
   * Whether a job that fails in a way that may not repeat itself (`retryable` errors, such as `WORKER_LOST` and `WORKER_HUNG`) is started again
   * from its newest checkpoint, with the same `Run`. Default: jobs with checkpoints whose sources can all be rewound are. Sources are opened
   * again, so those that cannot be rewound lose records.
   */
  readonly restart?: RestartOptions | false
  /** Fixed buckets of keys; must stay the same for the life of a job's checkpoints. Default 128. */
  readonly keyGroupCount?: number
  /** Most memory of one subtask, rings included; default 1 GiB, at most 4 GiB. */
  readonly memoryBytesMax?: number
  /** Most rows of a ring slot; default 4096. */
  readonly batchRows?: number
  /** Slots of an input ring, a power of two; default 64. */
  readonly ringSlots?: number
  /**
   * Distinct strings of a source after which its dictionary is begun anew, so that strings which do not come again are forgotten; default
   * 1,048,576. Fewer take less memory; fewer than are alive at one time cost throughput.
   */
  readonly stringsMax?: number
  /** Whether results of several subtasks are put out in a fixed order; default true. */
  readonly ordered?: boolean
  /** Called for every dead letter; they are counted in any case. */
  readonly onDeadLetter?: (letter: DeadLetter) => void
  /** Called once for what is worth knowing, such as that workers cannot be had; default `console.warn`. */
  readonly onWarning?: (message: string) => void
  readonly clock?: Clock
  /** Orders in which tasks step, for simulation. */
  readonly scheduler?: StepOrder
}

/** A job that was started. It stays the same when the job restarts itself: what is asked meanwhile is answered afterwards. */
export interface Run {
  /** Resolves with the last status when the job has ended or was stopped; rejects with the error that failed it for good. */
  readonly finished: Promise<JobStatus>
  /** All metrics as they are now. */
  status(): Promise<JobStatus>
  /** Takes a checkpoint now. @returns whether it was completed. */
  checkpoint(): Promise<boolean>
  /**
   * For a source whose event time has the strategy `manual`: no more records with an event time ≤ `watermarkMs` are expected. It holds for all
   * splits of the source, behind the records read so far; one that does not advance the watermark changes nothing.
   *
   * @returns resolves when the watermark is on its way to all subtasks, before anything that is read later.
   * @throws ConfigError `BINDING_UNKNOWN`, `WATERMARK_NOT_MANUAL`, `TIMESTAMP_INVALID`; JobStateError `JOB_CLOSED`.
   */
  advanceWatermark(source: string, watermarkMs: number): Promise<void>
  /** Ends after a last checkpoint, without closing windows: a later start goes on from there. */
  stop(): Promise<JobStatus>
}

/**
 * Starts a job.
 *
 * @throws ConfigError when a name is not bound, an option is out of range, or the host cannot be had (`SHARED_MEMORY_UNAVAILABLE`,
 * `WORKERS_UNAVAILABLE`, `WASM_REFUSED`); CheckpointError or JobStateError when the store cannot be used.
 *
 * @example
 * ```ts
 * const run = await start(job, {
 *   sources: { readings: csvFile('telemetry.csv') },
 *   sinks: { minutes: ndjsonFile('minutes.ndjson') },
 *   checkpoints: { store: fileCheckpoints('./state'), every: '10s' },
 *   parallelism: 2,
 * })
 * await run.finished
 * ```
 */
export async function start<J extends Job>(job: J, options: StartOptions<J>): Promise<Run> {
  // What the job needs beside the engine is loaded with it, not after it.
  const [{ startJob }, parts] = await Promise.all([engine(), engineParts(job, options)])
  return startJob(job, options, parts)
}
