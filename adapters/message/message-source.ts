/**
 * The base of sources whose records come as messages: options that all of them have, and their one split.
 *
 * Before: web/ and mqtt/, each with its transport. After: message-reader.
 *
 * Invariant: a source says that it is replayable only if a reader that is opened at a position gets everything behind it.
 */

import type { Journal } from '../../runtime/checkpoint/journal.ts'
import { ConfigError, ConnectorError } from '../../runtime/errors.ts'
import type { Source, SourceContext, SourceSplit, SplitPosition, SplitReader } from '../../runtime/source/source.ts'
import { Inbox } from './inbox.ts'
import type { ResumeToken } from './message.ts'
import { type DecodeOptions, MessageDecoder } from './message-decoder.ts'
import { type Feed, MessageReader } from './message-reader.ts'
import type { FullPolicy } from './message-queue.ts'
import { TokenColumn } from './token-column.ts'

/** Settings that all message sources have. */
export interface MessageOptions extends DecodeOptions {
  /**
   * Writes every message to a journal in the checkpoint store before it is processed, so that the source is replayable: after a crash, what
   * lies behind the checkpoint is read from there. `bytesMax`: most bytes it may keep, default 1 GiB; when it is full it takes nothing more until
   * checkpoints have trimmed it. Default: no journal.
   */
  readonly journal?: boolean | { readonly bytesMax?: number }
  /** Most bytes of messages that wait in memory, about; default 16 MiB. */
  readonly bufferMax?: number
  /**
   * What happens when more messages wait than `bufferMax` allows. `block`: the sender is held back, where that is possible. `dropOldest`,
   * `dropNewest`: messages are dropped. `sample`: every second one of those that wait is dropped. `fail`: the job fails with `SOURCE_OVERFLOW`.
   * What is dropped is reported as dead letters `MESSAGES_DROPPED`. Default: `block` where it is possible, else `dropOldest`.
   */
  readonly whenFull?: FullPolicy
}

/** What a transport adds to the base. */
export interface MessageTransport {
  readonly kind: string
  /** Whether the sender can be held back, so that `whenFull: 'block'` is possible. */
  readonly canBlock: boolean
  /** Whether messages behind a position come again without a journal: by a token, or because the sender keeps what was not acknowledged. */
  readonly redelivers: boolean
  /** Whether messages say where to go on: with their own tokens, or with one in a column of their rows. */
  readonly hasTokens: boolean
  readonly tokenColumn?: string | null
  readonly topicColumn?: string | null
  /** Begins to deliver. */
  connect(inbox: Inbox, context: SourceContext): Feed
}

const BUFFER_BYTES = 16 << 20
const JOURNAL_BYTES = 1 << 30
const JOURNAL_NAME = 'messages'
const POLICIES: readonly FullPolicy[] = ['block', 'dropOldest', 'dropNewest', 'sample', 'fail']

/** A source on a transport. @throws ConfigError `SOURCE_OPTION_INVALID` */
export function messageSource(transport: MessageTransport, options: MessageOptions): Source {
  checkOptions(transport, options)
  const hasJournal = options.journal !== undefined && options.journal !== false
  return {
    kind: transport.kind,
    isReplayable: hasJournal || transport.redelivers,
    isBounded: false,
    splits: (context) => Promise.resolve([new MessageSplit(transport, options, context, hasJournal)]),
  }
}

class MessageSplit implements SourceSplit {
  readonly splitId = 'messages'
  readonly #transport: MessageTransport
  readonly #options: MessageOptions
  readonly #context: SourceContext
  readonly #hasJournal: boolean

  constructor(transport: MessageTransport, options: MessageOptions, context: SourceContext, hasJournal: boolean) {
    this.#transport = transport
    this.#options = options
    this.#context = context
    this.#hasJournal = hasJournal
  }

