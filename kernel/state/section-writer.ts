/**
 * Bytes of a snapshot: a buffer that grows, sections for each key group in it, and the section of keys, which both kernels have.
 *
 * Sections are written in two sweeps over the keys: `countEntry` for each, `layOut`, then `nextEntry` for each.
 * Before it, state/snapshot or pane/pane-snapshot knows what to write; after it, the runtime copies the bytes out.
 *
 * Invariant: the sections of a group lie in the order in which they were laid out.
 */
import {
  SECTION_BYTES_OFFSET, SECTION_ENTRY_COUNT_OFFSET, SECTION_HEADER_BYTES, SECTION_KEY_GROUP_OFFSET, SECTION_KEYS, SECTION_KIND_OFFSET,
  SECTION_POSITION_OFFSET,
} from "../layout";
import { keyCount } from "../config";
import { allocate, reallocate, release } from "./arena";
import { stringBytes, stringPtr } from "./dictionary";
import { componentPtr, isStringComponent, keyGroup, keyRows, NULL_COMPONENT } from "./key-table";

export const KEY_COMPONENTS = 8; // offset of the first component in a KEYS entry

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

export function releaseGroups(): void {
  release(groupEntries, groupCount * 4);
  release(groupCursors, groupCount * 4);
  release(keyIndices, keyIndicesBytes);
  groupEntries = groupCursors = keyIndices = 0;
}

/** Makes ready to write; false when memory is exhausted. */
export function prepareGroups(): bool {
  groupCount = 1;
  for (let key = 0; key < keyRows; key++) groupCount = max(groupCount, keyGroup(key) + 1);
  groupEntries = allocate(groupCount * 4);
  groupCursors = allocate(groupCount * 4);
  keyIndicesBytes = <usize>keyRows * 4;
  keyIndices = allocate(keyIndicesBytes);
  return groupEntries != 0 && groupCursors != 0 && keyIndices != 0;
}

/** Room for `bytes` more, or 0 when memory is exhausted; the whole buffer may move. */
export function reserve(bytes: usize): usize {
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

export function writeHeader(at: usize, bytes: i32, kind: i32, group: i32, entries: i32, position: f64): void {
  store<i32>(at + SECTION_BYTES_OFFSET, bytes);
  store<i32>(at + SECTION_KIND_OFFSET, kind);
  store<i32>(at + SECTION_KEY_GROUP_OFFSET, group);
  store<i32>(at + SECTION_ENTRY_COUNT_OFFSET, entries);
  store<f64>(at + SECTION_POSITION_OFFSET, position);
}

/** Begins the sections of one kind and position. */
export function clearGroups(): void {
  memory.fill(groupEntries, 0, groupCount * 4);
  memory.fill(groupCursors, 0, groupCount * 4);
}

/** Counts an entry of the key's group; answers its index there. */
export function countEntry(key: i32, bytes: i32): i32 {
  const at = keyGroup(key) * 4;
  const index = load<i32>(groupEntries + at);
  store<i32>(groupEntries + at, index + 1);
  store<i32>(groupCursors + at, load<i32>(groupCursors + at) + bytes);
  return index;
}

/** Lays out a section for every group that has entries; false when memory is exhausted. */
export function layOut(kind: i32, position: f64): bool {
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

/** Where the next entry of the key's group goes. */
export function nextEntry(key: i32, bytes: i32): usize {
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

/** Writes all keys; false when memory is exhausted. */
export function writeKeys(): bool {
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


/** Index of a key in the KEYS section of its group. */
export function keyIndex(key: i32): u32 {
  return load<u32>(keyIndices + key * 4);
}
/** Bytes written so far. */
export function usedBytes(): i32 {
  return <i32>used;
}
