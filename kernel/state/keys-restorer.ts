/**
 * Bytes → keys: the KEYS sections of one or several snapshots, which both kernels have. Drawn in state/snapshot.
 *
 * Before it, state-restorer or pane/pane-restorer takes sections in order; after it, their entries name keys by group and index.
 * Keys of several old workers are merged by (ordinal, key group), so the order does not depend on who restores.
 *
 * Invariant: no byte is believed; a key group has one owner.
 */
import { STATUS_OK, STATUS_SNAPSHOT_INVALID, STATUS_STATE_LIMIT } from "../layout";
import { keyCount } from "../config";
import { allocate, bytesOf, reallocate, release } from "./arena";
import { disuseString, intern, useString } from "./dictionary";
import {
  canonicalBits, CAPACITY_MIN, findKey, insertKey, isStringComponent, KEY_GROUPS_MAX, keyCapacity, NULL_COMPONENT, resize,
} from "./key-table";
import { ITEM_BYTES, ITEM_NUMBER, sortItems } from "./row-order";
import { KEY_COMPONENTS } from "./section-writer";

const KEYS_RESTORED_MIN = 1024;

let keysCount = 0; // keys read; they get rows when all are there
let keysCapacity = 0;
let tuples: usize = 0; // keyCount x u64 for each, then items to sort and the rows they got
let items: usize = 0;
let rowOf: usize = 0;
let groupFirst: usize = 0; // i32 by group: first key read, −1 when none was
let groupKeys: usize = 0; // i32 by group
let capacityWanted = 0;

export function beginKeys(): void {
  tuples = items = rowOf = groupFirst = groupKeys = 0;
  keysCount = keysCapacity = 0;
  capacityWanted = CAPACITY_MIN;
}

/** The key table is to have at least this capacity. */
export function wantCapacity(capacity: i32): void {
  capacityWanted = max(capacityWanted, capacity);
}

/** Whether keys of the group have been restored. */
export function hasGroup(group: i32): bool {
  return groupFirst != 0 && load<i32>(groupFirst + group * 4) >= 0;
}

export function releaseKeys(): void {
  release(tuples, bytesOf(keysCapacity, keyCount * 8));
  release(items, bytesOf(keysCapacity, ITEM_BYTES));
  release(rowOf, <usize>keysCapacity * 4);
  release(groupFirst, KEY_GROUPS_MAX * 4);
  release(groupKeys, KEY_GROUPS_MAX * 4);
  beginKeys();
}

/** Reads a KEYS section. */
export function restoreKeys(entries: usize, end: usize, group: i32, count: i32): i32 {
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

/** Gives rows to the keys that were read. */
export function numberKeys(): i32 {
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

/** The key row of an entry's key, or −1. */
export function rowOfKey(group: i32, index: u32): i32 {
  if (index >= load<u32>(groupKeys + group * 4)) return -1;
  return load<i32>(rowOf + (load<u32>(groupFirst + group * 4) + index) * 4);
}
