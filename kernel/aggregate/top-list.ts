/**
 * The best of many (number, value) pairs: largest number first, of equal numbers the smallest value first.
 *
 * LARGEST keeps such a list in a row, with the second column as number; distinct-counts makes one of counts for a result.
 * The list is a binary heap with the worst pair on top, so that a better one takes its place at once.
 *
 *     0        8         16 bytes
 *     ┌────────┬─────────┬───
 *     │ number │ value   │ ...
 *     └────────┴─────────┴───
 *
 * Invariant: which pairs are in the list is a function of the set of pairs offered, not of their order. NaN is the smallest number.
 */
import { allocate, bytesOf, reallocate, release } from "../state/arena";
import { TOP_MAX } from "./aggregate-config";
import { appendBlob } from "../batch/blob-buffer";
import {
  appendText, canonicalCell, cellBytes, cellRead, compareCells, dropCell, holdCell, noteOutOfMemory, oneNaN, readCell, writeCell,
} from "./value-cell";

export const PAIR_BYTES = 16;
const LIST_COUNT = 4;
const LIST_CAPACITY = 8;
const PAIRS_MIN = 4;

let scratch: usize = 0; // TOP_MAX pairs

export function configureTopLists(): bool {
  scratch = allocate(TOP_MAX * PAIR_BYTES);
  return scratch != 0;
}

/** Whether pair a is to come before pair b. */
function precedes(numberA: f64, cellA: u64, numberB: f64, cellB: u64, isText: bool): bool {
  if (numberA != numberB) {
    const isNaNA = numberA != numberA;
    const isNaNB = numberB != numberB;
    if (isNaNA != isNaNB) return isNaNB;
    if (!isNaNA) return numberA > numberB;
  }
  return compareCells(cellA, cellB, isText) < 0;
}

function isBefore(a: usize, b: usize, isText: bool): bool {
  return precedes(load<f64>(a), load<u64>(a, 8), load<f64>(b), load<u64>(b, 8), isText);
}

function put(to: usize, number: f64, cell: u64): void {
  store<f64>(to, number);
  store<u64>(to, cell, 8);
}

// The pair at `index` may be worse than those above it, and worse ones belong on top.
function siftUp(pairs: usize, index: i32, isText: bool): void {
  const number = load<f64>(pairs + index * PAIR_BYTES);
  const cell = load<u64>(pairs + index * PAIR_BYTES, 8);
  while (index > 0) {
    const parent = (index - 1) >> 1;
    const above = pairs + parent * PAIR_BYTES;
    if (!precedes(load<f64>(above), load<u64>(above, 8), number, cell, isText)) break;
    put(pairs + index * PAIR_BYTES, load<f64>(above), load<u64>(above, 8));
    index = parent;
  }
  put(pairs + index * PAIR_BYTES, number, cell);
}

function siftDown(pairs: usize, count: i32, isText: bool): void {
  const number = load<f64>(pairs);
  const cell = load<u64>(pairs, 8);
  let index = 0;
  for (let child = 1; child < count; child = index * 2 + 1) {
    if (child + 1 < count && isBefore(pairs + child * PAIR_BYTES, pairs + (child + 1) * PAIR_BYTES, isText)) child++;
    const below = pairs + child * PAIR_BYTES;
    if (!precedes(number, cell, load<f64>(below), load<u64>(below, 8), isText)) break;
    put(pairs + index * PAIR_BYTES, load<f64>(below), load<u64>(below, 8));
    index = child;
  }
  put(pairs + index * PAIR_BYTES, number, cell);
}

// Heap → order of the result: the worst pair goes to the end, again and again.
function sortPairs(pairs: usize, count: i32, isText: bool): void {
  for (let left = count - 1; left > 0; left--) {
    const last = pairs + left * PAIR_BYTES;
    const number = load<f64>(last);
    const cell = load<u64>(last, 8);
    put(last, load<f64>(pairs), load<u64>(pairs, 8));
    put(pairs, number, cell);
    siftDown(pairs, left, isText);
  }
}

/** LARGEST: offers a pair to the list of a row, of `limit` pairs at most; false when memory is exhausted. */
export function addLargest(block: usize, limit: i32, number: f64, cell: u64, isText: bool): bool {
  const count = load<i32>(block + LIST_COUNT);
  if (count == limit) {
    const pairs = <usize>load<u32>(block);
    if (!precedes(number, cell, load<f64>(pairs), load<u64>(pairs, 8), isText)) return true;
    dropCell(load<u64>(pairs, 8), isText);
    holdCell(cell, isText);
    put(pairs, number, cell);
    siftDown(pairs, count, isText);
    return true;
  }
  if (count == load<i32>(block + LIST_CAPACITY) && !growPairs(block)) return false;
  holdCell(cell, isText);
  const pairs = <usize>load<u32>(block);
  put(pairs + count * PAIR_BYTES, number, cell);
  store<i32>(block + LIST_COUNT, count + 1);
  siftUp(pairs, count, isText);
  return true;
}

