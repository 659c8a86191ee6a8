/**
 * Triggers: when a window fires. A tree of nodes (CONFIG_TRIGGERS of layout.ts), each a small state machine as in Beam's model
 * (runners/core, TriggerStateMachine): what a record does to it, whether it should fire, what firing does to it, and how two merge.
 *
 * Before it, the operator has added a record or a timer came up; after it, firing emits a pane if the root says so.
 * A node has one number of state (a count, or the moment it waits for) and a bit that says it has finished.
 *
 * Invariant: a finished node takes no records and never fires until it is reset; node 0 is the root.
 */
import {
  TRIGGER_ALL, TRIGGER_ANY, TRIGGER_CONTINUOUS, TRIGGER_COUNT, TRIGGER_DELAY, TRIGGER_END, TRIGGER_FULL, TRIGGER_IN_ORDER,
  TRIGGER_OR_FINALLY, TRIGGER_PERIODIC, TRIGGER_PURGE, TRIGGER_RECORD, TRIGGER_REPEATEDLY, TRIGGER_WATERMARK,
} from "../layout";
import { sizeMs } from "../config";
import { floorDivide } from "../window/slice-assigner";
import { numberOf } from "./input-columns";
import { isMerging, isProcessingTime, triggerCount, triggerNode } from "./pane-config";
import { isEndReached, isOver, processingMs, recordClockMs, watermarkMs } from "./pane-time";
import { ENTRY_COUNT, ENTRY_END, ENTRY_FINISHED, ENTRY_TRIGGER } from "./window-entry";

/** What firing was caused by: bits of the answer of `fireTrigger`. */
export const FIRED_PURGE = 1; // the contents are to be emptied
export const FIRED_PERIODIC = 2; // a moment came, whether there is something new or not

/** Whether the trigger is the end of the window, again for each late record: nothing to keep, nothing to ask before the end. */
export let isPlain: bool = false;
let waitsForClock = false;
let waitsForWatermark = false;

export function configureTrigger(): void {
  isPlain = triggerCount == 4 && kindOf(0) == TRIGGER_REPEATEDLY && kindOf(1) == TRIGGER_WATERMARK && flagsOf(1) == 0;
  isPlain = isPlain && !isThere(early(1)) && !isThere(late(1));
  waitsForClock = waitsForWatermark = false;
  for (let n = 0; n < triggerCount; n++) {
    if (kindOf(n) == TRIGGER_PERIODIC || kindOf(n) == TRIGGER_DELAY) waitsForClock = true;
    if (kindOf(n) == TRIGGER_CONTINUOUS) waitsForWatermark = true;
  }
}

function kindOf(n: i32): i32 {
  return load<i32>(triggerNode(n));
}
function firstChild(n: i32): i32 {
  return load<i32>(triggerNode(n), 4);
}
function nextSibling(n: i32): i32 {
  return load<i32>(triggerNode(n), 8);
}
function flagsOf(n: i32): i32 {
  return load<i32>(triggerNode(n), 12);
}
function parameterOf(n: i32): f64 {
  return load<f64>(triggerNode(n), 16);
}
function columnOf(n: i32): i32 {
  return load<i32>(triggerNode(n), 24);
}
function early(n: i32): i32 {
  return firstChild(n);
}
function late(n: i32): i32 {
  return nextSibling(firstChild(n));
}
/** Whether a child of TRIGGER_WATERMARK is a trigger, not TRIGGER_NONE. */
function isThere(n: i32): bool {
  return kindOf(n) <= TRIGGER_OR_FINALLY;
}

function stateOf(entry: usize, n: i32): f64 {
  return load<f64>(entry + ENTRY_TRIGGER + n * 8);
}
function setState(entry: usize, n: i32, value: f64): void {
  store<f64>(entry + ENTRY_TRIGGER + n * 8, value);
}
function isFinished(entry: usize, n: i32): bool {
  return ((load<u32>(entry + ENTRY_FINISHED) >> n) & 1) != 0;
}
function setFinished(entry: usize, n: i32, finished: bool): void {
  const bits = load<u32>(entry + ENTRY_FINISHED);
  const bit: u32 = 1 << n;
  store<u32>(entry + ENTRY_FINISHED, finished ? bits | bit : bits & ~bit);
}

