/**
 * One parallel part of an operator: takes slots, lets the kernel process them, snapshots at barriers. Knows neither thread nor coordinator.
 *
 * Before: the input ring filled by coordinator/exchange. After: the output ring read by coordinator/outlet; snapshots go to the events.
 *
 * Invariant: the snapshot of a barrier is taken after every slot before it and before every slot after it.
 */

import { STATUS_BARRIER, STATUS_END, STATUS_IDLE, STATUS_OUTPUT_FULL } from '../../kernel/layout.ts'
import type { Clock } from '../clock.ts'
import type { KernelCounters, KernelInstance } from './kernel-instance.ts'

/** `progress`: something was done; `idle`: nothing to do; `blocked`: the output is full; `ended`: never again. */
export type SubtaskState = 'progress' | 'idle' | 'blocked' | 'ended'

export interface SubtaskCounters extends KernelCounters {
  /** Time spent on steps that did something, ms. */
  readonly busyMs: number
}

export interface SubtaskEvents {
  /** State at the barrier, as the kernel's sections, and the counters at that place. */
  snapshot(checkpointId: number, sections: Uint8Array<ArrayBuffer>, counters: SubtaskCounters): void
}

/** Slots a step processes before it looks up: some 50 µs of work. */
const SLOTS_A_STEP = 8

export class Subtask {
  readonly #kernel: KernelInstance
  readonly #events: SubtaskEvents
  readonly #clock: Clock
  #snapshotTaken: number | null = null
  #busyMs = 0

  constructor(kernel: KernelInstance, events: SubtaskEvents, clock: Clock) {
    this.#kernel = kernel
    this.#events = events
    this.#clock = clock
  }

  step(): SubtaskState {
    const beganMs = this.#clock.monotonic()
    const state = this.#step()
    if (state === 'progress' || state === 'ended') this.#busyMs += this.#clock.monotonic() - beganMs
    return state
  }

  #step(): SubtaskState {
    if (this.#snapshotTaken !== null) return this.#passBarrier()
    const status = this.#kernel.step(SLOTS_A_STEP)
    switch (status) {
      case STATUS_IDLE:
        return 'idle'
      case STATUS_OUTPUT_FULL:
        return 'blocked'
      case STATUS_END:
        return 'ended'
      case STATUS_BARRIER: {
        const checkpointId = this.#kernel.barrierId
        this.#events.snapshot(checkpointId, this.#kernel.snapshot(), this.counters())
        this.#snapshotTaken = checkpointId
        return this.#passBarrier()
      }
      default:
        return 'progress'
    }
  }

  counters(): SubtaskCounters {
    return { ...this.#kernel.counters(), busyMs: this.#busyMs }
  }

  #passBarrier(): SubtaskState {
    if (!this.#kernel.passBarrier()) return 'blocked'
    this.#snapshotTaken = null
    return 'progress'
  }
}
