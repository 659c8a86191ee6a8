/**
 * The section that is being restored: its bytes and its header, checked. What both kernels have of reading snapshots.
 *
 * Before it, the runtime has written the bytes of a section into the buffer; after it, state-restorer or pane/pane-restorer reads entries.
 *
 * Invariant: after `openSection` answered true, [entries, entriesEnd) lies within the memory and is as long as the header says.
 */
import {
  SECTION_BYTES_OFFSET, SECTION_ENTRY_COUNT_OFFSET, SECTION_HEADER_BYTES, SECTION_KEY_GROUP_OFFSET, SECTION_KIND_OFFSET,
  SECTION_POSITION_OFFSET,
} from "../layout";
import { allocate, release } from "./arena";

export let sectionKind: i32 = 0;
export let sectionGroup: i32 = 0;
export let sectionCount: i32 = 0;
export let sectionPosition: f64 = 0;
export let entries: usize = 0;
export let entriesEnd: usize = 0;
let buffer: usize = 0;
let capacity: usize = 0;

export function beginSections(): void {
  buffer = 0;
  capacity = 0;
}

/** Memory for a section, good until the next call; 0 when the limit is reached. */
export function restoreBuffer(bytes: i32): usize {
  if (<usize>bytes <= capacity && buffer != 0) return buffer;
  release(buffer, capacity);
  capacity = max(bytes, SECTION_HEADER_BYTES);
  buffer = allocate(capacity);
  return buffer;
}

export function releaseSections(): void {
  release(buffer, capacity);
  beginSections();
}

/** Reads the header of a section; false when the bytes are none. */
export function openSection(ptr: usize, bytes: i32): bool {
  const memoryBytes = <u64>memory.size() << 16;
  if (bytes < SECTION_HEADER_BYTES || (bytes & 7) != 0 || <u64>ptr + <u64>bytes > memoryBytes) return false;
  if (load<i32>(ptr + SECTION_BYTES_OFFSET) != bytes) return false;
  sectionKind = load<i32>(ptr + SECTION_KIND_OFFSET);
  sectionGroup = load<i32>(ptr + SECTION_KEY_GROUP_OFFSET);
  sectionCount = load<i32>(ptr + SECTION_ENTRY_COUNT_OFFSET);
  sectionPosition = load<f64>(ptr + SECTION_POSITION_OFFSET);
  entries = ptr + SECTION_HEADER_BYTES;
  entriesEnd = ptr + bytes;
  return true;
}
