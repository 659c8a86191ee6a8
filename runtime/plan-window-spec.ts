/**
 * The types of window operators in a plan: window, trigger, accumulation, evictor, aggregates.
 *
 * Before: the fluent API or a JSON file. After: everything that reads plans; all of it is exported by `plan-spec.ts`.
 *
 * Invariant: a plan is JSON; objects whose keys are names chosen by users have no prototype.
 */

import type { Expression } from './expression/expression.ts'
import type { FunctionRef } from './plan-spec.ts'
import type { ColumnType } from './schema.ts'

/**
 * Which windows a record is in. All times and durations are integer milliseconds; windows are `[start, end)`.
 *
 * - `tumbling`, `sliding`: of one size, moved by the offset. `cumulate`: `[s, s + step)`, `[s, s + 2 step)` … `[s, s + size)`.
 * - `session`: `[t, t + gap)`, merged with those it overlaps or touches; the gap is a constant or found for every record.
 * - `countTumbling`, `countSliding`: of n records of a key, in order of arrival. `global`: one for all time.
 * - `calendar`: days, weeks, months, quarters, years, or several, in a time zone. `tradingDay`: sessions of an exchange.
 * - `intervals`: a table. `around`: `[u - before, u + after + 1)` of every record at u. `slidingByRecord`: Kafka's sliding windows.
 * - `stateWindow`: from a record that opens to one that closes. `custom`: as a function beside the plan (`uid.window`) says.
 */
export type WindowShape =
  | { readonly kind: 'tumbling'; readonly sizeMs: number; readonly offsetMs: number }
  | { readonly kind: 'sliding'; readonly sizeMs: number; readonly slideMs: number; readonly offsetMs: number }
  | { readonly kind: 'cumulate'; readonly sizeMs: number; readonly stepMs: number; readonly offsetMs: number }
  | SessionShape
  | { readonly kind: 'countTumbling'; readonly n: number; readonly partial?: true }
  | { readonly kind: 'countSliding'; readonly n: number; readonly every: number; readonly partial?: true }
  | { readonly kind: 'global' }
  | CalendarShape
  | TradingDayShape
  | { readonly kind: 'intervals'; readonly table: readonly IntervalSpec[] }
  | { readonly kind: 'around'; readonly beforeMs: number; readonly afterMs: number }
  | { readonly kind: 'slidingByRecord'; readonly differenceMs: number }
  | StateWindowShape
  | { readonly kind: 'custom'; readonly function: true }

export type WindowKind = WindowShape['kind']

/** Either `gapMs`, or `gap`: milliseconds for every record, by an expression or by the function `uid.gap`. */
export interface SessionShape {
  readonly kind: 'session'
  readonly gapMs?: number
  readonly gap?: Expression | FunctionRef
  /** Longer sessions are cut. Absent: never. */
  readonly maxLengthMs?: number
}

export type CalendarUnit = 'day' | 'week' | 'month' | 'quarter' | 'year'
export type Weekday = 'monday' | 'tuesday' | 'wednesday' | 'thursday' | 'friday' | 'saturday' | 'sunday'
export type ShortWeekday = 'mon' | 'tue' | 'wed' | 'thu' | 'fri' | 'sat' | 'sun'

export interface CalendarShape {
  readonly kind: 'calendar'
  readonly unit: CalendarUnit
  /** Length of a window in units, 1 or more. */
  readonly every: number
  /** An IANA name, such as `Europe/Berlin`. */
  readonly timeZone: string
  readonly anchor?: CalendarAnchor
}

/** Where periods begin, on the clocks of the time zone. What is absent: January, the 1st, Monday, 00:00. */
export interface CalendarAnchor {
  /** 1 to 12. Years and quarters only. */
  readonly month?: number
  /** 1 to 31; in months that are shorter, their last day. Months, quarters and years only. */
  readonly day?: number
  /** Weeks only. */
  readonly weekday?: Weekday
  /** 0 to 23. */
  readonly hour?: number
  /** 0 to 59. */
  readonly minute?: number
  /**
   * `YYYY-MM-DD`: periods are counted from the one that begins in the ISO week, month, quarter or year of this date, which matters
   * when `every` is more than 1. Without `month`, `day` and `weekday`, a period begins on this very date. Absent: 1970-01-01, Monday, the 1st.
   */
  readonly from?: string
}

