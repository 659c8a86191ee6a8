/**
 * The bytes of a response, asked for again where the transfer broke off.
 *
 * Before: `fetch`. After: format/line-reader.
 * Asked for by a Range request or, where the server does not know those, by passing over what was read before; both only while the ETag, or else the
 * time of the last modification, says that it is the same content. The platform decompresses; offsets count what comes out.
 *
 * Invariant: all bytes are of one version of the content.
 */

import type { Clock } from '../../runtime/clock.ts'
import { ConnectorError, MillraceError } from '../../runtime/errors.ts'
import type { ByteInput } from '../format/byte-input.ts'
import type { Backoff } from '../message/backoff.ts'
import { addressOf, refusalOf } from './http-response.ts'

/** What says that two responses are of the same content: null when the server says nothing. */
export type Validator = string | null

export interface ResponseInputOptions {
  readonly request: () => Request
  readonly fetch: (request: Request) => Promise<Response>
  readonly clock: Clock
  readonly backoff: Backoff
  readonly offset: number
  /** Of the content that the bytes before the offset were read from; null: whatever comes. */
  readonly validator: Validator
  readonly isLive: boolean
}

export class ResponseInput implements ByteInput {
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
