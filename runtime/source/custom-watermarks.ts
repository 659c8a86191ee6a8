/** What a watermark strategy of the user's own is. Before: the user's function. After: record-strategies.ts, which calls it. */

import type { RowObject } from '../record-batch.ts'
import type { Json } from '../schema.ts'

/** Made once for each split, told every record, asked at the places where watermarks are evaluated. What it throws stops the job. */
export interface CustomWatermarks {
  /** @param timeMs - The record's event time. Records of a clock that is wrong (see `maxFutureSkew`) are not told. */
  onRecord(timeMs: number, row: RowObject): void
  /** The watermark that the records so far allow; −Infinity for none. Less than before is the same as before. */
  watermark(): number
  /** The state as plain JSON data: what `restore` of a new object is given after a restart. */
  snapshot(): Json
  restore(state: Json): void
}
