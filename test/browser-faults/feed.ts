/**
 * The rows of a run as a server sends them: numbered, so many a second, behind the number that a client asks for; and a network that can be away.
 *
 * Before: webSocketSource of the page. After: nothing.
 *
 * Invariant: rows become due by the time since the first client came, not by clients, so a client that was away gets what it missed at once.
 */

import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import { systemClock } from '../../runtime/clock.ts'

const TICK_MS = 5
const ROWS_A_MESSAGE = 100

export interface FeedRows {
  readonly rows: readonly object[]
  readonly rowsPerSecond: number
}

export class Feed {
  readonly #rows: readonly object[]
  readonly #rowsPerSecond: number
  readonly #sockets = new Set<WebSocket>()
  readonly #server = new WebSocketServer({ noServer: true })
  #startMs: number | null = null
  #isAway = false
  /** Times that a client came. */
  connectionCount = 0

  constructor({ rows, rowsPerSecond }: FeedRows) {
    this.#rows = rows
    this.#rowsPerSecond = rowsPerSecond
  }

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (this.#isAway) return void socket.destroy()
    this.#server.handleUpgrade(request, socket, head, (client) => {
      const after = Number(new URL(request.url!, 'http://localhost').searchParams.get('after'))
      this.connectionCount++
      this.#sockets.add(client)
      client.once('close', () => this.#sockets.delete(client))
      client.on('error', () => {})
      void this.#send(client, after)
    })
  }

  /** Everything is cut off, without a word, and nobody gets in. */
  leave(): void {
    this.#isAway = true
    for (const socket of this.#sockets) socket.terminate()
  }

  comeBack(): void {
    this.#isAway = false
  }

  close(): void {
    this.leave()
    this.#server.close()
  }

  async #send(client: WebSocket, after: number): Promise<void> {
    this.#startMs ??= systemClock.monotonic()
    let at = after
    while (client.readyState === client.OPEN) {
      const due = Math.min(this.#rows.length, Math.floor(((systemClock.monotonic() - this.#startMs) * this.#rowsPerSecond) / 1_000))
      while (at < due) {
        const part = this.#rows.slice(at, Math.min(due, at + ROWS_A_MESSAGE))
        client.send(JSON.stringify(part.map((row, index) => ({ ...row, number: at + index + 1 }))))
        at += part.length
      }
      if (at === this.#rows.length) return void client.close(1000)
      await systemClock.sleep(TICK_MS)
    }
  }
}
