/**
 * Keeps a job alive: what fails in a way that may not repeat itself is closed and started again from the newest checkpoint.
 *
 * Before: engine.ts, for jobs with checkpoints. After: coordinator/job, one after the other, behind one `Run`.
 *
 * Invariant: two attempts never run at once, and share nothing but the store, the sources and the sinks: each has new workers, memories and
 * rings, and an epoch of its own, so that what a lost worker still does concerns nobody.
 */

import type { Clock } from '../clock.ts'
import { durationMs } from '../duration.ts'
import { ConfigError, MillraceError } from '../errors.ts'
import type { Run, StartOptions } from '../start.ts'
import type { RunningJob } from './job.ts'
import type { JobFailure, JobStatus } from './job-status.ts'

export interface RestartPolicy {
  /** Most restarts within {@link withinMs}. */
  readonly attempts: number
  readonly withinMs: number
  /** Before the second restart within the time; doubles with each that follows. The first comes at once. */
  readonly delayMs: number
}

/**
 * What `start` was told, checked; null: no restarts. By default jobs restart that lose nothing by it: those with checkpoints whose sources can all
 * be rewound.
 *
 * @throws ConfigError `OPTION_INVALID`, `DURATION_INVALID`
 */
export function restartPolicy({ restart, checkpoints, sources }: StartOptions): RestartPolicy | null {
  if (restart === false) return null
  const { attempts = 3, within = '1m', delay = '100ms' } = restart ?? {}
  if (checkpoints === undefined)
    throw new ConfigError('OPTION_INVALID', 'restart needs checkpoints to go on from; give checkpoints as well')
  if (!Number.isInteger(attempts) || attempts < 0) {
    throw new ConfigError('OPTION_INVALID', `restart.attempts is ${String(attempts)}; it must be a whole number from 0`)
  }
  if (restart === undefined && !Object.values(sources).every((source) => source?.isReplayable)) return null
  const withinMs = durationMs(within, { of: 'restart.within', positive: true })
  return { attempts, withinMs, delayMs: durationMs(delay, { of: 'restart.delay' }) }
}

export interface SupervisorOptions {
  readonly first: RunningJob
  /** Starts the job again, from the newest checkpoint. */
  readonly launch: () => Promise<RunningJob>
  readonly policy: RestartPolicy
  readonly clock: Clock
  readonly warn: (message: string) => void
}

/** A restart cannot mend these: the store has no more room for the next checkpoint of the job than for this one's. */
const IN_VAIN = new Set(['STORE_FULL', 'FINAL_CHECKPOINT_FAILED'])

export class Supervisor implements Run {
  readonly #options: SupervisorOptions
  readonly #startedMs: number
  #job: RunningJob
  #jobStartedMs: number
  /** Gives the job that follows the present one; null: none does. */
  #successor = Promise.withResolvers<RunningJob | null>()
  #isOver = false
  #restarts = 0
  /** When the last ones began, monotonic ms. */
  #recent: number[] = []
  #lastFailure: JobFailure | null = null
  readonly #stopping = new AbortController()
  readonly finished: Promise<JobStatus>

  constructor(options: SupervisorOptions) {
    this.#options = options
    this.#job = options.first
    this.#startedMs = options.clock.monotonic()
    this.#jobStartedMs = this.#startedMs
    this.finished = this.#run()
    // Whoever looks at it gets the error; nobody looking is no crash of the process.
    this.finished.catch(() => {})
  }

  async status(): Promise<JobStatus> {
    const status = this.#shown(await this.#job.status())
    return status.state === 'failed' && !this.#isOver ? { ...status, state: 'restarting' } : status
  }

  checkpoint(): Promise<boolean> {
    return this.#ask(
      (job) => job.checkpoint(),
      (isDone, job) => isDone || job.state !== 'failed',
    )
  }

  advanceWatermark(source: string, watermarkMs: number): Promise<void> {
    return this.#ask(
      (job) => job.advanceWatermark(source, watermarkMs),
      () => true,
    )
  }

  stop(): Promise<JobStatus> {
    this.#stopping.abort()
    this.#job.stop().catch(() => {})
    return this.finished
  }

  /** Asks the present job; when it fails meanwhile, the one that follows. */
  async #ask<T>(question: (job: RunningJob) => Promise<T>, isAnswer: (answer: T, job: RunningJob) => boolean): Promise<T> {
    for (;;) {
      const job = this.#job
      const successor = this.#successor.promise
      try {
        const answer = await question(job)
        if (isAnswer(answer, job) || (await successor) === null) return answer
      } catch (error) {
        const isClosed = error instanceof MillraceError && error.code === 'JOB_CLOSED'
        if (!isClosed || job.state !== 'failed' || (await successor) === null) throw error
      }
    }
  }

  async #run(): Promise<JobStatus> {
    try {
      for (;;) {
        try {
          return this.#shown(await this.#job.finished)
        } catch (error) {
          const job = await this.#restarted(error)
          for (const { intake } of job.parts.intakes) {
            const before = this.#job.parts.intakes.find((entry) => entry.intake.uid === intake.uid)
            if (before !== undefined) intake.follow(before.intake)
          }
          this.#job = job
          this.#jobStartedMs = this.#options.clock.monotonic()
          const successor = this.#successor
          this.#successor = Promise.withResolvers()
          successor.resolve(job)
          if (this.#stopping.signal.aborted) job.stop().catch(() => {})
        }
      }
    } finally {
      this.#isOver = true
      this.#successor.resolve(null)
    }
  }

  /** The job, started again. @throws the failure when that is of no use, or was tried often enough. */
  async #restarted(failure: unknown): Promise<RunningJob> {
    const { clock, policy, launch, warn } = this.#options
    for (;;) {
      const nowMs = clock.monotonic()
      this.#recent = this.#recent.filter((startedMs) => nowMs - startedMs < policy.withinMs)
      if (!(failure instanceof MillraceError && failure.retryable) || IN_VAIN.has(failure.code)) throw failure
      if (this.#recent.length >= policy.attempts) throw failure
      const { code, message } = failure
      this.#lastFailure = { code, message, atMs: clock.now() }
      this.#restarts++
      warn(`Restart ${this.#restarts} from the newest checkpoint: ${message}`)
      if (this.#recent.length > 0) await clock.sleep(policy.delayMs * 2 ** (this.#recent.length - 1), this.#stopping.signal)
      this.#recent.push(clock.monotonic())
      try {
        return await launch()
      } catch (error) {
        failure = error
      }
    }
  }

  #shown(status: JobStatus): JobStatus {
    return {
      ...status,
      durationMs: status.durationMs + this.#jobStartedMs - this.#startedMs,
      restarts: this.#restarts,
      lastFailure: this.#lastFailure,
    }
  }
}
