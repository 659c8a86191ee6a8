/**
 * One value that state keeps: 8 bytes, the bits of a number or the local code of a string.
 *
 * Aggregates that keep values (lists, counts of values, extremes) hold their strings here and write them as bytes to snapshots
 * and results, so that codes never leave the kernel.
 *
 * Invariant: order and hash follow from contents alone, never from codes.
 */
import { appendBlob } from "../batch/blob-buffer";
import { disuseString, holdString, intern, stringBytes, stringPtr } from "../state/dictionary";
import { canonicalBits } from "../state/key-table";

/** Answers of `readCell`. */
export let cellRead: u64 = 0;
export let isOutOfMemory: bool = false;

export function oneNaN(value: f64): f64 {
  return reinterpret<f64>(value != value ? 0x7ff8000000000000 : reinterpret<u64>(value));
}

export function holdCell(cell: u64, isText: bool): void {
  if (isText) holdString(<u32>cell);
}
export function dropCell(cell: u64, isText: bool): void {
  if (isText) disuseString(<u32>cell);
}

/** Equal values have equal cells: −0 is +0, and there is one NaN. */
export function canonicalCell(cell: u64, isText: bool): u64 {
  return isText ? cell : canonicalBits(reinterpret<f64>(cell));
}

/** Numbers ascending and NaN after them; texts by their UTF-8 bytes. */
export function compareCells(a: u64, b: u64, isText: bool): i32 {
  return isText ? compareTexts(<u32>a, <u32>b) : compareNumbers(reinterpret<f64>(a), reinterpret<f64>(b));
}

export function compareNumbers(a: f64, b: f64): i32 {
  if (a < b) return -1;
  if (a > b) return 1;
  return i32(a != a) - i32(b != b);
}

function compareTexts(a: u32, b: u32): i32 {
  if (a == b) return 0;
  const bytesA = stringBytes(a);
  const bytesB = stringBytes(b);
  const difference = memory.compare(stringPtr(a), stringPtr(b), min(bytesA, bytesB));
  return difference != 0 ? difference : bytesA - bytesB;
}

/** 64 bits of a canonical cell's content. */
export function hashCell(cell: u64, isText: bool): u64 {
  return isText ? hashBytes(stringPtr(<u32>cell), stringBytes(<u32>cell)) : mix(cell + 0x9e3779b97f4a7c15);
}

// Steele, Lea & Flood's finisher (SplitMix64) with Stafford's constants "Mix13".
export function mix(bits: u64): u64 {
  bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9;
  bits = (bits ^ (bits >> 27)) * 0x94d049bb133111eb;
  return bits ^ (bits >> 31);
}

function hashBytes(ptr: usize, bytes: i32): u64 {
  let hash = mix(<u64>bytes + 0x9e3779b97f4a7c15);
  const end8 = ptr + (bytes & ~7);
  const end = ptr + bytes;
  for (; ptr < end8; ptr += 8) hash = mix((hash ^ load<u64>(ptr)) * 0x9e3779b97f4a7c15);
  let rest: u64 = 0;
  for (let shift: u64 = 0; ptr < end; ptr++, shift += 8) rest |= <u64>load<u8>(ptr) << shift;
  return mix((hash ^ rest) * 0x9e3779b97f4a7c15);
}

/** Bytes of a cell in a snapshot: the number, or the length of a text and its bytes padded to 8. */
export function cellBytes(cell: u64, isText: bool): i32 {
  return isText ? 8 + ((stringBytes(<u32>cell) + 7) & ~7) : 8;
}

/** Answers where the next one goes. */
export function writeCell(to: usize, cell: u64, isText: bool): usize {
  if (!isText) {
    store<f64>(to, oneNaN(reinterpret<f64>(cell)));
    return to + 8;
  }
  const bytes = stringBytes(<u32>cell);
  const padded = (bytes + 7) & ~7;
  store<u64>(to, <u64>bytes);
  if (padded != 0) store<u64>(to + padded, 0);
  memory.copy(to + 8, stringPtr(<u32>cell), bytes);
  return to + 8 + padded;
}

/** Reads and holds a cell; answers where the next one is, 0 when the bytes are no cell or (isOutOfMemory) there is no room for it. */
export function readCell(from: usize, end: usize, isText: bool): usize {
  if (end < from || end - from < 8) return 0;
  cellRead = load<u64>(from);
  if (!isText) return from + 8;
  const bytes = cellRead;
  if (bytes > <u64>(end - from - 8) || ((bytes + 7) & ~7) > <u64>(end - from - 8)) return 0;
  const code = intern(from + 8, <i32>bytes, -1);
  if (code < 0) {
    isOutOfMemory = true;
    return 0;
  }
  holdString(code);
  cellRead = <u64>code;
  return from + 8 + <usize>((bytes + 7) & ~7);
}

export function resetCells(): void {
  isOutOfMemory = false;
}
/** Something other than a cell did not fit while state was restored. */
export function noteOutOfMemory(): void {
  isOutOfMemory = true;
}

/** Appends a text in a list: i32 byteLength, i32 0, bytes. Answers false when memory is exhausted. */
export function appendText(code: u32): bool {
  const bytes = stringBytes(code);
  const at = appendBlob(8 + bytes);
  if (at == 0) return false;
  store<u64>(at, <u64>bytes);
  memory.copy(at + 8, stringPtr(code), bytes);
  return true;
}

/** Appends the bytes of a text alone. */
export function appendPlainText(code: u32): bool {
  const bytes = stringBytes(code);
  const at = appendBlob(bytes);
  if (at == 0) return false;
  memory.copy(at, stringPtr(code), bytes);
  return true;
}

export function appendNumber(value: f64): bool {
  const at = appendBlob(8);
  if (at == 0) return false;
  store<f64>(at, oneNaN(value));
  return true;
}
