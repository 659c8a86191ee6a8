/**
 * Records from server-sent events: a response that goes on for ever, asked for again behind the last event when it breaks off.
 *
 * Before: `fetch`, not the platform's EventSource, which edge workers and Node have not, and which can neither send headers nor be held back.
 * After: message/inbox.
 *
 * Invariant: an event is delivered once it is complete, with the id behind which the stream goes on.
 */

import { type Duration, durationMs } from '../../runtime/duration.ts'
import { ConfigError, ConnectorError } from '../../runtime/errors.ts'
import type { Source, SourceContext } from '../../runtime/source/source.ts'
import { Backoff, type BackoffOptions } from '../message/backoff.ts'
import { type AttemptControl, Connection, type ConnectionEvent, type Outcome } from '../message/connection.ts'
import type { Inbox } from '../message/inbox.ts'
import { type MessageOptions, messageSource } from '../message/message-source.ts'
import { EventStreamParser } from './event-stream-parser.ts'
import { addressOf, refusalOf } from './http-response.ts'

export interface EventSourceOptions extends MessageOptions {
  /** Types of events that are taken; default: `message`, which events without a type are. */
  readonly events?: readonly string[]
  /** How long it waits before it connects again; what the server says by `retry` is waited at least. */
  readonly backoff?: BackoffOptions
  /** Silence, comments included, after which the connection is given up and made anew; default: any silence is borne. */
  readonly idleTimeout?: Duration
  /** Options of every request: headers, credentials, mode. */
  readonly request?: Omit<RequestInit, 'signal' | 'body' | 'method'>
  /** Told when the connection opens and when it is lost. */
  readonly onConnection?: (event: ConnectionEvent) => void
  /** Used instead of the platform's `fetch`. */
  readonly fetch?: (request: Request) => Promise<Response>
}

/** An event that is longer than what may wait is no event. */
const EVENT_CHARS_MAX = 64 << 20

/**
 * Records from server-sent events (`text/event-stream`). The data of an event is decoded as `decode` says, by default as JSON: an object or an array.
 *
 * It is live. When the connection is lost it is made again with `Last-Event-ID`, behind the last event that had an id; so it is replayable if the
 * server gives every event an id and goes on behind it. Otherwise give it a journal. The server is held back while too much waits.
 *
 * @throws ConfigError `SOURCE_OPTION_INVALID`, `DURATION_INVALID`. The job fails with ConnectorError `SOURCE_MISSING`, `SOURCE_UNREADABLE`,
 * `SOURCE_REFUSED`, `SOURCE_UNREACHABLE`. A response 204 ends the source.
 * @example
 * const sources = { readings: eventSource('/readings/live', { request: { headers: { authorization: `Bearer ${token}` } } }) }
 */
export function eventSource(url: string | URL, options: EventSourceOptions = {}): Source {
  const backoff = new Backoff(options.backoff)
  const idleMs = options.idleTimeout === undefined ? null : durationMs(options.idleTimeout, { of: 'idleTimeout', positive: true })
  if (options.events !== undefined && !(Array.isArray(options.events) && options.events.length > 0)) {
    throw new ConfigError(
      'SOURCE_OPTION_INVALID',
      `Cannot use events: ${String(options.events)} for eventSource; it must be a list of names`,
    )
  }
  return messageSource(
    {
      kind: 'eventSource',
      canBlock: true,
      redelivers: true,
      hasTokens: true,
      connect: (inbox, context) => {
        const session = new EventStreamSession(url, options, idleMs, inbox, context)
        const { onConnection } = options
        return new Connection({ inbox, context, backoff, onConnection, attempt: (control) => session.attempt(control) })
      },
    },
    options,
  )
}

class EventStreamSession {
  readonly #url: string | URL
  readonly #options: EventSourceOptions
  readonly #idleMs: number | null
  readonly #inbox: Inbox
  readonly #context: SourceContext
  readonly #types: ReadonlySet<string>
  /** The server's wish, kept across connections. */
  #retryMs = 0
  #lastMs = 0

  constructor(url: string | URL, options: EventSourceOptions, idleMs: number | null, inbox: Inbox, context: SourceContext) {
    this.#url = url
    this.#options = options
    this.#idleMs = idleMs
    this.#inbox = inbox
    this.#context = context
    this.#types = new Set(options.events ?? ['message'])
  }

