import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Miniflare } from 'miniflare'
import { afterEach, expect, test } from 'vitest'
import { systemClock } from '../../runtime/clock.ts'
import { countedRows, ndjson } from './edge-client.ts'
import { edgeHost, type ObjectOptions } from './edge-host.ts'

const opened: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of opened.splice(0).toReversed()) await close()
})

async function host(options: ObjectOptions = {}) {
  const miniflare = await edgeHost(undefined, options)
  opened.push(() => miniflare.dispose())
  return clientOf(miniflare)
}

function clientOf(miniflare: Miniflare) {
  const fetch = (path: string, init: Parameters<Miniflare['dispatchFetch']>[1] = {}) => miniflare.dispatchFetch(`http://edge${path}`, init)
  return {
    miniflare,
    fetch,
    async post(path: string, body: string, headers: Record<string, string> = {}) {
      const response = await fetch(path, { method: 'POST', body, headers })
      return { status: response.status, answer: (await response.json()) as Record<string, never> }
    },
    async get<T = Record<string, never>>(path: string): Promise<T> {
      return (await (await fetch(path)).json()) as T
    },
    async socket(path: string) {
      const response = await fetch(path, { headers: { upgrade: 'websocket' } })
      const socket = response.webSocket!
      const messages: string[] = []
      const waiting: (() => void)[] = []
      socket.addEventListener('message', ({ data }) => {
        messages.push(String(data))
        for (const wake of waiting.splice(0)) wake()
      })
      socket.accept()
      return {
        send: (value: unknown) => socket.send(typeof value === 'string' ? value : JSON.stringify(value)),
        close: () => socket.close(1000),
        async next(): Promise<unknown> {
          while (messages.length === 0) await new Promise<void>((resolve) => void waiting.push(resolve))
          return JSON.parse(messages.shift()!)
        },
      }
    },
    /** Looks until something is there, a few seconds long. */
    async until<T>(look: () => Promise<T>, isThere: (value: T) => boolean): Promise<T> {
      for (let count = 0; ; count++) {
        const value = await look()
        if (isThere(value)) return value
        if (count > 200) throw new Error(`It never came: ${JSON.stringify(value)}`)
        await systemClock.sleep(50)
      }
    },
  }
}

const reading = (device: string, at: number, value = 1) => ({ device, at, value })
interface Page {
  rows: { seq: number; row: Record<string, unknown>; pane: { change: string } }[]
  cursor: number
  isReset: boolean
}

test('rows come as lines, arrays or one object; results are the newest of each window and key, then what changed since a cursor', async () => {
  const { post, get } = await host()
  expect(await post('/counting/a/in', ndjson([reading('x', 1_000), reading('y', 2_000)]))).toEqual({
    status: 200,
    answer: { rows: 2, from: 0, to: 1, isRepeated: false },
  })
  const asJson = { 'content-type': 'application/json; charset=utf-8' }
  expect((await post('/counting/a/in/readings', JSON.stringify([reading('x', 3_000)]), asJson)).answer).toMatchObject({ rows: 1 })
  expect((await post('/counting/a/in', JSON.stringify(reading('x', 30_000)), asJson)).answer).toMatchObject({ rows: 1 })
  const first = await get<Page>('/counting/a/out')
  expect(first.rows.map(({ row }) => [row['device'], row['n']])).toEqual([
    ['x', 2],
    ['y', 1],
  ])
  // A late reading corrects a result: a reader of changes sees it, a new one only the newest.
  await post('/counting/a/in', ndjson([reading('y', 4_000)]))
  const changes = await get<Page>(`/counting/a/out/totals?after=${first.cursor}`)
  expect(changes.rows.map(({ row }) => [row['device'], row['n']])).toEqual([['y', 2]])
  expect(changes.cursor).toBeGreaterThan(first.cursor)
  expect(await get(`/counting/a/out?after=${changes.cursor}`)).toEqual({ rows: [], cursor: changes.cursor, isReset: false })
  const now = await get<Page>('/counting/a/out')
  expect(now.rows.map(({ row }) => [row['device'], row['n']])).toEqual([
    ['x', 2],
    ['y', 2],
  ])
  expect((await get<Page>('/counting/a/out?after=0&limit=1')).rows).toHaveLength(1)
})

