/**
 * Keys: components ↔ key row, the dense number under which all state of a key is kept.
 *
 * Before it, batch/key-resolver turns the key columns of a batch into tuples; after it, tables of slices are indexed by key row.
 * A component is 8 bytes: the bits of a number (−0 as +0, all NaNs as one), NULL_COMPONENT, or a string's local code.
 * A key of one string needs no hash table: the string record has its row.
 *
 * Invariant: rows count keys in order of their first record, and keys without state are dropped only when the table is full,
 * so the order is a function of the sequence of records alone.
 */
import { COLUMN_CODE } from "../layout";
import { columnKind, keyColumn, keyCount } from "../config";
import { allocate, bytesOf, release } from "./arena";
import { disuseString, forgetProducerKeys, setStringKey, stringKey, useString } from "./dictionary";

export const NULL_COMPONENT: u64 = 0x7ff800006e756c6c; // a NaN no canonical number has
export const KEY_GROUPS_MAX = 32768;
export const CAPACITY_MIN = 1024;
export const CAPACITY_MAX = 1 << 27;
export const TABLE_FULL = -1;
export const NO_MEMORY = -2;

export let keyRows: i32 = 0;
export let keyCapacity: i32 = 0;
let components: usize = 0; // keyCount x u64 for each row
let groups: usize = 0; // i32 for each row
let index: usize = 0; // 2 x capacity u32: row + 1
export let nullRow: i32 = -1; // of the key of one string
export let isOneString: bool = false;
let stringMask: u32 = 0; // bit k: component k is a local code

export function configureKeys(): bool {
  stringMask = 0;
  for (let k = 0; k < keyCount; k++) if (columnKind(keyColumn(k)) == COLUMN_CODE) stringMask |= 1 << k;
  isOneString = keyCount == 1 && stringMask == 1;
  keyRows = keyCount == 0 ? 1 : 0;
  nullRow = -1;
  components = groups = index = 0;
  keyCapacity = 0;
  if (!resize(CAPACITY_MIN)) return false;
  if (keyCount == 0) store<i32>(groups, 0);
  return true;
}

export function componentPtr(row: i32): usize {
  return components + <usize>row * (keyCount << 3);
}
export function keyGroup(row: i32): i32 {
  return load<i32>(groups + row * 4);
}
export function isStringComponent(key: i32): bool {
  return ((stringMask >> key) & 1) != 0;
}
export function canonicalBits(value: f64): u64 {
  if (value != value) return 0x7ff8000000000000;
  return reinterpret<u64>(value + 0.0 == 0 ? 0.0 : value);
}

/** The row of a tuple of components, or −1. */
export function findKey(tuple: usize): i32 {
  if (isOneString) {
    const code = load<u64>(tuple);
    return code == NULL_COMPONENT ? nullRow : <i32>stringKey(<u32>code);
  }
  const mask = keyCapacity * 2 - 1;
  const bytes = keyCount << 3;
  for (let at = hashTuple(tuple) & mask; ; at = (at + 1) & mask) {
    const row = <i32>load<u32>(index + <usize>at * 4) - 1;
    if (row < 0) return -1;
    const stored = componentPtr(row);
    let same = true;
    for (let i = 0; i < bytes; i += 8) if (load<u64>(stored + i) != load<u64>(tuple + i)) same = false;
    if (same) return row;
  }
  return -1;
}

/** Gives a tuple that has none the next row, or answers TABLE_FULL. */
export function insertKey(tuple: usize, group: i32): i32 {
  if (keyRows == keyCapacity) return TABLE_FULL;
  const row = keyRows++;
  memory.copy(componentPtr(row), tuple, keyCount << 3);
  store<i32>(groups + row * 4, group);
  for (let k = 0; k < keyCount; k++) {
    const component = load<u64>(tuple + k * 8);
    if (isStringComponent(k) && component != NULL_COMPONENT) useString(<u32>component);
  }
  addToIndex(row);
  return row;
}

/** Keeps the keys of which `kept` has a byte 1, and writes each row's new number (or −1) to `renumbered`. */
export function compactKeys(kept: usize, renumbered: usize): void {
  let count = 0;
  const bytes = keyCount << 3;
  for (let row = 0; row < keyRows; row++) {
    const from = componentPtr(row);
    if (!load<u8>(kept + row)) {
      store<i32>(renumbered + row * 4, -1);
      dropStrings(from);
      continue;
    }
    store<i32>(renumbered + row * 4, count);
    memory.copy(componentPtr(count), from, bytes);
    store<i32>(groups + count * 4, keyGroup(row));
    count++;
  }
  keyRows = count;
  nullRow = -1;
  forgetProducerKeys();
  rebuildIndex();
}

/** Makes room for `capacity` keys, a power of two; false when memory is exhausted. */
export function resize(capacity: i32): bool {
  if (capacity > CAPACITY_MAX) return false;
  const tupleBytes = keyCount << 3;
  const newComponents = allocate(bytesOf(capacity, tupleBytes));
  const newGroups = allocate(capacity * 4);
  if (newComponents == 0 || newGroups == 0) return false;
  memory.copy(newComponents, components, bytesOf(keyRows, tupleBytes));
  memory.copy(newGroups, groups, min(keyRows, keyCapacity) * 4);
  release(components, bytesOf(keyCapacity, tupleBytes));
  release(groups, keyCapacity * 4);
  components = newComponents;
  groups = newGroups;
  if (!isOneString) {
    const newIndex = allocate(capacity * 8);
    if (newIndex == 0) return false;
    release(index, keyCapacity * 8);
    index = newIndex;
  }
  keyCapacity = capacity;
  rebuildIndex();
  return true;
}

function dropStrings(tuple: usize): void {
  for (let k = 0; k < keyCount; k++) {
    const component = load<u64>(tuple + k * 8);
    if (!isStringComponent(k) || component == NULL_COMPONENT) continue;
    disuseString(<u32>component);
    if (isOneString) setStringKey(<u32>component, -1);
  }
}

function rebuildIndex(): void {
  if (!isOneString) memory.fill(index, 0, keyCapacity * 8);
  if (keyCount > 0) for (let row = 0; row < keyRows; row++) addToIndex(row);
}

function addToIndex(row: i32): void {
  const tuple = componentPtr(row);
  if (isOneString) {
    const code = load<u64>(tuple);
    if (code == NULL_COMPONENT) nullRow = row;
    else setStringKey(<u32>code, row);
    return;
  }
  const mask = keyCapacity * 2 - 1;
  let at = hashTuple(tuple) & mask;
  while (load<u32>(index + <usize>at * 4) != 0) at = (at + 1) & mask;
  store<u32>(index + <usize>at * 4, row + 1);
}

function hashTuple(tuple: usize): u32 {
  let hash: u64 = 0;
  for (let k = 0; k < keyCount; k++) {
    hash = (hash ^ load<u64>(tuple + k * 8)) * 0x9e3779b97f4a7c15;
    hash ^= hash >> 32;
  }
  return <u32>(hash ^ (hash >> 15));
}
