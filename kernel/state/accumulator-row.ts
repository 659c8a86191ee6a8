/**
 * The row of a (key, slice): what it consists of, and the empty row.
 *
 *     value 0                                                        value 1 ...   rows (only when needed)
 *     ┌──────────────────┬─────────────┬─────────────┬──────────────┬───────────┬────────────┐
 *     │ BASIC 32         │ MOMENTS 16  │ NEUMAIER 16 │ ENDS 32      │ ...       │ ROWS 16    │
 *     │sum,count,min,−max│ mean, m2    │ sum, error  │ms,v first,last            │ count, –   │
 *     └──────────────────┴─────────────┴─────────────┴──────────────┴───────────┴────────────┘
 *
 * state/window-state keeps tables of such rows, aggregate/ adds to and merges them. Rows are counted by the count of value 0
 * until the first null of that column; only then does the ROWS block come into being, so that the common row stays 32 bytes.
 *
 * Invariant: merging an empty row changes no bit of the other. Hence an empty sum is −0 (−0 + x is x for every x, also for −0).
 */
import { PART_COMPENSATED, PART_ENDS, PART_MOMENTS } from "../layout";
import { valueCount, valueParts } from "../config";
import { allocate } from "./arena";

export const BASIC_BYTES = 32;
export const MOMENTS_BYTES = 16;
export const COMPENSATED_BYTES = 16;
export const ENDS_BYTES = 32;
export const ROWS_BYTES = 16;
const VALUE_BYTES_MAX = BASIC_BYTES + MOMENTS_BYTES + COMPENSATED_BYTES + ENDS_BYTES;

export let rowBytes: i32 = 0;
/** Where the row has the number of its records, an f64: positive unless the row is empty. */
export let countOffset: i32 = 0;
export let hasRows: bool = false;
let offsets: usize = 0; // i32 for each value
let emptyRow: usize = 0;

export function configureRows(): bool {
  offsets = allocate(valueCount * 4);
  emptyRow = allocate(valueCount * VALUE_BYTES_MAX + ROWS_BYTES);
  if (offsets == 0 || emptyRow == 0) return false;
  rowBytes = 0;
  for (let v = 0; v < valueCount; v++) {
    store<i32>(offsets + v * 4, rowBytes);
    rowBytes = endsOffset(v) + (valueParts(v) & PART_ENDS ? ENDS_BYTES : 0);
    writeEmptyValue(v);
  }
  hasRows = false;
  countOffset = 8;
  if (valueCount == 0) addRowsBlock();
  return true;
}

/** Gives all rows made from now on a ROWS block. The rows there are must be converted by the caller. */
export function addRowsBlock(): void {
  hasRows = true;
  countOffset = rowBytes;
  store<f64>(emptyRow + rowBytes, 0);
  store<f64>(emptyRow + rowBytes + 8, 0);
  rowBytes += ROWS_BYTES;
}

export function basicOffset(value: i32): i32 {
  return load<i32>(offsets + value * 4);
}
export function momentsOffset(value: i32): i32 {
  return basicOffset(value) + BASIC_BYTES;
}
export function compensatedOffset(value: i32): i32 {
  return momentsOffset(value) + (valueParts(value) & PART_MOMENTS ? MOMENTS_BYTES : 0);
}
export function endsOffset(value: i32): i32 {
  return compensatedOffset(value) + (valueParts(value) & PART_COMPENSATED ? COMPENSATED_BYTES : 0);
}

export function isEmptyRow(row: usize): bool {
  return !(load<f64>(row + countOffset) > 0);
}

/** Empties `count` rows. */
export function clearRows(ptr: usize, count: i32): void {
  if (count <= 0) return;
  const total = <usize>count * rowBytes;
  memory.copy(ptr, emptyRow, rowBytes);
  for (let done = <usize>rowBytes; done < total; done <<= 1) memory.copy(ptr + done, ptr, min(done, total - done));
}

/** Copies rows made before `addRowsBlock` to rows with it. */
export function widenRows(from: usize, to: usize, count: i32): void {
  const old = rowBytes - ROWS_BYTES;
  for (let i = 0; i < count; i++, from += old, to += rowBytes) {
    memory.copy(to, from, old);
    store<f64>(to + old, load<f64>(from + 8));
    store<f64>(to + old + 8, 0);
  }
}

function writeEmptyValue(value: i32): void {
  const basic = emptyRow + basicOffset(value);
  store<f64>(basic, -0.0);
  store<f64>(basic, 0, 8);
  store<f64>(basic, Infinity, 16);
  store<f64>(basic, Infinity, 24);
  const parts = valueParts(value);
  if (parts & PART_MOMENTS) {
    store<f64>(emptyRow + momentsOffset(value), 0);
    store<f64>(emptyRow + momentsOffset(value), 0, 8);
  }
  if (parts & PART_COMPENSATED) {
    store<f64>(emptyRow + compensatedOffset(value), -0.0);
    store<f64>(emptyRow + compensatedOffset(value), 0, 8);
  }
  if (parts & PART_ENDS) {
    const ends = emptyRow + endsOffset(value);
    store<f64>(ends, Infinity);
    store<f64>(ends, 0, 8);
    store<f64>(ends, -Infinity, 16);
    store<f64>(ends, 0, 24);
  }
}
