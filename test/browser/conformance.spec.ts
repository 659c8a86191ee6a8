/** The conformance cases in browsers: what passes in Node passes there, on every tier. */

import { expect, test } from '@playwright/test'
import { readCases } from '../conformance/folder.ts'
import type { CaseOptions, CaseOutcome } from '../conformance/runner.ts'
import { isSharedThere, SHARED_ABSENT, sharedPath } from '../support/shared-folder.ts'
import { WAYS } from './ways.ts'

declare const runConformance: (files: readonly (readonly [string, string])[], start: CaseOptions['start']) => Promise<CaseOutcome[]>

if (!isSharedThere) {
  test(`${SHARED_ABSENT}: conformance not run in browsers`, () => {
    console.warn(`${SHARED_ABSENT}: conformance not run in browsers`)
  })
} else {
  const files = [...readCases(sharedPath('conformance'))]
  for (const { prefix, host, tier } of WAYS) {
    test(`every conformance case whose features the product has passes on tier ${tier}${prefix}`, async ({ page }) => {
      await page.goto(`${prefix}/conformance`)
      await page.waitForFunction('globalThis.runConformance')
      const outcomes = await page.evaluate(([of, start]) => runConformance(of, start), [files, { host, parallelism: 2 }] as const)
      expect(outcomes.filter(({ kind }) => kind === 'failed')).toEqual([])
      expect(outcomes.filter(({ kind }) => kind === 'passed').length).toBeGreaterThanOrEqual(84)
    })
  }
}
