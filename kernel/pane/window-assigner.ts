/**
 * A record → the windows it belongs to, in order of (start, end), each of which is given the record.
 *
 * Before it, the operator has the record's key row and time (event time, or the clock in processing time); after it,
 * window-contents adds the record to each window that is not past its lateness.
 *
 * Invariant: `isAccepted` says afterwards whether any window took the record or refused it only because its trigger had finished;
 * `isAssigned` whether it lies in any window at all.
 */
import {
  WINDOW_ALIGNED, WINDOW_AROUND, WINDOW_ASSIGNED, WINDOW_BY_RECORD, WINDOW_COUNT, WINDOW_CUMULATE, WINDOW_GLOBAL, WINDOW_SESSION,
} from "../layout";
import { latenessMs, offsetMs, sizeMs, slideMs } from "../config";
import { floorDivide } from "../window/slice-assigner";
import { numberOf } from "./input-columns";
import { closeColumn, endColumn, gapColumn, lengthMaxMs, openColumn, startColumn, windowKind } from "./pane-config";
import { isLateFor, watermarkMs } from "./pane-time";
import { insertRecord, listCount, lowerIndex, removeRecords, timeAt } from "./record-list";
import { findSession, takeSession } from "./session-merger";
import { addToWindow, beginWindow, closeState, dropWindow, seedWindow } from "./window-contents";
import {
  ENTRY_PANE_INDEX, ENTRY_START, findAfter, findEntry, keyCursor, keyRecords, lastEntry, place, setKeyCursor,
} from "./window-entry";

export let isAccepted: bool = false;
export let isAssigned: bool = false;

let originMs: f64 = 0;

export function configureAssigner(): void {
  horizonMs = windowKind == WINDOW_AROUND ? sizeMs + slideMs : sizeMs + 1;
  const step = windowKind == WINDOW_CUMULATE ? sizeMs : slideMs;
  originMs = windowKind == WINDOW_ALIGNED || windowKind == WINDOW_CUMULATE ? offsetMs - step * floorDivide(offsetMs, step) : 0;
}

/** Gives a record to its windows; false when memory is exhausted. */
export function assignRecord(key: i32, row: i32, timeMs: f64): bool {
  isAccepted = false;
  isAssigned = true;
  given = 0;
  switch (windowKind) {
    case WINDOW_ALIGNED:
      return assignAligned(key, row, timeMs);
    case WINDOW_CUMULATE:
      return assignCumulating(key, row, timeMs);
    case WINDOW_SESSION:
      return assignSession(key, row, timeMs);
    case WINDOW_COUNT:
      return assignCounted(key, row, timeMs);
    case WINDOW_GLOBAL:
      return give(key, -Infinity, Infinity, row, timeMs);
    case WINDOW_ASSIGNED: {
      const start = numberOf(startColumn, row);
      isAssigned = start == start;
      return !isAssigned || give(key, start, numberOf(endColumn, row), row, timeMs);
    }
    case WINDOW_AROUND:
    case WINDOW_BY_RECORD:
      return assignNeighbours(key, row, timeMs);
    default:
      return assignState(key, row, timeMs);
  }
}

// Adds the record to the window with these bounds, which is begun if it is not there, unless it is late for it.
function give(key: i32, start: f64, end: f64, row: i32, timeMs: f64): bool {
  if (isLateFor(end)) return true;
  let entry = isAccepted && given != 0 ? findAfter(start, end, given) : findEntry(key, start, end, lastEntry(key));
  isAccepted = true;
  if (entry == 0) entry = beginWindow(key, start, end, place);
  given = entry;
  return entry != 0 && addToWindow(entry, row, timeMs);
}
let given: usize = 0; // the window the record was given to before, whose bounds come first

function assignAligned(key: i32, row: i32, timeMs: f64): bool {
  const from = floorDivide(timeMs - originMs - sizeMs, slideMs) + 1;
  const to = floorDivide(timeMs - originMs, slideMs);
  isAssigned = from <= to;
  for (let window = from; window <= to; window += 1) {
    const start = window * slideMs + originMs;
    if (!give(key, start, start + sizeMs, row, timeMs)) return false;
  }
  return true;
}

function assignCumulating(key: i32, row: i32, timeMs: f64): bool {
  const start = floorDivide(timeMs - originMs, sizeMs) * sizeMs + originMs;
  let length = (floorDivide(timeMs - start, slideMs) + 1) * slideMs;
  for (; length <= sizeMs; length += slideMs) if (!give(key, start, start + length, row, timeMs)) return false;
  return true;
}

function assignSession(key: i32, row: i32, timeMs: f64): bool {
  const end = timeMs + (gapColumn < 0 ? sizeMs : numberOf(gapColumn, row));
  // Alone the record might be late; in a session that still grows it is not.
  if (isLateFor(findSession(key, timeMs, end))) return true;
  isAccepted = true;
  const entry = takeSession(key);
  return entry != 0 && addToWindow(entry, row, timeMs);
}

