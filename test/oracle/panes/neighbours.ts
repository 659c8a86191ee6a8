/**
 * Windows that are made around each record, and hold its neighbours in time: those that came before it, and those that come after.
 *
 * Before: operator.ts with a record. After: open-windows.ts, to which the record is offered window by window.
 *
 * Invariant: all records of a key that some window took are kept, for windows that are made later.
 */

import { type Cell, keyIdentity } from '../windows.ts'
import { ascending, isWithin } from './assigners.ts'
import { inOrderOfTime } from './contents.ts'
import type { Fate, OpenWindows } from './open-windows.ts'
import type { Bounds, Held, Shape } from './plan.ts'

export class Neighbours {
  readonly #shape: Extract<Shape, { readonly kind: 'around' | 'slidingByRecord' }>
  readonly #windows: OpenWindows
  readonly #accepted = new Map<string, readonly Held[]>()

  constructor(shape: Extract<Shape, { readonly kind: 'around' | 'slidingByRecord' }>, windows: OpenWindows) {
    this.#shape = shape
    this.#windows = windows
  }

  /** What became of the record in each window that may hold it. */
  take(key: readonly Cell[], held: Held): Fate[] {
    const keyId = keyIdentity(key)
    const accepted = this.#accepted.get(keyId) ?? []
    const { timeMs } = held
    const opened = this.#windows.ofKey(key).filter((each) => isWithin(each, timeMs))
    const fates: Fate[] = []
    for (const bounds of ascending([...opened, ...this.#made(timeMs, accepted)])) {
      const isThere = this.#windows.find(key, bounds) !== undefined
      const holdsIt = isWithin(bounds, timeMs)
      // The window behind a record, of records that came before it, is made only with the record.
      if (!holdsIt && (isThere || fates.every((fate) => fate === 'late'))) continue
      const earlier = isThere ? [] : inOrderOfTime(accepted.filter((other) => isWithin(bounds, other.timeMs)))
      const fate = this.#windows.offer(key, bounds, holdsIt ? [...earlier, held] : earlier)
      if (holdsIt) fates.push(fate)
    }
    if (fates.some((fate) => fate !== 'late')) this.#accepted.set(keyId, [...accepted, held])
    return fates
  }

  /** Windows that there are because of this record. */
  #made(timeMs: number, accepted: readonly Held[]): Bounds[] {
    const shape = this.#shape
    if (shape.kind === 'around') return [{ start: timeMs - shape.beforeMs, end: timeMs + shape.afterMs + 1 }]
    const before = (last: number) => ({ start: last - shape.differenceMs, end: last + 1 })
    const after = (last: number) => ({ start: last + 1, end: last + shape.differenceMs + 2 })
    const made: Bounds[] = [before(timeMs)]
    for (const other of accepted) if (isWithin(after(other.timeMs), timeMs)) made.push(after(other.timeMs))
    if (accepted.some((other) => isWithin(after(timeMs), other.timeMs))) made.push(after(timeMs))
    return made
  }
}
