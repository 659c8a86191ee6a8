/**
 * Evictors as people write them: which records of a window are removed when it fires. Windows with an evictor keep their records.
 *
 * Before: the user's declaration. After: the plan's window operators.
 *
 * Invariant: an evictor is plain data; the rules it brings are not part of it.
 */

import { type Duration, durationMs } from './duration.ts'
import { bringing } from './plan-rules.ts'
import type { EvictorSpec } from './plan-spec.ts'
import { windowRules } from './plan-window-rules.ts'

export interface EvictorOptions {
  /** Remove records after the pane has been computed instead of before. */
  readonly after?: boolean
}

/** An evictor. `N` is for the type checker: the numeric column it compares. */
export type Evictor<N extends string = never> = EvictorSpec & { readonly '~column'?: N }

const afterOf = ({ after }: EvictorOptions): { readonly after?: true } => (after === true ? { after } : {})

/** Keeps the last n records. */
export function countEvictor(n: number, options: EvictorOptions = {}): Evictor {
  return bringing({ kind: 'count', n, ...afterOf(options) }, windowRules())
}

/**
 * Keeps records that are less than this much older than the newest.
 *
 * @throws ConfigError `DURATION_INVALID`.
 */
export function timeEvictor(duration: Duration, options: EvictorOptions = {}): Evictor {
  const durationIn = durationMs(duration, { of: 'the duration of a time evictor' })
  return bringing({ kind: 'time', durationMs: durationIn, ...afterOf(options) }, windowRules())
}

/** Keeps records whose value in a column is less than the threshold below that of the last record, or above it. */
export function deltaEvictor<const N extends string>(column: N, threshold: number, options: EvictorOptions = {}): Evictor<N> {
  return bringing({ kind: 'delta', column, threshold, ...afterOf(options) }, windowRules())
}
