/**
 * The JavaScript ends of a ring of slots (kernel/layout.ts has the drawing): one producer, one consumer, possibly on two threads.
 *
 * Before: coordinator/exchange claims and publishes. After: the kernel takes; its results come back through another such ring.
 * Nobody waits here: a full or an empty ring is a return value, and waiting is the doorbell's.
 *
 * Invariant: 0 <= tail - head <= slotCount; slot bytes are written before the tail that publishes them.
 */

import {
  RING_HEAD_OFFSET,
  RING_SLOT_BYTES_OFFSET,
  RING_SLOT_COUNT_OFFSET,
  RING_SLOTS_OFFSET,
  RING_TAIL_OFFSET,
} from '../../kernel/layout.ts'

/** What rings lie in: a kernel's memory, or a buffer that stands for one elsewhere. */
export interface RingMemory {
  readonly buffer: ArrayBufferLike
}

/** Where a ring lies in a memory. `slotCount` is a power of two, `slotBytes` a multiple of 64. */
export interface RingGeometry {
  readonly offset: number
  readonly slotCount: number
  readonly slotBytes: number
}

/** Prepares the ring's bytes; before either end uses them. */
export function formatRing(buffer: ArrayBufferLike, ring: RingGeometry): void {
  const words = new Int32Array(buffer, ring.offset, RING_SLOTS_OFFSET >> 2)
  words.fill(0)
  words[RING_SLOT_COUNT_OFFSET >> 2] = ring.slotCount
  words[RING_SLOT_BYTES_OFFSET >> 2] = ring.slotBytes
}

abstract class RingEnd {
  readonly geometry: RingGeometry
  protected readonly tail: number
  protected readonly head: number
  readonly #memory: RingMemory
  #words: Int32Array

  constructor(memory: RingMemory, geometry: RingGeometry) {
    this.geometry = geometry
    this.#memory = memory
    this.#words = new Int32Array(memory.buffer)
    this.tail = (geometry.offset + RING_TAIL_OFFSET) >> 2
    this.head = (geometry.offset + RING_HEAD_OFFSET) >> 2
  }

  /** Slots published and not yet released. */
  get fill(): number {
    return (Atomics.load(this.words, this.tail) - Atomics.load(this.words, this.head)) >>> 0
  }

  /** The memory as words. A plain memory that grew has detached its buffer: its views have no length any more and are made anew. */
  protected get words(): Int32Array {
    if (this.#words.length === 0) this.#words = new Int32Array(this.#memory.buffer)
    return this.#words
  }

  protected slotOffset(position: number): number {
    const { offset, slotCount, slotBytes } = this.geometry
    return offset + RING_SLOTS_OFFSET + (position & (slotCount - 1)) * slotBytes
  }
}

export class RingProducer extends RingEnd {
  #position = 0
  /** The consumer's position as last seen: re-read only when the ring seems full. */
  #headSeen = 0

  /** Offset in memory of a slot that may be written, or -1 when the ring is full. */
  claim(): number {
    if ((this.#position - this.#headSeen) >>> 0 >= this.geometry.slotCount) {
      this.#headSeen = Atomics.load(this.words, this.head)
      if ((this.#position - this.#headSeen) >>> 0 >= this.geometry.slotCount) return -1
    }
    return this.slotOffset(this.#position)
  }

  /** Gives the claimed slot, with all bytes written to it, to the consumer. */
  publish(): void {
    this.#position = (this.#position + 1) | 0
    Atomics.store(this.words, this.tail, this.#position)
  }

  /** Slots that the consumer has given back, ever (modulo 2^32). */
  get farPosition(): number {
    return Atomics.load(this.words, this.head)
  }
}

export class RingConsumer extends RingEnd {
  #position = 0
  #tailSeen = 0

  /** Offset in memory of the oldest published slot, or -1 when there is none. It stays valid until {@link release}. */
  take(): number {
    if (this.#position === this.#tailSeen) {
      this.#tailSeen = Atomics.load(this.words, this.tail)
      if (this.#position === this.#tailSeen) return -1
    }
    return this.slotOffset(this.#position)
  }

  /** Gives the taken slot back to the producer. */
  release(): void {
    this.#position = (this.#position + 1) | 0
    Atomics.store(this.words, this.head, this.#position)
  }

  /** Slots that the producer has published, ever (modulo 2^32). */
  get farPosition(): number {
    return Atomics.load(this.words, this.tail)
  }
}

/**
 * Stands in for a consumer on the other side of a message channel: slots are passed on as they come, and stay taken until the real consumer
 * says that it has released them. So the producer is held back exactly as by a shared ring.
 */
export class RingRelay extends RingEnd {
  #passed = 0
  #released = 0

  /** Slots published and not yet passed on. */
  get unpassedCount(): number {
    return (Atomics.load(this.words, this.tail) - this.#passed) | 0
  }

  /** Slots passed on that the real consumer has not released. */
  get unreleasedCount(): number {
    return (this.#passed - this.#released) | 0
  }

  /** Offset in memory of the `index`-th slot that was not passed on; `index` is below {@link unpassedCount}. */
  unpassed(index: number): number {
    return this.slotOffset(this.#passed + index)
  }

  pass(count: number): void {
    this.#passed = (this.#passed + count) | 0
  }

  /** The real consumer has released so many more. */
  release(count: number): void {
    this.#released = (this.#released + count) | 0
    Atomics.store(this.words, this.head, this.#released)
  }
}
