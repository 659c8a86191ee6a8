/**
 * Where the values of records lie that are to be added: in the columns of the input slot, or in columns staged from kept records.
 *
 * Before it, the slot has been opened (batch/record-batch) or records have been kept (aggregate/record-image); after it,
 * aggregate/pane-row adds records by their index in these columns.
 *
 * Invariant: cells of text values are local codes, valid wherever the validity byte is not 0.
 */
import { COLUMN_F64, NULL_CODE, PART_COUNTS, PART_EXTREMES, PART_LARGEST, PART_REGISTERS, PART_SAMPLES } from "../layout";
import { batchRowsMax, columnValues, valueColumn, valueCount, valueParts, columnKind } from "../config";
import { batchNumber, batchRows, batchSlot, recordsBefore, setArrivals, timesPtr, validityOf, valuesPtr, valuesValidity } from "../batch/record-batch";
import { allocate, bytesOf } from "../state/arena";
import { intern, localCode } from "../state/dictionary";
import { isTextValue, valueSecond } from "./aggregate-config";
import { hasZeroByte } from "./column-loops";

/** Records staged at once, at most. */
export const stagedRecordsMax: i32 = 1024;
const KEEPS_CELLS = PART_COUNTS | PART_EXTREMES | PART_LARGEST | PART_REGISTERS | PART_SAMPLES;

const NUMBERS = 0; // u32, f64 each: the values, of a text zeros
const CELLS = 4; // u32, 8 bytes each: the values, of a text local codes
const VALIDITY = 8; // u32, a byte each, or 0 when all are there
const SECONDS = 12; // u32, f64 each
const BOTH = 16; // u32, a byte each for value and second, or 0 when all are there
const BINDING_BYTES = 32;
const ARRIVAL_MAX: f64 = 9007199254740992;

let batchBindings: usize = 0; // BINDING_BYTES for each value
let stagedBindings: usize = 0;
let bindings: usize = 0; // one of the two
let batchColumns: usize = 0; // for each value: codes, and validity of both
let stagedColumns: usize = 0; // for each value: cells, seconds, validity of the value and of both; then zeros
let stagedTimes: usize = 0; // times, then arrivals
let boundBatch: i32 = 0; // number of the batch that is bound
export let boundTimes: usize = 0; // f64 each

export function configureBindings(): bool {
  batchBindings = allocate(max(valueCount, 1) * BINDING_BYTES);
  stagedBindings = allocate(max(valueCount, 1) * BINDING_BYTES);
  batchColumns = allocate(bytesOf(batchRowsMax, max(valueCount, 1) * 9));
  stagedColumns = allocate(stagedRecordsMax * (valueCount * 18 + 8));
  stagedTimes = allocate(stagedRecordsMax * 16);
  if (batchBindings == 0 || stagedBindings == 0 || batchColumns == 0 || stagedColumns == 0 || stagedTimes == 0) return false;
  memory.fill(stagedZeros(), 0, stagedRecordsMax * 8);
  boundBatch = batchNumber;
  bindings = batchBindings;
  return true;
}

function binding(value: i32): usize {
  return bindings + value * BINDING_BYTES;
}
export function boundNumbers(value: i32): usize {
  return load<u32>(binding(value) + NUMBERS);
}
export function boundCells(value: i32): usize {
  return load<u32>(binding(value) + CELLS);
}
export function boundValidity(value: i32): usize {
  return load<u32>(binding(value) + VALIDITY);
}
export function boundSeconds(value: i32): usize {
  return load<u32>(binding(value) + SECONDS);
}
export function boundBoth(value: i32): usize {
  return load<u32>(binding(value) + BOTH);
}
/** A record's place in order of arrival. */
export function arrivalOf(record: u32): f64 {
  return bindings == stagedBindings ? load<f64>(stagedTimes + (stagedRecordsMax + record) * 8) : recordsBefore + <f64>record;
}

export function isArrival(place: f64): bool {
  return place >= 0 && place < ARRIVAL_MAX && Math.floor(place) == place;
}
/** State that is restored has a record of this place: others come after it. */
export function noteArrival(place: f64): void {
  setArrivals(place + 1);
}

export function keepsCodes(value: i32): bool {
  return isTextValue(value) && (valueParts(value) & KEEPS_CELLS) != 0;
}

