/**
 * Takes what the subtasks of one window operator put out and gives it to the stages and sinks behind it, in a fixed order.
 *
 * Before: the output rings. After: stage/ (filter and map on results), then sinks.
 * Ordered: between two watermarks first the rows of subtask 0, then of subtask 1, and so on; so the same input at the same parallelism gives
 * the same bytes. Every ring is drained all the time, so that no subtask waits for another one's turn.
 *
 * Invariant: rows before a barrier reach the sinks before the barrier does, rows after it after.
 */

import type { HostedSubtask } from '../host/host.ts'
import type { RecordBatch } from '../record-batch.ts'
import { type OutputItem, SlotReader, type SlotReaderOptions } from '../ring/slot-reader.ts'

export interface OutletOptions extends SlotReaderOptions {
  readonly subtasks: readonly HostedSubtask[]
  readonly isOrdered: boolean
  /** Whether a sink behind this outlet still works on what it was given. */
  readonly isBusy: () => boolean
  readonly onResults: (batch: RecordBatch) => void
  readonly onLate: (batch: RecordBatch) => void
}

interface Lane {
  readonly reader: SlotReader
  readonly subtask: HostedSubtask
  readonly items: OutputItem[]
  at: number
}

export class Outlet {
  readonly uid: string
  readonly #options: OutletOptions
  readonly #lanes: readonly Lane[]
  /** The subtask whose turn it is between the current two watermarks. */
  #turn = 0
  #barrier: number | null = null
  #endedCount = 0
  /** The watermark behind which everything has been given on. */
  watermarkMs = Number.NEGATIVE_INFINITY

  constructor(options: OutletOptions) {
    this.uid = options.layout.uid
    this.#options = options
    this.#lanes = options.subtasks.map((subtask) => ({ reader: new SlotReader(subtask.memory, options), subtask, items: [], at: 0 }))
  }

  /** The checkpoint whose barrier all subtasks have passed: nothing is given on until {@link passBarrier}. */
  get barrier(): number | null {
    return this.#barrier
  }

  get isEnded(): boolean {
    return this.#endedCount === this.#lanes.length
  }

  passBarrier(): void {
    this.#barrier = null
  }

  /** Drains the rings and gives on what is due, as long as the sinks keep up. @returns whether there was anything. */
  step(): boolean {
    let progressed = false
    for (const lane of this.#lanes) {
      if (lane.reader.drain(lane.items)) {
        lane.subtask.ring()
        progressed = true
      }
    }
    while (this.#barrier === null && !this.isEnded && !this.#options.isBusy()) {
      const lane = this.#dueLane()
      if (lane === null) break
      progressed = true
      const item = lane.items[lane.at++]!
      if (lane.at === lane.items.length) {
        lane.items.length = 0
        lane.at = 0
      }
      if (this.#give(item)) this.#turn = (this.#turn + 1) % this.#lanes.length
    }
    return progressed
  }

  /** The lane whose item is next: the one whose turn it is; unordered also any other that has rows. */
  #dueLane(): Lane | null {
    const lane = this.#lanes[this.#turn]!
    if (lane.at < lane.items.length) return lane
    if (this.#options.isOrdered) return null
    return this.#lanes.find(({ items, at }) => at < items.length && (items[at]!.kind === 'results' || items[at]!.kind === 'late')) ?? null
  }

  /** @returns whether the item is a mark, behind which the next lane has its turn. */
  #give(item: OutputItem): boolean {
    const isLastLane = this.#turn === this.#lanes.length - 1
    switch (item.kind) {
      case 'results':
        this.#options.onResults(item.batch)
        return false
      case 'late':
        this.#options.onLate(item.batch)
        return false
      case 'watermark':
        if (isLastLane) this.watermarkMs = item.watermarkMs
        return true
      case 'barrier':
        if (isLastLane) this.#barrier = item.checkpointId
        return true
      case 'end':
        this.#endedCount++
        return true
      default: {
        const never: never = item
        throw new RangeError(`Unknown output ${String(never)}`)
      }
    }
  }
}
