/**
 * A worker thread for each parallel index: made, greeted, watched, asked and ended. What flows to them is the hosts' matter.
 *
 * Before: tiers.ts. After: kernel-service at the other end.
 * A worker that is lost is never replaced in place: the host that had it is dropped, with its memories and rings, and its job fails.
 *
 * Invariant: every call races the loss of its worker, since Comlink never settles a call to a dead one; after `close` nothing is reported.
 */

import { proxy, releaseProxy, type Remote, transfer, wrap } from 'comlink'
import { systemClock } from '../clock.ts'
import { ConfigError, errorFromData, JobStateError, KernelError } from '../errors.ts'
import type { WorkerHandle } from '../platform/platform.ts'
import { race } from '../race.ts'
import type { SubtaskCounters } from '../subtask/subtask.ts'
import type { HostEvents, HostStart, LoadKernel } from './host.ts'
import { PROTOCOL_VERSION, type WorkerEvents, type WorkerService, type WorkerStart } from './protocol.ts'
import { patience } from './patience.ts'

/** A script may come over a slow network: it has this many times as long as a worker has to answer. */
const LOADING_FACTOR = 3
/** How often a worker is asked whether it is there, in the time it has to answer. */
const ASKS = 4

interface LiveWorker {
  readonly handle: WorkerHandle
  readonly service: Remote<WorkerService>
  /** Rejects when the worker is lost. */
  readonly lost: Promise<never>
  readonly lose: (error: Error) => void
}

export class KernelWorkers {
  readonly #workers: LiveWorker[] = []
  readonly #timeoutMs: number
  readonly #closing = new AbortController()
  #events: Pick<HostEvents, 'failed'> | null = null
  #failure: Error | null = null

