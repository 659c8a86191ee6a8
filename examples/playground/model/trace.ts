/**
 * What the engine has done with a stream, step by step: all that the pages draws.
 *
 * Before: `engine/play.ts`, which plays the stream on a real job. After: the view. It crosses from the worker to the page, so it is plain data.
 *
 * Invariant: a step has the whole state behind it, so any step can be shown without those before it.
 */

import type { Plan } from 'millrace'

export interface Trace {
  readonly plan: Plan
  /** The plan in words. */
  readonly explanation: string
  /** Whether functions of the program stand beside the plan. */
  readonly hasFunctions: boolean
  readonly source: SourceShape
  readonly watermarks: readonly WatermarkShape[]
  /** One for each window of the plan; for a plan without windows one that has none. */
  readonly views: readonly ViewShape[]
  readonly sinks: readonly SinkShape[]
  readonly steps: readonly Step[]
  /** What stopped the job, at the last step. */
  readonly failure: Problem | null
}

export interface ColumnShape {
  readonly name: string
  readonly type: string
}

export interface SourceShape {
  readonly uid: string
  readonly columns: readonly ColumnShape[]
  /** The column with the event time; null when the plan has none. */
  readonly timeColumn: string | null
}

export interface WatermarkShape {
  readonly uid: string
  /** Such as `boundedOutOfOrderness 3s`. */
  readonly text: string
}

export interface ViewShape {
  /** Of the window; null for a plan without one. */
  readonly uid: string | null
  readonly text: string
  readonly keys: readonly string[]
  /** Which watermark moves it, in `watermarks`; −1: the clock. */
  readonly watermark: number
  /** Whether event time is that of the host's clock. */
  readonly isByClock: boolean
  /** Whether the records of a window are known, not their number alone. */
  readonly hasRecords: boolean
}

export interface SinkShape {
  readonly name: string
  readonly kind: 'result' | 'late' | 'findings'
  readonly columns: readonly ColumnShape[]
}

export interface Step {
  /** Index in the stream; null for the end of the stream. */
  readonly entry: number | null
  readonly kind: 'record' | 'clock' | 'watermark' | 'end'
  /** Of a record: its event time. */
  readonly timeMs: number | null
  /** The host's clock behind the step. */
  readonly nowMs: number
  /** Behind the step, as in `Trace.watermarks`; null: none yet, infinity: the end. */
  readonly watermarksMs: readonly (number | null)[]
  readonly idleSplits: readonly number[]
  readonly results: readonly ResultRow[]
  /** As in `Trace.views`. */
  readonly views: readonly ViewState[]
  /** Why the record could not be one, in the engine's words. */
  readonly deadLetter: string | null
}

/** What became of a record. `closed`: the trigger of its window has ended. `held`: an operator keeps it until the watermark has passed it. */
export type Fate = 'taken' | 'late' | 'duplicate' | 'filtered' | 'outside' | 'closed' | 'deadLetter' | 'held'

export interface ViewState {
  /** What has become of records, as far as it is known since this step: of the one that came, and of those that were held back. */
  readonly fates: readonly { readonly record: number; readonly fate: Fate }[]
  /** The key of the record that came, as windows have it. */
  readonly key: string
  readonly windows: readonly WindowState[]
}

/** `open`: takes records; `fired`: has given its result and lives on for corrections; `done`: gone, with a result; `lost`: gone without one. */
export type Phase = 'open' | 'fired' | 'done' | 'lost'

export interface WindowState {
  /** The same as long as it is the same window, also when its bounds change. */
  readonly id: number
  readonly key: string
  readonly startMs: number | null
  readonly endMs: number | null
  readonly phase: Phase
  /** Indexes in the stream, in order of arrival; empty when they are not known. */
  readonly records: readonly number[]
  readonly count: number
  /** Records that no result has had yet. */
  readonly pending: number
  /** Aggregates: of the last result if it has given one, else as they are now. */
  readonly values: Readonly<Record<string, unknown>>
  readonly paneCount: number
  /** What happened to it in this step. */
  readonly events: readonly WindowEvent[]
  /** Windows that became part of this one in this step. */
  readonly merged: readonly number[]
}

export type WindowEvent = 'opened' | 'took' | 'early' | 'fired' | 'complete' | 'corrected' | 'retracted' | 'merged' | 'gone'

export interface ResultRow {
  readonly sink: number
  readonly row: Readonly<Record<string, unknown>>
  readonly pane: PaneInfo | null
  /** The window it comes from, in the view; null when it is not known. */
  readonly view: number
  readonly window: number | null
  /** Of a plan without windows: the record that it is, if that can be told. */
  readonly record: number | null
}

export interface PaneInfo {
  readonly index: number
  readonly timing: number
  readonly change: '+I' | '-U' | '+U' | '-D'
  readonly isLast: boolean
}

/** What is wrong with a program, a plan or a stream. */
export interface Problem {
  /** Such as `COLUMN_UNKNOWN`; of errors that are not Millrace's own their name. */
  readonly code: string
  readonly message: string
  readonly suggestion: string | null
  /** What was found, as the program has it. */
  readonly found: string | null
  readonly place: Place | null
}

/** In the text of a program: line and column from 1. In a plan: a path such as `operators[2].columns[0]`. */
export type Place =
  | { readonly kind: 'text'; readonly line: number; readonly column: number }
  | { readonly kind: 'path'; readonly path: string }
