/**
 * Readings that follow from their number, and a WebSocket server that can go on behind any reading, die, and come back.
 *
 * Before: tests of message sources, their child processes, and specs that Playwright loads: so nothing here imports the engine, which only
 * a build makes loadable. After: real sockets.
 *
 * Invariant: reading n is the same wherever it is made, so that a missing, doubled or mixed one is seen.
 */

import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { WebSocket as ServerSocket, WebSocketServer } from 'ws'
import { systemClock } from '../../runtime/clock.ts'

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
