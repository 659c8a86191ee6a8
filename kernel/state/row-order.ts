/**
 * Sorting of numbered items, for what a snapshot brings in another order than state needs it.
 *
 * Used by state-restorer alone: keys by (ordinal, key group), compact rows by key row.
 *
 * Invariant: a stable merge sort; items are 16 bytes, { order u64, number u32, – }.
 */
import { rowBytes } from "./accumulator-row";
import { allocate, bytesOf, release } from "./arena";
import { setCompact, SLICE_COMPACT, SLICE_KEYS, SLICE_ROWS } from "./window-state";

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

/** Brings the compact rows of a slice, appended in any order, to key order; false when memory is exhausted. */
export function sortCompact(slice: usize): bool {
  const count = load<i32>(slice + SLICE_COMPACT);
  const order = allocate(bytesOf(count, ITEM_BYTES));
  const keys = allocate(bytesOf(count, 4));
  const rows = allocate(bytesOf(count, rowBytes));
  if (order == 0 || keys == 0 || rows == 0) return false;
  const oldKeys = load<u32>(slice + SLICE_KEYS);
  const oldRows = <usize>load<u32>(slice + SLICE_ROWS);
  for (let i = 0; i < count; i++) {
    store<u64>(order + i * ITEM_BYTES, <u64>load<u32>(oldKeys + i * 4));
    store<u32>(order + i * ITEM_BYTES, i, ITEM_NUMBER);
  }
  if (!sortItems(order, count)) return false;
  for (let i = 0; i < count; i++) {
    const item = order + i * ITEM_BYTES;
    store<u32>(keys + i * 4, load<u32>(item));
    memory.copy(rows + i * rowBytes, oldRows + load<u32>(item, ITEM_NUMBER) * rowBytes, rowBytes);
  }
  release(order, bytesOf(count, ITEM_BYTES));
  setCompact(slice, keys, rows, count);
  return true;
}

/** Whether sorted compact rows have a key more than once. */
export function hasKeyTwice(slice: usize): bool {
  const keys = load<u32>(slice + SLICE_KEYS);
  for (let i = 1, count = load<i32>(slice + SLICE_COMPACT); i < count; i++) {
    if (load<u32>(keys + i * 4) == load<u32>(keys + i * 4 - 4)) return true;
  }
  return false;
}
