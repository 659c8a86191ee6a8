/**
 * Makes slots ahead of need, beside a running job: they take chunks from the next run on, so nobody has to wait for them.
 *
 * Before: opfs/slot-shelf-maker, which says how many. After: files, and the list of slots in the database, one entry at a time.
 *
 * Invariant: a slot is in the list only when its file was written whole and flushed.
 */

import type { Clock } from '../../runtime/clock.ts'
import { makeSlot, type Reserve, slotFileName, type SlotRecord } from './slots.ts'

export interface SlotReserveParts {
  readonly directory: FileSystemDirectoryHandle
  readonly slotBytes: number
  readonly clock: Clock
  /** To be made, in order. */
  readonly wanted: readonly SlotRecord[]
  /** Made earlier in this run. */
  readonly made: readonly SlotRecord[]
  /** Puts a slot into the list. */
  readonly list: (slot: SlotRecord) => Promise<void>
}

export class SlotReserve implements Reserve {
  readonly #parts: SlotReserveParts
  readonly #made: SlotRecord[]
  readonly #making: Promise<void>
  #isStopped = false

  constructor(parts: SlotReserveParts) {
    this.#parts = parts
    this.#made = [...parts.made]
    // Where there is no room for more, chunks go to the database: that is no failure of the job.
    this.#making = this.#make().catch(() => {})
  }

  stop(): void {
    this.#isStopped = true
  }

  async giveUp(): Promise<void> {
    this.stop()
    await this.#making
    for (const { id } of this.#made.splice(0)) await this.#parts.directory.removeEntry(slotFileName(id)).catch(() => {})
  }

  async #make(): Promise<void> {
    const { directory, slotBytes, clock, wanted, list } = this.#parts
    for (const slot of wanted) {
      await makeSlot(directory, slot, { slotBytes, clock, isStopped: () => this.#isStopped })
      this.#made.push(slot)
      await list({ ...slot, madeAtMs: clock.now() })
    }
  }
}
