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
import {
  SECTION_BYTES_OFFSET, SECTION_ENTRY_COUNT_OFFSET, SECTION_HEADER_BYTES, SECTION_KEY_GROUP_OFFSET, SECTION_KEYS, SECTION_KIND_OFFSET,
  SECTION_OPERATOR, SECTION_PANES, SECTION_POSITION_OFFSET, SECTION_SLICE,
} from "../layout";
import { columnKind, keyColumn, keyCount, latenessMs, offsetMs, sizeMs, slideMs, valueCount, valueParts } from "../config";
import { countOffset, hasRows, isEmptyRow, rowBytes, ROWS_BYTES } from "./accumulator-row";
import { allocate, reallocate, release } from "./arena";
import { stringBytes, stringPtr } from "./dictionary";
import { componentPtr, isStringComponent, keyCapacity, keyGroup, keyRows, NULL_COMPONENT } from "./key-table";
import { countedWindow, countedWindows, countOf } from "./pane-counts";
import {
  isLog, SLICE_COMPACT, SLICE_KEYS, SLICE_ROWS, SLICE_TABLE, SLICE_TABLE_ROWS, sliceAt, sliceCount, sliceNumber,
} from "./window-state";

export const OPERATOR_FACTS = 16; // offset of the facts in the OPERATOR entry
export const KEY_COMPONENTS = 8; // offset of the first component in a KEYS entry
export const SLICE_ROW_COUNT = 8;
export const SLICE_VALUES = 16; // offset of the first block in a SLICE entry
export const PANES_ENTRY_BYTES = 8;

let buffer: usize = 0;
let capacity: usize = 0;
let used: usize = 0;
let groupCount = 0;
let groupEntries: usize = 0; // i32 by group
let groupCursors: usize = 0; // u32 by group: bytes of entries, then where the next one goes
let keyIndices: usize = 0; // i32 by key row
let keyIndicesBytes: usize = 0;

export function resetSnapshot(): void {
  buffer = groupEntries = groupCursors = keyIndices = 0;
  capacity = used = 0;
}

export function snapshotBlock(): usize {
  return buffer;
}
export function snapshotSize(): i32 {
  return <i32>used;
}

export function releaseSnapshot(): void {
  release(buffer, capacity);
  buffer = 0;
  capacity = used = 0;
  releaseGroups();
}

function releaseGroups(): void {
  release(groupEntries, groupCount * 4);
  release(groupCursors, groupCount * 4);
  release(keyIndices, keyIndicesBytes);
  groupEntries = groupCursors = keyIndices = 0;
}

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
  writeHeader(at, <i32>used, SECTION_OPERATOR, -1, 1, 0);
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

function prepareGroups(): bool {
  groupCount = 1;
  for (let key = 0; key < keyRows; key++) groupCount = max(groupCount, keyGroup(key) + 1);
  groupEntries = allocate(groupCount * 4);
  groupCursors = allocate(groupCount * 4);
  keyIndicesBytes = <usize>keyRows * 4;
  keyIndices = allocate(keyIndicesBytes);
  return groupEntries != 0 && groupCursors != 0 && keyIndices != 0;
}

// Room for `bytes` more; the whole buffer may move.
function reserve(bytes: usize): usize {
  if (used + bytes > capacity) {
    const wanted = max(used + bytes, max(capacity * 2, 4096));
    let grown = reallocate(buffer, capacity, used, wanted);
    if (grown == 0) return 0;
    buffer = grown;
    capacity = wanted;
  }
  const at = buffer + used;
  used += bytes;
  return at;
}

function writeHeader(at: usize, bytes: i32, kind: i32, group: i32, entries: i32, position: f64): void {
  store<i32>(at + SECTION_BYTES_OFFSET, bytes);
  store<i32>(at + SECTION_KIND_OFFSET, kind);
  store<i32>(at + SECTION_KEY_GROUP_OFFSET, group);
  store<i32>(at + SECTION_ENTRY_COUNT_OFFSET, entries);
  store<f64>(at + SECTION_POSITION_OFFSET, position);
}

// Sections are written in two sweeps over the keys: `countEntry` for each, `layOut`, then `nextEntry` for each.
function clearGroups(): void {
  memory.fill(groupEntries, 0, groupCount * 4);
  memory.fill(groupCursors, 0, groupCount * 4);
}

function countEntry(key: i32, bytes: i32): i32 {
  const at = keyGroup(key) * 4;
  const index = load<i32>(groupEntries + at);
  store<i32>(groupEntries + at, index + 1);
  store<i32>(groupCursors + at, load<i32>(groupCursors + at) + bytes);
  return index;
}

function layOut(kind: i32, position: f64): bool {
  for (let g = 0; g < groupCount; g++) {
    const entries = load<i32>(groupEntries + g * 4);
    if (entries == 0) continue;
    const bytes = SECTION_HEADER_BYTES + load<i32>(groupCursors + g * 4);
    const at = reserve(bytes);
    if (at == 0) return false;
    writeHeader(at, bytes, kind, g, entries, position);
    store<u32>(groupCursors + g * 4, <u32>(at - buffer) + SECTION_HEADER_BYTES);
  }
  return true;
}

function nextEntry(key: i32, bytes: i32): usize {
  const at = groupCursors + keyGroup(key) * 4;
  const offset = load<u32>(at);
  store<u32>(at, offset + bytes);
  return buffer + offset;
}

function keyEntryBytes(key: i32): i32 {
  let bytes = KEY_COMPONENTS + keyCount * 8;
  for (let k = 0; k < keyCount; k++) {
    const component = load<u64>(componentPtr(key) + k * 8);
    if (isStringComponent(k) && component != NULL_COMPONENT) bytes += (stringBytes(<u32>component) + 7) & ~7;
  }
  return bytes;
}

function writeKeys(): bool {
  clearGroups();
  for (let key = 0; key < keyRows; key++) store<i32>(keyIndices + key * 4, countEntry(key, keyEntryBytes(key)));
  if (!layOut(SECTION_KEYS, 0)) return false;
  for (let key = 0; key < keyRows; key++) writeKey(key, nextEntry(key, keyEntryBytes(key)));
  return true;
}

function writeKey(key: i32, entry: usize): void {
  store<u64>(entry, <u64>key);
  let text = entry + KEY_COMPONENTS + keyCount * 8;
  for (let k = 0; k < keyCount; k++) {
    const component = load<u64>(componentPtr(key) + k * 8);
    const at = entry + KEY_COMPONENTS + k * 8;
    store<u64>(at, component);
    if (!isStringComponent(k) || component == NULL_COMPONENT) continue;
    const bytes = stringBytes(<u32>component);
    const padded = (bytes + 7) & ~7;
    store<u64>(at, <u64>bytes);
    memory.fill(text, 0, padded);
    memory.copy(text, stringPtr(<u32>component), bytes);
    text += padded;
  }
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
    store<u64>(entry, <u64>load<u32>(keyIndices + key * 4));
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
    store<u32>(entry, load<u32>(keyIndices + key * 4));
    store<u32>(entry, countOf(index, key), 4);
  }
  return true;
}
