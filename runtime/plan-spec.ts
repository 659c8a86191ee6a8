/**
 * The types of the plan: a pipeline as plain data. `plan.ts` loads and exports them.
 *
 * Before: the fluent API or a JSON file. After: everything that reads plans: analysis, runtime, `explain`, CLI.
 *
 * Invariant: a plan is JSON; objects whose keys are names chosen by users have no prototype.
 */

import type { Expression } from './expression/expression.ts'
import type { WindowSpec } from './plan-window-spec.ts'
import type { ColumnType } from './schema.ts'

export type * from './plan-window-spec.ts'

export interface Plan {
  readonly millrace: 1
  readonly name: string
  readonly operators: readonly OperatorSpec[]
}

export type OperatorSpec = SourceSpec | EventTimeSpec | FilterSpec | MapSpec | StageSpec | KeyBySpec | WindowSpec | SinkSpec

export interface SourceSpec {
  readonly uid: string
  readonly op: 'source'
  readonly schema: Readonly<Record<string, ColumnType>>
}

/**
 * How a split's watermark follows from its records. With `max` the largest event time so far:
 *
 * - `monotonous`: max − 1. `boundedOutOfOrderness`: max − delay − 1.
 * - `punctuated`: the largest watermark that a record carries: one for which `when` is true; `time`, or the event time of the record.
 * - `percentile`: max − the p-quantile of the delays of recent records − 1. `predicted`: max − the delay that is forecast − 1.
 * - `timeLag`: the host's clock less the delay. `manual`: from outside. `custom`: as the function `uid.watermark` says.
 */
export type WatermarkSpec = WatermarkRules &
  (
    | { readonly kind: 'monotonous' }
    | { readonly kind: 'boundedOutOfOrderness'; readonly delayMs: number }
    | { readonly kind: 'punctuated'; readonly when: Expression; readonly time?: Expression }
    | { readonly kind: 'timeLag'; readonly delayMs: number }
    | ({ readonly kind: 'percentile' } & DelayRules)
    | ({ readonly kind: 'predicted'; readonly smoothing: number } & DelayRules)
    | { readonly kind: 'manual' }
    | { readonly kind: 'custom'; readonly function: true }
  )

export type WatermarkKind = WatermarkSpec['kind']

/** What happens to a record whose event time is too far ahead of the host's clock. */
export type FuturePolicy = 'hold' | 'deadLetter' | 'accept'

/** What all strategies have. Where null stands for never, or without limit, absence stands for the default. */
export interface WatermarkRules {
  /** The watermark is evaluated after every so many records of a split. */
  readonly everyRecords: number
  /** Live sources: a split that is silent for longer does not hold the watermark. Absent: it always does. */
  readonly idleAfterMs?: number
  /** A split is not read while its event time is further ahead of the slowest. Absent: without limit. */
  readonly maxDriftMs?: number
  /** Live sources: silence of all splits after which event time goes on by the clock. Not of `timeLag` and `manual`. */
  readonly flushAfterMs?: number | null
  /** How far event time may be ahead of the host's clock. Absent: the default on live sources, without limit on bounded ones. */
  readonly maxFutureSkewMs?: number | null
  /** Absent: `hold`. */
  readonly futurePolicy?: FuturePolicy
}

/** Of strategies that learn the delay: how far a record is behind the newest of its split. */
export interface DelayRules {
  /** Share of records that are to be on time, above 0 and at most 1. */
  readonly p: number
  /** `percentile`: records that are looked back on. `predicted`: records of a block. */
  readonly windowRecords: number
  readonly floorMs: number
  /** Absent: none. */
  readonly ceilingMs?: number
}

export interface EventTimeSpec {
  readonly uid: string
  readonly op: 'eventTime'
  readonly inputs: readonly [string]
  readonly column: string
  readonly watermark: WatermarkSpec
}

/** `where` is an expression, or `{ function: true }` for a JavaScript function kept beside the plan by uid. */
export interface FilterSpec {
  readonly uid: string
  readonly op: 'filter'
  readonly inputs: readonly [string]
  readonly where: Expression | FunctionRef
}

/** Adds or replaces columns by expressions, or makes rows of a new schema by a function. */
export interface MapSpec {
  readonly uid: string
  readonly op: 'map'
  readonly inputs: readonly [string]
  readonly columns?: Readonly<Record<string, Expression>>
  readonly function?: true
  /** With `function`: the schema of the rows it returns. */
  readonly schema?: Readonly<Record<string, ColumnType>>
}

export interface FunctionRef {
  readonly function: true
}

export interface KeyBySpec {
  readonly uid: string
  readonly op: 'keyBy'
  readonly inputs: readonly [string]
  readonly columns: readonly string[]
}

export interface SinkSpec {
  readonly uid: string
  readonly op: 'sink'
  readonly inputs: readonly [string]
  readonly name: string
}

/** Operators with state that run on the coordinator's thread, between `eventTime` and `keyBy`, a window or a sink. */
export type StageSpec = SortByEventTimeSpec | DeduplicateSpec | TrackSequenceSpec

/** Holds rows back until the watermark has passed them, and lets them go in order of event time, then arrival. */
export interface SortByEventTimeSpec {
  readonly uid: string
  readonly op: 'sortByEventTime'
  readonly inputs: readonly [string]
  /** Most rows held back at a time. */
  readonly bufferRecordsMax: number
  /** When they are too many: stop the job, or let the oldest go before the watermark. */
  readonly whenFull: 'fail' | 'release'
  /** Rows at or before the watermark when they come: on at once, or dropped. */
  readonly late: 'pass' | 'drop'
}

/** Lets the first record of an id pass, and drops those that follow it within a distance of event time. */
export interface DeduplicateSpec {
  readonly uid: string
  readonly op: 'deduplicate'
  readonly inputs: readonly [string]
  /** Columns that are the id. */
  readonly by: readonly string[]
  readonly withinMs: number
  /** Records older than the watermark less `withinMs`, of which nobody knows whether they came before. */
  readonly late: 'pass' | 'drop'
  /** Most ids remembered at a time. */
  readonly idsMax: number
  /** When they are too many: stop the job, or forget the oldest. */
  readonly whenFull: 'fail' | 'forget'
}

/** Watches the sequence numbers of every source; rows pass unchanged. */
export interface TrackSequenceSpec {
  readonly uid: string
  readonly op: 'trackSequence'
  readonly inputs: readonly [string]
  /** Columns that are the source. */
  readonly source: readonly string[]
  readonly sequence: string
  /** How far a number may be from the one that is due before a second one like it must confirm it. */
  readonly reorderWindow: number
  /** Absent: silence is not looked for. */
  readonly silentAfterMs?: number
  /** A source without records for this long is forgotten. Absent: never. */
  readonly forgetAfterMs?: number
  /** A number below it that comes again is a restart at once. */
  readonly restartBelow?: number
  /** Numbers run from 0 to this less 1, then begin anew. */
  readonly wrapsAt?: number
  /** Most sources remembered at a time. */
  readonly sourcesMax: number
  /** Name of the sink for findings. Absent: they are only counted. */
  readonly findingsTo?: string
}
