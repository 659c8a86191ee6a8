/**
 * Pieces of time in which every record is in the same windows, and the assigner that goes from one to the next.
 *
 * Before: calendar-periods.ts, trading-sessions.ts or interval-table.ts, which find the segment of a time. After: assigned-windows.ts.
 *
 * Invariant: segments of one source do not overlap, and every time lies in one.
 */

import type { AssignedWindows, WindowAssigner } from './assigned-windows.ts'

/** Times from `fromMs` to before `untilMs`, and the windows they are in: ascending by (start, end), each once; none outside of all. */
export interface Segment {
  readonly fromMs: number
  readonly untilMs: number
  readonly starts: readonly number[]
  readonly ends: readonly number[]
}

export interface SegmentSource {
  segmentAt(timeMs: number): Segment
}

/** Assigns by segments: a record of the same segment as the one before costs two comparisons. */
export class SegmentAssigner implements WindowAssigner {
  readonly #source: SegmentSource
  #current: Segment = { fromMs: 0, untilMs: 0, starts: [], ends: [] }

  constructor(source: SegmentSource) {
    this.#source = source
  }

  assign(times: Float64Array, rowCount: number, _rowAt: unknown, out: AssignedWindows): void {
    out.clear()
    out.reserve(rowCount)
    let segment = this.#current
    for (let row = 0; row < rowCount; row++) {
      const time = times[row]!
      if (time < segment.fromMs || time >= segment.untilMs) segment = this.#source.segmentAt(time)
      const { starts, ends } = segment
      if (starts.length === 0) out.pushOutside(row)
      for (let window = 0; window < starts.length; window++) out.push(row, starts[window]!, ends[window]!)
    }
    this.#current = segment
  }
}

/** 22 years of days; about 1 MiB when full. */
const CACHED_SEGMENTS_MAX = 8_192

/**
 * Remembers segments, so that disorder costs a binary search instead of questions to `Intl`.
 *
 * When full it forgets the half on the other side of the newest: time goes on, and old segments are not asked for again.
 */
export class SegmentCache implements SegmentSource {
  readonly #source: SegmentSource
  /** Ascending. */
  #segments: Segment[] = []

  constructor(source: SegmentSource) {
    this.#source = source
  }

  segmentAt(timeMs: number): Segment {
    const at = firstAfter(this.#segments, timeMs)
    const known = this.#segments[at - 1]
    if (known !== undefined && timeMs < known.untilMs) return known
    const found = this.#source.segmentAt(timeMs)
    this.#segments.splice(at, 0, found)
    if (this.#segments.length > CACHED_SEGMENTS_MAX) {
      const half = CACHED_SEGMENTS_MAX / 2
      this.#segments = at > half ? this.#segments.slice(half) : this.#segments.slice(0, half + 1)
    }
    return found
  }
}

/** Index of the first segment that begins after a time. */
function firstAfter(segments: readonly Segment[], timeMs: number): number {
  let low = 0
  let high = segments.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (segments[middle]!.fromMs <= timeMs) low = middle + 1
    else high = middle
  }
  return low
}