  /** One response, from the request to its end. */
  async attempt(control: AttemptControl): Promise<Outcome> {
    const { fetch = globalThis.fetch, request: init } = this.#options
    const { clock, name } = this.#context
    const over = new AbortController()
    const abort = () => over.abort()
    control.signal.addEventListener('abort', abort, { once: true })
    this.#lastMs = clock.monotonic()
    if (this.#idleMs !== null) void this.#watch(this.#idleMs, over)
    try {
      const token = await this.#inbox.resumeToken()
      const request = new Request(this.#url, { ...init, cache: 'no-store', signal: over.signal })
      request.headers.set('accept', 'text/event-stream')
      if (token !== null && token !== '') request.headers.set('last-event-id', String(token))
      const response = await fetch(request)
      if (response.status === 204) return { kind: 'ended' }
      if (!response.ok) {
        await response.body?.cancel().catch(() => {})
        const refusal = refusalOf(response, addressOf(this.#url), clock.now())
        return refusal.kind === 'never'
          ? { kind: 'refused', error: refusal.error }
          : { kind: 'lost', reason: refusal.reason, waitMs: refusal.waitMs || this.#waitMs }
      }
      const type = response.headers.get('content-type') ?? 'none'
      if (!/^text\/event-stream\b/i.test(type)) {
        await response.body?.cancel().catch(() => {})
        const message = `Cannot read events of source ${name} from ${addressOf(this.#url)}: its content type is ${type}, not text/event-stream`
        return { kind: 'refused', error: new ConnectorError('SOURCE_REFUSED', message, { details: { contentType: type } }) }
      }
      control.opened()
      if (response.body !== null) await this.#read(response.body.getReader(), token === null ? null : String(token), control)
      return this.#lost('the server ended the response')
    } catch (error) {
      if (error instanceof ConnectorError) return { kind: 'refused', error }
      const isSilent = over.signal.aborted && !control.signal.aborted
      return this.#lost(isSilent ? `nothing came for ${this.#idleMs} ms` : error instanceof Error ? error.message : String(error))
    } finally {
      control.signal.removeEventListener('abort', abort)
      over.abort()
    }
  }

  async #read(body: ReadableStreamDefaultReader<Uint8Array>, token: string | null, control: AttemptControl): Promise<void> {
    const parser = new EventStreamParser(token)
    const decoder = new TextDecoder()
    try {
      for (;;) {
        // Not reading is how the server is held back.
        if (this.#inbox.isFull && (this.#options.whenFull ?? 'block') === 'block') await this.#inbox.room()
        if (control.signal.aborted) return
        const { done, value } = await body.read()
        if (done) return
        this.#lastMs = this.#context.clock.monotonic()
        const events = parser.push(decoder.decode(value, { stream: true }))
        if (parser.retryMs !== null) this.#retryMs = parser.retryMs
        if (parser.pendingLength > EVENT_CHARS_MAX)
          throw new ConnectorError(
            'SOURCE_OVERFLOW',
            `Source ${this.#context.name} sends an event of more than ${EVENT_CHARS_MAX} characters`,
          )
        for (const { type, data, id } of events) {
          control.proved()
          if (this.#types.has(type)) this.#inbox.deliver({ content: data, token: id, topic: null })
        }
      }
    } finally {
      await body.cancel().catch(() => {})
    }
  }

  #lost(reason: string): Outcome {
    const waitMs = this.#waitMs
    return { kind: 'lost', reason, ...(waitMs === undefined ? {} : { waitMs }) }
  }

  get #waitMs(): number | undefined {
    return this.#retryMs > 0 ? this.#retryMs : undefined
  }

  async #watch(idleMs: number, over: AbortController): Promise<void> {
    const { clock } = this.#context
    while (!over.signal.aborted) {
      await clock.sleep(Math.max(1, Math.ceil(idleMs / 4)), over.signal)
      // While the buffer is full it is we who do not listen.
      if (this.#inbox.isFull) this.#lastMs = clock.monotonic()
      if (clock.monotonic() - this.#lastMs >= idleMs) over.abort()
    }
  }
}
