/**
 * State of the pane kernel → bytes: sections in order OPERATOR, KEYS, then WINDOWS for each key group.
 *
 *     OPERATOR  │ watermark f64 │ clock f64 │ next sequence f64 │ swept f64 │ keyCapacity i32 │ factBytes i32 │ facts │
 *     WINDOWS   entries, in order of keys and of the windows of a key:
 *               │ key u32 │ kind i32 = ENTRY_OF_KEY    │ records so far f64 │ count i32 │ 0 │ record images ... │
 *               │ key u32 │ kind i32 = ENTRY_OF_WINDOW │ start, end, sequence, fresh, count, least, most f64 │ paneIndex i32 │ flags i32 │
 *               │ finished u32 │ lastBytes i32 │ trigger states f64 ... │ records i32 │ 0 │ record images ... │ row │ last, padded to 8 │
 *
 * KEYS are as drawn in state/snapshot; key is the index in the KEYS section of the group; row and images as aggregate/ writes them.
 * Timers are not written: they follow from the windows. Read back by pane-restorer.
 *
 * Invariant: equal states give equal bytes.
 */
import {
  CONFIG_BYTES, CONFIG_NUMBERS, CONFIG_PARAMETER_BYTES, CONFIG_PARAMETERS, SECTION_HEADER_BYTES, SECTION_OPERATOR, SECTION_WINDOWS,
} from "../layout";
import {
  aggregateCount, aggregateFunction, aggregateValue, columnCount, columnKind, configBlock, keyColumn, keyCount, latenessMs, offsetMs, sizeMs,
  slideMs, valueColumn, valueCount, valueParts,
} from "../config";
import { valueSecond } from "../aggregate/aggregate-config";
import { paneRowSnapshotBytes, snapshotPaneRow } from "../aggregate/pane-row";
import { recordSnapshotBytes, snapshotRecord } from "../aggregate/record-image";
import { keyCapacity, keyRows } from "../state/key-table";
import {
  clearGroups, countEntry, keyIndex, layOut, nextEntry, prepareGroups, releaseGroups, reserve, usedBytes, writeHeader, writeKeys,
} from "../state/section-writer";
import { triggerCount } from "./pane-config";
import { processingMs, watermarkMs } from "./pane-time";
import { listCount, recordAt } from "./record-list";
import {
  ENTRY_AFTER, ENTRY_COUNT, ENTRY_END, ENTRY_FINISHED, ENTRY_FLAGS, ENTRY_FRESH, ENTRY_LAST, ENTRY_LAST_BYTES, ENTRY_LEAST, ENTRY_MOST,
  ENTRY_PANE_INDEX, ENTRY_RECORDS, ENTRY_SEQUENCE, ENTRY_START, ENTRY_TRIGGER, firstEntry, isKeyUsed, keyCursor, keyRecords, rowOf, sequence,
} from "./window-entry";

export const FACTS = 40; // offset of the facts in the OPERATOR entry
export const ENTRY_OF_KEY = 1;
export const ENTRY_OF_WINDOW = 2;
export const WINDOW_FIELDS = 80; // bytes of an entry of a window before the trigger states
export const KEY_FIELDS = 24;

export function factBytes(): i32 {
  const words = keyCount + 3 * valueCount + 2 * aggregateCount + columnCount;
  return 32 + (CONFIG_BYTES - CONFIG_NUMBERS) + aggregateCount * CONFIG_PARAMETER_BYTES + ((words * 4 + 7) & ~7);
}

/** What of the config the state depends on; restoring under other facts is refused. */
export function writeFacts(to: usize): void {
  memory.fill(to, 0, factBytes());
  store<f64>(to, sizeMs);
  store<f64>(to, slideMs, 8);
  store<f64>(to, offsetMs, 16);
  store<f64>(to, latenessMs, 24);
  memory.copy(to + 32, configBlock() + CONFIG_NUMBERS, CONFIG_BYTES - CONFIG_NUMBERS);
  let at = to + 32 + (CONFIG_BYTES - CONFIG_NUMBERS);
  memory.copy(at, configBlock() + CONFIG_PARAMETERS, aggregateCount * CONFIG_PARAMETER_BYTES);
  at += aggregateCount * CONFIG_PARAMETER_BYTES;
  for (let k = 0; k < keyCount; k++, at += 4) store<i32>(at, columnKind(keyColumn(k)));
  for (let c = 0; c < columnCount; c++, at += 4) store<i32>(at, columnKind(c));
  for (let v = 0; v < valueCount; v++, at += 12) {
    store<i32>(at, valueColumn(v));
    store<i32>(at, valueParts(v), 4);
    store<i32>(at, valueSecond(v), 8);
  }
  for (let a = 0; a < aggregateCount; a++, at += 8) {
    store<i32>(at, aggregateFunction(a));
    store<i32>(at, aggregateValue(a), 4);
  }
}

