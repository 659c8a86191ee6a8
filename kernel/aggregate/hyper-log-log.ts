/**
 * REGISTERS: HyperLogLog of 64-bit hashes (Flajolet et al. 2007; Heule, Nunkesser & Hall 2013), 2^precision registers.
 *
 *     block    u32 pointer │ i32 registers in use │ i32 slots (0: none, −1: dense) │ 0
 *     sparse   slots × u32: register << 8 | rank, open addressing, while few registers are in use
 *     dense    a byte for each register
 *
 * The estimate is Ertl's improved raw estimator ("New cardinality estimation algorithms for HyperLogLog sketches", 2017, algorithm 6):
 * without bias over the whole range, and without tables. Standard error 1.04 / √(2^precision).
 *
 * Invariant: registers are a function of the set of values, and the form is one of the number of registers in use.
 */
import { allocate, release } from "../state/arena";
import { canonicalCell, hashCell, noteOutOfMemory } from "./value-cell";

const COUNT = 4;
const SLOTS = 8;
const SLOTS_MIN = 16;
const DENSE = -1;
const ALPHA: f64 = 0.7213475204444817; // 1 / (2 ln 2)

let histogram: usize = 0; // f64: registers of each rank

export function configureRegisters(): bool {
  histogram = allocate(66 * 8);
  return histogram != 0;
}

// Most slots of the sparse form: half the bytes of the dense one.
function slotsMax(precision: i32): i32 {
  return (1 << precision) >> 3;
}

/** Adds a value; false when memory is exhausted. */
export function addRegister(block: usize, precision: i32, value: u64, isText: bool): bool {
  const hash = hashCell(canonicalCell(value, isText), isText);
  const rest = hash << <u64>precision;
  const rank = rest == 0 ? 65 - precision : <i32>clz(rest) + 1;
  return raise(block, precision, <u32>(hash >> <u64>(64 - precision)), rank);
}

function raise(block: usize, precision: i32, register: u32, rank: i32): bool {
  if (load<i32>(block + SLOTS) == 0 && !begin(block, precision)) return false;
  const slots = load<i32>(block + SLOTS);
  if (slots == DENSE) {
    raiseDense(block, register, rank);
    return true;
  }
  const table = <usize>load<u32>(block);
  const slot = findSlot(table, slots, register);
  const had = load<u32>(slot);
  if (had != 0) {
    if (<u32>rank > (had & 255)) store<u32>(slot, (register << 8) | <u32>rank);
    return true;
  }
  if (load<i32>(block + COUNT) == slots >> 1) return widen(block, precision) && raise(block, precision, register, rank);
  store<u32>(slot, (register << 8) | <u32>rank);
  store<i32>(block + COUNT, load<i32>(block + COUNT) + 1);
  return true;
}

function raiseDense(block: usize, register: u32, rank: i32): void {
  const at = <usize>load<u32>(block) + register;
  const had = <i32>load<u8>(at);
  if (had == 0) store<i32>(block + COUNT, load<i32>(block + COUNT) + 1);
  if (rank > had) store<u8>(at, <u8>rank);
}

function findSlot(table: usize, slots: i32, register: u32): usize {
  const mask = slots - 1;
  for (let at = (register * 0x9e3779b1) >> 16 & mask; ; at = (at + 1) & mask) {
    const entry = load<u32>(table + at * 4);
    if (entry == 0 || entry >> 8 == register) return table + at * 4;
  }
  return 0;
}

function begin(block: usize, precision: i32): bool {
  const isDense = slotsMax(precision) < SLOTS_MIN;
  return isDense ? makeDense(block, precision) : resizeSparse(block, SLOTS_MIN);
}

function widen(block: usize, precision: i32): bool {
  const slots = load<i32>(block + SLOTS);
  return slots == slotsMax(precision) ? makeDense(block, precision) : resizeSparse(block, slots * 2);
}

function resizeSparse(block: usize, slots: i32): bool {
  const table = allocate(slots * 4);
  if (table == 0) return false;
  memory.fill(table, 0, slots * 4);
  const old = <usize>load<u32>(block);
  const oldSlots = load<i32>(block + SLOTS);
  for (let i = 0; i < oldSlots; i++) {
    const entry = load<u32>(old + i * 4);
    if (entry != 0) store<u32>(findSlot(table, slots, entry >> 8), entry);
  }
  release(old, oldSlots * 4);
  store<u32>(block, <u32>table);
  store<i32>(block + SLOTS, slots);
  return true;
}

function makeDense(block: usize, precision: i32): bool {
  const registers = allocate(1 << precision);
  if (registers == 0) return false;
  memory.fill(registers, 0, 1 << precision);
  const old = <usize>load<u32>(block);
  const oldSlots = load<i32>(block + SLOTS);
  for (let i = 0; i < oldSlots; i++) {
    const entry = load<u32>(old + i * 4);
    if (entry != 0) store<u8>(registers + (entry >> 8), <u8>entry);
  }
  release(old, oldSlots * 4);
  store<u32>(block, <u32>registers);
  store<i32>(block + SLOTS, DENSE);
  return true;
}

