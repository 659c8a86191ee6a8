/**
 * The feed of the Node server: the same log, sent over WebSockets or by an MQTT broker. Each page has a log of its own.
 *
 * Before: the page's commands, on one WebSocket. After: readings on another, from the number on that the reader asks for; or as messages of a topic.
 *
 * Invariant: nothing but the description of a log is kept here, so a reader that was away, or a server that was started anew, goes on anywhere.
 */

import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import type { MqttBroker } from './mqtt-broker.ts'
import { Feed, PUMP_MS } from './feed.ts'
import { FeedLog } from './feed-log.ts'
import type { FeedCommand, FeedReport, ReaderHello } from './feed-protocol.ts'

interface Channel {
  log: FeedLog | null
  isOffline: boolean
  readonly readers: Map<WebSocket, Feed>
  readonly controls: Set<WebSocket>
  emptySinceMs: number
}

const REPORT_MS = 100
/** Logs that nobody asks for are forgotten. */
const FORGET_MS = 600_000

export class FeedServer {
  readonly #sockets = new WebSocketServer({ noServer: true })
  readonly #channels = new Map<string, Channel>()
  readonly #broker: MqttBroker | null
  readonly #timers: readonly ReturnType<typeof setInterval>[]

  /** @param broker - Where logs are published, for pages that choose MQTT; null: nowhere. */
  constructor(broker: MqttBroker | null = null) {
    this.#broker = broker
    this.#timers = [setInterval(() => this.#pump(), PUMP_MS), setInterval(() => this.#report(), REPORT_MS)]
  }

  /** Takes a request for a WebSocket: `/feed?log=ID` to read, `/control?log=ID` to say what is sent. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost')
    if (pathname.endsWith('/mqtt') && this.#broker !== null) {
      this.#sockets.handleUpgrade(request, socket, head, (client) => this.#broker!.take(client))
      return
    }
    const id = searchParams.get('log') ?? ''
    const channel = this.#channel(id)
    const isFeed = pathname.endsWith('/feed')
    if (!isFeed && !pathname.endsWith('/control')) return void socket.destroy()
    // As without a network: no answer that could be told from one.
    if (isFeed && (channel.isOffline || channel.log === null)) return void socket.destroy()
    this.#sockets.handleUpgrade(request, socket, head, (client) =>
      isFeed ? this.#reader(client, channel) : this.#control(client, id, channel),
    )
  }

  close(): void {
    for (const timer of this.#timers) clearInterval(timer)
    for (const client of this.#sockets.clients) client.terminate()
    this.#sockets.close()
    this.#broker?.close()
  }

  #channel(id: string): Channel {
    let channel = this.#channels.get(id)
    if (channel === undefined) {
      channel = { log: null, isOffline: false, readers: new Map(), controls: new Set(), emptySinceMs: Date.now() }
      this.#channels.set(id, channel)
    }
    return channel
  }

  #reader(client: WebSocket, channel: Channel): void {
    client.on('close', () => channel.readers.delete(client))
    client.on('error', () => client.terminate())
    client.once('message', (data) => {
      const { resume } = JSON.parse(String(data)) as ReaderHello
      const carrier = {
        send: (message: string) => client.send(message),
        get backlogBytes() {
          return client.bufferedAmount
        },
      }
      channel.readers.set(client, new Feed({ log: channel.log!, carrier, from: resume }))
    })
  }

  #control(client: WebSocket, id: string, channel: Channel): void {
    channel.controls.add(client)
    client.on('close', () => channel.controls.delete(client))
    client.on('error', () => client.terminate())
    client.on('message', (data) => this.#command(JSON.parse(String(data)) as FeedCommand, id, channel, client))
  }

  #command(command: FeedCommand, id: string, channel: Channel, client: WebSocket): void {
    switch (command.kind) {
      case 'log':
        channel.log = new FeedLog(command.log)
        this.#broker?.publish(id, channel.log)
        break
      case 'settings':
        if (channel.log === null || command.segment.fromTick <= channel.log.tickAt(Date.now()) || !channel.log.add(command.segment)) {
          client.send(JSON.stringify({ kind: 'refused', segment: command.segment } satisfies FeedReport))
        }
        break
      case 'offline':
        channel.isOffline = command.isOffline
        this.#broker?.offline(id, command.isOffline)
        if (channel.isOffline) for (const reader of channel.readers.keys()) reader.terminate()
        break
      case 'acknowledge':
        // A socket says itself how much is waiting in it.
        break
      default: {
        const never: never = command
        throw new TypeError(`Unknown command ${String(never)}`)
      }
    }
  }

  #pump(): void {
    const nowMs = Date.now()
    for (const { readers } of this.#channels.values()) for (const feed of readers.values()) feed.pump(nowMs)
    this.#broker?.pump(nowMs)
  }

  #report(): void {
    const nowMs = Date.now()
    for (const [id, channel] of this.#channels) {
      if (channel.controls.size + channel.readers.size > 0) channel.emptySinceMs = nowMs
      else if (nowMs - channel.emptySinceMs > FORGET_MS) {
        this.#channels.delete(id)
        this.#broker?.forget(id)
      }
      if (channel.log === null) continue
      const number = channel.log.firstNumber(Math.max(0, channel.log.tickAt(nowMs)))
      const report: FeedReport = { kind: 'sent', number, nowMs, readers: channel.readers.size }
      for (const control of channel.controls) control.send(JSON.stringify(report))
    }
  }
}
