/**
 * Sessions: windows of a key that grow and merge as records come.
 *
 * Before it, the operator has a record's time and gap; after it, the record is in the one session it belongs to. Sessions whose
 * distance is at most the gap are one: bounds are [first, last + gap), and touching bounds merge.
 * A greatest length cuts: when the watermark has passed start + length, the records before that moment are a session of their own
 * and the rest goes on as the next one. Until then all are kept, so where the cuts lie does not depend on the order of arrival.
 *
 * Invariant: between two records no two sessions of a key that still grow touch each other.
 */
import { sizeMs } from "../config";
import { mergePaneRow } from "../aggregate/pane-row";
import { imageNumber, recordBytes } from "../aggregate/record-image";
import { forgetPanes } from "./firing";
import { tellMerge } from "./operation-log";
import { flushPairs } from "./pair-buffer";
import { gapColumn, isProcessingTime, lengthMaxMs } from "./pane-config";
import { isEndReached } from "./pane-time";
import { closeHole, copyImage, listCount, moveRecords, recordAt } from "./record-list";
import { mergeTriggers, reviveEnd } from "./trigger";
import { armEntry, beginWindow } from "./window-contents";
import {
  END_PASSED, ENTRY_AFTER, ENTRY_BEFORE, ENTRY_COUNT, ENTRY_END, ENTRY_FLAGS, ENTRY_FRESH, ENTRY_KEY, ENTRY_LEAST, ENTRY_MOST,
  ENTRY_RECORDS, ENTRY_START, IS_CUT, lastEntry, removeEntry, rowOf, setBounds,
} from "./window-entry";

let first: usize = 0; // sessions that touch the record, neighbours all; 0: none
let last: usize = 0;
let newStart: f64 = 0;
let newEnd: f64 = 0;

/** Looks up what a record of [start, end) would become; answers when the session it would be part of is due at the latest, plus 1. */
export function findSession(key: i32, start: f64, end: f64): f64 {
  // Sessions are sorted and apart, so those that touch are neighbours.
  last = lastEntry(key);
  while (last != 0 && (load<f64>(last + ENTRY_START) > end || isCut(last))) last = load<u32>(last + ENTRY_BEFORE);
  newStart = start;
  newEnd = end;
  first = 0;
  if (last != 0 && load<f64>(last + ENTRY_END) >= start) {
    first = last;
    while (true) {
      const before = <usize>load<u32>(first + ENTRY_BEFORE);
      if (before == 0 || isCut(before) || load<f64>(before + ENTRY_END) < start) break;
      first = before;
    }
    newStart = min(start, load<f64>(first + ENTRY_START));
    newEnd = max(end, load<f64>(last + ENTRY_END));
  }
  return min(newEnd, newStart + lengthMaxMs);
}

/** The session of the record just looked up, made or grown as needed; 0 when memory is exhausted. */
export function takeSession(key: i32): usize {
  if (first == 0) return beginWindow(key, newStart, newEnd, placeFor(key, newStart, newEnd));
  if (first == last && newStart == load<f64>(first + ENTRY_START) && newEnd == load<f64>(first + ENTRY_END)) return first;
  return grow() ? first : 0;
}

function isCut(entry: usize): bool {
  return (load<i32>(entry + ENTRY_FLAGS) & IS_CUT) != 0;
}

function placeFor(key: i32, start: f64, end: f64): usize {
  let at = lastEntry(key);
  while (at != 0) {
    const before = load<f64>(at + ENTRY_START);
    if (before < start || (before == start && load<f64>(at + ENTRY_END) <= end)) break;
    at = load<u32>(at + ENTRY_BEFORE);
  }
  return at;
}

function grow(): bool {
  for (let entry = first; ; entry = load<u32>(entry + ENTRY_AFTER)) {
    if (!forgetPanes(entry)) return false;
    if (entry == last) break;
  }
  // Triggers are merged with the new bounds in place, as those decide whether an end has been reached.
  setBounds(first, newStart, newEnd);
  while (first != last) {
    const next = <usize>load<u32>(first + ENTRY_AFTER);
    if (!absorb(first, next)) return false;
    const isLast = next == last;
    removeEntry(next);
    if (isLast) break;
  }
  const flags = load<i32>(first + ENTRY_FLAGS) & ~END_PASSED;
  store<i32>(first + ENTRY_FLAGS, isEndReached(newEnd) ? flags | END_PASSED : flags);
  reviveEnd(first);
  return armEntry(first);
}

