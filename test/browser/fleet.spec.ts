import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from '@playwright/test'
import type { PageResult } from './page.ts'

declare const runFleet: (host: 'workers' | 'inline', parallelism: number) => Promise<PageResult>

const script = fileURLToPath(new URL('expected.ts', import.meta.url))

/** The same pipeline in Node, in a process of its own. */
function expected(parallelism: number): { rows: unknown[]; late: unknown[] } {
  const output = execFileSync(process.execPath, [script, String(parallelism)], { encoding: 'utf8', maxBuffer: 1 << 28 })
  return JSON.parse(output) as { rows: unknown[]; late: unknown[] }
}

for (const parallelism of [1, 2]) {
  for (const host of ['workers', 'inline'] as const) {
    test(`the same pipeline gives the same rows in Chromium on ${host} at parallelism ${parallelism}`, async ({ page }) => {
      await page.goto('/')
      await page.waitForFunction('globalThis.runFleet')
      const result = await page.evaluate(([on, at]) => runFleet(on, at), [host, parallelism] as const)
      const { rows, late } = expected(parallelism)
      expect(result.isIsolated).toBe(true)
      expect(result.status.tier).toBe(host === 'workers' ? 'shared' : 'inline')
      expect(rows.length).toBeGreaterThan(1000)
      expect(late.length).toBeGreaterThan(0)
      expect(result.rows).toEqual(rows)
      expect(result.late).toEqual(late)
      expect(result.status.checkpoints.count).toBeGreaterThan(0)
      expect(result.status.recordsIn).toBe(20_000)
    })
  }
}
