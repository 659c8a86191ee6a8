/** A few runs of each fault; `npm run faults -- --runs 50` is the campaign. MILLRACE_RUNS says how many. */

import process from 'node:process'
import { expect, test } from '@playwright/test'
import { campaign, reportText } from './campaign.ts'
import { FAULTS } from './faults.ts'

const RUNS = Number(process.env['MILLRACE_RUNS'] ?? 1)

for (const fault of Object.keys(FAULTS)) {
  test(`results are exactly those without faults: ${fault}`, async () => {
    test.setTimeout(150_000 * RUNS)
    const reports = await campaign({ faults: [fault], runs: RUNS, seed: 1 })
    expect(reports[0]!.violations, reportText(reports)).toEqual([])
    expect(reports[0]!.runs).toBe(RUNS)
  })
}
