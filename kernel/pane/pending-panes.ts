/**
 * Panes that have been emitted and wait for room in the output ring: a record each, one after the other.
 *
 *     0            4     8       16    24     32       40          44   48      ...        ...
 *     ┌────────────┬─────┬───────┬─────┬──────┬────────┬───────────┬────┬───────┬──────────┬───────────────────────┐
 *     │ totalBytes │ key │ start │ end │ pane │ change │ blobBytes │ –  │ cells │ validity │ bytes of texts, lists │
 *     └────────────┴─────┴───────┴─────┴──────┴────────┴───────────┴────┴───────┴──────────┴───────────────────────┘
 *
 * Operations (layout.ts) lie among them, after a word of 8 bytes: totalBytes and IS_OPERATION in place of the key.
 *
 * Before it, firing has made a result; after it, slots of the output ring: strings of keys, bytes of texts and lists, then rows.
 * A record of the input emits a few panes at most, so emitting never waits: the operator drains between two records, and stops
 * there when the ring is full.
 *
 * Invariant: keys are not renumbered while panes wait; the bytes a cell points into are published before its row.
 */
import {
  OPERATION_BYTES_OFFSET, OPERATION_HANDLE_OFFSET, OPERATION_KIND_OFFSET, OPERATION_OTHER_OFFSET, OPERATION_RECORD_OFFSET,
  PANE_RESULT_FIRST_KEY, RESULT_CHANGE, RESULT_NUMBER, RESULT_PANE, RESULT_WINDOW_END, RESULT_WINDOW_START, resultColumnOffset,
  resultValidityOffset, SLOT_BLOB, SLOT_HEADER_BYTES, SLOT_OPERATIONS, SLOT_PAYLOAD_BYTES_OFFSET, SLOT_RESULT,
} from "../layout";
import { aggregateCount, keyCount, resultColumnCount, resultRowsMax } from "../config";
import { resultForm } from "../aggregate/pane-row";
import { addRows, closeSlot, openFor, openRows, openSlot } from "../batch/output-slot";
import { panesRoom } from "../batch/pane-writer";
import { claimSlot, outputSlotBytes, publishSlot } from "../ring/spsc-ring";
import { allocate, reallocate } from "../state/arena";
import { componentPtr, isStringComponent, NULL_COMPONENT } from "../state/key-table";

const PENDING_KEY = 4;
const IS_OPERATION = -1;
const OPERATION_AT = 8; // where an operation begins in its record
const PENDING_START = 8;
const PENDING_END = 16;
const PENDING_PANE = 24;
const PENDING_CHANGE = 32;
const PENDING_BLOB_BYTES = 40;
const PENDING_IMAGE = 48;
const BUFFER_BYTES_MIN = 16384;
/** With this much waiting the operator drains before it goes on. */
const DRAIN_BYTES: u32 = 65536;

export let panesEmitted: f64 = 0;
let buffer: usize = 0;
let capacity: usize = 0;
let used: usize = 0;
let written: usize = 0; // records before this offset are in the ring
let groupEnd: usize = 0; // records before this offset are being written with their bytes; 0: no group
let sendRecord: usize = 0; // whose bytes are to be sent next
let sendOffset: usize = 0;
let hasBlobs = false;

export function configurePending(): bool {
  panesEmitted = 0;
  used = written = groupEnd = operationSent = 0;
  capacity = BUFFER_BYTES_MIN;
  buffer = allocate(capacity);
  hasBlobs = false;
  for (let a = 0; a < aggregateCount; a++) if (resultForm(a) != RESULT_NUMBER) hasBlobs = true;
  return buffer != 0;
}

/** Bytes of cells and validity at the beginning of an image; the bytes they point into follow. */
export function imageFixedBytes(): i32 {
  return aggregateCount * 8 + ((aggregateCount + 7) & ~7);
}

export function isWaiting(): bool {
  return used > 0;
}
export function mustDrain(): bool {
  return used >= <usize>DRAIN_BYTES;
}

