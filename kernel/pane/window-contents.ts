/**
 * A record enters a window; a window's time comes; a window goes. What all kinds of windows have in common.
 *
 * Before it, pane/window-assigner and pane/session-merger find or make the windows of a record, and timers name windows that are
 * due; after it, firing.
 *
 * Invariant: an entry is armed for the earliest moment at which something is due for it, in each time domain.
 */
import { CLOSING_ALWAYS, CLOSING_NONE, TIME_EVENT, TIME_PROCESSING, WINDOW_COUNT, WINDOW_SESSION, WINDOW_STATE } from "../layout";
import { emitPane } from "./firing";
import { tellDrop, tellRecord } from "./operation-log";
import { addPair, flushPairs } from "./pair-buffer";
import {
  accumulatesAtFiring, closing, emitsEmptyPanes, firesPartial, isProcessingTime, keepsRecords, lengthMaxMs, windowKind,
} from "./pane-config";
import { expiryOf, isEndReached, isExpired, isOver, processingMs, watermarkMs } from "./pane-time";
import { cutSession, isTooLong } from "./session-merger";
import { insertRecord, listCount, timeAt } from "./record-list";
import { arm } from "./timer-queue";
import {
  beginTrigger, FIRED_PERIODIC, FIRED_PURGE, fireTrigger, hasFinished, isPlain, nextClockMoment, nextWatermarkMoment, observeRecord,
  shouldFire,
} from "./trigger";
import {
  clearContents, createEntry, END_PASSED, ENTRY_COUNT, ENTRY_END, ENTRY_FLAGS, ENTRY_FRESH, ENTRY_LEAST, ENTRY_MOST, ENTRY_PANE_INDEX,
  ENTRY_RECORDS, ENTRY_START, removeEntry, rowOf, setBounds,
} from "./window-entry";

/** (record, window) pairs refused because the window's trigger had finished. */
export let closedRecords: f64 = 0;

export function configureContents(): void {
  closedRecords = 0;
}

/** Begins a window; 0 when memory is exhausted. */
export function beginWindow(key: i32, start: f64, end: f64, before: usize): usize {
  const entry = createEntry(key, start, end, before);
  if (entry == 0) return 0;
  beginTrigger(entry);
  // A window that a late record begins has missed its pane at the end: all its panes are late.
  if (windowKind != WINDOW_STATE && isEndReached(end)) store<i32>(entry + ENTRY_FLAGS, END_PASSED);
  return entry;
}

/** Adds a record of the batch to a window and lets it fire if the trigger says so; false when memory is exhausted. */
export function addToWindow(entry: usize, row: i32, timeMs: f64): bool {
  if (hasFinished(entry)) {
    closedRecords += 1;
    return armEntry(entry);
  }
  if (!accumulatesAtFiring && !addPair(row, rowOf(entry))) return false;
  if (keepsRecords && !insertRecord(entry + ENTRY_RECORDS, listCount(entry + ENTRY_RECORDS), row)) return false;
  if (!tellRecord(entry, row)) return false;
  store<f64>(entry + ENTRY_FRESH, load<f64>(entry + ENTRY_FRESH) + 1);
  store<f64>(entry + ENTRY_COUNT, load<f64>(entry + ENTRY_COUNT) + 1);
  if (timeMs < load<f64>(entry + ENTRY_LEAST)) store<f64>(entry + ENTRY_LEAST, timeMs);
  if (timeMs > load<f64>(entry + ENTRY_MOST)) store<f64>(entry + ENTRY_MOST, timeMs);
  if (isPlain) {
    if (isEndReached(load<f64>(entry + ENTRY_END)) && windowKind != WINDOW_STATE && !fireWindow(entry, false)) return false;
  } else {
    observeRecord(entry, row, timeMs);
    if (!fireWindow(entry, false)) return false;
  }
  return armEntry(entry);
}

/**
 * A window begins with records that came before it: [from, to) of a list. Its trigger sees each of them but the one at `next`, which is
 * still to be added (−1: none is); false when memory is exhausted.
 */
export function seedWindow(entry: usize, list: usize, from: i32, to: i32, row: i32, next: i32): bool {
  const count = to - from - i32(next >= 0);
  store<f64>(entry + ENTRY_FRESH, count);
  store<f64>(entry + ENTRY_COUNT, count);
  if (!isPlain) for (let i = from; i < to; i++) if (i != next) observeRecord(entry, row, timeAt(list, i));
  if (next >= 0) return true;
  const mayFire = !isPlain || isEndReached(load<f64>(entry + ENTRY_END));
  return (!mayFire || fireWindow(entry, false)) && armEntry(entry);
}

/** Fires the window if its trigger says so; false when memory is exhausted. */
function fireWindow(entry: usize, isAtEnd: bool): bool {
  if (hasFinished(entry) || !shouldFire(entry)) return true;
  const bits = fireTrigger(entry);
  const hasContents = load<f64>(entry + ENTRY_COUNT) > 0;
  const isDue = isAtEnd && (hasContents || emitsEmptyPanes);
  if (load<f64>(entry + ENTRY_FRESH) > 0 || isDue || ((bits & FIRED_PERIODIC) != 0 && hasContents)) {
    if (!emitPane(entry, (bits & FIRED_PURGE) != 0)) return false;
    hasEmitted = true;
  }
  if (hasFinished(entry)) {
    // Its records are of no more use; the entry stays to refuse others until it expires.
    if (!flushPairs() || !tellDrop(entry)) return false;
    clearContents(entry);
  }
  return true;
}
let hasEmitted = false;

