/**
 * Fired panes → rows of result slots, column by column; strings of their keys first, in dictionary slots.
 *
 * Before it, a window has been merged; after it, the consumer of the output ring. The drawing of a result slot is in layout.ts.
 *
 * Invariant: a local string code is sent before the first result that uses it.
 */
import {
  ENTRY_BYTE_LENGTH_OFFSET, ENTRY_BYTES_OFFSET, ENTRY_CODE_OFFSET, ENTRY_KEY_GROUP_OFFSET, entryBytes, RESULT_FIRST_KEY, RESULT_PANE,
  RESULT_WINDOW_END, RESULT_WINDOW_START, resultColumnOffset, resultValidityOffset, SLOT_DICTIONARY, SLOT_HEADER_BYTES,
  SLOT_PAYLOAD_BYTES_OFFSET, SLOT_RESULT, SLOT_ROW_COUNT_OFFSET,
} from "../layout";
import { aggregateCount, aggregateFunction, aggregateValue, keyCount, resultColumnCount, resultRowsMax } from "../config";
import { writeResults } from "../aggregate/accumulator";
import { claimSlot, outputSlotBytes, publishSlot } from "../ring/spsc-ring";
import { markSent, nextUnsent, stringBytes, stringGroup, stringPtr } from "../state/dictionary";
import { componentPtr, isOneString, isStringComponent, NULL_COMPONENT, nullRow } from "../state/key-table";
import { addRows, closeSlot, openFor, openRows, openSlot } from "./output-slot";

export let panesWritten: f64 = 0;

export function resetPanes(): void {
  panesWritten = 0;
}

/** How many panes can be written now; 0 when the output ring is full. */
export function panesRoom(): i32 {
  if (nextUnsent() >= 0 && !sendStrings()) return 0;
  return openFor(SLOT_RESULT, resultRowsMax);
}

/** Longest string that fits an output slot. */
export function stringBytesMax(): i32 {
  return outputSlotBytes() - SLOT_HEADER_BYTES - entryBytes(0);
}

function sendStrings(): bool {
  closeSlot();
  while (nextUnsent() >= 0) {
    const slot = claimSlot(SLOT_DICTIONARY);
    if (slot == 0) return false;
    const end = slot + outputSlotBytes();
    let entry = slot + SLOT_HEADER_BYTES;
    let count = 0;
    for (let code = nextUnsent(); code >= 0; code = nextUnsent()) {
      const bytes = stringBytes(code);
      if (entry + entryBytes(bytes) > end) break;
      store<i32>(entry + ENTRY_CODE_OFFSET, code);
      store<i32>(entry + ENTRY_KEY_GROUP_OFFSET, stringGroup(code));
      store<i32>(entry + ENTRY_BYTE_LENGTH_OFFSET, bytes);
      memory.copy(entry + ENTRY_BYTES_OFFSET, stringPtr(code), bytes);
      entry += entryBytes(bytes);
      markSent();
      count++;
    }
    store<i32>(slot + SLOT_ROW_COUNT_OFFSET, count);
    store<i32>(slot + SLOT_PAYLOAD_BYTES_OFFSET, <i32>(entry - slot) - SLOT_HEADER_BYTES);
    publishSlot();
  }
  return true;
}

/**
 * Writes `count` panes of one window, at most what `panesRoom` answered.
 *
 * @param rows - u32 pointer of each accumulator row.
 * @param keys - u32 key row of each.
 */
export function writePanes(rows: usize, keys: usize, count: i32, startMs: f64, endMs: f64, pane: f64): void {
  const columns = resultColumnCount();
  const at = openSlot + (openRows << 3);
  fill(at + resultColumnOffset(RESULT_WINDOW_START, resultRowsMax), count, startMs);
  fill(at + resultColumnOffset(RESULT_WINDOW_END, resultRowsMax), count, endMs);
  fill(at + resultColumnOffset(RESULT_PANE, resultRowsMax), count, pane);
  for (let k = 0; k < keyCount; k++) {
    const column = RESULT_FIRST_KEY + k;
    const validity = openSlot + resultValidityOffset(column, columns, resultRowsMax) + openRows;
    writeKeys(keys, count, k, at + resultColumnOffset(column, resultRowsMax), validity);
  }
  for (let a = 0; a < aggregateCount; a++) {
    const column = RESULT_FIRST_KEY + keyCount + a;
    const validity = openSlot + resultValidityOffset(column, columns, resultRowsMax) + openRows;
    writeResults(aggregateFunction(a), aggregateValue(a), rows, count, at + resultColumnOffset(column, resultRowsMax), validity);
  }
  addRows(count);
  panesWritten += <f64>count;
}

function fill(out: usize, count: i32, value: f64): void {
  const pair = f64x2.splat(value);
  const end = out + ((count & ~1) << 3);
  for (; out < end; out += 16) v128.store(out, pair);
  if (count & 1) store<f64>(out, value);
}

function writeKeys(keys: usize, count: i32, key: i32, out: usize, validity: usize): void {
  if (isOneString && nullRow < 0) {
    writeCodes(keys, count, out);
    memory.fill(validity, 1, count);
    return;
  }
  const isString = isStringComponent(key);
  const first = componentPtr(0) + (key << 3);
  const bytes = keyCount << 3;
  for (const end = keys + (count << 2); keys < end; keys += 4, out += 8, validity++) {
    const component = load<u64>(first + load<u32>(keys) * bytes);
    const isThere = component != NULL_COMPONENT;
    const bits = isString ? reinterpret<u64>(<f64>(<u32>component)) : component;
    store<u64>(out, isThere ? bits : 0);
    store<u8>(validity, u8(isThere));
  }
}

// Local codes of keys that are one string each, none of them null.
function writeCodes(keys: usize, count: i32, out: usize): void {
  const codes = componentPtr(0);
  const end = keys + ((count & ~1) << 2);
  for (; keys < end; keys += 8, out += 16) {
    const pair = v128.load32_lane(codes + (<usize>load<u32>(keys, 4) << 3), v128.load32_zero(codes + (<usize>load<u32>(keys) << 3)), 1);
    v128.store(out, f64x2.convert_low_i32x4_u(pair));
  }
  if (count & 1) store<f64>(out, <f64>load<u32>(codes + (<usize>load<u32>(keys) << 3)));
}