/** Takes a pane; false when memory is exhausted. `image` has `imageBytes`, of which the last `blobBytes` are texts and lists. */
export function appendPane(key: i32, start: f64, end: f64, pane: f64, change: f64, image: usize, imageBytes: i32, blobBytes: i32): bool {
  const at = reserve((PENDING_IMAGE + imageBytes + 7) & ~7);
  if (at == 0) return false;
  store<i32>(at + PENDING_KEY, key);
  store<f64>(at + PENDING_START, start);
  store<f64>(at + PENDING_END, end);
  store<f64>(at + PENDING_PANE, pane);
  store<f64>(at + PENDING_CHANGE, change);
  store<i32>(at + PENDING_BLOB_BYTES, blobBytes);
  memory.copy(at + PENDING_IMAGE, image, imageBytes);
  panesEmitted += 1;
  return true;
}

// Room for a record, with its length written; 0 when memory is exhausted.
function reserve(bytes: usize): usize {
  if (used + bytes > capacity) {
    const wanted = max(capacity * 2, used + bytes);
    const grown = reallocate(buffer, capacity, used, wanted);
    if (grown == 0) return 0;
    buffer = grown;
    capacity = wanted;
  }
  const at = buffer + used;
  store<u32>(at, <u32>bytes);
  used += bytes;
  return at;
}

/** Takes an operation; false when memory is exhausted. */
export function appendOperation(kind: i32, handle: f64, other: f64, record: usize, recordBytes: i32): bool {
  const at = reserve(OPERATION_AT + OPERATION_RECORD_OFFSET + recordBytes);
  if (at == 0) return false;
  store<i32>(at + PENDING_KEY, IS_OPERATION);
  const operation = at + OPERATION_AT;
  store<i32>(operation + OPERATION_BYTES_OFFSET, OPERATION_RECORD_OFFSET + recordBytes);
  store<i32>(operation + OPERATION_KIND_OFFSET, kind);
  store<f64>(operation + OPERATION_HANDLE_OFFSET, handle);
  store<f64>(operation + OPERATION_OTHER_OFFSET, other);
  memory.copy(operation + OPERATION_RECORD_OFFSET, record, recordBytes);
  return true;
}

function isOperation(offset: usize): bool {
  return load<i32>(buffer + offset + PENDING_KEY) == IS_OPERATION;
}

/** Writes waiting panes to the output ring; false when it is full before all are written. */
export function drainPanes(): bool {
  while (written < used) {
    if (isOperation(written) ? !writeOperations() : !(hasBlobs ? writeGroup() : writeRows())) return false;
  }
  used = written = 0;
  return true;
}

function writeRows(): bool {
  const room = panesRoom();
  if (room == 0) return false;
  let count = 0;
  for (; count < room && written < used && !isOperation(written); count++) {
    const at = buffer + written;
    writeRow(at, openRows, 0);
    addRows(1);
    written += load<u32>(at);
  }
  return true;
}

// Rows of one result slot: first the bytes they point into, in slots of their own, then the rows.
function writeGroup(): bool {
  if (groupEnd == 0) {
    if (panesRoom() == 0) return false;
    closeSlot();
    let end = written;
    for (let rows = 0; rows < resultRowsMax && end < used && !isOperation(end); rows++) end += load<u32>(buffer + end);
    groupEnd = end;
    sendRecord = written;
    sendOffset = 0;
  }
  if (!sendBlobs()) return false;
  if (openFor(SLOT_RESULT, resultRowsMax) == 0) return false;
  let base: u32 = 0;
  for (; written < groupEnd; ) {
    const at = buffer + written;
    writeRow(at, openRows, base);
    addRows(1);
    base += load<u32>(at + PENDING_BLOB_BYTES);
    written += load<u32>(at);
  }
  closeSlot();
  groupEnd = 0;
  return true;
}