/** Arms the window's timers anew; false when memory is exhausted. */
export function armEntry(entry: usize): bool {
  const moment = nextMomentOf(entry);
  const event = nextWatermarkMoment(entry, watermarkMs);
  // What waits for the end of the stream is looked up there: it needs no timer.
  if (isProcessingTime) {
    if (moment != Infinity && !arm(TIME_PROCESSING, entry, moment)) return false;
  } else if (moment != Infinity && !arm(TIME_EVENT, entry, moment)) return false;
  if (event == event && !arm(TIME_EVENT, entry, event)) return false;
  const clock = nextClockMoment(entry, processingMs);
  if (clock == clock && !arm(TIME_PROCESSING, entry, clock)) return false;
  return true;
}

/** Arms the window for the end of the stream, which has come; false when memory is exhausted. */
export function armForEnd(entry: usize): bool {
  const moment = windowKind == WINDOW_COUNT ? Infinity : isProcessingTime ? expiryOf(load<f64>(entry + ENTRY_END)) : nextMomentOf(entry);
  return arm(TIME_EVENT, entry, moment);
}

// The window's own next moment in its time domain: its end, then its expiry.
function nextMomentOf(entry: usize): f64 {
  if (windowKind == WINDOW_COUNT) return Infinity;
  const end = load<f64>(entry + ENTRY_END);
  if (windowKind == WINDOW_STATE) return load<f64>(entry + ENTRY_START) + lengthMaxMs - 1;
  if (load<i32>(entry + ENTRY_FLAGS) & END_PASSED) return expiryOf(end);
  if (windowKind == WINDOW_SESSION) return min(end, load<f64>(entry + ENTRY_START) + lengthMaxMs) - 1;
  return end - 1;
}

/** A timer of the window has come up, by either clock or because the stream is over; false when memory is exhausted. */
export function runTimer(domain: i32, entry: usize, atMs: f64): bool {
  // A window that has grown since has its turn when it is due, after those that are due before it.
  const due = dueAfter(domain, entry, atMs);
  if (due > atMs) return arm(domain, entry, due);
  hasEmitted = false;
  if (windowKind == WINDOW_COUNT) {
    return (!firesPartial || emitPane(entry, false)) && dropWindow(entry);
  }
  if (windowKind == WINDOW_STATE) return closeState(entry, load<f64>(entry + ENTRY_START) + lengthMaxMs);
  if (isDueToCut(entry) && !cutSession(entry)) return false;
  const end = load<f64>(entry + ENTRY_END);
  const isAtEnd = (load<i32>(entry + ENTRY_FLAGS) & END_PASSED) == 0 && isEndReached(end);
  const wasFinished = hasFinished(entry);
  if (!fireWindow(entry, isAtEnd)) return false;
  if (isExpired(end)) {
    if (!wasFinished && !hasFinished(entry) && !close(entry)) return false;
    return dropWindow(entry);
  }
  if (isAtEnd) store<i32>(entry + ENTRY_FLAGS, load<i32>(entry + ENTRY_FLAGS) | END_PASSED);
  return armEntry(entry);
}

// The earliest moment from `ms` on at which something is due in a time domain; NaN: nothing.
function dueAfter(domain: i32, entry: usize, ms: f64): f64 {
  const isOwn = (domain == TIME_PROCESSING) == isProcessingTime;
  // By the end of the stream windows of the clock have their turn in the other domain.
  if (!isOwn && isOver()) return NaN;
  const moment = isOwn ? nextMomentOf(entry) : NaN;
  const ofTrigger = domain == TIME_PROCESSING ? nextClockMoment(entry, ms - 1) : nextWatermarkMoment(entry, ms - 1);
  return moment <= ofTrigger || ofTrigger != ofTrigger ? moment : ofTrigger;
}

function isDueToCut(entry: usize): bool {
  if (windowKind != WINDOW_SESSION || lengthMaxMs == Infinity || !isTooLong(entry)) return false;
  return isEndReached(load<f64>(entry + ENTRY_START) + lengthMaxMs);
}

/** Takes a window away; false when memory is exhausted. */
export function dropWindow(entry: usize): bool {
  if (!flushPairs() || !tellDrop(entry)) return false;
  removeEntry(entry);
  return true;
}

/** A state window is complete: it fires with what it has and is gone. It ends after its last record, or at `limitMs`. */
export function closeState(entry: usize, limitMs: f64): bool {
  setBounds(entry, load<f64>(entry + ENTRY_START), min(load<f64>(entry + ENTRY_MOST) + 1, limitMs));
  return emitPane(entry, false) && dropWindow(entry);
}

// The last pane of a window that expires, if it is asked for and has not just been emitted.
function close(entry: usize): bool {
  if (closing == CLOSING_NONE || hasEmitted) return true;
  const isFresh = load<f64>(entry + ENTRY_FRESH) > 0;
  const hadRecords = isFresh || load<i32>(entry + ENTRY_PANE_INDEX) > 0 || load<f64>(entry + ENTRY_COUNT) > 0;
  if (!isFresh && (closing != CLOSING_ALWAYS || !hadRecords)) return true;
  return emitPane(entry, false);
}
