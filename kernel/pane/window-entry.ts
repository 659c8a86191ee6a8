/**
 * Windows that have begun: one entry for each (key, window), in a list for each key in order of (start, end).
 *
 *     0     4       8       16    24         32        40      48          52
 *     ┌─────┬───────┬───────┬─────┬──────────┬─────────┬───────┬───────────┬──────────┬─
 *     │ key │ flags │ start │ end │ sequence │ fresh   │ count │ paneIndex │ finished │
 *     └─────┴───────┴───────┴─────┴──────────┴─────────┴───────┴───────────┴──────────┴─
 *     56                                72         80                        92    96                    104          120
 *     ┬──────────────┬─────────────────┬───────┬────┬───────────────────────┬────────────┬───────────────┬────────────┬─────────┬─────┐
 *     │ armed: event │ armed: processing│ before│after│ records ptr,count,cap │ last ptr, bytes│ room           │ least, most│ trigger │ row │
 *     └──────────────┴─────────────────┴───────┴────┴───────────────────────┴────────────┴───────────────┴────────────┴─────────┴─────┘
 *
 * `fresh` counts records since the last pane, `count` those the window holds; least and most are their event times; `last` is the
 * result last emitted (retracting only). What a key keeps beside its windows lies in `KEY_*`.
 *
 * Invariant: entries of a key are sorted, no two have the same bounds, and a sequence number is never used twice.
 */
import { keyCapacity, keyRows } from "../state/key-table";
import { allocate, bytesOf, release } from "../state/arena";
import { clearPaneRow, paneRowBytes, releasePaneRow } from "../aggregate/pane-row";
import { recordBytes, releaseRecord } from "../aggregate/record-image";
import { triggerCount } from "./pane-config";

export const ENTRY_KEY = 0;
export const ENTRY_FLAGS = 4;
export const ENTRY_START = 8;
export const ENTRY_END = 16;
export const ENTRY_SEQUENCE = 24;
export const ENTRY_FRESH = 32;
export const ENTRY_COUNT = 40;
export const ENTRY_PANE_INDEX = 48;
export const ENTRY_FINISHED = 52;
export const ENTRY_ARMED_EVENT = 56;
export const ENTRY_ARMED_PROCESSING = 64;
export const ENTRY_BEFORE = 72;
export const ENTRY_AFTER = 76;
export const ENTRY_RECORDS = 80;
export const ENTRY_LAST = 92;
export const ENTRY_LAST_BYTES = 96;
export const ENTRY_LEAST = 104;
export const ENTRY_MOST = 112;
export const ENTRY_TRIGGER = 120;

/** The window's end has been reached and its pane at the end is past. */
export const END_PASSED = 1;
/** A part of a longer session, cut at its greatest length: it grows no more. */
export const IS_CUT = 2;
/** Timing of the result last emitted, where it can be taken back: two bits. */
export const LAST_TIMING_SHIFT = 8;
export const LAST_TIMING_MASK = 3 << LAST_TIMING_SHIFT;

/** A list of record images: pointer, count, capacity. */
export const LIST_PTR = 0;
export const LIST_COUNT = 4;
export const LIST_CAPACITY = 8;

const KEY_HEAD = 0; // u32 first entry
const KEY_TAIL = 4; // u32 last entry
const KEY_CURSOR = 8; // f64 records so far, of count windows
const KEY_RECORDS = 16; // list of record images, by event time
const KEY_BYTES = 32;

export let entryCount: i32 = 0;
let freeEntry: usize = 0; // entries given back: their blocks serve entries alone, so that an old timer never reads anything else
export let sequence: f64 = 0;
let entryBytes: usize = 0;
let rowOffset: usize = 0;
let keyStates: usize = 0;
let keyStateRows = 0;

export function configureEntries(): bool {
  entryCount = 0;
  freeEntry = 0;
  sequence = 0;
  rowOffset = ENTRY_TRIGGER + triggerCount * 8;
  entryBytes = rowOffset + paneRowBytes;
  keyStates = 0;
  keyStateRows = 0;
  return reserveKeyStates();
}