/** Encodes all state; false when memory is exhausted. */
export function writePaneSnapshot(sweptMs: f64): bool {
  if (!prepareGroups()) return false;
  const at = reserve(SECTION_HEADER_BYTES + FACTS + factBytes());
  if (at == 0) return false;
  writeHeader(at, usedBytes(), SECTION_OPERATOR, -1, 1, 0);
  const entry = at + SECTION_HEADER_BYTES;
  store<f64>(entry, watermarkMs);
  store<f64>(entry, processingMs, 8);
  store<f64>(entry, sequence, 16);
  store<f64>(entry, sweptMs, 24);
  store<i32>(entry, keyCapacity, 32);
  store<i32>(entry, factBytes(), 36);
  writeFacts(entry + FACTS);
  if (!writeKeys() || !writeWindows()) return false;
  releaseGroups();
  return true;
}

function writeWindows(): bool {
  clearGroups();
  for (let key = 0; key < keyRows; key++) {
    if (!isKeyUsed(key)) continue;
    countEntry(key, keyBytes(key));
    for (let entry = firstEntry(key); entry != 0; entry = load<u32>(entry + ENTRY_AFTER)) countEntry(key, windowBytes(entry));
  }
  if (!layOut(SECTION_WINDOWS, 0)) return false;
  for (let key = 0; key < keyRows; key++) {
    if (!isKeyUsed(key)) continue;
    writeKey(key, nextEntry(key, keyBytes(key)));
    for (let entry = firstEntry(key); entry != 0; entry = load<u32>(entry + ENTRY_AFTER)) writeWindow(entry, key, nextEntry(key, windowBytes(entry)));
  }
  return true;
}

function listBytes(list: usize): i32 {
  let bytes = 0;
  for (let i = 0, count = listCount(list); i < count; i++) bytes += recordSnapshotBytes(recordAt(list, i));
  return bytes;
}

function writeList(list: usize, to: usize): usize {
  for (let i = 0, count = listCount(list); i < count; i++) to = snapshotRecord(recordAt(list, i), to);
  return to;
}

function keyBytes(key: i32): i32 {
  return KEY_FIELDS + listBytes(keyRecords(key));
}

function writeKey(key: i32, to: usize): void {
  store<u32>(to, keyIndex(key));
  store<i32>(to, ENTRY_OF_KEY, 4);
  store<f64>(to, keyCursor(key), 8);
  store<u64>(to, <u64>listCount(keyRecords(key)), 16);
  writeList(keyRecords(key), to + KEY_FIELDS);
}

function lastBytes(entry: usize): i32 {
  return (load<i32>(entry + ENTRY_LAST_BYTES) + 7) & ~7;
}

function windowBytes(entry: usize): i32 {
  return WINDOW_FIELDS + triggerCount * 8 + 8 + listBytes(entry + ENTRY_RECORDS) + paneRowSnapshotBytes(rowOf(entry)) + lastBytes(entry);
}

function writeWindow(entry: usize, key: i32, to: usize): void {
  store<u32>(to, keyIndex(key));
  store<i32>(to, ENTRY_OF_WINDOW, 4);
  store<f64>(to, load<f64>(entry + ENTRY_START), 8);
  store<f64>(to, load<f64>(entry + ENTRY_END), 16);
  store<f64>(to, load<f64>(entry + ENTRY_SEQUENCE), 24);
  store<f64>(to, load<f64>(entry + ENTRY_FRESH), 32);
  store<f64>(to, load<f64>(entry + ENTRY_COUNT), 40);
  store<f64>(to, load<f64>(entry + ENTRY_LEAST), 48);
  store<f64>(to, load<f64>(entry + ENTRY_MOST), 56);
  store<i32>(to, load<i32>(entry + ENTRY_PANE_INDEX), 64);
  store<i32>(to, load<i32>(entry + ENTRY_FLAGS), 68);
  store<u32>(to, load<u32>(entry + ENTRY_FINISHED), 72);
  store<i32>(to, load<i32>(entry + ENTRY_LAST_BYTES), 76);
  to += WINDOW_FIELDS;
  memory.copy(to, entry + ENTRY_TRIGGER, triggerCount * 8);
  to += triggerCount * 8;
  store<u64>(to, <u64>listCount(entry + ENTRY_RECORDS));
  to = writeList(entry + ENTRY_RECORDS, to + 8);
  to = snapshotPaneRow(rowOf(entry), to);
  memory.fill(to, 0, lastBytes(entry));
  memory.copy(to, load<u32>(entry + ENTRY_LAST), load<i32>(entry + ENTRY_LAST_BYTES));
}
