/**
 * Single cells of the batch that window assignment and triggers look at: the columns that the runtime has computed for them.
 *
 * Before it, batch/record-batch has opened the slot; after it, assigners and triggers.
 *
 * Invariant: null is NaN.
 */
import { columnValues } from "../config";
import { batchSlot, validityOf } from "../batch/record-batch";

/** A number column of a record; NaN when it is null. */
export function numberOf(column: i32, row: i32): f64 {
  const validity = validityOf(column);
  if (validity != 0 && load<u8>(validity + row) == 0) return NaN;
  return load<f64>(batchSlot + columnValues(column) + (row << 3));
}
