/**
 * A sink of a job in a Durable Object: writes rows into the object's result log.
 *
 * Before: the job's outlets. After: result-log.
 * Rows are to be seen at once, before the checkpoint that covers them: the input is durable, so after a crash the same rows come again, by number.
 *
 * Invariant: a row's number is how many rows of the sink came before it in the job's life.
 */

import type { RecordBatch, RowObject, Value } from '../../runtime/record-batch.ts'
import type { Sink } from '../../runtime/sink/sink.ts'
import type { NewResult, ResultLog, ResultPane } from './result-log.ts'

/** By their numbers in a batch. */
const CHANGES = ['+I', '-U', '+U', '-D'] as const

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

/** What is no result of a window counts as a new, last, on-time result. */
function paneOf({ panes }: RecordBatch, row: number): ResultPane {
  if (panes === null) return { index: 0, timing: 1, change: '+I', isLast: true }
  return { index: panes.index[row]!, timing: panes.timing[row]!, change: CHANGES[panes.change[row]!]!, isLast: panes.isLast[row] !== 0 }
}

function idOf(row: RowObject, columns: readonly string[] | null): string | null {
  return columns === null ? null : JSON.stringify(columns.map((column): Value => row[column] ?? null))
}