/** Values come from the input slot. Answers false when it has a code that no dictionary slot has told. Cheap when it is bound already. */
export function bindBatch(): bool {
  bindings = batchBindings;
  boundTimes = timesPtr();
  if (boundBatch == batchNumber) return true;
  for (let v = 0; v < valueCount; v++) if (!bindValue(v)) return false;
  boundBatch = batchNumber;
  return true;
}

function bindValue(value: i32): bool {
  const at = binding(value);
  const columns = batchColumns + <usize>batchRowsMax * (value * 9);
  const both = columns + <usize>batchRowsMax * 8;
  const validity = valuesValidity(value);
  store<u32>(at + NUMBERS, <u32>valuesPtr(value));
  store<u32>(at + CELLS, <u32>(keepsCodes(value) ? columns : valuesPtr(value)));
  store<u32>(at + VALIDITY, <u32>validity);
  store<u32>(at + BOTH, <u32>validity);
  if (keepsCodes(value) && !bindCodes(batchSlot + columnValues(valueColumn(value)), validity, columns)) return false;
  const second = valueSecond(value);
  if (second < 0) return true;
  store<u32>(at + SECONDS, <u32>(batchSlot + columnValues(second)));
  const secondValidity = validityOf(second);
  if (secondValidity == 0 || !hasZeroByte(secondValidity, batchRows)) return true;
  store<u32>(at + BOTH, <u32>both);
  for (let i = 0; i < batchRows; i++) {
    const isThere = load<u8>(secondValidity + i) != 0 && (validity == 0 || load<u8>(validity + i) != 0);
    store<u8>(both + i, u8(isThere));
  }
  return true;
}

function bindCodes(codes: usize, validity: usize, out: usize): bool {
  for (let i = 0; i < batchRows; i++) {
    let code = 0;
    if (validity == 0 || load<u8>(validity + i) != 0) {
      code = localCode(load<u32>(codes + i * 4));
      if (code < 0) return false;
    }
    store<u64>(out + i * 8, <u64>code);
  }
  return true;
}

function stagedZeros(): usize {
  return stagedColumns + stagedRecordsMax * (valueCount * 18);
}

/** Values come from the staged columns, which `stage...` fills. */
export function bindStaged(): void {
  bindings = stagedBindings;
  boundTimes = stagedTimes;
  for (let v = 0; v < valueCount; v++) {
    const at = binding(v);
    const cells = stagedColumns + stagedRecordsMax * (v * 18);
    store<u32>(at + NUMBERS, <u32>(isTextValue(v) ? stagedZeros() : cells));
    store<u32>(at + CELLS, <u32>cells);
    store<u32>(at + SECONDS, <u32>(cells + stagedRecordsMax * 8));
    store<u32>(at + VALIDITY, <u32>(cells + stagedRecordsMax * 16));
    store<u32>(at + BOTH, <u32>(cells + stagedRecordsMax * 17));
  }
}

export function stageTime(record: i32, ms: f64, arrival: f64): void {
  store<f64>(stagedTimes + record * 8, ms);
  store<f64>(stagedTimes + (stagedRecordsMax + record) * 8, arrival);
}

/** Stages one value of a record: its cell and the second column's, each with whether it is there. After `bindStaged`. */
export function stageValue(value: i32, record: i32, cell: u64, isThere: bool, second: f64, isSecondThere: bool): void {
  const at = binding(value);
  store<u64>(load<u32>(at + CELLS) + record * 8, cell);
  store<f64>(load<u32>(at + SECONDS) + record * 8, second);
  store<u8>(load<u32>(at + VALIDITY) + record, u8(isThere));
  store<u8>(load<u32>(at + BOTH) + record, u8(isThere && isSecondThere));
}

/** Whether a data column of the input slot has a value, and which: a number's bits or, held by nobody yet, a local code. */
export let cellFound: u64 = 0;
export function findCell(column: i32, row: i32): bool {
  const validity = validityOf(column);
  if (validity != 0 && load<u8>(validity + row) == 0) return false;
  if (columnKind(column) == COLUMN_F64) {
    cellFound = load<u64>(batchSlot + columnValues(column) + (row << 3));
    return true;
  }
  const code = load<u32>(batchSlot + columnValues(column) + (row << 2));
  if (code == <u32>NULL_CODE) return false;
  // Columns of which only the nulls matter travel without their dictionary: their texts are empty.
  const local = localCode(code);
  cellFound = <u64><i64>(local < 0 ? intern(batchSlot, 0, -1) : local);
  return true;
}
