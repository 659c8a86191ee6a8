/**
 * Messages of an MQTT client, acknowledged when they are settled and not when they arrive.
 *
 * Before: the client hands each message over and would acknowledge it. After: the inbox, which says when it is settled.
 *
 * QoS 1: the client is told that the message was not handled, so that it sends nothing, and goes on; the PUBACK follows when the message is settled.
 * So many can be on their way into the journal at once. QoS 2: a message is delivered when it arrives first, and its PUBREC is held back until it
 * is settled; what the client then keeps until the PUBREL is nothing but the identifier. A broker repeats what it has no acknowledgement of when the
 * session goes on: a repeated message is known by its identifier and content, after a restart from the journal.
 *
 * Invariant: a message that is repeated is acknowledged, and delivered once.
 */

import type { IPublishPacket, MqttClient } from 'mqtt'
import { hashBytes } from '../../runtime/dictionary.ts'
import { ConfigError } from '../../runtime/errors.ts'
import type { Inbox } from '../message/inbox.ts'

export interface AcknowledgementsOptions {
  readonly inbox: Inbox
  /** Whether the client waits while the inbox is full. */
  readonly isHeldBack: boolean
  /** Whether messages are acknowledged when they arrive. */
  readonly isAtOnce: boolean
}

/** How many of the last messages are remembered: more than brokers keep unacknowledged. */
const REMEMBERED = 4_096

type Callback = (error?: Error) => void
type Handler = MqttClient['handleMessage']
/** What sends packets in a client of the package: not public, and without it there is no acknowledgement but at once. */
interface Sending {
  _sendPacket?(packet: { readonly cmd: 'puback'; readonly messageId: number }): void
}

const encoder = new TextEncoder()
/** Tells the client not to acknowledge: it looks at nothing but that there is an error. */
const NOT_YET = new Error('acknowledged later')

export class Acknowledgements {
  readonly #options: AcknowledgementsOptions
  /** Content of the last messages, by identifier, oldest first; with a promise of when they are settled. */
  readonly #known = new Map<number, { readonly fingerprint: number; isSettled: boolean; waiting: (() => void)[] }>()
  readonly #attached = new Map<MqttClient, { readonly handler: Handler; readonly store: MqttClient['incomingStore'] }>()
  #isOpen = false
  /** Whether the session went on: then retained messages are not new. */
  #isResumed = false

  constructor(options: AcknowledgementsOptions) {
    this.#options = options
  }