  async open(position: SplitPosition | null): Promise<SplitReader> {
    const { schema, clock, name, hasCheckpoints } = this.#context
    const { hasTokens, tokenColumn: column, topicColumn, canBlock } = this.#transport
    const { journal: journalOption, bufferMax, whenFull } = this.#options
    const newDecoder = () => new MessageDecoder(schema, this.#options, topicColumn ?? null)
    const decoder = newDecoder()
    const tokenColumn = typeof column === 'string' ? new TokenColumn(schema, column) : null
    const resume = resumePoint(name, position, this.#hasJournal)
    const journal = this.#hasJournal ? await this.#openJournal(resume.number) : null
    const inbox = new Inbox({
      source: name,
      clock,
      bytesMax: bufferMax ?? BUFFER_BYTES,
      whenFull: whenFull ?? (canBlock ? 'block' : 'dropOldest'),
      journal,
      journalBytesMax: (typeof journalOption === 'object' ? journalOption.bytesMax : undefined) ?? JOURNAL_BYTES,
      next: journal === null || position !== null ? resume.number : journal.begin,
      token: resume.token,
      tokenOf: tokenColumn === null ? null : (message) => tokenColumn.of(message, newDecoder()),
    })
    return new MessageReader({
      inbox,
      decoder,
      feed: this.#transport.connect(inbox, this.#context),
      journal,
      tokenColumn,
      hasTokens,
      hasCheckpoints,
      token: resume.token,
      skip: journal !== null || hasTokens ? resume.row : 0,
    })
  }

  async #openJournal(entry: number): Promise<Journal> {
    const { name, openJournal } = this.#context
    if (openJournal === null) {
      throw new ConfigError(
        'JOURNAL_UNAVAILABLE',
        `Source ${name} should keep a journal, and there is no place for it; start the job with checkpoints in a store that has journals, or leave out the option journal`,
      )
    }
    const journal = await openJournal(JOURNAL_NAME)
    if (entry <= journal.end && (entry >= journal.begin || entry === 0)) return journal
    await journal.close()
    throw new ConnectorError(
      'SOURCE_REWIND',
      `Cannot go on at entry ${entry} of the journal of source ${name}: it has entries ${journal.begin} to ${journal.end - 1}; restore the store from a copy, or start without the checkpoint`,
      { details: { entry, begin: journal.begin, end: journal.end } },
    )
  }
}

interface ResumePoint {
  readonly number: number
  readonly row: number
  readonly token: ResumeToken | null
}

function resumePoint(source: string, position: SplitPosition | null, hasJournal: boolean): ResumePoint {
  if (position === null) return { number: 0, row: 0, token: null }
  const { row, token } = position
  const number = position[hasJournal ? 'entry' : 'message']
  const isToken = token === undefined || token === null || typeof token === 'string' || typeof token === 'number'
  if (isCount(number) && isCount(row) && isToken) return { number, row, token: token ?? null }
  throw new ConnectorError(
    'SOURCE_REWIND',
    `Cannot go on with source ${source}: ${JSON.stringify(position)} is no position of a message source ${hasJournal ? 'with' : 'without'} a journal; bind the source the job had`,
  )
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

function checkOptions({ kind, canBlock }: MessageTransport, { bufferMax, whenFull, journal, decode, header }: MessageOptions): void {
  const refuse = (option: string, found: unknown, wanted: string) => {
    throw new ConfigError('SOURCE_OPTION_INVALID', `Cannot use ${option}: ${String(found)} for ${kind}; it must be ${wanted}`)
  }
  if (bufferMax !== undefined && !(Number.isInteger(bufferMax) && bufferMax > 0))
    refuse('bufferMax', bufferMax, 'a positive integer of bytes')
  if (whenFull !== undefined && !POLICIES.includes(whenFull)) refuse('whenFull', whenFull, `one of ${POLICIES.join(', ')}`)
  if (whenFull === 'block' && !canBlock) refuse('whenFull', 'block', 'a policy that drops, or fail: this sender cannot be held back')
  const bytesMax = typeof journal === 'object' ? journal.bytesMax : undefined
  if (bytesMax !== undefined && !(Number.isInteger(bytesMax) && bytesMax > 0))
    refuse('journal.bytesMax', bytesMax, 'a positive integer of bytes')
  if (decode !== undefined && typeof decode !== 'function' && !['json', 'ndjson', 'csv'].includes(decode))
    refuse('decode', decode, "'json', 'ndjson', 'csv' or a function")
  if (header !== undefined && decode !== 'csv') refuse('header', JSON.stringify(header), "left out unless decode is 'csv'")
}
