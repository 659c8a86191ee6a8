/**
 * A view as components look at it: it stands still between two frames, whatever the job does.
 *
 * Before: a view of a sink or of a job worker, which may change thousands of times a second. After: use-stream.ts.
 * All components that look at one view at one pace share one of these, so what they read together is the same.
 *
 * Invariant: what {@link FrameView.snapshot} returns changes only when its listeners are told, at most once in the time that was set.
 */

import { type Clock, systemClock } from '../../runtime/clock.ts'
import { framesOf, type NextFrame } from '../../runtime/frames.ts'
import type { View, ViewSnapshot } from '../../runtime/sink/view.ts'

/** Frames do not come to the millisecond. */
const JITTER_MS = 2

export class FrameView<Row> implements View<Row> {
  readonly #view: View<Row>
  readonly #throttleMs: number
  readonly #clock: Clock
  readonly #nextFrame: NextFrame
  readonly #listeners = new Set<() => void>()
  #shown: ViewSnapshot<Row> | null = null
  #shownMs = Number.NEGATIVE_INFINITY
  #unsubscribe: (() => void) | null = null
  #callOff: (() => void) | null = null

  constructor(view: View<Row>, throttleMs: number, clock: Clock = systemClock) {
    this.#view = view
    this.#throttleMs = throttleMs
    this.#clock = clock
    this.#nextFrame = framesOf(clock)
  }

  readonly snapshot = (): ViewSnapshot<Row> => this.#shown ?? this.#view.snapshot()

  readonly subscribe = (listener: () => void): (() => void) => {
    const told = () => listener()
    this.#listeners.add(told)
    if (this.#unsubscribe === null) {
      this.#shown = this.#view.snapshot()
      this.#unsubscribe = this.#view.subscribe(() => this.#changed())
    }
    return () => {
      this.#listeners.delete(told)
      if (this.#listeners.size === 0) this.#rest()
    }
  }

  /** Shows the change at once if nothing was shown lately, else in the frame after the time has passed. */
  #changed(): void {
    if (this.#callOff !== null) return
    const waitMs = this.#throttleMs - JITTER_MS - (this.#clock.monotonic() - this.#shownMs)
    if (waitMs <= 0) return this.#show()
    this.#callOff = this.#nextFrame(() => {
      this.#callOff = null
      this.#changed()
    })
  }

  #show(): void {
    const snapshot = this.#view.snapshot()
    if (snapshot === this.#shown) return
    this.#shown = snapshot
    this.#shownMs = this.#clock.monotonic()
    for (const listener of Array.from(this.#listeners)) listener()
  }

  /** Nobody looks: nothing is kept, and nothing listened to. */
  #rest(): void {
    this.#unsubscribe?.()
    this.#callOff?.()
    this.#unsubscribe = null
    this.#callOff = null
    this.#shown = null
  }
}

const shared = new WeakMap<View<never>, Map<number, FrameView<never>>>()

/** The one that all components share. */
export function frameViewOf<Row>(view: View<Row>, throttleMs: number): FrameView<Row> {
  const key = view as View<never>
  let byPace = shared.get(key)
  if (byPace === undefined) {
    byPace = new Map()
    shared.set(key, byPace)
  }
  let found = byPace.get(throttleMs)
  if (found === undefined) {
    found = new FrameView<Row>(view, throttleMs) as unknown as FrameView<never>
    byPace.set(throttleMs, found)
  }
  return found as unknown as FrameView<Row>
}
