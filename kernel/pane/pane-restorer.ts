/**
 * Bytes → state of the pane kernel: the sections drawn in pane-snapshot.
 *
 * Before it, the runtime has read chunks and chosen those of this worker's key groups; after it, the kernel goes on as if it had
 * never stopped: windows are armed again for what is due next.
 *
 * Invariant: no byte is believed. Whatever the sections hold, nothing outside them is read, and state that passes is state
 * that records could have made, but for the values of numbers.
 */
import { SECTION_KEYS, SECTION_OPERATOR, SECTION_WINDOWS, STATUS_OK, STATUS_SNAPSHOT_INVALID, STATUS_STATE_LIMIT } from "../layout";
import { restorePaneRow } from "../aggregate/pane-row";
import { recordBytes, restoreRecord } from "../aggregate/record-image";
import { isOutOfMemory } from "../aggregate/value-cell";
import { allocate, release } from "../state/arena";
import { CAPACITY_MAX, CAPACITY_MIN, KEY_GROUPS_MAX } from "../state/key-table";
import { beginKeys, hasGroup, numberKeys, releaseKeys, restoreKeys, rowOfKey, wantCapacity } from "../state/keys-restorer";
import {
  beginSections, entries, entriesEnd, openSection, releaseSections, sectionCount, sectionGroup, sectionKind,
} from "../state/section-reader";
import { keepsKeyRecords, keepsRecords, triggerCount } from "./pane-config";
import { beginClocks, watermarkMs } from "./pane-time";
import { imageFixedBytes } from "./pending-panes";
import { ENTRY_OF_KEY, ENTRY_OF_WINDOW, factBytes, FACTS, KEY_FIELDS, WINDOW_FIELDS, writeFacts } from "./pane-snapshot";
import { listCount, recordAt, reserveList } from "./record-list";
import { armEntry, beginWindow } from "./window-contents";
import {
  END_PASSED, ENTRY_COUNT, ENTRY_END, ENTRY_FINISHED, ENTRY_FLAGS, ENTRY_FRESH, ENTRY_LAST, ENTRY_LAST_BYTES, ENTRY_LEAST, ENTRY_MOST,
  ENTRY_PANE_INDEX, ENTRY_RECORDS, ENTRY_SEQUENCE, ENTRY_START, ENTRY_TRIGGER, IS_CUT, keyCursor, keyRecords, LAST_TIMING_MASK, lastEntry, LIST_COUNT,
  reserveKeyStates, restoreSequence, rowOf, setKeyCursor,
} from "./window-entry";

const COUNT_MAX: f64 = 9007199254740992;
const LAST_BYTES_MAX = 1 << 28;

let stage = 0; // kind of the last section
let operators = 0;
/** How far records had been swept; see pane-operator. */
export let restoredSweptMs: f64 = 0;

export function beginRestore(): void {
  beginSections();
  stage = operators = 0;
  restoredSweptMs = -Infinity;
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
  if (kind != SECTION_WINDOWS) return STATUS_SNAPSHOT_INVALID;
  if (stage <= SECTION_KEYS) {
    const status = placeKeys();
    if (status != STATUS_OK) return status;
  }
  stage = SECTION_WINDOWS;
  return hasGroup(group) ? restoreGroup(entries, entriesEnd, group, count) : STATUS_SNAPSHOT_INVALID;
}

export function endRestore(): i32 {
  if (stage <= SECTION_KEYS) {
    const status = placeKeys();
    if (status != STATUS_OK) return status;
  }
  releaseSections();
  releaseKeys();
  return STATUS_OK;
}

function placeKeys(): i32 {
  const status = numberKeys();
  if (status != STATUS_OK) return status;
  return reserveKeyStates() ? STATUS_OK : STATUS_STATE_LIMIT;
}

function restoreOperator(entry: usize, end: usize, group: i32, count: i32): i32 {
  stage = SECTION_OPERATOR;
  if (group != -1 || count != 1 || <i32>(end - entry) != FACTS + factBytes()) return STATUS_SNAPSHOT_INVALID;
  const watermark = load<f64>(entry);
  const clock = load<f64>(entry, 8);
  const next = load<f64>(entry, 16);
  const swept = load<f64>(entry, 24);
  const capacity = load<i32>(entry, 32);
  if (load<i32>(entry, 36) != factBytes() || watermark != watermark || clock != clock || swept != swept) return STATUS_SNAPSHOT_INVALID;
  if (!isWhole(next)) return STATUS_SNAPSHOT_INVALID;
  if (capacity < CAPACITY_MIN || capacity > CAPACITY_MAX || (capacity & (capacity - 1)) != 0) return STATUS_SNAPSHOT_INVALID;
  // Workers cut at one barrier have seen the same watermarks.
  if (operators > 0 && watermark != watermarkMs) return STATUS_SNAPSHOT_INVALID;
  const facts = allocate(factBytes());
  if (facts == 0) return STATUS_STATE_LIMIT;
  writeFacts(facts);
  const isSame = memory.compare(facts, entry + FACTS, factBytes()) == 0;
  release(facts, factBytes());
  if (!isSame) return STATUS_SNAPSHOT_INVALID;
  restoredSweptMs = operators == 0 ? swept : min(restoredSweptMs, swept);
  operators++;
  wantCapacity(capacity);
  restoreSequence(next);
  beginClocks(watermark, clock);
  return STATUS_OK;
}

