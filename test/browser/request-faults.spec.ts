import { expect, test } from '@playwright/test'
import type { FaultsResult } from './faults-page.ts'
import type { Effect } from './request-faults.ts'
import { RUNS } from './storage.ts'

declare const failEach: (effect: Effect, isPersistent: boolean, step: number, phase: number) => Promise<FaultsResult>

declare const hangEach: (deadlineMs: number) => Promise<{ readonly code: string; readonly ms: number }[]>

/** With few runs every fourth request, others each time the suite is changed; with 10 or more all of them. */
const STEP = RUNS >= 10 ? 1 : 4

const CASES: readonly (readonly [string, Effect, boolean])[] = [
  ['one request throws: nobody hears of it', 'throw', false],
  ['one transaction is given up: nobody hears of it', 'abort', false],
  ['one connection is closed: nobody hears of it', 'close', false],
  ['from some request on all throw: a typed error, and what was acknowledged is there', 'throw', true],
  ['from some request on all transactions are given up: a typed error, and what was acknowledged is there', 'abort', true],
]

for (const [index, [name, effect, isPersistent]] of CASES.entries()) {
  test(name, async ({ page }) => {
    test.setTimeout(600_000)
    await page.goto('/faults')
    await page.waitForFunction('globalThis.failEach')
    const result = await page.evaluate(([of, all, step, phase]) => failEach(of, all, step, phase), [
      effect,
      isPersistent,
      STEP,
      index,
    ] as const)
    expect(result.failures).toEqual([])
    expect(result.requests).toBeGreaterThan(50)
    expect(result.hits).toBe(result.runs)
  })
}

test('an opening that is never answered fails at its deadline, and keeps nobody out', async ({ page }) => {
  await page.goto('/faults')
  await page.waitForFunction('globalThis.hangEach')
  const answers = await page.evaluate(() => hangEach(1_500))
  expect(answers).toHaveLength(2)
  for (const { code, ms } of answers) {
    expect(code).toBe('STORE_UNAVAILABLE')
    expect(ms).toBeGreaterThan(1_400)
    expect(ms).toBeLessThan(6_000)
  }
})
