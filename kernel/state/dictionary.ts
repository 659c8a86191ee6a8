/**
 * Strings: the kernel's own codes for contents, and what the producer's codes stand for.
 *
 * Before it, dictionary slots bring the producer's entries; after it, key rows name strings by local code, and
 * batch/pane-writer sends each local code once before the first result that uses it.
 * A string stays while a key or a code of the current producer generation refers to it; others are dropped when the table is full.
 *
 * Invariant: which codes strings get never shows in results, only in the dictionary that goes with them.
 */
import { NULL_CODE } from "../layout";
import { allocate, reallocate, release } from "./arena";

const STRINGS_MIN = 1024;
const PRODUCER_CODES_MIN = 1024;
const PRODUCER_CODE_MAX: u32 = 1 << 27;
const UNSENT = 0;
const QUEUED = 1;
const SENT = 2;

const STRING_PTR = 0; // u32
const STRING_BYTES = 4; // i32
const STRING_HASH = 8; // u32
const STRING_GROUP = 12; // i32, key group when the string alone is the key
const STRING_KEY = 16; // u32, key row + 1 when the string alone is the key and has a row
const STRING_USES = 20; // i32, keys that have it as a component, and values
const STRING_STATE = 24; // i32, UNSENT, QUEUED or SENT
const STRING_LIVE = 28; // i32, 1 while the code is taken
const STRING_RECORD = 32;

export const NO_KEY: u32 = 0xffffffff;

let strings: usize = 0; // records by local code
let stringCount = 0; // codes ever taken; freed ones among them form a list through STRING_PTR
let stringCapacity = 0;
let liveCount = 0;
let freeCode = -1;
let index: usize = 0; // 2 x capacity u32: code + 1
let queue: usize = 0; // u32 local codes to be sent
let queueStart = 0;
let queueCount = 0;
let producerStrings: usize = 0; // u32 by producer code: local code + 1
let producerKeys: usize = 0; // u32 by producer code: key row, or NO_KEY
let producerCapacity = 0;
let generation = 0;
/** Producer codes below this are key rows themselves. */
export let identityCount: u32 = 0;

export function configureDictionary(): bool {
  stringCapacity = STRINGS_MIN;
  strings = allocate(STRINGS_MIN * STRING_RECORD);
  index = allocate(STRINGS_MIN * 8);
  queue = allocate(STRINGS_MIN * 4);
  if (strings == 0 || index == 0 || queue == 0) return false;
  memory.fill(index, 0, STRINGS_MIN * 8);
  stringCount = liveCount = queueStart = queueCount = producerCapacity = generation = 0;
  identityCount = 0;
  freeCode = -1;
  producerStrings = producerKeys = 0;
  return true;
}

function record(code: u32): usize {
  return strings + <usize>code * STRING_RECORD;
}
export function stringPtr(code: u32): usize {
  return load<u32>(record(code) + STRING_PTR);
}
export function stringBytes(code: u32): i32 {
  return load<i32>(record(code) + STRING_BYTES);
}
export function stringGroup(code: u32): i32 {
  return load<i32>(record(code) + STRING_GROUP);
}
export function stringKey(code: u32): u32 {
  return load<u32>(record(code) + STRING_KEY) - 1;
}
export function setStringKey(code: u32, key: u32): void {
  store<u32>(record(code) + STRING_KEY, key + 1);
}

/** A key has this string as a component: it must stay, and be sent before results. */
export function useString(code: u32): void {
  const r = record(code);
  store<i32>(r + STRING_USES, load<i32>(r + STRING_USES) + 1);
  if (load<i32>(r + STRING_STATE) != UNSENT) return;
  store<i32>(r + STRING_STATE, QUEUED);
  store<u32>(queue + queueCount++ * 4, code);
}

/** A value kept in state is this string: it must stay. Values travel as bytes, so it need not be sent. */
export function holdString(code: u32): void {
  const r = record(code);
  store<i32>(r + STRING_USES, load<i32>(r + STRING_USES) + 1);
}

