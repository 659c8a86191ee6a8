/**
 * Connects a page to a worker that runs a whole job, so that the page's thread does nothing but draw.
 *
 * Before: the page, with the script of the worker. After: remote-job.ts.
 */

import { type Clock, systemClock } from '../clock.ts'
import type { JobStatus } from '../coordinator/job-status.ts'
import { type Duration, durationMs } from '../duration.ts'
import { ConfigError } from '../errors.ts'
import type { Job, SinkNames, SinkRow, SourceNames } from '../pipeline-job.ts'
import type { RowObject } from '../record-batch.ts'
import type { View } from '../sink/view.ts'
import { framesOf } from '../frames.ts'
import { type Given, RemoteJob, type RestartPolicy } from './remote-job.ts'
import { RemoteViews } from './remote-views.ts'
import { type JobWorker, WorkerLink } from './worker-link.ts'

export interface ConnectOptions<P = unknown> {
  /**
   * What the worker's `serve` is told: data that can be cloned. A function is asked for every worker that is made, so that what was
   * transferred to a lost one can be made anew.
   */
  readonly parameters?: P | (() => P)
  /** What of the parameters moves to the worker instead of being copied, such as a MessagePort that feeds the job. */
  readonly transfer?: readonly Transferable[] | ((parameters: P) => readonly Transferable[])
  /**
   * Whether a worker that is lost (it crashed, was terminated, or does not answer any more) is replaced, also while its job is starting; the job
   * in the new one goes on from its newest checkpoint. Default false: then `finished`, or `connect`, rejects with `WORKER_LOST`.
   *
   * Firefox needs it while its developer tools are open, or a driver has it in hand: there a worker that makes kernel workers of its own is
   * sometimes never given back by `new Worker`.
   */
  readonly restart?: WorkerRestartOptions | boolean
  /** How long the worker may take until it calls `serve()`; default `'10s'`. */
  readonly answerTimeout?: Duration
  /** How long a worker may give no sign of life before it counts as lost; default `'10s'`. False: for ever, for work in a debugger. */
  readonly aliveTimeout?: Duration | false
  readonly clock?: Clock
}

export interface WorkerRestartOptions {
  /** Workers made within the time below, after which the job fails for good; default 5. */
  readonly attempts?: number
  /** Default `'1m'`. */
  readonly within?: Duration
  /** The first worker is made at once, the second after this delay, which then doubles; default `'250ms'`. */
  readonly delay?: Duration
}

/** Rows of a sink of `J`; of a job that is not known here, rows with any columns. */
export type RemoteRow<J extends Job, N extends SinkNames<J>> = Job extends J ? RowObject : SinkRow<J, N>

/** A job that runs in a worker. */
export interface RemoteRun<J extends Job = Job> {
  /**
   * Resolves with the last status when the job has ended or was stopped; rejects with the error that failed it, with `WORKER_LOST`, or with
   * `JOB_CLOSED`. A restart does not settle it; one after the end begins another.
   */
  readonly finished: Promise<JobStatus>
  /** Workers that were made in place of lost ones. */
  readonly restartCount: number
  /** All metrics as they are now. */
  status(): Promise<JobStatus>
  /** Takes a checkpoint now. @returns whether it was completed. */
  checkpoint(): Promise<boolean>
  /** As of a run beside the page: see `Run.advanceWatermark`. */
  advanceWatermark(source: SourceNames<J>, watermarkMs: number): Promise<void>
  /** Ends after a last checkpoint, without closing windows. The worker lives, for a restart, until {@link RemoteRun.close}. */
  stop(): Promise<JobStatus>
  /**
   * The view of a sink that the worker has bound to `viewSink()`: a copy, brought up to date at most once per frame, and once a second while
   * the page is hidden. The same object for the same name, also after restarts.
   *
   * @throws ConfigError `VIEW_UNKNOWN`
   */
  view<N extends SinkNames<J>>(sink: N): View<RemoteRow<J, N>>
  /**
   * Stops the job, if it runs, and starts it again in the same worker, which asks for its options anew.
   *
   * @param parameters - New parameters, such as another parallelism; default: those of before.
   * @returns resolves when the job has started.
   */
  restart(parameters?: unknown, options?: { readonly transfer?: readonly Transferable[] }): Promise<void>
  /** Ends the worker at once, with whatever it does: `stop()` before leaves a last checkpoint. Views keep their last rows. */
  close(): void
}

