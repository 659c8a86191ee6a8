/**
 * COUNTS: distinct values of a row and how often each came.
 *
 *     block    entries u32 │ count i32 │ capacity i32 │ index u32
 *     entry    value 8 │ times f64                       in order of first appearance
 *     index    2 × capacity u32: entry + 1, open addressing; none while there are few entries
 *
 * Gives the exact count of distinct values, the most frequent one (mode) and the k most frequent (top).
 *
 * Invariant: no two entries have equal values (−0 is +0, NaN is one value); a text in an entry is held.
 */
import { allocate, bytesOf, reallocate, release } from "../state/arena";
import {
  canonicalCell, cellBytes, cellRead, compareCells, dropCell, holdCell, mix, noteOutOfMemory, readCell, writeCell,
} from "./value-cell";
import { beginTop, offerTop, writeTop } from "./top-list";

const COUNT = 4;
const CAPACITY = 8;
const INDEX = 12;
const ENTRY_BYTES = 16;
const ENTRY_TIMES = 8;
const CAPACITY_MIN = 4;
const LINEAR_MAX = 8; // so few are found faster without an index

function entryAt(block: usize, index: i32): usize {
  return <usize>load<u32>(block) + <usize>index * ENTRY_BYTES;
}
function hasIndex(block: usize): bool {
  return load<i32>(block + CAPACITY) > LINEAR_MAX;
}

/** Counts a value `times` more; false when memory is exhausted. */
export function addCount(block: usize, value: u64, times: f64, isText: bool): bool {
  const cell = canonicalCell(value, isText);
  const found = findEntry(block, cell);
  if (found != 0) {
    store<f64>(found + ENTRY_TIMES, load<f64>(found + ENTRY_TIMES) + times);
    return true;
  }
  const count = load<i32>(block + COUNT);
  if (count == load<i32>(block + CAPACITY) && !grow(block)) return false;
  const entry = entryAt(block, count);
  store<u64>(entry, cell);
  store<f64>(entry + ENTRY_TIMES, times);
  holdCell(cell, isText);
  store<i32>(block + COUNT, count + 1);
  if (hasIndex(block)) addToIndex(block, count, cell);
  return true;
}

function findEntry(block: usize, cell: u64): usize {
  if (!hasIndex(block)) {
    for (let i = 0, entry = entryAt(block, 0); i < load<i32>(block + COUNT); i++, entry += ENTRY_BYTES) {
      if (load<u64>(entry) == cell) return entry;
    }
    return 0;
  }
  const index = <usize>load<u32>(block + INDEX);
  const mask = load<i32>(block + CAPACITY) * 2 - 1;
  for (let at = <i32>mix(cell) & mask; ; at = (at + 1) & mask) {
    const number = load<i32>(index + at * 4) - 1;
    if (number < 0) return 0;
    if (load<u64>(entryAt(block, number)) == cell) return entryAt(block, number);
  }
  return 0;
}

function addToIndex(block: usize, number: i32, cell: u64): void {
  const index = <usize>load<u32>(block + INDEX);
  const mask = load<i32>(block + CAPACITY) * 2 - 1;
  let at = <i32>mix(cell) & mask;
  while (load<i32>(index + at * 4) != 0) at = (at + 1) & mask;
  store<i32>(index + at * 4, number + 1);
}

function grow(block: usize): bool {
  const had = load<i32>(block + CAPACITY);
  const wanted = max(had * 2, CAPACITY_MIN);
  const index = wanted > LINEAR_MAX ? allocate(bytesOf(wanted, 8)) : 0;
  if (wanted > LINEAR_MAX && index == 0) return false;
  const entries = reallocate(load<u32>(block), bytesOf(had, ENTRY_BYTES), bytesOf(had, ENTRY_BYTES), bytesOf(wanted, ENTRY_BYTES));
  if (entries == 0) {
    release(index, bytesOf(wanted, 8));
    return false;
  }
  release(load<u32>(block + INDEX), bytesOf(had, 8));
  store<u32>(block, <u32>entries);
  store<i32>(block + CAPACITY, wanted);
  store<u32>(block + INDEX, <u32>index);
  if (index == 0) return true;
  memory.fill(index, 0, bytesOf(wanted, 8));
  for (let i = 0; i < load<i32>(block + COUNT); i++) addToIndex(block, i, load<u64>(entryAt(block, i)));
  return true;
}

