/**
 * SKETCH: quantiles, exact while the values of a row are few, then by DDSketch with a relative accuracy.
 *
 *     block      u32 pointer │ i32 values while exact, −1: sketch │ i32 capacity while exact │ 0
 *     exact      f64 each, at most EXACT_MAX
 *     sketch     min │ max │ −∞ count │ +∞ count │ zeros │ 0 │ store of negative values │ store of positive ones
 *
 * The quantile q of n values lies at position q · (n − 1) of them in order, between two by linear interpolation (R's type 7, the
 * default of NumPy, R and spreadsheets). While exact that is exact; from a sketch each of the two values is within the
 * accuracy of the true one, and 0 and 1 give the exact extremes. NaN is left out, as by min and max, unless there is nothing else.
 *
 * Invariant: form and content are a function of the values added, in whatever order they came and were merged.
 */
import { allocate, bytesOf, reallocate, release } from "../state/arena";
import { bucketOf, bucketsPerDoubling, hasBucket, valueOfBucket } from "./sketch-buckets";
import {
  addToStore, bucketOfRank, mergeStores, releaseStore, restoreStore, snapshotStore, STORE_BYTES, storeEnd, storeSnapshotBytes, storeTotal,
} from "./sketch-store";
import { noteOutOfMemory } from "./value-cell";

const EXACT_MAX = 256;
const CAPACITY_MIN = 8;
const COUNT = 4;
const CAPACITY = 8;
const IS_SKETCH = -1;

const MIN = 0;
const MAX = 8;
const MINUS_INFINITIES = 16;
const INFINITIES = 24;
const ZEROS = 32;
const NEGATIVE = 48;
const POSITIVE = NEGATIVE + STORE_BYTES;
const SKETCH_BYTES = POSITIVE + STORE_BYTES;
const SNAPSHOT_BYTES = 8 + NEGATIVE;

let perDoublings: usize = 0; // f64 for each block of the row

/** Takes memory for the number of buckets of `count` blocks. */
export function configureSketches(count: i32): bool {
  perDoublings = allocate(max(count, 1) * 8);
  return perDoublings != 0;
}
export function fitSketch(number: i32, accuracy: f64): void {
  store<f64>(perDoublings + number * 8, bucketsPerDoubling(accuracy));
}
/** Buckets for each doubling of the sketch that is block `number`. */
export function perDoublingOf(number: i32): f64 {
  return load<f64>(perDoublings + number * 8);
}

/** Adds a value; false when memory is exhausted. */
export function addToSketch(block: usize, value: f64, perDoubling: f64): bool {
  if (value != value) return true;
  const count = load<i32>(block + COUNT);
  if (count == EXACT_MAX && !makeSketch(block, perDoubling)) return false;
  if (load<i32>(block + COUNT) == IS_SKETCH) return addValue(load<u32>(block), value, perDoubling);
  if (count == load<i32>(block + CAPACITY) && !grow(block)) return false;
  store<f64>(load<u32>(block) + count * 8, value + 0.0);
  store<i32>(block + COUNT, count + 1);
  return true;
}

function grow(block: usize): bool {
  const had = load<i32>(block + CAPACITY);
  const wanted = max(had * 2, CAPACITY_MIN);
  const grown = reallocate(load<u32>(block), bytesOf(had, 8), bytesOf(had, 8), bytesOf(wanted, 8));
  if (grown == 0) return false;
  store<u32>(block, <u32>grown);
  store<i32>(block + CAPACITY, wanted);
  return true;
}

function emptySketch(): usize {
  const sketch = allocate(SKETCH_BYTES);
  if (sketch == 0) return 0;
  memory.fill(sketch, 0, SKETCH_BYTES);
  store<f64>(sketch + MIN, Infinity);
  store<f64>(sketch + MAX, -Infinity);
  return sketch;
}

function makeSketch(block: usize, perDoubling: f64): bool {
  const sketch = emptySketch();
  if (sketch == 0) return false;
  const values = <usize>load<u32>(block);
  for (let i = 0; i < load<i32>(block + COUNT); i++) if (!addValue(sketch, load<f64>(values + i * 8), perDoubling)) return false;
  release(values, bytesOf(load<i32>(block + CAPACITY), 8));
  store<u32>(block, <u32>sketch);
  store<i32>(block + COUNT, IS_SKETCH);
  store<i32>(block + CAPACITY, 0);
  return true;
}