/**
 * Makes a worker that calls `serve(job, …)`, starts the job in it, and returns when it has started.
 *
 * @param factory - Makes the worker; written so that bundlers see it. Workers of `node:worker_threads` do as well.
 * @throws ConfigError `WORKER_UNREACHABLE` when the worker cannot be made or loaded, or does not call `serve()` in time; `PARAMETERS_INVALID`
 *   when parameters cannot be cloned; `OPTION_INVALID`; JobStateError `WORKER_LOST`; and whatever `start` throws in the worker, with the same class and code.
 *
 * @example
 * ```ts
 * import type { job } from './job.ts'
 *
 * const worker = () => new Worker(new URL('./job-worker.js', import.meta.url), { type: 'module' })
 * const remote = await connect<typeof job>(worker, { parameters: { parallelism: 2 }, restart: true })
 * const minutes = remote.view('minutes')
 * minutes.subscribe(() => draw(minutes.snapshot().rows))
 * ```
 * @example A page that feeds the job
 * ```ts
 * const { port1, port2 } = new MessageChannel()
 * const remote = await connect(worker, { parameters: { port: port2 }, transfer: [port2] })
 * port1.postMessage({ device: 'a', at: 0, celsius: 20 })
 * ```
 */
export async function connect<J extends Job = Job, P = unknown>(
  factory: () => JobWorker,
  options: ConnectOptions<P> = {},
): Promise<RemoteRun<J>> {
  const { clock = systemClock, answerTimeout = '10s', aliveTimeout = '10s' } = options
  const answerMs = durationMs(answerTimeout, { of: 'answerTimeout', positive: true })
  const aliveMs = aliveTimeout === false ? null : durationMs(aliveTimeout, { of: 'aliveTimeout', positive: true })
  const restart = restartPolicy(options)
  const remote = await new RemoteJob({
    clock,
    views: new RemoteViews(framesOf(clock)),
    open: () => WorkerLink.open(factory, { clock, answerMs, aliveMs }),
    given: () => given(options),
    restart,
  }).started()
  return {
    get finished() {
      return remote.finished
    },
    get restartCount() {
      return remote.restartCount
    },
    status: () => remote.status(),
    checkpoint: () => remote.checkpoint(),
    advanceWatermark: (source, watermarkMs) => remote.advanceWatermark(source, watermarkMs),
    stop: () => remote.stop(),
    view: <N extends SinkNames<J>>(sink: N) => remote.view(sink) as View<RemoteRow<J, N>>,
    restart: (parameters, { transfer = [] } = {}) => remote.restart(parameters === undefined ? null : () => ({ parameters, transfer })),
    close: () => remote.close(),
  }
}

function given<P>({ parameters, transfer = [] }: ConnectOptions<P>): Given {
  const value = typeof parameters === 'function' ? (parameters as () => P)() : parameters
  return { parameters: value, transfer: typeof transfer === 'function' ? transfer(value as P) : transfer }
}

/** @throws ConfigError `OPTION_INVALID` */
function restartPolicy<P>({ restart = false, transfer = [] }: ConnectOptions<P>): RestartPolicy | null {
  if (restart === false) return null
  const { attempts = 5, within = '1m', delay = '250ms' } = restart === true ? {} : restart
  if (!Number.isInteger(attempts) || attempts < 1) {
    throw new ConfigError('OPTION_INVALID', `restart.attempts is ${String(attempts)}; it must be a whole number from 1`)
  }
  if (typeof transfer !== 'function' && transfer.length > 0) {
    throw new ConfigError(
      'OPTION_INVALID',
      'transfer is a list, and restart would need it again: what was transferred is gone with the lost worker; make both anew: parameters: () => …, transfer: (parameters) => […]',
    )
  }
  const withinMs = durationMs(within, { of: 'restart.within', positive: true })
  return { attempts, withinMs, delayMs: durationMs(delay, { of: 'restart.delay' }) }
}
