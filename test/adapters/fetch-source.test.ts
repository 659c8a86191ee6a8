import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, test } from 'vitest'
import { memoryCheckpoints } from '../../adapters/memory-store.ts'
import { fetchSource, type FetchSourceOptions } from '../../adapters/web/index.ts'
import { systemClock } from '../../runtime/clock.ts'
import { collectSink } from '../../runtime/sink/callback-sink.ts'
import { FaultyStore } from '../support/faulty-store.ts'
import { Prng } from '../support/prng.ts'
import { collect, type Collected, until } from './message-support.ts'
import { type Reading, readings } from './readings.ts'

const backoff = { least: '5ms', most: '40ms' } as const
const COUNT = 4_000
const ndjson = Buffer.from(
  readings(0, COUNT)
    .map((row) => `${JSON.stringify(row)}\n`)
    .join(''),
)
const csv = Buffer.from(
  `n,device,at,value\r\n${readings(0, COUNT)
    .map(({ n, device, at, value }) => `${n},"${device}",${at},${value ?? ''}\r\n`)
    .join('')}`,
)

interface Serving {
  readonly content: Buffer
  readonly etag?: string | null
  readonly lastModified?: string
  readonly hasRanges?: boolean
  /** Bytes after which a response breaks off; Infinity: never. */
  readonly breaksAfter?: () => number
  readonly status?: () => number
  readonly type?: string
  readonly gzip?: boolean
}

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup().catch(() => {})
})

