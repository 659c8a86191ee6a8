/**
 * Dropping of keys that have no state, when the key table is full.
 *
 * Called by the window operator between two records, with everything before them accumulated. Marks the keys that live slices
 * have rows or entries of, renumbers the rest of the world, and doubles the table when many of the keys stay: half of them, or an
 * eighth where keys without state cost no more than their entry, since keys that come and go are dear to insert again.
 *
 * Invariant: keys keep their order, and no bit of a row changes.
 */
import { clearRows, isEmptyRow, rowBytes } from "./accumulator-row";
import { allocate, release } from "./arena";
import { compactKeys, keyCapacity, keyRows, resize } from "./key-table";
import { renumberCounts } from "./pane-counts";
import {
  isLog, SLICE_COMPACT, SLICE_KEYS, SLICE_LOG, SLICE_LOG_BYTES, SLICE_TABLE, SLICE_TABLE_ROWS, sliceAt, sliceCount,
} from "./window-state";
import { span } from "../window/slice-assigner";

/** False when memory is exhausted. Suffix and prefix tables must have been dropped before. */
export function collectKeys(entryBytes: i32): bool {
  const before = keyRows;
  const kept = allocate(before);
  const renumbered = allocate(before * 4);
  if (kept == 0 || renumbered == 0) return false;
  memory.fill(kept, 0, before);
  for (let i = 0; i < sliceCount; i++) markSlice(sliceAt(i), kept, entryBytes);
  compactKeys(kept, renumbered);
  for (let i = 0; i < sliceCount; i++) renumberSlice(sliceAt(i), renumbered, before, entryBytes);
  renumberCounts(renumbered, before);
  release(kept, before);
  release(renumbered, before * 4);
  // Slices of one window each are logs once there are many keys; those of overlapping windows are tables with a row for every key.
  return keyRows <= (span == 1 ? keyCapacity >> 3 : keyCapacity >> 1) || resize(keyCapacity * 2);
}

function markSlice(slice: usize, kept: usize, entryBytes: i32): void {
  if (!isLog(slice)) {
    let row = <usize>load<u32>(slice + SLICE_TABLE);
    const rows = min(load<i32>(slice + SLICE_TABLE_ROWS), keyRows);
    for (let key = 0; key < rows; key++, row += rowBytes) if (!isEmptyRow(row)) store<u8>(kept + key, 1);
    return;
  }
  const keys = load<u32>(slice + SLICE_KEYS);
  for (let i = 0, count = load<i32>(slice + SLICE_COMPACT); i < count; i++) store<u8>(kept + load<u32>(keys + i * 4), 1);
  let entry = <usize>load<u32>(slice + SLICE_LOG);
  const end = entry + load<i32>(slice + SLICE_LOG_BYTES);
  for (; entry < end; entry += entryBytes) store<u8>(kept + load<u32>(entry), 1);
}

function renumberSlice(slice: usize, renumbered: usize, before: i32, entryBytes: i32): void {
  if (!isLog(slice)) {
    renumberTable(slice, renumbered, before);
    return;
  }
  const keys = load<u32>(slice + SLICE_KEYS);
  for (let i = 0, count = load<i32>(slice + SLICE_COMPACT); i < count; i++) {
    store<u32>(keys + i * 4, load<u32>(renumbered + load<u32>(keys + i * 4) * 4));
  }
  let entry = <usize>load<u32>(slice + SLICE_LOG);
  const end = entry + load<i32>(slice + SLICE_LOG_BYTES);
  for (; entry < end; entry += entryBytes) store<u32>(entry, load<u32>(renumbered + load<u32>(entry) * 4));
}

function renumberTable(slice: usize, renumbered: usize, before: i32): void {
  const table = <usize>load<u32>(slice + SLICE_TABLE);
  const tableRows = load<i32>(slice + SLICE_TABLE_ROWS);
  let count = 0;
  for (let key = 0, rows = min(tableRows, before); key < rows; key++) {
    const target = load<i32>(renumbered + key * 4);
    if (target < 0) continue;
    if (target != key) memory.copy(table + <usize>target * rowBytes, table + <usize>key * rowBytes, rowBytes);
    count = target + 1;
  }
  clearRows(table + <usize>count * rowBytes, tableRows - count);
}
