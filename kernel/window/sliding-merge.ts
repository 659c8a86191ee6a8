/**
 * Windows of several slices by two stacks, after van Herk: suffixes of one chunk of slices and a prefix of the next.
 *
 *     slices   │ chunk c: kept as suffix sums ◀── │ chunk c+1: prefix sum ──▶ │
 *     window          [ s ............................... s + span )          = suffix[s] ⊕ prefix
 *
 * Each slice is merged about three times in all, however long the window is. Chunks lie at multiples of the span, so the
 * association of a floating-point sum depends on slice numbers alone: not on batches, restarts or how far merging had come.
 * Before it, timers say which window is due; after it, window/window-firing reads left and right tables.
 *
 * Invariant: left[key] ⊕ right[key] has the same bits as `foldKey`. A record that changes a merged slice patches its key.
 */
import { clearRows, rowBytes } from "../state/accumulator-row";
import { allocate, bytesOf, release } from "../state/arena";
import {
  findRow, growRows, lowerBound, releaseSuffix, SLICE_SUFFIX, SLICE_SUFFIX_ROWS, SLICE_TABLE, SLICE_TABLE_ROWS, sliceAt,
  sliceCount, sliceNumber, tableRowsWanted,
} from "../state/window-state";
import { mergeRows } from "../aggregate/accumulator";
import { floorDivide, span, stride } from "./slice-assigner";

export let leftTable: usize = 0;
export let leftRows: i32 = 0;
export let rightTable: usize = 0;
export let rightRows: i32 = 0;
let suffixChunk: f64 = NaN;
let suffixFrom: f64 = 0;
let prefixChunk: f64 = NaN;
let prefixThrough: f64 = 0; // slice after the last in the prefix
let prefixTable: usize = 0;
let prefixRows: i32 = 0;
let hasPrefix = false;

export function resetMerges(): void {
  suffixChunk = prefixChunk = NaN;
  prefixTable = 0;
  prefixRows = 0;
  hasPrefix = false;
}

/** Forgets suffixes and prefix; they are made again for the next window. */
export function dropMerges(): void {
  dropSuffixes();
  release(prefixTable, bytesOf(prefixRows, rowBytes));
  prefixTable = 0;
  prefixRows = 0;
  prefixChunk = NaN;
}

function dropSuffixes(): void {
  if (suffixChunk == suffixChunk) for (let i = 0; i < sliceCount; i++) releaseSuffix(sliceAt(i));
  suffixChunk = NaN;
}

/** Sets left and right tables for a window; false when memory is exhausted. */
export function mergeWindow(window: f64): bool {
  const from = window * stride;
  const first = lowerBound(from);
  const after = lowerBound(from + span);
  leftTable = rightTable = 0;
  leftRows = rightRows = 0;
  if (after - first <= 2) {
    // Two slices have one association only.
    if (after > first) setLeft(sliceAt(first), SLICE_TABLE);
    if (after - first == 2) setRight(load<u32>(sliceAt(after - 1) + SLICE_TABLE), load<i32>(sliceAt(after - 1) + SLICE_TABLE_ROWS));
    return true;
  }
  const chunk = floorDivide(from, span);
  const boundary = (chunk + 1) * span;
  if (suffixChunk != chunk && !buildSuffixes(chunk, from)) return false;
  if (!extendPrefix(chunk + 1, from + span)) return false;
  if (sliceNumber(sliceAt(first)) < boundary) setLeft(sliceAt(first), load<u32>(sliceAt(first) + SLICE_SUFFIX) != 0 ? SLICE_SUFFIX : SLICE_TABLE);
  if (hasPrefix) setRight(prefixTable, prefixRows);
  return true;
}

function setLeft(slice: usize, field: i32): void {
  leftTable = load<u32>(slice + field);
  leftRows = load<i32>(slice + field + 4);
}
function setRight(table: usize, rows: i32): void {
  rightTable = table;
  rightRows = rows;
}

// The last slice of a chunk is its own suffix and gets no table.
function buildSuffixes(chunk: f64, from: f64): bool {
  dropSuffixes();
  const first = lowerBound(from);
  let next = <usize>0;
  let nextRows = 0;
  for (let i = lowerBound((chunk + 1) * span) - 1; i >= first; i--) {
    const slice = sliceAt(i);
    const table = <usize>load<u32>(slice + SLICE_TABLE);
    const tableRows = load<i32>(slice + SLICE_TABLE_ROWS);
    if (next == 0) {
      next = table;
      nextRows = tableRows;
      continue;
    }
    const rows = max(tableRows, nextRows);
    const suffix = allocate(bytesOf(rows, rowBytes));
    if (suffix == 0) return false;
    mergeTables(suffix, table, tableRows, next, nextRows);
    store<u32>(slice + SLICE_SUFFIX, <u32>suffix);
    store<i32>(slice + SLICE_SUFFIX_ROWS, rows);
    next = suffix;
    nextRows = rows;
  }
  suffixChunk = chunk;
  suffixFrom = from;
  return true;
}

