/**
 * Sources by the event time at which they must be looked at: a binary heap.
 *
 * Before and after: sequence-tracker. An entry may be out of date; the tracker compares it with the source's own timer.
 *
 * Invariant: no entry is due before its parent.
 */

import type { SourceSequence } from './source-sequence.ts'

interface Entry {
  readonly dueMs: number
  readonly sequence: SourceSequence
}

export class DueQueue {
  readonly #entries: Entry[] = []

  /** When the first entry is due; +Infinity when there is none. */
  get firstMs(): number {
    return this.#entries[0]?.dueMs ?? Number.POSITIVE_INFINITY
  }

  push(dueMs: number, sequence: SourceSequence): void {
    const entries = this.#entries
    let at = entries.length
    while (at > 0) {
      const parent = (at - 1) >>> 1
      if (entries[parent]!.dueMs <= dueMs) break
      entries[at] = entries[parent]!
      at = parent
    }
    entries[at] = { dueMs, sequence }
  }

  /** Takes the first entry out; there must be one. */
  pop(): Entry {
    const entries = this.#entries
    const first = entries[0]!
    const last = entries.pop()!
    const size = entries.length
    if (size === 0) return first
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= size) break
      if (child + 1 < size && entries[child + 1]!.dueMs < entries[child]!.dueMs) child++
      if (entries[child]!.dueMs >= last.dueMs) break
      entries[at] = entries[child]!
      at = child
    }
    entries[at] = last
    return first
  }
}