// Windows are named by their number in start; each is gone with its last record.
function assignCounted(key: i32, row: i32, timeMs: f64): bool {
  const index = keyCursor(key);
  setKeyCursor(key, index + 1);
  const from = max(floorDivide(index - sizeMs, slideMs) + 1, 0);
  const to = floorDivide(index, slideMs);
  isAssigned = from <= to;
  isAccepted = true;
  for (let window = from; window <= to; window += 1) {
    let entry = findEntry(key, window, Infinity, lastEntry(key));
    if (entry == 0) {
      entry = beginWindow(key, window, Infinity, place);
      if (entry == 0) return false;
      store<i32>(entry + ENTRY_PANE_INDEX, <i32>window);
    }
    if (!addToWindow(entry, row, timeMs)) return false;
    if (index == window * slideMs + sizeMs - 1 && !dropWindow(entry)) return false;
  }
  return true;
}

// Windows around or up to records: their contents are ranges of the key's records, so a record only has to be there, and to be shown
// to the windows it lies in. For `around`, each record u has [u − before, u + after]; for sliding by record, [u − d, u] and, once a
// record lies in it, [u + 1, u + d + 1] (Kafka Streams, SlidingWindows). Bounds here are inclusive, ends of entries are not.
function assignNeighbours(key: i32, row: i32, timeMs: f64): bool {
  const list = keyRecords(key);
  trimRecords(list);
  const isAround = windowKind == WINDOW_AROUND;
  const after = isAround ? slideMs : 0;
  if (timeMs + horizonMs + latenessMs <= watermarkMs) return true;
  const at = lowerIndex(list, timeMs + 1);
  if (!insertRecord(list, at, row)) return false;
  // Two ascending sequences of windows the record lies in: those of records u, and those that begin behind a record u. All of one length.
  let own = lowerIndex(list, timeMs - after);
  let behind = isAround ? listCount(list) : lowerIndex(list, timeMs - sizeMs - 1);
  while (true) {
    const ownStart = own < listCount(list) ? timeAt(list, own) - sizeMs : Infinity;
    const behindStart = behind < listCount(list) && timeAt(list, behind) < timeMs ? timeAt(list, behind) + 1 : Infinity;
    const start = min(ownStart, behindStart);
    if (start > timeMs) break;
    if (!giveRange(key, list, at, start, start + sizeMs + after + 1, row, timeMs)) return false;
    while (own < listCount(list) && timeAt(list, own) - sizeMs <= start) own++;
    while (behind < listCount(list) && timeAt(list, behind) + 1 <= start) behind++;
  }
  // A record that no window takes is late, and no later window has it.
  if (!isAccepted) removeRecords(list, at, 1);
  return isAround || !isAccepted || beginBehind(key, list, row, timeMs);
}

function giveRange(key: i32, list: usize, at: i32, start: f64, end: f64, row: i32, timeMs: f64): bool {
  if (isLateFor(end)) return true;
  isAccepted = true;
  let entry = findEntry(key, start, end, lastEntry(key));
  if (entry == 0) {
    entry = beginWindow(key, start, end, place);
    // The record itself is among them, and is added below.
    if (entry == 0 || !seedWindow(entry, list, lowerIndex(list, start), lowerIndex(list, end), row, at)) return false;
  }
  return addToWindow(entry, row, timeMs);
}

// The window behind the record, when records lie there that came before it.
function beginBehind(key: i32, list: usize, row: i32, timeMs: f64): bool {
  const start = timeMs + 1;
  const end = start + sizeMs + 1;
  const from = lowerIndex(list, start);
  const to = lowerIndex(list, end);
  if (from == to || isLateFor(end) || findEntry(key, start, end, lastEntry(key)) != 0) return true;
  const entry = beginWindow(key, start, end, place);
  return entry != 0 && seedWindow(entry, list, from, to, row, -1);
}

/** Drops records that no window can need any more, once they are half of the list. */
export function trimRecords(list: usize): void {
  const count = listCount(list);
  const limit = watermarkMs - latenessMs - horizonMs;
  if (count > 0 && timeAt(list, count >> 1) <= limit) removeRecords(list, 0, lowerIndex(list, limit + 1));
}

/** For how long a record may be needed by windows that end behind it. */
export let horizonMs: f64 = 0;

// An open window takes the record, which may close it; without one the record may open one. Records come in order of event time.
function assignState(key: i32, row: i32, timeMs: f64): bool {
  if (timeMs <= watermarkMs) return true;
  isAccepted = true;
  let entry = lastEntry(key);
  if (entry != 0 && timeMs >= load<f64>(entry + ENTRY_START) + lengthMaxMs) {
    if (!closeState(entry, load<f64>(entry + ENTRY_START) + lengthMaxMs)) return false;
    entry = 0;
  }
  if (entry == 0) {
    isAssigned = numberOf(openColumn, row) == 1;
    if (!isAssigned) return true;
    entry = beginWindow(key, timeMs, Infinity, 0);
    if (entry == 0) return false;
  }
  if (!addToWindow(entry, row, timeMs)) return false;
  return numberOf(closeColumn, row) != 1 || closeState(entry, Infinity);
}
