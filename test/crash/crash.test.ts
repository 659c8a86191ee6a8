/** Real processes under SIGKILL: 30 in every `npm test`, any number by `npm run crashtest -- --runs N`. */

import { expect, test } from 'vitest'
import { crashes, reportText } from './crash.ts'

test('a process killed at any moment loses nothing that was acknowledged, and its successors write the same files', {
  timeout: 180_000,
}, async () => {
  const report = await crashes({ runs: 30, seed: 1, records: 60_000 })
  console.log(reportText(report))
  expect(report.violations).toEqual([])
  expect(report.kills).toBeGreaterThanOrEqual(30)
  expect(report.phases.size).toBeGreaterThanOrEqual(3)
})
