/**
 * Bytes → state: the sections of one or several snapshots, drawn in state/snapshot.
 *
 * Before it, the runtime has read chunks and chosen those of this worker's key groups; after it, the kernel goes on as if it had
 * never stopped. Keys of several old workers are merged by (ordinal, key group), so the order does not depend on who restores.
 *
 * Invariant: no byte is believed. Whatever the sections hold, nothing outside them is read, and state that passes is state
 * that records could have made, but for the values of numbers.
 */
import {
  SECTION_BYTES_OFFSET, SECTION_ENTRY_COUNT_OFFSET, SECTION_HEADER_BYTES, SECTION_KEY_GROUP_OFFSET, SECTION_KEYS, SECTION_KIND_OFFSET,
  SECTION_OPERATOR, SECTION_PANES, SECTION_POSITION_OFFSET, SECTION_SLICE, PART_ENDS, STATUS_OK, STATUS_SNAPSHOT_INVALID, STATUS_STATE_LIMIT,
} from "./layout";
import { keyCount, latenessMs, TIME_MAX_MS, valueCount, valueParts } from "./config";
import { widenAll } from "./aggregate/batch-accumulator";
import { basicOffset, countOffset, endsOffset, hasRows, isEmptyRow } from "./state/accumulator-row";
import { allocate, bytesOf, reallocate, release } from "./state/arena";
import { disuseString, intern, useString } from "./state/dictionary";
import {
  canonicalBits, CAPACITY_MAX, CAPACITY_MIN, findKey, insertKey, isStringComponent, KEY_GROUPS_MAX, keyCapacity, NULL_COMPONENT, resize,
} from "./state/key-table";
import { addToCount } from "./state/pane-counts";
import { hasKeyTwice, ITEM_BYTES, ITEM_NUMBER, sortCompact, sortItems } from "./state/row-order";
import {
  factBytes, KEY_COMPONENTS, OPERATOR_FACTS, PANES_ENTRY_BYTES, SLICE_ROW_COUNT, SLICE_VALUES, sliceEntryBytes, writeFacts,
} from "./state/snapshot";
import {
  appendRow, createSlice, findSlice, isLog, obtainRow, sliceAt, sliceCount,
} from "./state/window-state";
import { beginTime, isComplete, isExpired, isSpent, watermarkMs } from "./time/timers";
import { isInWindow, sliceMs, sliceOf, sliceStart } from "./window/slice-assigner";

const COUNT_MAX: f64 = 9007199254740992;
const KEYS_RESTORED_MIN = 1024;

let section: usize = 0; // restore buffer
let sectionCapacity: usize = 0;
let stage = 0; // kind of the last section
let operators = 0;
let keysCount = 0; // keys read; they get rows when all are there
let keysCapacity = 0;
let tuples: usize = 0; // keyCount x u64 for each, then items to sort and the rows they got
let items: usize = 0;
let rowOf: usize = 0;
let groupFirst: usize = 0; // i32 by group: first key read, −1 when none was
let groupKeys: usize = 0; // i32 by group
let capacityWanted = 0;

export function beginRestore(): void {
  section = tuples = items = rowOf = groupFirst = groupKeys = 0;
  sectionCapacity = 0;
  stage = operators = keysCount = keysCapacity = 0;
  capacityWanted = CAPACITY_MIN;
}

/** Memory for a section, good until the next call; 0 when the limit is reached. */
export function restoreBuffer(bytes: i32): usize {
  if (<usize>bytes <= sectionCapacity && section != 0) return section;
  release(section, sectionCapacity);
  sectionCapacity = max(bytes, SECTION_HEADER_BYTES);
  section = allocate(sectionCapacity);
  return section;
}

