/**
 * What the tests of message sources share: readings that follow from their number, jobs that collect them, and a WebSocket server that can
 * go on behind any reading, die, and come back.
 *
 * Before: tests of message sources, and their child processes. After: the package, as a user has it, and real sockets.
 *
 * Invariant: reading n is the same wherever it is made, so that a missing, doubled or mixed one is seen.
 */

import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { WebSocket as ServerSocket, WebSocketServer } from 'ws'
import type { DeadLetter } from '../../runtime/batch-builder.ts'
import { systemClock } from '../../runtime/clock.ts'
import { pipeline } from '../../runtime/pipeline.ts'
import { f64, i32, schema, timestamp, utf8 } from '../../runtime/schema.ts'
import { collectSink } from '../../runtime/sink/callback-sink.ts'
import type { Source } from '../../runtime/source/source.ts'
import { type Run, start, type StartOptions } from '../../runtime/start.ts'

export const readingColumns = schema({ n: i32(), device: utf8(), at: timestamp(), value: f64() })

export interface Reading {
  readonly n: number
  readonly device: string
  readonly at: number
  readonly value: number | null
}

export function readingOf(n: number): Reading {
  return { n, device: `d${n % 7}`, at: 1_700_000_000_000 + n * 10, value: n % 11 === 0 ? null : n / 8 }
}

export function readings(from: number, to: number): Reading[] {
  return Array.from({ length: to - from }, (_, index) => readingOf(from + index))
}

/** A pipeline that passes rows on as they are: what comes in must come out, in order. */
export function passingJob() {
  return pipeline('passing').source('readings', readingColumns).sink('out')
}

/** A pipeline with windows of 100 readings. */
export function countingJob() {
  return pipeline('counting').source('readings', readingColumns)
}

export interface Collected {
  readonly run: Run
  readonly rows: readonly Reading[]
  readonly deadLetters: readonly DeadLetter[]
  readonly warnings: readonly string[]
}

/** Starts the passing job on a source. */
export async function collect(
  source: Source,
  options: Partial<StartOptions> & { readonly sink?: ReturnType<typeof collectSink> } = {},
): Promise<Collected> {
  const sink = options.sink ?? collectSink()
  const deadLetters: DeadLetter[] = []
  const warnings: string[] = []
  const run = await start(passingJob(), {
    sources: { readings: source },
    sinks: { out: sink },
    host: 'inline',
    onDeadLetter: (letter) => deadLetters.push(letter),
    onWarning: (warning) => warnings.push(warning),
    ...options,
  } as StartOptions<ReturnType<typeof passingJob>>)
  return { run, rows: sink.rows as unknown as readonly Reading[], deadLetters, warnings }
}

/** Waits until a condition holds; fails with what the job says when it has ended instead. */
export async function until(condition: () => boolean | Promise<boolean>, run: Run | null = null, ms = 20_000): Promise<void> {
  const startMs = systemClock.monotonic()
  let failure: unknown = null
  run?.finished.catch((error: unknown) => (failure = error))
  while (!(await condition())) {
    if (failure !== null) throw failure
    if (systemClock.monotonic() - startMs > ms) throw new Error(`The condition did not come true within ${ms} ms: ${condition.toString()}`)
    await systemClock.sleep(5)
  }
}

export interface ReadingServerOptions {
  /** Readings a message; a message never crosses a multiple of it. */
  readonly perMessage?: number
  readonly encode?: (rows: readonly Reading[]) => string | Uint8Array
  /** Bytes that may wait in a socket before the server waits. */
  readonly aheadBytes?: number
}

/** A server of readings over WebSocket: `/?after=N` sends what follows reading N, and goes on as readings become available. */
export class ReadingServer {
  readonly #options: ReadingServerOptions
  #server: WebSocketServer | null = null
  #port = 0
  /** Readings there are by now. */
  available = 0
  /** Connections made so far, with the number after which each began. */
  readonly connections: number[] = []
  /** Connections that the server has not given up. */
  readonly sockets = new Set<ServerSocket>()

  constructor(options: ReadingServerOptions = {}) {
    this.#options = options
  }

  get url(): string {
    return `ws://127.0.0.1:${this.#port}`
  }

  async start(): Promise<this> {
    const server = new WebSocketServer({ host: '127.0.0.1', port: this.#port })
    await once(server, 'listening')
    this.#port = (server.address() as AddressInfo).port
    server.on('connection', (socket, request) => {
      const after = Number(new URL(request.url!, 'http://localhost').searchParams.get('after') ?? -1)
      this.connections.push(after)
      this.sockets.add(socket)
      socket.on('close', () => this.sockets.delete(socket))
      socket.on('error', () => {})
      void this.#serve(socket, after + 1)
    })
    this.#server = server
    return this
  }

  async #serve(socket: ServerSocket, from: number): Promise<void> {
    const { perMessage = 100, encode = (rows) => JSON.stringify(rows), aheadBytes = 1 << 20 } = this.#options
    for (let next = from; socket.readyState === ServerSocket.OPEN; ) {
      if (next >= this.available || socket.bufferedAmount > aheadBytes) {
        await systemClock.sleep(2)
        continue
      }
      const to = Math.min(this.available, next - (next % perMessage) + perMessage)
      socket.send(encode(readings(next, to)))
      next = to
    }
  }

  /** Breaks all connections without a word, as a network does. */
  cut(): void {
    for (const socket of this.sockets) socket.terminate()
    // Their closes come later: who waits for a connection meanwhile waits for the next one.
    this.sockets.clear()
  }

  /** Closes all connections with a code. */
  hangUp(code: number, reason = ''): void {
    for (const socket of this.sockets) socket.close(code, reason)
    this.sockets.clear()
  }

  async stop(): Promise<void> {
    const server = this.#server
    this.#server = null
    if (server === null) return
    this.cut()
    await new Promise((resolve) => server.close(resolve))
  }
}
