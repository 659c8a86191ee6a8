/**
 * Buckets of DDSketch (Masson, Rim & Lee, VLDB 2019): number of a positive value's bucket, values of a bucket, and stores of counts.
 *
 * Bucket numbers grow by the logarithm of the value, taken from the bits of the float: the exponent, and a cubic through the
 * fraction that rises nowhere slower than needed (as in DataDog's sketches). So no logarithm is computed, and numbers are the same
 * on all machines, at the price of one bucket in a hundred more.
 *
 *     store    u32 pointer: f64 by bucket │ i32 first bucket │ i32 buckets │ 0
 *
 * A store spans at most so many buckets that its largest value is 2^64 times its smallest; lower ones gather in the lowest bucket.
 *
 * Invariant: the counts of a store are a function of the values added, in whatever order they came and were merged.
 */
import { allocate, bytesOf, release } from "../state/arena";

export const STORE_BYTES = 16;
const FIRST = 4;
const BUCKETS = 8;
const A: f64 = 0.17142857142857143; // 6/35
const B: f64 = -0.6;
const C: f64 = 1.4285714285714286; // 10/7, the least slope in terms of the logarithm
const DOUBLINGS_MAX: f64 = 64;
const GRAIN = 32; // stores grow by so many buckets
const NORMAL_MIN: f64 = 2.2250738585072014e-308;

/** Fits the buckets to a relative accuracy: buckets for each doubling. */
export function bucketsPerDoubling(accuracy: f64): f64 {
  // ln γ = ln((1 + a) / (1 − a)) = 2 artanh a
  let logarithm: f64 = 0;
  let power = accuracy;
  for (let k: f64 = 1; power > 1e-18; k += 2) {
    logarithm += power / k;
    power *= accuracy * accuracy;
  }
  return 1 / (C * 2 * logarithm);
}

/** Values nearer to 0 have no bucket and count as 0. */
export function hasBucket(magnitude: f64): bool {
  return magnitude >= NORMAL_MIN;
}

/** Number of the bucket of a normal positive finite value. */
export function bucketOf(magnitude: f64, perDoubling: f64): i32 {
  const bits = reinterpret<u64>(magnitude);
  const exponent = <f64>(<i32>(bits >> 52) - 1023);
  const s = reinterpret<f64>((bits & 0x000fffffffffffff) | 0x3ff0000000000000) - 1;
  return <i32>Math.floor((exponent + ((A * s + B) * s + C) * s) * perDoubling);
}

/** A value no further than the accuracy from every value of the bucket. */
export function valueOfBucket(bucket: i32, perDoubling: f64, accuracy: f64): f64 {
  const position = <f64>bucket / perDoubling;
  const exponent = Math.floor(position);
  const wanted = position - exponent;
  let s = wanted;
  for (let i = 0; i < 8; i++) s -= (((A * s + B) * s + C) * s - wanted) / ((3 * A * s + 2 * B) * s + C);
  const lower = 1 + max<f64>(0, min<f64>(1, s));
  const power = <i32>exponent;
  // The lowest bucket may begin below the normal values.
  const scale = reinterpret<f64>(<u64>(max(-1022, min(1023, power)) + 1023) << 52);
  const value = lower * (1 + accuracy) * scale;
  return power < -1022 ? NORMAL_MIN : value;
}

function bucketsMax(perDoubling: f64): i32 {
  return <i32>(DOUBLINGS_MAX * perDoubling) + 1;
}

/** Counts `times` more in a bucket; false when memory is exhausted. */
export function addToStore(block: usize, bucket: i32, times: f64, perDoubling: f64): bool {
  let index = bucket - load<i32>(block + FIRST);
  if (<u32>index >= <u32>load<i32>(block + BUCKETS)) {
    if (!span(block, bucket, perDoubling)) return false;
    index = max(bucket - load<i32>(block + FIRST), 0);
  }
  const at = <usize>load<u32>(block) + index * 8;
  store<f64>(at, load<f64>(at) + times);
  return true;
}

