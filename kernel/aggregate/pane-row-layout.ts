/**
 * The bytes of a pane's row, empty rows and the end of rows.
 *
 *     blocks of state/accumulator-row, for each value    ROWS      blocks of aggregate/pane-blocks
 *     ┌───────┬─────────┬──────────┬──────┬─────────────┬─────────┬──────────┬──────────┬───
 *     │ BASIC │ MOMENTS │ NEUMAIER │ ENDS │ ...         │ count,– │ block 0  │ block 1  │ ...
 *     └───────┴─────────┴──────────┴──────┴─────────────┴─────────┴──────────┴──────────┴───
 *
 * Before it, the config has been read; after it, aggregate/pane-row adds to rows and merges them. Rows may be moved as they are: what
 * lies elsewhere belongs to the row by its pointers.
 *
 * Invariant: a row is made by `clearPaneRow` or restored; before its bytes are given up, `releasePaneRow` has been called.
 */
import { addRowsBlock, clearRows, configureRows, countOffset, hasRows, rowBytes } from "../state/accumulator-row";
import { allocate } from "../state/arena";
import { releaseBlock } from "./block-operations";
import { blockCount, blockOffset, blocksEnd, configureBlocks } from "./pane-blocks";

/** Bytes of a row, a multiple of 8. */
export let paneRowBytes: i32 = 0;
let emptyRow: usize = 0;

export function configureLayout(): bool {
  if (!configureRows()) return false;
  if (!hasRows) addRowsBlock();
  if (!configureBlocks(rowBytes)) return false;
  paneRowBytes = blocksEnd;
  emptyRow = allocate(paneRowBytes);
  if (emptyRow == 0) return false;
  clearRows(emptyRow, 1);
  memory.fill(emptyRow + rowBytes, 0, paneRowBytes - rowBytes);
  return true;
}

/** Makes a row of memory that holds anything. */
export function clearPaneRow(row: usize): void {
  memory.copy(row, emptyRow, paneRowBytes);
}

/** Empties a row, giving back what it has elsewhere. */
export function releasePaneRow(row: usize): void {
  for (let b = 0; b < blockCount; b++) releaseBlock(b, row + blockOffset(b));
  clearPaneRow(row);
}

/** How many records have been added to a row. */
export function paneRowCount(row: usize): f64 {
  return load<f64>(row + countOffset);
}