test('what is no row is a dead letter; what is no request is refused by name and changes nothing', async () => {
  const { post, get, fetch } = await host({ bodyBytesMax: 1_000 })
  expect((await post('/counting/a/in', '{"device":"x","at":1,"value":1}\n{"device":\n\n[]\n7')).answer).toMatchObject({ rows: 4 })
  const { job } = await get<{ job: { recordsIn: number; deadLetters: number; deadLetterSamples: { code: string }[] } }>(
    '/counting/a/status',
  )
  expect(job).toMatchObject({ recordsIn: 4, deadLetters: 3 })
  const asJson = { 'content-type': 'application/json' }
  const refused = [
    [await post('/counting/a/in', '[{"device":', asJson), 400, 'BODY_SYNTAX'],
    [await post('/counting/a/in', 'x'.repeat(1_001)), 413, 'BODY_TOO_LARGE'],
    [await post('/counting/a/in/other', '{}'), 404, 'BINDING_UNKNOWN'],
    [await post('/counting/a/nowhere', '{}'), 404, 'ROUTE_UNKNOWN'],
    [await post('/counting/a/out', '{}'), 405, 'METHOD_UNKNOWN'],
  ] as const
  for (const [{ status, answer }, wanted, code] of refused) {
    expect([status, (answer['error'] as unknown as { code: string }).code]).toEqual([wanted, code])
  }
  for (const after of ['-1', 'x', '1.5']) expect((await fetch(`/counting/a/out?after=${after}`)).status).toBe(400)
  expect((await get<typeof refused & { job: object }>('/counting/a/status')).job).toMatchObject({ recordsIn: 4 })
})

test('a request that is tried again under its Idempotency-Key is counted once, also by the next life of the object', async () => {
  const { post, get, fetch } = await host()
  const body = ndjson([reading('x', 1_000), reading('x', 2_000)])
  const first = await post('/counting/a/in', body, { 'idempotency-key': 'one' })
  expect(await post('/counting/a/in', body, { 'idempotency-key': 'one' })).toEqual({
    status: 200,
    answer: { ...first.answer, isRepeated: true },
  })
  await fetch('/counting/a/crash', { method: 'POST' }).catch(() => {})
  expect((await post('/counting/a/in', body, { 'idempotency-key': 'one' })).answer).toMatchObject({ rows: 2, isRepeated: true })
  expect(await post('/counting/a/in', ndjson([reading('x', 3_000)]), { 'idempotency-key': 'one' })).toMatchObject({ status: 422 })
  // Many at once, as from a client that does not wait.
  const keyed = { 'idempotency-key': 'two' }
  const answers = await Promise.all(Array.from({ length: 20 }, () => post('/counting/a/in', body, keyed)))
  expect(answers.filter(({ answer }) => !answer['isRepeated'])).toHaveLength(1)
  await post('/counting/a/in', ndjson([reading('last', 60_000)]))
  const { rows } = await get<Page>('/counting/a/out')
  expect(rows.map(({ row }) => row['n'])).toEqual([4])
})

test('silence closes windows by the alarm alone, and an alarm that comes again or early does nothing', async () => {
  const { post, get, fetch, until } = await host()
  await post('/counting/a/in', ndjson([reading('x', 1_000), reading('x', 10_900)]))
  // 1 s of disorder: the watermark is at 9.899 s, the end of the window 100 ms and 300 ms of silence away.
  const page = await until(
    () => get<Page>('/counting/a/out'),
    ({ rows }) => rows.length > 0,
  )
  expect(page.rows.map(({ row }) => [row['windowStart'], row['n']])).toEqual([[0, 1]])
  const before = await get<{ object: { log: { end: number } } }>('/counting/a/status')
  for (let count = 0; count < 5; count++) await fetch('/counting/a/alarm', { method: 'POST' })
  const after = await get<typeof before>('/counting/a/status')
  expect(after.object.log.end - before.object.log.end).toBeLessThanOrEqual(1)
  expect((await get<Page>('/counting/a/out')).rows).toHaveLength(1)
})

