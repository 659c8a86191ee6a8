/**
 * Slots in order of (time, arrival): a binary heap over typed arrays, whose first element is the next to leave.
 *
 * Before and after: event-time-sorter.
 *
 * Invariant: no element precedes its parent.
 */

export class SlotHeap {
  /** By slot. */
  #times = new Float64Array(0)
  #arrivals = new Float64Array(0)
  #heap = new Uint32Array(0)
  #size = 0

  get size(): number {
    return this.#size
  }

  get byteLength(): number {
    return this.#times.byteLength + this.#arrivals.byteLength + this.#heap.byteLength
  }

  /** Time of the first slot; +Infinity when there is none. */
  get firstMs(): number {
    return this.#size === 0 ? Number.POSITIVE_INFINITY : this.#times[this.#heap[0]!]!
  }

  timeOf(slot: number): number {
    return this.#times[slot]!
  }

  /** Notes the time of a slot that is not in the heap. */
  note(slot: number, timeMs: number): void {
    this.#times[slot] = timeMs
  }

  /** Makes room for slots below `capacity`. */
  reserve(capacity: number): void {
    if (capacity <= this.#times.length) return
    this.#times = grown(this.#times, new Float64Array(capacity))
    this.#arrivals = grown(this.#arrivals, new Float64Array(capacity))
    this.#heap = grown(this.#heap, new Uint32Array(capacity))
  }

  /** Forgets all slots, and gives their memory back. */
  reset(): void {
    this.#times = new Float64Array(0)
    this.#arrivals = new Float64Array(0)
    this.#heap = new Uint32Array(0)
    this.#size = 0
  }

  push(slot: number, timeMs: number, arrival: number): void {
    this.#times[slot] = timeMs
    this.#arrivals[slot] = arrival
    const heap = this.#heap
    let at = this.#size++
    while (at > 0) {
      const parent = (at - 1) >>> 1
      if (!this.#precedes(slot, heap[parent]!)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = slot
  }

  /** Takes the first slot out; there must be one. */
  pop(): number {
    const heap = this.#heap
    const first = heap[0]!
    const size = --this.#size
    const slot = heap[size]!
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= size) break
      if (child + 1 < size && this.#precedes(heap[child + 1]!, heap[child]!)) child++
      if (!this.#precedes(heap[child]!, slot)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = slot
    return first
  }

  /** All slots in no order: a view until the next change. */
  get slots(): Uint32Array {
    return this.#heap.subarray(0, this.#size)
  }

  /** A copy of all slots in order. */
  ordered(): Uint32Array {
    return this.slots.slice().sort((a, b) => this.#times[a]! - this.#times[b]! || this.#arrivals[a]! - this.#arrivals[b]!)
  }

  #precedes(a: number, b: number): boolean {
    const difference = this.#times[a]! - this.#times[b]!
    return difference < 0 || (difference === 0 && this.#arrivals[a]! < this.#arrivals[b]!)
  }
}

function grown<T extends Float64Array | Uint32Array>(from: T, to: T): T {
  to.set(from)
  return to
}
