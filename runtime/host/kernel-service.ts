/**
 * What runs in a worker: its subtasks, on rings that it shares with the coordinator's thread or on rings of its own.
 *
 * Before: host/kernel-workers on the coordinator's thread. After: ring-loop or frame-loop steps the subtasks.
 *
 * Invariant: nothing is thrown at the other end; errors are handed over as data.
 */

import { expose, type Remote, transfer } from 'comlink'
import type { Endpoint } from 'comlink'
import type { Clock } from '../clock.ts'
import { errorToData } from '../errors.ts'
import { createMemory, formatMemory, KernelInstance } from '../subtask/kernel-instance.ts'
import { Subtask, type SubtaskCounters, type SubtaskEvents } from '../subtask/subtask.ts'
import { runOnFrames } from './frame-loop.ts'
import { PROTOCOL_VERSION, type StartResult, type WorkerEvents, type WorkerService, type WorkerStart } from './protocol.ts'
import { runOnRings } from './ring-loop.ts'

/** Serves the coordinator at the other end; returns at once. */
export function serve(endpoint: Endpoint, clock: Clock): void {
  let subtasks: Subtask[] = []
  const service: WorkerService = {
    hello: () => PROTOCOL_VERSION,
    start(options: WorkerStart, events: WorkerEvents): Promise<StartResult> {
      const remote = events as unknown as Remote<WorkerEvents>
      try {
        const memories = memoriesOf(options)
        subtasks = options.subtasks.map(({ module, layout, sections }, operator) => {
          const kernel = new KernelInstance(module, memories[operator]!, layout)
          if (sections.length > 0) kernel.restore(sections)
          const snapshot: SubtaskEvents['snapshot'] = (checkpointId, bytes, counters) =>
            void remote.snapshot(operator, checkpointId, transfer(bytes, [bytes.buffer]), counters)
          return new Subtask(kernel, { snapshot }, clock)
        })
        run(subtasks, options, memories, clock).catch((error: unknown) => void remote.failed(errorToData(error)))
        return Promise.resolve({ kind: 'started' })
      } catch (error) {
        return Promise.resolve({ kind: 'failed', error: errorToData(error) })
      }
    },
    counters: (): readonly SubtaskCounters[] => subtasks.map((subtask) => subtask.counters()),
  }
  expose(service, endpoint)
}

/** Where nothing is shared, kernel and rings are this thread's own. */
function memoriesOf({ rings, subtasks, epoch }: WorkerStart): readonly WebAssembly.Memory[] {
  if (rings.kind === 'shared') return rings.memories
  return subtasks.map(({ layout }) => {
    const memory = createMemory(layout, false)
    formatMemory(memory, layout, epoch)
    return memory
  })
}

async function run(
  subtasks: readonly Subtask[],
  { rings, ...options }: WorkerStart,
  memories: readonly WebAssembly.Memory[],
  clock: Clock,
) {
  if (rings.kind === 'shared') return runOnRings(subtasks, memories, rings.doorbell, clock)
  const linked = options.subtasks.map(({ layout }, operator) => ({
    memory: memories[operator]!,
    layout,
    from: layout.output,
    into: layout.input,
  }))
  return runOnFrames(subtasks, linked, rings.port, clock)
}
