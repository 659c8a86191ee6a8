/**
 * Windows of a table, such as campaigns: any intervals, which may overlap, nest and leave gaps.
 *
 * Before: a checked table. After: segment.ts. Names of intervals are for people; two with the same bounds are one window.
 *
 * The intervals that hold a time are found in an augmented binary tree (Cormen et al., Introduction to Algorithms, "Interval trees")
 * that lies in the sorted table itself: the root of a range is its middle, and `#lastEnds[middle]` the largest end in the range.
 *
 * Invariant: `#starts` is ascending, for equal starts `#ends` too, and no pair occurs twice.
 */

import type { IntervalSpec } from '../plan-spec.ts'
import type { Segment, SegmentSource } from './segment.ts'

export class IntervalTable implements SegmentSource {
  readonly #starts: Float64Array
  readonly #ends: Float64Array
  readonly #lastEnds: Float64Array
  /** Every start and end once, ascending, between -Infinity and Infinity: between two of them, nothing changes. */
  readonly #bounds: Float64Array

  constructor(table: readonly IntervalSpec[]) {
    const sorted = [...table]
      .sort((a, b) => a.startMs - b.startMs || a.endMs - b.endMs)
      .filter(({ startMs, endMs }, index, all) => startMs !== all[index - 1]?.startMs || endMs !== all[index - 1]?.endMs)
    this.#starts = Float64Array.from(sorted, ({ startMs }) => startMs)
    this.#ends = Float64Array.from(sorted, ({ endMs }) => endMs)
    this.#lastEnds = new Float64Array(sorted.length)
    this.#augment(0, sorted.length)
    const bounds = new Set([Number.NEGATIVE_INFINITY, ...this.#starts, ...this.#ends, Number.POSITIVE_INFINITY])
    this.#bounds = Float64Array.from(bounds).sort()
  }

  segmentAt(timeMs: number): Segment {
    let low = 0
    let high = this.#bounds.length - 1
    while (high - low > 1) {
      const middle = (low + high) >>> 1
      if (this.#bounds[middle]! <= timeMs) low = middle
      else high = middle
    }
    const starts: number[] = []
    const ends: number[] = []
    this.#collect(0, this.#starts.length, timeMs, starts, ends)
    return { fromMs: this.#bounds[low]!, untilMs: this.#bounds[high]!, starts, ends }
  }

  #augment(from: number, until: number): number {
    if (from === until) return Number.NEGATIVE_INFINITY
    const middle = (from + until) >>> 1
    const last = Math.max(this.#ends[middle]!, this.#augment(from, middle), this.#augment(middle + 1, until))
    this.#lastEnds[middle] = last
    return last
  }

  /** Appends the intervals of a range that hold a time, in order. */
  #collect(from: number, until: number, timeMs: number, starts: number[], ends: number[]): void {
    if (from === until) return
    const middle = (from + until) >>> 1
    if (this.#lastEnds[middle]! <= timeMs) return
    this.#collect(from, middle, timeMs, starts, ends)
    if (this.#starts[middle]! > timeMs) return
    if (timeMs < this.#ends[middle]!) {
      starts.push(this.#starts[middle]!)
      ends.push(this.#ends[middle]!)
    }
    this.#collect(middle + 1, until, timeMs, starts, ends)
  }
}
