/**
 * Lists of record images: of a window in order of arrival, of a key in order of event time.
 *
 * Before it, the operator has a record to keep; after it, firing stages a range of the list and accumulates it.
 *
 * Invariant: images lie one after the other, so a range of a list can be staged at once.
 */
import { allocate, bytesOf, release } from "../state/arena";
import { IMAGE_ARRIVAL, recordBytes, releaseRecord, storeRecord } from "../aggregate/record-image";
import { LIST_CAPACITY, LIST_COUNT, LIST_PTR } from "./window-entry";

export function listCount(list: usize): i32 {
  return load<i32>(list + LIST_COUNT);
}
export function recordAt(list: usize, index: i32): usize {
  return <usize>load<u32>(list + LIST_PTR) + <usize>index * recordBytes;
}
/** Event time of an image: its first field. */
export function timeAt(list: usize, index: i32): f64 {
  return load<f64>(recordAt(list, index));
}

/** Makes room for `count` images; false when memory is exhausted. */
export function reserveList(list: usize, count: i32): bool {
  const capacity = load<i32>(list + LIST_CAPACITY);
  if (count <= capacity) return true;
  const wanted = max(count, max(4, capacity * 2));
  const grown = allocate(bytesOf(wanted, recordBytes));
  if (grown == 0) return false;
  memory.copy(grown, load<u32>(list + LIST_PTR), <usize>listCount(list) * recordBytes);
  release(load<u32>(list + LIST_PTR), bytesOf(capacity, recordBytes));
  store<u32>(list + LIST_PTR, <u32>grown);
  store<i32>(list + LIST_CAPACITY, wanted);
  return true;
}

/** Puts a record of the batch at a place of the list; false when memory is exhausted. */
export function insertRecord(list: usize, index: i32, row: i32): bool {
  const count = listCount(list);
  if (!reserveList(list, count + 1)) return false;
  const at = recordAt(list, index);
  if (index < count) memory.copy(at + recordBytes, at, <usize>(count - index) * recordBytes);
  if (!storeRecord(at, row)) return false;
  store<i32>(list + LIST_COUNT, count + 1);
  return true;
}

/** Takes all images of another list, which is empty afterwards, in order of arrival; false when memory is exhausted. */
export function moveRecords(into: usize, from: usize): bool {
  let a = listCount(into) - 1;
  let b = listCount(from) - 1;
  if (b < 0) return true;
  if (!reserveList(into, a + b + 2)) return false;
  // Backwards, so that both lists can be merged within the larger one.
  for (let to = a + b + 1; b >= 0; to--) {
    const takesA = a >= 0 && arrivalAt(into, a) > arrivalAt(from, b);
    memory.copy(recordAt(into, to), takesA ? recordAt(into, a) : recordAt(from, b), recordBytes);
    if (takesA) a--;
    else b--;
  }
  store<i32>(into + LIST_COUNT, listCount(into) + listCount(from));
  release(load<u32>(from + LIST_PTR), bytesOf(load<i32>(from + LIST_CAPACITY), recordBytes));
  store<u32>(from + LIST_PTR, 0);
  store<i32>(from + LIST_COUNT, 0);
  store<i32>(from + LIST_CAPACITY, 0);
  return true;
}

function arrivalAt(list: usize, index: i32): f64 {
  return load<f64>(recordAt(list, index) + IMAGE_ARRIVAL);
}

/** Moves one image to the end of another list, leaving a hole that the caller closes; false when memory is exhausted. */
export function copyImage(into: usize, image: usize): bool {
  const count = listCount(into);
  if (!reserveList(into, count + 1)) return false;
  memory.copy(recordAt(into, count), image, recordBytes);
  store<i32>(into + LIST_COUNT, count + 1);
  return true;
}

/** Takes `count` images away from `index` on. */
export function removeRecords(list: usize, index: i32, count: i32): void {
  for (let i = index; i < index + count; i++) releaseRecord(recordAt(list, i));
  closeHole(list, index, count);
}

/** Closes the hole that images moved elsewhere have left. */
export function closeHole(list: usize, index: i32, count: i32): void {
  const left = listCount(list) - count;
  memory.copy(recordAt(list, index), recordAt(list, index + count), <usize>(left - index) * recordBytes);
  store<i32>(list + LIST_COUNT, left);
}

/** Of a list in order of event time: the first index whose time is at least `ms`. */
export function lowerIndex(list: usize, ms: f64): i32 {
  let low = 0;
  let high = listCount(list);
  // Most are asked for the newest records.
  if (high > 0 && timeAt(list, high - 1) < ms) return high;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (timeAt(list, middle) < ms) low = middle + 1;
    else high = middle;
  }
  return low;
}