  private constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs
  }

  /**
   * Makes `count` workers and waits until each has answered.
   *
   * @param timeoutMs - How long a worker may give no sign of life.
   * @throws ConfigError `WORKERS_UNAVAILABLE`, KernelError `PROTOCOL_MISMATCH`.
   */
  static async open(spawn: () => WorkerHandle, count: number, timeoutMs: number): Promise<KernelWorkers> {
    const workers = new KernelWorkers(timeoutMs)
    try {
      for (let index = 0; index < count; index++) workers.#spawn(spawn)
      await Promise.all(workers.#workers.map((worker) => workers.#greet(worker)))
      return workers
    } catch (error) {
      await workers.close()
      throw error
    }
  }

  get count(): number {
    return this.#workers.length
  }

  /**
   * Starts the subtasks of all workers, and watches from then on.
   *
   * @param ringsOf - The rings of worker `index`, and what of them is transferred.
   * @param progress - A number for a worker that changes while it works.
   */
  async start(
    { layouts, epoch, restore, events }: HostStart,
    load: LoadKernel,
    ringsOf: (index: number) => { readonly rings: WorkerStart['rings']; readonly transfer: Transferable[] },
    progress: (index: number) => number,
  ): Promise<void> {
    const modules = await Promise.all(layouts.map(({ kernel }) => load(kernel)))
    this.#events = events
    if (this.#failure !== null) throw this.#failure
    await Promise.all(
      this.#workers.map(async ({ service, lost }, index) => {
        const told: WorkerEvents = {
          snapshot: (operator, checkpointId, sections, counters) => {
            // One that was given up may still work for seconds.
            if (!this.#isClosing) events.snapshot(operator, index, checkpointId, sections, counters)
          },
          failed: (error) => {
            if (!this.#isClosing) events.failed(errorFromData(error))
          },
        }
        const { rings, transfer: transferred } = ringsOf(index)
        void this.#watch(index, progress)
        const subtasks = layouts.map((layout, operator) => ({
          module: modules[operator]!,
          layout,
          sections: restore[operator]?.[index] ?? [],
        }))
        const result = await Promise.race([service.start(transfer({ epoch, subtasks, rings }, transferred), proxy(told)), lost])
        if (result.kind === 'failed') throw errorFromData(result.error)
      }),
    )
  }

  async counters(): Promise<readonly (readonly SubtaskCounters[])[]> {
    const byWorker = await Promise.all(this.#workers.map(({ service, lost }) => race([service.counters(), lost])))
    const operators = byWorker[0]?.length ?? 0
    return Array.from({ length: operators }, (_, operator) => byWorker.map((subtasks) => subtasks[operator]!))
  }

  /** Reports that worker `index` cannot go on. */
  lose(index: number, error: Error): void {
    this.#lose(this.#workers[index]!, error)
  }

  async close(): Promise<void> {
    if (this.#isClosing) return
    this.#closing.abort()
    for (const { service } of this.#workers) service[releaseProxy]()
    await Promise.all(this.#workers.map(({ handle }) => handle.terminate()))
  }

  get #isClosing(): boolean {
    return this.#closing.signal.aborted
  }

  #spawn(spawn: () => WorkerHandle): void {
    const handle = spawn()
    const { promise: lost, reject } = Promise.withResolvers<never>()
    lost.catch(() => {})
    const worker = { handle, service: wrap<WorkerService>(handle.endpoint), lost, lose: reject }
    this.#workers.push(worker)
    handle.onLost((reason) => {
      this.#lose(
        worker,
        new JobStateError('WORKER_LOST', `A worker of the job is gone (${reason}); restart the job from its newest checkpoint`, {
          retryable: true,
          details: { reason },
        }),
      )
    })
  }

  #lose(worker: LiveWorker, error: Error): void {
    if (this.#isClosing) return
    worker.lose(error)
    if (this.#events === null) this.#failure ??= error
    else this.#events.failed(error)
  }

  /** Until it has answered once, a worker may be a script that does not exist or may not run. */
  async #greet({ service, lost }: LiveWorker): Promise<void> {
    const over = new AbortController()
    const limitMs = LOADING_FACTOR * this.#timeoutMs
    let version: number | null
    try {
      version = await Promise.race([service.hello(), lost, patience(limitMs, over.signal, () => 0).then(() => null)])
    } catch (error) {
      throw unavailable(error instanceof JobStateError ? String(error.details['reason']) : String(error), error)
    } finally {
      over.abort()
    }
    if (version === null) throw unavailable(`the worker did not answer within ${limitMs} ms`)
    if (version !== PROTOCOL_VERSION) {
      throw new KernelError(
        'PROTOCOL_MISMATCH',
        `The worker speaks protocol ${version}, the coordinator ${PROTOCOL_VERSION}: bundle both from the same version of millrace`,
      )
    }
  }

  /** A worker that hangs, or that was terminated where no event tells of it, gives no answer and moves no slot. */
  async #watch(index: number, progress: (index: number) => number): Promise<void> {
    const worker = this.#workers[index]!
    const { signal } = this.#closing
    while (!signal.aborted) {
      const answered = new AbortController()
      const until = AbortSignal.any([signal, answered.signal])
      worker.service.counters().then(
        () => answered.abort(),
        () => {},
      )
      if (await patience(this.#timeoutMs, until, () => progress(index))) {
        this.#lose(
          worker,
          new JobStateError(
            'WORKER_HUNG',
            `A worker of the job has not answered for ${this.#timeoutMs} ms; restart the job from its newest checkpoint, or raise workerTimeout if its work takes that long`,
            { retryable: true },
          ),
        )
        return
      }
      await systemClock.sleep(this.#timeoutMs / ASKS, signal)
    }
  }
}

export function unavailable(reason: string, cause?: unknown): ConfigError {
  return new ConfigError(
    'WORKERS_UNAVAILABLE',
    `Cannot start workers: ${reason}; pass worker: () => new Worker(…) with a script that imports millrace/kernel-worker (under Trusted Types with a URL from your policy), or use host: 'inline'`,
    { cause },
  )
}