/** What used or held the string is gone. */
export function disuseString(code: u32): void {
  const r = record(code);
  store<i32>(r + STRING_USES, load<i32>(r + STRING_USES) - 1);
}

/** The next local code that must be sent, or −1. */
export function nextUnsent(): i32 {
  if (queueStart < queueCount) return load<i32>(queue + queueStart * 4);
  queueStart = queueCount = 0;
  return -1;
}

export function markSent(): void {
  store<i32>(record(load<u32>(queue + queueStart * 4)) + STRING_STATE, SENT);
  queueStart++;
}

/** The local code of a content; −1 when memory is exhausted. Group −1: no key, the group it has stays. */
export function intern(ptr: usize, bytes: i32, group: i32): i32 {
  const hash = hashBytes(ptr, bytes);
  const found = findString(ptr, bytes, hash);
  if (found >= 0) {
    if (group >= 0) store<i32>(record(found) + STRING_GROUP, group);
    return found;
  }
  if (liveCount == stringCapacity && !makeRoom()) return -1;
  const copy = allocate(max(bytes, 1));
  if (copy == 0) return -1;
  memory.copy(copy, ptr, bytes);
  let code = freeCode;
  if (code >= 0) freeCode = load<i32>(record(code) + STRING_PTR);
  else code = stringCount++;
  const r = record(code);
  store<u32>(r + STRING_PTR, <u32>copy);
  store<i32>(r + STRING_BYTES, bytes);
  store<u32>(r + STRING_HASH, hash);
  store<i32>(r + STRING_GROUP, max(group, 0));
  store<u32>(r + STRING_KEY, 0);
  store<i32>(r + STRING_USES, 0);
  store<i32>(r + STRING_STATE, UNSENT);
  store<i32>(r + STRING_LIVE, 1);
  liveCount++;
  addToIndex(code, hash);
  return code;
}

/** Notes the generation of a slot; a new one voids all producer codes. */
export function enterGeneration(next: i32): void {
  if (next == generation) return;
  generation = next;
  memory.fill(producerStrings, 0, producerCapacity * 4);
  forgetProducerKeys();
}

/** Key rows have been renumbered: producer codes find theirs again on next use. */
export function forgetProducerKeys(): void {
  memory.fill(producerKeys, 0xff, producerCapacity * 4);
  identityCount = 0;
}

/** Lets a producer code stand for a local one; false when memory is exhausted. */
export function bindCode(producerCode: u32, code: u32): bool {
  if (producerCode >= <u32>producerCapacity && !growProducer(producerCode)) return false;
  const slot = producerStrings + <usize>producerCode * 4;
  if (load<u32>(slot) == code + 1) return true;
  store<u32>(slot, code + 1);
  if (producerCode < identityCount) identityCount = producerCode;
  store<u32>(producerKeys + <usize>producerCode * 4, NO_KEY);
  return true;
}

/** The local code of a producer code, or −1. */
export function localCode(producerCode: u32): i32 {
  return producerCode < <u32>producerCapacity ? <i32>load<u32>(producerStrings + <usize>producerCode * 4) - 1 : -1;
}

export function producerKeyTable(): usize {
  return producerKeys;
}
export function producerCodeLimit(): u32 {
  return producerCapacity;
}

export function bindKey(producerCode: u32, key: u32): void {
  store<u32>(producerKeys + <usize>producerCode * 4, key);
  while (identityCount < <u32>producerCapacity && load<u32>(producerKeys + <usize>identityCount * 4) == identityCount) identityCount++;
}

function growProducer(code: u32): bool {
  if (code >= PRODUCER_CODE_MAX || code == <u32>NULL_CODE) return false;
  let capacity = max(producerCapacity, PRODUCER_CODES_MIN);
  while (<u32>capacity <= code) capacity <<= 1;
  const old = producerCapacity * 4;
  const names = reallocate(producerStrings, old, old, capacity * 4);
  if (names == 0) return false;
  producerStrings = names;
  const keys = reallocate(producerKeys, old, old, capacity * 4);
  if (keys == 0) return false;
  producerKeys = keys;
  memory.fill(names + old, 0, capacity * 4 - old);
  memory.fill(keys + old, 0xff, capacity * 4 - old);
  producerCapacity = capacity;
  return true;
}