/** Whether the window is closed: its trigger will never fire again. */
export function hasFinished(entry: usize): bool {
  return (load<u32>(entry + ENTRY_FINISHED) & 1) != 0;
}

/** Begins a new entry's trigger. */
export function beginTrigger(entry: usize): void {
  reset(entry, 0);
}

function reset(entry: usize, n: i32): void {
  const kind = kindOf(n);
  setFinished(entry, n, false);
  const waits = kind == TRIGGER_PERIODIC || kind == TRIGGER_DELAY || kind == TRIGGER_CONTINUOUS;
  setState(entry, n, waits ? NaN : 0);
  for (let child = firstChild(n); child >= 0; child = nextSibling(child)) reset(entry, child);
}

function clearStates(entry: usize, n: i32): void {
  const kind = kindOf(n);
  const waits = kind == TRIGGER_PERIODIC || kind == TRIGGER_DELAY || kind == TRIGGER_CONTINUOUS;
  if (kind != TRIGGER_WATERMARK) setState(entry, n, waits ? NaN : 0);
  for (let child = firstChild(n); child >= 0; child = nextSibling(child)) clearStates(entry, child);
}

/** The trigger sees a record that was added to the window. */
export function observeRecord(entry: usize, row: i32, timeMs: f64): void {
  observe(entry, 0, row, timeMs);
}

function observe(entry: usize, n: i32, row: i32, timeMs: f64): void {
  if (isFinished(entry, n)) return;
  switch (kindOf(n)) {
    case TRIGGER_WATERMARK: {
      const isPast = stateOf(entry, n) != 0;
      // A merge can take the end of the window away from under a late trigger: then the early one must have seen all records.
      if (isThere(early(n)) && (!isPast || isMerging)) observe(entry, early(n), row, timeMs);
      if (isThere(late(n)) && (isPast || isMerging)) observe(entry, late(n), row, timeMs);
      return;
    }
    case TRIGGER_COUNT:
      setState(entry, n, stateOf(entry, n) + 1);
      return;
    case TRIGGER_PERIODIC:
    case TRIGGER_DELAY:
      if (stateOf(entry, n) != stateOf(entry, n)) setState(entry, n, recordClockMs + parameterOf(n));
      return;
    case TRIGGER_CONTINUOUS:
      if (stateOf(entry, n) != stateOf(entry, n)) setState(entry, n, multipleAfter(timeMs, parameterOf(n)));
      return;
    case TRIGGER_RECORD:
      if (numberOf(columnOf(n), row) == 1) setState(entry, n, 1);
      return;
    case TRIGGER_IN_ORDER: {
      if (isMerging) observeAll(entry, n, row, timeMs);
      else {
        const current = firstUnfinished(entry, n);
        if (current >= 0) observe(entry, current, row, timeMs);
      }
      return;
    }
    default:
      observeAll(entry, n, row, timeMs);
  }
}

function observeAll(entry: usize, n: i32, row: i32, timeMs: f64): void {
  for (let child = firstChild(n); child >= 0; child = nextSibling(child)) observe(entry, child, row, timeMs);
}

function multipleAfter(timeMs: f64, interval: f64): f64 {
  return (floorDivide(timeMs, interval) + 1) * interval;
}

function firstUnfinished(entry: usize, n: i32): i32 {
  let child = firstChild(n);
  while (child >= 0 && isFinished(entry, child)) child = nextSibling(child);
  return child;
}

/** Whether the window should fire now. */
export function shouldFire(entry: usize): bool {
  return isReady(entry, 0);
}