export function restoreOne(ptr: usize, bytes: i32): i32 {
  const memoryBytes = <u64>memory.size() << 16;
  if (bytes < SECTION_HEADER_BYTES || (bytes & 7) != 0 || <u64>ptr + <u64>bytes > memoryBytes) return STATUS_SNAPSHOT_INVALID;
  if (load<i32>(ptr + SECTION_BYTES_OFFSET) != bytes) return STATUS_SNAPSHOT_INVALID;
  const kind = load<i32>(ptr + SECTION_KIND_OFFSET);
  const group = load<i32>(ptr + SECTION_KEY_GROUP_OFFSET);
  const count = load<i32>(ptr + SECTION_ENTRY_COUNT_OFFSET);
  const position = load<f64>(ptr + SECTION_POSITION_OFFSET);
  const entries = ptr + SECTION_HEADER_BYTES;
  const end = ptr + bytes;
  if (kind == SECTION_OPERATOR) return stage > SECTION_OPERATOR ? STATUS_SNAPSHOT_INVALID : restoreOperator(entries, end, group, count);
  if (operators == 0 || <u32>group >= <u32>KEY_GROUPS_MAX || count < 1) return STATUS_SNAPSHOT_INVALID;
  if (kind == SECTION_KEYS) return stage > SECTION_KEYS ? STATUS_SNAPSHOT_INVALID : restoreKeys(entries, end, group, count);
  if (kind != SECTION_SLICE && kind != SECTION_PANES) return STATUS_SNAPSHOT_INVALID;
  if (stage <= SECTION_KEYS) {
    const status = numberKeys();
    if (status != STATUS_OK) return status;
  }
  stage = SECTION_SLICE;
  if (groupFirst == 0 || load<i32>(groupFirst + group * 4) < 0) return STATUS_SNAPSHOT_INVALID;
  return kind == SECTION_SLICE ? restoreSlice(entries, end, group, count, position) : restoreCounts(entries, end, group, count, position);
}

export function endRestore(): i32 {
  if (stage <= SECTION_KEYS) {
    const status = numberKeys();
    if (status != STATUS_OK) return status;
  }
  for (let i = 0; i < sliceCount; i++) {
    if (!isLog(sliceAt(i))) continue;
    if (!sortCompact(sliceAt(i))) return STATUS_STATE_LIMIT;
    if (hasKeyTwice(sliceAt(i))) return STATUS_SNAPSHOT_INVALID;
  }
  release(section, sectionCapacity);
  release(tuples, bytesOf(keysCapacity, keyCount * 8));
  release(items, bytesOf(keysCapacity, ITEM_BYTES));
  release(rowOf, <usize>keysCapacity * 4);
  release(groupFirst, KEY_GROUPS_MAX * 4);
  release(groupKeys, KEY_GROUPS_MAX * 4);
  beginRestore();
  return STATUS_OK;
}

function restoreOperator(entry: usize, end: usize, group: i32, count: i32): i32 {
  stage = SECTION_OPERATOR;
  if (group != -1 || count != 1 || <i32>(end - entry) != OPERATOR_FACTS + factBytes()) return STATUS_SNAPSHOT_INVALID;
  const watermark = load<f64>(entry);
  const capacity = load<i32>(entry, 8);
  if (load<i32>(entry, 12) != factBytes() || watermark != watermark) return STATUS_SNAPSHOT_INVALID;
  if (capacity < CAPACITY_MIN || capacity > CAPACITY_MAX || (capacity & (capacity - 1)) != 0) return STATUS_SNAPSHOT_INVALID;
  // Workers cut at one barrier have seen the same watermarks.
  if (operators > 0 && watermark != watermarkMs) return STATUS_SNAPSHOT_INVALID;
  const facts = allocate(factBytes());
  if (facts == 0) return STATUS_STATE_LIMIT;
  writeFacts(facts);
  const isSame = memory.compare(facts, entry + OPERATOR_FACTS, factBytes()) == 0;
  release(facts, factBytes());
  if (!isSame) return STATUS_SNAPSHOT_INVALID;
  operators++;
  capacityWanted = max(capacityWanted, capacity);
  beginTime(watermark);
  return STATUS_OK;
}

