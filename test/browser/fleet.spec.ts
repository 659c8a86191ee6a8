import { expect, test } from '@playwright/test'
import type { PageResult } from './page.ts'

declare const runFleet: (host: 'workers' | 'inline', parallelism: number) => Promise<PageResult>

// The same pipeline in Node, as a separate process of the built package: what the page must equal.
async function expected(parallelism: number): Promise<{ rows: unknown[]; late: unknown[] }> {
  const { collectSink, rowsSource, start } = await import('millrace')
  const { fleetJob, fleetRows } = await import('../support/fleet-pipeline.ts')
  const minutes = collectSink()
  const late = collectSink()
  const run = await start(fleetJob(), { sources: { readings: rowsSource(fleetRows(20_000)) }, sinks: { minutes, late }, parallelism, host: 'inline' })
  await run.finished
  return { rows: [...minutes.rows], late: [...late.rows] }
}

for (const parallelism of [1, 2]) {
  for (const host of ['workers', 'inline'] as const) {
    test(`the same pipeline gives the same rows in Chromium on ${host} at parallelism ${parallelism}`, async ({ page }) => {
      await page.goto('/')
      await page.waitForFunction('globalThis.runFleet')
      const result = await page.evaluate(([on, at]) => runFleet(on, at), [host, parallelism] as const)
      const { rows, late } = await expected(parallelism)
      expect(result.isIsolated).toBe(true)
      expect(result.status.tier).toBe(host === 'workers' ? 'shared' : 'inline')
      expect(rows.length).toBeGreaterThan(1000)
      expect(late.length).toBeGreaterThan(0)
      expect(result.rows).toEqual(JSON.parse(JSON.stringify(rows)))
      expect(result.late).toEqual(JSON.parse(JSON.stringify(late)))
      expect(result.status.checkpoints.count).toBeGreaterThan(0)
      expect(result.status.recordsIn).toBe(20_000)
    })
  }
}
