/**
 * The worker's end of the control: starts, stops and restarts the job as the page asks.
 *
 * Before: serve.ts has a page that connected. After: `start`, as anywhere else.
 *
 * Invariant: at most one run at a time; no method throws, what fails is an answer.
 */

import type { Clock } from '../clock.ts'
import type { JobStatus } from '../coordinator/job-status.ts'
import { errorToData, JobStateError } from '../errors.ts'
import type { Job } from '../pipeline-job.ts'
import type { MaterializedView } from '../sink/view.ts'
import { viewOf } from '../sink/view-sink.ts'
import type { Sink } from '../sink/sink.ts'
import { type Run, type StartOptions, start } from '../start.ts'
import type { Answer, JobService, JobStarted, ViewDescription } from './protocol.ts'
import { ViewFeed } from './view-feed.ts'

/** A job, and what it is started with. */
export interface ServedJob {
  readonly job: Job
  readonly options: StartOptions
}

export class JobServer implements JobService {
  readonly #make: (parameters: unknown) => Promise<ServedJob>
  readonly #feed: ViewFeed
  #parameters: unknown
  #run: Run | null = null
  #startCount = 0
  /** From the beginning of a start until the job has ended. */
  #isActive = false

  /** @param make - Called for every start, with the parameters of the page. */
  constructor(make: (parameters: unknown) => Promise<ServedJob>, feed: MessagePort, clock: Clock) {
    this.#make = make
    this.#feed = new ViewFeed(feed, clock)
  }

  start({ parameters }: { readonly parameters: unknown }): Promise<Answer<JobStarted>> {
    return answer(() => {
      this.#parameters = parameters
      return this.#begin()
    })
  }

  restart(given: { readonly parameters: unknown } | null): Promise<Answer<JobStarted>> {
    return answer(async () => {
      if (this.#isActive) await this.#running().stop()
      if (given !== null) this.#parameters = given.parameters
      return this.#begin()
    })
  }

  finished(): Promise<Answer<JobStatus>> {
    return answer(() => this.#running().finished)
  }

  status(): Promise<Answer<JobStatus>> {
    return answer(() => this.#running().status())
  }

  checkpoint(): Promise<Answer<boolean>> {
    return answer(() => this.#running().checkpoint())
  }

  stop(): Promise<Answer<JobStatus>> {
    return answer(() => this.#running().stop())
  }

  advanceWatermark(source: string, watermarkMs: number): Promise<Answer<void>> {
    return answer(() => this.#running().advanceWatermark(source, watermarkMs))
  }

  ping(): void {}

  async #begin(): Promise<JobStarted> {
    if (this.#isActive) throw new JobStateError('JOB_RUNNING', 'The job of this worker runs already; call restart(), or stop() first')
    this.#isActive = true
    const over = () => {
      this.#isActive = false
    }
    try {
      const { job, options } = await this.#make(this.#parameters)
      const run = await start(job, options)
      this.#run = run
      run.finished.then(over, over)
      return this.#started(options)
    } catch (error) {
      over()
      throw error
    }
  }

  #started({ sinks }: StartOptions): JobStarted {
    const views = new Map<string, MaterializedView>()
    const descriptions: Record<string, ViewDescription> = Object.create(null)
    for (const [name, sink] of Object.entries<Sink>(sinks)) {
      const found = viewOf(sink)
      if (found === undefined) continue
      const { view, ...beginning } = found
      views.set(name, view)
      descriptions[name] = { limits: view.limits, ...beginning }
    }
    this.#feed.begin(++this.#startCount, views)
    return { start: this.#startCount, sinks: Object.keys(sinks), views: descriptions }
  }

  #running(): Run {
    if (this.#run === null) throw new JobStateError('JOB_CLOSED', 'The job of this worker has not started')
    return this.#run
  }
}

async function answer<T>(run: () => T | Promise<T>): Promise<Answer<T>> {
  try {
    return { kind: 'done', value: await run() }
  } catch (error) {
    return { kind: 'failed', error: errorToData(error) }
  }
}
