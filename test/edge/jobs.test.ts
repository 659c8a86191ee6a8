import { execFileSync } from 'node:child_process'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { Miniflare } from 'miniflare'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { RunResult } from '../browser/jobs.ts'
import { edgeBundle } from './edge-bundle.ts'

const script = fileURLToPath(new URL('../browser/expected.ts', import.meta.url))

let miniflare: Miniflare
beforeAll(async () => {
  const { options } = await edgeBundle('objects/run-object.ts')
  miniflare = new Miniflare({ ...options, durableObjects: { RUNS: { className: 'Runs', useSQLite: true } } })
})
afterAll(() => miniflare.dispose())

for (const name of ['fleet', 'visits'] as const) {
  for (const parallelism of [1, 2]) {
    test(`${name} gives the same rows in a Durable Object as in Node at parallelism ${parallelism}`, async () => {
      const response = await miniflare.dispatchFetch('http://runs/', {
        method: 'POST',
        body: JSON.stringify({ name, parallelism, host: 'auto' }),
      })
      const { sinks, status } = (await response.json()) as RunResult
      const output = execFileSync(process.execPath, [script, name, String(parallelism)], { encoding: 'utf8', maxBuffer: 1 << 28 })
      expect(sinks).toEqual(JSON.parse(output))
      expect(status).toMatchObject({ tier: 'inline', recordsIn: 20_000 })
      expect(status.checkpoints.count).toBeGreaterThan(0)
    })
  }
}

for (const host of ['workers', 'shared', 'transferred']) {
  test(`the host ${host} is refused, and the one there is named`, async () => {
    const response = await miniflare.dispatchFetch('http://runs/', {
      method: 'POST',
      body: JSON.stringify({ name: 'fleet', parallelism: 1, host }),
    })
    expect(await response.json()).toEqual({
      code: 'WORKERS_UNAVAILABLE',
      message: "Cannot run on workers: there are no workers here; use host: 'inline'",
    })
  })
}
