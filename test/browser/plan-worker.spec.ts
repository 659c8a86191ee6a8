/** The ready-made job worker, in real pages. */

import { expect, test } from '@playwright/test'
import { restartsMax } from './nested-workers.ts'
import type { Scenes } from './plan-worker-page.ts'

declare const scenes: Scenes

test.beforeEach(async ({ page }) => {
  await page.goto('/plan-worker')
  await page.waitForFunction('globalThis.scenes')
})

test('a plan and data are all a page needs for a job in a worker', async ({ page, browserName }) => {
  const { restarts, ...result } = await page.evaluate(() => scenes.whole({ parallelism: 2, host: 'auto' }))
  expect(result).toEqual({ state: 'ended', recordsIn: 5_000, tier: 'shared', parallelism: 2, isEqual: true })
  expect(restarts).toBeLessThanOrEqual(restartsMax(browserName))
})

for (const checkpoints of ['indexedDb', 'opfs'] as const) {
  test(`a page that comes again shows what it showed, from checkpoints in ${checkpoints}`, async ({ page, browserName }) => {
    // A worker that hangs in making kernel workers keeps its store.
    const host = restartsMax(browserName) > 0 ? 'inline' : 'auto'
    const { seen, isResumed, areKnown } = await page.evaluate(([kind, on]) => scenes.resumed(kind, on), [checkpoints, host] as const)
    expect(isResumed).toBe(true)
    expect(areKnown).toBe(true)
    // The first worker had 4 windows of 7 devices, the second 5 more, and those of the first.
    expect(seen).toEqual([28, 63])
  })
}

test('what a page describes wrongly is refused by name, with what there is', async ({ page }) => {
  const result = await page.evaluate(() => scenes.refused({ plan: {}, sources: { readings: { kind: 'webSockets' } }, sinks: {} }))
  expect(result).toMatchObject({ name: 'ConfigError', code: 'KIND_UNKNOWN', message: expect.stringContaining('sources.readings.kind') })
  expect(result.message).toMatch(/one of .*rows/)
})
