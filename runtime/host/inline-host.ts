/**
 * All subtasks on this thread, stepped by a scheduler: what edge runtimes use, what pages without workers fall back to, and, with a seeded
 * scheduler, what the simulation tests use.
 *
 * Invariant: between two steps every subtask is at rest, so any order of steps is a legal execution.
 */

import type { Clock } from '../clock.ts'
import { createMemory, formatMemory, KernelInstance } from '../subtask/kernel-instance.ts'
import { Subtask, type SubtaskCounters } from '../subtask/subtask.ts'
import type { Host, HostedSubtask, HostStart, LoadKernel } from './host.ts'

/** Decides which of `count` subtasks step next, and how often: any sequence of indices below `count`. */
export type StepOrder = (count: number) => Iterable<number>

const inOrder: StepOrder = (count) => Array.from({ length: count }, (_, index) => index)

export interface InlineHostOptions {
  readonly load: LoadKernel
  readonly clock: Clock
  /** Default: each once, in order. */
  readonly order?: StepOrder
}

export class InlineHost implements Host {
  readonly tier = 'inline'
  readonly signal = 0
  readonly #options: InlineHostOptions
  #subtasks: Subtask[][] = []

  constructor(options: InlineHostOptions) {
    this.#options = options
  }

  async start({ layouts, parallelism, epoch, restore, events }: HostStart): Promise<readonly (readonly HostedSubtask[])[]> {
    const modules = await Promise.all(layouts.map(({ kernel }) => this.#options.load(kernel)))
    return layouts.map((layout, operator) => {
      this.#subtasks[operator] = []
      return Array.from({ length: parallelism }, (_, index) => {
        const memory = createMemory(layout, false)
        formatMemory(memory, layout, epoch)
        const kernel = new KernelInstance(modules[operator]!, memory, layout)
        const sections = restore[operator]?.[index] ?? []
        if (sections.length > 0) kernel.restore(sections)
        this.#subtasks[operator]!.push(
          new Subtask(
            kernel,
            { snapshot: (id, bytes, counters) => events.snapshot(operator, index, id, bytes, counters) },
            this.#options.clock,
          ),
        )
        return { memory, ring: () => {} }
      })
    })
  }

  step(): boolean {
    const subtasks = this.#subtasks.flat()
    let progressed = false
    for (const index of (this.#options.order ?? inOrder)(subtasks.length)) {
      if (subtasks[index]!.step() === 'progress') progressed = true
    }
    return progressed
  }

  idle(_signal: number, timeoutMs: number): Promise<void> {
    return this.#options.clock.sleep(timeoutMs)
  }

  counters(): Promise<readonly (readonly SubtaskCounters[])[]> {
    return Promise.resolve(this.#subtasks.map((operator) => operator.map((subtask) => subtask.counters())))
  }

  close(): Promise<void> {
    this.#subtasks = []
    return Promise.resolve()
  }
}
