/**
 * The row of a pane: all that the aggregates of one window keep. What pane/ knows of aggregates, it knows from here.
 *
 * Before it, records have been bound (aggregate/bound-values) and windows found; after it, results go to cells and blobs.
 *
 * Invariant: each row gets its records in the order of the pairs, and merging changes nothing but the last bits of sums.
 */
import { allocate } from "../state/arena";
import { configureBlobs } from "../batch/blob-buffer";
import { valueCount, valueParts } from "../config";
import { PART_ENDS, PART_SKETCH } from "../layout";
import { addColumn, addRecords, mergeRows } from "./accumulator";
import { boundNumbers, boundTimes, boundValidity, configureBindings } from "./bound-values";
import { CONSTANT_BYTES, redirectNulls, writeConstants } from "./column-loops";
import { configureRegisters } from "./hyper-log-log";
import { addToBlock, mergeBlock } from "./block-operations";
import { blockB, blockCount, blockOffset, blockPart } from "./pane-blocks";
import { clearPaneRow, configureLayout, paneRowBytes, releasePaneRow } from "./pane-row-layout";
import { configureSketches, fitSketch } from "./quantile-sketch";
import { configureResults } from "./pane-results";
import { configureRecords } from "./record-image";
import { configureTopLists } from "./top-list";

export { resultForm } from "./aggregate-config";
export { bindBatch } from "./bound-values";
export { clearPaneRow, paneRowBytes, paneRowCount, releasePaneRow } from "./pane-row-layout";
export { paneRowSnapshotBytes, restorePaneRow, snapshotPaneRow } from "./pane-row-snapshot";
export { writePaneResults } from "./pane-results";

/** Pairs added at once: their gathered columns stay in a cache. */
const CHUNK = 1024;

let trashRow: usize = 0;
let constants: usize = 0;
let redirected: usize = 0; // u32 for each pair
let numbers: usize = 0; // f64 for each pair, where they do not lie one after the other
let times: usize = 0;
let validity: usize = 0;
let wantsTimes: bool = false;

/** Lays out the row. After the config has been read and kept and the arena begun. */
export function configurePaneRows(): bool {
  if (!configureLayout()) return false;
  trashRow = allocate(paneRowBytes);
  constants = allocate(CONSTANT_BYTES);
  redirected = allocate(CHUNK * 4);
  numbers = allocate(CHUNK * 8);
  times = allocate(CHUNK * 8);
  validity = allocate(CHUNK);
  if (trashRow == 0 || constants == 0 || redirected == 0 || numbers == 0 || times == 0 || validity == 0) return false;
  writeConstants(constants);
  clearPaneRow(trashRow);
  wantsTimes = false;
  for (let v = 0; v < valueCount; v++) if (valueParts(v) & PART_ENDS) wantsTimes = true;
  configureRecords();
  if (!configureBlobs() || !configureBindings() || !configureResults() || !configureRegisters()) return false;
  if (!configureTopLists() || !configureSketches(blockCount)) return false;
  for (let b = 0; b < blockCount; b++) if (blockPart(b) == PART_SKETCH) fitSketch(b, blockB(b));
  return true;
}

/** Adds record records[i], by its index in what is bound, to row rows[i], in order; false when memory is exhausted. */
export function addPairs(records: usize, rows: usize, count: i32): bool {
  for (let done = 0; done < count; done += CHUNK) {
    if (!addChunk(records + (done << 2), rows + (done << 2), min(CHUNK, count - done))) return false;
  }
  return true;
}

function addChunk(records: usize, rows: usize, count: i32): bool {
  const isRun = isConsecutive(records, count);
  const first = <usize>load<u32>(records);
  let timesOf = boundTimes + (first << 3);
  if (!isRun && wantsTimes) {
    gather(records, count, boundTimes, times);
    timesOf = times;
  }
  for (let v = 0; v < valueCount; v++) {
    let values = boundNumbers(v) + (first << 3);
    let present = boundValidity(v);
    if (!isRun) {
      gather(records, count, boundNumbers(v), numbers);
      values = numbers;
    }
    let to = rows;
    if (present != 0) {
      if (isRun) present += first;
      else {
        gatherBytes(records, count, present, validity);
        present = validity;
      }
      redirectNulls(rows, present, count, trashRow, redirected);
      to = redirected;
    }
    addColumn(v, to, count, values, 8, timesOf, 8, constants);
  }
  addRecords(rows, count);
  for (let b = 0; b < blockCount; b++) if (!addToBlock(b, records, rows, count)) return false;
  return true;
}

function isConsecutive(records: usize, count: i32): bool {
  const first = load<u32>(records);
  let differences: u32 = 0;
  for (let i = 0; i < count; i++) differences |= load<u32>(records + (i << 2)) - first - i;
  return differences == 0;
}

function gather(records: usize, count: i32, column: usize, out: usize): void {
  for (let i = 0; i < count; i++) store<u64>(out + (i << 3), load<u64>(column + (<usize>load<u32>(records + (i << 2)) << 3)));
}
function gatherBytes(records: usize, count: i32, column: usize, out: usize): void {
  for (let i = 0; i < count; i++) store<u8>(out + i, load<u8>(column + load<u32>(records + (i << 2))));
}

/** Adds the row `from` to `into`; it is empty afterwards. Answers false when memory is exhausted. */
export function mergePaneRow(into: usize, from: usize): bool {
  mergeRows(into, into, from, 1);
  for (let b = 0; b < blockCount; b++) if (!mergeBlock(b, into + blockOffset(b), from + blockOffset(b))) return false;
  releasePaneRow(from);
  return true;
}
