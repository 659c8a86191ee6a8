/**
 * WebSockets of a job in a Durable Object that outlive its memory: rows come in, or results go out.
 *
 * Before: a request to upgrade. After: ingestion and result-log. What a socket is for, and how far it is, is kept with the socket by the platform.
 *
 * In: a message is a row, an array of rows, or lines of rows, answered by {"ack": n, "rows": count}, n counting the messages of the socket from 1.
 * With `?producer=NAME` messages are {"seq": n, "rows": [...]}, n counting the producer's messages for ever; what came before is acknowledged and
 * not taken again, so a producer sends what was not acknowledged once more after it has connected anew. The object begins with {"last": n}.
 * Out: messages are {"rows": [...], "cursor": n}.
 *
 * Invariant: an acknowledgement leaves after its rows are durable (the object's output gate holds it back).
 */

import { RecordError } from '../../runtime/errors.ts'
import { shownError } from './answers.ts'
import { type IngestLines, linesOfJson, linesOfNdjson, linesOfRows, tooLarge } from './ingest-body.ts'
import type { Ingestion } from './ingestion.ts'
import { type ObjectContext, type ObjectSocket, socketPair } from './object-context.ts'
import type { ResultLog } from './result-log.ts'

interface Incoming {
  readonly kind: 'in'
  readonly source: string
  readonly producer: string | null
  /** Messages of this socket so far. */
  readonly count: number
}

interface Outgoing {
  readonly kind: 'out'
  readonly sink: string
  readonly cursor: number | null
}

const OUT_TAG = 'millrace-out'

export interface SocketsOptions {
  readonly context: ObjectContext
  readonly ingestion: Ingestion
  readonly results: ResultLog
  readonly bytesMax: number
}

export class Sockets {
  readonly #options: SocketsOptions

  constructor(options: SocketsOptions) {
    this.#options = options
  }

  acceptRows(source: string, producer: string | null): Response {
    const state: Incoming = { kind: 'in', source, producer, count: 0 }
    const [client, server] = this.#accept(state, [])
    if (producer !== null) server.send(JSON.stringify({ last: this.#options.ingestion.last(producer) }))
    return upgraded(client)
  }

  acceptReader(sink: string, after: number | null): Response {
    const [client, server] = this.#accept({ kind: 'out', sink, cursor: after }, [OUT_TAG])
    this.#give(server)
    return upgraded(client)
  }

  #accept(state: Incoming | Outgoing, tags: string[]): readonly [unknown, ObjectSocket] {
    const [client, server] = socketPair()
    this.#options.context.acceptWebSocket(server, tags)
    server.serializeAttachment(state)
    return [client, server]
  }

  /** Takes a message. @returns whether rows came in. */
  message(socket: ObjectSocket, message: string | ArrayBuffer): boolean {
    const state = socket.deserializeAttachment() as Incoming | Outgoing | null
    if (state?.kind !== 'in') return false
    const count = state.count + 1
    socket.serializeAttachment({ ...state, count } satisfies Incoming)
    try {
      const { number, answer } = this.#take(state, count, message)
      socket.send(JSON.stringify({ ack: number, rows: answer.rows, ...(answer.isRepeated ? { repeated: true } : {}) }))
      return answer.rows > 0
    } catch (error) {
      socket.send(JSON.stringify({ error: shownError(error), message: count }))
      return false
    }
  }

  #take({ source, producer }: Incoming, count: number, message: string | ArrayBuffer) {
    const { ingestion, bytesMax } = this.#options
    const length = typeof message === 'string' ? message.length : message.byteLength
    if (length > bytesMax) throw tooLarge(length, bytesMax)
    if (producer === null) return { number: count, answer: ingestion.take(source, linesOf(message)) }
    const { seq, rows } = numbered(typeof message === 'string' ? message : new TextDecoder().decode(message))
    return { number: seq, answer: ingestion.takeNumbered(source, linesOfRows(rows), producer, seq) }
  }

  /** Gives readers what they have not seen. */
  giveResults(): void {
    for (const socket of this.#options.context.getWebSockets(OUT_TAG)) this.#give(socket)
  }

  #give(socket: ObjectSocket): void {
    const state = socket.deserializeAttachment() as Outgoing
    let { cursor } = state
    for (;;) {
      const page = this.#options.results.page(state.sink, cursor)
      if (cursor !== null && page.rows.length === 0 && !page.isReset) break
      cursor = page.cursor
      try {
        socket.send(JSON.stringify({ rows: page.rows, cursor, ...(page.isReset ? { reset: true } : {}) }))
      } catch {
        // It is closing: the platform will say so.
        return
      }
    }
    if (cursor !== state.cursor) socket.serializeAttachment({ ...state, cursor } satisfies Outgoing)
  }
}

function linesOf(message: string | ArrayBuffer): IngestLines {
  if (typeof message !== 'string') return linesOfNdjson(new Uint8Array(message))
  return /^\s*\[/.test(message) ? linesOfJson(message) : linesOfNdjson(new TextEncoder().encode(message))
}

function numbered(text: string): { readonly seq: number; readonly rows: readonly unknown[] } {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    value = null
  }
  const { seq, rows } = (value ?? {}) as { readonly seq?: unknown; readonly rows?: unknown }
  if (Number.isSafeInteger(seq) && (seq as number) > 0 && Array.isArray(rows)) return { seq: seq as number, rows }
  throw new RecordError('BODY_SYNTAX', 'The message of a producer must be {"seq": n, "rows": [...]}, n counting its messages from 1')
}

function upgraded(client: unknown): Response {
  // `webSocket` is the platform's own.
  return new Response(null, { status: 101, webSocket: client } as ResponseInit)
}
