/**
 * Rows with a pause in the middle, at which a job is stopped.
 *
 * Before: the rows of a case. After: restarts.test and pane-jobs, which go on in a second start.
 *
 * Invariant: the place of the pause is a number of records, so a seed stops at the same place every time.
 */

import { rowsSource } from '../../runtime/source/rows-source.ts'
import type { Source, SourceSplit } from '../../runtime/source/source.ts'

/** Where a stop may cut the stream: behind any record, or, as for bounded sources, behind the next watermark. */
export type Cut = 'anywhere' | 'behindWatermark'

export interface PausedSource {
  readonly source: Source
  /** Resolves when the first `count` rows were read and more were asked for. */
  readonly reached: Promise<void>
  /** Lets a bounded source go on. */
  readonly release: () => void
}

/**
 * The rows, with a pause after the first `count`.
 *
 * A barrier of a bounded source waits for the next watermark, so the pause ends once the job is asked to stop. A live source takes the
 * barrier at once: it stays where it is, and never says that it is idle, since that would bring a watermark of its own.
 */
export function pausedSource(rows: readonly object[], count: number, cut: Cut): PausedSource {
  const { promise: reached, resolve } = Promise.withResolvers<void>()
  const whole = rowsSource(rows)
  let isReleased = false
  const source: Source = {
    ...whole,
    isBounded: cut === 'behindWatermark',
    async splits(context) {
      const [split] = await whole.splits(context)
      const open: SourceSplit['open'] = async (position) => {
        const reader = await split!.open(position)
        return {
          ...reader,
          read(builder, rowsMax) {
            const rest = isReleased ? rowsMax : count - Number(reader.position()['row'])
            if (rest > 0) return reader.read(builder, Math.min(rest, rowsMax))
            resolve()
            return cut === 'anywhere' ? 'more' : 'idle'
          },
        }
      }
      return [{ splitId: split!.splitId, open }]
    },
  }
  const release = () => {
    isReleased = cut === 'behindWatermark'
  }
  return { source, reached, release }
}
