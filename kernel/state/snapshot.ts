/**
 * State → bytes: sections in order OPERATOR, KEYS, then for each slice SLICE and for each late-fired window PANES, by key group.
 *
 *     OPERATOR  │ watermark f64 │ keyCapacity i32 │ factBytes i32 │ facts: what of the config must be the same │
 *     KEYS      │ ordinal u32 │ 0 u32 │ component u64, or byte length of a string ... │ bytes of the strings, padded to 8 │
 *     SLICE     │ key u32 │ 0 u32 │ rows f64 │ for each value: blocks as drawn in state/accumulator-row │
 *     PANES     │ key u32 │ count u32 │
 *
 * ordinal is the key's row; key is its index in the KEYS section of the group. All keys are written, also those without state,
 * and the capacity, so that a restored kernel keeps their order and drops keys at the same record.
 * Read back by state-restorer.
 *
 * Invariant: equal states give equal bytes, whichever form slices have; NaN has one pattern.
 */
import { SECTION_HEADER_BYTES, SECTION_OPERATOR, SECTION_PANES, SECTION_SLICE } from "../layout";
import { columnKind, keyColumn, keyCount, latenessMs, offsetMs, sizeMs, slideMs, valueCount, valueParts } from "../config";
import { countOffset, hasRows, isEmptyRow, rowBytes, ROWS_BYTES } from "./accumulator-row";
import { keyCapacity, keyRows } from "./key-table";
import { countedWindow, countedWindows, countOf } from "./pane-counts";
import { clearGroups, countEntry, keyIndex, layOut, nextEntry, prepareGroups, releaseGroups, reserve, usedBytes, writeHeader, writeKeys } from "./section-writer";
import {
  isLog, SLICE_COMPACT, SLICE_KEYS, SLICE_ROWS, SLICE_TABLE, SLICE_TABLE_ROWS, sliceAt, sliceCount, sliceNumber,
} from "./window-state";

export const OPERATOR_FACTS = 16; // offset of the facts in the OPERATOR entry
export const SLICE_ROW_COUNT = 8;
export const SLICE_VALUES = 16; // offset of the first block in a SLICE entry
export const PANES_ENTRY_BYTES = 8;

/** Bytes of a row in a SLICE entry. */
export function sliceEntryBytes(): i32 {
  return SLICE_VALUES + rowBytes - (hasRows ? ROWS_BYTES : 0);
}

export function factBytes(): i32 {
  return 40 + ((keyCount + valueCount) * 4 + 7 & ~7);
}

/** What of the config the state depends on; restoring under other facts is refused. */
export function writeFacts(to: usize): void {
  memory.fill(to, 0, factBytes());
  store<f64>(to, sizeMs);
  store<f64>(to, slideMs, 8);
  store<f64>(to, offsetMs, 16);
  store<f64>(to, latenessMs, 24);
  store<i32>(to, keyCount, 32);
  store<i32>(to, valueCount, 36);
  for (let k = 0; k < keyCount; k++) store<i32>(to + k * 4, columnKind(keyColumn(k)), 40);
  for (let v = 0; v < valueCount; v++) store<i32>(to + (keyCount + v) * 4, valueParts(v), 40);
}

/** Encodes all state; false when memory is exhausted. Logs must have been folded. */
export function writeSnapshot(watermarkMs: f64): bool {
  if (!prepareGroups()) return false;
  const at = reserve(SECTION_HEADER_BYTES + OPERATOR_FACTS + factBytes());
  if (at == 0) return false;
  writeHeader(at, usedBytes(), SECTION_OPERATOR, -1, 1, 0);
  store<f64>(at + SECTION_HEADER_BYTES, watermarkMs);
  store<i32>(at + SECTION_HEADER_BYTES, keyCapacity, 8);
  store<i32>(at + SECTION_HEADER_BYTES, factBytes(), 12);
  writeFacts(at + SECTION_HEADER_BYTES + OPERATOR_FACTS);
  if (!writeKeys()) return false;
  for (let i = 0; i < sliceCount; i++) if (!writeSlice(sliceAt(i))) return false;
  for (let i = 0; i < countedWindows; i++) if (!writeCounts(i)) return false;
  releaseGroups();
  return true;
}

function writeSlice(slice: usize): bool {
  const isCompact = isLog(slice);
  const rows = <usize>load<u32>(slice + (isCompact ? SLICE_ROWS : SLICE_TABLE));
  const count = load<i32>(slice + (isCompact ? SLICE_COMPACT : SLICE_TABLE_ROWS));
  const keys = isCompact ? <usize>load<u32>(slice + SLICE_KEYS) : 0;
  const bytes = sliceEntryBytes();
  clearGroups();
  for (let i = 0; i < count; i++) {
    if (!isEmptyRow(rows + <usize>i * rowBytes)) countEntry(keys != 0 ? load<i32>(keys + i * 4) : i, bytes);
  }
  if (!layOut(SECTION_SLICE, sliceNumber(slice))) return false;
  for (let i = 0; i < count; i++) {
    const row = rows + <usize>i * rowBytes;
    if (isEmptyRow(row)) continue;
    const key = keys != 0 ? load<i32>(keys + i * 4) : i;
    const entry = nextEntry(key, bytes);
    store<u64>(entry, <u64>keyIndex(key));
    store<f64>(entry + SLICE_ROW_COUNT, load<f64>(row + countOffset));
    for (let b = 0; b < bytes - SLICE_VALUES; b += 8) {
      const number = load<f64>(row + b);
      store<u64>(entry + SLICE_VALUES + b, number != number ? 0x7ff8000000000000 : reinterpret<u64>(number));
    }
  }
  return true;
}

function writeCounts(index: i32): bool {
  clearGroups();
  for (let key = 0; key < keyRows; key++) if (countOf(index, key) != 0) countEntry(key, PANES_ENTRY_BYTES);
  if (!layOut(SECTION_PANES, countedWindow(index))) return false;
  for (let key = 0; key < keyRows; key++) {
    if (countOf(index, key) == 0) continue;
    const entry = nextEntry(key, PANES_ENTRY_BYTES);
    store<u32>(entry, keyIndex(key));
    store<u32>(entry, countOf(index, key), 4);
  }
  return true;
}
