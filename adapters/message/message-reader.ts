/**
 * Reads the one split of a message source: messages of the inbox, decoded into the builder.
 *
 * Before: inbox. After: the intake, which calls `read`, and tells of completed checkpoints.
 *
 * A position says which message comes next and how many rows of it were taken, because a message can hold many: with a journal by the number of
 * its entry, else by the token behind the message before it, where messages have such.
 *
 * Invariant: what lies between two positions is the rows and dead letters that were added between them.
 */

import { type BatchBuilder, preview } from '../../runtime/batch-builder.ts'
import type { Journal } from '../../runtime/checkpoint/journal.ts'
import { JobStateError } from '../../runtime/errors.ts'
import type { ReadResult, SplitPosition, SplitReader } from '../../runtime/source/source.ts'
import type { Inbox } from './inbox.ts'
import type { Message, ResumeToken } from './message.ts'
import type { MessageDecoder } from './message-decoder.ts'
import type { DroppedMessages } from './message-queue.ts'
import type { TokenColumn } from './token-column.ts'

/** Connects a source to what sends its messages; begins when it is made. */
export interface Feed {
  /** Stops delivering and frees the transport. */
  close(): Promise<void>
}

export interface MessageReaderOptions {
  readonly inbox: Inbox
  readonly decoder: MessageDecoder
  readonly feed: Feed
  readonly journal: Journal | null
  /** Rows that say where the server goes on behind them. */
  readonly tokenColumn: TokenColumn | null
  /** Whether messages have tokens: else, without a journal, a row within a message is no place to go on at. */
  readonly hasTokens: boolean
  readonly hasCheckpoints: boolean
  readonly token: ResumeToken | null
  /** Rows of the first message that were taken before. */
  readonly skip: number
}

/** Generations of checkpoints whose entries stay in the journal. */
const GENERATIONS_KEPT = 3
const PREVIEW_BYTES = 480
const decoder = new TextDecoder()

export class MessageReader implements SplitReader {
  readonly #options: MessageReaderOptions
  /** The message that is being decoded. */
  #current: { readonly message: Message; readonly number: number } | null = null
  #token: ResumeToken | null
  /** Whether a message without a token was taken since the last one with. */
  #isPastToken = false
  /** Rows of the next message that were taken before a restart. */
  #skip: number
  /** Messages taken that wait for a checkpoint, oldest first. */
  readonly #unsettled: { readonly number: number; readonly settled: () => void }[] = []
  /** Positions of the newest checkpoints, oldest first. */
  readonly #checkpoints: number[] = []
  #trimming: Promise<void> = Promise.resolve()

  constructor(options: MessageReaderOptions) {
    this.#options = options
    this.#token = options.token
    this.#skip = options.skip
  }

  read(builder: BatchBuilder, rowsMax: number): ReadResult | Promise<ReadResult> {
    const { inbox } = this.#options
    const room = Math.min(rowsMax, builder.capacity - builder.rowCount)
    const left = this.#takeRows(builder, room)
    const dropped = inbox.takeDropped()
    if (dropped !== null) this.#reportDropped(dropped, builder)
    if (left <= 0) return 'more'
    const replay = inbox.replay()
    if (replay !== null)
      return builder.rowCount > 0 || builder.deadLetters.length > 0 ? 'more' : replay.then(() => this.read(builder, rowsMax))
    return inbox.isOver() ? 'end' : 'idle'
  }

  /** Decodes what is at hand. @returns how many rows could still be taken. */
  #takeRows(builder: BatchBuilder, room: number): number {
    const { inbox, decoder, journal, tokenColumn } = this.#options
    let left = room
    while (left > 0) {
      if (this.#current === null) {
        this.#current = inbox.take()
        if (this.#current === null) break
        const { message, number } = this.#current
        decoder.begin(message, `${journal === null ? 'message' : 'entry'} ${number}`, this.#skip, journal !== null)
        this.#skip = 0
      }
      const rowCount = builder.rowCount
      const letterCount = builder.deadLetters.length
      const isDone = decoder.take(builder, left)
      left -= builder.rowCount - rowCount + builder.deadLetters.length - letterCount
      if (tokenColumn !== null) this.#passed(tokenColumn.last(builder, rowCount))
      if (isDone) this.#finish(this.#current)
    }
    return left
  }

  #finish({ message, number }: { readonly message: Message; readonly number: number }): void {
    this.#current = null
    const { journal, tokenColumn, hasCheckpoints } = this.#options
    if (tokenColumn === null) this.#passed(message.token)
    // With a journal the message was settled when it was appended.
    if (message.settled === undefined || journal !== null) return
    if (hasCheckpoints) this.#unsettled.push({ number, settled: message.settled })
    else message.settled()
  }

  #passed(token: ResumeToken | null): void {
    this.#isPastToken = token === null
    if (token === null) return
    this.#token = token
    this.#options.inbox.passed(token)
  }

  #reportDropped({ count, bytes, first }: DroppedMessages, builder: BatchBuilder): void {
    const reason = `${count} messages of about ${bytes} bytes were dropped, because the buffer was full (bufferMax); the first of them is shown`
    const { content } = first
    const text =
      typeof content === 'string'
        ? content
        : content instanceof Uint8Array
          ? decoder.decode(content.subarray(0, PREVIEW_BYTES))
          : `${content.length} rows`
    builder.deadLetter('MESSAGES_DROPPED', reason, `before message ${this.#options.inbox.next}`, preview(text))
  }

  position(): SplitPosition {
    const { journal, hasTokens, tokenColumn, inbox, decoder } = this.#options
    const number = this.#current?.number ?? inbox.next
    const row = this.#current === null ? this.#skip : decoder.row
    const token: SplitPosition = hasTokens ? { token: this.#token } : {}
    if (journal !== null) return { entry: number, row, ...token }
    // Only behind a token of its own is it known which message comes first: a broker begins with whichever was not acknowledged.
    const isWithin = hasTokens && tokenColumn === null && !this.#isPastToken
    return { message: number, row: isWithin ? row : 0, ...token }
  }

  progress(): null {
    return null
  }

  checkpointed(position: SplitPosition): void {
    const { journal, inbox } = this.#options
    const number = Number(position['entry'] ?? position['message'])
    while (this.#unsettled.length > 0 && this.#unsettled[0]!.number < number) this.#unsettled.shift()!.settled()
    if (journal === null) return
    this.#checkpoints.push(number)
    if (this.#checkpoints.length > GENERATIONS_KEPT) this.#checkpoints.shift()
    const oldest = this.#checkpoints[0]!
    if (this.#checkpoints.length < GENERATIONS_KEPT || oldest <= journal.begin) return
    this.#trimming = this.#trimming
      .then(() => journal.trim(oldest))
      .then(
        () => inbox.trimmed(),
        (error: unknown) => {
          // The next checkpoint tries again; only who has lost the store must stop.
          if (error instanceof JobStateError && error.code === 'JOB_FENCED') inbox.fail(error)
        },
      )
  }

  ready(): Promise<void> {
    return this.#options.inbox.ready()
  }

  async close(): Promise<void> {
    await this.#options.feed.close()
    await this.#trimming
    await this.#options.inbox.close()
  }
}
