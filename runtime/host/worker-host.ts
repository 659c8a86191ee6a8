/**
 * A thread for each parallel index; each hosts that subtask of every window operator. Rings are shared, control is Comlink.
 *
 * Before: coordinator/job. After: host/kernel-service in the worker.
 * A worker that is lost is never replaced in place: its memories are dropped with it and the job fails with `WORKER_LOST`.
 *
 * Invariant: a memory belongs to one worker; nobody else's state lies in it.
 */

import { proxy, releaseProxy, type Remote, wrap } from 'comlink'
import { DOORBELL_OFFSET } from '../../kernel/layout.ts'
import type { Clock } from '../clock.ts'
import { errorFromData, JobStateError } from '../errors.ts'
import type { WorkerHandle } from '../platform/platform.ts'
import { Doorbell, DOORBELL_BYTES } from '../ring/doorbell.ts'
import { createMemory, formatMemory, type SubtaskCounters } from '../subtask/kernel-instance.ts'
import type { Host, HostedSubtask, HostStart, LoadKernel } from './host.ts'
import { PROTOCOL_VERSION, type WorkerEvents, type WorkerService } from './protocol.ts'

export interface WorkerHostOptions {
  readonly load: LoadKernel
  readonly clock: Clock
  readonly spawn: () => WorkerHandle
}

interface LiveWorker {
  readonly handle: WorkerHandle
  readonly service: Remote<WorkerService>
  /** Rejects when the worker is lost: every call races it, since Comlink never settles a call to a dead worker. */
  readonly lost: Promise<never>
}

export class WorkerHost implements Host {
  readonly tier = 'shared'
  readonly #options: WorkerHostOptions
  readonly #doorbell = new SharedArrayBuffer(DOORBELL_BYTES)
  readonly #bell = new Doorbell(this.#doorbell)
  #workers: LiveWorker[] = []
  #isClosing = false

  constructor(options: WorkerHostOptions) {
    this.#options = options
  }

  get signal(): number {
    return this.#bell.counter
  }

  async start(options: HostStart): Promise<readonly (readonly HostedSubtask[])[]> {
    const { layouts, parallelism } = options
    const modules = await Promise.all(layouts.map(({ kernel }) => this.#options.load(kernel)))
    const memories = layouts.map((layout) => Array.from({ length: parallelism }, () => createMemory(layout, true)))
    memories.forEach((operator, index) => {
      for (const memory of operator) formatMemory(memory, layouts[index]!, options.epoch)
    })
    this.#workers = Array.from({ length: parallelism }, () => this.#spawn(options))
    await Promise.all(
      this.#workers.map(async ({ service, lost }, index) => {
        const events: WorkerEvents = {
          snapshot: (operator, checkpointId, sections, counters) =>
            options.events.snapshot(operator, index, checkpointId, sections, counters),
          failed: (error) => options.events.failed(errorFromData(error)),
        }
        const subtasks = layouts.map((layout, operator) => ({
          module: modules[operator]!,
          layout,
          memory: memories[operator]![index]!,
          sections: options.restore[operator]?.[index] ?? [],
        }))
        const start = { protocol: PROTOCOL_VERSION, doorbell: this.#doorbell, subtasks }
        const result = await Promise.race([service.start(start, proxy(events)), lost])
        if (result.kind === 'failed') throw errorFromData(result.error)
      }),
    )
    return memories.map((operator) =>
      operator.map((memory, index) => {
        // A worker sleeps on the doorbell of its first subtask.
        const bell = new Doorbell(memories[0]![index]!.buffer, DOORBELL_OFFSET)
        return { memory, ring: () => bell.ring() }
      }),
    )
  }

  /** The workers step by themselves. */
  step(): boolean {
    return false
  }

  idle(signal: number, timeoutMs: number): Promise<void> {
    return Doorbell.isAsyncSupported ? this.#bell.waitAsync(signal, timeoutMs) : this.#options.clock.sleep(Math.min(1, timeoutMs))
  }

  async counters(): Promise<readonly (readonly SubtaskCounters[])[]> {
    const byWorker = await Promise.all(this.#workers.map(({ service, lost }) => Promise.race([service.counters(), lost])))
    const operators = byWorker[0]?.length ?? 0
    return Array.from({ length: operators }, (_, operator) => byWorker.map((subtasks) => subtasks[operator]!))
  }

  async close(): Promise<void> {
    this.#isClosing = true
    for (const { service } of this.#workers) service[releaseProxy]()
    await Promise.all(this.#workers.map(({ handle }) => handle.terminate()))
    this.#workers = []
  }

  #spawn({ events }: HostStart): LiveWorker {
    const handle = this.#options.spawn()
    const { promise: lost, reject } = Promise.withResolvers<never>()
    lost.catch(() => {})
    handle.onLost((reason) => {
      if (this.#isClosing) return
      const error = new JobStateError(
        'WORKER_LOST',
        `A worker of the job is gone (${reason}); restart the job from its newest checkpoint`,
        { retryable: true },
      )
      reject(error)
      events.failed(error)
    })
    return { handle, service: wrap<WorkerService>(handle.endpoint), lost }
  }
}