function restoreKeys(entries: usize, end: usize, group: i32, count: i32): i32 {
  stage = SECTION_KEYS;
  if (groupFirst == 0) {
    groupFirst = allocate(KEY_GROUPS_MAX * 4);
    groupKeys = allocate(KEY_GROUPS_MAX * 4);
    if (groupFirst == 0 || groupKeys == 0) return STATUS_STATE_LIMIT;
    memory.fill(groupFirst, 0xff, KEY_GROUPS_MAX * 4);
  }
  const bytesMin = KEY_COMPONENTS + keyCount * 8;
  if (count > <i32>(end - entries) / bytesMin) return STATUS_SNAPSHOT_INVALID;
  // Without key columns every worker has the one key; else a key group has one owner.
  if (load<i32>(groupFirst + group * 4) >= 0) return keyCount == 0 ? STATUS_OK : STATUS_SNAPSHOT_INVALID;
  if (!reserveKeys(count)) return STATUS_STATE_LIMIT;
  store<i32>(groupFirst + group * 4, keysCount);
  store<i32>(groupKeys + group * 4, count);
  let entry = entries;
  let after: i64 = -1;
  for (let i = 0; i < count; i++) {
    if (<i32>(end - entry) < bytesMin) return STATUS_SNAPSHOT_INVALID;
    const ordinal = load<u32>(entry);
    if (<i64>ordinal <= after || load<u32>(entry, 4) != 0 || (keyCount == 0 && ordinal != 0)) return STATUS_SNAPSHOT_INVALID;
    after = <i64>ordinal;
    const read = readTuple(entry + KEY_COMPONENTS, end, tuples + <usize>keysCount * (keyCount * 8), group);
    if (read < 0) return read;
    const item = items + <usize>keysCount * ITEM_BYTES;
    store<u64>(item, (<u64>ordinal << 32) | <u64>group);
    store<u32>(item, keysCount, ITEM_NUMBER);
    keysCount++;
    entry += KEY_COMPONENTS + read;
  }
  return entry == end ? STATUS_OK : STATUS_SNAPSHOT_INVALID;
}

function reserveKeys(count: i32): bool {
  if (keysCount + count <= keysCapacity) return true;
  const wanted = max(keysCount + count, max(keysCapacity * 2, KEYS_RESTORED_MIN));
  const tupleBytes = keyCount * 8;
  if (bytesOf(wanted, max(tupleBytes, ITEM_BYTES)) > <usize>1 << 30) return false;
  tuples = reallocate(tuples, bytesOf(keysCapacity, tupleBytes), bytesOf(keysCount, tupleBytes), bytesOf(wanted, tupleBytes));
  items = reallocate(items, bytesOf(keysCapacity, ITEM_BYTES), bytesOf(keysCount, ITEM_BYTES), bytesOf(wanted, ITEM_BYTES));
  rowOf = reallocate(rowOf, keysCapacity * 4, 0, wanted * 4);
  keysCapacity = wanted;
  return tuples != 0 && items != 0 && rowOf != 0;
}

// Answers the bytes read, or a status. Strings are used from now on, so that none is dropped before its key has a row.
function readTuple(from: usize, end: usize, tuple: usize, group: i32): i32 {
  let text = from + keyCount * 8;
  for (let k = 0; k < keyCount; k++) {
    let component = load<u64>(from + k * 8);
    if (component != NULL_COMPONENT) {
      if (isStringComponent(k)) {
        if (component > <u64>(end - text)) return STATUS_SNAPSHOT_INVALID;
        const code = intern(text, <i32>component, group);
        if (code < 0) return STATUS_STATE_LIMIT;
        useString(code);
        text += (<usize>component + 7) & ~7;
        component = <u64>code;
      } else if (canonicalBits(reinterpret<f64>(component)) != component) return STATUS_SNAPSHOT_INVALID;
    }
    store<u64>(tuple + k * 8, component);
  }
  return <i32>(text - from);
}

function numberKeys(): i32 {
  if (keyCount == 0) {
    if (keysCount > 1) return STATUS_SNAPSHOT_INVALID;
    if (keysCount == 1) store<i32>(rowOf, 0);
    return STATUS_OK;
  }
  let capacity = capacityWanted;
  while (capacity < keysCount) capacity <<= 1;
  if (capacity > keyCapacity && !resize(capacity)) return STATUS_STATE_LIMIT;
  if (keysCount > 0 && !sortItems(items, keysCount)) return STATUS_STATE_LIMIT;
  for (let i = 0; i < keysCount; i++) {
    const item = items + <usize>i * ITEM_BYTES;
    const number = load<u32>(item, ITEM_NUMBER);
    const tuple = tuples + <usize>number * (keyCount * 8);
    if (findKey(tuple) >= 0) return STATUS_SNAPSHOT_INVALID;
    store<i32>(rowOf + number * 4, insertKey(tuple, <i32>load<u32>(item)));
    for (let k = 0; k < keyCount; k++) {
      const component = load<u64>(tuple + k * 8);
      if (isStringComponent(k) && component != NULL_COMPONENT) disuseString(<u32>component);
    }
  }
  return STATUS_OK;
}