test('windows by the clock close by the alarm, once, also when the object lost its memory in between', async () => {
  const { post, get, fetch, until } = await host()
  const sent = 10
  for (let count = 0; count < sent; count++) {
    await post('/clocked/a/in', ndjson([{ page: '/' }]))
    await systemClock.sleep(120)
    if (count % 3 === 0) await fetch('/clocked/a/crash', { method: 'POST' }).catch(() => {})
  }
  const counted = ({ rows }: Page) => rows.reduce((sum, { row }) => sum + Number(row['n']), 0)
  const page = await until(
    () => get<Page>('/clocked/a/out'),
    (rows) => counted(rows) === sent,
  )
  expect(page.rows.length).toBeGreaterThan(1)
  expect(new Set(page.rows.map(({ row }) => row['windowStart'])).size).toBe(page.rows.length)
  expect((await get<{ object: object }>('/clocked/a/status')).object).toMatchObject({ differences: 0 })
})

test('messages of a socket are acknowledged by number, and the socket outlives the memory of the object', async () => {
  const { get, socket, miniflare, fetch } = await host()
  const rows = await socket('/counting/a/in')
  const results = await socket('/counting/a/out')
  expect(await results.next()).toEqual({ rows: [], cursor: 0 })
  rows.send(reading('x', 1_000))
  expect(await rows.next()).toEqual({ ack: 1, rows: 1 })
  rows.send([reading('x', 2_000), reading('y', 3_000)])
  expect(await rows.next()).toEqual({ ack: 2, rows: 2 })
  const instance = await (await fetch('/counting/a/instance')).text()
  await miniflare.unsafeEvictDurableObject('jobs', 'Counting', { name: 'a', webSockets: 'hibernate' })
  rows.send(ndjson([reading('x', 4_000), reading('last', 60_000)]))
  expect(await rows.next()).toEqual({ ack: 3, rows: 2 })
  expect(await (await fetch('/counting/a/instance')).text()).not.toBe(instance)
  const { rows: found, cursor } = (await results.next()) as Page
  expect(found.map(({ row }) => [row['device'], row['n']])).toEqual([
    ['x', 3],
    ['y', 1],
  ])
  expect((await get<Page>('/counting/a/out')).cursor).toBe(cursor)
  rows.send('[{"device":')
  expect(await rows.next()).toMatchObject({ error: { code: 'BODY_SYNTAX' }, message: 4 })
  rows.close()
  results.close()
})

test('a producer that connects anew sends what was not acknowledged once more, and it counts once', async () => {
  const { get, socket, post } = await host()
  const before = await socket('/counting/a/in?producer=sensor')
  expect(await before.next()).toEqual({ last: 0 })
  before.send({ seq: 1, rows: [reading('x', 1_000)] })
  expect(await before.next()).toEqual({ ack: 1, rows: 1 })
  before.send({ seq: 2, rows: [reading('x', 2_000)] })
  // The answer is not waited for: the client does not know whether message 2 arrived.
  const after = await socket('/counting/a/in?producer=sensor')
  await after.next()
  after.send({ seq: 2, rows: [reading('x', 2_000)] })
  expect(await after.next()).toMatchObject({ ack: 2 })
  after.send({ seq: 4, rows: [reading('x', 4_000)] })
  expect(await after.next()).toMatchObject({ error: { code: 'SEQUENCE_GAP', details: { expected: 3 } } })
  after.send({ seq: 3, rows: [reading('x', 3_000)] })
  expect(await after.next()).toEqual({ ack: 3, rows: 1 })
  for (const wrong of ['{}', '7', 'x', { seq: 0, rows: [] }]) {
    after.send(wrong)
    expect(await after.next()).toMatchObject({ error: { code: 'BODY_SYNTAX' } })
  }
  await post('/counting/a/in', ndjson([reading('last', 60_000)]))
  expect((await get<Page>('/counting/a/out')).rows.map(({ row }) => row['n'])).toEqual([3])
  before.close()
  after.close()
})

