/**
 * Records → entries of slice logs (drawn in aggregate/slice-log).
 *
 * Before it, batch-accumulator has made room in every log of the segment and a table of their ends; after it, slice-log folds
 * the entries when the window fires.
 *
 * Invariant: entries of a log are in order of arrival; an end is moved on by the entries written there and by nothing else.
 */
import { valueCount } from "../config";
import { timeOf, valuesPtr, valuesValidity } from "../batch/record-batch";
import { SLICE_LOG, SLICE_LOG_BYTES } from "../state/window-state";
import { entryBytes, entryValues } from "./slice-log";

const ALL_VALID: u64 = 0xffffffff00000000;

/** Entries of one value without nulls: ends[indices[i]] takes { keys[i], values[i] }. */
export function appendPlain(values: usize, count: i32, keys: usize, indices: usize, ends: usize): void {
  for (const last = indices + (count << 2); indices < last; indices += 4, keys += 4, values += 8) {
    const end = ends + (load<u32>(indices) << 2);
    const entry = <usize>load<u32>(end);
    store<u64>(entry, <u64>load<u32>(keys) | ALL_VALID);
    store<f64>(entry, load<f64>(values), 8);
    store<u32>(end, <u32>(entry + 16));
  }
}

/** Entries of records [from, from + count) of any kind. `entries` takes a pointer to each. */
export function appendEntries(from: i32, count: i32, keys: usize, indices: usize, ends: usize, entries: usize): void {
  const bytes = entryBytes;
  for (let i = 0; i < count; i++) {
    const end = ends + (load<u32>(indices + i * 4) << 2);
    const entry = load<u32>(end);
    store<u64>(entry, <u64>load<u32>(keys + i * 4) | ALL_VALID);
    store<u32>(end, entry + bytes);
    store<u32>(entries + i * 4, entry);
  }
  writeEntries(from, count, entries);
}

/** One record after the last entry of a log with room for it. `entries` is scratch for a pointer. */
export function appendOne(slice: usize, row: i32, key: i32, entries: usize): void {
  const used = load<i32>(slice + SLICE_LOG_BYTES);
  const entry = load<u32>(slice + SLICE_LOG) + used;
  store<u64>(entry, <u64>(<u32>key) | ALL_VALID);
  store<u32>(entries, entry);
  writeEntries(row, 1, entries);
  store<i32>(slice + SLICE_LOG_BYTES, used + entryBytes);
}

// Times, values and cleared validity bits of entries that have their keys.
function writeEntries(from: i32, count: i32, entries: usize): void {
  if (entryValues > 8) for (let i = 0; i < count; i++) store<f64>(load<u32>(entries + i * 4), timeOf(from + i), 8);
  for (let v = 0; v < valueCount; v++) {
    const values = valuesPtr(v) + from * 8;
    const validity = valuesValidity(v);
    const offset = entryValues + v * 8;
    for (let i = 0; i < count; i++) store<f64>(load<u32>(entries + i * 4) + offset, load<f64>(values + i * 8));
    if (validity == 0) continue;
    for (let i = 0; i < count; i++) {
      const bits = load<u32>(entries + i * 4) + 4;
      store<u32>(bits, load<u32>(bits) & ~(u32(load<u8>(validity + from + i) == 0) << v));
    }
  }
}