function isWhole(value: f64): bool {
  return value >= 0 && value <= COUNT_MAX && Math.floor(value) == value;
}

function restoreGroup(entries: usize, end: usize, group: i32, count: i32): i32 {
  let at = entries;
  for (let i = 0; i < count; i++) {
    if (<i32>(end - at) < KEY_FIELDS) return STATUS_SNAPSHOT_INVALID;
    const key = rowOfKey(group, load<u32>(at));
    if (key < 0) return STATUS_SNAPSHOT_INVALID;
    const kind = load<i32>(at, 4);
    if (kind == ENTRY_OF_KEY) at = restoreKey(key, at, end);
    else if (kind == ENTRY_OF_WINDOW) at = restoreWindow(key, at, end);
    else return STATUS_SNAPSHOT_INVALID;
    if (at == 0) return failure;
  }
  return at == end ? STATUS_OK : STATUS_SNAPSHOT_INVALID;
}
let failure = 0;

function invalid(): usize {
  failure = STATUS_SNAPSHOT_INVALID;
  return 0;
}
function exhausted(): usize {
  failure = STATUS_STATE_LIMIT;
  return 0;
}

function restoreKey(key: i32, entry: usize, end: usize): usize {
  const cursor = load<f64>(entry, 8);
  const records = load<u64>(entry, 16);
  if (!isWhole(cursor) || keyCursor(key) != 0 || listCount(keyRecords(key)) != 0) return invalid();
  if (records > 0 && !keepsKeyRecords) return invalid();
  setKeyCursor(key, cursor);
  return restoreList(keyRecords(key), records, entry + KEY_FIELDS, end, true);
}

function restoreList(list: usize, count: u64, from: usize, end: usize, isSorted: bool): usize {
  // An image has eight bytes at least.
  if (count > <u64>(end - from) >> 3) return invalid();
  if (count == 0) return from;
  if (!reserveList(list, <i32>count)) return exhausted();
  for (let i = 0; i < <i32>count; i++) {
    const image = recordAt(list, i);
    from = restoreRecord(from, end, image);
    if (from == 0) return isOutOfMemory ? exhausted() : invalid();
    store<i32>(list + LIST_COUNT, i + 1);
    if (isSorted && i > 0 && load<f64>(image) < load<f64>(image - recordBytes)) return invalid();
  }
  return from;
}

function restoreWindow(key: i32, at: usize, end: usize): usize {
  if (end - at < <usize>(WINDOW_FIELDS + triggerCount * 8 + 8)) return invalid();
  const start = load<f64>(at, 8);
  const windowEnd = load<f64>(at, 16);
  const before = lastEntry(key);
  if (!(start <= windowEnd)) return invalid();
  // The windows of a key come in order.
  if (before != 0) {
    const startBefore = load<f64>(before + ENTRY_START);
    if (!(startBefore < start || (startBefore == start && load<f64>(before + ENTRY_END) < windowEnd))) return invalid();
  }
  const lastBytes = load<i32>(at, 76);
  if (!isWhole(load<f64>(at, 24)) || !isWhole(load<f64>(at, 32)) || !isWhole(load<f64>(at, 40))) return invalid();
  if (lastBytes < 0 || lastBytes > LAST_BYTES_MAX || (lastBytes > 0 && lastBytes < imageFixedBytes())) return invalid();
  if (load<i32>(at, 64) < 0 || (load<i32>(at, 68) & ~(END_PASSED | IS_CUT | LAST_TIMING_MASK)) != 0) return invalid();
  if (triggerCount < 32 && load<u32>(at, 72) >> triggerCount != 0) return invalid();
  const entry = beginWindow(key, start, windowEnd, before);
  if (entry == 0) return exhausted();
  store<f64>(entry + ENTRY_SEQUENCE, load<f64>(at, 24));
  store<f64>(entry + ENTRY_FRESH, load<f64>(at, 32));
  store<f64>(entry + ENTRY_COUNT, load<f64>(at, 40));
  store<f64>(entry + ENTRY_LEAST, load<f64>(at, 48));
  store<f64>(entry + ENTRY_MOST, load<f64>(at, 56));
  store<i32>(entry + ENTRY_PANE_INDEX, load<i32>(at, 64));
  store<i32>(entry + ENTRY_FLAGS, load<i32>(at, 68));
  store<u32>(entry + ENTRY_FINISHED, load<u32>(at, 72));
  at += WINDOW_FIELDS;
  memory.copy(entry + ENTRY_TRIGGER, at, triggerCount * 8);
  at += triggerCount * 8;
  const records = load<u64>(at);
  if (records > 0 && !keepsRecords) return invalid();
  at = restoreList(entry + ENTRY_RECORDS, records, at + 8, end, false);
  if (at == 0) return 0;
  at = restorePaneRow(at, end, rowOf(entry));
  if (at == 0) return isOutOfMemory ? exhausted() : invalid();
  if (lastBytes > 0) {
    const padded = <usize>((lastBytes + 7) & ~7);
    if (end - at < padded) return invalid();
    const last = allocate(lastBytes);
    if (last == 0) return exhausted();
    memory.copy(last, at, lastBytes);
    store<u32>(entry + ENTRY_LAST, <u32>last);
    store<i32>(entry + ENTRY_LAST_BYTES, lastBytes);
    at += padded;
  }
  return armEntry(entry) ? at : exhausted();
}
