import { expect, type Page, test } from '@playwright/test'
import type { CrashReport, WayOptions, WayResult } from './workers-page.ts'

declare const runWay: (options: WayOptions) => Promise<WayResult>
declare const runCrashes: (host: 'shared' | 'transferred', runs: number, seed: number) => Promise<CrashReport>

/** Jobs of each crash test: 50 and more for a release. */
const RUNS = Number(process.env['MILLRACE_RUNS'] ?? 4)
const SEED = Number(process.env['SEED'] ?? 1)

async function open(page: Page, path: string): Promise<void> {
  await page.goto(path)
  await page.waitForFunction('globalThis.runWay')
}

const way = (page: Page, options: WayOptions): Promise<WayResult> => page.evaluate((given) => runWay(given), options)
const headers = /Cross-Origin-Opener-Policy: same-origin.*Cross-Origin-Embedder-Policy: require-corp/
const done = (tier: string) => ({ tier, isEqual: true, error: null })

test('an isolated page has every tier, by its own workers and by the package’s, and no warning', async ({ page }) => {
  await open(page, '/workers')
  for (const worker of [undefined, 'made'] as const) {
    const maker = worker === undefined ? {} : { worker }
    for (const [host, tier] of [
      ['auto', 'shared'],
      ['workers', 'shared'],
      ['shared', 'shared'],
      ['transferred', 'transferred'],
      ['inline', 'inline'],
    ] as const) {
      expect(await way(page, { host, ...maker }), `${host} ${worker}`).toMatchObject({ ...done(tier), warnings: [] })
    }
  }
})

test('a page that is not isolated has workers without sharing, and one warning that names the headers', async ({ page }) => {
  await open(page, '/not-isolated/workers')
  for (const host of ['auto', 'workers'] as const) {
    const { warnings, ...result } = await way(page, { host, parallelism: 1 })
    expect(result).toMatchObject(done('transferred'))
    expect(warnings).toHaveLength(1)
    expect(warnings[0]).toMatch(headers)
  }
  expect(await way(page, { host: 'transferred' })).toMatchObject({ ...done('transferred'), warnings: [] })
  const { error } = await way(page, { host: 'shared' })
  expect(error).toMatchObject({ code: 'SHARED_MEMORY_UNAVAILABLE' })
  expect(error!.message).toMatch(headers)
})

test('a script that does not exist, or never answers, is told or warned about, and does not hang the start', async ({ page }) => {
  await open(page, '/workers')
  for (const [worker, why] of [
    ['missing', /could not be loaded/],
    ['silent', /did not answer within 900 ms/],
  ] as const) {
    for (const host of ['shared', 'transferred'] as const) {
      const { error } = await way(page, { host, worker, workerTimeout: '300ms' })
      expect(error).toMatchObject({ code: 'WORKERS_UNAVAILABLE' })
      expect(error!.message).toMatch(why)
      expect(error!.message).toContain('millrace/kernel-worker')
    }
    const { warnings, ...result } = await way(page, { host: 'auto', worker, workerTimeout: '300ms' })
    expect(result).toMatchObject(done('inline'))
    expect(warnings).toHaveLength(1)
    expect(warnings[0]).toMatch(why)
  }
})

for (const [path, tiers] of [
  ['/strict/workers', ['shared', 'transferred', 'inline']],
  ['/strict-not-isolated/workers', ['transferred', 'inline']],
] as const) {
  test(`under a strict Content-Security-Policy every tier works with workers of the page: ${path}`, async ({ page }) => {
    await open(page, path)
    for (const host of tiers) {
      expect(await way(page, { host, worker: 'trusted' })).toMatchObject(done(host))
    }
    // The package's own URL comes from no policy.
    const { error } = await way(page, { host: 'transferred' })
    expect(error).toMatchObject({ code: 'WORKERS_UNAVAILABLE' })
    expect(error!.message).toMatch(/worker: \(\) => new Worker.*Trusted Types/)
    const { warnings, ...fallback } = await way(page, { host: 'auto' })
    expect(fallback).toMatchObject(done('inline'))
    expect(warnings).toHaveLength(1)
    expect(warnings[0]).toMatch(/worker: \(\) => new Worker/)
  })
}

test('a policy that forbids WebAssembly is named with the directive that allows it', async ({ page }) => {
  await open(page, '/strict-without-wasm/workers')
  for (const host of ['inline', 'auto'] as const) {
    const { error } = await way(page, { host })
    expect(error).toMatchObject({ code: 'WASM_REFUSED' })
    expect(error!.message).toContain("'wasm-unsafe-eval'")
  }
})

for (const [path, host] of [
  ['/workers', 'shared'],
  ['/workers', 'transferred'],
  ['/not-isolated/workers', 'transferred'],
] as const) {
  test(`workers that are terminated at any moment change no result: ${host} at ${path}`, async ({ page }) => {
    test.setTimeout(60_000 + RUNS * 15_000)
    await open(page, path)
    const report = await page.evaluate(([tier, runs, seed]) => runCrashes(tier, runs, seed), [host, RUNS, SEED] as const)
    console.log(JSON.stringify(report))
    expect(report.violations).toEqual([])
    expect(report.runs).toBe(RUNS)
    expect(report.restarts).toBeGreaterThan(0)
    // No event tells a page of a terminated worker.
    expect(Object.keys(report.codes)).toEqual(['WORKER_HUNG'])
  })
}
