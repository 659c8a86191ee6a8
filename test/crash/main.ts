/** `npm run crashtest -- [--runs N] [--seed S]`: kills N real processes. Ends with `N runs, 0 violations`. */

import process from 'node:process'
import { parseArgs } from 'node:util'
import { crashes, reportText } from './crash.ts'

const { values } = parseArgs({ options: { runs: { type: 'string', default: '100' }, seed: { type: 'string', default: '1' } } })
const runs = Number(values.runs)
const seed = Number(values.seed)
if (!Number.isSafeInteger(runs) || runs < 1 || !Number.isSafeInteger(seed)) throw new RangeError('--runs and --seed must be whole numbers')
let said = 0
const report = await crashes({
  runs,
  seed,
  onProgress: ({ kills, scenarios, violations }) => {
    if (kills - said < 10) return
    said = kills
    console.log(`${kills} of ${runs} runs, ${scenarios} scenarios, ${violations.length} violations`)
  },
})
console.log(reportText(report))
if (report.violations.length > 0) {
  console.log(`again: npm run crashtest -- --runs ${runs} --seed ${seed}`)
  process.exitCode = 1
}