export interface TradingDayShape {
  readonly kind: 'tradingDay'
  /** An IANA name, such as `America/New_York`. */
  readonly timeZone: string
  readonly sessions: readonly TradingSession[]
  /** `YYYY-MM-DD`: days without sessions. */
  readonly holidays?: readonly string[]
  /** Close `HH:MM` of single days, by `YYYY-MM-DD`. */
  readonly early?: Readonly<Record<string, string>>
}

/** `HH:MM` on the clocks of the exchange; a close that is not after the open is on the next day. */
export interface TradingSession {
  readonly days: readonly ShortWeekday[]
  readonly open: string
  readonly close: string
}

export interface IntervalSpec {
  readonly name?: string
  readonly startMs: number
  readonly endMs: number
}

/** Conditions are expressions, or the functions `uid.open` and `uid.close`. */
export interface StateWindowShape {
  readonly kind: 'stateWindow'
  readonly open: Expression | FunctionRef
  readonly close: Expression | FunctionRef
  readonly maxLengthMs?: number
}

/** `event`: by the records' event times and the watermark. `processing`: by the clock of the host. */
export type TimeDomain = 'event' | 'processing'

/**
 * When a window gives a pane. The root is repeated for ever unless it is `once`, `orFinally` or `inOrder`; a trigger that has
 * finished closes its window. Leaves may have `purge`: the window is emptied when they fire.
 *
 * - `onWatermark`: at the window's end (processing time: when the clock reaches it), before as `early`, after as `late` says.
 *   Without `late`, every late record that is still allowed fires at once.
 * - `onCount`: n records since the last pane. `onProcessingTime`: every interval from the window's first record.
 *   `afterProcessingTime`: a delay after the first record of the pane. `onEventTime`: at multiples of the interval, and at the end.
 * - `onRecord`: a record for which the condition is true. `onEnd`: the end of the stream. `custom`: the function `uid.trigger`.
 * - `any`: when one fires. `all`: when all have. `inOrder`: one after the other. `repeatedly`: again and again.
 *   `orFinally`: until another fires, which ends it. `once`: fires once, and ends.
 */
export type TriggerSpec =
  | { readonly kind: 'onWatermark'; readonly early?: TriggerSpec; readonly late?: TriggerSpec; readonly purge?: true }
  | { readonly kind: 'onCount'; readonly n: number; readonly purge?: true }
  | { readonly kind: 'onProcessingTime'; readonly everyMs: number; readonly purge?: true }
  | { readonly kind: 'afterProcessingTime'; readonly delayMs: number; readonly purge?: true }
  | { readonly kind: 'onEventTime'; readonly everyMs: number; readonly purge?: true }
  | { readonly kind: 'onRecord'; readonly when: Expression; readonly purge?: true }
  | { readonly kind: 'onEnd'; readonly purge?: true }
  | { readonly kind: 'any'; readonly of: readonly TriggerSpec[] }
  | { readonly kind: 'all'; readonly of: readonly TriggerSpec[] }
  | { readonly kind: 'inOrder'; readonly of: readonly TriggerSpec[] }
  | { readonly kind: 'repeatedly'; readonly of: TriggerSpec }
  | { readonly kind: 'orFinally'; readonly of: TriggerSpec; readonly until: TriggerSpec }
  | { readonly kind: 'once'; readonly of: TriggerSpec }
  | { readonly kind: 'custom'; readonly function: true; readonly purge?: true }

export type TriggerKind = TriggerSpec['kind']

/** What a pane says of the panes before it: all records so far, only the new ones, or all with the old result taken back. */
export type Accumulation = 'accumulating' | 'discarding' | 'retracting'

