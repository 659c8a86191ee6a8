/**
 * A sink that a program reads with `for await`, or as a ReadableStream: results come out at the pace of whoever takes them.
 *
 * Before: coordinator/outlet. After: one consumer at a time.
 * A row counts as delivered when its consumer asks for the next one. Checkpoints wait for that, so that a crash loses no row which was
 * waiting here: it comes again, as everything since the checkpoint does.
 *
 * Invariant: as long as the job reads, at most `rowsMax` rows wait; when it ends, whatever is left of it is let in, so that it can.
 */

import { ConfigError, JobStateError } from '../errors.ts'
import type { RecordBatch, RowObject } from '../record-batch.ts'
import { type Pane, paneOf } from './pane.ts'
import type { Sink, SinkContext, SinkState, SinkWriter } from './sink.ts'

export interface IterableSinkOptions {
  /** Most rows that wait for the consumer before the job is held back; default 1024. */
  readonly rowsMax?: number
}

/** Rows of a sink, one after the other. */
export interface IterableSink<Row = RowObject> extends Sink, AsyncIterable<Row, void, void> {
  /** Rows that nobody took, because the consumer had left its loop. */
  readonly droppedCount: number
  /** Results together with their panes. */
  results(): AsyncIterable<PaneRow<Row>, void, void>
  /** The rows as a stream; cancelling it is leaving the loop. */
  readable(): ReadableStream<Row>
}

/** A row, and the firing of a window it comes from. */
export interface PaneRow<Row = RowObject> {
  readonly row: Row
  readonly pane: Pane
}

/**
 * A sink to read with `for await`: the loop ends with the job, and throws the error that fails it, behind the rows that came before.
 *
 * The job is held back when `rowsMax` rows wait, also before there is a consumer. Delivery is at least once. One consumer at a time; for more,
 * `readable().tee()`. Who leaves the loop wants no more: rows are dropped and counted until somebody reads again.
 *
 * @throws ConfigError `OPTION_INVALID`; when read by two at a time JobStateError `SINK_CONSUMED`.
 *
 * @example
 * ```ts
 * const minutes = iterableSink<SinkRow<typeof job, 'minutes'>>()
 * await start(job, { sources, sinks: { minutes } })
 * for await (const { device, mean } of minutes) console.log(device, mean)
 * ```
 */
export function iterableSink<Row = RowObject>(options: IterableSinkOptions = {}): IterableSink<Row> {
  const { rowsMax = 1024 } = options
  if (!Number.isInteger(rowsMax) || rowsMax < 1 || rowsMax > 1 << 20) {
    throw new ConfigError('OPTION_INVALID', `rowsMax is ${String(rowsMax)}; it must be a whole number from 1 to ${1 << 20}`)
  }
  const queue = new RowQueue<Row>(rowsMax)
  return {
    kind: 'iterable',
    delivery: 'at-least-once',
    get droppedCount() {
      return queue.droppedCount
    },
    open: (context) => Promise.resolve(queue.writer(context)),
    [Symbol.asyncIterator]: () => queue.consume(({ row }) => row),
    results: () => ({ [Symbol.asyncIterator]: () => queue.consume((result) => result) }),
    readable: () => streamOf(queue.consume(({ row }) => row)),
  }
}

/**
 * A sink whose rows come out of a ReadableStream, to pipe somewhere: as {@link iterableSink}, whose `readable()` it is.
 *
 * @example
 * ```ts
 * const minutes = readableSink()
 * await start(job, { sources, sinks: { minutes } })
 * await minutes.readable.pipeThrough(toCsv).pipeTo(file)
 * ```
 */
export function readableSink<Row = RowObject>(options: IterableSinkOptions = {}): Sink & { readonly readable: ReadableStream<Row> } {
  const sink = iterableSink<Row>(options)
  return Object.assign(sink, { kind: 'readable', readable: sink.readable() })
}

function streamOf<Row>(rows: AsyncIterator<Row, void, void>): ReadableStream<Row> {
  return new ReadableStream<Row>(
    {
      async pull(controller) {
        const next = await rows.next()
        if (next.done === true) controller.close()
        else controller.enqueue(next.value)
      },
      async cancel() {
        await rows.return?.()
      },
    },
    // What is in the stream's own queue would count as delivered.
    { highWaterMark: 0 },
  )
}

/** What waits between a job and its consumer. */
class RowQueue<Row> {
  readonly #rowsMax: number
  #waiting: PaneRow<Row>[] = []
  /** Of the waiting ones, those before it are taken. */
  #at = 0
  /** Rows that came, and rows that are done with: delivered or dropped. */
  #cameCount = 0
  #doneCount = 0
  /** The consumer; null before the first and between two. */
  #consumer: object | null = null
  /** Whether the last consumer has left. */
  #isLeft = false
  #context: SinkContext | null = null
  /** How the job ended, when it has. */
  #end: { readonly error: unknown } | 'whole' | null = null
  /** Everybody who waits for a change here looks again. */
  #change = Promise.withResolvers<void>()
  droppedCount = 0

