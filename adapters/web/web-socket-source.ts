/**
 * Records from a WebSocket: connected again when the connection is lost, behind the last message where the server can do that.
 *
 * Before: the platform's WebSocket (browsers, Node from 22, Deno, Bun, workerd), or one that the user makes. After: message/inbox.
 * A WebSocket cannot be held back. With a token the source hangs up instead when its buffer is full, and comes back for what it has not seen.
 *
 * Invariant: every message that a socket delivered before it was given up is in the inbox, and none after that.
 */

import { type Duration, durationMs } from '../../runtime/duration.ts'
import { ConnectorError } from '../../runtime/errors.ts'
import type { Source, SourceContext } from '../../runtime/source/source.ts'
import { Backoff, type BackoffOptions } from '../message/backoff.ts'
import { type AttemptControl, Connection, type ConnectionEvent, type Outcome } from '../message/connection.ts'
import type { Inbox } from '../message/inbox.ts'
import type { ResumeToken } from '../message/message.ts'
import { contentOf } from '../message/message-decoder.ts'
import { type MessageOptions, messageSource } from '../message/message-source.ts'

/** What of a WebSocket is used: that of the platform has it, and so has that of the package `ws`. */
export interface WebSocketLike {
  binaryType: string
  send(data: string | Uint8Array<ArrayBuffer>): void
  close(code?: number, reason?: string): void
  addEventListener(type: 'open' | 'error', listener: (event: unknown) => void): void
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void
  addEventListener(type: 'close', listener: (event: { readonly code: number; readonly reason: string }) => void): void
}

export interface WebSocketSourceOptions extends MessageOptions {
  /** Subprotocols that are offered to the server. */
  readonly protocols?: string | readonly string[]
  /**
   * What says where the server goes on: the name of a column, whose value in the last row is the token, or a function of the message. A source with
   * a token is replayable: `url` or `subscribe` must give it to the server, which must send what followed it.
   */
  readonly token?: string | ((message: string | Uint8Array) => ResumeToken | null)
  /** What is sent once the connection is open: one message, or several. @param token - Where to go on; null: at the beginning, or now. */
  readonly subscribe?: (token: ResumeToken | null) => string | Uint8Array<ArrayBuffer> | readonly (string | Uint8Array<ArrayBuffer>)[]
  /** How long it waits before it connects again. */
  readonly backoff?: BackoffOptions
  /** Silence after which the connection is given up and made anew; default: any silence is borne. */
  readonly idleTimeout?: Duration
  /** A message that is sent again and again, for servers that want to hear something. */
  readonly heartbeat?: { readonly every: Duration; readonly message: string | Uint8Array<ArrayBuffer> }
  /** Codes of a close by the server that end the source; default: 1000, normal closure. */
  readonly endCodes?: readonly number[]
  /**
   * Codes of a close by the server after which the source fails with `SOURCE_REFUSED` instead of coming back; default: 1002, 1003, 1007, 1008
   * (policy), 1009, 1010, and 4400 to 4499.
   */
  readonly refusalCodes?: readonly number[]
  /** Told when the connection opens and when it is lost. */
  readonly onConnection?: (event: ConnectionEvent) => void
  /** Makes the socket; default: the platform's WebSocket. */
  readonly connect?: (url: string, protocols: readonly string[]) => WebSocketLike
}

const END_CODES: readonly number[] = [1000]
const REFUSAL_CODES: readonly number[] = [1002, 1003, 1007, 1008, 1009, 1010]
/** "Going away": what a page sends, too, that closes a socket because it is left. */
const NORMAL_CLOSURE = 1000

/** Where to connect: an address, or a function that has the token in it. */
export type WebSocketUrl = string | URL | ((token: ResumeToken | null) => string | URL | Promise<string | URL>)

/**
 * Records from a WebSocket.
 *
 * It is live. Text and binary messages are decoded alike, by default as JSON: an object or an array of objects. When the connection is lost it
 * is made again, after 0.5 s at first and 30 s at most. Replayable with `token` (if the server can go on behind one) or with `journal`; with both
 * nothing is lost or doubled even if the server keeps little, as the server is asked for what is behind the journal.
 *
 * @param url - Where to connect; a function gets the token to go on behind, null at first.
 * @throws ConfigError `SOURCE_OPTION_INVALID`, `DURATION_INVALID`. The job fails with ConnectorError `SOURCE_REFUSED`, `SOURCE_UNREACHABLE`, `SOURCE_OVERFLOW`.
 * @example
 * const sources = {
 *   readings: webSocketSource((token) => `wss://example.com/readings?after=${token ?? ''}`, { token: 'sequence', journal: true }),
 * }
 */
export function webSocketSource(url: WebSocketUrl, options: WebSocketSourceOptions = {}): Source {
  const hasTokens = options.token !== undefined
  const backoff = new Backoff(options.backoff)
  const idleMs = options.idleTimeout === undefined ? null : durationMs(options.idleTimeout, { of: 'idleTimeout', positive: true })
  const beatMs = options.heartbeat === undefined ? null : durationMs(options.heartbeat.every, { of: 'heartbeat.every', positive: true })
  return messageSource(
    {
      kind: 'webSocket',
      canBlock: hasTokens,
      redelivers: hasTokens,
      hasTokens,
      tokenColumn: typeof options.token === 'string' ? options.token : null,
      connect: (inbox, context) => {
        const session = new WebSocketSession(url, options, { idleMs, beatMs }, inbox, context)
        const { onConnection } = options
        return new Connection({ inbox, context, backoff, onConnection, attempt: (control) => session.attempt(control) })
      },
    },
    options,
  )
}

