import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { memoryCheckpoints } from '../../adapters/memory-store.ts'
import { EventStreamParser, type ServerEvent } from '../../adapters/web/event-stream-parser.ts'
import { type ConnectionEvent, eventSource } from '../../adapters/web/index.ts'
import { systemClock } from '../../runtime/clock.ts'
import { collectSink } from '../../runtime/sink/callback-sink.ts'
import { FaultyStore } from '../support/faulty-store.ts'
import { Prng } from '../support/prng.ts'
import { collect, type Collected, until } from './message-support.ts'
import { type Reading, readings } from './readings.ts'

const backoff = { least: '5ms', most: '60ms' } as const

/** A server of readings as events: `id` is the last reading of an event, and it goes on behind `Last-Event-ID`. */
class EventServer {
  #server: Server | null = null
  port = 0
  available = 0
  perEvent = 20
  /** `Last-Event-ID` of every request. */
  readonly asked: (string | undefined)[] = []
  readonly responses = new Set<ServerResponse>()
  answer: (request: IncomingMessage, response: ServerResponse) => void = (request, response) => void this.#stream(request, response)

  async start(): Promise<this> {
    const server = createServer((request, response) => {
      this.asked.push(request.headers['last-event-id'] as string | undefined)
      this.answer(request, response)
    })
    server.listen(this.port, '127.0.0.1')
    await once(server, 'listening')
    this.port = (server.address() as AddressInfo).port
    this.#server = server
    return this
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/events`
  }

  async #stream(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' })
    response.flushHeaders()
    this.responses.add(response)
    response.on('close', () => this.responses.delete(response))
    for (let next = Number(request.headers['last-event-id'] ?? -1) + 1; !response.destroyed && !response.writableEnded; ) {
      if (next >= this.available || response.writableLength > 1 << 18) {
        await systemClock.sleep(2)
        continue
      }
      const to = Math.min(this.available, next - (next % this.perEvent) + this.perEvent)
      response.write(`: a comment\nid: ${to - 1}\ndata: ${JSON.stringify(readings(next, to))}\n\n`)
      next = to
    }
  }

  cut(): void {
    for (const response of this.responses) response.destroy()
  }

  async stop(): Promise<void> {
    const server = this.#server
    this.#server = null
    if (server === null) return
    this.cut()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
}

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup().catch(() => {})
})
async function newServer(): Promise<EventServer> {
  const server = await new EventServer().start()
  cleanups.push(() => server.stop())
  return server
}
async function newRun(...args: Parameters<typeof collect>): Promise<Collected> {
  const collected = await collect(...args)
  cleanups.push(() => collected.run.stop())
  return collected
}
const recordsIn = async ({ run }: Collected) => (await run.status()).sources[0]!.recordsIn

test('a server that breaks off, dies and comes back: every row once, asked for behind the last id', async () => {
  const server = await newServer()
  const events: ConnectionEvent[] = []
  const collected = await newRun(eventSource(server.url, { backoff, onConnection: (event) => events.push(event) }))
  for (let round = 1; round <= 9; round++) {
    server.available += 400
    await until(() => server.responses.size > 0, collected.run)
    await systemClock.sleep(10)
    if (round % 3 === 0) {
      await server.stop()
      await systemClock.sleep(40)
      await server.start()
    } else server.cut()
  }
  await until(async () => (await recordsIn(collected)) >= 3_600, collected.run)
  await collected.run.stop()
  expect(collected.rows).toEqual(readings(0, 3_600))
  expect(server.asked[0]).toBeUndefined()
  expect(server.asked.length).toBeGreaterThan(6)
  expect(events.some(({ state }) => state === 'lost')).toBe(true)
})

test.each<[string, object]>([
  ['alone', {}],
  ['and a journal', { journal: true }],
])('a job that dies and starts again, with ids %s, has every row once', async (_, options) => {
  const server = await newServer()
  const store = memoryCheckpoints()
  const sink = collectSink()
  const prng = new Prng(3)
  for (let life = 0; life < 6; life++) {
    const mortal = new FaultyStore(store, () => null)
    const { run } = await newRun(eventSource(server.url, { backoff, ...options }), { sink, checkpoints: { store: mortal, every: '10ms' } })
    server.available += 1_000
    await systemClock.sleep(10 + prng.int(50))
    if (life % 2 === 0) await run.stop()
    else {
      mortal.crash()
      await run.finished.catch(() => {})
    }
  }
  const { run } = await newRun(eventSource(server.url, { backoff, ...options }), { sink, checkpoints: { store, every: '10ms' } })
  await until(() => sink.rows.length >= 6_000, run)
  await run.stop()
  expect((sink.rows as unknown as Reading[]).map(({ n }) => n)).toEqual(readings(0, 6_000).map(({ n }) => n))
})

test('a slow consumer holds the server back', async () => {
  const server = await newServer()
  server.available = 30_000
  let isSlow = true
  const rows: Reading[] = []
  const sink = {
    kind: 'slow',
    delivery: 'at-least-once' as const,
    open: async () => ({
      write: async (batch: { readonly rowCount: number; row(index: number): unknown }) => {
        for (let row = 0; row < batch.rowCount; row++) rows.push(batch.row(row) as Reading)
        await systemClock.sleep(isSlow ? 20 : 0)
      },
      prepare: async () => ({}),
      commit: async () => {},
      finish: async () => {},
      close: async () => {},
    }),
  }
  const collected = await newRun(eventSource(server.url, { backoff, bufferMax: 30_000 }), { sink: sink as never })
  await systemClock.sleep(200)
  isSlow = false
  await until(() => rows.length >= 30_000, collected.run)
  expect(rows.map(({ n }) => n)).toEqual(readings(0, 30_000).map(({ n }) => n))
  expect(server.asked).toHaveLength(1)
})

describe('what the server answers', () => {
  test.each([
    [404, 'SOURCE_MISSING'],
    [410, 'SOURCE_MISSING'],
    [401, 'SOURCE_UNREADABLE'],
    [403, 'SOURCE_UNREADABLE'],
    [400, 'SOURCE_REFUSED'],
  ])('%d: %s, and it is not asked again', async (status, code) => {
    const server = await newServer()
    server.answer = (_, response) => response.writeHead(status).end('no')
    const { run } = await newRun(eventSource(server.url, { backoff }))
    await expect(run.finished).rejects.toMatchObject({ name: 'ConnectorError', code, details: { status } })
    expect(server.asked).toHaveLength(1)
  })

  test.each([429, 500, 503])('%d: it is asked again', async (status) => {
    const server = await newServer()
    const answer = server.answer
    server.answer = (request, response) => (server.asked.length < 3 ? response.writeHead(status).end() : answer(request, response))
    server.available = 100
    const collected = await newRun(eventSource(server.url, { backoff }))
    await until(async () => (await recordsIn(collected)) === 100, collected.run)
  })

  test('204 ends the source', async () => {
    const server = await newServer()
    server.answer = (_, response) => response.writeHead(204).end()
    const { run } = await newRun(eventSource(server.url, { backoff }))
    expect((await run.finished).state).toBe('ended')
  })

  test('another content type is refused', async () => {
    const server = await newServer()
    server.answer = (_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<p>')
    const { run } = await newRun(eventSource(server.url, { backoff }))
    await expect(run.finished).rejects.toMatchObject({ code: 'SOURCE_REFUSED', details: { contentType: 'text/html' } })
  })

  test('retry says how long to wait; events of other types, comments and an event without an end are passed over', async () => {
    const server = await newServer()
    const times: number[] = []
    server.answer = (_, response) => {
      times.push(systemClock.monotonic())
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      const rows = JSON.stringify(readings(0, 1))
      response.end(`retry: 80\n\nevent: ping\ndata: not json\n\ndata: ${rows}\nid: 0\n\ndata: ${rows}`)
    }
    const collected = await newRun(eventSource(server.url, { backoff }))
    await until(() => times.length === 3, collected.run)
    await collected.run.stop()
    expect(times[1]! - times[0]!).toBeGreaterThan(70)
    expect(collected.deadLetters).toEqual([])
    expect(collected.rows.slice(0, 2)).toEqual([...readings(0, 1), ...readings(0, 1)])
  })
})

test('silence beyond idleTimeout makes the connection anew; comments are no silence', async () => {
  const server = await newServer()
  server.answer = async (_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    for (let beat = 0; beat < 8; beat++) {
      response.write(': beat\n')
      await systemClock.sleep(40)
    }
  }
  const { run } = await newRun(eventSource(server.url, { backoff, idleTimeout: '150ms' }))
  await systemClock.sleep(250)
  expect(server.asked).toHaveLength(1)
  await until(() => server.asked.length === 2, run)
})

describe('the parser', () => {
  const parse = (pieces: readonly string[]): ServerEvent[] => {
    const parser = new EventStreamParser(null)
    return pieces.flatMap((piece) => parser.push(piece))
  }
  // Cases of the standard, and of what servers send.
  const cases: [string, string, Partial<ServerEvent>[]][] = [
    ['two events', 'data: a\n\ndata: b\n\n', [{ data: 'a' }, { data: 'b' }]],
    ['several lines', 'data: YHOO\ndata: +2\ndata: 10\n\n', [{ data: 'YHOO\n+2\n10' }]],
    [
      'ids stay',
      ': comment\n\ndata: first\nid: 1\n\ndata: second\nid\n\ndata:  third\n\n',
      [
        { data: 'first', id: '1' },
        { data: 'second', id: '' },
        { data: ' third', id: '' },
      ],
    ],
    ['empty data', 'data\n\ndata\ndata\n\ndata:', [{ data: '' }, { data: '\n' }]],
    ['one space is taken away', 'data:test\n\ndata: test\n\n', [{ data: 'test' }, { data: 'test' }]],
    ['line ends', 'data: a\r\n\r\ndata: b\r\rdata: c\n\n', [{ data: 'a' }, { data: 'b' }, { data: 'c' }]],
    ['types', 'event: x\ndata: 1\n\ndata: 2\n\n', [{ type: 'x' }, { type: 'message' }]],
    ['byte order mark', '\uFEFFdata: a\n\n', [{ data: 'a' }]],
    ['an id with NUL is no id', 'id: a\0b\ndata: 1\n\n', [{ id: null }]],
    ['no data, no event', 'id: 7\nevent: x\n\ndata: 1\n\n', [{ id: '7', type: 'message' }]],
    ['other fields', 'foo: bar\nretry: soon\ndata: 1\n\n', [{ data: '1' }]],
  ]
  test.each(cases)('%s', (_, text, expected) => {
    expect(parse([text])).toMatchObject(expected)
    expect(parse([text])).toHaveLength(expected.length)
    // However it is cut.
    expect(parse([...text])).toEqual(parse([text]))
    for (let cut = 1; cut < text.length; cut++) expect(parse([text.slice(0, cut), text.slice(cut)])).toEqual(parse([text]))
  })
})
