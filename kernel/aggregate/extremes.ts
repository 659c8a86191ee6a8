/**
 * EXTREMES: the value at the smallest and at the largest second column.
 *
 *     0    8    16     24         32                          64
 *     ┌────┬────┬──────┬──────────┬───────────────────────────┐
 *     │ by │ ms │ value│ is there │ the same of the largest   │
 *     └────┴────┴──────┴──────────┴───────────────────────────┘
 *
 * Equal ones: the earliest event time, then the first to arrive. NaN is neither small nor large: it stands only while nothing else came.
 *
 * Invariant: a value that stands is held.
 */
import { FN_ARG_MAX } from "../layout";
import { TIME_MAX_MS } from "../config";
import { canonicalCell, cellBytes, cellRead, dropCell, holdCell, readCell, writeCell } from "./value-cell";

export const EXTREMES_BYTES = 64;
const SIDE_BYTES = 32;
const MS = 8;
const CELL = 16;
const IS_THERE = 24;

export function addExtremes(block: usize, by: f64, ms: f64, cell: u64, isText: bool): void {
  offer(block, by, ms, cell, isText, by < load<f64>(block));
  offer(block + SIDE_BYTES, by, ms, cell, isText, by > load<f64>(block + SIDE_BYTES));
}

function offer(side: usize, by: f64, ms: f64, cell: u64, isText: bool, isBeyond: bool): void {
  if (load<u64>(side + IS_THERE) != 0) {
    const had = load<f64>(side);
    const isNaNBy = by != by;
    const hadNaN = had != had;
    const isBetter = isNaNBy == hadNaN ? isBeyond || ((by == had || isNaNBy) && ms < load<f64>(side + MS)) : hadNaN;
    if (!isBetter) return;
    dropCell(load<u64>(side + CELL), isText);
  }
  holdCell(cell, isText);
  store<f64>(side, by);
  store<f64>(side + MS, ms);
  store<u64>(side + CELL, cell);
  store<u64>(side + IS_THERE, 1);
}

export function mergeExtremes(into: usize, from: usize, isText: bool): void {
  for (let s = 0; s < EXTREMES_BYTES; s += SIDE_BYTES) {
    const side = from + s;
    if (load<u64>(side + IS_THERE) == 0) continue;
    const by = load<f64>(side);
    const had = load<f64>(into + s);
    offer(into + s, by, load<f64>(side + MS), load<u64>(side + CELL), isText, s == 0 ? by < had : by > had);
  }
}

export function releaseExtremes(block: usize, isText: bool): void {
  for (let s = 0; s < EXTREMES_BYTES; s += SIDE_BYTES) if (load<u64>(block + s + IS_THERE) != 0) dropCell(load<u64>(block + s + CELL), isText);
  memory.fill(block, 0, EXTREMES_BYTES);
}

/** Where the cell of the result is; 0: null. */
export function extremeCell(fn: i32, block: usize): usize {
  const side = fn == FN_ARG_MAX ? block + SIDE_BYTES : block;
  return load<u64>(side + IS_THERE) != 0 ? side + CELL : 0;
}

export function extremesSnapshotBytes(block: usize, isText: bool): i32 {
  let bytes = 16;
  if (load<u64>(block + IS_THERE) != 0) {
    for (let s = 0; s < EXTREMES_BYTES; s += SIDE_BYTES) bytes += 16 + cellBytes(load<u64>(block + s + CELL), isText);
  }
  return bytes;
}

export function snapshotExtremes(block: usize, to: usize, isText: bool): usize {
  store<u64>(to, load<u64>(block + IS_THERE));
  store<u64>(to, 0, 8);
  to += 16;
  if (load<u64>(block + IS_THERE) == 0) return to;
  for (let s = 0; s < EXTREMES_BYTES; s += SIDE_BYTES) {
    store<u64>(to, canonicalCell(load<u64>(block + s), false));
    store<f64>(to, load<f64>(block + s + MS), 8);
    to = writeCell(to + 16, load<u64>(block + s + CELL), isText);
  }
  return to;
}

/** Reads into an empty block; 0 when the bytes are none. */
export function restoreExtremes(from: usize, end: usize, block: usize, isText: bool): usize {
  if (end - from < 16 || load<u64>(from) > 1) return 0;
  const isThere = load<u64>(from) == 1;
  from += 16;
  for (let s = 0; isThere && s < EXTREMES_BYTES; s += SIDE_BYTES) {
    if (end - from < 16 || !(Math.abs(load<f64>(from, 8)) <= TIME_MAX_MS)) return 0;
    const fields = from;
    from = readCell(from + 16, end, isText);
    if (from == 0) return 0;
    store<f64>(block + s, load<f64>(fields));
    store<f64>(block + s + MS, load<f64>(fields, 8));
    store<u64>(block + s + CELL, cellRead);
    store<u64>(block + s + IS_THERE, 1);
  }
  return from;
}
