/**
 * What a checkpoint keeps of a source, and how it was kept before.
 *
 * Before: Intake makes it at a barrier. After: checkpoints, and the intake that opens at its positions.
 */

import type { SplitPosition } from '../source/source.ts'
import type { SplitTimeState } from './time-track.ts'

/** Records of this source that did not reach a window or sink; counted where that happens, kept in checkpoints. */
export interface IntakeCounts {
  filtered: number
  deadLetters: number
}

/** What a checkpoint keeps of a source. */
export interface IntakeState {
  readonly turn: number
  readonly counts: Readonly<IntakeCounts>
  readonly deadLetterCount: number
  readonly splits: Readonly<Record<string, SplitState>>
  /** By `eventTime` operator. */
  readonly watermarks: Readonly<Record<string, number | null>>
  /** Records too far in the future, by `eventTime` operator. */
  readonly future?: Readonly<Record<string, number>>
}

export interface SplitState {
  readonly position: SplitPosition
  readonly recordCount: number
  readonly isEnded: boolean
  /** By `eventTime` operator. */
  readonly times?: Readonly<Record<string, SplitTimeState>>
  /** In checkpoints of before, instead: the largest event times. */
  readonly maxMs?: Readonly<Record<string, number | null>>
}

/** What a checkpoint has of event time on a split. */
export function timeState(state: SplitState | null, uid: string): SplitTimeState | null {
  const maxMs = state?.maxMs?.[uid]
  return state?.times?.[uid] ?? (maxMs === undefined ? null : { maxMs })
}