class WebSocketSession {
  readonly #url: WebSocketUrl
  readonly #options: WebSocketSourceOptions
  readonly #times: { readonly idleMs: number | null; readonly beatMs: number | null }
  readonly #inbox: Inbox
  readonly #context: SourceContext

  constructor(
    url: WebSocketUrl,
    options: WebSocketSourceOptions,
    times: { readonly idleMs: number | null; readonly beatMs: number | null },
    inbox: Inbox,
    context: SourceContext,
  ) {
    this.#url = url
    this.#options = options
    this.#times = times
    this.#inbox = inbox
    this.#context = context
  }

  /** One socket, from its making to its end. */
  async attempt(control: AttemptControl): Promise<Outcome> {
    const { protocols, connect = platformSocket } = this.#options
    await this.#inbox.room()
    if (control.signal.aborted) return { kind: 'ended' }
    const token = await this.#inbox.resumeToken()
    const url = String(typeof this.#url === 'function' ? await this.#url(token) : this.#url)
    const socket = connect(url, protocols === undefined ? [] : typeof protocols === 'string' ? [protocols] : protocols)
    socket.binaryType = 'arraybuffer'
    const over = new AbortController()
    try {
      return await this.#listen(socket, token, control, over.signal)
    } finally {
      over.abort()
      try {
        socket.close(NORMAL_CLOSURE)
      } catch {
        // It was never open, or is closed already.
      }
    }
  }

  #listen(socket: WebSocketLike, token: ResumeToken | null, control: AttemptControl, over: AbortSignal): Promise<Outcome> {
    const { subscribe, heartbeat, token: tokenOf, whenFull = 'block' } = this.#options
    const inbox = this.#inbox
    const { clock } = this.#context
    let lastMs = clock.monotonic()
    return new Promise<Outcome>((resolve) => {
      const finish = (outcome: Outcome) => {
        if (!over.aborted) resolve(outcome)
      }
      socket.addEventListener('open', () => {
        if (over.aborted) return
        lastMs = clock.monotonic()
        control.opened()
        try {
          const messages = subscribe?.(token) ?? []
          for (const message of typeof messages === 'string' || messages instanceof Uint8Array ? [messages] : messages) socket.send(message)
        } catch (error) {
          finish({ kind: 'refused', error: error as Error })
        }
        if (heartbeat !== undefined) void this.#every(this.#times.beatMs!, over, () => socket.send(heartbeat.message))
      })
      socket.addEventListener('message', ({ data }) => {
        if (over.aborted) return
        lastMs = clock.monotonic()
        control.proved()
        const content = contentOf(data)
        // Binary messages are ArrayBuffers, texts are strings: nothing else comes.
        const ownToken = typeof tokenOf === 'function' ? tokenOf(content as string | Uint8Array) : null
        inbox.deliver({ content, token: ownToken, topic: null })
        if (tokenOf !== undefined && whenFull === 'block' && inbox.isFull) finish({ kind: 'lost', reason: 'the buffer is full', waitMs: 0 })
      })
      socket.addEventListener('close', ({ code, reason }) => finish(this.#closed(code, reason)))
      // A close follows it, on all platforms; what it says is on some more than the close does.
      socket.addEventListener('error', () => {})
      control.signal.addEventListener('abort', () => finish({ kind: 'ended' }), { once: true })
      const { idleMs } = this.#times
      if (idleMs !== null) {
        void this.#every(Math.max(1, Math.ceil(idleMs / 4)), over, () => {
          if (clock.monotonic() - lastMs >= idleMs) finish({ kind: 'lost', reason: `nothing came for ${idleMs} ms` })
        })
      }
    })
  }

  async #every(ms: number, over: AbortSignal, run: () => void): Promise<void> {
    for (;;) {
      await this.#context.clock.sleep(ms, over)
      if (over.aborted) return
      try {
        run()
      } catch {
        // The socket is closing: its close says so.
      }
    }
  }

  #closed(code: number, reason: string): Outcome {
    const { endCodes = END_CODES, refusalCodes } = this.#options
    const said = reason === '' ? `code ${code}` : `code ${code}, ${JSON.stringify(reason)}`
    if (endCodes.includes(code)) return { kind: 'ended' }
    const isRefusal =
      refusalCodes === undefined ? REFUSAL_CODES.includes(code) || (code >= 4400 && code <= 4499) : refusalCodes.includes(code)
    if (!isRefusal) return { kind: 'lost', reason: `the connection was closed (${said})` }
    const message = `The server of source ${this.#context.name} closed the WebSocket and does not want it back: ${said}`
    return { kind: 'refused', error: new ConnectorError('SOURCE_REFUSED', message, { details: { closeCode: code, reason } }) }
  }
}

function platformSocket(url: string, protocols: readonly string[]): WebSocketLike {
  return new WebSocket(url, [...protocols])
}