test('server-sent events give current rows, then what comes, and go on from the last id', async () => {
  const { fetch, post } = await host()
  const events = async (headers: Record<string, string>) => {
    const response = await fetch('/counting/a/out', { headers: { accept: 'text/event-stream', ...headers } })
    expect(response.headers.get('content-type')).toBe('text/event-stream')
    const reader = response.body!.getReader()
    let text = ''
    return {
      async until(pattern: RegExp) {
        while (!pattern.test(text)) text += new TextDecoder().decode((await reader.read()).value)
        return text
      },
      close: () => reader.cancel(),
    }
  }
  await post('/counting/a/in', ndjson([reading('x', 1_000), reading('y', 30_000)]))
  const stream = await events({})
  expect(await stream.until(/event: cursor/)).toContain('"device":"x","n":1')
  await post('/counting/a/in', ndjson([reading('z', 60_000)]))
  const text = await stream.until(/"device":"y"/)
  const id = /id: (\d+)\ndata: [^\n]*"device":"y"/.exec(text)![1]!
  await stream.close()
  await post('/counting/a/in', ndjson([reading('last', 90_000)]))
  const again = await events({ 'last-event-id': id })
  const later = await again.until(/"device":"z"/)
  expect(later).not.toContain('"device":"y"')
  await again.close()
})

test('results go on to a webhook in order, at least once, under keys that stay when it is tried again', async () => {
  const received: { key: string; rows: { seq: number; row: { device: string; n: number } }[] }[] = []
  let failures = 3
  const server: Server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (text: string) => {
      body += text
    })
    request.on('end', () => {
      const { rows } = JSON.parse(body) as (typeof received)[number]
      received.push({ key: String(request.headers['idempotency-key']), rows })
      response.writeHead(failures-- > 0 ? 503 : 204).end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  opened.push(() => new Promise((resolve) => server.close(resolve)))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const { post, get, until, fetch } = await host({ webhook: { url, rowsMax: 2, retry: { first: '50ms', most: '200ms' } } })
  await post('/counting/a/in', ndjson([...'abcde'].map((device, index) => reading(device, 1_000 + index)).concat(reading('last', 60_000))))
  const state = () => get<{ object: { webhook: { sent: number; attempts: number } } }>('/counting/a/status')
  await until(state, ({ object }) => object.webhook.attempts >= 1)
  // The next life of the object goes on with the same request.
  await fetch('/counting/a/crash', { method: 'POST' }).catch(() => {})
  await until(state, ({ object }) => object.webhook.sent === 5)
  const keys = received.map(({ key }) => key)
  expect(keys.slice(0, 4)).toEqual(Array.from({ length: 4 }, () => keys[0]))
  const once = new Map(received.map(({ key, rows }) => [key, rows]))
  expect([...once.values()].flat().map(({ row }) => row.device)).toEqual([...'abcde'])
  expect([...once.values()].map((rows) => rows.length)).toEqual([2, 2, 1])
})

test('rows of results that are no longer kept are said to be gone', async () => {
  const { post, get } = await host({ resultRowsMax: 3, checkpoint: { entries: 2 } })
  for (let minute = 0; minute < 12; minute++) await post('/counting/a/in', ndjson([reading('x', minute * 60_000)]))
  const page = await get<Page>('/counting/a/out?after=0')
  expect(page.isReset).toBe(true)
  expect(page.rows.length).toBeGreaterThanOrEqual(3)
  expect(page.rows.length).toBeLessThan(8)
  expect((await get<Page>(`/counting/a/out?after=${page.cursor}`)).rows).toEqual([])
})

test('an object without work loses its memory, and nothing else', { timeout: 60_000 }, async () => {
  const { post, fetch } = await host()
  await post('/counting/a/in', ndjson([reading('x', 9_000), reading('y', 9_900)]))
  const instance = await (await fetch('/counting/a/instance')).text()
  // Silence closes the window after 1.4 s, and a checkpoint is due after 30 s. In between the platform puts objects to sleep that have been idle
  // for 10 s; a timer or an open port would keep this one awake.
  await systemClock.sleep(14_000)
  expect(await (await fetch('/counting/a/instance')).text()).not.toBe(instance)
  await post('/counting/a/in', ndjson([reading('x', 3_000), reading('last', 60_000)]))
  const rows = await countedRows((path) => fetch(path), '/counting/a/out')
  expect(rows.map(({ device, n }) => [device, n])).toEqual([
    ['x', 2],
    ['y', 1],
  ])
})
