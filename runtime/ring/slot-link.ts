/**
 * One end of the link between two threads that share no memory: slots of a ring here become slots of the same ring there.
 *
 * Before: a producer's ring on this side. After: frames (messages with one transferred buffer) to the other end, which has the same class.
 * Each end has, for every operator, the ring it sends from and the ring it receives into; a worker's end is the coordinator's mirrored.
 *
 *     frame   ┌ operator 0 ──────────────────────────────┬ operator 1 ──┬───
 *             │ released i32 │ slotCount i32 │ slots ... │ ...          │
 *             └──────────────────────────────────────────┴──────────────┴───
 *
 * Invariant: a slot stays taken at its sender until its receiver's consumer has released it, so a receiver always has room.
 */

import { KernelError } from '../errors.ts'
import type { SubtaskLayout } from '../subtask/subtask-layout.ts'
import { packSlot, SlotUse, unpackSlot } from './slot-use.ts'
import { type RingGeometry, type RingMemory, RingProducer, RingRelay } from './spsc-ring.ts'

export interface FrameMessage {
  readonly frame: ArrayBuffer
  /** Emptied frames of the other end, given back to it. */
  readonly spares: readonly ArrayBuffer[]
}

/** The rings of one operator's subtask, as this end sees them. */
export interface LinkedRings {
  readonly memory: RingMemory
  readonly layout: SubtaskLayout
  readonly from: RingGeometry
  readonly into: RingGeometry
}

const HEADER_BYTES = 8
/** A frame that is recycled; smaller ones cost less than their way back. */
const FRAME_BYTES = 512 * 1024
const SMALL_FRAME_BYTES = 8 * 1024
const SPARES_MAX = 8

class Lane {
  readonly layout: SubtaskLayout
  readonly relay: RingRelay
  readonly producer: RingProducer
  readonly use: SlotUse
  readonly #memory: RingMemory
  #bytes: Uint8Array
  #view: DataView
  #releasesTold = 0
  /** Slots that go into the frame under way. */
  slotCount = 0

  constructor({ memory, layout, from, into }: LinkedRings) {
    this.layout = layout
    this.#memory = memory
    this.relay = new RingRelay(memory, from)
    this.producer = new RingProducer(memory, into)
    this.use = new SlotUse(layout)
    this.#bytes = new Uint8Array(memory.buffer)
    this.#view = new DataView(memory.buffer)
  }

