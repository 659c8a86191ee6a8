/**
 * Every message between the coordinator's thread and a worker.
 *
 * Rule of the exchange: the coordinator calls {@link WorkerService} through Comlink; the worker calls back {@link WorkerEvents} through Comlink.
 * Records, watermarks and barriers never travel here: they are slots of the rings in the memories that `start` hands over.
 */

import type { ErrorData } from '../errors.ts'
import type { SubtaskCounters } from '../subtask/kernel-instance.ts'
import type { SubtaskLayout } from '../subtask/subtask-layout.ts'

/** A worker refuses a coordinator of another version. */
export const PROTOCOL_VERSION = 2

export interface WorkerStart {
  readonly protocol: number
  /** The coordinator's doorbell, rung when there is output or room. */
  readonly doorbell: SharedArrayBuffer
  /** One for each operator: this worker's subtask of it. */
  readonly subtasks: readonly {
    readonly module: WebAssembly.Module
    readonly layout: SubtaskLayout
    readonly memory: WebAssembly.Memory
    readonly sections: readonly Uint8Array[]
  }[]
}

/** What a worker offers. `start` resolves when its subtasks are configured and restored; they run from then on. */
export interface WorkerService {
  start(options: WorkerStart, events: WorkerEvents): Promise<StartResult>
  counters(): readonly SubtaskCounters[]
}

/** Errors cross as data: structured clone keeps neither class nor code. */
export type StartResult = { readonly kind: 'started' } | { readonly kind: 'failed'; readonly error: ErrorData }

export interface WorkerEvents {
  snapshot(operator: number, checkpointId: number, sections: Uint8Array<ArrayBuffer>, counters: SubtaskCounters): void
  failed(error: ErrorData): void
}
