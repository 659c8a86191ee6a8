/**
 * Which blocks of the slots are free.
 *
 * Before: opfs/slots, which writes to what it gets here. After: nothing; what is in use follows from the locations in the database.
 *
 * Invariant: a block belongs to at most one location.
 */

import type { Extent, Location } from '../indexeddb/chunk-shelf.ts'

export class Blocks {
  readonly blockBytes: number
  /** By slot: 1 where a block is in use. */
  readonly #used = new Map<number, Uint8Array>()

  constructor(blockBytes: number) {
    this.blockBytes = blockBytes
  }

  /** Adds a slot, whose first `reserved` blocks hold no chunks. */
  addSlot(slot: number, blockCount: number, reserved: number): void {
    this.#used.set(slot, new Uint8Array(blockCount).fill(1, 0, reserved))
  }

  /** Extents for so many bytes, or null when they are not to be had. One run where there is one that is long enough. */
  take(byteLength: number): readonly Extent[] | null {
    const wanted = Math.ceil(byteLength / this.blockBytes)
    if (wanted === 0) return null
    const runs = [...this.#used].flatMap(([slot, used]) => freeRuns(slot, used))
    const whole = runs.find(({ count }) => count >= wanted)
    const extents: Extent[] = []
    let missing = wanted
    for (const run of whole === undefined ? runs.sort((a, b) => b.count - a.count) : [whole]) {
      const count = Math.min(run.count, missing)
      extents.push({ ...run, count })
      missing -= count
      if (missing === 0) break
    }
    if (missing > 0) return null
    this.mark(extents, 1)
    return extents
  }

  /** @param value - 1: in use; 0: free. Extents of slots that are gone are ignored. */
  mark(extents: Location['extents'], value: 0 | 1): void {
    for (const { slot, block, count } of extents) this.#used.get(slot)?.fill(value, block, block + count)
  }

  /** Frees everything but `reserved` blocks of each slot. */
  clear(reserved: number): void {
    for (const used of this.#used.values()) used.fill(0, reserved)
  }
}

function freeRuns(slot: number, used: Uint8Array): Extent[] {
  const runs: Extent[] = []
  for (let block = used.indexOf(0); block >= 0; ) {
    const next = used.indexOf(1, block)
    const end = next < 0 ? used.length : next
    runs.push({ slot, block, count: end - block })
    block = next < 0 ? -1 : used.indexOf(0, end)
  }
  return runs
}
