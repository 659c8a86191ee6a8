/**
 * `npm run faults -- [--runs N] [--seed S] [--only PART | --fault NAME] [--plant DEFECT]`: faults of browsers against real jobs. Ends with `N runs, 0 violations`.
 *
 * `--only` takes the faults whose name contains the text, `--fault` the one of that name. `--plant` puts a defect in, which
 * must be found.
 */

import process from 'node:process'
import { parseArgs } from 'node:util'
import { campaign, reportText } from './campaign.ts'
import { PLANTS } from './fault-options.ts'
import { FAULTS } from './faults.ts'

// Browsers go with this process, also when it is stopped.
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => process.exit(1))

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '3' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string', default: '' },
    fault: { type: 'string' },
    plant: { type: 'string' },
  },
})
const runs = Number(values.runs)
const seed = Number(values.seed)
if (!Number.isSafeInteger(runs) || runs < 1 || !Number.isSafeInteger(seed)) throw new RangeError('--runs and --seed must be whole numbers')
const isWanted = (name: string) => (values.fault === undefined ? name.includes(values.only) : name === values.fault)
const faults = Object.keys(FAULTS).filter(isWanted)
if (faults.length === 0) throw new RangeError(`There is no fault ${values.fault ?? values.only}: ${Object.keys(FAULTS).join(', ')}`)
const plant = PLANTS.find((name) => name === values.plant) ?? null
if (values.plant !== undefined && plant === null) throw new RangeError(`There is no defect ${values.plant}: ${PLANTS.join(', ')}`)
const reports = await campaign({
  faults,
  runs,
  seed,
  plant,
  onRun: (fault, problems) => console.log(`${fault}: ${problems.length === 0 ? 'right' : problems.join('; ')}`),
})
console.log(reportText(reports))
if (reports.some(({ violations }) => violations.length > 0)) process.exitCode = 1
