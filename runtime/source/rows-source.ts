/** Sources inside the program: an array of rows, columns that are already there, or anything iterable. */

import type { BatchBuilder } from '../batch-builder.ts'
import type { Dictionary } from '../dictionary.ts'
import { ConfigError, ConnectorError } from '../errors.ts'
import type { ReadResult, Source, SourceSplit, SplitReader } from './source.ts'

/** Rows of an array, in order: bounded and replayable. */
export function rowsSource(rows: readonly object[]): Source {
  return bounded('rows', rows.length, (builder, from, count) => {
    for (let index = from; index < from + count; index++) builder.appendRow(rows[index]!, `row ${index}`)
  })
}

/** Strings as codes into a list of distinct strings: what a columnar file or Arrow already has. */
export interface DictionaryColumn {
  readonly codes: Uint32Array
  readonly strings: readonly string[]
  readonly length: number
}

/** A string column that is dictionary-coded already: row i is `strings[codes[i]]`. */
export function dictionaryColumn(codes: Uint32Array, strings: readonly string[]): DictionaryColumn {
  return { codes, strings, length: codes.length }
}

/** Columns by name: numbers as typed arrays or arrays, strings as arrays or dictionary columns. All of one length; null entries are nulls. */
export type ColumnArrays = Readonly<Record<string, Float64Array | Int32Array | DictionaryColumn | readonly (string | number | boolean | null)[]>>

/**
 * Records given as columns: bounded and replayable, and much faster than rows.
 *
 * @throws ConfigError `COLUMN_LENGTH` when lengths differ; `COLUMN_UNKNOWN` at start when the schema has a column that is not given.
 */
export function columnsSource(columns: ColumnArrays): Source {
  const lengths = Object.entries(columns).map(([name, values]) => ({ name, length: values.length }))
  const rowCount = lengths[0]?.length ?? 0
  const odd = lengths.find(({ length }) => length !== rowCount)
  if (odd !== undefined) {
    throw new ConfigError('COLUMN_LENGTH', `Column ${odd.name} has ${odd.length} values, ${lengths[0]!.name} has ${rowCount}; all columns must have one length`)
  }
  return bounded('columns', rowCount, (builder, from, count) => {
    const at = builder.rowCount
    for (const target of builder.columns) {
      const values = Object.hasOwn(columns, target.name) ? columns[target.name]! : undefined
      if (values === undefined) throw new ConfigError('COLUMN_UNKNOWN', `The columns given have no ${target.name}; they have ${Object.keys(columns).join(', ')}`)
      if (ArrayBuffer.isView(values)) {
        target.values.set(values.subarray(from, from + count), at)
        continue
      }
      if ('codes' in values) {
        recode(values, builder.dictionary).copy(values.codes, from, count, target.values as Uint32Array, at)
        continue
      }
      for (let row = 0; row < count; row++) {
        const value = values[from + row]!
        if (value === null) {
          target.values[at + row] = 0
          target.validity[at + row] = 0
          target.hasNull = true
        } else target.values[at + row] = typeof value === 'string' ? builder.dictionary.codeOf(value) : Number(value)
      }
    }
    builder.rowCount += count
  })
}

/** Codes of a dictionary column in the stream's dictionary, computed once for each of the two. */
interface Recoding {
  copy(codes: Uint32Array, from: number, count: number, target: Uint32Array, at: number): void
}

const recodings = new WeakMap<DictionaryColumn, { dictionary: Dictionary; recoding: Recoding }>()

function recode(column: DictionaryColumn, dictionary: Dictionary): Recoding {
  const known = recodings.get(column)
  if (known?.dictionary === dictionary) return known.recoding
  const codeOf = Uint32Array.from(column.strings, (text) => dictionary.codeOf(text))
  const isSame = codeOf.every((code, index) => code === index)
  const recoding: Recoding = {
    copy(codes, from, count, target, at) {
      if (isSame) target.set(codes.subarray(from, from + count), at)
      else for (let row = 0; row < count; row++) target[at + row] = codeOf[codes[from + row]!]!
    },
  }
  recodings.set(column, { dictionary, recoding })
  return recoding
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
      if (at > rowCount) throw new ConnectorError('SOURCE_REWIND', `Cannot go on at row ${at}: there are only ${rowCount} rows; give the same rows as before`)
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
  const split: SourceSplit = {
    splitId: 'iterable',
    open() {
      const iterator = Symbol.asyncIterator in rows ? rows[Symbol.asyncIterator]() : rows[Symbol.iterator]()
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
            if (failure !== null) throw new ConnectorError('SOURCE_FAILED', `The rows of an iterable ended with an error: ${String(failure)}`, { cause: failure })
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
