/**
 * Records from an MQTT broker, through the package `mqtt`, over TCP, TLS or WebSocket.
 *
 * Before: the broker. After: message/inbox. Message-acknowledgements do the work of a resume token: the broker keeps what was not acknowledged, as
 * long as the session has a `clientId` of its own, and a message is acknowledged once it is in the journal.
 *
 * Invariant: a message of QoS 1 or 2 is acknowledged after it is settled, and not delivered twice to the inbox when the broker repeats it.
 */

import type { IClientOptions, IConnackPacket, MqttClient } from 'mqtt'
import { ConfigError, ConnectorError } from '../../runtime/errors.ts'
import type { Source, SourceContext } from '../../runtime/source/source.ts'
import { Backoff, type BackoffOptions } from '../message/backoff.ts'
import { type AttemptControl, Connection, type ConnectionEvent, type Outcome } from '../message/connection.ts'
import type { Inbox } from '../message/inbox.ts'
import { type MessageOptions, messageSource } from '../message/message-source.ts'
import { Acknowledgements } from './acknowledgements.ts'

export interface MqttSourceOptions extends MessageOptions {
  /** Topics or filters, such as `devices/+/readings`. */
  readonly topics: string | readonly string[]
  /** Quality of service that is asked for; default 1. */
  readonly qos?: 0 | 1 | 2
  /**
   * Name of the session at the broker, unique among its clients. With one the session is persistent: the broker keeps messages of QoS 1 and 2 while
   * the job is away. Default: none, and a session that ends with the connection.
   */
  readonly clientId?: string
  /** The column that gets the topic of each message. */
  readonly topicColumn?: string
  /**
   * When messages of QoS 1 are acknowledged, if there is no journal. `checkpoint` (default of jobs with checkpoints): once a checkpoint covers
   * them; the broker must then allow as many messages in flight as come between two checkpoints. `arrival`: at once, so that what was not
   * processed is lost in a crash.
   */
  readonly acknowledge?: 'checkpoint' | 'arrival'
  /** How long it waits before it connects again. */
  readonly backoff?: BackoffOptions
  /** More options of `mqtt.connect`: user name and password, certificates, protocol version, will. */
  readonly connection?: Omit<IClientOptions, 'clientId' | 'clean' | 'reconnectPeriod' | 'incomingStore' | 'manualConnect'>
  /** Told when the connection opens and when it is lost. */
  readonly onConnection?: (event: ConnectionEvent) => void
  /** The module `mqtt`, for programs that load it themselves; default: `import('mqtt')`. */
  readonly mqtt?: MqttModule
}

/** What of the module `mqtt` is used. */
export interface MqttModule {
  connect(url: string, options: IClientOptions): MqttClient
}

/**
 * Records from an MQTT broker. The payload is decoded as `decode` says, by default as JSON: an object, or an array of objects.
 *
 * It is live. The broker is held back while too much waits. With `journal`, `clientId` and QoS 1 or 2 nothing is lost or doubled by a crash: messages
 * are acknowledged once they are in the journal, and what the broker repeats is recognised. Without a journal they are acknowledged once a checkpoint
 * covers them, and may come twice. A repetition is recognised by its flag DUP, which MQTT demands and which the broker aedes does not set. A user's own client connects, and connects again, by itself; the source subscribes and handles its messages while
 * the job runs, and what comes on these topics when none runs is lost to it.
 *
 * @param broker - `mqtt://`, `mqtts://`, `ws://` or `wss://` (browsers: the last two), or a client of the package `mqtt` 5.
 * @throws ConfigError `SOURCE_OPTION_INVALID`. The job fails with ConfigError `PEER_MISSING` without the package `mqtt`, ConnectorError
 * `SOURCE_REFUSED` when the broker refuses connection or subscription, `SOURCE_UNREACHABLE`.
 * @example
 * const sources = {
 *   readings: mqttSource('mqtt://broker.local', { topics: 'devices/+/readings', clientId: 'line-4', journal: true, topicColumn: 'topic' }),
 * }
 */
