/**
 * Real MQTT brokers for tests: aedes within the process, over TCP and WebSocket, and mosquitto as a process of its own.
 *
 * Before: tests of the MQTT source. After: sockets.
 *
 * Invariant: a broker that was stopped and started again listens on the same port and has the same sessions.
 */

import { Aedes } from 'aedes'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, connect as connectTo, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import mqtt, { type MqttClient } from 'mqtt'
import { createWebSocketStream, WebSocketServer } from 'ws'
import { systemClock } from '../../runtime/clock.ts'
import { type Reading, readingOf } from './readings.ts'

export interface Broker {
  readonly url: string
  /** Breaks all connections of clients. */
  cut(): void
  stop(): Promise<void>
  start(): Promise<void>
  close(): Promise<void>
}

/** A broker in this process. */
export async function aedesBroker(transport: 'tcp' | 'ws', authenticate?: (name: string | undefined) => boolean): Promise<Broker> {
  const aedes = await Aedes.createBroker(
    authenticate === undefined ? {} : { authenticate: (_client, name, _password, done) => done(null, authenticate(name)) },
  )
  const sockets = new Set<Socket>()
  let server: Server
  let port = 0
  const broker = {
    get url() {
      return transport === 'tcp' ? `mqtt://127.0.0.1:${port}` : `ws://127.0.0.1:${port}`
    },
    cut() {
      for (const socket of sockets) socket.destroy()
    },
    async start() {
      if (transport === 'tcp') server = createServer(aedes.handle as (socket: Socket) => void)
      else {
        const http = createHttpServer()
        new WebSocketServer({ server: http, handleProtocols: () => 'mqtt' }).on('connection', (socket, request) => {
          aedes.handle(createWebSocketStream(socket), request)
        })
        server = http
      }
      server.on('connection', (socket) => {
        sockets.add(socket)
        socket.on('close', () => sockets.delete(socket))
      })
      server.listen(port, '127.0.0.1')
      await once(server, 'listening')
      port = (server.address() as AddressInfo).port
    },
    async stop() {
      broker.cut()
      await new Promise((resolve) => server.close(resolve))
    },
    async close() {
      await broker.stop()
      await new Promise<void>((resolve) => aedes.close(() => resolve()))
    },
  }
  await broker.start()
  return broker
}

const MOSQUITTO = process.env['MILLRACE_MOSQUITTO'] ?? '/usr/sbin/mosquitto'

/** The broker mosquitto, with sessions on disk. @throws Error when it is not installed. */
export async function mosquittoBroker(): Promise<Broker> {
  if (!existsSync(MOSQUITTO)) throw new Error(`There is no ${MOSQUITTO}: apt-get install mosquitto, or set MILLRACE_MOSQUITTO to its path`)
  const directory = mkdtempSync(join(tmpdir(), 'millrace-mosquitto-'))
  const port = await freePort()
  const config = join(directory, 'mosquitto.conf')
  // By default it drops what queues beyond 1,000 messages.
  const settings = [`listener ${port} 127.0.0.1`, 'allow_anonymous true', 'persistence true', `persistence_location ${directory}/`]
  writeFileSync(config, [...settings, 'max_queued_messages 0', 'max_inflight_messages 200', 'autosave_interval 1', ''].join('\n'))
  if (process.getuid?.() === 0) execFileSync('chmod', ['777', directory])
  let child: ChildProcess | null = null
  const broker = {
    url: `mqtt://127.0.0.1:${port}`,
    cut: () => {},
    async start() {
      child = spawn(MOSQUITTO, ['-c', config], { stdio: 'ignore' })
      for (;;) {
        const socket = connectTo(port, '127.0.0.1')
        const isThere = await Promise.race([once(socket, 'connect').then(() => true), once(socket, 'error').then(() => false)]).catch(
          () => false,
        )
        socket.destroy()
        if (isThere) return
        await systemClock.sleep(20)
      }
    },
    async stop() {
      const stopping = child!
      child = null
      stopping.kill('SIGTERM')
      await once(stopping, 'exit')
    },
    async close() {
      if (child !== null) await broker.stop()
      rmSync(directory, { recursive: true, force: true })
    },
  }
  await broker.start()
  return broker
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** A client that publishes readings, each in a message of its own on the topic of its device, or several in one message. */
export class Publisher {
  readonly #client: MqttClient
  sent = 0

  private constructor(client: MqttClient) {
    this.#client = client
  }

  static async connect(url: string): Promise<Publisher> {
    return new Publisher(await mqtt.connectAsync(url, { reconnectPeriod: 20 }))
  }

  async publish(count: number, qos: 0 | 1 | 2 = 1, perMessage = 1): Promise<void> {
    for (const end = this.sent + count; this.sent < end; ) {
      const rows: Reading[] = Array.from({ length: Math.min(perMessage, end - this.sent) }, (_, index) => readingOf(this.sent + index))
      await this.#client.publishAsync(`devices/${rows[0]!.device}/readings`, JSON.stringify(perMessage === 1 ? rows[0] : rows), { qos })
      this.sent += rows.length
    }
  }

  async close(): Promise<void> {
    await this.#client.endAsync(true)
  }
}
