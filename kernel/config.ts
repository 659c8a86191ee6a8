/**
 * What the kernel is to compute: the config block of layout.ts, read once by `configure` and checked here.
 *
 * Comes before everything else; every other file reads these values and none changes them. The block is copied to the
 * kernel's own state, so the runtime may reuse its bytes.
 *
 * Invariant: after `readConfig` answered true, every offset lies within its slot and every count within its limit.
 */
import {
  AGGREGATES_MAX, COLUMN_CODE, COLUMN_F64, COLUMNS_MAX, CONFIG_AGGREGATE_BYTES, CONFIG_AGGREGATE_COUNT, CONFIG_AGGREGATES,
  CONFIG_BATCH_ROWS_MAX, CONFIG_BYTES, CONFIG_COLUMN_BYTES, CONFIG_COLUMN_COUNT, CONFIG_COLUMNS, CONFIG_EPOCH, CONFIG_INPUT_RING,
  CONFIG_KEY_COUNT, CONFIG_KEY_GROUP_COLUMN, CONFIG_KEYS, CONFIG_LATE_POLICY, CONFIG_LATENESS_MS, CONFIG_LAYOUT_VERSION, CONFIG_OFFSET,
  CONFIG_OFFSET_MS, CONFIG_OUTPUT_RING, CONFIG_PAGES_MAX, CONFIG_RESULT_ROWS_MAX, CONFIG_SIZE_MS, CONFIG_SLIDE_MS, CONFIG_STATE,
  CONFIG_TABLE_BYTES_MAX, CONFIG_TIMESTAMP_COLUMN, CONFIG_VALUE_BYTES, CONFIG_VALUE_COUNT, CONFIG_VALUES, FN_COUNT, FN_COUNT_ROWS,
  FN_FIRST, FN_LAST, FN_STDDEV_POPULATION, FN_SUM_COMPENSATED, FN_VARIANCE_SAMPLE, KEYS_MAX, LATE_DROP, LATE_FAIL, LATE_OUTPUT,
  LAYOUT_VERSION, PAGE_BYTES, PART_BASIC, PART_COMPENSATED, PART_ENDS, PANE_RESULT_FIRST_KEY, PART_MOMENTS, RESULT_FIRST_KEY, resultSlotBytes,
  RING_SLOT_BYTES_OFFSET, RING_SLOT_COUNT_OFFSET, RING_SLOTS_OFFSET, RINGS_OFFSET, SLOT_HEADER_BYTES,
} from "./layout";

/** Event times lie within this distance of the epoch, as those of a JavaScript Date. */
export const TIME_MAX_MS: f64 = 8640000000000000;
/** Longer windows would leave no room for exact arithmetic between TIME_MAX_MS and 2^53. */
const DURATION_MAX_MS: f64 = 180000000000000;

export let inputRing: usize = 0;
export let outputRing: usize = 0;
export let stateOffset: usize = 0;
export let pagesMax: i32 = 0;
export let latePolicy: i32 = 0;
export let epoch: i32 = 0;
export let tableBytesMax: i32 = 0;
export let sizeMs: f64 = 0;
export let slideMs: f64 = 0;
export let offsetMs: f64 = 0;
export let latenessMs: f64 = 0;
export let batchRowsMax: i32 = 0;
export let resultRowsMax: i32 = 0;
export let timestampColumn: i32 = 0;
export let keyGroupColumn: i32 = 0;
export let columnCount: i32 = 0;
export let keyCount: i32 = 0;
export let valueCount: i32 = 0;
export let aggregateCount: i32 = 0;
/** Column of result slots in which the keys begin. */
export let resultFirstKey: i32 = 0;
let block: usize = 0;

