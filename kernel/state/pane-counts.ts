/**
 * How often (key, window) fired late, for windows that have fired and not expired.
 *
 * A key with data in a window fired once for it, on time or late; that first firing is not counted here. So a count exists
 * only where a second firing happened, which is rare, and windows without one take no memory.
 *
 * Invariant: index of the next pane of (key, window) = 0 if it has no data yet, else 1 + its count.
 */
import { allocate, reallocate, release } from "./arena";
import { keyRows } from "./key-table";

const WINDOW_NUMBER = 0; // f64
const WINDOW_COUNTS = 8; // u32, u32 by key row
const WINDOW_ROWS = 12; // i32
const WINDOW_BYTES = 16;
const WINDOWS_MIN = 64;

let windows: usize = 0;
let capacity = 0;
export let countedWindows: i32 = 0;

export function configureCounts(): bool {
  capacity = WINDOWS_MIN;
  countedWindows = 0;
  windows = allocate(WINDOWS_MIN * WINDOW_BYTES);
  return windows != 0;
}

function at(index: i32): usize {
  return windows + index * WINDOW_BYTES;
}
export function countedWindow(index: i32): f64 {
  return load<f64>(at(index) + WINDOW_NUMBER);
}
export function countOf(index: i32, key: i32): u32 {
  return key < load<i32>(at(index) + WINDOW_ROWS) ? load<u32>(load<u32>(at(index) + WINDOW_COUNTS) + key * 4) : 0;
}

/** Adds to the count of (window, key) and answers what it was before; −1 when memory is exhausted. */
export function addToCount(window: f64, key: i32, add: i32): f64 {
  let index = 0;
  let high = countedWindows;
  while (index < high) {
    const middle = (index + high) >> 1;
    if (countedWindow(middle) < window) index = middle + 1;
    else high = middle;
  }
  if ((index == countedWindows || countedWindow(index) != window) && !insertWindow(index, window)) return -1;
  const entry = at(index);
  const had = load<i32>(entry + WINDOW_ROWS);
  if (key >= had) {
    const wanted = max(keyRows, had + (had >> 1));
    const counts = reallocate(load<u32>(entry + WINDOW_COUNTS), had * 4, had * 4, wanted * 4);
    if (counts == 0) return -1;
    memory.fill(counts + had * 4, 0, (wanted - had) * 4);
    store<u32>(entry + WINDOW_COUNTS, <u32>counts);
    store<i32>(entry + WINDOW_ROWS, wanted);
  }
  const count = load<u32>(entry + WINDOW_COUNTS) + key * 4;
  const before = load<u32>(count);
  store<u32>(count, before + add);
  return <f64>before;
}

function insertWindow(index: i32, window: f64): bool {
  if (countedWindows == capacity) {
    const grown = reallocate(windows, capacity * WINDOW_BYTES, capacity * WINDOW_BYTES, capacity * 2 * WINDOW_BYTES);
    if (grown == 0) return false;
    windows = grown;
    capacity *= 2;
  }
  memory.copy(at(index + 1), at(index), (countedWindows - index) * WINDOW_BYTES);
  store<f64>(at(index) + WINDOW_NUMBER, window);
  store<u64>(at(index) + WINDOW_COUNTS, 0);
  countedWindows++;
  return true;
}

/** Forgets the oldest window. */
export function dropFirstWindow(): void {
  release(load<u32>(windows + WINDOW_COUNTS), load<i32>(windows + WINDOW_ROWS) * 4);
  countedWindows--;
  memory.copy(windows, windows + WINDOW_BYTES, countedWindows * WINDOW_BYTES);
}

/** Key rows below `before` have new numbers (or −1). */
export function renumberCounts(renumbered: usize, before: i32): void {
  for (let i = 0; i < countedWindows; i++) {
    const counts = load<u32>(at(i) + WINDOW_COUNTS);
    const rows = load<i32>(at(i) + WINDOW_ROWS);
    let kept = 0;
    for (let key = 0; key < min(rows, before); key++) {
      const target = load<i32>(renumbered + key * 4);
      if (target < 0) continue;
      store<u32>(counts + target * 4, load<u32>(counts + key * 4));
      kept = target + 1;
    }
    memory.fill(counts + kept * 4, 0, (rows - kept) * 4);
  }
}
