/**
 * Timers of windows: two heaps, one for each time domain, of (time, sequence of the entry).
 *
 * Before it, the operator arms an entry for the earliest moment at which something is due for it; after it, the operator is told
 * entry by entry what is due. Timers are not taken back: an entry remembers the time it is armed for, and other timers of it are
 * dropped when they come up; an entry that grew (a session) is armed again when its old timer comes up.
 *
 * Invariant: equal times come up in the order in which their entries were created.
 */
import { allocate, reallocate } from "../state/arena";
import { ENTRY_ARMED_EVENT, ENTRY_ARMED_PROCESSING, ENTRY_SEQUENCE } from "./window-entry";

const TIMER_TIME = 0; // f64
const TIMER_SEQUENCE = 8; // f64
const TIMER_ENTRY = 16; // u32
const TIMER_BYTES = 24;
const TIMERS_MIN = 256;

let heaps: usize = 0; // for each domain: u32 block, i32 capacity, i32 count
const HEAP_BYTES = 16;

export function configureTimers(): bool {
  heaps = allocate(2 * HEAP_BYTES);
  if (heaps == 0) return false;
  for (let domain = 0; domain < 2; domain++) {
    const block = allocate(TIMERS_MIN * TIMER_BYTES);
    if (block == 0) return false;
    store<u32>(heap(domain), <u32>block);
    store<i32>(heap(domain) + 4, TIMERS_MIN);
    store<i32>(heap(domain) + 8, 0);
  }
  return true;
}

function heap(domain: i32): usize {
  return heaps + domain * HEAP_BYTES;
}
function armedField(domain: i32): i32 {
  return domain == 0 ? ENTRY_ARMED_EVENT : ENTRY_ARMED_PROCESSING;
}

/** Arms an entry for `ms` unless it is armed for that moment or an earlier one; false when memory is exhausted. */
export function arm(domain: i32, entry: usize, ms: f64): bool {
  const armed = load<f64>(entry + armedField(domain));
  if (!(ms == ms) || armed <= ms) return true;
  store<f64>(entry + armedField(domain), ms);
  return push(domain, ms, load<f64>(entry + ENTRY_SEQUENCE), entry);
}

/** The next entry whose timer is due at `nowMs`, disarmed; 0 when none is. Its time is in `dueMs`. */
export let dueMs: f64 = 0;
export function nextDueEntry(domain: i32, nowMs: f64): usize {
  const at = heap(domain);
  while (load<i32>(at + 8) > 0) {
    const block = <usize>load<u32>(at);
    const ms = load<f64>(block + TIMER_TIME);
    if (!(ms <= nowMs)) return 0;
    const entry = <usize>load<u32>(block + TIMER_ENTRY);
    const isCurrent = load<f64>(entry + ENTRY_SEQUENCE) == load<f64>(block + TIMER_SEQUENCE) && load<f64>(entry + armedField(domain)) == ms;
    pop(at);
    if (!isCurrent) continue;
    store<f64>(entry + armedField(domain), NaN);
    dueMs = ms;
    return entry;
  }
  return 0;
}

/** The earliest time that an entry may be due at: too early when its timer is no longer wanted, never too late; Infinity when there is none. */
export function earliestMs(domain: i32): f64 {
  const at = heap(domain);
  return load<i32>(at + 8) > 0 ? load<f64>(<usize>load<u32>(at) + TIMER_TIME) : Infinity;
}

function isBefore(a: usize, b: usize): bool {
  const timeA = load<f64>(a);
  const timeB = load<f64>(b);
  return timeA < timeB || (timeA == timeB && load<f64>(a, TIMER_SEQUENCE) < load<f64>(b, TIMER_SEQUENCE));
}

function push(domain: i32, ms: f64, sequence: f64, entry: usize): bool {
  const at = heap(domain);
  const count = load<i32>(at + 8);
  const capacity = load<i32>(at + 4);
  if (count == capacity) {
    const bytes = <usize>capacity * TIMER_BYTES;
    const grown = reallocate(load<u32>(at), bytes, bytes, bytes * 2);
    if (grown == 0) return false;
    store<u32>(at, <u32>grown);
    store<i32>(at + 4, capacity * 2);
  }
  const block = <usize>load<u32>(at);
  let index = count;
  store<i32>(at + 8, count + 1);
  const last = block + <usize>index * TIMER_BYTES;
  store<f64>(last, ms);
  store<f64>(last, sequence, TIMER_SEQUENCE);
  while (index > 0) {
    const parent = (index - 1) >> 1;
    const above = block + <usize>parent * TIMER_BYTES;
    const timeAbove = load<f64>(above);
    if (timeAbove < ms || (timeAbove == ms && load<f64>(above, TIMER_SEQUENCE) < sequence)) break;
    memory.copy(block + <usize>index * TIMER_BYTES, above, TIMER_BYTES);
    index = parent;
  }
  const place = block + <usize>index * TIMER_BYTES;
  store<f64>(place, ms);
  store<f64>(place, sequence, TIMER_SEQUENCE);
  store<u32>(place, <u32>entry, TIMER_ENTRY);
  return true;
}

function pop(at: usize): void {
  const block = <usize>load<u32>(at);
  const count = load<i32>(at + 8) - 1;
  store<i32>(at + 8, count);
  const last = block + <usize>count * TIMER_BYTES;
  let index = 0;
  for (let child = 1; child < count; child = index * 2 + 1) {
    let least = block + <usize>child * TIMER_BYTES;
    if (child + 1 < count && isBefore(least + TIMER_BYTES, least)) {
      least += TIMER_BYTES;
      child++;
    }
    if (!isBefore(least, last)) break;
    memory.copy(block + <usize>index * TIMER_BYTES, least, TIMER_BYTES);
    index = child;
  }
  if (count > 0) memory.copy(block + <usize>index * TIMER_BYTES, last, TIMER_BYTES);
}
