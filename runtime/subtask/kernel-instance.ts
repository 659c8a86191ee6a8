/**
 * One instance of the kernel over one memory: the only place that calls its exports and turns their statuses into errors.
 *
 * Before: host/ creates the memory. After: subtask drives it.
 *
 * Invariant: a negative status or a trap means that the job is dead; nothing is retried here.
 */

import * as L from '../../kernel/layout.ts'
import { CheckpointError, ConfigError, KernelError, type MillraceError, RecordError } from '../errors.ts'
import { formatRing, type RingMemory } from '../ring/spsc-ring.ts'
import { type SubtaskLayout, writeConfig } from './subtask-layout.ts'

interface KernelExports {
  layoutVersion(): number
  configure(): number
  restoreAllocate(bytes: number): number
  restoreSection(ptr: number, bytes: number): number
  restoreEnd(): number
  step(slotsMax: number): number
  barrierId(): number
  snapshot(): number
  snapshotPtr(): number
  snapshotBytes(): number
  snapshotRelease(): void
  passBarrier(): number
  counter(index: number): number
}

/** Numbers of one subtask since it started. Keys of `counter` in the kernel's layout. */
/** What the kernel counts. */
export interface KernelCounters {
  readonly recordsIn: number
  readonly lateDropped: number
  readonly lateUpdates: number
  readonly results: number
  readonly keys: number
  readonly slices: number
  readonly stateBytes: number
  readonly watermarkMs: number
  readonly outside: number
  /** Pairs of record and window that were refused because the window's trigger had finished. */
  readonly closed: number
  /** Watermark at which something is due next, and the same on the host's clock; +Infinity when nothing waits. */
  readonly nextEventMs: number
  readonly nextClockMs: number
}

/** Memory for a subtask: rings at its low end, state above. @throws ConfigError `MEMORY_UNAVAILABLE` */
export function createMemory(layout: SubtaskLayout, isShared: boolean): WebAssembly.Memory {
  const initial = Math.ceil(layout.stateOffset / L.PAGE_BYTES) + 1
  try {
    return new WebAssembly.Memory({ initial, maximum: layout.pagesMax, ...(isShared ? { shared: true } : {}) })
  } catch (cause) {
    throw new ConfigError(
      'MEMORY_UNAVAILABLE',
      `Cannot allocate the memory of operator ${layout.uid}: ${initial} pages of 64 KiB, at most ${layout.pagesMax}; lower memoryBytesMax`,
      { cause },
    )
  }
}

/** Writes rings and configuration; before any thread uses the memory. */
export function formatMemory(memory: RingMemory, layout: SubtaskLayout, epoch: number): void {
  new Int32Array(memory.buffer, L.DOORBELL_OFFSET, 2).fill(0)
  formatRing(memory.buffer, layout.input)
  formatRing(memory.buffer, layout.output)
  writeConfig(memory.buffer, layout, epoch)
}

export class KernelInstance {
  readonly #exports: KernelExports
  readonly #memory: WebAssembly.Memory
  readonly #layout: SubtaskLayout

  constructor(module: WebAssembly.Module, memory: WebAssembly.Memory, layout: SubtaskLayout) {
    this.#memory = memory
    this.#layout = layout
    const instance = new WebAssembly.Instance(module, { env: { memory } })
    // The kernel's exports are ours; layoutVersion tells whether they are the ones we were written for.
    this.#exports = instance.exports as unknown as KernelExports
    const version = this.#exports.layoutVersion()
    if (version !== L.LAYOUT_VERSION) {
      throw new KernelError(
        'LAYOUT_MISMATCH',
        `The kernel has layout ${version}, the runtime ${L.LAYOUT_VERSION}: load both from the same version of millrace`,
      )
    }
    this.#check(this.#call(() => this.#exports.configure()))
  }

  /** Processes up to `slotsMax` slots. @returns STATUS_IDLE, PROGRESS, OUTPUT_FULL, BARRIER or END. */
  step(slotsMax: number): number {
    let status: number
    try {
      status = this.#exports.step(slotsMax)
    } catch (cause) {
      throw this.#trap(cause)
    }
    if (status < 0) throw this.#error(status)
    return status
  }

  get barrierId(): number {
    return this.#exports.barrierId()
  }

