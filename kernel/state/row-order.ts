/**
 * Sorting of numbered items, for what a snapshot brings in another order than state needs it.
 *
 * Used by state-restorer alone: keys by (ordinal, key group), compact rows by key row.
 *
 * Invariant: a stable merge sort; items are 16 bytes, { order u64, number u32, – }.
 */
import { allocate, release } from "./arena";

export const ITEM_BYTES = 16;
export const ITEM_NUMBER = 8;

/** Sorts `count` items in place; false when memory is exhausted. */
export function sortItems(items: usize, count: i32): bool {
  const bytes = <usize>count * ITEM_BYTES;
  const other = allocate(bytes);
  if (other == 0) return false;
  let from = items;
  let to = other;
  for (let width: u32 = 1; width < <u32>count; width <<= 1) {
    for (let left: u32 = 0; left < <u32>count; left += width * 2) {
      mergeRuns(from, to, left, min<u32>(left + width, count), min<u32>(left + width * 2, count));
    }
    const swapped = from;
    from = to;
    to = swapped;
  }
  if (from != items) memory.copy(items, from, bytes);
  release(other, bytes);
  return true;
}

function mergeRuns(from: usize, to: usize, left: u32, middle: u32, end: u32): void {
  let a = left;
  let b = middle;
  for (let out = left; out < end; out++) {
    const takesA = a < middle && (b >= end || load<u64>(from + a * ITEM_BYTES) <= load<u64>(from + b * ITEM_BYTES));
    v128.store(to + out * ITEM_BYTES, v128.load(from + (takesA ? a++ : b++) * ITEM_BYTES));
  }
}
