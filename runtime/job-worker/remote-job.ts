/**
 * A job in a worker, as the page has it: the calls of a run, copies of its views, and another worker when one is lost.
 *
 * Before: connect.ts. After: worker-link.ts, one for each worker; remote-views.ts, which outlives them.
 *
 * Invariant: a life (from a start to the end of the job) settles exactly once, whatever becomes of its workers.
 */

import { type Remote, transfer } from 'comlink'
import type { Clock } from '../clock.ts'
import type { JobStatus } from '../coordinator/job-status.ts'
import { ConfigError, JobStateError } from '../errors.ts'
import type { View } from '../sink/view.ts'
import type { Answer, JobService, JobStarted } from './protocol.ts'
import type { RemoteViews } from './remote-views.ts'
import type { WorkerLink } from './worker-link.ts'

/** What a start is given. */
export interface Given {
  readonly parameters: unknown
  /** What of the parameters moves to the worker instead of being copied. */
  readonly transfer: readonly Transferable[]
}

export interface RemoteJobParts {
  readonly clock: Clock
  readonly views: RemoteViews
  readonly open: () => Promise<WorkerLink>
  /** Asked for every start in a new worker. */
  readonly given: () => Given
  /** Null: a worker that is lost is not replaced. */
  readonly restart: RestartPolicy | null
}

/** How often, and how soon, a lost worker is replaced. */
export interface RestartPolicy {
  readonly attempts: number
  readonly withinMs: number
  readonly delayMs: number
}

export class RemoteJob {
  readonly #parts: RemoteJobParts
  #link: WorkerLink | null = null
  /** Resolves when there is a worker whose job has started; whoever calls waits for it. */
  #ready: Promise<WorkerLink>
  #life = new Life()
  #given: () => Given
  /** Starts that were asked for: what an earlier one ends with is not the end of the job. */
  #startCount = 0
  #replacedAtMs: number[] = []
  #isClosed = false
  restartCount = 0

  constructor(parts: RemoteJobParts) {
    this.#parts = parts
    this.#given = parts.given
    this.#ready = this.#first()
  }

  /** Resolves when the job has started. */
  async started(): Promise<this> {
    await this.#ready
    return this
  }

  get finished(): Promise<JobStatus> {
    return this.#life.promise
  }

  status(): Promise<JobStatus> {
    return this.#call((service) => service.status())
  }

  checkpoint(): Promise<boolean> {
    return this.#call((service) => service.checkpoint())
  }

  advanceWatermark(source: string, watermarkMs: number): Promise<void> {
    return this.#call((service) => service.advanceWatermark(source, watermarkMs))
  }

  stop(): Promise<JobStatus> {
    return this.#call((service) => service.stop())
  }

  view(name: string): View {
    return this.#parts.views.view(name)
  }

  /** @param changed - What the job is given from now on; null: what it was given before. */
  async restart(changed: (() => Given) | null): Promise<void> {
    const link = await this.#ready
    const number = ++this.#startCount
    this.#given = changed ?? this.#given
    try {
      const given = changed === null ? null : message(changed())
      const job = await cloned(link.call((service) => service.restart(given)))
      if (this.#life.isSettled) this.#life = new Life()
      this.#begun(link, job, number)
    } catch (error) {
      this.#failed(link, error)
      throw error
    }
  }

  close(): void {
    this.#isClosed = true
    this.#parts.views.close()
    this.#link?.close()
    this.#life.reject(new JobStateError('JOB_CLOSED', 'The job worker was closed before its job had ended'))
  }

  async #call<T>(run: (service: Remote<JobService>) => Promise<Answer<T>>): Promise<T> {
    return (await this.#ready).call(run)
  }

  /** A worker that is not there is told at once; one that is lost while its job starts is replaced like one that is lost later. */
  async #first(): Promise<WorkerLink> {
    const { open, restart } = this.#parts
    const link = await open()
    try {
      return await this.#startIn(link)
    } catch (error) {
      if (!link.isLost || restart === null) throw error
      return this.#replace(restart, error)
    }
  }

  async #startIn(link: WorkerLink): Promise<WorkerLink> {
    try {
      if (this.#isClosed) throw new JobStateError('JOB_CLOSED', 'The job worker was closed before its job had started')
      this.#link = link
      const number = ++this.#startCount
      const given = message(this.#given())
      this.#begun(link, await cloned(link.call((service) => service.start(given))), number)
      return link
    } catch (error) {
      link.close()
      throw error
    }
  }

  #begun(link: WorkerLink, job: JobStarted, number: number): void {
    this.#parts.views.begin(link.feed, job)
    void this.#watch(link, number)
  }

  async #watch(link: WorkerLink, number: number): Promise<void> {
    try {
      const status = await link.call((service) => service.finished())
      if (number === this.#startCount) this.#life.resolve(status)
    } catch (error) {
      if (number === this.#startCount) this.#failed(link, error)
    }
  }

  /** A job that failed has failed; one whose worker is gone goes on in another, if that is wanted. */
  #failed(link: WorkerLink, error: unknown): void {
    if (this.#isClosed) return
    const { restart } = this.#parts
    if (!link.isLost || restart === null || this.#life.isSettled) return this.#life.reject(error)
    this.#ready = this.#replace(restart, error)
    this.#ready.catch((reason: unknown) => this.#life.reject(reason))
  }

  /** Whatever goes wrong with a replacement uses up an attempt: what the lost worker held may take its time to be free. */
  async #replace({ attempts, withinMs, delayMs }: RestartPolicy, lost: unknown): Promise<WorkerLink> {
    const { clock } = this.#parts
    for (let reason = lost; ; ) {
      const nowMs = clock.monotonic()
      this.#replacedAtMs = this.#replacedAtMs.filter((atMs) => nowMs - atMs < withinMs)
      const count = this.#replacedAtMs.length
      if (count >= attempts || this.#isClosed) throw reason
      this.#replacedAtMs.push(nowMs)
      this.restartCount++
      if (count > 0) await clock.sleep(delayMs * 2 ** (count - 1))
      try {
        return await this.#startIn(await this.#parts.open())
      } catch (error) {
        reason = error
      }
    }
  }
}

/** From a start until the job has ended. */
class Life {
  readonly #end = Promise.withResolvers<JobStatus>()
  isSettled = false

  constructor() {
    // Whoever looks at it gets the error; nobody looking is no error of the page.
    this.#end.promise.catch(() => {})
  }

  get promise(): Promise<JobStatus> {
    return this.#end.promise
  }

  resolve(status: JobStatus): void {
    this.isSettled = true
    this.#end.resolve(status)
  }

  reject(error: unknown): void {
    this.isSettled = true
    this.#end.reject(error)
  }
}

function message({ parameters, transfer: list }: Given): { readonly parameters: unknown } {
  return transfer({ parameters }, [...list])
}

/** @throws ConfigError `PARAMETERS_INVALID` when what was given cannot be sent. */
async function cloned<T>(sent: Promise<T>): Promise<T> {
  try {
    return await sent
  } catch (cause) {
    if (!(cause instanceof Error) || cause.name !== 'DataCloneError') throw cause
    throw new ConfigError(
      'PARAMETERS_INVALID',
      `Cannot send the parameters to the job worker: ${cause.message}; they must be plain data, or be named in transfer once; functions belong in the worker's script`,
      { cause },
    )
  }
}
