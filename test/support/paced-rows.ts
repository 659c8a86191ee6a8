/**
 * Rows that take their time, so that something can happen to a job while it reads them.
 *
 * Before: rows of a test, in Node or in a page. After: a job whose workers are ended meanwhile.
 */

import { rowsSource, type Source, systemClock } from 'millrace'

/** Rows that come `piece` at a time, each after a turn of the event loop, so that a job lasts; `onRow` is told how far it is. */
export function pacedRows(rows: readonly object[], piece: number, onRow: (row: number) => void): Source {
  const whole = rowsSource(rows)
  return {
    ...whole,
    async splits(context) {
      const splits = await whole.splits(context)
      return splits.map(({ splitId, open }) => ({
        splitId,
        async open(position) {
          const reader = await open(position)
          return {
            ...reader,
            async read(builder, rowsMax) {
              onRow(Number(reader.position()['row']))
              await systemClock.yield()
              return reader.read(builder, Math.min(rowsMax, piece))
            },
          }
        },
      }))
    },
  }
}