// Makes the store span a bucket, or all above the lowest one it may have.
function span(block: usize, bucket: i32, perDoubling: f64): bool {
  const count = load<i32>(block + BUCKETS);
  const first = load<i32>(block + FIRST);
  let low = bucket;
  let high = bucket;
  if (count != 0) {
    low = min(low, lowestOf(block));
    high = max(high, highestOf(block));
  }
  const limit = bucketsMax(perDoubling);
  const floor = high - limit + 1;
  let newFirst = floor;
  if (low > floor) newFirst = max(floor, (bucket < first ? min(low, first - (count >> 1)) : low) & ~(GRAIN - 1));
  if (count != 0 && newFirst == first && high < first + count) return true;
  const newCount = min(limit, max(((high - newFirst) & ~(GRAIN - 1)) + GRAIN, high >= first + count ? count + (count >> 1) : 0));
  const counts = allocate(bytesOf(newCount, 8));
  if (counts == 0) return false;
  memory.fill(counts, 0, bytesOf(newCount, 8));
  const old = <usize>load<u32>(block);
  for (let i = 0; i < count; i++) {
    const times = load<f64>(old + i * 8);
    if (times == 0) continue;
    const at = counts + max(first + i - newFirst, 0) * 8;
    store<f64>(at, load<f64>(at) + times);
  }
  release(old, bytesOf(count, 8));
  store<u32>(block, <u32>counts);
  store<i32>(block + FIRST, newFirst);
  store<i32>(block + BUCKETS, newCount);
  return true;
}

/** The highest and the lowest bucket with a count. Only of a store that has one. */
export function highestOf(block: usize): i32 {
  let i = load<i32>(block + BUCKETS) - 1;
  while (i > 0 && load<f64>(<usize>load<u32>(block) + i * 8) == 0) i--;
  return load<i32>(block + FIRST) + i;
}
export function lowestOf(block: usize): i32 {
  let i = 0;
  while (i < load<i32>(block + BUCKETS) - 1 && load<f64>(<usize>load<u32>(block) + i * 8) == 0) i++;
  return load<i32>(block + FIRST) + i;
}
export function bucketCount(block: usize, bucket: i32): f64 {
  const index = bucket - load<i32>(block + FIRST);
  return <u32>index < <u32>load<i32>(block + BUCKETS) ? load<f64>(<usize>load<u32>(block) + index * 8) : 0;
}
export function isEmptyStore(block: usize): bool {
  return load<i32>(block + BUCKETS) == 0;
}

export function mergeStores(into: usize, from: usize, perDoubling: f64): bool {
  if (isEmptyStore(from)) return true;
  // From above, so that what does not fit goes to its place at once.
  const low = lowestOf(from);
  for (let bucket = highestOf(from); bucket >= low; bucket--) {
    const times = bucketCount(from, bucket);
    if (times != 0 && !addToStore(into, bucket, times, perDoubling)) return false;
  }
  return true;
}

export function releaseStore(block: usize): void {
  release(load<u32>(block), bytesOf(load<i32>(block + BUCKETS), 8));
  memory.fill(block, 0, STORE_BYTES);
}

// From the lowest bucket with a count to the highest: first, number of them, counts.
export function storeSnapshotBytes(block: usize): i32 {
  return 8 + (isEmptyStore(block) ? 0 : highestOf(block) - lowestOf(block) + 1) * 8;
}

export function snapshotStore(block: usize, to: usize): usize {
  const low = isEmptyStore(block) ? 0 : lowestOf(block);
  const count = isEmptyStore(block) ? 0 : highestOf(block) - low + 1;
  store<i32>(to, low);
  store<i32>(to, count, 4);
  for (let i = 0; i < count; i++) store<f64>(to + 8 + i * 8, bucketCount(block, low + i));
  return to + 8 + count * 8;
}

/** Values counted in the bytes that `storeEnd` last approved. */
export let storeTotal: f64 = 0;

/** Whether bytes are those of a store, and where the next one goes. */
export function storeEnd(from: usize, end: usize, perDoubling: f64): usize {
  if (end < from || end - from < 8) return 0;
  const low = load<i32>(from);
  const count = load<i32>(from, 4);
  storeTotal = 0;
  if (count < 0 || count > bucketsMax(perDoubling) || <usize>count > (end - from - 8) >> 3) return 0;
  if (<f64>low < -1024 * perDoubling || <f64>low + <f64>count > 1025 * perDoubling) return 0;
  const counts = from + 8;
  for (let i = 0; i < count; i++) {
    const times = load<f64>(counts + i * 8);
    if (!(times >= 0) || Math.floor(times) != times) return 0;
    storeTotal += times;
  }
  if (count > 0 && (load<f64>(counts) == 0 || load<f64>(counts + (count - 1) * 8) == 0)) return 0;
  return counts + count * 8;
}

/** Reads bytes that `storeEnd` has approved into an empty store; false when memory is exhausted. */
export function restoreStore(from: usize, block: usize, perDoubling: f64): bool {
  const low = load<i32>(from);
  for (let i = load<i32>(from, 4) - 1; i >= 0; i--) {
    const times = load<f64>(from + 8 + i * 8);
    if (times != 0 && !addToStore(block, low + i, times, perDoubling)) return false;
  }
  return true;
}
