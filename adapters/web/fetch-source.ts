/**
 * Records from a response of HTTP: lines of NDJSON or CSV, read as they come.
 *
 * Before: `fetch`. After: format/line-reader with the decoder of the format, as for a file.
 * When the transfer breaks off it is asked for again from the byte it got to, by a Range request or, where the server does not know those, by
 * passing over what was read. Both only while the ETag, or else the time of the last modification, says that it is the same content. The platform
 * decompresses; offsets count what comes out.
 *
 * Invariant: the lines are those of one version of the content, each once, or the source fails.
 */

import type { Clock } from '../../runtime/clock.ts'
import { ConfigError, ConnectorError, MillraceError } from '../../runtime/errors.ts'
import type { Schema } from '../../runtime/schema.ts'
import type { Source, SourceContext, SourceSplit, SplitPosition, SplitReader } from '../../runtime/source/source.ts'
import type { ByteInput } from '../format/byte-input.ts'
import { CsvDecoder } from '../format/csv-decoder.ts'
import { matchHeader, readHeader } from '../format/csv-header.ts'
import { LineBuffer, type LineDecoder } from '../format/line-buffer.ts'
import { LineReader, skipByteOrderMark } from '../format/line-reader.ts'
import { NdjsonDecoder } from '../format/ndjson-decoder.ts'
import { type BackoffOptions, Backoff } from '../message/backoff.ts'
import { addressOf, refusalOf } from './http-response.ts'

export interface FetchSourceOptions {
  /** `ndjson`: an object on each line. `csv`: lines of fields. Default: by the suffix of the address, or the response's content type. */
  readonly format?: 'ndjson' | 'csv'
  /** CSV: names of the columns of a content without a header line. Default: the first line names them. */
  readonly header?: readonly string[]
  /** CSV: one ASCII character between fields. Default: a comma. */
  readonly delimiter?: string
  /** Longest line in bytes; a longer one becomes a dead letter `LINE_TOO_LONG`. Default: 8 MiB. */
  readonly maxLineBytes?: number
  /** Waits before it asks again; `attemptsMax`, here, is 8 by default. */
  readonly backoff?: BackoffOptions
  /** Options of every request: headers, credentials, mode. */
  readonly request?: Omit<RequestInit, 'signal' | 'body' | 'method'>
  /** Whether the response goes on for ever: then the source is live, and cannot be rewound. Default: false. */
  readonly live?: boolean
  /** Used instead of the platform's `fetch`. */
  readonly fetch?: (request: Request) => Promise<Response>
}

const LINE_BYTES_MAX = 8 << 20
const CHUNK_BYTES = 1 << 16
const ATTEMPTS_MAX = 8

/**
 * Records from a response of HTTP, NDJSON or CSV.
 *
 * Bounded and replayable: a transfer that breaks off, and a job that starts again, go on where they were, if the server still has the same
 * content (`ETag` or `Last-Modified` say so); else the source fails with `SOURCE_REWIND`. With `live` it is a stream without end, of which only
 * what comes is read. Lines that cannot be rows become dead letters, as in files.
 *
 * @param request - An address or a request; of a request with a body every attempt sends the body again.
 * @throws ConfigError `SOURCE_OPTION_INVALID`. The job fails with ConnectorError `SOURCE_MISSING`, `SOURCE_UNREADABLE`, `SOURCE_REFUSED`,
 * `SOURCE_UNREACHABLE`, `SOURCE_REWIND`.
 * @example
 * const sources = { readings: fetchSource('/readings.ndjson') }
 */
