/**
 * The splits of one source, and whose turn it is: they change at fixed places, and one that is too far ahead waits.
 *
 * Before: Intake, which opens and reads them. After: their readers.
 *
 * Invariant: with a bounded source, how many rows a read brings decides neither whose turn it is nor where it ends.
 */

import type { SplitReader } from '../source/source.ts'
import type { TimeTrack } from './time-track.ts'

export interface Split {
  readonly id: string
  readonly index: number
  readonly reader: SplitReader
  recordCount: number
  isEnded: boolean
}

export interface SplitTurnsOptions {
  readonly tracks: readonly TimeTrack[]
  readonly isLive: boolean
  readonly batchRowsMax: number
}

/** Records of a split until the next one has its turn, where no watermark says so. */
export const TURN_RECORDS = 1024

export class SplitTurns {
  readonly splits: Split[] = []
  /** Turns begun so far, those that were passed over included. */
  count = 0
  readonly #options: SplitTurnsOptions

  constructor(options: SplitTurnsOptions) {
    this.#options = options
  }

  /** Records of all splits that have been read. */
  get recordCount(): number {
    return this.splits.reduce((sum, split) => sum + split.recordCount, 0)
  }

  /** Sum over the splits; null unless all know their size. */
  progress(): { readonly done: number; readonly total: number } | null {
    let done = 0
    let total = 0
    for (const { reader } of this.splits) {
      const progress = reader.progress()
      if (progress === null) return null
      done += progress.done
      total += progress.total
    }
    return total > 0 ? { done, total } : null
  }

  /** The split whose turn it is; null when all have ended. */
  next(): Split | null {
    let held: Split | null = null
    for (let tried = 0; tried < this.splits.length; tried++) {
      const split = this.splits[this.count % this.splits.length]!
      if (!split.isEnded && !this.isHeld(split)) return split
      if (!split.isEnded) held ??= split
      this.count++
    }
    // Two event times of one source may each hold what the other waits for: then somebody has to go on.
    return held
  }

  /** Whether a split that is too far ahead has to wait. Asked when a turn begins: how many rows a read brings must not decide it. */
  isHeld(split: Split): boolean {
    const { tracks, isLive } = this.#options
    const isPlace = ({ spec }: TimeTrack) => split.recordCount % spec.watermark.everyRecords === 0
    return (isLive || tracks.some(isPlace)) && tracks.some((track) => track.isHeld(split.index))
  }

  /** Most rows of the next read: up to the next place of a watermark, or of a turn. */
  rowsMax(split: Split): number {
    const { tracks, batchRowsMax } = this.#options
    let rows = tracks.length === 0 ? Math.min(batchRowsMax, TURN_RECORDS - (split.recordCount % TURN_RECORDS)) : batchRowsMax
    for (const { spec } of tracks) rows = Math.min(rows, spec.watermark.everyRecords - (split.recordCount % spec.watermark.everyRecords))
    return rows
  }
}
