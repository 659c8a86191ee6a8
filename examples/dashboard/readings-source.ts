/**
 * Where readings come from: a WebSocket to the Node server, or to the feed in the page, which speaks the same over a MessagePort; or an MQTT broker.
 *
 * Before: a feed, which can begin at any number. After: the job.
 *
 * Invariant: of WebSockets the token behind a message is the number of the line that follows it, damaged lines included. The feed's first message behind a
 * token has at least the lines that the one there had before (feed.ts), so a place within a message is found again.
 */

import type { Source } from 'millrace'
import { type WebSocketLike, webSocketSource } from 'millrace/browser'
import { mqttSource } from 'millrace/mqtt'

export type FeedAddress =
  | { readonly kind: 'websocket'; readonly url: string }
  /** The topic of a broker, which keeps messages while nobody is there; a journal beside the checkpoints keeps those that have arrived. */
  | { readonly kind: 'mqtt'; readonly url: string; readonly topic: string }
  /** A port to the feed of the page, asked for anew for every connection. */
  | { readonly kind: 'page' }

export function readingsSource(feed: FeedAddress, askForPort: AskForPort): Source {
  const backoff = { least: '250ms', most: '1s' } as const
  if (feed.kind === 'mqtt') {
    const { url, topic } = feed
    return mqttSource(url, {
      topics: topic,
      qos: 1,
      clientId: `job of ${topic}`,
      journal: { bytesMax: 256 << 20 },
      decode: 'ndjson',
      backoff,
    })
  }
  return webSocketSource(feed.kind === 'websocket' ? feed.url : 'feed', {
    decode: 'ndjson',
    token: (message) => numberBehind(typeof message === 'string' ? message : new TextDecoder().decode(message)),
    subscribe: (token) => JSON.stringify({ resume: token ?? 0 }),
    backoff,
    bufferMax: 48 << 20,
    ...(feed.kind === 'page' ? { connect: () => new PortSocket(askForPort) } : {}),
  })
}

/** Number of the line that follows the last one of a message. */
function numberBehind(text: string): number {
  const at = text.lastIndexOf('{"number":')
  return Number.parseInt(text.slice(at + 10, at + 26), 10) + 1
}

/** Asks for a port to the feed; returns what takes the question back. */
export type AskForPort = (answer: (port: MessagePort) => void) => () => void

const LOST = { code: 1006, reason: 'the feed has closed the port' }

/** As much of a WebSocket as the source needs, over a MessagePort. */
class PortSocket implements WebSocketLike {
  binaryType = 'arraybuffer'
  readonly #takeBack: () => void
  readonly #events = new EventTarget()
  #port: MessagePort | null = null

  constructor(ask: AskForPort) {
    this.#takeBack = ask((port) => {
      this.#port = port
      port.addEventListener('message', ({ data }: MessageEvent<string | { readonly kind: 'closed' }>) => {
        if (typeof data === 'string') this.#events.dispatchEvent(new MessageEvent('message', { data }))
        else this.#events.dispatchEvent(Object.assign(new Event('close'), LOST))
      })
      port.start()
      this.#events.dispatchEvent(new Event('open'))
    })
  }

  send(data: string | Uint8Array): void {
    this.#port?.postMessage(JSON.parse(String(data)))
  }

  close(): void {
    this.#takeBack()
    this.#port?.close()
  }

  addEventListener(type: string, listener: (event: never) => void): void {
    // Each event is made above, with the fields that its listener wants.
    this.#events.addEventListener(type, listener as (event: Event) => void)
  }
}
