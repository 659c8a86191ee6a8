/** Sources inside the program: an array of rows, rows from a function, or anything iterable. Columns have columns-source.ts. */

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

/**
 * Rows of an async iterable or a ReadableStream: a live source that cannot be rewound.
 *
 * After a crash it goes on with what comes next: records between the last checkpoint and the crash are lost unless the producer repeats them.
 */
export function iterableSource(rows: AsyncIterable<object> | Iterable<object>): Source {
  let isSpent = false
  const split: SourceSplit = {
    splitId: 'iterable',
    open() {
      // A generator that was closed would seem to have ended.
      if (isSpent) {
        throw new ConnectorError(
          'SOURCE_REWIND',
          'The rows of an iterable that can be read once were read before; start the job with a new one',
        )
      }
      const iterator = Symbol.asyncIterator in rows ? rows[Symbol.asyncIterator]() : rows[Symbol.iterator]()
      isSpent = (iterator as unknown) === rows || (typeof ReadableStream === 'function' && rows instanceof ReadableStream)
      const queue: object[] = []
      let count = 0
      let isEnded = false
      let failure: unknown = null
      let pulling: Promise<void> | null = null
      const pull = () => {
        pulling ??= Promise.resolve(iterator.next()).then(
          (result) => {
            pulling = null
            if (result.done === true) isEnded = true
            else queue.push(result.value)
          },
          (error: unknown) => {
            pulling = null
            isEnded = true
            failure = error
          },
        )
        return pulling
      }
      const reader: SplitReader = {
        async read(builder, rowsMax): Promise<ReadResult> {
          for (let taken = 0; taken < rowsMax; taken++) {
            if (queue.length === 0 && !isEnded) {
              // One turn of the event loop decides whether the producer has something ready.
              await Promise.race([pull(), Promise.resolve().then(() => undefined)])
              if (queue.length === 0 && !isEnded) return 'idle'
            }
            if (failure !== null)
              throw new ConnectorError('SOURCE_FAILED', `The rows of an iterable ended with an error: ${String(failure)}`, {
                cause: failure,
              })
            if (queue.length === 0) return 'end'
            builder.appendRow(queue.shift()!, `row ${count++}`)
          }
          return 'more'
        },
        position: () => ({ row: count }),
        progress: () => null,
        ready: () => (queue.length > 0 || isEnded ? Promise.resolve() : pull()),
        async close() {
          await iterator.return?.()
        },
      }
      return Promise.resolve(reader)
    },
  }
  return { kind: 'iterable', isReplayable: false, isBounded: false, splits: () => Promise.resolve([split]) }
}
