import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from '@playwright/test'
import type { JobName, RunOptions, RunResult } from './jobs.ts'
import type { PageResult } from './jobs-page.ts'

declare const runInPage: (name: JobName, options: Omit<RunOptions, 'store'>) => Promise<string>

const script = fileURLToPath(new URL('expected.ts', import.meta.url))
const results = new Map<string, RunResult['sinks']>()

/** The same pipeline in Node, in a process of its own. */
function expected(name: JobName, parallelism: number): RunResult['sinks'] {
  const id = `${name} ${parallelism}`
  const known = results.get(id)
  if (known !== undefined) return known
  const output = execFileSync(process.execPath, [script, name, String(parallelism)], { encoding: 'utf8', maxBuffer: 1 << 28 })
  const sinks = JSON.parse(output) as RunResult['sinks']
  for (const [sink, rows] of Object.entries(sinks)) expect(rows.length, sink).toBeGreaterThan(sink === 'late' ? 0 : 70)
  results.set(id, sinks)
  return sinks
}

const WAYS = [
  { path: '/jobs', host: 'auto', tier: 'shared' },
  { path: '/jobs', host: 'transferred', tier: 'transferred' },
  { path: '/jobs', host: 'inline', tier: 'inline' },
  // Without the headers of cross-origin isolation a page shares no memory.
  { path: '/not-isolated/jobs', host: 'auto', tier: 'transferred' },
  { path: '/not-isolated/jobs', host: 'inline', tier: 'inline' },
] as const

for (const name of ['fleet', 'visits'] as const) {
  for (const { path, host, tier } of WAYS) {
    for (const parallelism of [1, 2]) {
      test(`${name} gives the same rows at ${path} on ${host} at parallelism ${parallelism}`, async ({ page }) => {
        await page.goto(path)
        await page.waitForFunction('globalThis.runInPage')
        const text = await page.evaluate(([of, options]) => runInPage(of, options), [name, { host, parallelism }] as const)
        const result = JSON.parse(text) as PageResult
        expect(result.isIsolated).toBe(path === '/jobs')
        expect(result.status.tier).toBe(tier)
        expect(result.sinks).toEqual(expected(name, parallelism))
        expect(result.status.checkpoints.count).toBeGreaterThan(0)
        expect(result.status.recordsIn).toBe(20_000)
      })
    }
  }
}
