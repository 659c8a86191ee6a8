/**
 * Sessions: a record has a window of its own as long as its gap, and windows that touch become one; one that has outgrown its greatest
 * length is cut.
 *
 * Before: operator.ts with a record, or with a window that is over. After: open-windows.ts keeps what sessions have become.
 *
 * Invariant: of one key, sessions that may grow never touch.
 */

import type { Cell } from '../windows.ts'
import { isWithin } from './assigners.ts'
import type { Clocks } from './clocks.ts'
import { inOrderOfArrival, inOrderOfTime } from './contents.ts'
import { valueOf } from './expressions.ts'
import type { Fate, OpenWindows, Window } from './open-windows.ts'
import type { Bounds, Held, PanePlan, Row, Shape } from './plan.ts'
import { merged } from './triggers.ts'

export class Sessions {
  readonly #shape: Extract<Shape, { readonly kind: 'session' }>
  readonly #isRetracting: boolean
  readonly #clocks: Clocks
  readonly #windows: OpenWindows

  constructor(shape: Extract<Shape, { readonly kind: 'session' }>, { accumulation }: PanePlan, clocks: Clocks, windows: OpenWindows) {
    this.#shape = shape
    this.#isRetracting = accumulation === 'retracting'
    this.#clocks = clocks
    this.#windows = windows
  }

  /** Refused: its gap is null or negative. */
  take(key: readonly Cell[], held: Held): Fate | 'refused' {
    const gap = this.#gapOf(held.row)
    if (gap === null || !(gap >= 0)) return 'refused'
    const own = { start: held.timeMs, end: held.timeMs + gap }
    const ofKey = this.#windows.ofKey(key)
    const sealed = ofKey.find((each) => each.isSealed && isWithin(each, held.timeMs))
    if (sealed !== undefined) {
      this.#windows.add(sealed, [held])
      return 'taken'
    }
    const touched = ofKey.filter((each) => !each.isSealed && each.start <= own.end && own.start <= each.end)
    const bounds = hull([own, ...touched])
    if (this.#clocks.isLate(bounds)) return 'late'
    const session = this.#merge(key, bounds, touched)
    if (session.isClosed) return 'closed'
    this.#windows.add(session, [held])
    return 'taken'
  }

  #gapOf(row: Row): number | null {
    const { gap, gapMs } = this.#shape
    return gap === undefined ? (gapMs ?? null) : (valueOf(gap, row) as number | null)
  }

  /** The window that these have become: one of them if its bounds are those of all, else a new one. */
  #merge(key: readonly Cell[], bounds: Bounds, parts: readonly Window[]): Window {
    const same = parts.find((part) => part.start === bounds.start && part.end === bounds.end)
    if (same !== undefined) return same
    this.#windows.remove(...parts)
    if (this.#isRetracting) {
      for (const part of [...parts].sort((a, b) => a.start - b.start || a.end - b.end)) this.#windows.takeBack(part, '-D')
    }
    const window = this.#windows.open(key, bounds)
    if (parts.length === 0) return window
    const trigger = merged(
      this.#windows.root,
      parts.map((part) => part.trigger),
      this.#windows.moment(window),
    )
    Object.assign(window.trigger, trigger)
    window.contents = inOrderOfArrival(parts.flatMap(({ contents }) => contents))
    window.newCount = parts.reduce((sum, { newCount }) => sum + newCount, 0)
    if (trigger.finished) this.#windows.close(window)
    return window
  }

  /** A session that has outgrown its greatest length becomes a piece that is over and sessions of the rest. @returns the piece. */
  cut(window: Window): Window {
    if (this.#shape.maxLengthMs === undefined || window.isSealed) return window
    const limit = window.start + this.#shape.maxLengthMs
    if (window.end <= limit) return window
    const kept = window.contents.filter(({ timeMs }) => timeMs < limit)
    const rest = window.contents.filter(({ timeMs }) => timeMs >= limit)
    const lastEnd = Math.max(...kept.map(({ timeMs, row }) => timeMs + this.#gapOf(row)!))
    this.#windows.remove(window)
    const piece = this.#windows.open(window.key, { start: window.start, end: Math.min(lastEnd, limit) })
    Object.assign(piece, { isSealed: true, isEndSeen: false, endedIn: this.#clocks.advances, contents: kept, newCount: kept.length })
    const sessions: { bounds: Bounds; records: Held[] }[] = []
    for (const record of inOrderOfTime(rest)) {
      const own = { start: record.timeMs, end: record.timeMs + this.#gapOf(record.row)! }
      const last = sessions.at(-1)
      if (last !== undefined && own.start <= last.bounds.end) {
        last.bounds = hull([last.bounds, own])
        last.records.push(record)
      } else sessions.push({ bounds: own, records: [record] })
    }
    for (const { bounds, records } of sessions) {
      const next = this.#windows.open(window.key, bounds)
      Object.assign(next, { contents: inOrderOfArrival(records), newCount: records.length, isEndSeen: false, endedIn: null })
      next.eventTimeDone = Number.NEGATIVE_INFINITY
      next.processingTimeDone = Number.NEGATIVE_INFINITY
    }
    return piece
  }
}

function hull(windows: readonly Bounds[]): Bounds {
  return { start: Math.min(...windows.map(({ start }) => start)), end: Math.max(...windows.map(({ end }) => end)) }
}
