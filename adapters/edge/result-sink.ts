/**
 * A sink of a job in a Durable Object: writes rows into the object's result log.
 *
 * Before: the job's outlets. After: result-log.
 * Rows are to be seen at once, before the checkpoint that covers them: the input is durable, so after a crash the same rows come again, by number.
 *
 * Invariant: a row's number is how many rows of the sink came before it in the job's life.
 */

import type { RecordBatch, RowObject, Value } from '../../runtime/record-batch.ts'
import { paneOf } from '../../runtime/sink/callback-sink.ts'
import type { Sink } from '../../runtime/sink/sink.ts'
import type { NewResult, ResultLog } from './result-log.ts'

/** @param idColumns - Columns that tell which window and key a row is of; null: every row stands for itself. */
export function resultSink(log: ResultLog, idColumns: readonly string[] | null): Sink {
  return {
    kind: 'durable-object',
    delivery: 'exactly-once',
    open({ name, restored }) {
      let count = restored === null ? 0 : Number(restored['count'])
      const done = () => Promise.resolve()
      return Promise.resolve({
        write(batch: RecordBatch) {
          const rows = Array.from({ length: batch.rowCount }, (_, index): NewResult => {
            const row = batch.row(index)
            return { number: count + index, id: idOf(row, idColumns), row: JSON.stringify(row), pane: paneOf(batch, index) }
          })
          log.append(name, rows)
          count += batch.rowCount
        },
        prepare: () => Promise.resolve({ count }),
        commit: done,
        finish: done,
        close: done,
      })
    },
  }
}

function idOf(row: RowObject, columns: readonly string[] | null): string | null {
  return columns === null ? null : JSON.stringify(columns.map((column): Value => row[column] ?? null))
}