function raise(field: usize, times: f64): bool {
  store<f64>(field, load<f64>(field) + times);
  return true;
}

function addValue(sketch: usize, value: f64, perDoubling: f64): bool {
  store<f64>(sketch + MIN, min(load<f64>(sketch + MIN), value));
  store<f64>(sketch + MAX, max(load<f64>(sketch + MAX), value));
  const magnitude = Math.abs(value);
  if (magnitude == Infinity) return raise(sketch + (value < 0 ? MINUS_INFINITIES : INFINITIES), 1);
  if (!hasBucket(magnitude)) return raise(sketch + ZEROS, 1);
  return addToStore(sketch + (value < 0 ? NEGATIVE : POSITIVE), bucketOf(magnitude, perDoubling), 1, perDoubling);
}

export function mergeSketches(into: usize, from: usize, perDoubling: f64): bool {
  const more = load<i32>(from + COUNT);
  if (more != IS_SKETCH) {
    const values = <usize>load<u32>(from);
    for (let i = 0; i < more; i++) if (!addToSketch(into, load<f64>(values + i * 8), perDoubling)) return false;
    return true;
  }
  if (load<i32>(into + COUNT) != IS_SKETCH && !makeSketch(into, perDoubling)) return false;
  const a = <usize>load<u32>(into);
  const b = <usize>load<u32>(from);
  store<f64>(a + MIN, min(load<f64>(a + MIN), load<f64>(b + MIN)));
  store<f64>(a + MAX, max(load<f64>(a + MAX), load<f64>(b + MAX)));
  for (let field = MINUS_INFINITIES; field <= ZEROS; field += 8) raise(a + field, load<f64>(b + field));
  return mergeStores(a + NEGATIVE, b + NEGATIVE, perDoubling) && mergeStores(a + POSITIVE, b + POSITIVE, perDoubling);
}

export function releaseSketch(block: usize): void {
  const ptr = <usize>load<u32>(block);
  if (load<i32>(block + COUNT) == IS_SKETCH) {
    releaseStore(ptr + NEGATIVE);
    releaseStore(ptr + POSITIVE);
    release(ptr, SKETCH_BYTES);
  } else release(ptr, bytesOf(load<i32>(block + CAPACITY), 8));
  memory.fill(block, 0, 16);
}

/** The quantile q; NaN when no number was added. */
export function quantile(block: usize, q: f64, perDoubling: f64, accuracy: f64): f64 {
  const isSketch = load<i32>(block + COUNT) == IS_SKETCH;
  const count = isSketch ? sketchCount(load<u32>(block)) : <f64>load<i32>(block + COUNT);
  if (count == 0) return NaN;
  if (!isSketch) sortValues(load<u32>(block), <i32>count);
  const position = q * (count - 1);
  const low = Math.floor(position);
  const fraction = position - low;
  const below = valueAt(block, isSketch, low, perDoubling, accuracy);
  if (fraction == 0) return below;
  const above = valueAt(block, isSketch, low + 1, perDoubling, accuracy);
  if (below == above) return below;
  const distance = above - below;
  return distance - distance == 0 ? below + distance * fraction : below * (1 - fraction) + above * fraction;
}

// Insertion: what a pane left in order before costs a pass, and EXACT_MAX values never much.
function sortValues(values: usize, count: i32): void {
  for (let i = 1; i < count; i++) {
    const value = load<f64>(values + i * 8);
    let at = values + i * 8;
    for (; at > values && load<f64>(at - 8) > value; at -= 8) store<f64>(at, load<f64>(at - 8));
    store<f64>(at, value);
  }
}

function sketchCount(sketch: usize): f64 {
  const others = load<f64>(sketch + MINUS_INFINITIES) + load<f64>(sketch + INFINITIES) + load<f64>(sketch + ZEROS);
  return others + storeTotal(sketch + NEGATIVE) + storeTotal(sketch + POSITIVE);
}