export function restoreSequence(next: f64): void {
  sequence = max(sequence, next);
}

/** Makes room for a state of every key the key table can hold; false when memory is exhausted. */
export function reserveKeyStates(): bool {
  if (keyStateRows >= keyCapacity) return true;
  const bytes = bytesOf(keyCapacity, KEY_BYTES);
  const grown = allocate(bytes);
  if (grown == 0) return false;
  const used = <usize>keyStateRows * KEY_BYTES;
  memory.copy(grown, keyStates, used);
  memory.fill(grown + used, 0, bytes - used);
  release(keyStates, used);
  keyStates = grown;
  keyStateRows = keyCapacity;
  return true;
}

function keyState(key: i32): usize {
  return keyStates + <usize>key * KEY_BYTES;
}
export function firstEntry(key: i32): usize {
  return load<u32>(keyState(key) + KEY_HEAD);
}
export function lastEntry(key: i32): usize {
  return load<u32>(keyState(key) + KEY_TAIL);
}
export function keyCursor(key: i32): f64 {
  return load<f64>(keyState(key) + KEY_CURSOR);
}
export function setKeyCursor(key: i32, records: f64): void {
  store<f64>(keyState(key) + KEY_CURSOR, records);
}
export function keyRecords(key: i32): usize {
  return keyState(key) + KEY_RECORDS;
}
/** Whether anything is kept under the key. */
export function isKeyUsed(key: i32): bool {
  const state = keyState(key);
  return load<u32>(state + KEY_HEAD) != 0 || load<f64>(state + KEY_CURSOR) != 0 || load<i32>(state + KEY_RECORDS + LIST_COUNT) != 0;
}

/** Moves what keys keep to their new numbers (−1: gone), which are never larger than the old ones. */
export function renumberKeys(renumbered: usize, before: i32): void {
  for (let key = 0; key < before; key++) {
    const target = load<i32>(renumbered + key * 4);
    const from = keyState(key);
    if (target < 0) {
      releaseList(from + KEY_RECORDS);
    } else if (target != key) {
      memory.copy(keyState(target), from, KEY_BYTES);
      for (let entry = <usize>load<u32>(from + KEY_HEAD); entry != 0; entry = load<u32>(entry + ENTRY_AFTER)) store<i32>(entry + ENTRY_KEY, target);
    }
    if (target != key) memory.fill(from, 0, KEY_BYTES);
  }
  // Keys that are used afterwards start with nothing.
  memory.fill(keyState(keyRows), 0, <usize>(keyStateRows - keyRows) * KEY_BYTES);
}

export function rowOf(entry: usize): usize {
  return entry + rowOffset;
}

/** The entry of a key with these bounds, or 0; `place` is then the entry it would follow (0: the first). */
export let place: usize = 0;
export function findEntry(key: i32, start: f64, end: f64, from: usize): usize {
  let at = from;
  while (at != 0) {
    const before = load<f64>(at + ENTRY_START);
    if (before < start || (before == start && load<f64>(at + ENTRY_END) <= end)) break;
    at = load<u32>(at + ENTRY_BEFORE);
  }
  place = at;
  return at != 0 && load<f64>(at + ENTRY_START) == start && load<f64>(at + ENTRY_END) == end ? at : 0;
}

/** As `findEntry`, for bounds beyond those of `from`, which comes before them. */
export function findAfter(start: f64, end: f64, from: usize): usize {
  let at = from;
  while (true) {
    const after = <usize>load<u32>(at + ENTRY_AFTER);
    if (after == 0) break;
    const next = load<f64>(after + ENTRY_START);
    if (next > start || (next == start && load<f64>(after + ENTRY_END) > end)) break;
    at = after;
  }
  place = at;
  return load<f64>(at + ENTRY_START) == start && load<f64>(at + ENTRY_END) == end ? at : 0;
}