function isReady(entry: usize, n: i32): bool {
  if (isFinished(entry, n)) return false;
  switch (kindOf(n)) {
    case TRIGGER_WATERMARK:
      if (stateOf(entry, n) != 0) return isThere(late(n)) && isReady(entry, late(n));
      return isEndReached(load<f64>(entry + ENTRY_END)) || (isThere(early(n)) && isReady(entry, early(n)));
    case TRIGGER_COUNT:
      return stateOf(entry, n) >= parameterOf(n);
    case TRIGGER_PERIODIC:
    case TRIGGER_DELAY:
      return stateOf(entry, n) <= (isProcessingTime && isOver() ? Infinity : processingMs);
    case TRIGGER_CONTINUOUS:
      return stateOf(entry, n) <= (isEndReached(load<f64>(entry + ENTRY_END)) ? Infinity : watermarkMs);
    case TRIGGER_RECORD:
      return stateOf(entry, n) == 1;
    case TRIGGER_END:
      return isOver();
    case TRIGGER_FULL:
      return load<f64>(entry + ENTRY_COUNT) >= sizeMs;
    case TRIGGER_ANY:
    case TRIGGER_OR_FINALLY:
      for (let child = firstChild(n); child >= 0; child = nextSibling(child)) if (isReady(entry, child)) return true;
      return false;
    case TRIGGER_ALL:
      for (let child = firstChild(n); child >= 0; child = nextSibling(child)) {
        if (!isFinished(entry, child) && !isReady(entry, child)) return false;
      }
      return true;
    case TRIGGER_IN_ORDER: {
      const current = firstUnfinished(entry, n);
      return current >= 0 && isReady(entry, current);
    }
    case TRIGGER_REPEATEDLY:
      return isReady(entry, firstChild(n));
    default:
      return false;
  }
}

/** Lets the trigger fire, which it should. Answers FIRED_* bits. */
export function fireTrigger(entry: usize): i32 {
  return fire(entry, 0);
}

function fire(entry: usize, n: i32): i32 {
  const own = flagsOf(n) & TRIGGER_PURGE ? FIRED_PURGE : 0;
  switch (kindOf(n)) {
    case TRIGGER_WATERMARK:
      return fireWatermark(entry, n, own);
    case TRIGGER_PERIODIC:
      setState(entry, n, nextMoment(stateOf(entry, n), parameterOf(n), processingMs));
      return own | FIRED_PERIODIC;
    case TRIGGER_CONTINUOUS: {
      // Behind the end there are no moments, but each late record fires.
      const isPast = isEndReached(load<f64>(entry + ENTRY_END));
      setState(entry, n, isPast ? NaN : nextMoment(stateOf(entry, n), parameterOf(n), watermarkMs));
      return own | FIRED_PERIODIC;
    }
    case TRIGGER_REPEATEDLY: {
      const child = firstChild(n);
      const bits = fire(entry, child);
      if (isFinished(entry, child)) reset(entry, child);
      return bits;
    }
    case TRIGGER_ANY:
    case TRIGGER_ALL: {
      const bits = fireReady(entry, n);
      // Those that did not fire start anew, should a merge revive this.
      clearStates(entry, n);
      setFinished(entry, n, true);
      return bits;
    }
    case TRIGGER_IN_ORDER: {
      const bits = fire(entry, firstUnfinished(entry, n));
      // Children of merging windows run side by side, each for the pane to come.
      if (isMerging) for (let child = firstChild(n); child >= 0; child = nextSibling(child)) clearStates(entry, child);
      if (firstUnfinished(entry, n) < 0) setFinished(entry, n, true);
      return bits;
    }
    case TRIGGER_OR_FINALLY: {
      const bits = fireReady(entry, n);
      if (isFinished(entry, firstChild(n)) || isFinished(entry, nextSibling(firstChild(n)))) setFinished(entry, n, true);
      return bits;
    }
    default:
      clearStates(entry, n);
      setFinished(entry, n, true);
      return own;
  }
}

// Which children are ready is found out before any fires: firing one must not make another one ready.
function fireReady(entry: usize, n: i32): i32 {
  let ready: u32 = 0;
  for (let child = firstChild(n); child >= 0; child = nextSibling(child)) if (isReady(entry, child)) ready |= 1 << child;
  let bits = 0;
  for (let child = firstChild(n); child >= 0; child = nextSibling(child)) if ((ready >> child) & 1) bits |= fire(entry, child);
  return bits;
}

