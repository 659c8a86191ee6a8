/**
 * Where subtasks run. `SharedHost` and `TransferHost` give each parallel index a thread; `InlineHost` steps them all on this one.
 *
 * Before: coordinator/job starts a host. After: subtask/ does the work. The coordinator reaches subtasks only through this interface.
 *
 * Invariant: results are the same on every host.
 */

import type { RingMemory } from '../ring/spsc-ring.ts'
import type { SubtaskCounters } from '../subtask/subtask.ts'
import type { KernelKind, SubtaskLayout } from '../subtask/subtask-layout.ts'

/**
 * How kernels run. `shared`: in workers, with rings in shared memory. `transferred`: in workers that share nothing, batches travel as transferred
 * buffers. `inline`: on the coordinator's thread.
 */
export type HostTier = 'shared' | 'transferred' | 'inline'

/** One operator's subtask as the coordinator sees it: the memory its rings lie in, and a way to wake it. */
export interface HostedSubtask {
  readonly memory: RingMemory
  ring(): void
}

export interface HostEvents {
  snapshot(operator: number, subtask: number, checkpointId: number, sections: Uint8Array<ArrayBuffer>, counters: SubtaskCounters): void
  failed(error: Error): void
}

export interface HostStart {
  readonly layouts: readonly SubtaskLayout[]
  readonly parallelism: number
  readonly epoch: number
  /** Sections to restore, by operator and subtask; empty arrays on a fresh start. */
  readonly restore: readonly (readonly (readonly Uint8Array[])[])[]
  readonly events: HostEvents
}

/** Compiles a kernel for the memory of the host that asks. */
export type LoadKernel = (kind: KernelKind) => Promise<WebAssembly.Module>

export interface Host {
  readonly tier: HostTier
  /** Starts all subtasks. Resolves when they are configured and restored; by operator, then subtask. */
  start(options: HostStart): Promise<readonly (readonly HostedSubtask[])[]>
  /** Lets subtasks work, or sends them what they have not got, where the host does that on this thread. @returns whether any made progress. */
  step(): boolean
  /** Value to pass to {@link idle}; read before looking for work. */
  readonly signal: number
  /** Waits for something to do, at most `timeoutMs`. */
  idle(signal: number, timeoutMs: number): Promise<void>
  /** Counters by operator and subtask. */
  counters(): Promise<readonly (readonly SubtaskCounters[])[]>
  close(): Promise<void>
}
