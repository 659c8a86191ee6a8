/**
 * Windows from one condition to another: opened by a record, closed by a record or at their greatest length.
 *
 * Before: operator.ts. After: windows that have ended, in the order in which they ended.
 *
 * Invariant: records wait until the watermark has passed them, so that they come in order of event time; a key has one window at most.
 */

import { type Cell, keyIdentity } from '../windows.ts'
import { holds } from './expressions.ts'
import type { Bounds, Held, Shape } from './plan.ts'

interface StateWindow {
  readonly key: readonly Cell[]
  readonly keyId: string
  readonly start: number
  records: readonly Held[]
}

export interface EndedWindow extends Bounds {
  readonly key: readonly Cell[]
  readonly records: readonly Held[]
}

export class StateWindows {
  /** Records in no window. */
  outsideCount = 0
  readonly #shape: Extract<Shape, { readonly kind: 'stateWindow' }>
  readonly #maxLengthMs: number
  #watermarkMs = Number.NEGATIVE_INFINITY
  #waiting: { readonly key: readonly Cell[]; readonly held: Held }[] = []
  /** In order of creation, which is that of their starts. */
  #windows: StateWindow[] = []
  #ended: EndedWindow[] = []

  constructor(shape: Extract<Shape, { readonly kind: 'stateWindow' }>) {
    this.#shape = shape
    this.#maxLengthMs = shape.maxLengthMs ?? Number.POSITIVE_INFINITY
  }

  /** @returns Whether the record came in time. */
  add(key: readonly Cell[], held: Held): boolean {
    if (held.timeMs <= this.#watermarkMs) return false
    this.#waiting.push({ key, held })
    return true
  }

  /** Windows that have ended since the last advance. */
  advance(watermarkMs: number): readonly EndedWindow[] {
    this.#ended = []
    const isDue = ({ held }: { readonly held: Held }) => held.timeMs <= watermarkMs
    const due = this.#waiting.filter(isDue).sort((a, b) => a.held.timeMs - b.held.timeMs || a.held.arrival - b.held.arrival)
    this.#waiting = this.#waiting.filter((each) => !isDue(each))
    for (const { key, held } of due) this.#take(key, held)
    this.#watermarkMs = watermarkMs
    for (const window of this.#windows.filter((each) => this.#limitMs(each) - 1 <= watermarkMs)) this.#end(window)
    return this.#ended
  }

  #take(key: readonly Cell[], held: Held): void {
    const keyId = keyIdentity(key)
    const running = this.#windows.find((each) => each.keyId === keyId)
    if (running !== undefined && held.timeMs >= this.#limitMs(running)) {
      this.#end(running)
      this.#take(key, held)
      return
    }
    if (running === undefined && !holds(this.#shape.open, held.row)) {
      this.outsideCount++
      return
    }
    const window = running ?? { key, keyId, start: held.timeMs, records: [] }
    if (running === undefined) this.#windows.push(window)
    window.records = [...window.records, held]
    if (holds(this.#shape.close, held.row)) this.#end(window)
  }

  /** Ends behind its last record, or at its greatest length. */
  #end(window: StateWindow): void {
    const last = Math.max(...window.records.map(({ timeMs }) => timeMs))
    const { key, start, records } = window
    this.#ended.push({ key, start, end: Math.min(last + 1, this.#limitMs(window)), records })
    this.#windows = this.#windows.filter((each) => each !== window)
  }

  #limitMs({ start }: StateWindow): number {
    return start + this.#maxLengthMs
  }
}