  /** Looks up the messages that were journaled last. */
  async open(): Promise<void> {
    if (this.#isOpen) return
    this.#isOpen = true
    for (const { content, token, topic } of await this.#options.inbox.lastJournaled(REMEMBERED)) {
      if (typeof token === 'number' && content instanceof Uint8Array) this.#remember(token, fingerprintOf(topic ?? '', content), true)
    }
  }

  connected(isResumed: boolean): void {
    this.#isResumed = isResumed
  }

  /** Handles the messages of a client on topics that are wanted. @throws ConfigError `PEER_UNSUPPORTED` */
  attach(client: MqttClient, isWanted: (topic: string) => boolean): void {
    if (typeof (client as unknown as Sending)._sendPacket !== 'function') {
      throw new ConfigError('PEER_UNSUPPORTED', 'This client of the package mqtt cannot acknowledge messages later; install mqtt 5')
    }
    const handler = client.handleMessage.bind(client)
    const store = client.incomingStore
    this.#attached.set(client, { handler, store })
    client.handleMessage = (packet, callback) => {
      if (!isWanted(packet.topic)) handler(packet, callback)
      else if (packet.qos === 1) void this.#once(client, packet, callback)
      // QoS 2 was delivered when it was stored.
      else if (packet.qos === 2) callback()
      else void this.#deliver(packet, null).then(() => callback())
    }
    const put = store.put.bind(store)
    store.put = (packet, callback) => {
      const publish = packet as IPublishPacket
      // The store keeps the identifier alone: the client asks for it at the PUBREL.
      if (packet.cmd === 'publish' && isWanted(publish.topic))
        void this.#twice(publish).then(() => put({ ...publish, payload: new Uint8Array(0) } as never, callback))
      else put(packet, callback)
      return store
    }
  }

  /** Takes and acknowledges nothing more of a client that is about to end: the broker keeps it. */
  hold(client: MqttClient): void {
    if (!this.#attached.has(client)) return
    client.handleMessage = () => {}
    client.incomingStore.put = () => client.incomingStore
  }

  /** Gives a client back its own way with messages. */
  detach(client: MqttClient): void {
    const attached = this.#attached.get(client)
    if (attached === undefined) return
    this.#attached.delete(client)
    client.handleMessage = attached.handler
    Reflect.deleteProperty(attached.store, 'put')
  }

  /** QoS 1: the PUBACK follows when the message is settled, if the client still has the connection. */
  async #once(client: MqttClient, packet: IPublishPacket, callback: Callback): Promise<void> {
    const messageId = packet.messageId!
    if (this.#options.isAtOnce) {
      await this.#deliver(packet, null)
      return callback()
    }
    const settled = () => {
      if (client.connected && this.#attached.has(client)) (client as unknown as Required<Sending>)._sendPacket({ cmd: 'puback', messageId })
    }
    if (!this.#isRepeated(packet, settled)) await this.#deliver(packet, settled)
    callback(NOT_YET)
  }

  /** QoS 2: resolves when the PUBREC may be sent. */
  async #twice(packet: IPublishPacket): Promise<void> {
    await new Promise<void>((resolve) => {
      // Without a journal nothing settles before a checkpoint, and the client handles one message at a time.
      const isAtOnce = this.#options.isAtOnce || !this.#options.inbox.hasJournal
      const settled = isAtOnce ? null : resolve
      if (this.#isRepeated(packet, resolve)) return
      void this.#deliver(packet, settled).then(isAtOnce ? resolve : () => {})
    })
  }

  /** Whether the message was delivered before; then `settled` is called when that one is. */
  #isRepeated(packet: IPublishPacket, settled: () => void): boolean {
    if (packet.retain && this.#isResumed) {
      settled()
      return true
    }
    const known = this.#known.get(packet.messageId!)
    if (!packet.dup || known === undefined || known.fingerprint !== fingerprintOf(packet.topic, bytesOf(packet.payload))) return false
    if (known.isSettled) settled()
    else known.waiting.push(settled)
    return true
  }

  /** @param settled - Called when the message need not be repeated; null: nobody waits for that. */
  async #deliver(packet: IPublishPacket, settled: (() => void) | null): Promise<void> {
    const { inbox, isHeldBack } = this.#options
    const content = bytesOf(packet.payload)
    const { messageId, topic } = packet
    const entry =
      messageId === undefined || packet.qos === 0 ? null : this.#remember(messageId, fingerprintOf(topic, content), settled === null)
    inbox.deliver({
      content,
      token: packet.qos === 0 ? null : (messageId ?? null),
      topic,
      ...(settled === null
        ? {}
        : {
            settled: () => {
              settled()
              if (entry === null) return
              entry.isSettled = true
              for (const wake of entry.waiting.splice(0)) wake()
            },
          }),
    })
    if (isHeldBack && inbox.isFull) await inbox.room()
  }

  #remember(messageId: number, fingerprint: number, isSettled: boolean) {
    const entry = { fingerprint, isSettled, waiting: [] as (() => void)[] }
    this.#known.delete(messageId)
    this.#known.set(messageId, entry)
    if (this.#known.size > REMEMBERED) this.#known.delete(this.#known.keys().next().value!)
    return entry
  }
}

function bytesOf(payload: string | Uint8Array): Uint8Array {
  // A copy: the client's buffer may be a piece of a larger one.
  return typeof payload === 'string' ? encoder.encode(payload) : new Uint8Array(payload)
}

/** Of topic and content: 53 bits, so that two messages under one identifier are told apart. */
function fingerprintOf(topic: string, content: Uint8Array): number {
  const name = encoder.encode(topic)
  const high = hashBytes(content, 0, content.length) & 0x1f_ffff
  const low =
    (hashBytes(name, 0, name.length) ^ Math.imul(hashBytes(content, content.length >> 1, content.length), 0x9e3779b1) ^ content.length) >>>
    0
  return high * 2 ** 32 + low
}
