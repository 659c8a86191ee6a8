/**
 * Options of the operators with state as people write them: sorting, deduplication, sequence tracking.
 *
 * Before: the user's declaration, `pipeline.ts`. After: the plan, which fills in defaults and checks (`plan-stages.ts`).
 *
 * Invariant: what is left out stays left out.
 */

import type { Duration } from './duration.ts'
import type { ColumnTypes, Flat, RowOfTypes } from './schema.ts'

export interface SortOptions {
  /** Most rows held back at a time; default 1,000,000. */
  readonly bufferRecordsMax?: number
  /** When they are too many: `fail` (default) with `SORT_BUFFER_FULL`, or `release` the oldest before the watermark has passed them. */
  readonly whenFull?: 'fail' | 'release'
  /** Rows at or before the watermark when they come: `pass` at once (default), so that windows see them as late, or `drop`. */
  readonly late?: 'pass' | 'drop'
}

export interface DeduplicateOptions<N extends string = string> {
  /** The columns that are the id. */
  readonly by: N | readonly N[]
  /** Records of one id count as duplicates when their event times are at most this far from the one that passed. */
  readonly within: Duration
  /** Records older than the watermark less `within` cannot be judged: `pass` (default) or `drop`. */
  readonly late?: 'pass' | 'drop'
  /** Most ids remembered at a time; default 5,000,000. */
  readonly idsMax?: number
  /** When they are too many: `fail` (default) with `DEDUPLICATE_FULL`, or `forget` the oldest. */
  readonly whenFull?: 'fail' | 'forget'
}

export interface TrackSequenceOptions<N extends string = string, Q extends string = string, F extends string = string> {
  /** The columns that name the source: each has numbers of its own. */
  readonly source: N | readonly N[]
  /** The column with the sequence number: whole numbers that go up by 1. */
  readonly sequence: Q
  /** How far a number may be from the one that is due before a second one like it must confirm it; default 1,000. */
  readonly reorderWindow?: number
  /** A source without a record for this long, in event time, is silent. Default: silence is not looked for. */
  readonly silentAfter?: Duration
  /** A source without a record for this long is forgotten, so that its memory is free. Default: never. */
  readonly forgetAfter?: Duration
  /** A number below this, later than all before it, is a restart at once: 1 for sources that begin at 0. */
  readonly restartBelow?: number
  /** Numbers run from 0 to this less 1 and then begin anew: 256 for one byte. Default: they never do. */
  readonly wrapsAt?: number
  /** Most sources remembered at a time; default 100,000. One more is the error `SEQUENCE_SOURCES_FULL`. */
  readonly sourcesMax?: number
  /** Name of a sink for what is found, bound at start. Default: findings are only counted. */
  readonly findingsTo?: F
}

export type FindingKind = 'gap' | 'duplicate' | 'reorder' | 'restart' | 'silence' | 'resumed'

/** A row of `findingsTo`: the source, then what was found. */
export type FindingRow<C extends ColumnTypes = ColumnTypes> = Flat<
  RowOfTypes<C> & {
    readonly kind: FindingKind
    readonly from: number | null
    readonly to: number | null
    readonly count: number
    readonly at: number
  }
>
