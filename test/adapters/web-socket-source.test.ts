import { once } from 'node:events'
import { afterEach, describe, expect, test } from 'vitest'
import { WebSocket as PackageSocket, WebSocketServer } from 'ws'
import type { AddressInfo } from 'node:net'
import { memoryCheckpoints } from '../../adapters/memory-store.ts'
import { type ConnectionEvent, webSocketSource, type WebSocketLike } from '../../adapters/web/index.ts'
import { systemClock } from '../../runtime/clock.ts'
import { collectSink } from '../../runtime/sink/callback-sink.ts'
import { FaultyStore } from '../support/faulty-store.ts'
import { Prng } from '../support/prng.ts'
import { collect, type Collected, until } from './message-support.ts'
import { type Reading, ReadingServer, type ReadingServerOptions, readings } from './readings.ts'

const backoff = { least: '5ms', most: '60ms' } as const

const servers: ReadingServer[] = []
const runs: Collected[] = []
afterEach(async () => {
  for (const { run } of runs.splice(0)) await run.stop().catch(() => {})
  for (const server of servers.splice(0)) await server.stop()
})
async function newServer(options: ReadingServerOptions = {}): Promise<ReadingServer> {
  const server = await new ReadingServer(options).start()
  servers.push(server)
  return server
}
async function newRun(...args: Parameters<typeof collect>): Promise<Collected> {
  const collected = await collect(...args)
  runs.push(collected)
  return collected
}
/** Waits for so many rows and a connection, and closes it normally. */
async function endAfter(server: ReadingServer, { run }: Collected, count: number): Promise<void> {
  await until(async () => (await run.status()).sources[0]!.recordsIn >= count && server.sockets.size > 0, run)
  server.hangUp(1000)
  await run.finished
}
const byToken = (server: ReadingServer) => (token: string | number | null) => `${server.url}/?after=${token ?? -1}`

test('messages become rows, in order; a normal closure ends the source', async () => {
  const server = await newServer()
  server.available = 1_000
  const { run, rows } = await newRun(webSocketSource(`${server.url}/?after=-1`))
  await until(() => rows.length > 0 || server.connections.length === 1, run)
  await until(async () => (await run.status()).sources[0]!.recordsIn === 1_000, run)
  server.hangUp(1000)
  await run.finished
  expect(rows).toEqual(readings(0, 1_000))
})

test.each<[string, ReadingServerOptions['encode'], Parameters<typeof webSocketSource>[1]]>([
  ['JSON as bytes', (rows) => Buffer.from(JSON.stringify(rows)), {}],
  ['NDJSON', (rows) => rows.map((row) => `${JSON.stringify(row)}\n`).join(''), { decode: 'ndjson' }],
  ['NDJSON without a last newline', (rows) => rows.map((row) => JSON.stringify(row)).join('\n'), { decode: 'ndjson' }],
  [
    'CSV',
    (rows) => `n,device,at,value\n${rows.map(({ n, device, at, value }) => `${n},${device},${at},${value ?? ''}`).join('\r\n')}`,
    { decode: 'csv' },
  ],
  [
    'CSV without a header',
    (rows) => rows.map(({ n, device, at, value }) => `${value ?? ''};${n};${at};${device}`).join('\n'),
    { decode: 'csv', header: ['value', 'n', 'at', 'device'], delimiter: ';' },
  ],
  [
    'a function',
    (rows) => rows.map(({ n }) => n).join(),
    { decode: (message) => (message as string).split(',').map((n) => readings(Number(n), Number(n) + 1)[0]!) },
  ],
])('%s', async (_, encode, options) => {
  const server = await newServer({ encode: encode!, perMessage: 37 })
  server.available = 500
  const { run, rows, deadLetters } = await newRun(webSocketSource(byToken(server), options))
  await until(async () => (await run.status()).sources[0]!.recordsIn === 500, run)
  server.hangUp(1000)
  await run.finished
  expect(deadLetters).toEqual([])
  expect(rows).toEqual(readings(0, 500))
})

test('a connection that breaks is made again behind the last message: every row once', async () => {
  const server = await newServer({ perMessage: 10 })
  const events: ConnectionEvent[] = []
  const collected = await newRun(webSocketSource(byToken(server), { token: 'n', backoff, onConnection: (event) => events.push(event) }))
  const prng = new Prng(5)
  for (let round = 1; round <= 12; round++) {
    await until(() => server.sockets.size > 0, collected.run)
    server.available += 500
    await systemClock.sleep(prng.int(20))
    if (round % 4 === 0) {
      await server.stop()
      await systemClock.sleep(60)
      await server.start()
    } else server.cut()
  }
  await endAfter(server, collected, 6_000)
  expect(collected.rows).toEqual(readings(0, 6_000))
  expect(server.connections.length).toBeGreaterThan(8)
  expect(events.filter(({ state }) => state === 'open').length).toBeGreaterThan(8)
  expect(events.filter(({ state }) => state === 'lost').every(({ reason, delayMs }) => reason.includes('closed') && delayMs > 0)).toBe(true)
})

