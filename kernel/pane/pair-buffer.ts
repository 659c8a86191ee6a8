/**
 * Records that belong to windows but have not been added to their accumulators yet: pairs of (record, row).
 *
 * Before it, the operator finds the windows of each record; after it, aggregate/pane-row adds many records in tight loops.
 * Whoever reads, merges or empties a row flushes first.
 *
 * Invariant: pairs are added in the order they came, so each row sees its records in order of arrival.
 */
import { batchRowsMax } from "../config";
import { addPairs, bindBatch } from "../aggregate/pane-row";
import { allocate } from "../state/arena";

let records: usize = 0;
let rows: usize = 0;
let count = 0;

export function configurePairs(): bool {
  records = allocate(<usize>batchRowsMax * 4);
  rows = allocate(<usize>batchRowsMax * 4);
  count = 0;
  return records != 0 && rows != 0;
}

/** Notes that a record of the batch belongs to a row; false when memory is exhausted. */
export function addPair(record: i32, row: usize): bool {
  if (count == batchRowsMax && !flushPairs()) return false;
  store<u32>(records + (count << 2), record);
  store<u32>(rows + (count << 2), <u32>row);
  count++;
  return true;
}

/** Adds what has been noted; false when memory is exhausted. */
export function flushPairs(): bool {
  if (count == 0) return true;
  const pairs = count;
  count = 0;
  return bindBatch() && addPairs(records, rows, pairs);
}
