/**
 * Subtasks in workers that share no memory with this thread, as in pages that are not cross-origin isolated: slots travel in transferred buffers.
 *
 * Before: coordinator/job writes and reads rings of a mirror, a buffer here with the same rings as the kernel's memory there. After:
 * host/frame-loop in the worker.
 *
 * Invariant: a slot of the mirror is released when the worker's kernel has released it, so back-pressure is that of shared rings.
 */

import type { Clock } from '../clock.ts'
import { type FrameMessage, SlotLink } from '../ring/slot-link.ts'
import { formatMemory } from '../subtask/kernel-instance.ts'
import type { SubtaskCounters } from '../subtask/subtask.ts'
import type { Host, HostedSubtask, HostStart, LoadKernel } from './host.ts'
import type { KernelWorkers } from './kernel-workers.ts'

export class TransferHost implements Host {
  readonly tier = 'transferred'
  readonly #workers: KernelWorkers
  readonly #load: LoadKernel
  readonly #clock: Clock
  readonly #ports: MessagePort[] = []
  readonly #links: SlotLink[] = []
  readonly #received: number[] = []
  #wake: AbortController | null = null

  constructor(workers: KernelWorkers, load: LoadKernel, clock: Clock) {
    this.#workers = workers
    this.#load = load
    this.#clock = clock
  }

  /** Frames received. */
  get signal(): number {
    return this.#received.reduce((sum, count) => sum + count, 0)
  }

  async start(options: HostStart): Promise<readonly (readonly HostedSubtask[])[]> {
    const { layouts, parallelism, epoch } = options
    const mirrors = layouts.map((layout) =>
      Array.from({ length: parallelism }, () => {
        const mirror = { buffer: new ArrayBuffer(layout.stateOffset) }
        formatMemory(mirror, layout, epoch)
        return mirror
      }),
    )
    await this.#workers.start(
      options,
      this.#load,
      (index) => {
        const rings = layouts.map((layout, operator) => ({
          memory: mirrors[operator]![index]!,
          layout,
          from: layout.input,
          into: layout.output,
        }))
        const port = this.#connect(index, rings)
        return { rings: { kind: 'transferred', port }, transfer: [port] }
      },
      (index) => this.#received[index]!,
    )
    return mirrors.map((operator) => operator.map((memory) => ({ memory, ring: () => {} })))
  }

  /** @returns the worker's end of a new channel. */
  #connect(index: number, rings: ConstructorParameters<typeof SlotLink>[0]): MessagePort {
    const { port1, port2 } = new MessageChannel()
    const link = new SlotLink(rings, (message, transfer) => port1.postMessage(message, transfer))
    this.#links[index] = link
    this.#ports[index] = port1
    this.#received[index] = 0
    port1.addEventListener('message', ({ data }: MessageEvent<FrameMessage>) => {
      this.#received[index]!++
      try {
        link.receive(data)
      } catch (error) {
        this.#workers.lose(index, error as Error)
      }
      this.#wake?.abort()
    })
    port1.start()
    return port2
  }

  /** Sends the workers what is worth a message. What they send comes between two rounds of the job. */
  step(): boolean {
    for (const link of this.#links) link.send()
    return false
  }

  async idle(signal: number, timeoutMs: number): Promise<void> {
    if (signal !== this.signal) return
    // A worker may be waiting for room in its output.
    for (const link of this.#links) if (link.hasUntoldReleases) link.flush()
    this.#wake = new AbortController()
    await this.#clock.sleep(timeoutMs, this.#wake.signal)
  }

  counters(): Promise<readonly (readonly SubtaskCounters[])[]> {
    return this.#workers.counters()
  }

  close(): Promise<void> {
    for (const port of this.#ports) port.close()
    return this.#workers.close()
  }
}
