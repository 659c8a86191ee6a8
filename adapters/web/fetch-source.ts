/**
 * Records from a response of HTTP: lines of NDJSON or CSV, read as they come.
 *
 * Before: `fetch`. After: format/line-reader with the decoder of the format, as for a file.
 *
 * Invariant: the lines are those of one version of the content, each once, or the source fails.
 */

import type { BatchBuilder } from '../../runtime/batch-builder.ts'
import { ConfigError, ConnectorError } from '../../runtime/errors.ts'
import type { Schema } from '../../runtime/schema.ts'
import type { ReadResult, Source, SourceContext, SourceSplit, SplitPosition, SplitReader } from '../../runtime/source/source.ts'
import type { ByteInput } from '../format/byte-input.ts'
import { CsvDecoder } from '../format/csv-decoder.ts'
import { matchHeader, readHeader } from '../format/csv-header.ts'
import { LineBuffer, type LineDecoder } from '../format/line-buffer.ts'
import { LineReader, skipByteOrderMark } from '../format/line-reader.ts'
import { NdjsonDecoder } from '../format/ndjson-decoder.ts'
import { type BackoffOptions, Backoff } from '../message/backoff.ts'
import { addressOf } from './http-response.ts'
import { ResponseInput, type Validator } from './response-input.ts'

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
    // Of a live response nobody knows when its first line comes: the job does not wait for it.
    if (this.#options.live === true) return new FetchReader(this.#openLines(null))
    const lines = await this.#openLines(resumePoint(this.#request, position))
    return new FetchReader(Promise.resolve(lines), lines)
  }

  async #openLines(resume: ResumePoint | null): Promise<Lines> {
    const { live: isLive = false, header, maxLineBytes: lineBytesMax = LINE_BYTES_MAX } = this.#options
    const format = this.#options.format ?? formatOf(this.#request)
    // A header, and the content type, stand at the beginning, wherever it goes on.
    const isWithin = resume !== null && (format === 'ndjson' || (format === 'csv' && header !== undefined))
    let input = this.#open(isWithin ? resume.offset : 0, isWithin ? resume.validator : null)
    try {
      let buffer = new LineBuffer(CHUNK_BYTES + 1, isWithin ? resume.offset : 0, isWithin ? resume.line : 0)
      if (buffer.base === 0) await skipByteOrderMark(input, buffer)
      const decoder = await this.#decoder(format ?? formatOfType(input), input, buffer, lineBytesMax)
      if (resume !== null && resume.offset > buffer.offset) {
        await input.close()
        input = this.#open(resume.offset, resume.validator)
        buffer = new LineBuffer(CHUNK_BYTES + 1, resume.offset, resume.line)
      }
      return { reader: new LineReader(input, buffer, decoder, lineBytesMax, isLive), input }
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

interface Lines {
  readonly reader: LineReader
  readonly input: ResponseInput
}

/** A reader of lines that may be opening still, and whose position says of which content. */
class FetchReader implements SplitReader {
  readonly #opening: Promise<Lines>
  #lines: Lines | null
  #failure: unknown = null
  #isClosed = false

  constructor(opening: Promise<Lines>, lines: Lines | null = null) {
    this.#opening = opening
    this.#lines = lines
    opening.then(
      async (opened) => {
        this.#lines = opened
        if (this.#isClosed) await opened.reader.close()
      },
      (error: unknown) => {
        this.#failure = error
      },
    )
  }

  read(builder: BatchBuilder, rowsMax: number): ReadResult | Promise<ReadResult> {
    if (this.#failure !== null) throw this.#failure
    return this.#lines?.reader.read(builder, rowsMax) ?? 'idle'
  }

  ready(): Promise<void> {
    return (
      this.#lines?.reader.ready() ??
      this.#opening.then(
        () => {},
        () => {},
      )
    )
  }

  position(): SplitPosition {
    if (this.#lines === null) return { offset: 0, line: 0, size: null, validator: null }
    const { reader, input } = this.#lines
    return { ...reader.position(), size: input.size, validator: input.validator }
  }

  progress(): { readonly done: number; readonly total: number } | null {
    return this.#lines?.reader.progress() ?? null
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#lines?.reader.close()
  }
}

interface ResumePoint {
  readonly offset: number
  readonly line: number
  readonly validator: Validator
}

function resumePoint(request: string | URL | Request, position: SplitPosition | null): ResumePoint | null {
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