  constructor(rowsMax: number) {
    this.#rowsMax = rowsMax
  }

  writer(context: SinkContext): SinkWriter {
    if (this.#context?.finished !== context.finished) this.#begin(context)
    this.#context = context
    context.ending.addEventListener('abort', () => this.#changed(), { once: true })
    const isCurrent = () => this.#context === context
    return {
      write: (batch) => this.#write(batch, context, isCurrent),
      prepare: () => this.#prepare(context),
      commit: () => Promise.resolve(),
      finish: () => Promise.resolve(),
      close: () => Promise.resolve(),
    }
  }

  /** Another job than before writes; a restart of the same goes on. */
  #begin({ finished }: SinkContext): void {
    this.#end = null
    this.#isLeft = false
    const over = (end: { readonly error: unknown } | 'whole') => {
      if (this.#context?.finished !== finished) return
      this.#end = end
      this.#changed()
    }
    finished.then(
      () => over('whole'),
      (error: unknown) => over({ error }),
    )
  }

  #write(batch: RecordBatch, context: SinkContext, isCurrent: () => boolean): void | Promise<void> {
    let row = 0
    const fill = () => {
      for (; row < batch.rowCount && this.#hasRoom(context); row++) this.#add({ row: batch.row(row) as Row, pane: paneOf(batch, row) })
      this.#changed()
    }
    fill()
    if (row === batch.rowCount) return
    return (async () => {
      while (row < batch.rowCount && isCurrent()) {
        await this.#change.promise
        fill()
      }
    })()
  }

  /** Rows that were delivered and come again after a crash are harmless; rows that were not would be lost. */
  async #prepare({ hasCheckpoints, ending }: SinkContext): Promise<SinkState> {
    const count = this.#cameCount
    while (hasCheckpoints && !ending.aborted && this.#doneCount < count) await this.#change.promise
    return {}
  }

  /** What a consumer reads; `as` makes of a result what it wants to see. */
  consume<T>(as: (result: PaneRow<Row>) => T): AsyncIterator<T, void, void> {
    const consumer = {}
    let isTaking = false
    const settle = () => {
      if (isTaking) this.#doneCount++
      isTaking = false
    }
    const leave = () => {
      settle()
      if (this.#consumer === consumer) this.#consumer = null
    }
    return {
      next: async () => {
        this.#attach(consumer)
        settle()
        this.#tell()
        for (;;) {
          const result = this.#take()
          if (result !== undefined) {
            isTaking = true
            return { done: false, value: as(result) }
          }
          if (this.#end !== null) {
            leave()
            if (this.#end !== 'whole') throw this.#end.error
            return { done: true, value: undefined }
          }
          await this.#change.promise
        }
      },
      return: async () => {
        const isOthers = this.#consumer !== null && this.#consumer !== consumer
        leave()
        if (!isOthers) this.#drop()
        return { done: true, value: undefined }
      },
    }
  }

  /** @throws JobStateError `SINK_CONSUMED` */
  #attach(consumer: object): void {
    if (this.#consumer !== null && this.#consumer !== consumer) {
      throw new JobStateError(
        'SINK_CONSUMED',
        'The rows of this sink are read by somebody already; use readable().tee(), or a sink for each',
      )
    }
    this.#consumer = consumer
    this.#isLeft = false
  }

  #add(result: PaneRow<Row>): void {
    this.#cameCount++
    if (!this.#isLeft) {
      this.#waiting.push(result)
      return
    }
    this.#doneCount++
    this.droppedCount++
  }

  #take(): PaneRow<Row> | undefined {
    const result = this.#waiting[this.#at]
    if (result === undefined) return undefined
    this.#at++
    if (this.#at * 2 > this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#at)
      this.#at = 0
    }
    return result
  }

  /** The consumer has left: nobody wants what waits. */
  #drop(): void {
    const count = this.#waiting.length - this.#at
    this.#isLeft = true
    this.#waiting = []
    this.#at = 0
    this.#doneCount += count
    this.droppedCount += count
    this.#changed()
  }

  /** Lets the job look again when there is something for it: half of the room, or all that a checkpoint may wait for. */
  #tell(): void {
    const count = this.#waiting.length - this.#at
    if (count * 2 <= this.#rowsMax) this.#changed()
  }

  #hasRoom({ ending }: SinkContext): boolean {
    return this.#isLeft || ending.aborted || this.#waiting.length - this.#at < this.#rowsMax
  }

  #changed(): void {
    this.#change.resolve()
    this.#change = Promise.withResolvers<void>()
  }
}
