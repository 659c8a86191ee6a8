/**
 * Bytes that cells of results point into: texts and lists, one after the other since the last result slot.
 *
 * Before it, aggregate/pane-row writes the results of a row; after it, the operator sends the bytes in SLOT_BLOB slots.
 *
 * Invariant: what is appended lies at a multiple of 8, and cells hold offsets, so the buffer may move.
 */
import { allocate, reallocate } from "../state/arena";

const BLOBS_MIN = 4096;
const BLOBS_MAX: usize = 1 << 30;

let buffer: usize = 0;
let capacity: usize = 0;
let used: usize = 0;

export function configureBlobs(): bool {
  used = 0;
  capacity = BLOBS_MIN;
  buffer = allocate(BLOBS_MIN);
  return buffer != 0;
}

export function blobPtr(): usize {
  return buffer;
}
export function blobBytes(): i32 {
  return <i32>used;
}
export function resetBlobs(): void {
  used = 0;
}

/** Room for `bytes` more, padded to 8 with zeros; 0 when memory is exhausted. Valid until the next call. */
export function appendBlob(bytes: usize): usize {
  const padded = (bytes + 7) & ~7;
  if (used + padded > capacity && !grow(padded)) return 0;
  const at = buffer + used;
  used += padded;
  if (padded != bytes) store<u64>(at + padded - 8, 0);
  return at;
}

/** Ends the bytes of one cell, which began at `offset`. */
export function closeBlob(cell: usize, offset: i32, bytes: i32): void {
  store<i32>(cell, offset);
  store<i32>(cell, bytes, 4);
}

function grow(bytes: usize): bool {
  if (bytes > BLOBS_MAX - used) return false;
  const wanted = max(used + bytes, min(capacity << 1, BLOBS_MAX));
  const grown = reallocate(buffer, capacity, used, wanted);
  if (grown == 0) return false;
  buffer = grown;
  capacity = wanted;
  return true;
}