  /** A plain memory that grew has detached its buffer. */
  get bytes(): Uint8Array {
    if (this.#bytes.buffer !== this.#memory.buffer) this.#bytes = new Uint8Array(this.#memory.buffer)
    return this.#bytes
  }

  get view(): DataView {
    if (this.#view.buffer !== this.#memory.buffer) this.#view = new DataView(this.#memory.buffer)
    return this.#view
  }

  /** Releases that the other end has not been told. */
  get untoldReleases(): number {
    return (this.producer.farPosition - this.#releasesTold) | 0
  }

  /** A quarter of a ring, either way, or slots for an end that has little left to do. */
  get isWorthAFrame(): boolean {
    const { unpassedCount, unreleasedCount } = this.relay
    const { slotCount } = this.relay.geometry
    const isMuch = Math.max(unpassedCount, this.untoldReleases) * 4 >= slotCount
    return isMuch || (unpassedCount > 0 && unreleasedCount * 2 < slotCount)
  }

  told(count: number): void {
    this.#releasesTold = (this.#releasesTold + count) | 0
  }
}

export class SlotLink {
  readonly #lanes: readonly Lane[]
  readonly #post: (message: FrameMessage, transfer: ArrayBuffer[]) => void
  readonly #frameBytes: number
  /** Frames of this end that came back. */
  readonly #pool: ArrayBuffer[] = []
  /** Frames of the other end that are to go back. */
  #spares: ArrayBuffer[] = []

  constructor(rings: readonly LinkedRings[], post: (message: FrameMessage, transfer: ArrayBuffer[]) => void) {
    this.#lanes = rings.map((each) => new Lane(each))
    this.#post = post
    // Room for the largest slot, with what aligning its runs adds.
    const largest = Math.max(
      ...rings.map(({ layout, from }) => from.slotBytes + 16 * (layout.columns.length + layout.aggregates.length + 8)),
    )
    this.#frameBytes = Math.max(FRAME_BYTES, rings.length * HEADER_BYTES + largest)
  }

  /** Sends what is worth a message, which costs some 20 µs: as long as the other end has enough to do, small amounts wait for each other. */
  send(): void {
    if (this.#lanes.some((lane) => lane.isWorthAFrame)) this.flush()
  }

  /** Sends everything that the other end has not seen. */
  flush(): void {
    while (this.#sendFrame()) {}
  }

  get hasUntoldReleases(): boolean {
    return this.#lanes.some((lane) => lane.untoldReleases > 0)
  }

  /** Takes in a frame of the other end. @throws KernelError `FRAME_UNEXPECTED` */
  receive({ frame, spares }: FrameMessage): void {
    for (const spare of spares) if (this.#pool.length < SPARES_MAX) this.#pool.push(spare)
    const bytes = new Uint8Array(frame)
    const view = new DataView(frame)
    let at = 0
    for (const lane of this.#lanes) {
      lane.relay.release(view.getInt32(at, true))
      const slotCount = view.getInt32(at + 4, true)
      at += HEADER_BYTES
      for (let count = 0; count < slotCount; count++) {
        const slot = lane.producer.claim()
        if (slot < 0) throw new KernelError('FRAME_UNEXPECTED', `Operator ${lane.layout.uid} was sent more slots than its ring has`)
        at = unpackSlot(lane.use.measure(view, at), bytes, at, lane.bytes, slot)
        lane.producer.publish()
      }
    }
    if (frame.byteLength >= FRAME_BYTES && this.#spares.length < SPARES_MAX) this.#spares.push(frame)
  }

  #sendFrame(): boolean {
    const byteLength = this.#plan()
    if (byteLength === 0) return false
    const frame = byteLength <= SMALL_FRAME_BYTES ? new ArrayBuffer(byteLength) : (this.#pool.pop() ?? new ArrayBuffer(this.#frameBytes))
    const bytes = new Uint8Array(frame)
    const view = new DataView(frame)
    let at = 0
    for (const lane of this.#lanes) {
      const released = lane.untoldReleases
      lane.told(released)
      view.setInt32(at, released, true)
      view.setInt32(at + 4, lane.slotCount, true)
      at += HEADER_BYTES
      for (let index = 0; index < lane.slotCount; index++) {
        const slot = lane.relay.unpassed(index)
        at = packSlot(lane.use.measure(lane.view, slot), lane.bytes, slot, bytes, at)
      }
      lane.relay.pass(lane.slotCount)
    }
    const spares = this.#spares
    this.#spares = []
    this.#post({ frame, spares }, [frame, ...spares])
    return true
  }

  /** Decides how many slots of each operator the next frame takes. @returns bytes of the frame; 0 when there is nothing to send. */
  #plan(): number {
    let byteLength = this.#lanes.length * HEADER_BYTES
    let isNeeded = false
    let isFull = false
    for (const lane of this.#lanes) {
      if (lane.untoldReleases > 0) isNeeded = true
      const most = lane.relay.unpassedCount
      lane.slotCount = 0
      while (lane.slotCount < most && !isFull) {
        const bytes = lane.use.measure(lane.view, lane.relay.unpassed(lane.slotCount)).byteLength
        isFull = byteLength + bytes > this.#frameBytes
        if (isFull) break
        byteLength += bytes
        lane.slotCount++
        isNeeded = true
      }
    }
    return isNeeded ? byteLength : 0
  }
}
