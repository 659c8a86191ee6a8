/**
 * Typed access to the slot of a batch: its rows, and its columns as plain f64 with validity bytes or none.
 *
 * Before it, the ring; after it, keys are resolved and rows accumulated. A column of string codes that is counted becomes a
 * column of zeros with validity.
 *
 * Invariant: after `openBatch` answered true, rowCount rows of every column lie within the slot.
 */
import {
  COLUMN_CODE, NULL_CODE, SLOT_GENERATION_OFFSET, SLOT_NULL_MASK_OFFSET, SLOT_ROW_COUNT_OFFSET, SLOT_WATERMARK_OFFSET,
} from "../layout";
import { batchRowsMax, columnCount, columnKind, columnValidity, columnValues, timestampColumn, valueColumn, valueCount } from "../config";
import { hasZeroByte } from "../aggregate/column-loops";
import { allocate } from "../state/arena";

export let batchSlot: usize = 0;
export let batchRows: i32 = 0;
/** Changes with every slot that is opened. */
export let batchNumber: i32 = 0;
/** Records of the batches before this one: with the row, a record's place in order of arrival. */
export let recordsBefore: f64 = 0;
let pointers: usize = 0; // for each value: u32 values, u32 validity bytes or 0
let zeros: usize = 0; // f64 column of a counted code column
let presence: usize = 0; // validity bytes for each value, where they are computed

export function configureBatches(): bool {
  pointers = allocate(valueCount * 8);
  zeros = allocate(<usize>batchRowsMax * 8);
  presence = allocate(<usize>batchRowsMax * max(valueCount, 1));
  if (pointers == 0 || zeros == 0 || presence == 0) return false;
  batchRows = 0;
  recordsBefore = 0;
  memory.fill(zeros, 0, <usize>batchRowsMax * 8);
  return true;
}

/** Takes up a batch slot; false when its header has impossible counts. */
export function openBatch(slot: usize): bool {
  batchSlot = slot;
  recordsBefore += <f64>batchRows;
  batchNumber++;
  batchRows = load<i32>(slot + SLOT_ROW_COUNT_OFFSET);
  if (batchRows < 0 || batchRows > batchRowsMax) return false;
  if (columnCount < 32 && load<u32>(slot + SLOT_NULL_MASK_OFFSET) >> columnCount != 0) return false;
  for (let v = 0; v < valueCount; v++) openValue(v);
  return true;
}

/** Goes on counting arrivals from here: those before are in restored state. */
export function setArrivals(count: f64): void {
  recordsBefore = max(recordsBefore + <f64>batchRows, count);
  batchRows = 0;
}

function openValue(value: i32): void {
  const column = valueColumn(value);
  let validity = validityOf(column);
  if (columnKind(column) == COLUMN_CODE) {
    const codes = batchSlot + columnValues(column);
    const present = presence + <usize>value * batchRowsMax;
    for (let i = 0; i < batchRows; i++) {
      store<u8>(present + i, u8(load<u32>(codes + i * 4) != <u32>NULL_CODE && (validity == 0 || load<u8>(validity + i) != 0)));
    }
    store<u32>(pointers + value * 8, <u32>zeros);
    validity = present;
  } else {
    store<u32>(pointers + value * 8, <u32>(batchSlot + columnValues(column)));
  }
  if (validity != 0 && !hasZeroByte(validity, batchRows)) validity = 0;
  store<u32>(pointers + value * 8 + 4, <u32>validity);
}

/** Validity bytes of a data column, 0 when the slot has none. */
export function validityOf(column: i32): usize {
  const has = (load<u32>(batchSlot + SLOT_NULL_MASK_OFFSET) >> column) & 1;
  return has ? batchSlot + columnValidity(column) : 0;
}
export function valuesPtr(value: i32): usize {
  return load<u32>(pointers + value * 8);
}
/** Validity bytes of an aggregated column, 0 when no row of the batch is null. */
export function valuesValidity(value: i32): usize {
  return load<u32>(pointers + value * 8 + 4);
}
export function timesPtr(): usize {
  return batchSlot + timestampColumn;
}
export function timeOf(row: i32): f64 {
  return load<f64>(batchSlot + timestampColumn + (row << 3));
}
export function batchWatermark(): f64 {
  return load<f64>(batchSlot + SLOT_WATERMARK_OFFSET);
}
export function batchGeneration(): i32 {
  return load<i32>(batchSlot + SLOT_GENERATION_OFFSET);
}
