/**
 * Tight loops over whole columns: relative slice numbers, row addresses, and one loop for each block of an accumulator row.
 *
 * Before them, the window operator has made pointers and counts of everything; after them, rows are up to date. A loop takes a
 * stride, so that it runs over a column of a batch (8) and over the entries of a slice log alike.
 *
 * Invariant: no branch on data and no check in a loop: what must not be added goes to a trash row.
 */
const TWO_52: f64 = 4503599627370496;

export const CONSTANT_BYTES = 32;

/** Constants that V8 would rebuild at every use if they were literals: {1, 1}, {0, −0}. */
export function writeConstants(ptr: usize): void {
  v128.store(ptr, f64x2.splat(1));
  v128.store(ptr, f64x2(0, -0.0), 16);
}

export let earliestMs: f64 = 0;
export let latestMs: f64 = 0;

/**
 * out[i] = floor((times[i] − base) · inverse) + 1 as u32, kept within 0 and limit + 1; NaN gives 0. Also sets earliestMs and latestMs.
 *
 * @param inverse - 1/sliceMs, nudged up by 2 ulp: then multiples come out exact and nothing below them reaches them,
 *   as long as limit · sliceMs stays below 2^50 (window-operator sees to it).
 */
export function sliceIndices(times: usize, count: i32, base: f64, inverse: f64, limit: f64, out: usize): void {
  const vBase = f64x2.splat(base);
  const vInverse = f64x2.splat(inverse);
  const vLow = f64x2.splat(-1);
  const vHigh = f64x2.splat(limit);
  const vInteger = f64x2.splat(TWO_52 + 1);
  let low0 = f64x2.splat(Infinity);
  let low1 = low0;
  let high0 = f64x2.splat(-Infinity);
  let high1 = high0;
  const end4 = out + (<usize>(count & ~3) << 2);
  const end = out + (<usize>count << 2);
  for (; out < end4; out += 16, times += 32) {
    const t0 = v128.load(times);
    const t1 = v128.load(times, 16);
    low0 = f64x2.pmin(low0, t0);
    low1 = f64x2.pmin(low1, t1);
    high0 = f64x2.pmax(high0, t0);
    high1 = f64x2.pmax(high1, t1);
    const x0 = f64x2.pmin(vHigh, f64x2.pmax(vLow, f64x2.mul(f64x2.sub(t0, vBase), vInverse)));
    const x1 = f64x2.pmin(vHigh, f64x2.pmax(vLow, f64x2.mul(f64x2.sub(t1, vBase), vInverse)));
    const i0 = f64x2.add(f64x2.floor(x0), vInteger);
    const i1 = f64x2.add(f64x2.floor(x1), vInteger);
    v128.store(out, v128.shuffle<i32>(i0, i1, 0, 2, 4, 6));
  }
  for (; out < end; out += 4, times += 8) {
    const t = v128.load_splat<f64>(times);
    low0 = f64x2.pmin(low0, t);
    high0 = f64x2.pmax(high0, t);
    const x = f64x2.pmin(vHigh, f64x2.pmax(vLow, f64x2.mul(f64x2.sub(t, vBase), vInverse)));
    store<i32>(out, i32x4.extract_lane(f64x2.add(f64x2.floor(x), vInteger), 0));
  }
  low0 = f64x2.pmin(low0, low1);
  high0 = f64x2.pmax(high0, high1);
  earliestMs = min(f64x2.extract_lane(low0, 0), f64x2.extract_lane(low0, 1));
  latestMs = max(f64x2.extract_lane(high0, 0), f64x2.extract_lane(high0, 1));
}

/** The largest of `count` u32 values. */
export function maxOf(values: usize, count: i32): u32 {
  let a = i32x4.splat(0);
  let b = a;
  const end16 = values + (<usize>(count & ~15) << 2);
  const end = values + (<usize>count << 2);
  for (; values < end16; values += 64) {
    a = i32x4.max_u(a, i32x4.max_u(v128.load(values), v128.load(values, 16)));
    b = i32x4.max_u(b, i32x4.max_u(v128.load(values, 32), v128.load(values, 48)));
  }
  a = i32x4.max_u(a, b);
  let result = max(
    max<u32>(i32x4.extract_lane(a, 0), i32x4.extract_lane(a, 1)),
    max<u32>(i32x4.extract_lane(a, 2), i32x4.extract_lane(a, 3)),
  );
  for (; values < end; values += 4) result = max<u32>(result, load<u32>(values));
  return result;
}

