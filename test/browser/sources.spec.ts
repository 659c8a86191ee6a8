import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from '@playwright/test'
import { type Reading, readingOf, ReadingServer, readings } from '../adapters/readings.ts'
import { aedesBroker, Publisher } from '../adapters/mqtt-support.ts'
import { systemClock } from '../../runtime/clock.ts'
import type { measureDecoder as Measure } from './sources.ts'
import type { SourceRequest, SourceResult } from './sources.ts'

declare const runSource: (request: SourceRequest) => Promise<SourceResult>
declare const runInWorker: (request: SourceRequest) => Promise<SourceResult>
declare const measureDecoder: typeof Measure

const numbers = (rows: readonly Reading[]) => rows.map(({ n }) => n)
const cleanups: (() => Promise<unknown>)[] = []
test.afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

/** A server of this origin's neighbour: pages need its permission to read. */
async function serve(answer: Parameters<typeof createServer>[1]): Promise<string> {
  const server: Server = createServer((request, response) => {
    response.setHeader('access-control-allow-origin', '*')
    response.setHeader('access-control-allow-headers', '*')
    response.setHeader('access-control-expose-headers', '*')
    response.setHeader('cross-origin-resource-policy', 'cross-origin')
    if (request.method === 'OPTIONS') response.writeHead(204).end()
    else answer!(request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanups.push(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
}

for (const where of ['page', 'worker'] as const) {
  test(`WebSocket in a ${where}: cut again and again, every row once`, async ({ page }) => {
    await page.goto('/sources')
    await page.waitForFunction('globalThis.runSource')
    const server = await new ReadingServer({ perMessage: 40 }).start()
    cleanups.push(() => server.stop())
    for (const hasJournal of [false, true]) {
      server.available = 0
      const request: SourceRequest = { kind: 'webSocket', url: server.url, count: 4_000, hasJournal }
      const running = page.evaluate(([given, place]) => (place === 'page' ? runSource(given) : runInWorker(given)), [
        request,
        where,
      ] as const)
      for (let round = 1; round <= 4; round++) {
        await expect.poll(() => server.sockets.size).toBeGreaterThan(0)
        server.available = round * 1_000
        await systemClock.sleep(60)
        if (round < 4) server.cut()
      }
      const { numbers: found, first, deadLetters, opened } = await running
      expect(found).toEqual(numbers(readings(0, 4_000)))
      expect(first).toEqual(readingOf(0))
      expect(deadLetters).toEqual([])
      expect(opened).toBeGreaterThan(2)
    }
  })

  test(`server-sent events in a ${where}: cut again and again, every row once`, async ({ page }) => {
    await page.goto('/sources')
    await page.waitForFunction('globalThis.runSource')
    let requests = 0
    const url = await serve((request, response) => {
      requests++
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      // Each answer breaks off in the middle of an event, until the last.
      const from = Number(request.headers['last-event-id'] ?? -1) + 1
      for (let next = from; next < Math.min(from + 900, 3_000); next += 30)
        response.write(`id: ${next + 29}\ndata: ${JSON.stringify(readings(next, next + 30))}\n\n`)
      response.write('id: 99999\ndata: [{"n": 1')
      if (from + 900 < 3_000) void systemClock.sleep(50).then(() => response.destroy())
    })
    const request: SourceRequest = { kind: 'eventSource', url, count: 3_000 }
    const { numbers: found, deadLetters } = await page.evaluate(
      ([given, place]) => (place === 'page' ? runSource(given) : runInWorker(given)),
      [request, where] as const,
    )
    expect(found).toEqual(numbers(readings(0, 3_000)))
    expect(deadLetters).toEqual([])
    expect(requests).toBe(4)
  })

  test(`fetched lines in a ${where}: broken off, and gone on by ranges`, async ({ page }) => {
    await page.goto('/sources')
    await page.waitForFunction('globalThis.runSource')
    const content = Buffer.from(
      readings(0, 3_000)
        .map((row) => `${JSON.stringify(row)}\n`)
        .join(''),
    )
    const ranges: (string | undefined)[] = []
    const url = await serve((request, response) => {
      const { range } = request.headers
      ranges.push(range)
      const from = range === undefined ? 0 : Number(/^bytes=(\d+)-/.exec(range)![1])
      const headers = { etag: '"v1"', 'content-type': 'application/x-ndjson', 'content-length': String(content.length - from) }
      response.writeHead(
        range === undefined ? 200 : 206,
        range === undefined ? headers : { ...headers, 'content-range': `bytes ${from}-${content.length - 1}/${content.length}` },
      )
      if (ranges.length > 3) response.end(content.subarray(from))
      else response.write(content.subarray(from, from + 40_001), () => void systemClock.sleep(50).then(() => response.destroy()))
    })
    const request: SourceRequest = { kind: 'fetch', url, count: 1_000_000 }
    const { numbers: found } = await page.evaluate(([given, place]) => (place === 'page' ? runSource(given) : runInWorker(given)), [
      request,
      where,
    ] as const)
    expect(found).toEqual(numbers(readings(0, 3_000)))
    expect(ranges.length).toBe(4)
  })

  test(`MQTT over WebSocket in a ${where}`, async ({ page }) => {
    await page.goto('/sources')
    await page.waitForFunction('globalThis.runSource')
    const broker = await aedesBroker('ws')
    cleanups.push(() => broker.close())
    const publisher = await Publisher.connect(broker.url)
    cleanups.push(() => publisher.close())
    for (const hasJournal of [false, true]) {
      const before = publisher.sent
      const request: SourceRequest = { kind: 'mqtt', url: broker.url, count: 300, hasJournal }
      const running = page.evaluate(([given, place]) => (place === 'page' ? runSource(given) : runInWorker(given)), [
        request,
        where,
      ] as const)
      await systemClock.sleep(1_500)
      await publisher.publish(300)
      const { numbers: found } = await running
      expect(found).toEqual(numbers(readings(before, before + 300)))
    }
  })

  for (const kind of ['messagePort', 'broadcastChannel', 'eventTarget'] as const) {
    test(`${kind} in a ${where}`, async ({ page }) => {
      await page.goto('/sources')
      await page.waitForFunction('globalThis.runSource')
      for (const hasJournal of [false, true]) {
        const request: SourceRequest = { kind, url: `channel-${where}`, count: 200, rows: readings(0, 200), hasJournal }
        const {
          numbers: found,
          first,
          deadLetters,
        } = await page.evaluate(([given, place]) => (place === 'page' ? runSource(given) : runInWorker(given)), [request, where] as const)
        expect(found).toEqual(numbers(readings(0, 200)))
        expect(first).toEqual(readingOf(0))
        expect(deadLetters).toEqual([])
      }
    })
  }
}

test('decoders are fast enough for 100,000 readings a second on a small part of a core', async ({ page }, info) => {
  await page.goto('/sources')
  await page.waitForFunction('globalThis.measureDecoder')
  const speeds: Record<string, number> = {}
  for (const decode of ['json', 'ndjson', 'csv', 'rows'] as const) {
    speeds[decode] = await page.evaluate(([name]) => measureDecoder(name, 300, 2_000), [decode] as const)
  }
  info.annotations.push({ type: 'rows a second', description: JSON.stringify(speeds) })
  console.log(`rows a second in ${info.project.name}: ${JSON.stringify(speeds)}`)
  // Far below what a quiet machine does: a regression to objects for each row would still be seen.
  for (const [name, speed] of Object.entries(speeds)) expect(speed, name).toBeGreaterThan(100_000)
})
