/**
 * Takes what the subtasks of one window operator put out and gives it to the stages and sinks behind it, in a fixed order.
 *
 * Before: the output rings. After: stage/ (filter and map on results), then sinks.
 * Ordered: between two watermarks first the rows of subtask 0, then of subtask 1, and so on; so the same input at the same parallelism gives
 * the same bytes. A slot is given on straight from its ring; what fills the ring of a subtask whose turn it is not is set aside.
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
  /** Told how many marks have come out of every subtask. */
  readonly onMarks?: (markCount: number) => void
  readonly onResults: (batch: RecordBatch) => void
  readonly onLate: (batch: RecordBatch) => void
  /** Takes operations on accumulators that live outside the kernel; of windows that have such. */
  readonly onOperations?: (bytes: Uint8Array) => void
}

interface Lane {
  readonly reader: SlotReader
  readonly subtask: HostedSubtask
  /** Items that were taken out of the ring before their turn, and the next of them. */
  readonly items: OutputItem[]
  at: number
  /** Whether slots were released since the subtask was last woken. */
  hasRoom: boolean
}

export class Outlet {
  readonly uid: string
  readonly #options: OutletOptions
  readonly #lanes: readonly Lane[]
  /** The subtask whose turn it is between the current two watermarks. */
  #turn = 0
  #markCount = 0
  #barrier: number | null = null
  /** The mark that the lanes before the turn have passed, and the others not, is a barrier. */
  #isAtBarrier = false
  /** A lane whose oldest slot a sink is still reading. */
  #held: Lane | null = null
  #endedCount = 0
  /** The watermark behind which everything has been given on. */
  watermarkMs = Number.NEGATIVE_INFINITY

  constructor(options: OutletOptions) {
    this.uid = options.layout.uid
    this.#options = options
    this.#lanes = options.subtasks.map((subtask) => ({
      reader: new SlotReader(subtask.memory, options),
      subtask,
      items: [],
      at: 0,
      hasRoom: false,
    }))
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

  /** Gives on what is due, as long as the sinks keep up. @returns whether there was anything. */
  step(): boolean {
    let progressed = this.#releaseHeld()
    while (this.#barrier === null && !this.isEnded && !this.#options.isBusy()) {
      if (!this.#giveQueued() && !this.#giveSlot()) break
      progressed = true
    }
    if (!this.#options.isBusy()) progressed = this.#relieve() || progressed
    for (const lane of this.#lanes) {
      if (lane.hasRoom) lane.subtask.ring()
      lane.hasRoom = false
    }
    return progressed
  }

  /** The slot that a sink was still reading when the last step ended. */
  #releaseHeld(): boolean {
    const lane = this.#held
    if (lane === null || this.#options.isBusy()) return false
    this.#held = null
    lane.reader.release()
    lane.hasRoom = true
    return true
  }

  /** The next item that was set aside, of the lane whose turn it is; unordered also rows of any other. */
  #giveQueued(): boolean {
    const due = this.#lanes[this.#turn]!
    const hasRows = ({ items, at }: Lane) => at < items.length && !isMarkKind(items[at]!.kind)
    // What lies behind a barrier waits until all have passed it.
    const mayGive = (lane: Lane, index: number) => hasRows(lane) && !(this.#isAtBarrier && index < this.#turn)
    const lane = due.at < due.items.length ? due : this.#options.isOrdered ? undefined : this.#lanes.find(mayGive)
    if (lane === undefined) return false
    const item = lane.items[lane.at++]!
    if (lane.at === lane.items.length) {
      lane.items.length = 0
      lane.at = 0
    }
    this.#give(item)
    return true
  }

  /** The next slot of the lane whose turn it is, straight from its ring. */
  #giveSlot(): boolean {
    const lane = this.#lanes[this.#turn]!
    const items = lane.reader.peek()
    if (items === null) return false
    for (const item of items) this.#give(item)
    if (this.#options.isBusy()) {
      this.#held = lane
    } else {
      lane.reader.release()
      lane.hasRoom = true
    }
    return true
  }

  /** Sets aside what fills the rings of lanes whose turn it is not, so that no subtask waits for another one. */
  #relieve(): boolean {
    let hasTaken = false
    for (const [index, lane] of this.#lanes.entries()) {
      const isWaiting = index !== this.#turn || this.#barrier !== null
      const fill = lane === this.#held ? 0 : lane.reader.fill
      if (fill === 0 || !isWaiting || (this.#options.isOrdered && fill * 2 < this.#options.layout.output.slotCount)) continue
      hasTaken = lane.reader.drain(lane.items) || hasTaken
      lane.hasRoom = true
    }
    return hasTaken
  }

  /** Gives an item on; behind a mark the next lane has its turn. */
  #give(item: OutputItem): void {
    if (!this.#isMark(item)) return
    this.#turn = (this.#turn + 1) % this.#lanes.length
    if (this.#turn === 0) this.#options.onMarks?.(++this.#markCount)
  }

  #isMark(item: OutputItem): boolean {
    const isLastLane = this.#turn === this.#lanes.length - 1
    switch (item.kind) {
      case 'results':
        this.#options.onResults(item.batch)
        return false
      case 'late':
        this.#options.onLate(item.batch)
        return false
      case 'operations':
        this.#options.onOperations?.(item.bytes)
        return false
      case 'watermark':
        if (isLastLane) this.watermarkMs = item.watermarkMs
        return true
      case 'barrier':
        this.#isAtBarrier = !isLastLane
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

/** Marks stand on every ring; the rest belongs to one subtask. */
function isMarkKind(kind: OutputItem['kind']): boolean {
  return kind === 'watermark' || kind === 'barrier' || kind === 'end'
}
