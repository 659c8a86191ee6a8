/**
 * Watermark strategies as people write them: how late records may come, and what happens when none come.
 *
 * Before: the user's declaration. After: the plan's `eventTime` operators; `source/watermark-strategy.ts` carries them out.
 * A watermark t says: no more records with an event time ≤ t are expected. Every split of a source has one; the least of all counts.
 *
 * Invariant: what is left out stays left out; the plan fills in defaults.
 */

import { type Duration, durationMs } from './duration.ts'
import type { Expr, Expression } from './expression/expression.ts'
import { bringing } from './plan-rules.ts'
import type { FuturePolicy, WatermarkKind } from './plan-spec.ts'
import type { CustomWatermarks } from './source/custom-watermarks.ts'

export type { CustomWatermarks } from './source/custom-watermarks.ts'

/** What every strategy takes. */
export interface WatermarkOptions {
  /**
   * Live sources: a split that brings nothing for longer than this no longer holds the watermark, until it brings something. Measured on
   * the job's clock. When all are idle the largest watermark among them is passed on. Default: a silent split holds the watermark.
   */
  readonly idleAfter?: Duration
  /** The watermark is evaluated after every so many records of a split. 1: record by record. Default 1,024. */
  readonly everyRecords?: number
  /**
   * A split whose event time is further ahead of the slowest active one is not read until that has caught up. Checked when a split's turn
   * comes, so that it may pass the limit by one turn of `everyRecords` records. Idle and ended splits hold nobody, nor does one without any
   * record, nor, without `idleAfter`, a live one that has been silent for 30 s. Default: without limit.
   */
  readonly maxDrift?: Duration
  /**
   * Live and bounded sources: how far ahead of the host's clock an event time may be. What is further ahead does not move the watermark.
   * Default 5 min on live sources, `Infinity` (no limit) on bounded ones.
   */
  readonly maxFutureSkew?: Duration
  /**
   * What happens to such a record: `hold` (default): it goes to its window and moves no watermark; `deadLetter`: it goes aside with code
   * `TIMESTAMP_FUTURE`; `accept`: it counts like any other. It is counted in any case.
   */
  readonly futurePolicy?: FuturePolicy
}

/** What strategies that wait for records take. */
export interface RecordWatermarkOptions extends WatermarkOptions {
  /**
   * Live sources: when no split has brought a record for longer than this, event time goes on from the last watermark at the pace of the
   * job's clock, so that windows close also when data stops: s after the last record the watermark is s − `flushAfter` further. When
   * data comes back, records behind that watermark are late, by the rules of their windows; the watermark stands still until it is
   * overtaken. Default 30 s; `Infinity`: never. On bounded sources never.
   */
  readonly flushAfter?: Duration
}

/** What strategies that learn the delay take: how far records are behind the newest of their split. */
export interface DelayOptions extends RecordWatermarkOptions {
  /** The delay allowed for is never less; default 0. */
  readonly floor?: Duration
  /** The delay allowed for is never more; default: none. */
  readonly ceiling?: Duration
}

/** A strategy before defaults are filled in: the plan's own fields. */
export interface WatermarkDeclaration {
  readonly kind: WatermarkKind
  readonly [field: string]: unknown
}

/** Event times never go back within a split: the watermark is the largest event time less 1 ms. */
export function monotonous(options: RecordWatermarkOptions = {}): WatermarkDeclaration {
  return { kind: 'monotonous', ...common(options) }
}

/**
 * Records are at most `delay` behind the newest: the watermark is the largest event time less `delay` less 1 ms.
 *
 * @throws ConfigError `DURATION_INVALID`.
 */
export function boundedOutOfOrderness(delay: Duration, options: RecordWatermarkOptions = {}): WatermarkDeclaration {
  return { kind: 'boundedOutOfOrderness', delayMs: durationMs(delay, { of: 'the delay of boundedOutOfOrderness' }), ...common(options) }
}

/**
 * Some records carry a watermark: those for which `when` is true. It is the record's event time, or what `time` gives (milliseconds; null:
 * none), and the largest so far counts. It takes effect at the next place where watermarks are evaluated: `everyRecords: 1` makes
 * that the record itself.
 *
 * @example
 * ```ts
 * stream.eventTime('at', punctuated(col('kind').eq('end-of-minute'), { time: col('minuteEnd').sub(1) }))
 * ```
 */
export function punctuated(
  when: Expr | Expression,
  { time, ...options }: RecordWatermarkOptions & { readonly time?: Expr | Expression } = {},
): WatermarkDeclaration {
  return { kind: 'punctuated', when, ...(time === undefined ? {} : { time }), ...common(options) }
}