/** A server of files that can be told to break off. */
async function serve(serving: Serving): Promise<{ url: string; ranges: (string | undefined)[]; serving: Serving; server: Server }> {
  const state = { url: '', ranges: [] as (string | undefined)[], serving, server: null as unknown as Server }
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const { content, etag = '"v1"', lastModified, hasRanges = true, breaksAfter, status, type, gzip } = state.serving
    state.ranges.push(request.headers.range)
    const code = status?.() ?? 200
    if (code !== 200) return void response.writeHead(code, { 'retry-after': '0' }).end()
    const headers: Record<string, string> = { 'content-type': type ?? 'application/octet-stream' }
    if (etag !== null) headers['etag'] = etag
    if (lastModified !== undefined) headers['last-modified'] = lastModified
    const from = hasRanges && request.headers.range !== undefined ? Number(/^bytes=(\d+)-$/.exec(request.headers.range)![1]) : 0
    if (from > 0 && from >= content.length)
      return void response.writeHead(416, { ...headers, 'content-range': `bytes */${content.length}` }).end()
    let body = content.subarray(from)
    if (from > 0) headers['content-range'] = `bytes ${from}-${content.length - 1}/${content.length}`
    else if (gzip === true && /gzip/.test(String(request.headers['accept-encoding']))) {
      body = gzipSync(body)
      headers['content-encoding'] = 'gzip'
      headers['etag'] = '"v1-gzip"'
    }
    headers['content-length'] = String(body.length)
    response.writeHead(from > 0 ? 206 : 200, headers)
    const end = breaksAfter?.() ?? Number.POSITIVE_INFINITY
    for (let at = 0; at < body.length && !response.destroyed; at += 10_000) {
      if (at >= end) return void response.destroy()
      response.write(body.subarray(at, at + 10_000))
      await systemClock.sleep(1)
    }
    response.end()
  }
  const server = createServer((request, response) => void answer(request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  state.server = server
  state.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/readings`
  cleanups.push(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return state
}
async function newRun(...args: Parameters<typeof collect>): Promise<Collected> {
  const collected = await collect(...args)
  cleanups.push(() => collected.run.stop())
  return collected
}

describe.each<[string, Buffer, FetchSourceOptions]>([
  ['NDJSON', ndjson, { format: 'ndjson' }],
  ['CSV', csv, { format: 'csv' }],
])('%s', (_, content, options) => {
  test('is read to its end', async () => {
    const { url } = await serve({ content })
    const { run, rows, deadLetters } = await newRun(fetchSource(url, options))
    await run.finished
    expect(rows).toEqual(readings(0, COUNT))
    expect(deadLetters).toEqual([])
  })

  test('is decompressed by the platform', async () => {
    const { url } = await serve({ content, gzip: true })
    const { run, rows } = await newRun(fetchSource(url, options))
    await run.finished
    expect(rows).toEqual(readings(0, COUNT))
  })

  test.each([true, false])('a transfer that breaks off goes on where it was (ranges: %s)', async (hasRanges) => {
    const prng = new Prng(9)
    let breaks = 0
    const state = await serve({
      content,
      hasRanges,
      breaksAfter: () => (++breaks <= 6 ? 10_000 + prng.int(40_000) : Number.POSITIVE_INFINITY),
    })
    const { run, rows } = await newRun(fetchSource(state.url, { ...options, backoff }))
    await run.finished
    expect(rows).toEqual(readings(0, COUNT))
    expect(state.ranges.length).toBeGreaterThan(3)
    expect(state.ranges.slice(1).every((range) => range?.startsWith('bytes='))).toBe(true)
  })

  test('a compressed transfer that breaks off goes on uncompressed', async () => {
    let breaks = 0
    const state = await serve({ content, gzip: true, breaksAfter: () => (++breaks === 1 ? 10_000 : Number.POSITIVE_INFINITY) })
    const { run, rows } = await newRun(fetchSource(state.url, { ...options, backoff }))
    await run.finished
    expect(rows).toEqual(readings(0, COUNT))
    expect(breaks).toBeGreaterThan(1)
  })

  test('a job that dies and starts again has every row once', async () => {
    const state = await serve({ content })
    const store = memoryCheckpoints()
    const sink = collectSink()
    const prng = new Prng(21)
    for (let life = 0; life < 5; life++) {
      const mortal = new FaultyStore(store, () => null)
      const { run } = await newRun(fetchSource(state.url, options), { sink, checkpoints: { store: mortal, every: '3ms' } })
      await systemClock.sleep(prng.int(30))
      mortal.crash()
      await run.finished.catch(() => {})
    }
    const { run } = await newRun(fetchSource(state.url, options), { sink, checkpoints: { store, every: '5ms' } })
    await run.finished
    expect((sink.rows as unknown as Reading[]).map(({ n }) => n)).toEqual(readings(0, COUNT).map(({ n }) => n))
    expect(state.ranges.some((range) => range !== undefined)).toBe(true)
    // Once more behind the end: the checkpoint has everything.
    const again = await newRun(fetchSource(state.url, options), { sink, checkpoints: { store } })
    await again.run.finished
    expect(sink.rows).toHaveLength(COUNT)
  })
})

describe('content that is not the same any more', () => {
  const breakOnce = () => {
    let breaks = 0
    return () => (++breaks === 1 ? 40_000 : Number.POSITIVE_INFINITY)
  }
  test.each<[string, Serving, Partial<Serving>]>([
    ['another ETag', { content: ndjson, breaksAfter: breakOnce() }, { etag: '"v2"' }],
    ['another ETag, without ranges', { content: ndjson, hasRanges: false, breaksAfter: breakOnce() }, { etag: '"v2"' }],
    ['neither ETag nor Last-Modified', { content: ndjson, etag: null, breaksAfter: breakOnce() }, {}],
    [
      'another Last-Modified',
      { content: ndjson, etag: null, lastModified: 'Tue, 03 Nov 2026 08:00:00 GMT', breaksAfter: breakOnce() },
      { lastModified: 'Tue, 03 Nov 2026 09:00:00 GMT' },
    ],
    ['a shorter content', { content: ndjson, breaksAfter: breakOnce() }, { content: ndjson.subarray(0, 20_000) }],
    [
      'a shorter content, without ranges',
      { content: ndjson, hasRanges: false, breaksAfter: breakOnce() },
      { content: ndjson.subarray(0, 20_000) },
    ],
  ])('%s: SOURCE_REWIND, and no row of a mixture', async (_, serving, change) => {
    const state = await serve(serving)
    const first = serving.breaksAfter!
    state.serving = {
      ...serving,
      breaksAfter: () => {
        const end = first()
        if (end !== Number.POSITIVE_INFINITY) state.serving = { ...serving, ...change }
        return end
      },
    }
    const { run, rows } = await newRun(fetchSource(state.url, { format: 'ndjson', backoff }))
    await expect(run.finished).rejects.toMatchObject({ name: 'ConnectorError', code: 'SOURCE_REWIND' })
    expect(rows.map(({ n }) => n)).toEqual(rows.map((_row, index) => index))
  })

  test.each<[string, Buffer, FetchSourceOptions]>([
    ['NDJSON', ndjson, { format: 'ndjson' }],
    ['CSV', csv, { format: 'csv' }],
    ['CSV by content type', csv, {}],
  ])('between two lives of a job, %s: SOURCE_REWIND', async (_, content, options) => {
    const state = await serve({ content, type: 'text/csv' })
    const store = memoryCheckpoints()
    const mortal = new FaultyStore(store, () => null)
    const first = await newRun(fetchSource(state.url, options), { checkpoints: { store: mortal, every: '2ms' } })
    await until(
      async () => (await first.run.status()).checkpoints.count > 1 && (await first.run.status()).sources[0]!.recordsIn > 0,
      first.run,
    )
    mortal.crash()
    await first.run.finished.catch(() => {})
    state.serving = { ...state.serving, etag: '"v2"' }
    const second = collect(fetchSource(state.url, options), { checkpoints: { store } }).then(({ run }) => run.finished)
    await expect(second).rejects.toMatchObject({ code: 'SOURCE_REWIND' })
  })

  test('Last-Modified alone is enough', async () => {
    const state = await serve({ content: ndjson, etag: null, lastModified: 'Tue, 03 Nov 2026 08:00:00 GMT', breaksAfter: breakOnce() })
    const { run, rows } = await newRun(fetchSource(state.url, { format: 'ndjson', backoff }))
    await run.finished
    expect(rows).toHaveLength(COUNT)
  })
})

test.each([
  [404, 'SOURCE_MISSING'],
  [403, 'SOURCE_UNREADABLE'],
  [418, 'SOURCE_REFUSED'],
])('%d: %s', async (status, code) => {
  const { url } = await serve({ content: ndjson, status: () => status })
  await expect(
    collect(fetchSource(`${url}?key=secret`, { format: 'ndjson', backoff })).then(({ run }) => run.finished),
  ).rejects.toMatchObject({ name: 'ConnectorError', code, details: { status, address: url } })
})

test('503 a few times is waited out; for ever is SOURCE_UNREACHABLE', async () => {
  let asked = 0
  const { url } = await serve({ content: ndjson, status: () => (++asked < 4 ? 503 : 200) })
  const { run, rows } = await newRun(fetchSource(url, { format: 'ndjson', backoff }))
  await run.finished
  expect(rows).toHaveLength(COUNT)
  const never = await serve({ content: ndjson, status: () => 503 })
  await expect(
    collect(fetchSource(never.url, { format: 'ndjson', backoff: { ...backoff, attemptsMax: 3 } })).then(({ run }) => run.finished),
  ).rejects.toMatchObject({ code: 'SOURCE_UNREACHABLE', retryable: true })
  expect(never.ranges).toHaveLength(3)
})

test('a live response gives its rows as they come, and ends with it', async () => {
  let send: (text: string) => void = () => {}
  let end = () => {}
  let isAsked = false
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'application/x-ndjson' })
    send = (text) => response.write(text)
    end = () => response.end()
    response.flushHeaders()
    isAsked = true
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanups.push(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const { run, rows } = await newRun(fetchSource(url, { live: true, format: 'ndjson' }))
  const recordsIn = async () => (await run.status()).sources[0]!.recordsIn
  const lines = readings(0, 3).map((row) => JSON.stringify(row))
  await until(() => isAsked, run)
  send(`${lines[0]}\n${lines[1]!.slice(0, 10)}`)
  await until(async () => (await recordsIn()) === 1, run)
  send(`${lines[1]!.slice(10)}\n`)
  await until(async () => (await recordsIn()) === 2, run)
  send(lines[2]!)
  end()
  expect((await run.finished).state).toBe('ended')
  expect(rows).toEqual(readings(0, 3))
})

test('bad lines are dead letters, as in files', async () => {
  const content = Buffer.from(`{"n":1}\n{"n":"x"}\nnot json\n${'x'.repeat(300)}\n{"n":2}\n{"n":`)
  const { url } = await serve({ content })
  const { run, rows, deadLetters } = await newRun(fetchSource(url, { format: 'ndjson', maxLineBytes: 100 }))
  await run.finished
  expect(rows.map(({ n }) => n)).toEqual([1, 2])
  expect(deadLetters.map(({ code }) => code)).toEqual(['FIELD_TYPE', 'LINE_SYNTAX', 'LINE_TOO_LONG', 'LINE_TRUNCATED'])
})

test('the format follows from the address or the content type', async () => {
  const byType = await serve({ content: csv, type: 'text/csv; charset=utf-8' })
  const first = await newRun(fetchSource(byType.url))
  await first.run.finished
  expect(first.rows).toHaveLength(COUNT)
  const second = await newRun(fetchSource(`${byType.url}.csv?x=.ndjson`))
  await second.run.finished
  expect(second.rows).toHaveLength(COUNT)
})

test('bad options are refused by name', () => {
  for (const options of [{ format: 'xml' }, { delimiter: 'ab' }, { maxLineBytes: 0 }, { backoff: { jitter: -1 } }]) {
    expect(() => fetchSource('http://localhost/', options as never)).toThrow(
      expect.objectContaining({ code: 'SOURCE_OPTION_INVALID' }) as Error,
    )
  }
})
