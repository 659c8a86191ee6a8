/**
 * Subtasks in workers, with rings in memory that both threads share: data crosses without a message.
 *
 * Before: coordinator/job. After: host/ring-loop in the worker.
 *
 * Invariant: a memory belongs to one worker; nobody else's state lies in it.
 */

import { DOORBELL_OFFSET } from '../../kernel/layout.ts'
import type { Clock } from '../clock.ts'
import { Doorbell, DOORBELL_BYTES } from '../ring/doorbell.ts'
import { RingConsumer, RingProducer } from '../ring/spsc-ring.ts'
import { createMemory, formatMemory } from '../subtask/kernel-instance.ts'
import type { SubtaskCounters } from '../subtask/subtask.ts'
import type { Host, HostedSubtask, HostStart, LoadKernel } from './host.ts'
import type { KernelWorkers } from './kernel-workers.ts'

export class SharedHost implements Host {
  readonly tier = 'shared'
  readonly #workers: KernelWorkers
  readonly #load: LoadKernel
  readonly #clock: Clock
  readonly #doorbell = new SharedArrayBuffer(DOORBELL_BYTES)
  readonly #bell = new Doorbell(this.#doorbell)

  constructor(workers: KernelWorkers, load: LoadKernel, clock: Clock) {
    this.#workers = workers
    this.#load = load
    this.#clock = clock
  }

  get signal(): number {
    return this.#bell.counter
  }

  async start(options: HostStart): Promise<readonly (readonly HostedSubtask[])[]> {
    const { layouts, parallelism, epoch } = options
    const memories = layouts.map((layout) =>
      Array.from({ length: parallelism }, () => {
        const memory = createMemory(layout, true)
        formatMemory(memory, layout, epoch)
        return memory
      }),
    )
    const memoriesOf = (index: number) => memories.map((operator) => operator[index]!)
    const ends = Array.from({ length: parallelism }, (_, index) =>
      memoriesOf(index).flatMap((memory, operator) => {
        const { input, output } = layouts[operator]!
        return [new RingProducer(memory, input), new RingConsumer(memory, output)]
      }),
    )
    await this.#workers.start(
      options,
      this.#load,
      (index) => ({ rings: { kind: 'shared', memories: memoriesOf(index), doorbell: this.#doorbell }, transfer: [] }),
      (index) => ends[index]!.reduce((sum, end) => sum + end.farPosition, 0),
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
    return Doorbell.isAsyncSupported ? this.#bell.waitAsync(signal, timeoutMs) : this.#clock.sleep(Math.min(1, timeoutMs))
  }

  counters(): Promise<readonly (readonly SubtaskCounters[])[]> {
    return this.#workers.counters()
  }

  close(): Promise<void> {
    return this.#workers.close()
  }
}
