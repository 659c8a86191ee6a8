/** Random jobs in browsers, on every tier and from one tier to another: bit for bit what Node gives. `STREAMS=n` multiplies their number. */

import { execFileSync } from 'node:child_process'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { expect, test } from '@playwright/test'
import type { HostName, RandomJobs } from './random-jobs.ts'
import { WAYS } from './ways.ts'

declare const runRandomJobs: (jobs: RandomJobs) => Promise<string[]>

const COUNT = 12 * Number(process.env['STREAMS'] ?? 1)
const script = fileURLToPath(new URL('random-jobs-expected.ts', import.meta.url))

const TURNS: readonly { readonly prefix: string; readonly hosts: readonly [HostName, HostName] }[] = WAYS.flatMap(({ prefix, host }) => {
  const others = WAYS.filter((way) => way.prefix === prefix)
  return others.map((other) => ({ prefix, hosts: [host, other.host] as const }))
})

for (const [index, { prefix, hosts }] of TURNS.entries()) {
  test(`${COUNT} random jobs give the bits of Node on ${hosts.join(', then ')}${prefix}`, async ({ page }) => {
    test.setTimeout(60_000 + COUNT * 2_000)
    const from = 1 + index * 1_000
    const output = execFileSync(process.execPath, [script, String(from), String(COUNT)], { encoding: 'utf8', maxBuffer: 1 << 28 })
    await page.goto(`${prefix}/random-jobs`)
    await page.waitForFunction('globalThis.runRandomJobs')
    const outcomes = await page.evaluate((jobs) => runRandomJobs(jobs), { from, count: COUNT, hosts })
    expect(outcomes).toEqual(JSON.parse(output))
    expect(outcomes.filter((text) => text.includes('"windowStart"')).length).toBeGreaterThan(COUNT / 2)
  })
}
