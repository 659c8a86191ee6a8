import { expect, test } from '@playwright/test'
import type { FaultsResult } from './faults-page.ts'
import type { Effect } from './request-faults.ts'
import { RUNS } from './storage.ts'

declare const failEach: (effect: Effect, isPersistent: boolean, step: number, phase: number) => Promise<FaultsResult>

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
