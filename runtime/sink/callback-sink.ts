/** Sinks inside the program: rows to a function, rows into an array. */

import type { RecordBatch, RowObject } from '../record-batch.ts'
import { type Pane, paneOf } from './pane.ts'
import type { Sink, SinkWriter } from './sink.ts'

/** Called for every batch of rows; a returned promise holds back what follows. */
export type RowsCallback<Row = RowObject> = (rows: readonly Row[], batch: RecordBatch) => void | Promise<void>

/** A sink that hands rows to a function, at least once: after a crash some rows may come again. */
export function callbackSink<Row = RowObject>(callback: RowsCallback<Row>): Sink {
  const writer: SinkWriter = {
    write(batch) {
      const rows = Array.from({ length: batch.rowCount }, (_, row) => batch.row(row) as Row)
      return callback(rows, batch)
    },
    prepare: () => Promise.resolve({}),
    commit: () => Promise.resolve(),
    finish: () => Promise.resolve(),
    close: () => Promise.resolve(),
  }
  return { kind: 'callback', delivery: 'at-least-once', open: () => Promise.resolve(writer) }
}

/**
 * A sink that collects rows in an array, exactly once within the life of the object: rows become part of {@link CollectSink.rows} when the
 * checkpoint that covers them is complete (or the job ends), and a recovery takes back what was not.
 */
export interface CollectSink<Row = RowObject> extends Sink {
  /** Committed rows, with the pane each came from. */
  readonly rows: readonly Row[]
  readonly panes: readonly Pane[]
}

export function collectSink<Row = RowObject>(): CollectSink<Row> {
  const rows: Row[] = []
  const panes: Pane[] = []
  let pending: { row: Row; pane: Pane }[] = []
  /** Rows that each prepared but uncommitted checkpoint covers. */
  let prepared: { checkpointId: number; count: number }[] = []
  const commit = (count: number) => {
    for (const { row, pane } of pending.splice(0, count)) {
      rows.push(row)
      panes.push(pane)
    }
  }
  const writer: SinkWriter = {
    write(batch) {
      for (let row = 0; row < batch.rowCount; row++) {
        pending.push({ row: batch.row(row) as Row, pane: paneOf(batch, row) })
      }
    },
    prepare(checkpointId) {
      prepared.push({ checkpointId, count: rows.length + pending.length })
      return Promise.resolve({ count: rows.length + pending.length })
    },
    commit(checkpointId) {
      const found = prepared.find((entry) => entry.checkpointId === checkpointId)
      if (found !== undefined) commit(found.count - rows.length)
      prepared = prepared.filter((entry) => entry.checkpointId > checkpointId)
      return Promise.resolve()
    },
    finish: () => Promise.resolve(),
    close: () => Promise.resolve(),
  }
  return {
    kind: 'collect',
    delivery: 'exactly-once',
    rows,
    panes,
    open(context) {
      // What the recovered checkpoint covers is committed; the rest is taken back and will come again.
      const count = context.restored === null ? 0 : Number(context.restored['count'])
      commit(Math.max(0, count - rows.length))
      rows.length = Math.min(rows.length, count)
      panes.length = rows.length
      pending = []
      prepared = []
      return Promise.resolve(writer)
    },
  }
}
