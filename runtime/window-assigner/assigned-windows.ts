/**
 * Which windows the rows of a batch belong to: what every window assigner writes.
 *
 * Before: window-assigner.ts. After: the stage that turns entries into input columns of the pane kernel.
 *
 * Invariant: entries are ascending by row; those of one row ascending by (start, end), each window once.
 */

import type { RowObject } from '../record-batch.ts'

export interface WindowAssigner {
  /**
   * Replaces the contents of `out` by the windows of all rows.
   *
   * @param times - Event times by row: whole milliseconds within ±8.64e15.
   * @param rowAt - The row as an object; called only by custom assigners.
   */
  assign(times: Float64Array, rowCount: number, rowAt: (row: number) => RowObject, out: AssignedWindows): void
}

/** A row in no window has one entry whose start and end are NaN; a row that became a dead letter has none. */
export class AssignedWindows {
  rows: Uint32Array = new Uint32Array(0)
  starts: Float64Array = new Float64Array(0)
  ends: Float64Array = new Float64Array(0)
  count = 0

  clear(): void {
    this.count = 0
  }

  /** Makes room for so many more entries. */
  reserve(more: number): void {
    const wanted = this.count + more
    if (wanted <= this.rows.length) return
    const capacity = Math.max(1024, wanted, this.rows.length * 2)
    this.rows = grown(this.rows, new Uint32Array(capacity))
    this.starts = grown(this.starts, new Float64Array(capacity))
    this.ends = grown(this.ends, new Float64Array(capacity))
  }

  push(row: number, startMs: number, endMs: number): void {
    const at = this.count
    if (at === this.rows.length) this.reserve(1)
    this.rows[at] = row
    this.starts[at] = startMs
    this.ends[at] = endMs
    this.count = at + 1
  }

  pushOutside(row: number): void {
    this.push(row, Number.NaN, Number.NaN)
  }
}

function grown<T extends Uint32Array | Float64Array>(from: T, to: T): T {
  to.set(from)
  return to
}
