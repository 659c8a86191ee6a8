/**
 * A source of whatever the program can go through: arrays, generators, async generators, ReadableStreams; of rows, or of arrays of rows.
 *
 * Before: the program. After: coordinator/intake.
 * What is at hand at once is taken without waiting. What has to be waited for is pulled ahead, so that the producer works while the job does, and not
 * further than {@link AHEAD_ROWS} rows.
 *
 * Invariant: rows come in the order of the producer; it is asked for the next one only after the one before has come.
 */

import type { BatchBuilder } from '../batch-builder.ts'
import { ConnectorError } from '../errors.ts'
import type { ReadResult, Source, SplitPosition, SplitReader } from './source.ts'

/** What {@link iterableSource} goes through: rows, or arrays of rows, which is faster. */
export type RowsIterable = Iterable<object> | AsyncIterable<object> | ReadableStream<object>

/** Rows that are pulled ahead of the job, at most; an array of rows that crosses it is taken whole. */
const AHEAD_ROWS = 4_096

/**
 * Rows of an iterable, an async iterable or a ReadableStream: a live source that cannot be rewound.
 *
 * Each item is a row, or an array of rows. A producer that has to be waited for is held back while the job is behind. After a crash the source goes on
 * with what comes next: records between the last checkpoint and the crash are lost unless the producer repeats them.
 *
 * @example
 * const sources = { readings: iterableSource(feed()) } // async function* feed() { for (;;) yield await nextReadings() }
 */
export function iterableSource(rows: RowsIterable): Source {
  let isSpent = false
  return {
    kind: 'iterable',
    isReplayable: false,
    isBounded: false,
    splits: () =>
      Promise.resolve([
        {
          splitId: 'iterable',
          open: () => {
            if (isSpent) {
              throw new ConnectorError(
                'SOURCE_REWIND',
                'The rows of an iterable that can be read once were read before; start the job with a new one',
              )
            }
            // Generators and streams: closed or read, they would seem to have ended.
            isSpent = 'getReader' in rows || 'next' in rows
            return Promise.resolve(
              'getReader' in rows || Symbol.asyncIterator in rows ? new AsyncReader(pullOf(rows)) : new SyncReader(rows),
            )
          },
        },
      ]),
  }
}

/** Items that are to become rows, in order. */
class RowQueue {
  readonly #items: object[] = []
  /** Of the first item: the next row, when it is an array. */
  #at = 0
  length = 0
  /** Rows taken so far. */
  count = 0

  push(item: object): void {
    const length = Array.isArray(item) ? item.length : 1
    if (length === 0) return
    this.#items.push(item)
    this.length += length
  }

  take(builder: BatchBuilder, rowsMax: number): void {
    const items = this.#items
    let left = Math.min(rowsMax, this.length)
    this.length -= left
    let done = 0
    while (left > 0) {
      const item = items[done]!
      if (Array.isArray(item)) {
        const to = Math.min(item.length, this.#at + left)
        left -= to - this.#at
        for (let at = this.#at; at < to; at++) this.#append(item[at] as unknown, builder)
        this.#at = to
        if (to < item.length) break
        this.#at = 0
      } else {
        this.#append(item, builder)
        left--
      }
      done++
    }
    items.splice(0, done)
  }

  #append(row: unknown, builder: BatchBuilder): void {
    const position = `row ${this.count++}`
    if (typeof row === 'object' && row !== null) builder.appendRow(row, position)
    else builder.deadLetter('ROW_SHAPE', `A row should be an object, found ${row === null ? 'null' : typeof row}`, position, String(row))
  }
}

abstract class IterableReader implements SplitReader {
  protected readonly queue = new RowQueue()
  protected isEnded = false

  abstract read(builder: BatchBuilder, rowsMax: number): ReadResult
  abstract ready(): Promise<void>
  abstract close(): Promise<void>

  position(): SplitPosition {
    return { row: this.queue.count }
  }

  progress(): null {
    return null
  }

  protected pulled(result: IteratorResult<object>): void {
    if (result.done === true) this.isEnded = true
    else if (typeof result.value === 'object' && result.value !== null) this.queue.push(result.value)
    // What is no object is a row of its own, and a dead letter.
    else this.queue.push([result.value])
  }
}

/** Of an iterable that answers at once: nothing is pulled before it is needed. */
class SyncReader extends IterableReader {
  readonly #iterator: Iterator<object>

  constructor(rows: Iterable<object>) {
    super()
    this.#iterator = rows[Symbol.iterator]()
  }

  read(builder: BatchBuilder, rowsMax: number): ReadResult {
    while (this.queue.length < rowsMax && !this.isEnded) {
      try {
        this.pulled(this.#iterator.next())
      } catch (error) {
        throw failed(error)
      }
    }
    this.queue.take(builder, rowsMax)
    return this.isEnded && this.queue.length === 0 ? 'end' : 'more'
  }

  ready(): Promise<void> {
    return Promise.resolve()
  }

  async close(): Promise<void> {
    if (!this.isEnded) this.#iterator.return?.()
  }
}

interface Pull {
  next(): Promise<IteratorResult<object>>
  cancel(): void
}

function pullOf(rows: AsyncIterable<object> | ReadableStream<object>): Pull {
  // Not every platform can go through a stream as an async iterable.
  if ('getReader' in rows) {
    const reader = rows.getReader()
    return {
      next: async () => {
        const { done, value } = await reader.read()
        return done ? { done, value: undefined } : { done, value }
      },
      cancel: () => void reader.cancel().catch(() => {}),
    }
  }
  const iterator = rows[Symbol.asyncIterator]()
  return {
    next: () => iterator.next(),
    // Of a generator that waits, it would wait as well: nobody waits for that.
    cancel: () => void iterator.return?.().then(undefined, () => {}),
  }
}

class AsyncReader extends IterableReader {
  readonly #pull: Pull
  #isPulling = false
  #failure: ConnectorError | null = null
  #wake = () => {}

  constructor(pull: Pull) {
    super()
    this.#pull = pull
  }

  read(builder: BatchBuilder, rowsMax: number): ReadResult {
    this.#pullAhead()
    this.queue.take(builder, rowsMax)
    this.#pullAhead()
    if (this.queue.length > 0) return 'more'
    if (this.#failure !== null) throw this.#failure
    return this.isEnded ? 'end' : 'idle'
  }

  ready(): Promise<void> {
    if (this.queue.length > 0 || this.isEnded) return Promise.resolve()
    this.#wake()
    return new Promise<void>((resolve) => (this.#wake = resolve))
  }

  async close(): Promise<void> {
    if (!this.isEnded) this.#pull.cancel()
    this.isEnded = true
  }

  #pullAhead(): void {
    if (this.#isPulling || this.isEnded || this.queue.length >= AHEAD_ROWS) return
    this.#isPulling = true
    void this.#pullAll().then(() => {
      this.#isPulling = false
      this.#wake()
    })
  }

  async #pullAll(): Promise<void> {
    try {
      while (!this.isEnded && this.queue.length < AHEAD_ROWS) {
        this.pulled(await this.#pull.next())
        this.#wake()
      }
    } catch (error) {
      this.#failure = failed(error)
      this.isEnded = true
    }
  }
}

function failed(error: unknown): ConnectorError {
  return new ConnectorError('SOURCE_FAILED', `The rows of an iterable ended with an error: ${String(error)}`, { cause: error })
}