export function mqttSource(broker: string | URL | MqttClient, options: MqttSourceOptions): Source {
  const backoff = new Backoff(options.backoff)
  const { qos = 1, clientId, topics } = options
  if (typeof topics !== 'string' && !(Array.isArray(topics) && topics.length > 0))
    throw invalid('topics', topics, 'a topic, or a list of topics')
  if (![0, 1, 2].includes(qos)) throw invalid('qos', qos, '0, 1 or 2')
  const isOwnClient = typeof broker === 'object' && !(broker instanceof URL)
  const isKept = qos > 0 && (isOwnClient || clientId !== undefined) && options.acknowledge !== 'arrival'
  return messageSource(
    {
      kind: 'mqtt',
      canBlock: true,
      redelivers: isKept,
      hasTokens: false,
      topicColumn: options.topicColumn ?? null,
      connect: (inbox, context) => {
        const session = new MqttSession(options, inbox, context)
        if (isOwnClient) return session.join(broker)
        const { onConnection } = options
        return new Connection({ inbox, context, backoff, onConnection, attempt: (control) => session.attempt(String(broker), control) })
      },
    },
    options,
  )
}

/** Codes of a CONNACK after which the same attempt would end the same way: MQTT 3.1.1 (1, 2, 4, 5) and 5. */
const REFUSALS: ReadonlySet<number> = new Set([1, 2, 4, 5, 0x81, 0x82, 0x84, 0x85, 0x86, 0x87, 0x8a, 0x8c, 0x90, 0x95, 0x9d])

class MqttSession {
  readonly #options: MqttSourceOptions
  readonly #inbox: Inbox
  readonly #context: SourceContext
  readonly #acknowledgements: Acknowledgements

