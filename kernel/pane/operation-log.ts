/**
 * Operations on the accumulators of custom aggregates, which live where the functions are: told to the output ring in the order in
 * which they happen (drawn in layout.ts).
 *
 * Before it, a record enters a window, windows merge, a window is emptied; after it, pending-panes writes them between the results.
 *
 * Invariant: at a barrier everything that has happened has been told, so what the other side keeps belongs to the same cut.
 */
import { HANDLES_A_GROUP, OPERATION_ADD, OPERATION_DROP, OPERATION_MERGE } from "../layout";
import { blobBytes, blobPtr, resetBlobs } from "../batch/blob-buffer";
import { recordBytes, releaseRecord, storeRecord, writeRecordsBlob } from "../aggregate/record-image";
import { allocate } from "../state/arena";
import { keyGroup } from "../state/key-table";
import { tellsOperations } from "./pane-config";
import { appendOperation } from "./pending-panes";
import { ENTRY_COUNT, ENTRY_KEY, ENTRY_SEQUENCE } from "./window-entry";

let image: usize = 0;

export function configureOperations(): bool {
  image = tellsOperations ? allocate(recordBytes) : 0;
  return !tellsOperations || image != 0;
}

/** The name of a window's accumulators. */
export function handleOf(entry: usize): f64 {
  return <f64>keyGroup(load<i32>(entry + ENTRY_KEY)) * <f64>HANDLES_A_GROUP + load<f64>(entry + ENTRY_SEQUENCE);
}

/** A record of the batch enters a window; false when memory is exhausted. */
export function tellRecord(entry: usize, row: i32): bool {
  if (!tellsOperations) return true;
  if (!storeRecord(image, row)) return false;
  resetBlobs();
  const isWritten = writeRecordsBlob(image, 1);
  releaseRecord(image);
  return isWritten && appendOperation(OPERATION_ADD, handleOf(entry), 0, blobPtr(), blobBytes());
}

/** The contents of a window go into another one; false when memory is exhausted. */
export function tellMerge(into: usize, from: usize): bool {
  return !tellsOperations || appendOperation(OPERATION_MERGE, handleOf(into), handleOf(from), 0, 0);
}

/** A window is emptied, or gone; false when memory is exhausted. */
export function tellDrop(entry: usize): bool {
  if (!tellsOperations || load<f64>(entry + ENTRY_COUNT) == 0) return true;
  return appendOperation(OPERATION_DROP, handleOf(entry), 0, 0, 0);
}
