/**
 * The kernel's end of its two rings: consumer of the input ring, producer of the output ring.
 *
 * Before it, a producer on any thread fills input slots; after it, a consumer reads output slots. The drawing of a ring
 * is in layout.ts.
 *
 * Invariant: a slot is touched only between take and release, or claim and publish; each is an atomic store where memory
 * is shared, an ordinary one where it is not.
 */
import {
  RING_HEAD_OFFSET, RING_SLOT_BYTES_OFFSET, RING_SLOT_COUNT_OFFSET, RING_SLOTS_OFFSET, RING_TAIL_OFFSET, SLOT_CHECKPOINT_OFFSET,
  SLOT_EPOCH_OFFSET, SLOT_GENERATION_OFFSET, SLOT_KIND_OFFSET, SLOT_NULL_MASK_OFFSET, SLOT_PAYLOAD_BYTES_OFFSET, SLOT_ROW_COUNT_OFFSET,
  SLOT_WATERMARK_OFFSET,
} from "../layout";
import { epoch, inputRing, outputRing } from "../config";

function loadPosition(ptr: usize): i32 {
  if (ASC_FEATURE_THREADS) return atomic.load<i32>(ptr);
  return load<i32>(ptr);
}

function storePosition(ptr: usize, position: i32): void {
  if (ASC_FEATURE_THREADS) atomic.store<i32>(ptr, position);
  else store<i32>(ptr, position);
}

function slotAt(ring: usize, position: i32): usize {
  const index = position & (load<i32>(ring + RING_SLOT_COUNT_OFFSET) - 1);
  return ring + RING_SLOTS_OFFSET + index * load<i32>(ring + RING_SLOT_BYTES_OFFSET);
}

export function inputSlotBytes(): i32 {
  return load<i32>(inputRing + RING_SLOT_BYTES_OFFSET);
}

export function outputSlotBytes(): i32 {
  return load<i32>(outputRing + RING_SLOT_BYTES_OFFSET);
}

/** The oldest input slot, which stays taken until released; 0 when the ring is empty. */
export function takeSlot(): usize {
  const head = load<i32>(inputRing + RING_HEAD_OFFSET);
  if (loadPosition(inputRing + RING_TAIL_OFFSET) == head) return 0;
  return slotAt(inputRing, head);
}

export function releaseSlot(): void {
  storePosition(inputRing + RING_HEAD_OFFSET, load<i32>(inputRing + RING_HEAD_OFFSET) + 1);
}

/** The next output slot with an empty header of `kind`; 0 when the ring is full. Claiming twice gives the same slot. */
export function claimSlot(kind: i32): usize {
  const tail = load<i32>(outputRing + RING_TAIL_OFFSET);
  if (tail - loadPosition(outputRing + RING_HEAD_OFFSET) >= load<i32>(outputRing + RING_SLOT_COUNT_OFFSET)) return 0;
  const slot = slotAt(outputRing, tail);
  store<i32>(slot + SLOT_KIND_OFFSET, kind);
  store<i32>(slot + SLOT_ROW_COUNT_OFFSET, 0);
  store<f64>(slot + SLOT_WATERMARK_OFFSET, NaN);
  store<i32>(slot + SLOT_EPOCH_OFFSET, epoch);
  store<i32>(slot + SLOT_NULL_MASK_OFFSET, 0);
  store<f64>(slot + SLOT_CHECKPOINT_OFFSET, 0);
  store<i32>(slot + SLOT_PAYLOAD_BYTES_OFFSET, 0);
  store<i32>(slot + SLOT_GENERATION_OFFSET, 0);
  return slot;
}

export function publishSlot(): void {
  storePosition(outputRing + RING_TAIL_OFFSET, load<i32>(outputRing + RING_TAIL_OFFSET) + 1);
}