function hashBytes(ptr: usize, bytes: i32): u32 {
  let hash: u32 = 0x811c9dc5 ^ bytes;
  let i = 0;
  for (; i + 4 <= bytes; i += 4) hash = rotl<u32>(hash ^ load<u32>(ptr + i) * 0xcc9e2d51, 15) * 0x1b873593;
  for (; i < bytes; i++) hash = (hash ^ load<u8>(ptr + i)) * 0x01000193;
  hash = (hash ^ (hash >> 16)) * 0x85ebca6b;
  return hash ^ (hash >> 13);
}

function findString(ptr: usize, bytes: i32, hash: u32): i32 {
  const mask = stringCapacity * 2 - 1;
  for (let at = hash & mask; ; at = (at + 1) & mask) {
    const entry = load<u32>(index + <usize>at * 4);
    if (entry == 0) return -1;
    const r = record(entry - 1);
    if (load<u32>(r + STRING_HASH) != hash || load<i32>(r + STRING_BYTES) != bytes) continue;
    if (memory.compare(load<u32>(r + STRING_PTR), ptr, bytes) == 0) return <i32>entry - 1;
  }
  return -1;
}

function addToIndex(code: u32, hash: u32): void {
  const mask = stringCapacity * 2 - 1;
  let at = hash & mask;
  while (load<u32>(index + <usize>at * 4) != 0) at = (at + 1) & mask;
  store<u32>(index + <usize>at * 4, code + 1);
}

/** Drops strings nobody refers to; doubles the table when more than half of it stays. */
function makeRoom(): bool {
  const kept = allocate(stringCapacity);
  if (kept == 0) return false;
  memory.fill(kept, 0, stringCapacity);
  for (let p = 0; p < producerCapacity; p++) {
    const code = load<u32>(producerStrings + p * 4);
    if (code != 0) store<u8>(kept + code - 1, 1);
  }
  for (let code = 0; code < stringCount; code++) {
    const r = record(code);
    if (!load<i32>(r + STRING_LIVE) || load<u8>(kept + code) || load<i32>(r + STRING_USES) > 0) continue;
    release(load<u32>(r + STRING_PTR), max(load<i32>(r + STRING_BYTES), 1));
    store<i32>(r + STRING_LIVE, 0);
    store<i32>(r + STRING_PTR, freeCode);
    freeCode = code;
    liveCount--;
  }
  release(kept, stringCapacity);
  dropFreedFromQueue();
  if (liveCount > stringCapacity >> 1 && !growStrings()) return false;
  memory.fill(index, 0, stringCapacity * 8);
  for (let code = 0; code < stringCount; code++) {
    if (load<i32>(record(code) + STRING_LIVE)) addToIndex(code, load<u32>(record(code) + STRING_HASH));
  }
  return true;
}

function dropFreedFromQueue(): void {
  let count = 0;
  for (let i = queueStart; i < queueCount; i++) {
    const code = load<u32>(queue + i * 4);
    if (load<i32>(record(code) + STRING_LIVE)) store<u32>(queue + count++ * 4, code);
  }
  queueStart = 0;
  queueCount = count;
}

function growStrings(): bool {
  const old = stringCapacity;
  const records = reallocate(strings, old * STRING_RECORD, stringCount * STRING_RECORD, old * 2 * STRING_RECORD);
  if (records == 0) return false;
  strings = records;
  const codes = reallocate(queue, old * 4, queueCount * 4, old * 8);
  if (codes == 0) return false;
  queue = codes;
  const slots = allocate(old * 16);
  if (slots == 0) return false;
  release(index, old * 8);
  index = slots;
  stringCapacity = old * 2;
  return true;
}
