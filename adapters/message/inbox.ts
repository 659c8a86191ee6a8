/**
 * What stands between a transport that delivers when it pleases and a reader that takes when it can: a bounded buffer, and a journal if there is one.
 *
 * Before: a transport, which asks where to go on and delivers. After: message-reader.
 *
 * Without a journal, messages wait in a queue. With one they first wait to be appended, everything that has arrived at a time, one append under
 * way; only what is appended may be read. What the buffer cannot keep of that is read back from the journal when its turn comes, as after a
 * restart.
 *
 * Invariant: the reader gets messages in the order of their arrival, each once; with a journal, only those that a restart would find there.
 */

import type { Journal } from '../../runtime/checkpoint/journal.ts'
import type { Clock } from '../../runtime/clock.ts'
import { CheckpointError, ConnectorError } from '../../runtime/errors.ts'
import { decodeEntry, encodeEntry, type Message, type ResumeToken, sizeOf } from './message.ts'
import { type DroppedMessages, type FullPolicy, MessageQueue } from './message-queue.ts'

export interface InboxOptions {
  readonly source: string
  readonly clock: Clock
  readonly bytesMax: number
  readonly whenFull: FullPolicy
  readonly journal: Journal | null
  /** Most bytes that the journal may keep. */
  readonly journalBytesMax: number
  /** Number of the first message that the reader wants. */
  readonly next: number
  /** Where the server goes on for a reader that wants that one. */
  readonly token: ResumeToken | null
  /** The place behind a message that does not say it itself: looked up in its rows. Null: it has none. */
  readonly tokenOf: ((message: Message) => ResumeToken | null) | null
}

/** Retries of an append that the store could not take for the moment. */
const APPEND_ATTEMPTS = 6
const APPEND_RETRY_MS = 500
/** Entries of a journal that are looked through for a place to go on. */
const TOKEN_ENTRIES_MAX = 10_000
const REPLAY_ENTRIES_MAX = 256

export class Inbox {
  readonly #options: InboxOptions
  readonly #journal: Journal | null
  /** What has arrived and is not in the journal yet. */
  readonly #arrived = new MessageQueue()
  /** What may be read, without a gap from `#next` on. */
  readonly #ready = new MessageQueue()
  /** Number of the next message for the reader. */
  #next: number
  /** Number of the message behind the last of `#ready`. */
  #readyEnd: number
  #appending: Promise<void> | null = null
  /** What is being appended. */
  #underWay: readonly Message[] = []
  /** The message that the reader was given last. */
  #taken: Message | null = null
  #replaying: Promise<void> | null = null
  #token: ResumeToken | null
  #isEnded = false
  #failure: Error | null = null
  /** Nothing can be appended any more. */
  #isBroken = false
  #isClosed = false
  #wakeReader = () => {}
  readonly #writers: (() => void)[] = []

  constructor(options: InboxOptions) {
    this.#options = options
    this.#journal = options.journal
    this.#next = this.#readyEnd = options.next
    this.#token = options.token
  }

  // What a transport uses.

