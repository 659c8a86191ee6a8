/**
 * Objects that lose their memory in the middle of a stream: sent = counted, exactly.
 *
 * MILLRACE_RUNS sets how often each kind of crash is made (default 6 and 4); MILLRACE_SEED what is sent and when.
 */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { afterEach, expect, test } from 'vitest'
import { systemClock } from '../../runtime/clock.ts'
import { Prng } from '../support/prng.ts'
import { countedRows, expectedCounts, type Fetch, inOrder, type Reading, sendUntilTaken } from './edge-client.ts'
import { edgeHost, killableHost, type ObjectOptions } from './edge-host.ts'

const seed = Number(process.env['MILLRACE_SEED'] ?? 1)
const runs = (usual: number) => Number(process.env['MILLRACE_RUNS'] ?? usual)

/** Few records between checkpoints, so that crashes fall on all parts of one. */
const OFTEN: ObjectOptions = { checkpoint: { records: 150, entries: 5, after: '200ms' } }
const AT_ONCE = 3

const folders: string[] = []
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true })
})
async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'millrace-edge-'))
  folders.push(path)
  return path
}

/** Readings in order of time but for a disorder of up to 3 s, of which the watermark allows one. */
function makeReadings(prng: Prng, count: number): Reading[] {
  return Array.from({ length: count }, (_, index) => ({
    device: `device-${prng.int(7)}`,
    at: 1_000_000 + index * 40 - prng.int(3_000),
    value: prng.int(100),
  }))
}

/** Sends batches, a few at a time, while `crash` is made again and again; then everything must be counted once. */
async function streamThrough(fetch: Fetch, prng: Prng, crash: () => Promise<void>, crashes: number): Promise<void> {
  const readings: Reading[] = []
  let batch = 0
  let acknowledged = 0
  let isCrashing = true
  const send = async () => {
    while (isCrashing) {
      const rows = makeReadings(prng, 1 + prng.int(60)).map((row) => ({ ...row, at: row.at + readings.length * 40 }))
      readings.push(...rows)
      const key = `batch ${batch++}`
      await sendUntilTaken(fetch, '/counting/a/in', key, rows)
      acknowledged++
      // A client that lost the answer does not know that it was taken.
      if (prng.int(4) === 0) await sendUntilTaken(fetch, '/counting/a/in', key, rows)
    }
  }
  const sending = Promise.all(Array.from({ length: AT_ONCE }, send))
  // Looked at below; until then a failure is no stray rejection.
  sending.catch(() => {})
  for (let count = 0; count < crashes; count++) {
    // Every other life gets as far as to acknowledge something, on a machine that is busy too; the rest may end before their first request.
    const before = acknowledged
    while (count % 2 === 0 && acknowledged === before) await Promise.race([systemClock.sleep(5), sending])
    await systemClock.sleep(prng.int(150))
    await crash()
  }
  isCrashing = false
  await sending
  // A reading of later closes all windows.
  const last = Math.max(...readings.map(({ at }) => at))
  await sendUntilTaken(fetch, '/counting/a/in', 'last', [{ device: 'last', at: last + 60_000, value: 0 }])
  expect(inOrder(await countedRows(fetch, '/counting/a/out'))).toEqual(inOrder(expectedCounts(readings)))
  const status = JSON.parse(await (await fetch('/counting/a/status')).text()) as {
    job: { epoch: number; recordsIn: number; late: number; deadLetters: number }
    object: { differences: number; log: { begin: number; end: number }; failure: unknown }
  }
  expect(status.job).toMatchObject({ recordsIn: readings.length + 1, late: 0, deadLetters: 0 })
  expect(status.object).toMatchObject({ differences: 0, failure: null })
  // Every life that acknowledged something had an epoch of its own.
  expect(status.job.epoch).toBeGreaterThan(crashes / 2)
  // The log does not grow for ever.
  expect(status.object.log.begin).toBeGreaterThan(0)
}

test('an object that is thrown away in the middle of a stream counts everything once', { timeout: 600_000 }, async () => {
  const prng = new Prng(seed)
  const miniflare = await edgeHost(await folder(), OFTEN)
  try {
    const fetch: Fetch = (path, init) => miniflare.dispatchFetch(`http://edge${path}`, init)
    const crash = async () => {
      const response = await fetch('/counting/a/crash', { method: 'POST' }).catch(() => null)
      await response?.text()
    }
    await streamThrough(fetch, prng, crash, runs(6))
  } finally {
    await miniflare.dispose()
  }
})

test('a workerd that is killed in the middle of a stream counts everything once', { timeout: 600_000 }, async () => {
  const prng = new Prng(seed + 1)
  const persist = await folder()
  let host = await killableHost(persist, OFTEN)
  try {
    const fetch: Fetch = (path, init) => globalThis.fetch(new URL(path, host.url), { ...init, signal: AbortSignal.timeout(5_000) })
    const crash = async () => {
      await host.kill()
      host = await killableHost(persist, OFTEN)
    }
    await streamThrough(fetch, prng, crash, runs(4))
  } finally {
    await host.kill()
  }
})