function absorb(into: usize, from: usize): bool {
  if (!flushPairs() || !tellMerge(into, from) || !mergePaneRow(rowOf(into), rowOf(from))) return false;
  if (!moveRecords(into + ENTRY_RECORDS, from + ENTRY_RECORDS)) return false;
  store<f64>(into + ENTRY_FRESH, load<f64>(into + ENTRY_FRESH) + load<f64>(from + ENTRY_FRESH));
  store<f64>(into + ENTRY_COUNT, load<f64>(into + ENTRY_COUNT) + load<f64>(from + ENTRY_COUNT));
  store<f64>(into + ENTRY_LEAST, min(load<f64>(into + ENTRY_LEAST), load<f64>(from + ENTRY_LEAST)));
  store<f64>(into + ENTRY_MOST, max(load<f64>(into + ENTRY_MOST), load<f64>(from + ENTRY_MOST)));
  mergeTriggers(into, from);
  return true;
}

/** Whether a session is longer than the greatest length and must be cut. */
export function isTooLong(entry: usize): bool {
  return load<f64>(entry + ENTRY_END) - load<f64>(entry + ENTRY_START) > lengthMaxMs;
}

/** Cuts a session at its greatest length: the entry keeps what lies before, the rest goes on as sessions anew; false when memory is exhausted. */
export function cutSession(entry: usize): bool {
  const start = load<f64>(entry + ENTRY_START);
  const cut = start + lengthMaxMs;
  // By the clock, no record behind the cut can have come before it.
  if (isProcessingTime) {
    setBounds(entry, start, cut);
    return true;
  }
  const list = entry + ENTRY_RECORDS;
  const count = listCount(list);
  store<i32>(entry + ENTRY_FLAGS, load<i32>(entry + ENTRY_FLAGS) | IS_CUT);
  let keptEnd = -Infinity;
  let kept = 0;
  // Counted anew, record by record.
  store<f64>(entry + ENTRY_FRESH, 0);
  store<f64>(entry + ENTRY_COUNT, 0);
  store<f64>(entry + ENTRY_MOST, -Infinity);
  for (let i = 0; i < count; i++) {
    const image = recordAt(list, i);
    const time = load<f64>(image);
    const end = time + gapOf(image);
    if (time < cut) {
      keptEnd = max(keptEnd, end);
      if (kept != i) memory.copy(recordAt(list, kept), image, recordBytes);
      kept++;
      countRecord(entry, time);
      continue;
    }
    findSession(load<i32>(entry + ENTRY_KEY), time, end);
    const session = takeSession(load<i32>(entry + ENTRY_KEY));
    if (session == 0 || !copyImage(session + ENTRY_RECORDS, image)) return false;
    countRecord(session, time);
    // Its end may be behind the watermark already, but it has not had its pane.
    store<i32>(session + ENTRY_FLAGS, load<i32>(session + ENTRY_FLAGS) & ~END_PASSED);
    if (!armEntry(session)) return false;
  }
  closeHole(list, kept, count - kept);
  setBounds(entry, start, min(keptEnd, cut));
  return true;
}

function countRecord(entry: usize, time: f64): void {
  store<f64>(entry + ENTRY_FRESH, load<f64>(entry + ENTRY_FRESH) + 1);
  store<f64>(entry + ENTRY_COUNT, load<f64>(entry + ENTRY_COUNT) + 1);
  store<f64>(entry + ENTRY_LEAST, min(load<f64>(entry + ENTRY_LEAST), time));
  store<f64>(entry + ENTRY_MOST, max(load<f64>(entry + ENTRY_MOST), time));
}

function gapOf(image: usize): f64 {
  return gapColumn < 0 ? sizeMs : imageNumber(image, gapColumn);
}