/** Whether a window gives a last pane when it expires: no; if there are new records since the last; if it ever had any. */
export type Closing = 'none' | 'ifNonEmpty' | 'always'

/** Removes records of a window before it is computed, or after. */
export type EvictorSpec =
  | { readonly kind: 'count'; readonly n: number; readonly after?: true }
  | { readonly kind: 'time'; readonly durationMs: number; readonly after?: true }
  | { readonly kind: 'delta'; readonly column: string; readonly threshold: number; readonly after?: true }

export type AggregateFunction =
  | 'count'
  | 'sum'
  | 'min'
  | 'max'
  | 'mean'
  | 'variance'
  | 'stddev'
  | 'first'
  | 'last'
  | 'countDistinct'
  | 'quantile'
  | 'median'
  | 'histogram'
  | 'topK'
  | 'mode'
  | 'argMin'
  | 'argMax'
  | 'collect'
  | 'concat'
  | 'any'
  | 'every'
  | 'sumOfProducts'
  | 'covariance'
  | 'correlation'
  | 'linearSlope'
  | 'timeWeightedMean'
  | 'delta'
  | 'rate'
  | 'ewma'
  | 'custom'

export type ListOrder = 'eventTime' | 'arrival'

/** Which functions have which of the options: `plan-aggregate.ts`. */
export interface AggregateSpec {
  readonly fn: AggregateFunction
  /** Absent: `count` counts rows. `custom` has none: it sees the row. */
  readonly column?: string
  /** Second column: of `argMin`, `argMax`, `topK`, `sumOfProducts`, `covariance`, `correlation`. */
  readonly by?: string
  /** Only rows for which this is true are aggregated. */
  readonly where?: Expression
  /** `sum`: Neumaier's compensated sum. */
  readonly compensated?: boolean
  /** `variance`, `stddev`, `covariance`: divide by n instead of n - 1. */
  readonly population?: boolean
  /** `countDistinct`: by HyperLogLog instead of exactly. */
  readonly approximate?: true
  /** `countDistinct` that is approximate: 2^precision registers, 4 to 16. */
  readonly precision?: number
  /** `quantile`: 0 to 1. */
  readonly q?: number
  /** `quantile`, `median`: relative error of a value. */
  readonly accuracy?: number
  /** `histogram`: ascending; the result has one count more. */
  readonly bounds?: readonly number[]
  /** `topK`: how many values. */
  readonly k?: number
  /** `collect`, `concat`: most values that are kept. */
  readonly limit?: number
  /** `collect`, `concat`. */
  readonly order?: ListOrder
  /** `concat`. */
  readonly separator?: string
  /** `ewma`. */
  readonly halfLifeMs?: number
  /** `custom`: functions beside the plan, `uid.aggregate.NAME`. */
  readonly function?: true
}

export type LatePolicy = { readonly kind: 'drop' } | { readonly kind: 'fail' } | { readonly kind: 'sideOutput'; readonly name: string }

export interface WindowSpec {
  readonly uid: string
  readonly op: 'window'
  readonly inputs: readonly [string]
  readonly window: WindowShape
  readonly time: TimeDomain
  readonly trigger: TriggerSpec
  readonly accumulation: Accumulation
  /** `retracting` only: take back and give again also when the result is the same. */
  readonly emitUnchanged?: true
  readonly closing: Closing
  /** Give a pane at the window's end also when it is empty. */
  readonly emptyPanes?: true
  /** Implies `keepRecords`. */
  readonly evictor?: EvictorSpec
  readonly allowedLatenessMs: number
  readonly late: LatePolicy
  /** May be empty if there is `apply`. */
  readonly aggregates: Readonly<Record<string, AggregateSpec>>
  /** Windows keep their records. Implied by `apply` and `evictor`. */
  readonly keepRecords?: true
  /** Rows made from the records of a window by the function `uid.apply`. */
  readonly apply?: ApplySpec
}

export interface ApplySpec {
  readonly function: true
  /** Of the rows the function returns. */
  readonly schema: Readonly<Record<string, ColumnType>>
}
