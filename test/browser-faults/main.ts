/**
 * `npm run faults -- [--runs N] [--seed S] [--only PART]`: faults of browsers against real jobs. Ends with `N runs, 0 violations`.
 *
 * `--only` takes the faults whose name contains the text.
 */

import process from 'node:process'
import { parseArgs } from 'node:util'
import { campaign, reportText } from './campaign.ts'
import { FAULTS } from './faults.ts'

const { values } = parseArgs({
  options: { runs: { type: 'string', default: '3' }, seed: { type: 'string', default: '1' }, only: { type: 'string', default: '' } },
})
const runs = Number(values.runs)
const seed = Number(values.seed)
if (!Number.isSafeInteger(runs) || runs < 1 || !Number.isSafeInteger(seed)) throw new RangeError('--runs and --seed must be whole numbers')
const faults = Object.keys(FAULTS).filter((name) => name.includes(values.only))
if (faults.length === 0) throw new RangeError(`There is no fault named ${values.only}: ${Object.keys(FAULTS).join(', ')}`)
const reports = await campaign({
  faults,
  runs,
  seed,
  onRun: (fault, problems) => console.log(`${fault}: ${problems.length === 0 ? 'right' : problems.join('; ')}`),
})
console.log(reportText(reports))
if (reports.some(({ violations }) => violations.length > 0)) process.exitCode = 1