/** Whether one of `count` bytes is 0. */
export function hasZeroByte(bytes: usize, count: i32): bool {
  const end16 = bytes + (count & ~15);
  const end = bytes + count;
  for (; bytes < end16; bytes += 16) if (!i8x16.all_true(v128.load(bytes))) return true;
  for (; bytes < end; bytes++) if (load<u8>(bytes) == 0) return true;
  return false;
}

/** marks[index[i]] = 1. */
export function markIndices(indices: usize, count: i32, marks: usize): void {
  const end = indices + (<usize>count << 2);
  for (; indices < end; indices += 4) store<u8>(marks + load<u32>(indices), 1);
}

// @ts-ignore: a decorator; without it asc calls this for each row
@inline
function addTo(row: usize, value: usize, one: v128, negation: v128): void {
  const v = v128.load_splat<f64>(value);
  v128.store(row, f64x2.add(v128.load(row), v128.shuffle<f64>(v, one, 0, 2)));
  v128.store(row, f64x2.pmin(v128.load(row, 16), v128.xor(v, negation)), 16);
}

/** Adds a column to rows of BASIC alone: tables[index[i]] + 32·keys[i]. One pass, the path of the plainest and fastest plans. */
export function addBasicDirect(tables: usize, indices: usize, keys: usize, values: usize, count: i32, constants: usize): void {
  const one = v128.load(constants);
  const negation = v128.load(constants, 16);
  const end4 = indices + (<usize>(count & ~3) << 2);
  const end = indices + (<usize>count << 2);
  for (; indices < end4; indices += 16, keys += 16, values += 32) {
    addTo(load<u32>(tables + (<usize>load<u32>(indices) << 2)) + (<usize>load<u32>(keys) << 5), values, one, negation);
    addTo(load<u32>(tables + (<usize>load<u32>(indices, 4) << 2)) + (<usize>load<u32>(keys, 4) << 5), values + 8, one, negation);
    addTo(load<u32>(tables + (<usize>load<u32>(indices, 8) << 2)) + (<usize>load<u32>(keys, 8) << 5), values + 16, one, negation);
    addTo(load<u32>(tables + (<usize>load<u32>(indices, 12) << 2)) + (<usize>load<u32>(keys, 12) << 5), values + 24, one, negation);
  }
  for (; indices < end; indices += 4, keys += 4, values += 8) {
    addTo(load<u32>(tables + (<usize>load<u32>(indices) << 2)) + (<usize>load<u32>(keys) << 5), values, one, negation);
  }
}

/** The same when the whole batch lies in one slice. */
export function addBasicToTable(table: usize, keys: usize, values: usize, count: i32, constants: usize): void {
  const one = v128.load(constants);
  const negation = v128.load(constants, 16);
  const end4 = keys + (<usize>(count & ~3) << 2);
  const end = keys + (<usize>count << 2);
  for (; keys < end4; keys += 16, values += 32) {
    addTo(table + (<usize>load<u32>(keys) << 5), values, one, negation);
    addTo(table + (<usize>load<u32>(keys, 4) << 5), values + 8, one, negation);
    addTo(table + (<usize>load<u32>(keys, 8) << 5), values + 16, one, negation);
    addTo(table + (<usize>load<u32>(keys, 12) << 5), values + 24, one, negation);
  }
  for (; keys < end; keys += 4, values += 8) addTo(table + (<usize>load<u32>(keys) << 5), values, one, negation);
}

/** rows[i] = tables[index[i]] + rowBytes·keys[i]. */
export function rowAddresses(tables: usize, indices: usize, keys: usize, count: i32, rowBytes: i32, rows: usize): void {
  const end = rows + (<usize>count << 2);
  for (; rows < end; rows += 4, indices += 4, keys += 4) {
    store<u32>(rows, load<u32>(tables + (<usize>load<u32>(indices) << 2)) + load<u32>(keys) * rowBytes);
  }
}

/** out[i] = rows[i], or the trash row where the validity byte is 0. */
export function redirectNulls(rows: usize, validity: usize, count: i32, trash: usize, out: usize): void {
  for (let i = 0; i < count; i++) store<u32>(out + (i << 2), select<u32>(load<u32>(rows + (i << 2)), <u32>trash, load<u8>(validity + i) != 0));
}

/** The same with validity bits of log entries. */
export function redirectUnset(rows: usize, bits: usize, stride: i32, bit: i32, count: i32, trash: usize, out: usize): void {
  for (let i = 0; i < count; i++, bits += stride) {
    store<u32>(out + (i << 2), select<u32>(load<u32>(rows + (i << 2)), <u32>trash, (load<u32>(bits) >> bit) & 1));
  }
}