function rowOfKey(group: i32, index: u32): i32 {
  if (index >= load<u32>(groupKeys + group * 4)) return -1;
  return load<i32>(rowOf + (load<u32>(groupFirst + group * 4) + index) * 4);
}

function restoreSlice(entries: usize, end: usize, group: i32, count: i32, number: f64): i32 {
  if (!(number >= sliceOf(-TIME_MAX_MS)) || !(number <= sliceOf(TIME_MAX_MS)) || Math.floor(number) != number) return STATUS_SNAPSHOT_INVALID;
  if (!isInWindow(number) || isSpent(number)) return STATUS_SNAPSHOT_INVALID;
  const bytes = sliceEntryBytes();
  if (<i64>count * bytes != <i64>(end - entries)) return STATUS_SNAPSHOT_INVALID;
  let slice = findSlice(number);
  if (slice == 0) slice = createSlice(number);
  if (slice == 0) return STATUS_STATE_LIMIT;
  for (let entry = entries; entry < end; entry += bytes) {
    const key = rowOfKey(group, load<u32>(entry));
    if (key < 0 || load<u32>(entry, 4) != 0 || !isEntryValid(entry, number)) return STATUS_SNAPSHOT_INVALID;
    const rows = load<f64>(entry + SLICE_ROW_COUNT);
    if (!hasRows && rows != load<f64>(entry + SLICE_VALUES, 8) && !widenAll()) return STATUS_STATE_LIMIT;
    const row = isLog(slice) ? appendRow(slice, key) : obtainRow(slice, key);
    if (row == 0) return STATUS_STATE_LIMIT;
    if (!isEmptyRow(row)) return STATUS_SNAPSHOT_INVALID;
    copyRow(entry, row);
    store<f64>(row + countOffset, rows);
  }
  return STATUS_OK;
}

function isEntryValid(entry: usize, slice: f64): bool {
  const rows = load<f64>(entry + SLICE_ROW_COUNT);
  if (!(rows >= 1) || rows > COUNT_MAX || Math.floor(rows) != rows) return false;
  for (let v = 0; v < valueCount; v++) {
    const basic = entry + SLICE_VALUES + basicOffset(v);
    const count = load<f64>(basic, 8);
    if (!(count >= 0) || count > rows || Math.floor(count) != count) return false;
    if (load<f64>(basic, 16) != load<f64>(basic, 16) || load<f64>(basic, 24) != load<f64>(basic, 24)) return false;
    if ((valueParts(v) & PART_ENDS) == 0 || count == 0) continue;
    const ends = entry + SLICE_VALUES + endsOffset(v);
    const firstMs = load<f64>(ends);
    const lastMs = load<f64>(ends, 16);
    if (!(firstMs >= sliceStart(slice)) || !(lastMs >= firstMs) || !(lastMs < sliceStart(slice) + sliceMs)) return false;
  }
  return true;
}

// Blocks of a value without records stay empty, whatever the entry has there.
function copyRow(entry: usize, row: usize): void {
  for (let v = 0; v < valueCount; v++) {
    const offset = basicOffset(v);
    if (load<f64>(entry + SLICE_VALUES + offset, 8) == 0) continue;
    const after = v + 1 < valueCount ? basicOffset(v + 1) : sliceEntryBytes() - SLICE_VALUES;
    memory.copy(row + offset, entry + SLICE_VALUES + offset, after - offset);
  }
}

function restoreCounts(entries: usize, end: usize, group: i32, count: i32, window: f64): i32 {
  if (!(Math.abs(window) <= COUNT_MAX) || Math.floor(window) != window) return STATUS_SNAPSHOT_INVALID;
  if (latenessMs == 0 || !isComplete(window) || isExpired(window)) return STATUS_SNAPSHOT_INVALID;
  if (<i64>count * PANES_ENTRY_BYTES != <i64>(end - entries)) return STATUS_SNAPSHOT_INVALID;
  for (let entry = entries; entry < end; entry += PANES_ENTRY_BYTES) {
    const key = rowOfKey(group, load<u32>(entry));
    const fired = load<i32>(entry, 4);
    if (key < 0 || fired < 1) return STATUS_SNAPSHOT_INVALID;
    const before = addToCount(window, key, fired);
    if (before < 0) return STATUS_STATE_LIMIT;
    if (before > 0) return STATUS_SNAPSHOT_INVALID;
  }
  return STATUS_OK;
}