function valueAt(block: usize, isSketch: bool, rank: f64, perDoubling: f64, accuracy: f64): f64 {
  const ptr = <usize>load<u32>(block);
  if (!isSketch) return load<f64>(ptr + <i32>rank * 8);
  if (rank == 0) return load<f64>(ptr + MIN);
  if (rank == sketchCount(ptr) - 1) return load<f64>(ptr + MAX);
  const value = sketchValue(ptr, rank, perDoubling, accuracy);
  return max(load<f64>(ptr + MIN), min(load<f64>(ptr + MAX), value));
}

function sketchValue(sketch: usize, rank: f64, perDoubling: f64, accuracy: f64): f64 {
  let left = rank - load<f64>(sketch + MINUS_INFINITIES);
  if (left < 0) return -Infinity;
  const negatives = storeTotal(sketch + NEGATIVE);
  if (left < negatives) return -valueOfBucket(bucketOfRank(sketch + NEGATIVE, left, true), perDoubling, accuracy);
  left -= negatives + load<f64>(sketch + ZEROS);
  if (left < 0) return 0;
  if (left >= storeTotal(sketch + POSITIVE)) return Infinity;
  return valueOfBucket(bucketOfRank(sketch + POSITIVE, left, false), perDoubling, accuracy);
}

export function sketchSnapshotBytes(block: usize): i32 {
  const count = load<i32>(block + COUNT);
  if (count != IS_SKETCH) return 8 + count * 8;
  const sketch = <usize>load<u32>(block);
  return SNAPSHOT_BYTES + storeSnapshotBytes(sketch + NEGATIVE) + storeSnapshotBytes(sketch + POSITIVE);
}

export function snapshotSketch(block: usize, to: usize): usize {
  const count = load<i32>(block + COUNT);
  const ptr = <usize>load<u32>(block);
  store<i64>(to, <i64>count);
  to += 8;
  if (count != IS_SKETCH) {
    sortValues(ptr, count);
    memory.copy(to, ptr, count * 8);
    return to + count * 8;
  }
  memory.copy(to, ptr, NEGATIVE);
  return snapshotStore(ptr + POSITIVE, snapshotStore(ptr + NEGATIVE, to + NEGATIVE));
}

/** Reads into an empty block; 0 when the bytes are none. */
export function restoreSketch(from: usize, end: usize, block: usize, recordsMax: f64, perDoubling: f64): usize {
  if (end - from < 8) return 0;
  const count = load<i64>(from);
  return count == IS_SKETCH
    ? restoreBuckets(from + 8, end, block, recordsMax, perDoubling)
    : restoreExact(from + 8, end, block, count, recordsMax, perDoubling);
}

function restoreExact(from: usize, end: usize, block: usize, count: i64, recordsMax: f64, perDoubling: f64): usize {
  if (count < 0 || count > EXACT_MAX || <f64>count > recordsMax || <usize>count > (end - from) >> 3) return 0;
  for (let i = 0; i < <i32>count; i++) {
    const value = load<f64>(from + i * 8);
    if (value != value) return 0;
    if (addToSketch(block, value, perDoubling)) continue;
    noteOutOfMemory();
    return 0;
  }
  return from + <usize>count * 8;
}

function restoreBuckets(from: usize, end: usize, block: usize, recordsMax: f64, perDoubling: f64): usize {
  if (end - from < <usize>NEGATIVE) return 0;
  for (let field = MINUS_INFINITIES; field <= ZEROS; field += 8) {
    const times = load<f64>(from + field);
    if (!(times >= 0) || Math.floor(times) != times) return 0;
  }
  if (!(load<f64>(from + MIN) <= load<f64>(from + MAX)) || load<u64>(from + ZEROS, 8) != 0) return 0;
  const negative = from + NEGATIVE;
  const positive = storeEnd(negative, end, perDoubling);
  if (positive == 0) return 0;
  const next = storeEnd(positive, end, perDoubling);
  if (next == 0) return 0;
  const sketch = emptySketch();
  if (sketch != 0) {
    memory.copy(sketch, from, NEGATIVE);
    store<u32>(block, <u32>sketch);
    store<i32>(block + COUNT, IS_SKETCH);
    const isRead = restoreStore(negative, sketch + NEGATIVE, perDoubling) && restoreStore(positive, sketch + POSITIVE, perDoubling);
    const count = sketchCount(sketch);
    if (isRead) return count > EXACT_MAX && count <= recordsMax ? next : 0;
  }
  noteOutOfMemory();
  return 0;
}