  constructor(options: MqttSourceOptions, inbox: Inbox, context: SourceContext) {
    this.#options = options
    this.#inbox = inbox
    this.#context = context
    this.#acknowledgements = new Acknowledgements({
      inbox,
      isHeldBack: (options.whenFull ?? 'block') === 'block',
      isAtOnce: options.acknowledge === 'arrival',
    })
  }

  /** One connection, from its making to its end. */
  async attempt(url: string, control: AttemptControl): Promise<Outcome> {
    const { connection, clientId, mqtt = await loadMqtt() } = this.#options
    await this.#acknowledgements.open()
    if (control.signal.aborted) return { kind: 'ended' }
    const client = mqtt.connect(url, {
      ...connection,
      ...(clientId === undefined ? {} : { clientId }),
      clean: clientId === undefined,
      ...(connection?.protocolVersion === 5 && clientId !== undefined
        ? { properties: { sessionExpiryInterval: 0xffff_ffff, ...connection.properties } }
        : {}),
      // Connecting again is ours: with growing waits, and a place where its end is seen.
      reconnectPeriod: 0,
    })
    this.#acknowledgements.attach(client, () => true)
    try {
      return await this.#listen(client, control)
    } finally {
      this.#acknowledgements.hold(client)
      client.removeAllListeners()
      client.on('error', () => {})
      await new Promise<void>((resolve) => {
        // A broker that hangs must not hang the job; one that answers is told.
        void this.#context.clock.sleep(500).then(resolve)
        client.end(!client.connected, {}, () => resolve())
      })
      this.#acknowledgements.detach(client)
    }
  }

  #listen(client: MqttClient, control: AttemptControl): Promise<Outcome> {
    return new Promise<Outcome>((resolve) => {
      let reason = 'the connection was closed'
      client.on('connect', (packet) => {
        control.opened()
        control.proved()
        this.#subscribe(client, packet).catch((error: unknown) => resolve({ kind: 'refused', error: error as Error }))
      })
      client.on('error', (error) => {
        reason = error.message
        const code = (error as { readonly code?: unknown }).code
        if (typeof code === 'number' && REFUSALS.has(code))
          resolve({ kind: 'refused', error: this.#refused(`connection: ${error.message}`, code) })
      })
      client.on('disconnect', (packet) => {
        reason = `the broker disconnected (reason code ${packet.reasonCode ?? 0})`
      })
      client.on('close', () => resolve({ kind: 'lost', reason }))
      control.signal.addEventListener('abort', () => resolve({ kind: 'ended' }), { once: true })
    })
  }

  /** Uses a client of the user, which connects again by itself. */
  join(client: MqttClient): { close(): Promise<void> } {
    const topics = topicsOf(this.#options)
    const matches = topics.map(matcherOf)
    const subscribe = (packet: IConnackPacket | null) => {
      this.#options.onConnection?.({ state: 'open', reason: '', attempt: 0, delayMs: 0 })
      this.#subscribe(client, packet).catch((error: unknown) => this.#inbox.fail(error as Error))
    }
    const lost = () => this.#options.onConnection?.({ state: 'lost', reason: 'the connection was closed', attempt: 1, delayMs: 0 })
    const opened = this.#acknowledgements.open().then(
      () => {
        this.#acknowledgements.attach(client, (topic) => matches.some((isMatch) => isMatch(topic)))
        client.on('connect', subscribe)
        client.on('close', lost)
        if (client.connected) subscribe(null)
      },
      (error: unknown) => this.#inbox.fail(error as Error),
    )
    return {
      close: async () => {
        await opened
        this.#acknowledgements.detach(client)
        client.off('connect', subscribe)
        client.off('close', lost)
      },
    }
  }

  async #subscribe(client: MqttClient, packet: IConnackPacket | null): Promise<void> {
    this.#acknowledgements.connected(packet?.sessionPresent === true)
    const { qos = 1 } = this.#options
    // Retained messages that were seen before the connection was lost are not wanted again.
    const subscription = client.options.protocolVersion === 5 ? { qos, rh: packet?.sessionPresent === true ? 1 : 0 } : { qos }
    const granted = await client.subscribeAsync([...topicsOf(this.#options)], subscription).catch((error: unknown) => {
      // The connection was lost before the answer: the next one asks again.
      if (!client.connected) return []
      throw this.#refused(`subscription: ${error instanceof Error ? error.message : String(error)}`, 0x80)
    })
    const refused = granted.find((grant) => grant.qos >= 0x80)
    if (refused !== undefined) throw this.#refused(`subscription to ${refused.topic}`, refused.qos)
  }

  #refused(what: string, code: number): ConnectorError {
    const message = `The broker of source ${this.#context.name} refused the ${what} (code ${code}); check name, password and permissions`
    return new ConnectorError('SOURCE_REFUSED', message, { details: { reasonCode: code } })
  }
}

async function loadMqtt(): Promise<MqttModule> {
  try {
    const module: { readonly default?: MqttModule } & Partial<MqttModule> = await import('mqtt')
    return module.connect === undefined ? module.default! : (module as MqttModule)
  } catch (cause) {
    throw new ConfigError('PEER_MISSING', 'Cannot load the package mqtt, which mqttSource needs; run `npm install mqtt`', { cause })
  }
}

function topicsOf({ topics }: MqttSourceOptions): readonly string[] {
  return typeof topics === 'string' ? [topics] : topics
}

/** Whether a topic matches a filter: `+` is one level, `#` all that follow. */
function matcherOf(filter: string): (topic: string) => boolean {
  // Of a shared subscription the filter is what follows the name of the group.
  const levels = filter.replace(/^\$share\/[^/]+\//, '').split('/')
  return (topic) => {
    const given = topic.split('/')
    for (const [index, level] of levels.entries()) {
      if (level === '#') return true
      if (index >= given.length || (level !== '+' && level !== given[index])) return false
    }
    return levels.length === given.length
  }
}

function invalid(option: string, found: unknown, wanted: string): ConfigError {
  return new ConfigError('SOURCE_OPTION_INVALID', `Cannot use ${option}: ${String(found)} for mqttSource; it must be ${wanted}`)
}