test('a token of each message, from a function, does the same', async () => {
  const server = await newServer({ perMessage: 10 })
  const token = (message: string | Uint8Array) => (JSON.parse(message as string) as Reading[]).at(-1)!.n
  const collected = await newRun(webSocketSource(byToken(server), { token, backoff }))
  for (let round = 1; round <= 6; round++) {
    server.available += 300
    await systemClock.sleep(15)
    server.cut()
  }
  await endAfter(server, collected, 1_800)
  expect(collected.rows).toEqual(readings(0, 1_800))
})

test('without a token the connection is made again, and what was sent meanwhile is not there', async () => {
  const server = await newServer()
  server.available = 100
  const { run, rows, warnings } = await newRun(webSocketSource(byToken(server), { backoff }), {
    checkpoints: { store: memoryCheckpoints(), every: '20ms' },
  })
  await until(() => server.connections.length === 1, run)
  await until(async () => (await run.status()).sources[0]!.recordsIn === 100, run)
  server.cut()
  await until(() => server.connections.length === 2, run)
  await until(async () => (await run.status()).sources[0]!.recordsIn === 200, run)
  server.hangUp(1000)
  await run.finished
  // This server begins anew: the source cannot know it.
  expect(rows).toEqual([...readings(0, 100), ...readings(0, 100)])
  expect(warnings.join()).toContain('cannot be rewound')
})

describe.each<[string, object]>([
  ['a token', {}],
  ['a token and a journal', { journal: true }],
])('a job that is stopped, or fails, and starts again with %s', (_, options) => {
  test('has every row exactly once', async () => {
    const server = await newServer({ perMessage: 70 })
    const store = memoryCheckpoints()
    const sink = collectSink()
    const prng = new Prng(11)
    const source = () => webSocketSource(byToken(server), { token: 'n', backoff, ...options })
    let sent = 0
    for (let life = 0; life < 8; life++) {
      const mortal = new FaultyStore(store, () => null)
      const { run } = await newRun(source(), { sink, checkpoints: { store: mortal, every: '15ms' } })
      server.available = sent += 1_500
      await systemClock.sleep(10 + prng.int(60))
      if (life % 3 === 2) server.cut()
      // Every other time it dies: nothing that it has not committed counts.
      if (life % 2 === 0) await run.stop()
      else {
        mortal.crash()
        await run.finished.catch(() => {})
      }
    }
    const { run } = await newRun(source(), { sink, checkpoints: { store, every: '15ms' } })
    await until(() => sink.rows.length >= sent, run)
    await run.stop()
    expect((sink.rows as unknown as Reading[]).map(({ n }) => n)).toEqual(readings(0, sent).map(({ n }) => n))
  })
})

test('with a journal alone, what had arrived before a crash is there after it', async () => {
  const server = await newServer({ perMessage: 50 })
  const store = memoryCheckpoints()
  const sink = collectSink()
  server.available = 2_000
  const source = () => webSocketSource(byToken(server), { journal: true, backoff })
  const mortal = new FaultyStore(store, () => null)
  const first = await newRun(source(), { sink, checkpoints: { store: mortal, every: '1h' } })
  await until(async () => (await first.run.status()).sources[0]!.recordsIn === 2_000, first.run)
  expect(first.warnings).toEqual([])
  await server.stop()
  // The first one dies; nothing of it was committed.
  mortal.crash()
  await first.run.stop().catch(() => {})
  const second = await newRun(source(), { sink, checkpoints: { store, every: '10ms' } })
  await until(() => sink.rows.length >= 2_000, second.run)
  expect(sink.rows).toEqual(readings(0, 2_000))
})

test('a journal is trimmed as checkpoints complete', async () => {
  const server = await newServer({ perMessage: 50 })
  const store = memoryCheckpoints()
  const { run, rows } = await newRun(webSocketSource(byToken(server), { token: 'n', journal: true, backoff }), {
    checkpoints: { store, every: '10ms' },
  })
  for (let round = 1; round <= 20; round++) {
    server.available = round * 500
    await until(() => rows.length >= server.available - 50, run)
    await run.checkpoint()
  }
  await run.stop()
  const session = await store.open('passing')
  const journal = await session.openJournal!('readings/messages')
  expect(journal.end).toBeGreaterThanOrEqual(200)
  expect(journal.end - journal.begin).toBeLessThan(60)
})

