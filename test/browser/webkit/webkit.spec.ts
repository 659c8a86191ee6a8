/** Smoke test in WebKitGTK: the jobs of jobs.spec on every tier, with and without shared memory. */

import { execFileSync } from 'node:child_process'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { expect, test } from '@playwright/test'
import type { JobName, RunResult } from '../jobs.ts'
import type { PageResult } from '../jobs-page.ts'
import { WebKit } from './webdriver.ts'

const script = fileURLToPath(new URL('../expected.ts', import.meta.url))
const expected = (name: JobName) =>
  JSON.parse(execFileSync(process.execPath, [script, name, '2'], { encoding: 'utf8', maxBuffer: 1 << 28 })) as RunResult['sinks']

const PLACES = [
  {
    name: 'with shared memory',
    sharedMemory: true,
    ways: [
      { path: 'jobs', host: 'auto', tier: 'shared' },
      { path: 'jobs', host: 'transferred', tier: 'transferred' },
      { path: 'jobs', host: 'inline', tier: 'inline' },
      { path: 'not-isolated/jobs', host: 'auto', tier: 'transferred' },
    ],
  },
  // crossOriginIsolated is true here, and yet there is no SharedArrayBuffer.
  { name: 'without shared memory', sharedMemory: false, ways: [{ path: 'jobs', host: 'auto', tier: 'transferred' }] },
] as const

for (const { name, sharedMemory, ways } of PLACES) {
  test(`WebKitGTK ${name} gives the rows of Node on every tier`, async ({ baseURL }) => {
    test.setTimeout(120_000)
    const webkit = await WebKit.open({ sharedMemory })
    try {
      for (const { path, host, tier } of ways) {
        await webkit.goto(`${baseURL}${path}`)
        await webkit.waitFor('runInPage')
        expect(await webkit.evaluate('typeof SharedArrayBuffer')).toBe(sharedMemory ? 'function' : 'undefined')
        for (const job of ['fleet', 'visits'] as const) {
          const { sinks, status } = JSON.parse(await webkit.call<string>('runInPage', job, { host, parallelism: 2 })) as PageResult
          expect(status.tier).toBe(tier)
          expect(sinks).toEqual(expected(job))
        }
      }
    } finally {
      await webkit.close()
    }
  })
}
