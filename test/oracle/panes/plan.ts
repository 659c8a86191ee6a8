/**
 * What the oracle of whole windows is given: the window operator of a plan as JSON, and what arrives.
 *
 * Before: a random case, or a conformance case rewritten. After: operator.ts, and the plan that the product runs.
 * The shapes are those of the plan's JSON, so one object drives both; assigned windows (calendars, custom functions) come as a function.
 *
 * Invariant: nothing here comes from the runtime.
 */

import type { Cell } from '../windows.ts'

export type Tree =
  | { readonly column: string }
  | { readonly literal: number | string | boolean }
  | { readonly fn: string; readonly args: readonly Tree[] }

/** A window in time, half open. */
export interface Bounds {
  readonly start: number
  readonly end: number
}

export type Shape =
  | { readonly kind: 'tumbling'; readonly sizeMs: number; readonly offsetMs?: number }
  | { readonly kind: 'sliding'; readonly sizeMs: number; readonly slideMs: number; readonly offsetMs?: number }
  | { readonly kind: 'cumulate'; readonly sizeMs: number; readonly stepMs: number; readonly offsetMs?: number }
  | { readonly kind: 'session'; readonly gapMs?: number; readonly gap?: Tree; readonly maxLengthMs?: number }
  | { readonly kind: 'countTumbling'; readonly n: number; readonly partial?: true }
  | { readonly kind: 'countSliding'; readonly n: number; readonly every: number; readonly partial?: true }
  | { readonly kind: 'global' }
  | { readonly kind: 'intervals'; readonly table: readonly { readonly startMs: number; readonly endMs: number }[] }
  | { readonly kind: 'around'; readonly beforeMs: number; readonly afterMs: number }
  | { readonly kind: 'slidingByRecord'; readonly differenceMs: number }
  | { readonly kind: 'stateWindow'; readonly open: Tree; readonly close: Tree; readonly maxLengthMs?: number }
  /** Calendars, trading days, custom assigners: whatever makes a list of windows of a record. */
  | { readonly kind: 'assigned'; readonly windows: (timeMs: number, row: Row) => readonly Bounds[] }

export type Trigger = (
  | { readonly kind: 'onWatermark'; readonly early?: Trigger; readonly late?: Trigger }
  | { readonly kind: 'onCount'; readonly n: number }
  | { readonly kind: 'onProcessingTime'; readonly everyMs: number }
  | { readonly kind: 'afterProcessingTime'; readonly delayMs: number }
  | { readonly kind: 'onEventTime'; readonly everyMs: number }
  | { readonly kind: 'onRecord'; readonly when: Tree }
  | { readonly kind: 'onEnd' }
  | { readonly kind: 'any' | 'all' | 'inOrder'; readonly of: readonly Trigger[] }
  | { readonly kind: 'repeatedly' | 'once'; readonly of: Trigger }
  | { readonly kind: 'orFinally'; readonly of: Trigger; readonly until: Trigger }
) & { readonly purge?: true }

export type Evictor = (
  | { readonly kind: 'count'; readonly n: number }
  | { readonly kind: 'time'; readonly durationMs: number }
  | { readonly kind: 'delta'; readonly column: string; readonly threshold: number }
) & { readonly after?: true }

export interface Aggregate {
  readonly fn: string
  readonly column?: string
  readonly by?: string
  readonly where?: Tree
  readonly compensated?: boolean
  readonly population?: boolean
  readonly approximate?: true
  readonly precision?: number
  readonly q?: number
  readonly accuracy?: number
  readonly bounds?: readonly number[]
  readonly k?: number
  readonly limit?: number
  readonly order?: 'eventTime' | 'arrival'
  readonly separator?: string
  readonly halfLifeMs?: number
}

export interface PanePlan {
  readonly window: Shape
  readonly time?: 'event' | 'processing'
  readonly trigger?: Trigger
  readonly accumulation?: 'accumulating' | 'discarding' | 'retracting'
  readonly emitUnchanged?: true
  readonly closing?: 'none' | 'ifNonEmpty' | 'always'
  readonly emptyPanes?: true
  readonly evictor?: Evictor
  readonly allowedLatenessMs?: number
  readonly aggregates: Readonly<Record<string, Aggregate>>
}

export type Row = Readonly<Record<string, Cell>>

/** What arrives. A watermark of +Infinity is the end of the stream. */
export type PaneEvent =
  | { readonly kind: 'record'; readonly timeMs: number; readonly key: readonly Cell[]; readonly row: Row }
  | { readonly kind: 'watermark'; readonly watermarkMs: number }
  | { readonly kind: 'processingTime'; readonly nowMs: number }

/** A record as windows hold it. */
export interface Held {
  /** Its number in order of arrival. */
  readonly arrival: number
  /** What windows go by: event time, or the clock at its arrival for windows in processing time. */
  readonly timeMs: number
  /** What aggregates go by. */
  readonly eventMs: number
  readonly row: Row
}

export type Value = Cell | readonly Value[] | { readonly [name: string]: Value }
export type Timing = 'early' | 'onTime' | 'late'
export type Change = '+I' | '-U' | '+U' | '-D'

/** One row of results. */
export interface PaneRow {
  readonly key: readonly Cell[]
  readonly windowStart: number | null
  readonly windowEnd: number | null
  readonly index: number
  readonly timing: Timing
  readonly change: Change
  readonly isLast: boolean
  readonly values: Readonly<Record<string, Value>>
  /** The records it was computed from. */
  readonly records: readonly Held[]
}