export function columnKind(column: i32): i32 {
  return load<i32>(block + CONFIG_COLUMNS + column * CONFIG_COLUMN_BYTES);
}
export function columnValues(column: i32): i32 {
  return load<i32>(block + CONFIG_COLUMNS + column * CONFIG_COLUMN_BYTES + 4);
}
export function columnValidity(column: i32): i32 {
  return load<i32>(block + CONFIG_COLUMNS + column * CONFIG_COLUMN_BYTES + 8);
}
export function keyColumn(key: i32): i32 {
  return load<i32>(block + CONFIG_KEYS + key * 4);
}
export function valueColumn(value: i32): i32 {
  return load<i32>(block + CONFIG_VALUES + value * CONFIG_VALUE_BYTES);
}
export function valueParts(value: i32): i32 {
  return load<i32>(block + CONFIG_VALUES + value * CONFIG_VALUE_BYTES + 4) | PART_BASIC;
}
export function aggregateFunction(aggregate: i32): i32 {
  return load<i32>(block + CONFIG_AGGREGATES + aggregate * CONFIG_AGGREGATE_BYTES);
}
export function aggregateValue(aggregate: i32): i32 {
  return load<i32>(block + CONFIG_AGGREGATES + aggregate * CONFIG_AGGREGATE_BYTES + 4);
}
export function resultColumnCount(): i32 {
  return resultFirstKey + keyCount + aggregateCount;
}

/** Reads and checks the block at CONFIG_OFFSET, for the slice kernel. */
export function readConfig(): bool {
  resultFirstKey = RESULT_FIRST_KEY;
  return readCommon() && isWindowValid() && areAggregatesValid();
}

/** Reads and checks what both kernels have; window and aggregates of the pane kernel are for pane/pane-config to check. */
export function readPaneBlock(): bool {
  resultFirstKey = PANE_RESULT_FIRST_KEY;
  return readCommon();
}

/** Where the block is: the fields of the pane kernel are read from there. */
export function configBlock(): usize {
  return block;
}

function readCommon(): bool {
  block = CONFIG_OFFSET;
  if (load<i32>(block + CONFIG_LAYOUT_VERSION) != LAYOUT_VERSION) return false;
  inputRing = load<u32>(block + CONFIG_INPUT_RING);
  outputRing = load<u32>(block + CONFIG_OUTPUT_RING);
  stateOffset = load<u32>(block + CONFIG_STATE);
  pagesMax = load<i32>(block + CONFIG_PAGES_MAX);
  latePolicy = load<i32>(block + CONFIG_LATE_POLICY);
  epoch = load<i32>(block + CONFIG_EPOCH);
  tableBytesMax = load<i32>(block + CONFIG_TABLE_BYTES_MAX);
  sizeMs = load<f64>(block + CONFIG_SIZE_MS);
  slideMs = load<f64>(block + CONFIG_SLIDE_MS);
  offsetMs = load<f64>(block + CONFIG_OFFSET_MS);
  latenessMs = load<f64>(block + CONFIG_LATENESS_MS);
  batchRowsMax = load<i32>(block + CONFIG_BATCH_ROWS_MAX);
  resultRowsMax = load<i32>(block + CONFIG_RESULT_ROWS_MAX);
  timestampColumn = load<i32>(block + CONFIG_TIMESTAMP_COLUMN);
  keyGroupColumn = load<i32>(block + CONFIG_KEY_GROUP_COLUMN);
  columnCount = load<i32>(block + CONFIG_COLUMN_COUNT);
  keyCount = load<i32>(block + CONFIG_KEY_COUNT);
  valueCount = load<i32>(block + CONFIG_VALUE_COUNT);
  aggregateCount = load<i32>(block + CONFIG_AGGREGATE_COUNT);
  return areCountsValid() && areRingsValid() && areColumnsValid();
}

/** Moves the block to the kernel's own memory. */
export function keepConfig(ptr: usize): void {
  memory.copy(ptr, CONFIG_OFFSET, CONFIG_BYTES);
  block = ptr;
}

export function isDuration(ms: f64): bool {
  return ms >= 1 && ms <= DURATION_MAX_MS && Math.floor(ms) == ms;
}

function isWindowValid(): bool {
  if (!isDuration(sizeMs) || !isDuration(slideMs)) return false;
  if (!(Math.abs(offsetMs) <= TIME_MAX_MS) || Math.floor(offsetMs) != offsetMs) return false;
  return latenessMs >= 0 && (Math.floor(latenessMs) == latenessMs || latenessMs == Infinity);
}