describe('close codes', () => {
  test.each([1002, 1008, 4401])('%d: the server does not want us back, and the source fails', async (code) => {
    const server = await newServer()
    server.available = 10
    const { run, rows } = await newRun(webSocketSource(byToken(server), { token: 'n', backoff }))
    await until(async () => (await run.status()).sources[0]!.recordsIn === 10, run)
    server.hangUp(code, 'no such feed')
    await expect(run.finished).rejects.toMatchObject({
      name: 'ConnectorError',
      code: 'SOURCE_REFUSED',
      details: { closeCode: code, reason: 'no such feed' },
    })
    expect(server.connections).toHaveLength(1)
    expect(rows.length).toBeLessThanOrEqual(10)
  })

  test.each([1001, 1011, 1012, 1013, 4000])('%d: the source comes back', async (code) => {
    const server = await newServer()
    const { run } = await newRun(webSocketSource(byToken(server), { token: 'n', backoff }))
    await until(() => server.sockets.size === 1, run)
    server.hangUp(code)
    await until(() => server.connections.length === 2, run)
  })

  test('can be chosen', async () => {
    const server = await newServer()
    const { run } = await newRun(webSocketSource(byToken(server), { backoff, endCodes: [4001], refusalCodes: [1000] }))
    await until(() => server.sockets.size === 1, run)
    server.hangUp(4001)
    expect((await run.finished).state).toBe('ended')
    const second = await newRun(webSocketSource(byToken(server), { backoff, endCodes: [], refusalCodes: [1000] }))
    await until(() => server.sockets.size === 1, second.run)
    server.hangUp(1000)
    await expect(second.run.finished).rejects.toMatchObject({ code: 'SOURCE_REFUSED' })
  })
})

test('a server that is not there: waits grow, and after attemptsMax the source fails', async () => {
  const events: ConnectionEvent[] = []
  const { run } = await newRun(
    webSocketSource('ws://127.0.0.1:1/', {
      backoff: { least: '10ms', most: '60ms', jitter: 0, attemptsMax: 6 },
      onConnection: (event) => events.push(event),
    }),
  )
  await expect(run.finished).rejects.toMatchObject({ name: 'ConnectorError', code: 'SOURCE_UNREACHABLE', retryable: true })
  expect(events.map(({ delayMs }) => delayMs)).toEqual([10, 20, 40, 60, 60])
})

