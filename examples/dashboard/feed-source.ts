/**
 * A source that reads a feed from any number on: the feed is a log, so nothing needs to be kept on this side to be able to go back.
 *
 * Before: a channel, which is a WebSocket or a MessagePort to a feed. After: the job; its checkpoints keep the number to go on from.
 * When the channel breaks a new one is opened, which begins with the first reading that has not come yet.
 *
 * Invariant: lines are read in the order of the feed, each once; `position` is the number of the line that comes next.
 */

import type { BatchBuilder, Clock, ReadResult, Source, SplitPosition, SplitReader } from 'millrace'

export interface ChannelEvents {
  /** Whole lines of JSON. */
  message(text: string): void
  lost(): void
}

/** Opens a channel that sends the lines from number `from` on. */
export type OpenChannel = (from: number, events: ChannelEvents) => { close(): void }

const RETRY_MS = 400

export function feedSource(open: OpenChannel): Source {
  return {
    kind: 'feed',
    isReplayable: true,
    isBounded: false,
    splits: async ({ clock }) => [{ splitId: 'feed', open: async (position) => new FeedReader(open, clock, position) }],
  }
}

class FeedReader implements SplitReader {
  readonly #open: OpenChannel
  readonly #clock: Clock
  #channel: { close(): void } | null = null
  /** Lines that have come and were not read yet. */
  #lines: string[] = []
  #line = 0
  readonly #messages: string[] = []
  /** Number of the line that is read next, and of the one that comes next. */
  #next: number
  #arriving: number
  #wake: (() => void) | null = null
  #isClosed = false

  constructor(open: OpenChannel, clock: Clock, position: SplitPosition | null) {
    this.#open = open
    this.#clock = clock
    this.#next = position === null ? 0 : Number(position['number'])
    this.#arriving = this.#next
    this.#connect()
  }

  read(builder: BatchBuilder, rowsMax: number): ReadResult {
    for (let rows = 0; rows < rowsMax; rows++) {
      if (this.#line === this.#lines.length) {
        const message = this.#messages.shift()
        if (message === undefined) return 'idle'
        this.#lines = linesOf(message)
        this.#line = 0
      }
      this.#append(builder, this.#lines[this.#line++]!)
    }
    return 'more'
  }

  position(): SplitPosition {
    return { number: this.#next }
  }

  progress(): null {
    return null
  }

  ready(): Promise<void> {
    if (this.#messages.length > 0 || this.#line < this.#lines.length) return Promise.resolve()
    return new Promise((resolve) => (this.#wake = resolve))
  }

  close(): Promise<void> {
    this.#isClosed = true
    this.#channel?.close()
    return Promise.resolve()
  }

  #append(builder: BatchBuilder, line: string): void {
    const position = String(this.#next++)
    let row: object
    try {
      row = JSON.parse(line) as object
    } catch (error) {
      builder.deadLetter('LINE_SYNTAX', `The line is no JSON: ${String(error)}`, position, line)
      return
    }
    builder.appendRow(row, position)
  }

  #connect(): void {
    if (this.#isClosed) return
    this.#channel = this.#open(this.#arriving, {
      message: (text) => {
        this.#messages.push(text)
        this.#arriving += linesOf(text).length
        this.#wake?.()
        this.#wake = null
      },
      lost: () => {
        this.#channel = null
        void this.#clock.sleep(RETRY_MS).then(() => this.#connect())
      },
    })
  }
}

function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line !== '')
}