/**
 * The watermark is the host's clock less `delay`, whatever records say: windows close on time, and what comes later is late.
 *
 * Which records are late depends on when they are read: on bounded sources, too, a second run may give other results.
 */
export function timeLag(delay: Duration, options: WatermarkOptions = {}): WatermarkDeclaration {
  return { kind: 'timeLag', delayMs: durationMs(delay, { of: 'the delay of timeLag' }), ...common(options) }
}

/**
 * Allows for the delay that the share `p` of recent records had: the watermark is the largest event time less the p-quantile of the
 * delays of the last `records` records of the split (nearest rank; at most 0.8 % more, exact up to 255 ms) less 1 ms. About the share
 * 1 − p of records will be late.
 *
 * @param p - Above 0, at most 1, such as 0.99.
 * @param options - `records`: how many to look back on, 1 to 65,536; default 2,048.
 */
export function percentile(p: number, { records, ...options }: DelayOptions & { readonly records?: number } = {}): WatermarkDeclaration {
  return { kind: 'percentile', p, windowRecords: records, ...delays(options), ...common(options) }
}

/**
 * Learns the delay that the share `p` of records has, and allows for what is forecast for the next ones: the watermark is the largest event
 * time less the forecast less 1 ms. Follows delays that grow or shrink, with a state of a few hundred bytes.
 *
 * Method: double exponential smoothing with a damped trend (Holt 1957, Gardner and McKenzie 1985) over the p-quantiles of blocks of `block`
 * records. When the distribution of delays does not change, the share of records on time is p ± 0.01 after ten blocks of 1,000 records
 * (p from 0.9 to 0.99). Deterministic: the same records give the same watermarks.
 *
 * @param p - Above 0, at most 1, such as 0.99.
 * @param options - `block`: records of a block, 1 to 65,536, default 1,000; `smoothing`: weight of the newest block, above 0 and at most 1,
 *   default 0.25.
 */
export function predicted(
  p: number,
  { block, smoothing, ...options }: DelayOptions & { readonly block?: number; readonly smoothing?: number } = {},
): WatermarkDeclaration {
  return { kind: 'predicted', p, windowRecords: block, smoothing, ...delays(options), ...common(options) }
}

/**
 * Watermarks come from outside: from the program by `run.advanceWatermark(source, ms)`, behind the records read so far; or from the source,
 * whose readers then have `watermark()`, exactly behind the records they say. Records alone move nothing; the end of a source does.
 */
export function manual(options: WatermarkOptions = {}): WatermarkDeclaration {
  return { kind: 'manual', ...common(options) }
}

/**
 * A strategy of one's own. `create` is called once for each split; the object is told every record of the split in order, and asked for
 * the watermark at the places where watermarks are evaluated. What it has learned must be in `snapshot()`: a checkpoint keeps it.
 *
 * @example
 * ```ts
 * // At most three records out of place.
 * const lastThree = () => {
 *   let times: number[] = []
 *   return {
 *     onRecord: (time: number) => void (times = [...times, time].sort((a, b) => b - a).slice(0, 4)),
 *     watermark: () => (times.length < 4 ? -Infinity : times[3]! - 1),
 *     snapshot: () => times,
 *     restore: (state: unknown) => void (times = state as number[]),
 *   }
 * }
 * stream.eventTime('at', customWatermark(lastThree))
 * ```
 */
export function customWatermark(create: () => CustomWatermarks, options: RecordWatermarkOptions = {}): WatermarkDeclaration {
  return bringing({ kind: 'custom', function: true, ...common(options) }, null, { watermark: create })
}

function common(options: RecordWatermarkOptions): object {
  const { idleAfter, everyRecords, maxDrift, flushAfter, maxFutureSkew, futurePolicy } = options
  return {
    idleAfterMs: optional(idleAfter, 'idleAfter', true),
    maxDriftMs: optional(maxDrift, 'maxDrift'),
    flushAfterMs: flushAfter === Number.POSITIVE_INFINITY ? null : optional(flushAfter, 'flushAfter', true),
    maxFutureSkewMs: maxFutureSkew === Number.POSITIVE_INFINITY ? null : optional(maxFutureSkew, 'maxFutureSkew'),
    futurePolicy,
    everyRecords,
  }
}

function delays({ floor, ceiling }: DelayOptions): object {
  return { floorMs: optional(floor, 'floor'), ceilingMs: optional(ceiling, 'ceiling') }
}

function optional(duration: Duration | undefined, of: string, positive = false): number | undefined {
  return duration === undefined ? undefined : durationMs(duration, { of, positive })
}