function mergeTables(into: usize, a: usize, aRows: i32, b: usize, bRows: i32): void {
  const common = min(aRows, bRows);
  const done = <usize>common * rowBytes;
  if (common > 0) mergeRows(into, a, b, common);
  if (aRows > bRows) memory.copy(into + done, a + done, <usize>(aRows - bRows) * rowBytes);
  else memory.copy(into + done, b + done, <usize>(bRows - aRows) * rowBytes);
}

function extendPrefix(chunk: f64, through: f64): bool {
  if (prefixChunk != chunk) {
    clearRows(prefixTable, prefixRows);
    prefixChunk = chunk;
    prefixThrough = chunk * span;
    hasPrefix = false;
  }
  for (let i = lowerBound(prefixThrough); i < sliceCount && sliceNumber(sliceAt(i)) < through; i++) {
    const rows = load<i32>(sliceAt(i) + SLICE_TABLE_ROWS);
    if (!growPrefix(rows)) return false;
    if (rows > 0) mergeRows(prefixTable, prefixTable, load<u32>(sliceAt(i) + SLICE_TABLE), rows);
    hasPrefix = true;
  }
  prefixThrough = through;
  return true;
}

function growPrefix(rows: i32): bool {
  if (rows <= prefixRows) return true;
  const grown = growRows(prefixTable, prefixRows, rows);
  if (grown == 0) return false;
  prefixTable = grown;
  prefixRows = rows;
  return true;
}

/** A record of `key` has been added to a slice that may be part of the merges; false when memory is exhausted. */
export function patchMerges(number: f64, key: i32, isNewSlice: bool): bool {
  const chunk = floorDivide(number, span);
  if (suffixChunk == chunk && number >= suffixFrom) {
    // A new slice would need a suffix of all keys: rare, so all suffixes are made again.
    if (isNewSlice) dropSuffixes();
    else if (!patchSuffixes(number, key)) return false;
  }
  return prefixChunk != chunk || number >= prefixThrough || patchPrefix(key);
}

function patchSuffixes(number: f64, key: i32): bool {
  const boundary = (suffixChunk + 1) * span;
  for (let i = lowerBound(number); i >= 0 && sliceNumber(sliceAt(i)) >= suffixFrom; i--) {
    const slice = sliceAt(i);
    if (load<u32>(slice + SLICE_SUFFIX) == 0) continue;
    const had = load<i32>(slice + SLICE_SUFFIX_ROWS);
    if (key >= had) {
      const grown = growRows(load<u32>(slice + SLICE_SUFFIX), had, tableRowsWanted());
      if (grown == 0) return false;
      store<u32>(slice + SLICE_SUFFIX, <u32>grown);
      store<i32>(slice + SLICE_SUFFIX_ROWS, tableRowsWanted());
    }
    const into = load<u32>(slice + SLICE_SUFFIX) + <usize>key * rowBytes;
    clearRows(into, 1);
    const next = i + 1 < sliceCount && sliceNumber(sliceAt(i + 1)) < boundary ? suffixRow(sliceAt(i + 1), key) : 0;
    if (next != 0) memory.copy(into, next, rowBytes);
    const own = findRow(slice, key);
    if (own != 0) mergeRows(into, own, into, 1);
  }
  return true;
}

function suffixRow(slice: usize, key: i32): usize {
  const suffix = load<u32>(slice + SLICE_SUFFIX);
  if (suffix == 0) return findRow(slice, key);
  return key < load<i32>(slice + SLICE_SUFFIX_ROWS) ? suffix + <usize>key * rowBytes : 0;
}

function patchPrefix(key: i32): bool {
  if (!growPrefix(max(key + 1, min(tableRowsWanted(), key * 2)))) return false;
  const into = prefixTable + <usize>key * rowBytes;
  clearRows(into, 1);
  for (let i = lowerBound(prefixChunk * span); i < sliceCount && sliceNumber(sliceAt(i)) < prefixThrough; i++) {
    const row = findRow(sliceAt(i), key);
    if (row != 0) mergeRows(into, into, row, 1);
  }
  hasPrefix = true;
  return true;
}

/** The row of one key in one window, merged as the tables would be. `into` and `scratch` are one row each. */
export function foldKey(window: f64, key: i32, into: usize, scratch: usize): void {
  const from = window * stride;
  const boundary = (floorDivide(from, span) + 1) * span;
  const middle = lowerBound(boundary);
  clearRows(into, 1);
  clearRows(scratch, 1);
  for (let i = middle - 1; i >= 0 && sliceNumber(sliceAt(i)) >= from; i--) {
    const row = findRow(sliceAt(i), key);
    if (row != 0) mergeRows(into, row, into, 1);
  }
  for (let i = middle; i < sliceCount && sliceNumber(sliceAt(i)) < from + span; i++) {
    const row = findRow(sliceAt(i), key);
    if (row != 0) mergeRows(scratch, scratch, row, 1);
  }
  mergeRows(into, into, scratch, 1);
}
