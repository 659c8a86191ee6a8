/**
 * Counts by bucket, of one sign of a sketch: pages of 64 buckets, and a directory of the pages in order.
 *
 *     block        u32 directory │ i32 pages │ i32 capacity │ i32 buckets in use
 *     directory    each: i32 page number │ u32 page
 *     page         64 × f64
 *
 * A store has as many buckets in use as 64 doublings of the value have, at most; then the lowest two become one, so that what loses
 * accuracy are the values nearest to 0. Values spread thinly over any range keep theirs.
 *
 * Invariant: the buckets are a function of the values added: the highest ones, and everything lower in the lowest of them, in
 * whatever order values came and stores were merged.
 */
import { allocate, bytesOf, reallocate, release } from "../state/arena";

export const STORE_BYTES = 16;
const PAGES = 4;
const CAPACITY = 8;
const USED = 12;
const ENTRY_BYTES = 8;
const PAGE_BITS = 6;
const PAGE_MASK = 63;
const PAGE_BYTES = 512;
const CAPACITY_MIN = 8;
const DOUBLINGS_MAX: f64 = 64;
const EXPONENT_MAX: f64 = 1025;

function bucketsMax(perDoubling: f64): i32 {
  return <i32>(DOUBLINGS_MAX * perDoubling) + 2;
}
function entryAt(block: usize, index: i32): usize {
  return <usize>load<u32>(block) + index * ENTRY_BYTES;
}
function pageAt(block: usize, index: i32): usize {
  return load<u32>(entryAt(block, index), 4);
}

/** Counts `times` more in a bucket; false when memory is exhausted. */
export function addToStore(block: usize, bucket: i32, times: f64, perDoubling: f64): bool {
  const page = obtainPage(block, bucket >> PAGE_BITS);
  if (page == 0) return false;
  const at = page + ((bucket & PAGE_MASK) << 3);
  const had = load<f64>(at);
  store<f64>(at, had + times);
  if (had != 0) return true;
  store<i32>(block + USED, load<i32>(block + USED) + 1);
  if (load<i32>(block + USED) > bucketsMax(perDoubling)) joinLowest(block);
  return true;
}

function obtainPage(block: usize, number: i32): usize {
  let low = 0;
  let high = load<i32>(block + PAGES);
  while (low < high) {
    const middle = (low + high) >> 1;
    if (load<i32>(entryAt(block, middle)) < number) low = middle + 1;
    else high = middle;
  }
  const count = load<i32>(block + PAGES);
  if (low < count && load<i32>(entryAt(block, low)) == number) return pageAt(block, low);
  if (count == load<i32>(block + CAPACITY) && !growDirectory(block)) return 0;
  const page = allocate(PAGE_BYTES);
  if (page == 0) return 0;
  memory.fill(page, 0, PAGE_BYTES);
  const entry = entryAt(block, low);
  memory.copy(entry + ENTRY_BYTES, entry, (count - low) * ENTRY_BYTES);
  store<i32>(entry, number);
  store<u32>(entry, <u32>page, 4);
  store<i32>(block + PAGES, count + 1);
  return page;
}

function growDirectory(block: usize): bool {
  const had = load<i32>(block + CAPACITY);
  const wanted = max(had * 2, CAPACITY_MIN);
  const grown = reallocate(load<u32>(block), bytesOf(had, ENTRY_BYTES), bytesOf(had, ENTRY_BYTES), bytesOf(wanted, ENTRY_BYTES));
  if (grown == 0) return false;
  store<u32>(block, <u32>grown);
  store<i32>(block + CAPACITY, wanted);
  return true;
}

// The lowest bucket's count goes to the next one.
function joinLowest(block: usize): void {
  let times: f64 = 0;
  for (;;) {
    const page = pageAt(block, 0);
    for (let at = page; at < page + PAGE_BYTES; at += 8) {
      const found = load<f64>(at);
      if (found == 0) continue;
      if (times != 0) {
        store<f64>(at, found + times);
        store<i32>(block + USED, load<i32>(block + USED) - 1);
        return;
      }
      times = found;
      store<f64>(at, 0);
    }
    dropFirstPage(block);
  }
}