function growPairs(block: usize): bool {
  const had = load<i32>(block + LIST_CAPACITY);
  const wanted = max(had * 2, PAIRS_MIN);
  const grown = reallocate(load<u32>(block), bytesOf(had, PAIR_BYTES), bytesOf(had, PAIR_BYTES), bytesOf(wanted, PAIR_BYTES));
  if (grown == 0) return false;
  store<u32>(block, <u32>grown);
  store<i32>(block + LIST_CAPACITY, wanted);
  return true;
}

export function mergeLargest(into: usize, from: usize, limit: i32, isText: bool): bool {
  const pairs = <usize>load<u32>(from);
  for (let i = 0; i < load<i32>(from + LIST_COUNT); i++) {
    if (!addLargest(into, limit, load<f64>(pairs + i * PAIR_BYTES), load<u64>(pairs + i * PAIR_BYTES, 8), isText)) return false;
  }
  return true;
}

export function releaseLargest(block: usize, isText: bool): void {
  const pairs = <usize>load<u32>(block);
  for (let i = 0; i < load<i32>(block + LIST_COUNT); i++) dropCell(load<u64>(pairs + i * PAIR_BYTES, 8), isText);
  release(pairs, bytesOf(load<i32>(block + LIST_CAPACITY), PAIR_BYTES));
  memory.fill(block, 0, 16);
}

/** Appends the pairs of a row's list to the blobs, the best first. */
export function writeLargest(block: usize, isText: bool): bool {
  const count = load<i32>(block + LIST_COUNT);
  memory.copy(scratch, load<u32>(block), count * PAIR_BYTES);
  return writePairs(count, isText);
}

/** Begins a list for one result. */
let offered = 0;
export function beginTop(): void {
  offered = 0;
}
export function offerTop(limit: i32, number: f64, cell: u64, isText: bool): void {
  if (offered < limit) {
    put(scratch + offered * PAIR_BYTES, number, cell);
    siftUp(scratch, offered++, isText);
  } else if (precedes(number, cell, load<f64>(scratch), load<u64>(scratch, 8), isText)) {
    put(scratch, number, cell);
    siftDown(scratch, offered, isText);
  }
}
/** Appends its pairs to the blobs, the best first. */
export function writeTop(isText: bool): bool {
  return writePairs(offered, isText);
}

function writePairs(count: i32, isText: bool): bool {
  sortPairs(scratch, count, isText);
  for (let i = 0, pair = scratch; i < count; i++, pair += PAIR_BYTES) {
    const at = appendBlob(isText ? 8 : 16);
    if (at == 0) return false;
    const number = oneNaN(load<f64>(pair));
    if (isText) {
      store<f64>(at, number);
      if (!appendText(<u32>load<u64>(pair, 8))) return false;
    } else {
      store<u64>(at, canonicalCell(load<u64>(pair, 8), false));
      store<f64>(at, number, 8);
    }
  }
  return true;
}

export function largestSnapshotBytes(block: usize, isText: bool): i32 {
  let bytes = 8;
  const pairs = <usize>load<u32>(block);
  for (let i = 0; i < load<i32>(block + LIST_COUNT); i++) bytes += 8 + cellBytes(load<u64>(pairs + i * PAIR_BYTES, 8), isText);
  return bytes;
}

export function snapshotLargest(block: usize, to: usize, isText: bool): usize {
  const count = load<i32>(block + LIST_COUNT);
  const pairs = <usize>load<u32>(block);
  store<u64>(to, <u64>count);
  to += 8;
  for (let i = 0; i < count; i++) {
    store<f64>(to, oneNaN(load<f64>(pairs + i * PAIR_BYTES)));
    to = writeCell(to + 8, load<u64>(pairs + i * PAIR_BYTES, 8), isText);
  }
  return to;
}

/** Reads into an empty block; 0 when the bytes are none. Pairs come in the order of the heap, so it becomes the same heap. */
export function restoreLargest(from: usize, end: usize, block: usize, limit: i32, isText: bool): usize {
  if (end - from < 8 || load<u64>(from) > <u64>limit) return 0;
  const count = load<i32>(from);
  from += 8;
  for (let i = 0; i < count; i++) {
    if (end - from < 8) return 0;
    const number = load<f64>(from);
    from = readCell(from + 8, end, isText);
    if (from == 0) return 0;
    const isAdded = addLargest(block, limit, number, cellRead, isText);
    dropCell(cellRead, isText);
    if (isAdded) continue;
    noteOutOfMemory();
    return 0;
  }
  return from;
}
