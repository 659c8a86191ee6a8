/**
 * Slice logs: records of a slice as they came, folded into compact rows when their window fires.
 *
 *     0     4            8                8 or 16                bytes
 *     ┌─────┬────────────┬────────────────┬────────────┬───
 *     │ key │ valid bits │ ms (with ENDS) │ value 0    │ ...
 *     └─────┴────────────┴────────────────┴────────────┴───
 *
 * With more keys than a cache holds rows for, updating several slices' tables at random is a cache miss for each record;
 * appending is not, and at folding only one slice is hot (performance: 3 to 6 times at 65 536 to 1 M keys).
 * Folding ranks the keys by a bitmap and its running population count: rows come out in key order without a sort.
 *
 * Invariant: a key's entries are added in order of arrival, after its compact row, so the bits are those of a dense table.
 */
import { PART_BASIC, PART_ENDS } from "../layout";
import { tableBytesMax, valueCount, valueParts } from "../config";
import { BASIC_BYTES, clearRows, rowBytes } from "../state/accumulator-row";
import { allocate, bytesOf, reallocate, release } from "../state/arena";
import { keyRows } from "../state/key-table";
import {
  isLog, makeDense, setCompact, SLICE_COMPACT, SLICE_KEYS, SLICE_LOG, SLICE_LOG_BYTES, SLICE_LOG_CAPACITY, SLICE_ROWS, sliceAt, sliceCount,
} from "../state/window-state";
import { addColumn, addRecords } from "./accumulator";
import { addRankedBasic, rankIn, redirectUnset } from "./column-loops";

const LOG_BYTES_MAX = 4 << 20;
const LOG_BYTES_MIN = 4 << 10;
const BLOCK_ENTRIES = 512;

export let entryBytes: i32 = 0;
export let entryValues: i32 = 0; // offset of value 0
let logBytesMax: i32 = 0;
let bitmap: usize = 0; // u64 for 64 keys, all 0 between folds
let ranks: usize = 0; // u32 for 64 keys: set bits before them
let bitmapWords = 0;
let foldedBytes = 0;
let isPlain = false; // rows of one BASIC block, of which no value was null while there is no ROWS block
let rowPtrs: usize = 0;
let redirected: usize = 0;
let trashRow: usize = 0;
let constants: usize = 0;

export function configureLogs(constantsPtr: usize, trash: usize): bool {
  constants = constantsPtr;
  trashRow = trash;
  entryValues = 8;
  for (let v = 0; v < valueCount; v++) if (valueParts(v) & PART_ENDS) entryValues = 16;
  entryBytes = entryValues + valueCount * 8;
  logBytesMax = max(LOG_BYTES_MIN, min(LOG_BYTES_MAX, min(tableBytesMax, LOG_BYTES_MAX) * 4));
  bitmap = ranks = 0;
  foldedBytes = 0;
  isPlain = valueCount == 1 && valueParts(0) == PART_BASIC;
  bitmapWords = 0;
  rowPtrs = allocate(BLOCK_ENTRIES * 4);
  redirected = allocate(BLOCK_ENTRIES * 4);
  return rowPtrs != 0 && redirected != 0;
}

/** Makes room for `count` more entries, folding a log that has become too long; false when memory is exhausted. */
export function reserveEntries(slice: usize, count: i32): bool {
  if (load<i32>(slice + SLICE_LOG_BYTES) >= logBytesMax + load<i32>(slice + SLICE_COMPACT) * rowBytes * 2) {
    if (!foldLog(slice)) return false;
    // Half the keys have rows: a table costs no more, and takes records without a log.
    if (load<i32>(slice + SLICE_COMPACT) > keyRows >> 1) return makeDense(slice);
  }
  const used = load<i32>(slice + SLICE_LOG_BYTES);
  const had = load<i32>(slice + SLICE_LOG_CAPACITY);
  const needed = used + count * entryBytes;
  if (needed <= had) return true;
  // A new log begins at the size of the last one folded, unless that is far more than asked for.
  const wanted = max(needed, had == 0 ? min(foldedBytes, needed * 8) : min(had * 2, had + LOG_BYTES_MAX));
  const log = reallocate(load<u32>(slice + SLICE_LOG), had, used, wanted);
  if (log == 0) return false;
  store<u32>(slice + SLICE_LOG, <u32>log);
  store<i32>(slice + SLICE_LOG_CAPACITY, wanted);
  return true;
}

