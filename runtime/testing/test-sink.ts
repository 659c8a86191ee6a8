/**
 * A sink that shows rows as soon as they come, and takes back after a crash what the job will give again.
 *
 * Before: the job under test. After: the harness, which hands the rows to the test.
 *
 * Invariant: after a recovery the rows are those that the recovered checkpoint covers.
 */

import type { RecordBatch, RowObject } from '../record-batch.ts'
import { type Pane, paneOf } from '../sink/pane.ts'
import type { Sink, SinkContext, SinkWriter } from '../sink/sink.ts'

/** A row of a sink, and for results of windows where it comes from. */
export interface Result<Row = RowObject> {
  readonly row: Row
  readonly pane: Pane
}

export class TestSink implements Sink {
  readonly kind = 'test'
  readonly delivery = 'exactly-once'
  readonly results: Result[] = []
  /** Results that the test has taken. */
  takenCount = 0

  open({ restored }: SinkContext): Promise<SinkWriter> {
    const covered = restored === null ? 0 : Number(restored['count'])
    this.results.length = Math.min(this.results.length, covered)
    this.takenCount = Math.min(this.takenCount, this.results.length)
    const done = () => Promise.resolve()
    return Promise.resolve({
      write: (batch: RecordBatch) => {
        for (let row = 0; row < batch.rowCount; row++) this.results.push({ row: batch.row(row), pane: paneOf(batch, row) })
      },
      prepare: () => Promise.resolve({ count: this.results.length }),
      commit: done,
      finish: done,
      close: done,
    })
  }
}
