/**
 * A row as bytes of a snapshot and back.
 *
 *     records f64 │ for each value: blocks of state/accumulator-row │ blocks of aggregate/pane-blocks, each of its own length
 *
 * Before it, pane/ writes sections of windows; after it, a restored row goes on as if it had never been away.
 *
 * Invariant: equal rows give equal bytes; and no byte is believed: what passes is a row that records could have made, but for the
 * values of numbers.
 */
import { PART_ENDS } from "../layout";
import { TIME_MAX_MS, valueCount, valueParts } from "../config";
import { basicOffset, countOffset, endsOffset, rowBytes, ROWS_BYTES } from "../state/accumulator-row";
import { blockSnapshotBytes, restoreBlock, settleBlock, snapshotBlock } from "./block-operations";
import { blockCount, blockOffset, blockValue } from "./pane-blocks";
import { clearPaneRow, releasePaneRow } from "./pane-row-layout";
import { oneNaN, resetCells } from "./value-cell";

const COUNT_MAX: f64 = 9007199254740992;
const VALUES = 8; // offset of the values in the bytes

function valuesBytes(): i32 {
  return rowBytes - ROWS_BYTES;
}

/** Bytes of a row, a multiple of 8. */
export function paneRowSnapshotBytes(row: usize): i32 {
  let bytes = VALUES + valuesBytes();
  for (let b = 0; b < blockCount; b++) {
    settleBlock(b, row + blockOffset(b));
    bytes += blockSnapshotBytes(b, row + blockOffset(b));
  }
  return bytes;
}

/** Writes a row; answers where the bytes end. */
export function snapshotPaneRow(row: usize, to: usize): usize {
  store<f64>(to, load<f64>(row + countOffset));
  to += VALUES;
  for (let i = 0; i < valuesBytes(); i += 8) store<f64>(to + i, oneNaN(load<f64>(row + i)));
  to += valuesBytes();
  for (let b = 0; b < blockCount; b++) to = snapshotBlock(b, row + blockOffset(b), to);
  return to;
}

/** Reads a row into memory that holds anything; answers where its bytes end, 0 when they are none or (isOutOfMemory) do not fit. */
export function restorePaneRow(from: usize, end: usize, row: usize): usize {
  clearPaneRow(row);
  resetCells();
  if (end < from || end - from < <usize>(VALUES + valuesBytes()) || !areValuesValid(from)) return 0;
  store<f64>(row + countOffset, load<f64>(from));
  from += VALUES;
  for (let v = 0; v < valueCount; v++) {
    const offset = basicOffset(v);
    // Blocks of a value without records stay empty, whatever the bytes say.
    if (load<f64>(from + offset, 8) == 0) continue;
    const after = v + 1 < valueCount ? basicOffset(v + 1) : valuesBytes();
    memory.copy(row + offset, from + offset, after - offset);
  }
  from += valuesBytes();
  for (let b = 0; b < blockCount; b++) {
    const values = load<f64>(row + basicOffset(blockValue(b)), 8);
    from = restoreBlock(b, from, end, row + blockOffset(b), values);
    if (from != 0) continue;
    releasePaneRow(row);
    return 0;
  }
  return from;
}

function areValuesValid(from: usize): bool {
  const records = load<f64>(from);
  if (!(records >= 0) || records > COUNT_MAX || Math.floor(records) != records) return false;
  for (let v = 0; v < valueCount; v++) {
    const basic = from + VALUES + basicOffset(v);
    const count = load<f64>(basic, 8);
    if (!(count >= 0) || count > records || Math.floor(count) != count) return false;
    if (load<f64>(basic, 16) != load<f64>(basic, 16) || load<f64>(basic, 24) != load<f64>(basic, 24)) return false;
    if ((valueParts(v) & PART_ENDS) == 0 || count == 0) continue;
    const ends = from + VALUES + endsOffset(v);
    if (!(Math.abs(load<f64>(ends)) <= TIME_MAX_MS) || !(Math.abs(load<f64>(ends, 16)) <= TIME_MAX_MS)) return false;
    if (load<f64>(ends, 16) < load<f64>(ends)) return false;
  }
  return true;
}
