/**
 * Time that only moves when a test says so: a timeline of events, and clocks that read it.
 *
 * Before: a simulation or a test with timers. After: whatever takes a `Clock`.
 *
 * Invariant: events run in the order of their time, then of their making; nothing here looks at the machine's clock.
 */

import type { Clock } from '../../runtime/clock.ts'

interface TimelineEvent {
  readonly atMs: number
  readonly order: number
  readonly run: () => void
}

/** What will happen, in order. A binary heap. */
export class Timeline {
  nowMs = 0
  readonly #heap: TimelineEvent[] = []
  #order = 0

  /** Has `run` called when the time comes. */
  after(ms: number, run: () => void): void {
    const event = { atMs: this.nowMs + Math.max(0, ms), order: this.#order++, run }
    const heap = this.#heap
    let at = heap.push(event) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!isBefore(event, heap[parent]!)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = event
  }

  get size(): number {
    return this.#heap.length
  }

  /** Advances to the next event and runs it. @returns whether there was one. */
  next(): boolean {
    const heap = this.#heap
    const first = heap[0]
    if (first === undefined) return false
    const last = heap.pop()!
    if (heap.length > 0) this.#sink(last)
    this.nowMs = Math.max(this.nowMs, first.atMs)
    first.run()
    return true
  }

  #sink(event: TimelineEvent): void {
    const heap = this.#heap
    let at = 0
    for (;;) {
      let child = at * 2 + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++
      if (!isBefore(heap[child]!, event)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = event
  }
}

function isBefore(a: TimelineEvent, b: TimelineEvent): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
}

export interface VirtualClockOptions {
  /** Milliseconds that pass with every look at `monotonic()`, so that work takes time; default none. */
  readonly tick?: () => number
  /** The wall clock for a monotonic time; default the same. It may jump. */
  readonly wall?: (monotonicMs: number) => number
}

export class VirtualClock implements Clock {
  readonly timeline: Timeline
  readonly #options: VirtualClockOptions

  constructor(timeline = new Timeline(), options: VirtualClockOptions = {}) {
    this.timeline = timeline
    this.#options = options
  }

  now(): number {
    return this.#options.wall?.(this.timeline.nowMs) ?? this.timeline.nowMs
  }

  monotonic(): number {
    if (this.#options.tick !== undefined) this.timeline.nowMs += this.#options.tick()
    return this.timeline.nowMs
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted === true) return resolve()
      signal?.addEventListener('abort', () => resolve(), { once: true })
      this.timeline.after(ms, resolve)
    })
  }

  yield(): Promise<void> {
    return this.sleep(0)
  }
}

/** Lets everything that is ready in the real event loop have its turn. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}

/** Runs a timeline until `done` settles. @throws Error when it never will: no events are left, or `isStuck` says so. */
export async function drive(timeline: Timeline, done: Promise<unknown>, isStuck: () => string | null = () => null): Promise<void> {
  let isSettled = false
  const settle = () => {
    isSettled = true
  }
  done.then(settle, settle)
  for (;;) {
    await turn()
    if (isSettled) return
    const reason = isStuck()
    if (reason !== null) throw new Error(reason)
    if (!timeline.next()) throw new Error(`deadlock at ${timeline.nowMs} ms: nothing is scheduled any more`)
  }
}
