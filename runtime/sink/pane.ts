/**
 * Where a row of a window's results comes from, as programs see it: the columns of panes of a batch, row by row.
 *
 * Before: a batch of results. After: sinks that give rows to the program.
 */

import type { RecordBatch } from '../record-batch.ts'

/** Where a row of a window's results comes from. */
export interface Pane {
  /** How often the window had fired before. */
  readonly index: number
  /** 0: before the window was complete; 1: when it was; 2: after. */
  readonly timing: number
  /** `+I`: a new result; `-U`: takes back the one before, `+U` stands in its place; `-D`: takes it back for good. */
  readonly change: Change
  /** Whether nothing follows for this window. */
  readonly isLast: boolean
}

export type Change = '+I' | '-U' | '+U' | '-D'
export const CHANGES: readonly Change[] = ['+I', '-U', '+U', '-D']

/** What is no result of a window counts as a new, last, on-time result. */
export const PLAIN_PANE: Pane = Object.freeze({ index: 0, timing: 1, change: '+I', isLast: true })

/** The pane of a row. */
export function paneOf({ panes }: RecordBatch, row: number): Pane {
  if (panes === null) return PLAIN_PANE
  return { index: panes.index[row]!, timing: panes.timing[row]!, change: CHANGES[panes.change[row]!]!, isLast: panes.isLast[row] !== 0 }
}
