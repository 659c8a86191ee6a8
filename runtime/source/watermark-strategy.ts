/**
 * From observed event times to the watermark of one split: the strategies, of which each split has a generator of its own.
 *
 * Before: coordinator/time-track observes every chunk. After: watermark-combiner makes one watermark of those of all splits.
 * Here are those that only need the largest event time; record-strategies.ts has those that look at every record, and is loaded for them.
 *
 * Invariant: on what a generator answers, but for `timeLag`, only the records of its split have an influence.
 */

import type { EventTimeSpec } from '../plan-spec.ts'
import type { RecordBatch } from '../record-batch.ts'

/** Rows of one split, in order, with what was known before them. */
export interface ObservedRecords {
  readonly batch: RecordBatch
  /** Event times, of which the first `batch.rowCount` count. */
  readonly times: Float64Array
  /** Records beyond are those of a clock that is wrong: they must not be looked at. */
  readonly limitMs: number
  /** Largest event time of the split before these; −Infinity for the first. */
  readonly maxMs: number
}

/** Plain JSON data. */
export type GeneratorState = unknown

export interface WatermarkGenerator {
  /** Looks at every record; absent where the largest event time is enough. */
  readonly observe?: (records: ObservedRecords) => void
  /** The watermark that the records so far allow; may be less than before. @param maxMs - Their largest event time, −Infinity before the first. */
  watermark(maxMs: number, nowMs: number): number
  /** The delay it expects now, ms; absent where there is no such thing. */
  readonly expectedDelayMs?: () => number
  /** What a checkpoint keeps beside the largest event time; null: nothing. */
  snapshot(): GeneratorState
}

/** Makes the generator of a split; from a state that one of the same strategy has given, or null. */
export type MakeGenerator = (state: GeneratorState) => WatermarkGenerator

/** Whether a strategy looks at every record. */
export function looksAtRecords({ watermark: { kind } }: EventTimeSpec): boolean {
  return kind === 'punctuated' || kind === 'percentile' || kind === 'predicted' || kind === 'custom'
}

/** Whether an operator needs the rules of live sources: {@link import('../coordinator/ruled-time-track.ts')}. */
export function needsRules({ watermark }: EventTimeSpec, isLive: boolean): boolean {
  return isLive || watermark.maxDriftMs !== undefined || typeof watermark.maxFutureSkewMs === 'number'
}

/** A strategy that needs the largest event time or the clock only. */
export function plainGenerator({ watermark: spec }: EventTimeSpec): MakeGenerator {
  switch (spec.kind) {
    case 'monotonous':
      return () => newestLess(0)
    case 'boundedOutOfOrderness':
      return () => newestLess(spec.delayMs)
    case 'timeLag':
      return () => ({ watermark: (_maxMs, nowMs) => Math.floor(nowMs) - spec.delayMs, snapshot: () => null })
    case 'manual':
      return () => ({ watermark: () => Number.NEGATIVE_INFINITY, snapshot: () => null })
    default:
      throw new RangeError(`The strategy ${spec.kind} looks at every record`)
  }
}

/** With disorder bounded by d: the largest event time less d less 1. */
function newestLess(delayMs: number): WatermarkGenerator {
  return { watermark: (maxMs) => maxMs - delayMs - 1, snapshot: () => null }
}
