/** Jobs in workers of real pages. */

import { expect, type Page, test } from '@playwright/test'
import type { Scenes } from './job-worker-page.ts'
import { restartsMax } from './nested-workers.ts'

declare const scenes: Scenes

async function open(page: Page, path = '/job-worker'): Promise<void> {
  await page.goto(path)
  await page.waitForFunction('globalThis.scenes')
}

for (const [path, host, tier] of [
  ['/job-worker', 'auto', 'shared'],
  ['/job-worker', 'inline', 'inline'],
] as const) {
  test(`a job worker gives the page's results at ${path} on ${host}, with kernel workers of its own where it can`, async ({
    page,
    browserName,
  }) => {
    await open(page, path)
    const { restarts, ...result } = await page.evaluate((of) => scenes.whole(of, 2), host)
    expect(result).toEqual({ state: 'ended', tier, recordsIn: 5_000, isEqual: true, isIsolated: true })
    expect(restarts).toBeLessThanOrEqual(host === 'inline' ? 0 : restartsMax(browserName))
  })
}

test('a job worker of a page that is not isolated gives the same results without shared memory', async ({ page, browserName }) => {
  await open(page, '/not-isolated/job-worker')
  const result = await page.evaluate(() => scenes.whole('auto', 2))
  expect(result).toMatchObject({ state: 'ended', recordsIn: 5_000, isEqual: true, isIsolated: false })
  expect(result.tier).not.toBe('shared')
  expect(result.restarts).toBeLessThanOrEqual(restartsMax(browserName))
})

test('views change at most once per frame, however fast the page feeds the job', async ({ page }) => {
  await open(page)
  const rounds = 30
  const { updates, results, ...rest } = await page.evaluate((count) => scenes.feed(count), rounds)
  const rowCount = rounds * 10_000
  expect(rest).toEqual({ sent: rowCount, recordsIn: rowCount, changesInFrameMax: 1, rows: 5_000 })
  expect(updates).toBeGreaterThanOrEqual(rounds)
  // Each window gives a result, and another one if rows of it were late.
  expect(results).toBeGreaterThanOrEqual(rounds * 10 * 50)
})

test('a worker restarts its job from the last checkpoint with other parameters', async ({ page }) => {
  await open(page)
  const result = await page.evaluate(() => scenes.restarted())
  expect(result).toEqual({ isEqual: true, recordsIn: 5_000, parallelism: 2, isResumed: true })
})

test('a worker that is gone without a word is noticed', async ({ page }) => {
  await open(page)
  const { code, ms } = await page.evaluate(() => scenes.lost('1000ms'))
  expect(code).toBe('WORKER_LOST')
  expect(ms).toBeLessThan(5_000)
})

test('a worker that is gone is replaced, and the page shows its rows until there are new ones', async ({ page }) => {
  await open(page)
  const result = await page.evaluate(() => scenes.replaced())
  expect(result).toEqual({ isKept: true, isEverEmpty: false, recordsIn: 5_000, rows: 49, restarts: 1 })
})

test('a script that is not there, or does not serve, is told by name', async ({ page }) => {
  await open(page)
  const missing = await page.evaluate(() => scenes.refused('/nothing-worker.js'))
  expect(missing).toMatchObject({
    name: 'ConfigError',
    code: 'WORKER_UNREACHABLE',
    message: expect.stringContaining('could not be loaded'),
  })
  expect(missing.ms).toBeLessThan(5_000)
  // A kernel worker is one, but of another kind.
  const silent = await page.evaluate(() => scenes.refused('/kernel-worker.js', '500ms'))
  expect(silent).toMatchObject({ code: 'WORKER_UNREACHABLE', message: expect.stringContaining('did not call serve() within 500 ms') })
})

test('a policy that forbids workers is told by name', async ({ page }) => {
  await open(page)
  await page.evaluate(() => scenes.policy("worker-src 'none'"))
  const refused = await page.evaluate(() => scenes.refused('/served-worker.js', '3000ms'))
  expect(refused).toMatchObject({ code: 'WORKER_UNREACHABLE', message: expect.stringContaining('Content-Security-Policy') })
  expect(refused.ms).toBeLessThan(5_000)
})

test('trusted types that the factory does not satisfy are told by name', async ({ page }) => {
  await open(page)
  await page.evaluate(() => scenes.policy("require-trusted-types-for 'script'"))
  const refused = await page.evaluate(() => scenes.refused('/served-worker.js', '3000ms'))
  expect(refused).toMatchObject({ code: 'WORKER_UNREACHABLE', message: expect.stringContaining('could not be made') })
})
