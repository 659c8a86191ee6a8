/**
 * Rows of a view in a component.
 *
 * Before: frame-view.ts. After: what the component draws.
 */

import { useRef, useSyncExternalStore } from 'react'
import { type Duration, durationMs } from '../../runtime/duration.ts'
import type { RowObject } from '../../runtime/record-batch.ts'
import type { View, ViewSnapshot } from '../../runtime/sink/view.ts'
import { frameViewOf } from './frame-view.ts'

export interface UseStreamOptions<Row, T> {
  /** What of the view the component needs: it is drawn again only when this changes. Default: the whole snapshot. */
  readonly select?: (snapshot: ViewSnapshot<Row>) => T
  /** Whether two selected values are the same to the component; default `Object.is`. */
  readonly isEqual?: (before: T, after: T) => boolean
  /** Least time between two updates; default `'16ms'`, a frame. In hidden pages there is at most one a second. */
  readonly throttle?: Duration
}

/**
 * What a view shows now; the component is drawn again when that changes, at most once per frame.
 *
 * Components that use the same view with the same `throttle` always see the same snapshot, in concurrent rendering too. On a server, and
 * while hydrating, the view is empty.
 *
 * @param view - Of a `viewSink()`, or `remote.view(name)`; null as long as there is none: then it is empty.
 * @throws ConfigError `DURATION_INVALID`
 *
 * @example
 * ```tsx
 * function Warmest({ view }: { view: View<{ device: string; max: number }> }) {
 *   const warmest = useStream(view, { select: ({ rows }) => Math.max(...rows.map(({ max }) => max)) })
 *   return <p>{warmest} °C</p>
 * }
 * ```
 */
export function useStream<Row = RowObject>(
  view: View<Row> | null,
  options?: Pick<UseStreamOptions<Row, never>, 'throttle'>,
): ViewSnapshot<Row>
export function useStream<Row, T>(view: View<Row> | null, options: UseStreamOptions<Row, T>): T
export function useStream<Row, T>(view: View<Row> | null, options: UseStreamOptions<Row, T> = {}): T {
  const throttleMs = durationMs(options.throttle ?? 16, { of: 'throttle' })
  const frames: View<Row> = view === null ? NOTHING : frameViewOf(view, throttleMs)
  const shown = useSelection(frames.snapshot, options)
  const served = useSelection<Row, T>(NOTHING.snapshot, options)
  return useSyncExternalStore(frames.subscribe, shown, served)
}

const EMPTY: ViewSnapshot<never> = Object.freeze({ version: 0, rows: Object.freeze([]), panes: Object.freeze([]), evictedCount: 0 })
const NOTHING: View<never> = { snapshot: () => EMPTY, subscribe: () => () => {} }

interface Selected<Row, T> {
  readonly snapshot: ViewSnapshot<Row>
  readonly select: UseStreamOptions<Row, T>['select']
  readonly value: T
}

/** The selected part of a snapshot: the same value for the same snapshot, and for another one as long as it is equal. */
function useSelection<Row, T>(snapshotOf: () => ViewSnapshot<Row>, { select, isEqual = Object.is }: UseStreamOptions<Row, T>): () => T {
  // What is remembered follows from snapshot and function alone, so a rendering that React throws away leaves nothing wrong behind.
  const last = useRef<Selected<Row, T> | null>(null)
  return () => {
    const snapshot = snapshotOf()
    const known = last.current
    if (known !== null && known.snapshot === snapshot && known.select === select) return known.value
    const value = select === undefined ? (snapshot as T) : select(snapshot)
    const kept = known !== null && isEqual(known.value, value) ? known.value : value
    last.current = { snapshot, select, value: kept }
    return kept
  }
}
