import { expect, test } from '@playwright/test'
import type { SuiteResult } from '../support/portable-suite.ts'

declare const runSuite: () => Promise<SuiteResult>
declare const runSuiteInWorker: () => Promise<SuiteResult>

test('every store of the page keeps the contract', async ({ page }) => {
  test.setTimeout(240_000)
  await page.goto('/store')
  await page.waitForFunction('globalThis.runSuite')
  const { passed, failures } = await page.evaluate(() => runSuite())
  expect(failures).toEqual([])
  expect(passed).toBeGreaterThan(105)
})

test('every store of a worker keeps the contract', async ({ page }) => {
  test.setTimeout(240_000)
  await page.goto('/store')
  await page.waitForFunction('globalThis.runSuiteInWorker')
  const { passed, failures } = await page.evaluate(() => runSuiteInWorker())
  expect(failures).toEqual([])
  expect(passed).toBeGreaterThan(80)
})