export function mergeRegisters(into: usize, from: usize, precision: i32): bool {
  const slots = load<i32>(from + SLOTS);
  const table = <usize>load<u32>(from);
  const count = slots == DENSE ? 1 << precision : slots;
  for (let i = 0; i < count; i++) {
    const entry = slots == DENSE ? (<u32>i << 8) | <u32>load<u8>(table + i) : load<u32>(table + i * 4);
    if ((entry & 255) != 0 && !raise(into, precision, entry >> 8, <i32>(entry & 255))) return false;
  }
  return true;
}

export function releaseRegisters(block: usize, precision: i32): void {
  const slots = load<i32>(block + SLOTS);
  release(load<u32>(block), slots == DENSE ? 1 << precision : slots * 4);
  memory.fill(block, 0, 16);
}

/** How many distinct values there were, about: a whole number. */
export function estimate(block: usize, precision: i32): f64 {
  const slots = load<i32>(block + SLOTS);
  if (slots == 0) return 0;
  const registers = <f64>(1 << precision);
  const top = 65 - precision;
  memory.fill(histogram, 0, 66 * 8);
  const table = <usize>load<u32>(block);
  const count = slots == DENSE ? 1 << precision : slots;
  for (let i = 0; i < count; i++) {
    const rank = slots == DENSE ? <usize>load<u8>(table + i) : <usize>(load<u32>(table + i * 4) & 255);
    store<f64>(histogram + rank * 8, load<f64>(histogram + rank * 8) + 1);
  }
  const unused = registers - <f64>load<i32>(block + COUNT);
  let z = registers * tau(1 - load<f64>(histogram + top * 8) / registers);
  for (let k = top - 1; k >= 1; k--) z = 0.5 * (z + load<f64>(histogram + k * 8));
  z += registers * sigma(unused / registers);
  return Math.floor(ALPHA * registers * registers / z + 0.5);
}

function sigma(x: f64): f64 {
  if (x == 1) return Infinity;
  let y: f64 = 1;
  let z = x;
  for (let before: f64 = -1; z != before; y += y) {
    x *= x;
    before = z;
    z += x * y;
  }
  return z;
}

function tau(x: f64): f64 {
  if (x == 0 || x == 1) return 0;
  let y: f64 = 1;
  let z = 1 - x;
  for (let before: f64 = -1; z != before; ) {
    x = Math.sqrt(x);
    before = z;
    y *= 0.5;
    z -= (1 - x) * (1 - x) * y;
  }
  return z / 3;
}

// Registers in use, ascending: count, then register << 8 | rank each, padded to 8.
export function registersSnapshotBytes(block: usize): i32 {
  return 8 + ((load<i32>(block + COUNT) * 4 + 7) & ~7);
}

export function snapshotRegisters(block: usize, to: usize, precision: i32): usize {
  const end = to + registersSnapshotBytes(block);
  const slots = load<i32>(block + SLOTS);
  const table = <usize>load<u32>(block);
  store<u64>(to, <u64>load<i32>(block + COUNT));
  store<u64>(end - 8, end - 8 == to ? load<u64>(to) : 0);
  let at = to + 8;
  const count = slots == DENSE ? 1 << precision : slots;
  for (let i = 0; i < count; i++) {
    const entry = slots == DENSE ? (<u32>i << 8) | <u32>load<u8>(table + i) : load<u32>(table + i * 4);
    if ((entry & 255) == 0) continue;
    let hole = at;
    if (slots != DENSE) for (; hole > to + 8 && load<u32>(hole - 4) > entry; hole -= 4) store<u32>(hole, load<u32>(hole - 4));
    store<u32>(hole, entry);
    at += 4;
  }
  return end;
}

/** Reads into an empty block; 0 when the bytes are none. */
export function restoreRegisters(from: usize, end: usize, block: usize, precision: i32): usize {
  if (end - from < 8 || load<u64>(from) > <u64>1 << <u64>precision) return 0;
  const count = load<i32>(from);
  const next = from + 8 + ((<usize>count * 4 + 7) & ~7);
  if (next > end) return 0;
  let after: i64 = -1;
  for (let i = 0; i < count; i++) {
    const entry = load<u32>(from + 8 + i * 4);
    const rank = <i32>(entry & 255);
    if (<i64>(entry >> 8) <= after || entry >> 8 >= <u32>1 << precision || rank < 1 || rank > 65 - precision) return 0;
    after = <i64>(entry >> 8);
    if (raise(block, precision, entry >> 8, rank)) continue;
    noteOutOfMemory();
    return 0;
  }
  return next;
}
