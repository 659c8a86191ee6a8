/**
 * SAMPLES: the values of a row with their times and places in order of arrival.
 *
 *     block    u32 pointer │ i32 count │ i32 capacity │ i32 ordered: how many at the front are in order
 *     sample   ms f64 │ arrival f64 │ value 8
 *
 * Samples are appended as they come and put in order, by (event time, arrival) or by arrival alone, when a result is wanted: what
 * comes in order costs nothing, a late one a merge of the tail. A list with a limit is cut when it has grown to twice of that.
 *
 * Invariant: the ordered list is a function of the set of samples; a text in a sample is held.
 */
import { TIME_MAX_MS } from "../config";
import { allocate, bytesOf, reallocate, release } from "../state/arena";
import { isArrival, noteArrival } from "./bound-values";
import { cellBytes, cellRead, dropCell, holdCell, noteOutOfMemory, readCell, writeCell } from "./value-cell";

export const SAMPLE_BYTES = 24;
export const SAMPLE_ARRIVAL = 8;
export const SAMPLE_VALUE = 16;
const COUNT = 4;
const CAPACITY = 8;
const ORDERED = 12;
const CAPACITY_MIN = 5; // two lines of cache
const SLACK = 64;

export function sampleCount(block: usize): i32 {
  return load<i32>(block + COUNT);
}
export function sampleAt(block: usize, index: i32): usize {
  return <usize>load<u32>(block) + <usize>index * SAMPLE_BYTES;
}

/** Appends a sample; false when memory is exhausted. */
export function addSample(block: usize, ms: f64, arrival: f64, value: u64, isText: bool, limit: f64, byTime: bool): bool {
  const count = sampleCount(block);
  if (<f64>count >= limit * 2 + SLACK) {
    return cutSamples(block, isText, limit, byTime) && addSample(block, ms, arrival, value, isText, limit, byTime);
  }
  if (count == load<i32>(block + CAPACITY) && !reserve(block, max(count + 1, count * 2))) return false;
  const at = sampleAt(block, count);
  store<f64>(at, ms);
  store<f64>(at, arrival, SAMPLE_ARRIVAL);
  store<u64>(at, value, SAMPLE_VALUE);
  holdCell(value, isText);
  store<i32>(block + COUNT, count + 1);
  if (load<i32>(block + ORDERED) == count && (count == 0 || !isAfter(at - SAMPLE_BYTES, at, byTime))) store<i32>(block + ORDERED, count + 1);
  return true;
}

function reserve(block: usize, wanted: i32): bool {
  const had = load<i32>(block + CAPACITY);
  if (wanted <= had) return true;
  wanted = max(wanted, CAPACITY_MIN);
  const grown = reallocate(load<u32>(block), bytesOf(had, SAMPLE_BYTES), bytesOf(sampleCount(block), SAMPLE_BYTES), bytesOf(wanted, SAMPLE_BYTES));
  if (grown == 0) return false;
  store<u32>(block, <u32>grown);
  store<i32>(block + CAPACITY, wanted);
  return true;
}

/** Puts all samples in order and drops those beyond the limit; false when memory is exhausted. */
export function cutSamples(block: usize, isText: bool, limit: f64, byTime: bool): bool {
  if (!orderSamples(block, byTime)) return false;
  const kept = <i32>min<f64>(limit, <f64>sampleCount(block));
  for (let i = kept; i < sampleCount(block); i++) dropCell(load<u64>(sampleAt(block, i), SAMPLE_VALUE), isText);
  store<i32>(block + COUNT, kept);
  store<i32>(block + ORDERED, sampleCount(block));
  return true;
}

/** Appends the samples of another list, which then is empty; false when memory is exhausted. */
export function mergeSamples(into: usize, from: usize, isText: bool, limit: f64, byTime: bool): bool {
  if (sampleCount(into) == 0) {
    releaseSamples(into, isText);
    memory.copy(into, from, 16);
    memory.fill(from, 0, 16);
    return true;
  }
  const before = sampleCount(into);
  const more = sampleCount(from);
  if (more == 0) return true;
  const wanted = before + more;
  if (!reserve(into, max(wanted, min(before * 2, wanted + (wanted >> 1))))) return false;
  memory.copy(sampleAt(into, before), sampleAt(from, 0), bytesOf(more, SAMPLE_BYTES));
  store<i32>(into + COUNT, wanted);
  store<i32>(from + COUNT, 0);
  releaseSamples(from, isText);
  return <f64>wanted < limit * 2 + SLACK || cutSamples(into, isText, limit, byTime);
}

export function releaseSamples(block: usize, isText: bool): void {
  if (isText) for (let i = 0; i < sampleCount(block); i++) dropCell(load<u64>(sampleAt(block, i), SAMPLE_VALUE), true);
  release(load<u32>(block), bytesOf(load<i32>(block + CAPACITY), SAMPLE_BYTES));
  memory.fill(block, 0, 16);
}