  /** All state as sections (layout.ts), a copy in a plain buffer. */
  snapshot(): Uint8Array<ArrayBuffer> {
    this.#check(this.#call(() => this.#exports.snapshot()))
    const bytes = new Uint8Array(this.#memory.buffer, this.#exports.snapshotPtr() >>> 0, this.#exports.snapshotBytes())
    const copy = new Uint8Array(bytes.length)
    copy.set(bytes)
    this.#exports.snapshotRelease()
    return copy
  }

  /** Passes the barrier at the head of the input on. @returns false when the output ring is full: try again. */
  passBarrier(): boolean {
    const status = this.#call(() => this.#exports.passBarrier())
    if (status === L.STATUS_OUTPUT_FULL) return false
    this.#check(status)
    return true
  }

  /** Restores sections, in the order of their kinds; only before the first step. @throws CheckpointError `CHECKPOINT_CORRUPT` */
  restore(sections: readonly Uint8Array[]): void {
    for (const section of sections) {
      const ptr = this.#call(() => this.#exports.restoreAllocate(section.length)) >>> 0
      if (ptr === 0) throw this.#error(L.STATUS_STATE_LIMIT)
      new Uint8Array(this.#memory.buffer, ptr, section.length).set(section)
      this.#check(this.#call(() => this.#exports.restoreSection(ptr, section.length)))
    }
    this.#check(this.#call(() => this.#exports.restoreEnd()))
  }

  counters(): KernelCounters {
    const counter = (index: number) => this.#exports.counter(index)
    return {
      recordsIn: counter(L.COUNTER_RECORDS_IN),
      lateDropped: counter(L.COUNTER_LATE_DROPPED),
      lateUpdates: counter(L.COUNTER_LATE_UPDATES),
      results: counter(L.COUNTER_RESULTS),
      keys: counter(L.COUNTER_KEYS),
      slices: counter(L.COUNTER_SLICES),
      stateBytes: counter(L.COUNTER_STATE_BYTES),
      watermarkMs: counter(L.COUNTER_WATERMARK),
      outside: counter(L.COUNTER_OUTSIDE),
      closed: this.#layout.kernel === 'panes' ? counter(L.COUNTER_CLOSED) : 0,
      nextEventMs: counter(L.COUNTER_NEXT_EVENT),
      nextClockMs: counter(L.COUNTER_NEXT_CLOCK),
    }
  }

  #call(run: () => number): number {
    try {
      return run()
    } catch (cause) {
      throw this.#trap(cause)
    }
  }

  #trap(cause: unknown): KernelError {
    const message = cause instanceof Error ? cause.message : String(cause)
    return new KernelError(
      'KERNEL_TRAP',
      `The kernel of operator ${this.#layout.uid} trapped (${message}): a defect of millrace, please report it`,
      { cause },
    )
  }

  #check(status: number): void {
    if (status < 0) throw this.#error(status)
  }

  #error(status: number): MillraceError {
    const { uid, pagesMax } = this.#layout
    switch (status) {
      case L.STATUS_STATE_LIMIT: {
        const bytes = pagesMax * L.PAGE_BYTES
        return new ConfigError(
          'STATE_LIMIT',
          `State of operator ${uid} does not fit in ${bytes} bytes a subtask; raise memoryBytesMax or parallelism, or use fewer keys, smaller windows or less lateness`,
          { details: { bytes } },
        )
      }
      case L.STATUS_LATE_RECORD:
        return new RecordError(
          'LATE_RECORD',
          `A record came too late for its windows and operator ${uid} is declared to fail on late records; use .lateTo(name) or a larger delay`,
        )
      case L.STATUS_SNAPSHOT_INVALID:
        return new CheckpointError(
          'CHECKPOINT_CORRUPT',
          `Operator ${uid} cannot restore its state: the chunk is not a snapshot of this operator`,
        )
      case L.STATUS_CONFIG_INVALID:
        return new KernelError(
          'KERNEL_CONFIG_INVALID',
          `The kernel refused the configuration of operator ${uid}: a defect of millrace, please report it`,
        )
      default:
        return new KernelError(
          'KERNEL_STATUS',
          `The kernel of operator ${uid} answered status ${status}: a defect of millrace, please report it`,
          { details: { status } },
        )
    }
  }
}