function fireWatermark(entry: usize, n: i32, own: i32): i32 {
  if (stateOf(entry, n) != 0) return fireRepeated(entry, late(n));
  if (!isEndReached(load<f64>(entry + ENTRY_END))) return fireRepeated(entry, early(n));
  setState(entry, n, 1);
  if (isThere(early(n))) reset(entry, early(n));
  if (isThere(late(n))) reset(entry, late(n));
  else setFinished(entry, n, true);
  return own;
}

function fireRepeated(entry: usize, n: i32): i32 {
  const bits = fire(entry, n);
  if (isFinished(entry, n)) reset(entry, n);
  return bits;
}

// A clock that jumps over several moments fires once.
function nextMoment(moment: f64, interval: f64, now: f64): f64 {
  if (now == Infinity) return NaN;
  return moment + (floorDivide(Math.floor(now) - moment, interval) + 1) * interval;
}

/** The earliest moment of processing time beyond `ms` that a node waits for; NaN: none. */
export function nextClockMoment(entry: usize, ms: f64): f64 {
  return waitsForClock ? earliest(entry, true, ms) : NaN;
}

/** The earliest event time beyond `ms` that a node waits for; NaN: none. */
export function nextWatermarkMoment(entry: usize, ms: f64): f64 {
  return waitsForWatermark ? earliest(entry, false, ms) : NaN;
}

function earliest(entry: usize, ofClock: bool, nowMs: f64): f64 {
  let least = NaN;
  for (let n = 0; n < triggerCount; n++) {
    const kind = kindOf(n);
    const isOfClock = kind == TRIGGER_PERIODIC || kind == TRIGGER_DELAY;
    if ((ofClock ? !isOfClock : kind != TRIGGER_CONTINUOUS) || isFinished(entry, n)) continue;
    const moment = stateOf(entry, n);
    if (moment > nowMs && !(least <= moment)) least = moment;
  }
  return least;
}

/** The window of `from` goes into that of `into`, whose bounds are those of both already. */
export function mergeTriggers(into: usize, from: usize): void {
  for (let n = 0; n < triggerCount; n++) {
    const a = stateOf(into, n);
    const b = stateOf(from, n);
    switch (kindOf(n)) {
      case TRIGGER_COUNT:
        setState(into, n, a + b);
        break;
      case TRIGGER_PERIODIC:
      case TRIGGER_DELAY:
      case TRIGGER_CONTINUOUS:
        setState(into, n, a <= b || b != b ? a : b);
        break;
      case TRIGGER_RECORD:
        setState(into, n, max(a, b));
        break;
      case TRIGGER_WATERMARK:
        setState(into, n, min(a, b));
        break;
      default:
    }
  }
  store<u32>(into + ENTRY_FINISHED, load<u32>(into + ENTRY_FINISHED) & load<u32>(from + ENTRY_FINISHED));
  // What comes after a part that is not finished any more has not begun.
  for (let n = 0; n < triggerCount; n++) {
    if (kindOf(n) != TRIGGER_IN_ORDER) continue;
    const current = firstUnfinished(into, n);
    if (current >= 0) for (let child = nextSibling(current); child >= 0; child = nextSibling(child)) reset(into, child);
  }
}

/** The window has grown: an end that was reached and now is not must be waited for again. */
export function reviveEnd(entry: usize): void {
  if (isEndReached(load<f64>(entry + ENTRY_END))) return;
  revive(entry, 0);
}

// Answers whether the node had finished and has not any more.
function revive(entry: usize, n: i32): bool {
  const had = isFinished(entry, n);
  if (kindOf(n) == TRIGGER_WATERMARK && stateOf(entry, n) != 0) setState(entry, n, 0);
  let isRevived = kindOf(n) == TRIGGER_WATERMARK;
  let isLeft = false; // a part that has finished for another reason
  for (let child = firstChild(n); child >= 0; child = nextSibling(child)) {
    if (revive(entry, child)) isRevived = true;
    else if (isFinished(entry, child)) isLeft = true;
  }
  const endsWithOne = kindOf(n) == TRIGGER_ANY || kindOf(n) == TRIGGER_OR_FINALLY;
  if (!had || !isRevived || (endsWithOne && isLeft)) return false;
  setFinished(entry, n, false);
  return true;
}