function isAfter(a: usize, b: usize, byTime: bool): bool {
  if (byTime && load<f64>(a) != load<f64>(b)) return load<f64>(a) > load<f64>(b);
  return load<f64>(a, SAMPLE_ARRIVAL) > load<f64>(b, SAMPLE_ARRIVAL);
}

/** Puts all samples in order; false when memory is exhausted. */
export function orderSamples(block: usize, byTime: bool): bool {
  const count = sampleCount(block);
  let ordered = max(load<i32>(block + ORDERED), min(count, 1));
  while (ordered < count && !isAfter(sampleAt(block, ordered - 1), sampleAt(block, ordered), byTime)) ordered++;
  if (ordered < count) {
    const tail = bytesOf(count - ordered, SAMPLE_BYTES);
    const scratch = allocate(tail);
    if (scratch == 0) return false;
    sortRun(sampleAt(block, ordered), scratch, count - ordered, byTime);
    memory.copy(scratch, sampleAt(block, ordered), tail);
    mergeTail(sampleAt(block, 0), ordered, scratch, count - ordered, byTime);
    release(scratch, tail);
  }
  store<i32>(block + ORDERED, count);
  return true;
}

function move(to: usize, from: usize): void {
  v128.store(to, v128.load(from));
  store<u64>(to, load<u64>(from, 16), 16);
}

// Runs of two, of four, of eight ... between the list and the scratch.
function sortRun(samples: usize, scratch: usize, count: i32, byTime: bool): void {
  let from = samples;
  let to = scratch;
  for (let width = 1; width < count; width <<= 1) {
    for (let i = 0; i < count; i += width << 1) mergeRuns(from, to, i, min(i + width, count), min(i + (width << 1), count), byTime);
    const swap = from;
    from = to;
    to = swap;
  }
  if (from != samples) memory.copy(samples, from, bytesOf(count, SAMPLE_BYTES));
}

function mergeRuns(from: usize, to: usize, start: i32, middle: i32, end: i32, byTime: bool): void {
  let a = from + <usize>start * SAMPLE_BYTES;
  let b = from + <usize>middle * SAMPLE_BYTES;
  const endA = b;
  const endB = from + <usize>end * SAMPLE_BYTES;
  let out = to + <usize>start * SAMPLE_BYTES;
  for (; a < endA && b < endB; out += SAMPLE_BYTES) {
    if (isAfter(a, b, byTime)) {
      move(out, b);
      b += SAMPLE_BYTES;
    } else {
      move(out, a);
      a += SAMPLE_BYTES;
    }
  }
  memory.copy(out, a, endA - a);
  memory.copy(out + (endA - a), b, endB - b);
}

// Merges `more` samples into the `count` before their place, from behind: only what is later than the first of them moves.
function mergeTail(samples: usize, count: i32, tail: usize, more: i32, byTime: bool): void {
  let a = samples + <usize>(count - 1) * SAMPLE_BYTES;
  let b = tail + <usize>(more - 1) * SAMPLE_BYTES;
  let out = a + <usize>more * SAMPLE_BYTES;
  for (; b >= tail; out -= SAMPLE_BYTES) {
    if (a >= samples && isAfter(a, b, byTime)) {
      move(out, a);
      a -= SAMPLE_BYTES;
    } else {
      move(out, b);
      b -= SAMPLE_BYTES;
    }
  }
}

export function samplesSnapshotBytes(block: usize, isText: bool): i32 {
  let bytes = 8 + sampleCount(block) * 16;
  for (let i = 0; i < sampleCount(block); i++) bytes += cellBytes(load<u64>(sampleAt(block, i), SAMPLE_VALUE), isText);
  return bytes;
}

export function snapshotSamples(block: usize, to: usize, isText: bool): usize {
  store<u64>(to, <u64>sampleCount(block));
  to += 8;
  for (let i = 0; i < sampleCount(block); i++) {
    const sample = sampleAt(block, i);
    v128.store(to, v128.load(sample));
    to = writeCell(to + 16, load<u64>(sample, SAMPLE_VALUE), isText);
  }
  return to;
}

/** Reads into an empty block; 0 when the bytes are none. */
export function restoreSamples(from: usize, end: usize, block: usize, recordsMax: f64, isText: bool, limit: f64, byTime: bool): usize {
  if (end - from < 8 || load<u64>(from) > <u64>(end - from) / SAMPLE_BYTES) return 0;
  const count = load<i32>(from);
  if (<f64>count > recordsMax) return 0;
  from += 8;
  for (let i = 0; i < count; i++) {
    if (end - from < 16) return 0;
    const ms = load<f64>(from);
    const arrival = load<f64>(from, SAMPLE_ARRIVAL);
    if (!(Math.abs(ms) <= TIME_MAX_MS) || !isArrival(arrival)) return 0;
    noteArrival(arrival);
    from = readCell(from + 16, end, isText);
    if (from == 0) return 0;
    const isAdded = addSample(block, ms, arrival, cellRead, isText, limit, byTime);
    dropCell(cellRead, isText);
    if (isAdded) continue;
    noteOutOfMemory();
    return 0;
  }
  return from;
}
