/** Sources inside the program: an array of rows, or rows from a function. Iterables have iterable-source.ts, columns columns-source.ts. */

import type { BatchBuilder } from '../batch-builder.ts'
import { ConnectorError } from '../errors.ts'
import type { ReadResult, Source, SourceSplit, SplitReader } from './source.ts'

/** Rows of an array, in order: bounded and replayable. */
export function rowsSource(rows: readonly object[]): Source {
  return bounded('rows', rows.length, (builder, from, count) => {
    for (let index = from; index < from + count; index++) builder.appendRow(rows[index]!, `row ${index}`)
  })
}

/** Rows by number from a function that appends them: bounded and replayable. */
export function generatedSource(rowCount: number, append: (builder: BatchBuilder, from: number, count: number) => void): Source {
  return bounded('generated', rowCount, append)
}

function bounded(kind: string, rowCount: number, append: (builder: BatchBuilder, from: number, count: number) => void): Source {
  const split: SourceSplit = {
    splitId: kind,
    open(position) {
      let at = position === null ? 0 : Number(position['row'])
      if (at > rowCount)
        throw new ConnectorError(
          'SOURCE_REWIND',
          `Cannot go on at row ${at}: there are only ${rowCount} rows; give the same rows as before`,
        )
      const reader: SplitReader = {
        read(builder, rowsMax): ReadResult {
          const count = Math.min(rowsMax, rowCount - at)
          append(builder, at, count)
          at += count
          return at === rowCount ? 'end' : 'more'
        },
        position: () => ({ row: at }),
        progress: () => ({ done: at, total: rowCount }),
        close: () => Promise.resolve(),
      }
      return Promise.resolve(reader)
    },
  }
  return { kind, isReplayable: true, isBounded: true, splits: () => Promise.resolve([split]) }
}
