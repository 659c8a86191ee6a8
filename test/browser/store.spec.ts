import { expect, test } from '@playwright/test'
import type { SuiteResult } from '../support/portable-suite.ts'

declare const runSuite: () => Promise<SuiteResult>

test('every store of the browser keeps the contract', async ({ page }) => {
  await page.goto('/store')
  await page.waitForFunction('globalThis.runSuite')
  const { passed, failures } = await page.evaluate(() => runSuite())
  expect(failures).toEqual([])
  expect(passed).toBeGreaterThan(10)
})
