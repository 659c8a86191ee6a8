/**
 * Late rows → late slots: copies of the row, in the columns of the input slot.
 *
 * Before it, the late rule of the window operator (policy LATE_OUTPUT); after it, the consumer of the output ring.
 *
 * Invariant: codes in a late slot are the producer's, of the generation in its header.
 */
import { COLUMN_F64, SLOT_GENERATION_OFFSET, SLOT_LATE, SLOT_NULL_MASK_OFFSET } from "../layout";
import { batchRowsMax, columnCount, columnKind, columnValidity, columnValues, keyGroupColumn, timestampColumn } from "../config";
import { batchGeneration, batchSlot, validityOf } from "./record-batch";
import { addRows, openFor, openRows, openSlot } from "./output-slot";

/** Copies a row of the batch; false when the output ring is full. */
export function writeLateRow(row: i32): bool {
  if (openFor(SLOT_LATE, batchRowsMax) == 0) return false;
  const to = openRows;
  store<i32>(openSlot + SLOT_NULL_MASK_OFFSET, load<i32>(batchSlot + SLOT_NULL_MASK_OFFSET));
  store<i32>(openSlot + SLOT_GENERATION_OFFSET, batchGeneration());
  store<f64>(openSlot + timestampColumn + to * 8, load<f64>(batchSlot + timestampColumn + row * 8));
  if (keyGroupColumn >= 0) store<i32>(openSlot + keyGroupColumn + to * 4, load<i32>(batchSlot + keyGroupColumn + row * 4));
  for (let c = 0; c < columnCount; c++) {
    const values = columnValues(c);
    if (columnKind(c) == COLUMN_F64) store<u64>(openSlot + values + to * 8, load<u64>(batchSlot + values + row * 8));
    else store<u32>(openSlot + values + to * 4, load<u32>(batchSlot + values + row * 4));
    const validity = validityOf(c);
    if (validity != 0) store<u8>(openSlot + columnValidity(c) + to, load<u8>(validity + row));
  }
  addRows(1);
  return true;
}
