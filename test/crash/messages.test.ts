/**
 * Jobs on message sources, killed by SIGKILL again and again while messages come: every reading is in the committed result exactly once.
 *
 * Before: `npm run build`, because the child uses the package as it is shipped. After: real sockets, real files, real brokers.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test } from 'vitest'
import { mosquittoBroker, Publisher } from '../adapters/mqtt-support.ts'
import { type Reading, ReadingServer, readings } from '../adapters/readings.ts'
import { systemClock } from '../../runtime/clock.ts'
import { Prng } from '../support/prng.ts'

const KILL_COUNT = Number(process.env['MILLRACE_KILLS'] ?? 6)

const childFile = fileURLToPath(new URL('message-child.ts', import.meta.url))

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

class Child {
  readonly process: ChildProcess
  readonly #ended: Promise<unknown>
  readonly lines: string[] = []

  constructor(directory: string, kind: string, url: string) {
    this.process = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', childFile, directory, kind, url], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    cleanups.push(() => this.process.kill('SIGKILL'))
    this.#ended = once(this.process, 'close')
    let rest = ''
    this.process.stdout!.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop()!
      this.lines.push(...lines)
    })
  }

  get recordsIn(): number {
    return Number(this.lines.findLast((line) => line.startsWith('in '))?.slice(3) ?? -1)
  }

  async reaches(recordsIn: number): Promise<void> {
    while (this.recordsIn < recordsIn) {
      if (this.process.exitCode !== null) throw new Error(`the child ended: ${this.lines.slice(-5).join('; ')}`)
      await systemClock.sleep(5)
    }
  }

  async kill(): Promise<void> {
    this.process.kill('SIGKILL')
    await this.#ended
  }

  async stop(): Promise<void> {
    this.process.stdin!.write('stop\n')
    await this.#ended
    expect(this.lines.at(-1)).toBe('stopped')
  }
}

/** What has been committed, in order. */
function committed(directory: string): Reading[] {
  const parts = join(directory, 'out.ndjson.parts')
  const names = readdirSync(parts)
    .filter((name) => /^\d+\.ndjson$/.test(name))
    .sort()
  return names.flatMap((name) =>
    readFileSync(join(parts, name), 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Reading),
  )
}

async function killAgainAndAgain(kind: string, url: string, more: (round: number) => Promise<number>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-messages-'))
  cleanups.push(() => rmSync(directory, { recursive: true, force: true }))
  const prng = new Prng(KILL_COUNT)
  // What is published before there is a session at a broker is nobody's.
  const first = new Child(directory, kind, url)
  while (!first.lines.includes('open')) await systemClock.sleep(5)
  await systemClock.sleep(300)
  await first.stop()
  let before = 0
  for (let round = 0; round < KILL_COUNT; round++) {
    const child = new Child(directory, kind, url)
    await child.reaches(0)
    const sending = more(round)
    // Some die when something has come, some a little later, in the middle of an append, a checkpoint, a commit.
    if (prng.int(4) > 0) await child.reaches(before + 1)
    await systemClock.sleep(prng.int(120))
    before = Math.max(0, child.recordsIn)
    await child.kill()
    await sending
  }
  const child = new Child(directory, kind, url)
  const total = await more(KILL_COUNT)
  await child.reaches(total)
  await systemClock.sleep(300)
  await child.stop()
  const rows = committed(directory)
  expect(rows.map(({ n }) => n)).toEqual(readings(0, total).map(({ n }) => n))
  expect(rows.slice(0, 50)).toEqual(readings(0, 50))
  expect(child.lines.filter((line) => /^(warning|letter)/.test(line))).toEqual([])
}

test.each(['webSocket', 'webSocketJournal'])(`%s, killed ${KILL_COUNT} times`, { timeout: 120_000 }, async (kind) => {
  const server = await new ReadingServer({ perMessage: 30 }).start()
  cleanups.push(() => server.stop())
  await killAgainAndAgain(kind, server.url, async () => (server.available += 4_000))
})

test(`events with a journal, killed ${KILL_COUNT} times`, { timeout: 120_000 }, async () => {
  let available = 0
  const server = createServer(async (request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.flushHeaders()
    for (let next = Number(request.headers['last-event-id'] ?? -1) + 1; !response.destroyed; ) {
      const to = Math.min(available, next - (next % 25) + 25)
      if (to > next) response.write(`data: ${JSON.stringify(readings(next, to))}\nid: ${to - 1}\n\n`)
      else await systemClock.sleep(2)
      next = Math.max(next, to)
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanups.push(() => {
    server.closeAllConnections()
    server.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  await killAgainAndAgain('eventSourceJournal', url, async () => (available += 3_000))
})

test.each(['mqttJournal', 'mqttExactly'])(`%s at mosquitto, killed ${KILL_COUNT} times`, { timeout: 180_000 }, async (kind) => {
  const broker = await mosquittoBroker()
  cleanups.push(() => broker.close())
  const publisher = await Publisher.connect(broker.url)
  cleanups.push(() => publisher.close())
  await killAgainAndAgain(kind, broker.url, async () => {
    await publisher.publish(400, kind === 'mqttExactly' ? 2 : 1, 5)
    return publisher.sent
  })
})