export function fetchSource(request: string | URL | Request, options: FetchSourceOptions = {}): Source {
  const { format, delimiter, maxLineBytes } = options
  const backoff = new Backoff({ attemptsMax: ATTEMPTS_MAX, ...options.backoff })
  const refuse = (option: string, found: unknown, wanted: string) => {
    throw new ConfigError('SOURCE_OPTION_INVALID', `Cannot use ${option}: ${String(found)} for fetchSource; it must be ${wanted}`)
  }
  if (format !== undefined && format !== 'ndjson' && format !== 'csv') refuse('format', format, "'ndjson' or 'csv'")
  if (delimiter !== undefined && !/^[\t !#$%&'()*,/:;<=>?@[\\\]^_`{|}~]$/.test(delimiter))
    refuse('delimiter', JSON.stringify(delimiter), 'one ASCII character')
  if (maxLineBytes !== undefined && !(Number.isInteger(maxLineBytes) && maxLineBytes > 0))
    refuse('maxLineBytes', maxLineBytes, 'a positive integer')
  const isLive = options.live ?? false
  return {
    kind: 'fetch',
    isReplayable: !isLive,
    isBounded: !isLive,
    splits: (context) => Promise.resolve([new FetchSplit(request, options, context, backoff)]),
  }
}

/** What says that two responses are of the same content. */
type Validator = string | null

class FetchSplit implements SourceSplit {
  readonly splitId = 'response'
  readonly #request: string | URL | Request
  readonly #options: FetchSourceOptions
  readonly #context: SourceContext
  readonly #backoff: Backoff

  constructor(request: string | URL | Request, options: FetchSourceOptions, context: SourceContext, backoff: Backoff) {
    this.#request = request
    this.#options = options
    this.#context = context
    this.#backoff = backoff
  }

  async open(position: SplitPosition | null): Promise<SplitReader> {
    const { live: isLive = false, header, maxLineBytes: lineBytesMax = LINE_BYTES_MAX } = this.#options
    const resume = isLive ? null : resumePoint(this.#request, position)
    const format = this.#options.format ?? formatOf(this.#request)
    const needsHeader = format !== 'ndjson' && header === undefined
    // The header stands at the beginning, wherever it goes on.
    let input = this.#open(needsHeader || resume === null ? 0 : resume.offset, resume?.validator ?? null)
    try {
      let buffer = new LineBuffer(
        CHUNK_BYTES + 1,
        needsHeader || resume === null ? 0 : resume.offset,
        needsHeader || resume === null ? 0 : resume.line,
      )
      if (buffer.base === 0) await skipByteOrderMark(input, buffer)
      const decoder = await this.#decoder(format ?? formatOfType(input), input, buffer, lineBytesMax)
      if (resume !== null && resume.offset > buffer.offset) {
        const { validator } = input
        await input.close()
        input = this.#open(resume.offset, validator)
        buffer = new LineBuffer(CHUNK_BYTES + 1, resume.offset, resume.line)
      }
      return new FetchReader(new LineReader(input, buffer, decoder, lineBytesMax, isLive), input)
    } catch (error) {
      await input.close()
      throw error
    }
  }

  #open(offset: number, validator: Validator): ResponseInput {
    const { live: isLive = false, fetch = globalThis.fetch, request } = this.#options
    return new ResponseInput({
      request: () => new Request(this.#request instanceof Request ? this.#request.clone() : this.#request, request),
      fetch: (sent) => fetch(sent),
      clock: this.#context.clock,
      backoff: this.#backoff,
      offset,
      validator,
      isLive,
    })
  }

  async #decoder(format: 'ndjson' | 'csv', input: ByteInput, buffer: LineBuffer, lineBytesMax: number): Promise<LineDecoder> {
    const schema: Schema = this.#context.schema
    if (format === 'ndjson') return new NdjsonDecoder(schema, lineBytesMax)
    const delimiter = (this.#options.delimiter ?? ',').charCodeAt(0)
    const address = addressOf(this.#request)
    const names = this.#options.header ?? (await readHeader(input, buffer, address, { delimiter, lineBytesMax }))
    const targets = names === null ? [] : matchHeader(names, schema, address)
    return new CsvDecoder(
      schema.columns.map(({ type }) => type),
      targets,
      delimiter,
      lineBytesMax,
    )
  }
}

/** A reader of lines whose position says of which content. */
class FetchReader implements SplitReader {
  readonly read: SplitReader['read']
  readonly progress: SplitReader['progress']
  readonly ready: () => Promise<void>
  readonly close: SplitReader['close']
  readonly position: SplitReader['position']

  constructor(reader: LineReader, input: ResponseInput) {
    this.read = (builder, rowsMax) => reader.read(builder, rowsMax)
    this.progress = () => reader.progress()
    this.ready = () => reader.ready()
    this.close = () => reader.close()
    this.position = () => ({ ...reader.position(), size: input.size, validator: input.validator })
  }
}

interface ResponseInputOptions {
  readonly request: () => Request
  readonly fetch: (request: Request) => Promise<Response>
  readonly clock: Clock
  readonly backoff: Backoff
  readonly offset: number
  /** Of the content that the bytes before the offset were read from; null: whatever comes. */
  readonly validator: Validator
  readonly isLive: boolean
}

class ResponseInput implements ByteInput {
  /** Offsets are those of what comes out: nothing is known of the size before. */
  isCompressed = false
  size: number | null = null
  validator: Validator
  contentType = ''
  readonly #options: ResponseInputOptions
  readonly #closing = new AbortController()
  #body: ReadableStreamDefaultReader<Uint8Array> | null = null
  #at: number
  /** Bytes of the response that were read before. */
  #skip = 0
  #failures = 0
  #isEnded = false

  constructor(options: ResponseInputOptions) {
    this.#options = options
    this.validator = options.validator
    this.#at = options.offset
  }

  async next(): Promise<Uint8Array | null> {
    for (;;) {
      if (this.#isEnded || this.#closing.signal.aborted) return null
      try {
        this.#body ??= await this.#request()
        if (this.#body === null) continue
        const { done, value } = await this.#body.read()
        if (done) {
          if (this.#skip > 0) throw this.#changed('it is shorter now')
          this.#isEnded = true
          return null
        }
        const skipped = Math.min(this.#skip, value.length)
        this.#skip -= skipped
        if (skipped === value.length) continue
        this.#failures = 0
        this.#at += value.length - skipped
        return value.subarray(skipped)
      } catch (error) {
        if (error instanceof MillraceError) throw error
        if (this.#closing.signal.aborted) return null
        this.#body = null
        if (this.#options.isLive && this.#at > 0) throw this.#unreachable(error)
        await this.#wait(error instanceof Error ? `${error.name}: ${error.message}` : String(error), 0, error)
      }
    }
  }

  /** Asks for what is behind `#at`. @returns null when it has to be asked for again. */
  async #request(): Promise<ReadableStreamDefaultReader<Uint8Array> | null> {
    const { clock, fetch } = this.#options
    const plain = this.#options.request()
    const request = new Request(plain, { signal: this.#closing.signal })
    if (this.#at > 0) request.headers.set('range', `bytes=${this.#at}-`)
    const response = await fetch(request)
    if (this.#at > 0 && response.status === 416) return this.#atEnd(response)
    if (!response.ok) {
      await response.body?.cancel().catch(() => {})
      const refusal = refusalOf(response, addressOf(plain), clock.now())
      if (refusal.kind === 'never') throw refusal.error
      await this.#wait(refusal.reason, refusal.waitMs)
      return null
    }
    this.#take(response)
    return response.body?.getReader() ?? new ReadableStream<Uint8Array>({ start: (controller) => controller.close() }).getReader()
  }

  /** Looks whether a response goes on where this one is. */
  #take(response: Response): void {
    const validator = validatorOf(response)
    if (this.#at > 0) {
      if (this.validator === null || validator === null)
        throw this.#changed('the server says by neither ETag nor Last-Modified whether it is still the same')
      if (validator !== this.validator) throw this.#changed('the server has another version of it now')
    }
    if (response.status === 206) {
      const range = /^bytes (\d+)-\d*\/(\d+|\*)$/.exec(response.headers.get('content-range') ?? '')
      if (range === null || Number(range[1]) !== this.#at) throw this.#changed(`the server sent ${response.headers.get('content-range')}`)
      if (range[2] !== '*') this.size = Number(range[2])
    } else {
      this.#skip = this.#at
      const isEncoded = (response.headers.get('content-encoding') ?? 'identity') !== 'identity'
      const length = response.headers.get('content-length')
      this.size = isEncoded || length === null ? null : Number(length)
    }
    this.validator = validator
    this.contentType = response.headers.get('content-type') ?? ''
  }

  /** The server says that there is nothing at the offset: right if the content ends there. */
  async #atEnd(response: Response): Promise<null> {
    await response.body?.cancel().catch(() => {})
    const total = /^bytes \*\/(\d+)$/.exec(response.headers.get('content-range') ?? '')?.[1]
    const validator = validatorOf(response)
    if (total === undefined || Number(total) !== this.#at) throw this.#changed('it is shorter now')
    if (validator !== null && validator !== this.validator) throw this.#changed('the server has another version of it now')
    this.#isEnded = true
    return null
  }

  async #wait(reason: string, leastMs: number, cause?: unknown): Promise<void> {
    const { backoff, clock } = this.#options
    this.#failures++
    if (this.#failures >= backoff.attemptsMax) throw this.#unreachable(cause ?? new Error(reason))
    await clock.sleep(Math.max(leastMs, backoff.delayMs(this.#failures, clock)), this.#closing.signal)
  }

  #unreachable(cause: unknown): ConnectorError {
    const address = addressOf(this.#options.request())
    const reason = cause instanceof Error ? cause.message : String(cause)
    const message = `Cannot read ${address} beyond byte ${this.#at}, after ${Math.max(1, this.#failures)} attempts: ${reason}`
    return new ConnectorError('SOURCE_UNREACHABLE', message, { retryable: true, details: { address, offset: this.#at }, cause })
  }

  #changed(why: string): ConnectorError {
    const address = addressOf(this.#options.request())
    const message = `Cannot go on with ${address} at byte ${this.#at}: ${why}; start without the checkpoint, or serve the content as it was`
    return new ConnectorError('SOURCE_REWIND', message, { details: { address, offset: this.#at } })
  }

  progress(): { readonly done: number; readonly total: number } | null {
    return this.size === null ? null : { done: this.#at, total: Math.max(this.size, this.#at) }
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.#body?.cancel().catch(() => {})
  }
}

/**
 * The response's ETag without what only tells encodings apart, or its time of modification: a Range request is answered without compression, so
 * its ETag may differ in that.
 */
function validatorOf({ headers }: Response): Validator {
  const etag = headers.get('etag')
  if (etag !== null) return etag.replace(/^W\//, '').replace(/(-|;|--)(gzip|br|zstd|deflate)"$/, '"')
  return headers.get('last-modified')
}

function resumePoint(
  request: string | URL | Request,
  position: SplitPosition | null,
): { readonly offset: number; readonly line: number; readonly validator: Validator } | null {
  if (position === null) return null
  const { offset, line, validator } = position
  const isWhole = typeof offset === 'number' && Number.isSafeInteger(offset) && offset >= 0 && typeof line === 'number' && line >= 0
  if (isWhole && (validator === null || typeof validator === 'string')) return { offset, line, validator }
  throw new ConnectorError(
    'SOURCE_REWIND',
    `Cannot go on with ${addressOf(request)}: ${JSON.stringify(position)} is no position of a response; bind the source the job had`,
  )
}

function formatOf(request: string | URL | Request): 'ndjson' | 'csv' | null {
  const address = addressOf(request)
  if (/\.(ndjson|jsonl)(\.gz)?$/i.test(address)) return 'ndjson'
  return /\.(csv|tsv)(\.gz)?$/i.test(address) ? 'csv' : null
}

function formatOfType({ contentType }: ResponseInput): 'ndjson' | 'csv' {
  return /\bcsv\b/i.test(contentType) ? 'csv' : 'ndjson'
}