/** Folds the entries of a slice's log, if it has any, into its compact rows; false when memory is exhausted. */
export function foldLog(slice: usize): bool {
  const log = <usize>load<u32>(slice + SLICE_LOG);
  const logEnd = log + load<i32>(slice + SLICE_LOG_BYTES);
  if (log == logEnd) return true;
  if (!growBitmap()) return false;
  const oldKeys = <usize>load<u32>(slice + SLICE_KEYS);
  const oldCount = load<i32>(slice + SLICE_COMPACT);
  setBits(oldKeys, oldKeys + oldCount * 4, 4);
  setBits(log, logEnd, entryBytes);
  const count = rankBits();
  const keys = allocate(<usize>count * 4);
  const rows = allocate(bytesOf(count, rowBytes));
  if (keys == 0 || rows == 0) return false;
  listKeys(keys);
  clearRows(rows, count);
  const oldRows = load<u32>(slice + SLICE_ROWS);
  for (let i = 0; i < oldCount; i++) memory.copy(rows + rankOf(load<u32>(oldKeys + i * 4)) * rowBytes, oldRows + i * rowBytes, rowBytes);
  if (isPlain && rowBytes == BASIC_BYTES) addRankedBasic(log, logEnd, bitmap, ranks, rows, constants);
  else for (let entry = log; entry < logEnd; entry += BLOCK_ENTRIES * entryBytes) {
    foldBlock(entry, min(BLOCK_ENTRIES, <i32>(logEnd - entry) / entryBytes), rows);
  }
  memory.fill(bitmap, 0, bitmapWords * 8);
  setCompact(slice, keys, rows, count);
  foldedBytes = <i32>(logEnd - log);
  store<i32>(slice + SLICE_LOG_BYTES, 0);
  return true;
}

/** Folds the logs of all slices. */
export function foldLogs(): bool {
  for (let i = 0; i < sliceCount; i++) if (isLog(sliceAt(i)) && !foldLog(sliceAt(i))) return false;
  return true;
}

function foldBlock(entries: usize, count: i32, rows: usize): void {
  for (let i = 0, entry = entries; i < count; i++, entry += entryBytes) {
    store<u32>(rowPtrs + i * 4, <u32>(rows + rankOf(load<u32>(entry)) * rowBytes));
  }
  for (let v = 0; v < valueCount; v++) {
    redirectUnset(rowPtrs, entries + 4, entryBytes, v, count, trashRow, redirected);
    addColumn(v, redirected, count, entries + entryValues + v * 8, entryBytes, entries + 8, entryBytes, constants);
  }
  addRecords(rowPtrs, count);
}

function growBitmap(): bool {
  const needed = (keyRows + 63) >> 6;
  if (needed <= bitmapWords) return true;
  release(bitmap, bitmapWords * 8);
  release(ranks, bitmapWords * 4);
  bitmapWords = needed + (needed >> 1);
  bitmap = allocate(bitmapWords * 8);
  ranks = allocate(bitmapWords * 4);
  if (bitmap == 0 || ranks == 0) return false;
  memory.fill(bitmap, 0, bitmapWords * 8);
  return true;
}

function setBits(keys: usize, end: usize, stride: i32): void {
  const bits = bitmap;
  for (; keys < end; keys += stride) {
    const key = load<u32>(keys);
    const byte = bits + (key >> 3);
    store<u8>(byte, load<u8>(byte) | <u8>(<u32>1 << (key & 7)));
  }
}

function rankBits(): i32 {
  let count: u32 = 0;
  for (let w = 0; w < bitmapWords; w++) {
    store<u32>(ranks + w * 4, count);
    count += <u32>popcnt(load<u64>(bitmap + w * 8));
  }
  return count;
}

function rankOf(key: u32): u32 {
  return rankIn(bitmap, ranks, key);
}

function listKeys(keys: usize): void {
  for (let w = 0; w < bitmapWords; w++) {
    for (let bits = load<u64>(bitmap + w * 8); bits != 0; bits &= bits - 1, keys += 4) store<u32>(keys, (w << 6) + <u32>ctz(bits));
  }
}