function areCountsValid(): bool {
  if (columnCount < 0 || columnCount > COLUMNS_MAX || keyCount < 0 || keyCount > KEYS_MAX) return false;
  if (valueCount < 0 || valueCount > COLUMNS_MAX || aggregateCount < 0 || aggregateCount > AGGREGATES_MAX) return false;
  if (batchRowsMax < 1 || batchRowsMax > 1 << 20 || resultRowsMax < 1 || resultRowsMax > 1 << 20) return false;
  return latePolicy == LATE_DROP || latePolicy == LATE_OUTPUT || latePolicy == LATE_FAIL;
}

function slotBytes(ring: usize): i32 {
  return load<i32>(ring + RING_SLOT_BYTES_OFFSET);
}

function isRingValid(ring: usize): bool {
  if (ring < <usize>RINGS_OFFSET || (ring & 63) != 0 || ring + RING_SLOTS_OFFSET > stateOffset) return false;
  const count = load<i32>(ring + RING_SLOT_COUNT_OFFSET);
  const bytes = slotBytes(ring);
  if (count < 1 || (count & (count - 1)) != 0 || bytes < SLOT_HEADER_BYTES || (bytes & 63) != 0) return false;
  return <u64>ring + RING_SLOTS_OFFSET + <u64>count * <u64>bytes <= <u64>stateOffset;
}

function areRingsValid(): bool {
  if (pagesMax < 1 || pagesMax > 65536 || (stateOffset & 63) != 0) return false;
  if (<u64>stateOffset > <u64>memory.size() * PAGE_BYTES) return false;
  if (!isRingValid(inputRing) || !isRingValid(outputRing)) return false;
  if (<i64>resultRowsMax * resultColumnCount() * 9 > 1 << 30) return false;
  return resultSlotBytes(resultColumnCount(), resultRowsMax) <= slotBytes(outputRing);
}

function isWithinSlot(offset: i32, width: i32): bool {
  let bytes = slotBytes(inputRing);
  if (latePolicy == LATE_OUTPUT) bytes = min(bytes, slotBytes(outputRing));
  return offset >= SLOT_HEADER_BYTES && <i64>offset + <i64>batchRowsMax * width <= <i64>bytes;
}

function areColumnsValid(): bool {
  if (!isWithinSlot(timestampColumn, 8)) return false;
  if (keyGroupColumn != -1 && !isWithinSlot(keyGroupColumn, 4)) return false;
  for (let c = 0; c < columnCount; c++) {
    const kind = columnKind(c);
    if (kind != COLUMN_F64 && kind != COLUMN_CODE) return false;
    if (!isWithinSlot(columnValues(c), kind == COLUMN_F64 ? 8 : 4) || !isWithinSlot(columnValidity(c), 1)) return false;
  }
  for (let k = 0; k < keyCount; k++) if (<u32>keyColumn(k) >= <u32>columnCount) return false;
  for (let v = 0; v < valueCount; v++) if (<u32>valueColumn(v) >= <u32>columnCount) return false;
  return true;
}

function partOf(fn: i32): i32 {
  if (fn >= FN_VARIANCE_SAMPLE && fn <= FN_STDDEV_POPULATION) return PART_MOMENTS;
  if (fn == FN_FIRST || fn == FN_LAST) return PART_ENDS;
  return fn == FN_SUM_COMPENSATED ? PART_COMPENSATED : PART_BASIC;
}

function areAggregatesValid(): bool {
  for (let a = 0; a < aggregateCount; a++) {
    const fn = aggregateFunction(a);
    if (fn < FN_COUNT_ROWS || fn > FN_SUM_COMPENSATED) return false;
    if (fn == FN_COUNT_ROWS) continue;
    const value = aggregateValue(a);
    if (<u32>value >= <u32>valueCount || (valueParts(value) & partOf(fn)) == 0) return false;
    if (columnKind(valueColumn(value)) == COLUMN_CODE && fn != FN_COUNT) return false;
  }
  return true;
}