function dropFirstPage(block: usize): void {
  const count = load<i32>(block + PAGES) - 1;
  release(pageAt(block, 0), PAGE_BYTES);
  memory.copy(entryAt(block, 0), entryAt(block, 1), count * ENTRY_BYTES);
  store<i32>(block + PAGES, count);
}

/** Sum of all counts. */
export function storeTotal(block: usize): f64 {
  let total: f64 = 0;
  for (let i = 0; i < load<i32>(block + PAGES); i++) {
    const page = pageAt(block, i);
    for (let at = page; at < page + PAGE_BYTES; at += 8) total += load<f64>(at);
  }
  return total;
}

/** The bucket of the value that has `rank` others of the store below it (or, from above, above it). The rank is below the total. */
export function bucketOfRank(block: usize, rank: f64, fromAbove: bool): i32 {
  const pages = load<i32>(block + PAGES);
  let left = rank;
  let bucket = 0;
  for (let i = 0; i < pages; i++) {
    const index = fromAbove ? pages - 1 - i : i;
    const page = pageAt(block, index);
    for (let j = 0; j <= PAGE_MASK; j++) {
      const k = fromAbove ? PAGE_MASK - j : j;
      const times = load<f64>(page + (k << 3));
      if (times == 0) continue;
      bucket = (load<i32>(entryAt(block, index)) << PAGE_BITS) + k;
      left -= times;
      if (left < 0) return bucket;
    }
  }
  return bucket;
}

export function mergeStores(into: usize, from: usize, perDoubling: f64): bool {
  for (let i = load<i32>(from + PAGES) - 1; i >= 0; i--) {
    const first = load<i32>(entryAt(from, i)) << PAGE_BITS;
    for (let k = PAGE_MASK; k >= 0; k--) {
      const times = load<f64>(pageAt(from, i) + (k << 3));
      if (times != 0 && !addToStore(into, first + k, times, perDoubling)) return false;
    }
  }
  return true;
}

export function releaseStore(block: usize): void {
  for (let i = 0; i < load<i32>(block + PAGES); i++) release(pageAt(block, i), PAGE_BYTES);
  release(load<u32>(block), bytesOf(load<i32>(block + CAPACITY), ENTRY_BYTES));
  memory.fill(block, 0, STORE_BYTES);
}

// Number of buckets in use, then f64 bucket │ f64 count of each, ascending.
export function storeSnapshotBytes(block: usize): i32 {
  return 8 + load<i32>(block + USED) * 16;
}

export function snapshotStore(block: usize, to: usize): usize {
  store<u64>(to, <u64>load<i32>(block + USED));
  to += 8;
  for (let i = 0; i < load<i32>(block + PAGES); i++) {
    const first = load<i32>(entryAt(block, i)) << PAGE_BITS;
    for (let k = 0; k <= PAGE_MASK; k++) {
      const times = load<f64>(pageAt(block, i) + (k << 3));
      if (times == 0) continue;
      store<f64>(to, <f64>(first + k));
      store<f64>(to, times, 8);
      to += 16;
    }
  }
  return to;
}

/** Where the bytes of a store end, 0 when they are none. */
export function storeEnd(from: usize, end: usize, perDoubling: f64): usize {
  if (end - from < 8 || load<u64>(from) > <u64>(end - from - 8) >> 4 || load<u64>(from) > <u64>bucketsMax(perDoubling)) return 0;
  const next = from + 8 + <usize>load<u32>(from) * 16;
  let after = -EXPONENT_MAX * perDoubling;
  for (let at = from + 8; at < next; at += 16) {
    const bucket = load<f64>(at);
    const times = load<f64>(at, 8);
    if (!(bucket > after) || !(bucket < EXPONENT_MAX * perDoubling) || Math.floor(bucket) != bucket) return 0;
    if (!(times >= 1) || Math.floor(times) != times) return 0;
    after = bucket;
  }
  return next;
}

/** Reads bytes that `storeEnd` has approved into an empty store; false when memory is exhausted. */
export function restoreStore(from: usize, block: usize, perDoubling: f64): bool {
  for (let i = <i32>load<u32>(from), at = from + 8; i > 0; i--, at += 16) {
    if (!addToStore(block, <i32>load<f64>(at), load<f64>(at, 8), perDoubling)) return false;
  }
  return true;
}
