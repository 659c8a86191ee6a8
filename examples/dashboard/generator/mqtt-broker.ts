/**
 * A real MQTT broker in the Node server: each log is published on a topic of its own, from its beginning, once somebody has subscribed.
 *
 * Before: feed-log.ts. After: the job's client, over a WebSocket. What is published while the client is away the broker keeps for its session.
 *
 * Invariant: a log is published once, in order, with QoS 1: the broker may deliver a message twice, and never loses one of a session that it knows.
 */

import type { Readable } from 'node:stream'
import { Aedes, type Client, type PublishPacket } from 'aedes'
import { createWebSocketStream, type WebSocket } from 'ws'
import { Feed } from './feed.ts'
import type { FeedLog } from './feed-log.ts'

const PREFIX = 'fleet/'
/** Messages that are published and not yet taken by the broker. */
const PENDING_MAX = 32

interface Publication {
  log: FeedLog
  feed: Feed | null
  pending: number
  isOffline: boolean
  /** Whether somebody has subscribed. */
  isWanted: boolean
  readonly clients: Set<Client>
}

export class MqttBroker {
  readonly #broker: Aedes
  readonly #publications = new Map<string, Publication>()

  private constructor(broker: Aedes) {
    this.#broker = broker
    broker.on('subscribe', (subscriptions) => {
      for (const { topic } of subscriptions) {
        const publication = this.#publications.get(topic.slice(PREFIX.length))
        if (publication === undefined) continue
        publication.isWanted = true
      }
    })
    // A session that goes on is not subscribed again.
    broker.on('client', (client) => {
      const publication = this.#publications.get(client.id.slice(client.id.indexOf(PREFIX) + PREFIX.length))
      publication?.clients.add(client)
      if (publication?.isOffline === true) client.close()
    })
    broker.on('clientDisconnect', (client) => {
      for (const { clients } of this.#publications.values()) clients.delete(client)
    })
    // A client that a page has left says no goodbye.
    broker.on('clientError', (client) => client.close())
    broker.on('connectionError', (client) => client.close())
  }

  static async open(): Promise<MqttBroker> {
    const broker = await Aedes.createBroker()
    markRepeats(broker)
    return new MqttBroker(broker)
  }

  /** Takes a connection that speaks MQTT. */
  take(socket: WebSocket): void {
    const stream = createWebSocketStream(socket)
    stream.on('error', () => socket.terminate())
    this.#broker.handle(stream)
  }

  /** The log to publish on the topic of `id`. One that is published already goes on where it is, by the new description. */
  publish(id: string, log: FeedLog): void {
    const known = this.#publications.get(id)
    if (known === undefined) {
      this.#publications.set(id, { log, feed: null, pending: 0, isOffline: false, isWanted: false, clients: new Set() })
      return
    }
    known.log = log
    if (known.feed !== null) known.feed = this.#feed(id, known, known.feed.next)
  }

  offline(id: string, isOffline: boolean): void {
    const publication = this.#publications.get(id)
    if (publication === undefined) return
    publication.isOffline = isOffline
    if (isOffline) for (const client of publication.clients) client.close()
  }

  pump(nowMs: number): void {
    for (const [id, publication] of this.#publications) {
      if (!publication.isWanted) continue
      publication.feed ??= this.#feed(id, publication, 0)
      if (publication.pending < PENDING_MAX) publication.feed.pump(nowMs)
    }
  }

  forget(id: string): void {
    this.#publications.delete(id)
  }

  close(): void {
    this.#broker.close()
  }

  #feed(id: string, publication: Publication, from: number): Feed {
    const send = (message: string) => {
      publication.pending++
      const packet: PublishPacket = { cmd: 'publish', topic: `${PREFIX}${id}`, payload: message, qos: 1, retain: false, dup: false }
      this.#broker.publish(packet, () => publication.pending--)
    }
    return new Feed({ log: publication.log, from, carrier: { send, backlogBytes: 0 } })
  }
}

/** What aedes keeps for a session. It is not part of its declared types. */
interface WithPersistence {
  readonly persistence: { outgoingStream(client: Client): Readable }
}

/**
 * A message that is sent once more must say so (MQTT 3.1.1, 3.3.1.1), because by that alone a reader can tell it from a new one. aedes 1.2.0 repeats
 * under the same identifier, and without the mark.
 */
function markRepeats(broker: Aedes): void {
  const { persistence } = broker as unknown as WithPersistence
  const outgoingStream = persistence.outgoingStream.bind(persistence)
  persistence.outgoingStream = (client) =>
    outgoingStream(client).map((packet: { messageId?: number; dup: boolean }) => {
      // One that has an identifier was sent before.
      if (packet.messageId !== undefined && packet.messageId !== 0) packet.dup = true
      return packet
    })
}
