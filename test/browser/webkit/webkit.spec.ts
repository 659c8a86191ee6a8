/** Smoke test in WebKitGTK: the jobs of jobs.spec on every tier, with and without shared memory. */

import { execFileSync } from 'node:child_process'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { expect, test } from '@playwright/test'
import { readCases } from '../../conformance/folder.ts'
import type { CaseOutcome } from '../../conformance/runner.ts'
import type { SuiteResult } from '../../support/portable-suite.ts'
import { isSharedThere, SHARED_ABSENT, sharedPath } from '../../support/shared-folder.ts'
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

for (const suite of ['runSuite', 'runSuiteInWorker'] as const) {
  test(`WebKitGTK keeps the contract of stores in IndexedDB: ${suite}`, async ({ baseURL }) => {
    test.setTimeout(240_000)
    const webkit = await WebKit.open({ sharedMemory: true })
    try {
      await webkit.goto(`${baseURL}store`)
      await webkit.waitFor(suite)
      const { passed, failures } = await webkit.call<SuiteResult>(suite)
      // It has no access handles of OPFS, in workers neither: there the store of OPFS refuses to open.
      expect(failures.filter(({ name }) => !name.includes('OPFS'))).toEqual([])
      expect(passed).toBeGreaterThan(suite === 'runSuite' ? 105 : 20)
      if (suite === 'runSuiteInWorker') expect(failures.map(({ message }) => message).join()).toContain('checkPlace')
    } finally {
      await webkit.close()
    }
  })
}

if (!isSharedThere) {
  test(`${SHARED_ABSENT}: conformance not run in WebKitGTK`, () => {
    console.warn(`${SHARED_ABSENT}: conformance not run in WebKitGTK`)
  })
} else {
  const files = [...readCases(sharedPath('conformance'))]
  for (const host of ['shared', 'transferred', 'inline'] as const) {
    test(`WebKitGTK passes every conformance case whose features the product has, on tier ${host}`, async ({ baseURL }) => {
      test.setTimeout(240_000)
      const webkit = await WebKit.open({ sharedMemory: true })
      try {
        await webkit.goto(`${baseURL}conformance`)
        await webkit.waitFor('runConformance')
        const outcomes = await webkit.call<CaseOutcome[]>('runConformance', files, { host, parallelism: 2 })
        expect(outcomes.filter(({ kind }) => kind === 'failed')).toEqual([])
        expect(outcomes.filter(({ kind }) => kind === 'passed').length).toBeGreaterThanOrEqual(84)
      } finally {
        await webkit.close()
      }
    })
  }
}
