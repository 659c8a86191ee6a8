/**
 * Which blocks a row of the pane kernel has after those of state/accumulator-row, and which aggregate reads which.
 *
 * Before it, aggregate/aggregate-config has checked the config; after it, aggregate/pane-row adds to the blocks one by one.
 * Aggregates of the same value share a block when they need the same of it: two quantiles of one accuracy, mode and top of one
 * column.
 *
 * Invariant: offsets are multiples of 8, and a block of zeros is empty.
 */
import {
  FN_COLLECT, FN_CONCAT, FN_COUNT_ROWS, FN_RECORDS, PART_COUNTS, PART_EXTREMES, PART_HISTOGRAM, PART_LARGEST, PART_REGISTERS,
  PART_SAMPLES, PART_SECOND, PART_SKETCH, PART_TIMES,
} from "../layout";
import { aggregateCount, aggregateFunction, aggregateValue } from "../config";
import { allocate } from "../state/arena";
import { isTextValue, parameterA, parameterB, partOf } from "./aggregate-config";
import { SECOND_BYTES, TIMES_BYTES } from "./co-moments";
import { EXTREMES_BYTES } from "./extremes";

/** Block of what lies elsewhere: u32 pointer, i32 count, i32 capacity, i32 by part. */
export const LIST_BLOCK_BYTES = 16;

const OWN_PARTS = PART_COUNTS | PART_EXTREMES | PART_HISTOGRAM | PART_LARGEST | PART_REGISTERS | PART_SAMPLES | PART_SECOND | PART_SKETCH | PART_TIMES;
const BLOCK_PART = 0; // i32
const BLOCK_VALUE = 4; // i32
const BLOCK_OFFSET = 8; // i32
const BLOCK_IS_TEXT = 12; // i32
const BLOCK_A = 16; // f64
const BLOCK_B = 24; // f64
const BLOCK_BYTES = 32;

export let blockCount: i32 = 0;
export let blocksEnd: i32 = 0; // bytes of a row with all blocks
let blocks: usize = 0;
let blockOf: usize = 0; // i32 by aggregate, −1: none

/** Lays out blocks from `offset` on. */
export function configureBlocks(offset: i32): bool {
  blocks = allocate(max(aggregateCount, 1) * BLOCK_BYTES);
  blockOf = allocate(max(aggregateCount, 1) * 4);
  if (blocks == 0 || blockOf == 0) return false;
  blockCount = 0;
  blocksEnd = offset;
  for (let a = 0; a < aggregateCount; a++) {
    const fn = aggregateFunction(a);
    const isOwn = fn != FN_COUNT_ROWS && fn < FN_RECORDS && (partOf(fn) & OWN_PARTS) != 0;
    store<i32>(blockOf + a * 4, isOwn ? obtainBlock(a, fn) : -1);
  }
  return true;
}

function obtainBlock(aggregate: i32, fn: i32): i32 {
  const part = partOf(fn);
  const value = aggregateValue(aggregate);
  let a: f64 = 0;
  let b: f64 = 0;
  if (part == PART_REGISTERS || part == PART_HISTOGRAM || part == PART_LARGEST) a = parameterA(aggregate);
  if (part == PART_SKETCH || part == PART_HISTOGRAM) b = parameterB(aggregate);
  if (part == PART_SAMPLES) {
    // Functions of samples other than lists want them all, by event time.
    const isList = fn == FN_COLLECT || fn == FN_CONCAT;
    a = isList ? parameterA(aggregate) : Infinity;
    b = isList ? parameterB(aggregate) : 1;
  }
  for (let i = 0; i < blockCount; i++) {
    if (blockPart(i) == part && blockValue(i) == value && blockA(i) == a && blockB(i) == b) return i;
  }
  const at = blocks + blockCount * BLOCK_BYTES;
  store<i32>(at + BLOCK_PART, part);
  store<i32>(at + BLOCK_VALUE, value);
  store<i32>(at + BLOCK_OFFSET, blocksEnd);
  store<i32>(at + BLOCK_IS_TEXT, i32(isTextValue(value)));
  store<f64>(at + BLOCK_A, a);
  store<f64>(at + BLOCK_B, b);
  blocksEnd += bytesOfBlock(part, <i32>b);
  return blockCount++;
}

function bytesOfBlock(part: i32, bounds: i32): i32 {
  if (part == PART_SECOND) return SECOND_BYTES;
  if (part == PART_TIMES) return TIMES_BYTES;
  if (part == PART_EXTREMES) return EXTREMES_BYTES;
  return part == PART_HISTOGRAM ? (bounds + 1) * 8 : LIST_BLOCK_BYTES;
}

export function blockPart(block: i32): i32 {
  return load<i32>(blocks + block * BLOCK_BYTES + BLOCK_PART);
}
export function blockValue(block: i32): i32 {
  return load<i32>(blocks + block * BLOCK_BYTES + BLOCK_VALUE);
}
export function blockOffset(block: i32): i32 {
  return load<i32>(blocks + block * BLOCK_BYTES + BLOCK_OFFSET);
}
export function blockIsText(block: i32): bool {
  return load<i32>(blocks + block * BLOCK_BYTES + BLOCK_IS_TEXT) != 0;
}
export function blockA(block: i32): f64 {
  return load<f64>(blocks + block * BLOCK_BYTES + BLOCK_A);
}
export function blockB(block: i32): f64 {
  return load<f64>(blocks + block * BLOCK_BYTES + BLOCK_B);
}
export function blockOfAggregate(aggregate: i32): i32 {
  return load<i32>(blockOf + aggregate * 4);
}