export function addBasic(rows: usize, count: i32, offset: i32, values: usize, stride: i32, constants: usize): void {
  const one = v128.load(constants);
  const negation = v128.load(constants, 16);
  const end = rows + (<usize>count << 2);
  for (; rows < end; rows += 4, values += stride) addTo(load<u32>(rows) + offset, values, one, negation);
}

/** Number of keys below this one in a bitmap, given the number before each of its words. */
// @ts-ignore: a decorator; without it asc calls this for each entry
@inline
export function rankIn(bitmap: usize, ranks: usize, key: u32): u32 {
  const below = load<u64>(bitmap + (<usize>(key >> 6) << 3)) & ((<u64>1 << (key & 63)) - 1);
  return load<u32>(ranks + (<usize>(key >> 6) << 2)) + <u32>popcnt(below);
}

/** Adds log entries { key, valid, value } to compact rows of BASIC alone, found by rank. */
export function addRankedBasic(entries: usize, end: usize, bitmap: usize, ranks: usize, rows: usize, constants: usize): void {
  const one = v128.load(constants);
  const negation = v128.load(constants, 16);
  const end2 = entries + ((end - entries) & ~31);
  for (; entries < end2; entries += 32) {
    addTo(rows + (<usize>rankIn(bitmap, ranks, load<u32>(entries)) << 5), entries + 8, one, negation);
    addTo(rows + (<usize>rankIn(bitmap, ranks, load<u32>(entries, 16)) << 5), entries + 24, one, negation);
  }
  if (entries < end) addTo(rows + (<usize>rankIn(bitmap, ranks, load<u32>(entries)) << 5), entries + 8, one, negation);
}

/** BASIC and, right after it, MOMENTS by Welford's update, which needs the new count. */
export function addBasicMoments(rows: usize, count: i32, offset: i32, values: usize, stride: i32, constants: usize): void {
  const one = v128.load(constants);
  const negation = v128.load(constants, 16);
  const end = rows + (<usize>count << 2);
  for (; rows < end; rows += 4, values += stride) {
    const row = <usize>load<u32>(rows) + offset;
    addTo(row, values, one, negation);
    const value = load<f64>(values);
    const mean = load<f64>(row, 32);
    const delta = value - mean;
    const moved = mean + delta / load<f64>(row, 8);
    store<f64>(row, moved, 32);
    store<f64>(row, load<f64>(row, 40) + delta * (value - moved), 40);
  }
}

/** Neumaier's sum: what rounding took from the sum gathers beside it. Nothing gathers once the sum is not finite. */
export function addCompensated(rows: usize, count: i32, offset: i32, values: usize, stride: i32): void {
  const end = rows + (<usize>count << 2);
  for (; rows < end; rows += 4, values += stride) {
    const row = <usize>load<u32>(rows) + offset;
    compensate(row, load<f64>(row), load<f64>(values), load<f64>(row, 8));
  }
}

/** row = sum + value, with the error of that addition added to `error`. */
export function compensate(row: usize, sum: f64, value: f64, error: f64): void {
  const total = sum + value;
  const lost = Math.abs(sum) >= Math.abs(value) ? (sum - total) + value : (value - total) + sum;
  store<f64>(row, total);
  store<f64>(row, error + (lost - lost == 0 ? lost : 0), 8);
}

/** First and last by event time; of equal times the first keeps the earliest arrival, the last takes the latest. */
export function addEnds(rows: usize, count: i32, offset: i32, values: usize, stride: i32, times: usize, timeStride: i32): void {
  const end = rows + (<usize>count << 2);
  for (; rows < end; rows += 4, values += stride, times += timeStride) {
    const row = <usize>load<u32>(rows) + offset;
    const ms = load<f64>(times);
    const value = load<f64>(values);
    const isFirst = ms < load<f64>(row);
    const isLast = ms >= load<f64>(row, 16);
    store<f64>(row, select(ms, load<f64>(row), isFirst));
    store<f64>(row, select(value, load<f64>(row, 8), isFirst), 8);
    store<f64>(row, select(ms, load<f64>(row, 16), isLast), 16);
    store<f64>(row, select(value, load<f64>(row, 24), isLast), 24);
  }
}

export function countRows(rows: usize, count: i32, offset: i32): void {
  const end = rows + (<usize>count << 2);
  for (; rows < end; rows += 4) {
    const row = <usize>load<u32>(rows) + offset;
    store<f64>(row, load<f64>(row) + 1);
  }
}