/** A new entry after `before` in the list of its key; 0 when memory is exhausted. */
export function createEntry(key: i32, start: f64, end: f64, before: usize): usize {
  let entry = freeEntry;
  if (entry != 0) freeEntry = load<u32>(entry);
  else entry = allocate(entryBytes);
  if (entry == 0) return 0;
  memory.fill(entry, 0, rowOffset);
  store<i32>(entry + ENTRY_KEY, key);
  store<f64>(entry + ENTRY_START, start);
  store<f64>(entry + ENTRY_END, end);
  store<f64>(entry + ENTRY_SEQUENCE, sequence);
  sequence += 1;
  store<f64>(entry + ENTRY_ARMED_EVENT, NaN);
  store<f64>(entry + ENTRY_ARMED_PROCESSING, NaN);
  store<f64>(entry + ENTRY_LEAST, Infinity);
  store<f64>(entry + ENTRY_MOST, -Infinity);
  clearPaneRow(rowOf(entry));
  link(entry, before);
  entryCount++;
  return entry;
}

function link(entry: usize, before: usize): void {
  const state = keyState(load<i32>(entry + ENTRY_KEY));
  const after = before == 0 ? load<u32>(state + KEY_HEAD) : load<u32>(before + ENTRY_AFTER);
  store<u32>(entry + ENTRY_BEFORE, <u32>before);
  store<u32>(entry + ENTRY_AFTER, after);
  if (before == 0) store<u32>(state + KEY_HEAD, <u32>entry);
  else store<u32>(before + ENTRY_AFTER, <u32>entry);
  if (after == 0) store<u32>(state + KEY_TAIL, <u32>entry);
  else store<u32>(<usize>after + ENTRY_BEFORE, <u32>entry);
}

function unlink(entry: usize): void {
  const state = keyState(load<i32>(entry + ENTRY_KEY));
  const before = load<u32>(entry + ENTRY_BEFORE);
  const after = load<u32>(entry + ENTRY_AFTER);
  if (before == 0) store<u32>(state + KEY_HEAD, after);
  else store<u32>(<usize>before + ENTRY_AFTER, after);
  if (after == 0) store<u32>(state + KEY_TAIL, before);
  else store<u32>(<usize>after + ENTRY_BEFORE, before);
}

/** Changes the bounds of an entry, which stays between its neighbours. */
export function setBounds(entry: usize, start: f64, end: f64): void {
  store<f64>(entry + ENTRY_START, start);
  store<f64>(entry + ENTRY_END, end);
}

/** Takes an entry away with all it holds. Adds for its row must have been done. */
export function removeEntry(entry: usize): void {
  unlink(entry);
  clearContents(entry);
  dropLast(entry);
  // Timers know an entry by its sequence number: a block that is used again has another.
  store<f64>(entry + ENTRY_SEQUENCE, NaN);
  store<u32>(entry, <u32>freeEntry);
  freeEntry = entry;
  entryCount--;
}

/** Empties the window: accumulators and records. */
export function clearContents(entry: usize): void {
  releasePaneRow(rowOf(entry));
  releaseList(entry + ENTRY_RECORDS);
  store<f64>(entry + ENTRY_COUNT, 0);
  store<f64>(entry + ENTRY_FRESH, 0);
}

export function dropLast(entry: usize): void {
  release(load<u32>(entry + ENTRY_LAST), load<i32>(entry + ENTRY_LAST_BYTES));
  store<u32>(entry + ENTRY_LAST, 0);
  store<i32>(entry + ENTRY_LAST_BYTES, 0);
}

export function releaseList(list: usize): void {
  const ptr = <usize>load<u32>(list + LIST_PTR);
  for (let i = 0, count = load<i32>(list + LIST_COUNT); i < count; i++) releaseRecord(ptr + <usize>i * recordBytes);
  release(ptr, bytesOf(load<i32>(list + LIST_CAPACITY), recordBytes));
  store<u32>(list + LIST_PTR, 0);
  store<i32>(list + LIST_COUNT, 0);
  store<i32>(list + LIST_CAPACITY, 0);
}
