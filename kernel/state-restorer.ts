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
  SECTION_KEYS, SECTION_OPERATOR, SECTION_PANES, SECTION_SLICE, PART_ENDS, STATUS_OK, STATUS_SNAPSHOT_INVALID, STATUS_STATE_LIMIT,
} from "./layout";
import { latenessMs, TIME_MAX_MS, valueCount, valueParts } from "./config";
import { widenAll } from "./aggregate/batch-accumulator";
import { basicOffset, countOffset, endsOffset, hasRows, isEmptyRow } from "./state/accumulator-row";
import { allocate, release } from "./state/arena";
import { CAPACITY_MAX, CAPACITY_MIN, KEY_GROUPS_MAX } from "./state/key-table";
import { beginKeys, hasGroup, numberKeys, releaseKeys, restoreKeys, rowOfKey, wantCapacity } from "./state/keys-restorer";
import {
  beginSections, entries, entriesEnd, openSection, releaseSections, sectionCount, sectionGroup, sectionKind, sectionPosition,
} from "./state/section-reader";
import { addToCount } from "./state/pane-counts";
import { hasKeyTwice, sortCompact } from "./state/row-order";
import {
  factBytes, OPERATOR_FACTS, PANES_ENTRY_BYTES, SLICE_ROW_COUNT, SLICE_VALUES, sliceEntryBytes, writeFacts,
} from "./state/snapshot";
import {
  appendRow, createSlice, findSlice, isLog, obtainRow, sliceAt, sliceCount,
} from "./state/window-state";
import { beginTime, isComplete, isExpired, isSpent, watermarkMs } from "./time/timers";
import { isInWindow, sliceMs, sliceOf, sliceStart } from "./window/slice-assigner";

const COUNT_MAX: f64 = 9007199254740992;

let stage = 0; // kind of the last section
let operators = 0;

export function beginRestore(): void {
  beginSections();
  stage = operators = 0;
  beginKeys();
}

export function restoreOne(ptr: usize, bytes: i32): i32 {
  if (!openSection(ptr, bytes)) return STATUS_SNAPSHOT_INVALID;
  const kind = sectionKind;
  const group = sectionGroup;
  const count = sectionCount;
  if (kind == SECTION_OPERATOR) return stage > SECTION_OPERATOR ? STATUS_SNAPSHOT_INVALID : restoreOperator(entries, entriesEnd, group, count);
  if (operators == 0 || <u32>group >= <u32>KEY_GROUPS_MAX || count < 1) return STATUS_SNAPSHOT_INVALID;
  if (kind == SECTION_KEYS) {
    if (stage > SECTION_KEYS) return STATUS_SNAPSHOT_INVALID;
    stage = SECTION_KEYS;
    return restoreKeys(entries, entriesEnd, group, count);
  }
  if (kind != SECTION_SLICE && kind != SECTION_PANES) return STATUS_SNAPSHOT_INVALID;
  if (stage <= SECTION_KEYS) {
    const status = numberKeys();
    if (status != STATUS_OK) return status;
  }
  stage = SECTION_SLICE;
  if (!hasGroup(group)) return STATUS_SNAPSHOT_INVALID;
  return kind == SECTION_SLICE ? restoreSlice(entries, entriesEnd, group, count, sectionPosition) : restoreCounts(entries, entriesEnd, group, count, sectionPosition);
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
  releaseSections();
  releaseKeys();
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
  wantCapacity(capacity);
  beginTime(watermark);
  return STATUS_OK;
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