  /** The place behind everything that has arrived, for a connection that begins now; null: the server decides. */
  async resumeToken(): Promise<ResumeToken | null> {
    // Newest first. What is ready is not the newest when the journal has more than memory.
    const waiting = [...this.#arrived.newestFirst(), ...this.#underWay.toReversed()]
    const journal = this.#journal
    if (journal === null) waiting.push(...this.#ready.newestFirst(), ...(this.#taken === null ? [] : [this.#taken]))
    for (const message of waiting) {
      const token = this.#tokenOf(message)
      if (token !== null) return token
    }
    if (journal === null) return this.#token
    const least = Math.max(this.#options.next, journal.end - TOKEN_ENTRIES_MAX)
    // What is trimmed meanwhile was read, and is behind a checkpoint: then the place behind what was read is the one.
    for (let number = journal.end - 1; number >= Math.max(least, journal.begin); number--) {
      const [entry] = await journal.read(number, 1).catch((error: unknown) => {
        if (number < journal.begin) return []
        throw error
      })
      const token = entry === undefined ? null : this.#tokenOf(decodeEntry(entry))
      if (token !== null) return token
    }
    return this.#token
  }

  #tokenOf(message: Message): ResumeToken | null {
    return message.token ?? this.#options.tokenOf?.(message) ?? null
  }

  get hasJournal(): boolean {
    return this.#journal !== null
  }

  /** The messages at the end of the journal, oldest first; none without one. */
  async lastJournaled(countMax: number): Promise<readonly Message[]> {
    const journal = this.#journal
    if (journal === null) return []
    return (await journal.read(Math.max(journal.begin, journal.end - countMax), countMax)).map(decodeEntry)
  }

  deliver(message: Message): void {
    if (this.#isClosed || this.#isEnded || this.#failure !== null) return
    if (this.isFull && !this.#makeRoom(message)) return
    this.#incoming.push(message)
    if (this.#journal === null) {
      this.#readyEnd++
      this.#wakeReader()
    } else this.#append()
  }

  /** Whether what waits has reached the limit. A transport that can be held back waits for {@link room} then. */
  get isFull(): boolean {
    const { bytesMax, journalBytesMax } = this.#options
    if (this.#journal === null) return this.#ready.byteLength >= bytesMax
    return this.#arrived.byteLength >= bytesMax || (this.#journal.byteLength >= journalBytesMax && this.#arrived.length > 0)
  }

  /** Resolves when half of the buffer is free again, or when nobody reads any more. */
  async room(): Promise<void> {
    while (this.#isBusy && !this.#isClosed && this.#failure === null) await new Promise<void>((resolve) => this.#writers.push(resolve))
  }

  get #isBusy(): boolean {
    return this.#incoming.byteLength > this.#options.bytesMax / 2 || this.isFull
  }

  /** Nothing will follow. */
  end(): void {
    this.#isEnded = true
    this.#wakeReader()
  }

  /** The job fails with this once everything that had arrived before was read. */
  fail(error: Error): void {
    this.#failure ??= error
    this.#wakeReader()
    this.#wakeWriters()
  }

  // What the reader uses.

  /** The next message and its number, or null when none is at hand. */
  take(): { readonly message: Message; readonly number: number } | null {
    const message = this.#ready.shift()
    if (message === null) return null
    this.#taken = message
    const number = this.#next++
    if (!this.#isBusy) this.#wakeWriters()
    return { message, number }
  }

  /** The place behind what was read, for when nothing that waits knows a later one. */
  passed(token: ResumeToken): void {
    this.#token = token
  }

  /** Number of the message that {@link take} gives next. */
  get next(): number {
    return this.#next
  }

  get hasReady(): boolean {
    return this.#ready.length > 0
  }

  /** Fetches messages from the journal that are not at hand; null when there are none such, or others come first. */
  replay(): Promise<void> | null {
    if (this.#ready.length > 0 || !this.#hasBacklog) return null
    this.#replaying ??= this.#replay(this.#journal!).finally(() => {
      this.#replaying = null
    })
    return this.#replaying
  }

  async #replay(journal: Journal): Promise<void> {
    const average = journal.byteLength / Math.max(1, journal.end - journal.begin)
    const count = Math.max(1, Math.min(REPLAY_ENTRIES_MAX, Math.floor(this.#options.bytesMax / 4 / (average + 1))))
    for (const bytes of await journal.read(this.#next, count)) this.#ready.push(decodeEntry(bytes))
    this.#readyEnd = this.#next + this.#ready.length
  }

  /** Whether nothing is left and nothing will follow. @throws what {@link fail} was told, then. */
  isOver(): boolean {
    if (!this.#isThrough) return false
    if (this.#failure !== null) throw this.#failure
    return this.#isEnded
  }

  /** Whether everything that can still be read was read. */
  get #isThrough(): boolean {
    if (this.#ready.length > 0 || this.#hasBacklog) return false
    return this.#isBroken || (this.#arrived.length === 0 && this.#appending === null)
  }

  /** Whether the journal has what is not at hand. */
  get #hasBacklog(): boolean {
    return this.#journal !== null && this.#next + this.#ready.length < this.#journal.end
  }

  takeDropped(): DroppedMessages | null {
    return this.#incoming.takeDropped()
  }

  /** Where what arrives is put. */
  get #incoming(): MessageQueue {
    return this.#journal === null ? this.#ready : this.#arrived
  }

  /** Resolves when there may be something to read. */
  ready(): Promise<void> {
    const isOver = this.#isThrough && (this.#failure !== null || this.#isEnded)
    if (this.#ready.length > 0 || this.#hasBacklog || this.#incoming.hasDropped || isOver) return Promise.resolve()
    // One at a time: a promise that everybody who ever waited hangs on to would keep all of them in memory.
    this.#wakeReader()
    return new Promise<void>((resolve) => (this.#wakeReader = resolve))
  }

  /** The journal was trimmed: what could not be appended may fit now. */
  trimmed(): void {
    this.#append()
    if (!this.#isBusy) this.#wakeWriters()
  }

  /** Resolves when what has arrived is in the journal, as far as it takes it, and nothing is written any more. */
  async close(): Promise<void> {
    while (this.#appending !== null) await this.#appending
    this.#isClosed = true
    this.#wakeReader()
    this.#wakeWriters()
    await this.#replaying?.catch(() => {})
    await this.#journal?.close()
  }

  #makeRoom(message: Message): boolean {
    const { whenFull, bytesMax, source } = this.#options
    const queue = this.#incoming
    if (whenFull === 'block') return true
    if (whenFull === 'fail') {
      this.fail(
        new ConnectorError(
          'SOURCE_OVERFLOW',
          `Source ${source} delivers faster than the job reads: ${queue.length} messages of ${queue.byteLength} bytes wait, ` +
            `bufferMax is ${bytesMax}; raise it, or choose another whenFull`,
          { retryable: true, details: { messages: queue.length, bytes: queue.byteLength } },
        ),
      )
      return false
    }
    const isRoom = queue.makeRoom(message, bytesMax, whenFull)
    // Without a journal, numbers only count what is read: those of dropped messages are given again.
    if (this.#journal === null) this.#readyEnd = this.#next + queue.length
    this.#wakeReader()
    return isRoom
  }

  /** Appends what has arrived, unless an append is under way: its end begins the next one. */
  #append(): void {
    const journal = this.#journal!
    if (this.#appending !== null || this.#arrived.length === 0 || this.#isClosed || this.#isBroken) return
    if (journal.byteLength >= this.#options.journalBytesMax) return
    this.#appending = this.#appendAll(journal).then(
      () => {
        this.#appending = null
        this.#wakeReader()
        if (!this.#isBusy) this.#wakeWriters()
        this.#append()
      },
      (error: unknown) => {
        this.#appending = null
        this.#isBroken = true
        this.fail(error as Error)
      },
    )
  }

  async #appendAll(journal: Journal): Promise<void> {
    const messages = this.#arrived.takeAll().map(storable)
    this.#underWay = messages
    const entries = messages.map(encodeEntry)
    const first = await this.#appendWithRetries(journal, entries)
    this.#underWay = []
    for (const [index, message] of messages.entries()) {
      const number = first + index
      const follows = number === this.#readyEnd && this.#replaying === null
      if (follows && this.#ready.byteLength + sizeOf(message) <= this.#options.bytesMax) {
        // Rows are read as a restart would read them.
        this.#ready.push(isRows(message) ? decodeEntry(entries[index]!) : message)
        this.#readyEnd = number + 1
      }
      message.settled?.()
    }
  }

  async #appendWithRetries(journal: Journal, entries: readonly Uint8Array[]): Promise<number> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await journal.append(entries)
      } catch (error) {
        const isWorthIt = error instanceof CheckpointError && error.retryable && attempt < APPEND_ATTEMPTS && !this.#isClosed
        if (!isWorthIt) throw error
        await this.#options.clock.sleep(APPEND_RETRY_MS * attempt)
      }
    }
  }

  #wakeWriters(): void {
    for (const wake of this.#writers.splice(0)) wake()
  }
}

function isRows({ content }: Message): boolean {
  return typeof content !== 'string' && !(content instanceof Uint8Array)
}

/** A message that can be written down: rows that JSON cannot hold are left for the decoder to refuse. */
function storable(message: Message): Message {
  if (!isRows(message)) return message
  try {
    encodeEntry(message)
    return message
  } catch (error) {
    return { ...message, content: [`Rows that cannot be kept in a journal: ${String(error)}`] }
  }
}