// Operations up to the next pane. One that does not fit goes on in the next slot.
function writeOperations(): bool {
  const payloadMax = <usize>(outputSlotBytes() - SLOT_HEADER_BYTES);
  while (written < used && isOperation(written)) {
    closeSlot();
    const slot = claimSlot(SLOT_OPERATIONS);
    if (slot == 0) return false;
    let filled: usize = 0;
    while (written < used && isOperation(written) && filled < payloadMax) {
      const bytes = <usize>load<u32>(buffer + written) - OPERATION_AT;
      const count = min(bytes - operationSent, payloadMax - filled);
      memory.copy(slot + SLOT_HEADER_BYTES + filled, buffer + written + OPERATION_AT + operationSent, count);
      filled += count;
      operationSent += count;
      if (operationSent < bytes) continue;
      written += load<u32>(buffer + written);
      operationSent = 0;
    }
    store<i32>(slot + SLOT_PAYLOAD_BYTES_OFFSET, <i32>filled);
    publishSlot();
  }
  return true;
}
let operationSent: usize = 0; // bytes of the operation at `written` that are in the ring

function sendBlobs(): bool {
  const payloadMax = <usize>(outputSlotBytes() - SLOT_HEADER_BYTES);
  const fixed = <usize>imageFixedBytes();
  while (sendRecord < groupEnd) {
    if (sendOffset == load<u32>(buffer + sendRecord + PENDING_BLOB_BYTES)) {
      nextToSend();
      continue;
    }
    const slot = claimSlot(SLOT_BLOB);
    if (slot == 0) return false;
    let filled: usize = 0;
    while (sendRecord < groupEnd && filled < payloadMax) {
      const at = buffer + sendRecord;
      const count = min(<usize>load<u32>(at + PENDING_BLOB_BYTES) - sendOffset, payloadMax - filled);
      memory.copy(slot + SLOT_HEADER_BYTES + filled, at + PENDING_IMAGE + fixed + sendOffset, count);
      filled += count;
      sendOffset += count;
      if (sendOffset == load<u32>(at + PENDING_BLOB_BYTES)) nextToSend();
    }
    store<i32>(slot + SLOT_PAYLOAD_BYTES_OFFSET, <i32>filled);
    publishSlot();
  }
  return true;
}

function nextToSend(): void {
  sendRecord += load<u32>(buffer + sendRecord);
  sendOffset = 0;
}

function writeRow(at: usize, row: i32, base: u32): void {
  const columns = resultColumnCount();
  const cell = openSlot + (row << 3);
  store<f64>(cell + resultColumnOffset(RESULT_WINDOW_START, resultRowsMax), load<f64>(at + PENDING_START));
  store<f64>(cell + resultColumnOffset(RESULT_WINDOW_END, resultRowsMax), load<f64>(at + PENDING_END));
  store<f64>(cell + resultColumnOffset(RESULT_PANE, resultRowsMax), load<f64>(at + PENDING_PANE));
  store<f64>(cell + resultColumnOffset(RESULT_CHANGE, resultRowsMax), load<f64>(at + PENDING_CHANGE));
  const tuple = componentPtr(load<i32>(at + PENDING_KEY));
  for (let k = 0; k < keyCount; k++) {
    const component = load<u64>(tuple + (k << 3));
    const isThere = component != NULL_COMPONENT;
    const bits = isStringComponent(k) ? reinterpret<u64>(<f64>(<u32>component)) : component;
    const column = PANE_RESULT_FIRST_KEY + k;
    store<u64>(cell + resultColumnOffset(column, resultRowsMax), isThere ? bits : 0);
    store<u8>(openSlot + resultValidityOffset(column, columns, resultRowsMax) + row, u8(isThere));
  }
  const image = at + PENDING_IMAGE;
  for (let a = 0; a < aggregateCount; a++) {
    const column = PANE_RESULT_FIRST_KEY + keyCount + a;
    const out = cell + resultColumnOffset(column, resultRowsMax);
    store<u64>(out, load<u64>(image + (a << 3)));
    if (base != 0 && resultForm(a) != RESULT_NUMBER) store<u32>(out, load<u32>(out) + base);
    store<u8>(openSlot + resultValidityOffset(column, columns, resultRowsMax) + row, load<u8>(image + (aggregateCount << 3) + a));
  }
}
