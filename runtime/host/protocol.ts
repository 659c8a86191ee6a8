/**
 * Every message between the coordinator's thread and a worker.
 *
 * Rule of the exchange: the coordinator calls {@link WorkerService} through Comlink; the worker calls back {@link WorkerEvents} through Comlink.
 * Records, watermarks and barriers never travel that way: they are slots of rings in shared memory, or frames of slots (ring/slot-link) on a
 * port of their own.
 */

import type { ErrorData } from '../errors.ts'
import type { SubtaskCounters } from '../subtask/subtask.ts'
import type { SubtaskLayout } from '../subtask/subtask-layout.ts'

/** A worker refuses a coordinator of another version. */
export const PROTOCOL_VERSION = 3

export interface WorkerStart {
  readonly epoch: number
  /** One for each operator: this worker's subtask of it. */
  readonly subtasks: readonly {
    readonly module: WebAssembly.Module
    readonly layout: SubtaskLayout
    readonly sections: readonly Uint8Array[]
  }[]
  readonly rings: SharedRings | TransferredRings
}

/** Rings lie in memories that both threads have. */
export interface SharedRings {
  readonly kind: 'shared'
  /** Of each operator. */
  readonly memories: readonly WebAssembly.Memory[]
  /** The coordinator's doorbell, rung when there is output or room. */
  readonly doorbell: SharedArrayBuffer
}

/** Each thread has rings of its own; frames of slots go through the port. */
export interface TransferredRings {
  readonly kind: 'transferred'
  readonly port: MessagePort
}

/** What a worker offers. */
export interface WorkerService {
  /** The first call: that it is answered shows that the script was loaded. @returns the version of the protocol that the worker speaks. */
  hello(): number
  /** Resolves when the subtasks are configured and restored; they run from then on. */
  start(options: WorkerStart, events: WorkerEvents): Promise<StartResult>
  counters(): readonly SubtaskCounters[]
}

/** Errors cross as data: structured clone keeps neither class nor code. */
export type StartResult = { readonly kind: 'started' } | { readonly kind: 'failed'; readonly error: ErrorData }

export interface WorkerEvents {
  snapshot(operator: number, checkpointId: number, sections: Uint8Array<ArrayBuffer>, counters: SubtaskCounters): void
  failed(error: ErrorData): void
}