export function mergeCounts(into: usize, from: usize, isText: bool): bool {
  for (let i = 0; i < load<i32>(from + COUNT); i++) {
    const entry = entryAt(from, i);
    if (!addCount(into, load<u64>(entry), load<f64>(entry + ENTRY_TIMES), isText)) return false;
  }
  return true;
}

export function releaseCounts(block: usize, isText: bool): void {
  for (let i = 0; i < load<i32>(block + COUNT); i++) dropCell(load<u64>(entryAt(block, i)), isText);
  release(load<u32>(block), bytesOf(load<i32>(block + CAPACITY), ENTRY_BYTES));
  release(load<u32>(block + INDEX), bytesOf(load<i32>(block + CAPACITY), 8));
  memory.fill(block, 0, 16);
}

export function distinctCount(block: usize): f64 {
  return <f64>load<i32>(block + COUNT);
}

/** Where the most frequent value is, of equally frequent ones the smallest; 0 when there is none. */
export function modeCell(block: usize, isText: bool): usize {
  let best: usize = 0;
  for (let i = 0; i < load<i32>(block + COUNT); i++) {
    const entry = entryAt(block, i);
    const lead = best == 0 ? 1 : load<f64>(entry + ENTRY_TIMES) - load<f64>(best + ENTRY_TIMES);
    if (lead > 0 || (lead == 0 && compareCells(load<u64>(entry), load<u64>(best), isText) < 0)) best = entry;
  }
  return best;
}

/** Appends the `limit` most frequent values and their counts to the blobs; false when memory is exhausted. */
export function writeMostFrequent(block: usize, limit: i32, isText: bool): bool {
  beginTop();
  for (let i = 0; i < load<i32>(block + COUNT); i++) {
    const entry = entryAt(block, i);
    offerTop(limit, load<f64>(entry + ENTRY_TIMES), load<u64>(entry), isText);
  }
  return writeTop(isText);
}

export function countsSnapshotBytes(block: usize, isText: bool): i32 {
  let bytes = 8;
  for (let i = 0; i < load<i32>(block + COUNT); i++) bytes += 8 + cellBytes(load<u64>(entryAt(block, i)), isText);
  return bytes;
}

export function snapshotCounts(block: usize, to: usize, isText: bool): usize {
  const count = load<i32>(block + COUNT);
  store<u64>(to, <u64>count);
  to += 8;
  for (let i = 0; i < count; i++) {
    const entry = entryAt(block, i);
    store<f64>(to, load<f64>(entry + ENTRY_TIMES));
    to = writeCell(to + 8, load<u64>(entry), isText);
  }
  return to;
}

/** Reads into an empty block; 0 when the bytes are none. */
export function restoreCounts(from: usize, end: usize, block: usize, recordsMax: f64, isText: bool): usize {
  if (end - from < 8 || load<u64>(from) > <u64>(end - from) >> 4) return 0;
  const count = load<i32>(from);
  from += 8;
  let left = recordsMax;
  for (let i = 0; i < count; i++) {
    if (end - from < 8) return 0;
    const times = load<f64>(from);
    left -= times;
    if (!(times >= 1) || Math.floor(times) != times || left < 0) return 0;
    from = readCell(from + 8, end, isText);
    if (from == 0) return 0;
    const isAdded = addCount(block, cellRead, times, isText);
    dropCell(cellRead, isText);
    if (!isAdded) noteOutOfMemory();
    if (!isAdded || load<i32>(block + COUNT) != i + 1) return 0;
  }
  return from;
}
