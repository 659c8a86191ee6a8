/**
 * Windows that count records: window i of a key holds its records i * every .. i * every + n - 1, in order of arrival.
 *
 * Before: operator.ts. After: windows that are full, and at the end of the stream those that are not.
 *
 * Invariant: all records of a key are kept; a window is a slice of them.
 */

import { type Cell, keyIdentity } from '../windows.ts'
import type { Held, Shape } from './plan.ts'

export interface CountedWindow {
  readonly number: number
  readonly records: readonly Held[]
}

export class CountWindows {
  readonly #n: number
  readonly #every: number
  readonly #isPartial: boolean
  readonly #records = new Map<string, { readonly key: readonly Cell[]; readonly all: Held[] }>()

  constructor(shape: Extract<Shape, { readonly kind: 'countTumbling' | 'countSliding' }>) {
    this.#n = shape.n
    this.#every = shape.kind === 'countSliding' ? shape.every : shape.n
    this.#isPartial = shape.partial === true
  }

  add(key: readonly Cell[], record: Held): { readonly isOutside: boolean; readonly full: readonly CountedWindow[] } {
    const keyId = keyIdentity(key)
    const { all } = this.#of(keyId, key)
    all.push(record)
    const full = this.#windows(all).filter(({ number }) => number * this.#every + this.#n === all.length)
    return { isOutside: (all.length - 1) % this.#every >= this.#n, full }
  }

  /** Windows that will not be full. */
  rest(): { readonly key: readonly Cell[]; readonly windows: readonly CountedWindow[] }[] {
    if (!this.#isPartial) return []
    return [...this.#records.values()].map(({ key, all }) => ({
      key,
      windows: this.#windows(all).filter(({ records }) => records.length < this.#n),
    }))
  }

  #windows(all: readonly Held[]): CountedWindow[] {
    const count = Math.ceil(all.length / this.#every)
    return Array.from({ length: count }, (_, number) => ({
      number,
      records: all.slice(number * this.#every, number * this.#every + this.#n),
    }))
  }

  #of(keyId: string, key: readonly Cell[]): { readonly key: readonly Cell[]; readonly all: Held[] } {
    const found = this.#records.get(keyId) ?? { key, all: [] }
    this.#records.set(keyId, found)
    return found
  }
}