test('what subscribe gives is sent on every connection, with the token', async () => {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
  await once(server, 'listening')
  const heard: string[] = []
  server.on('connection', (socket) => {
    socket.on('message', (data) => {
      heard.push(String(data))
      if (!String(data).startsWith('{')) return
      const { after } = JSON.parse(String(data)) as { after: number | null }
      socket.send(JSON.stringify(readings((after ?? -1) + 1, (after ?? -1) + 11)))
      setTimeout(() => (heard.length >= 6 ? socket.close(1000) : socket.terminate()), 30)
    })
  })
  const { run, rows } = await newRun(
    webSocketSource(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`, {
      token: 'n',
      backoff,
      subscribe: (token) => ['hello', JSON.stringify({ after: token })],
    }),
  )
  await run.finished
  expect(heard).toEqual(['hello', '{"after":null}', 'hello', '{"after":9}', 'hello', '{"after":19}'])
  expect(rows).toEqual(readings(0, 30))
  server.close()
})

test('silence beyond idleTimeout makes the connection anew; a heartbeat is sent', async () => {
  const server = await newServer()
  const beats: string[] = []
  const { run } = await newRun(
    webSocketSource(byToken(server), { token: 'n', backoff, idleTimeout: '120ms', heartbeat: { every: '30ms', message: 'beat' } }),
  )
  await until(() => server.sockets.size === 1, run)
  for (const socket of server.sockets) socket.on('message', (data) => beats.push(String(data)))
  await until(() => server.connections.length >= 3, run)
  expect(beats.length).toBeGreaterThan(0)
  expect(new Set(beats)).toEqual(new Set(['beat']))
})

describe('a consumer that is slower than the server', () => {
  const slow = () => {
    const rows: Reading[] = []
    return {
      rows,
      sink: collectSinkWith(rows),
    }
  }
  test('with a token hangs up and comes back: nothing is lost, memory is bounded', async () => {
    const server = await newServer({ perMessage: 100 })
    server.available = 20_000
    const events: ConnectionEvent[] = []
    const { sink, rows } = slow()
    const { run, deadLetters } = await newRun(
      webSocketSource(byToken(server), { token: 'n', backoff, bufferMax: 50_000, onConnection: (event) => events.push(event) }),
      { sink: sink as never },
    )
    await until(() => rows.length >= 20_000, run)
    expect(rows.map(({ n }) => n)).toEqual(readings(0, 20_000).map(({ n }) => n))
    expect(deadLetters).toEqual([])
    expect(events.some(({ reason }) => reason === 'the buffer is full')).toBe(true)
  })

  test.each(['dropOldest', 'dropNewest', 'sample'] as const)('%s: what is dropped is said, and order is kept', async (whenFull) => {
    const server = await newServer({ perMessage: 100 })
    server.available = 20_000
    const { sink, rows } = slow()
    const { run, deadLetters } = await newRun(webSocketSource(byToken(server), { bufferMax: 50_000, whenFull }), { sink: sink as never })
    await until(() => deadLetters.some(({ code }) => code === 'MESSAGES_DROPPED'), run)
    await until(async () => {
      const before = rows.length
      await systemClock.sleep(100)
      return rows.length === before
    }, run)
    const dropped = deadLetters.map(({ code, reason }) => (code === 'MESSAGES_DROPPED' ? Number(/^\d+/.exec(reason)![0]) : Number.NaN))
    expect(dropped.reduce((sum, count) => sum + count, 0) * 100 + rows.length).toBe(20_000)
    const numbers = rows.map(({ n }) => n)
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b))
    expect(numbers.includes(19_999)).toBe(whenFull !== 'dropNewest')
  })

  test('fail: the job fails with SOURCE_OVERFLOW', async () => {
    const server = await newServer({ perMessage: 100 })
    server.available = 20_000
    const { sink } = slow()
    const { run } = await newRun(webSocketSource(byToken(server), { bufferMax: 50_000, whenFull: 'fail' }), { sink: sink as never })
    await expect(run.finished).rejects.toMatchObject({ name: 'ConnectorError', code: 'SOURCE_OVERFLOW', retryable: true })
  })

  test('with a journal what does not fit into memory is read back from it', async () => {
    const server = await newServer({ perMessage: 100 })
    server.available = 20_000
    const { sink, rows } = slow()
    const { run, deadLetters } = await newRun(webSocketSource(byToken(server), { token: 'n', backoff, journal: true, bufferMax: 50_000 }), {
      sink: sink as never,
      checkpoints: { store: memoryCheckpoints(), every: '50ms' },
    })
    await until(() => rows.length >= 20_000, run)
    expect(rows.map(({ n }) => n)).toEqual(readings(0, 20_000).map(({ n }) => n))
    expect(deadLetters).toEqual([])
  })
})

/** A sink that takes a while for each batch. */
function collectSinkWith(rows: Reading[]) {
  return {
    kind: 'slow',
    delivery: 'at-least-once' as const,
    open: async () => ({
      write: async (batch: { readonly rowCount: number; row(index: number): unknown }) => {
        for (let row = 0; row < batch.rowCount; row++) rows.push(batch.row(row) as Reading)
        await systemClock.sleep(4)
      },
      prepare: async () => ({}),
      commit: async () => {},
      finish: async () => {},
      close: async () => {},
    }),
  }
}

test('the package ws can be used in place of the platform', async () => {
  const server = await newServer()
  server.available = 300
  const connect = (url: string, protocols: readonly string[]) => new PackageSocket(url, [...protocols]) as unknown as WebSocketLike
  const { run, rows } = await newRun(webSocketSource(byToken(server), { connect }))
  await until(async () => (await run.status()).sources[0]!.recordsIn === 300, run)
  server.hangUp(1000)
  await run.finished
  expect(rows).toEqual(readings(0, 300))
})

test('bad options are refused by name', () => {
  for (const options of [
    { bufferMax: 0 },
    { bufferMax: 1.5 },
    { whenFull: 'drop' },
    { whenFull: 'block' },
    { decode: 'xml' },
    { header: ['a'] },
    { journal: { bytesMax: -1 } },
    { backoff: { jitter: 2 } },
    { backoff: { attemptsMax: 0 } },
  ]) {
    expect(() => webSocketSource('ws://localhost', options as never), JSON.stringify(options)).toThrow(
      expect.objectContaining({ name: 'ConfigError', code: 'SOURCE_OPTION_INVALID' }) as Error,
    )
  }
  for (const options of [{ idleTimeout: '5 mins' }, { backoff: { least: 0 } }, { heartbeat: { every: 'often', message: '' } }]) {
    expect(() => webSocketSource('ws://localhost', options as never)).toThrow(
      expect.objectContaining({ code: 'DURATION_INVALID' }) as Error,
    )
  }
})

test('a token column that is not there, or cannot be one, and a journal without a place are refused at the start', async () => {
  await expect(collect(webSocketSource('ws://localhost:1', { token: 'x' }))).rejects.toMatchObject({ code: 'SOURCE_OPTION_INVALID' })
  await expect(collect(webSocketSource('ws://localhost:1', { journal: true }))).rejects.toMatchObject({ code: 'JOURNAL_UNAVAILABLE' })
})
