/**
 * Rows that take their time, so that something can happen to a job while it reads them.
 *
 * Before: rows of a test, in Node or in a page. After: a job whose workers are ended meanwhile.
 */

import { rowsSource, type Source, systemClock } from 'millrace'
import { changedReaders } from './changed-readers.ts'

/** Rows that come `piece` at a time, each after a turn of the event loop, so that a job lasts; `onRow` is told how far it is. */
export function pacedRows(rows: readonly object[], piece: number, onRow: (row: number) => void): Source {
  return changedReaders(rowsSource(rows), (reader) => ({
    async read(builder, rowsMax) {
      onRow(Number(reader.position()['row']))
      await systemClock.yield()
      return reader.read(builder, Math.min(rowsMax, piece))
    },
  }))
}
