import { recover } from '../../runtime/checkpoint/recovery.ts'
import { commitSample, JOB, recoveredValues } from '../contract/sample-checkpoint.ts'
import { type Owners, powerLossLaws } from './power-loss.ts'

const SEED_COUNT = Number(process.env['MILLRACE_SEEDS'] ?? 400)

/** Values that come back after a while, so that chunks are thrown away and written again. */
const valuesOf = (checkpointId: number) => ['constant', `one of five: ${checkpointId % 5}`]

/** Jobs that recover what there is and write checkpoints. */
const jobs: Owners = {
  operationsMax: 150,
  fault: () => 'crash',
  begin() {
    let acknowledged = 0
    return async (session) => {
      const recovered = await recover(session, JOB)
      const id = recovered?.manifest.checkpointId ?? 0
      if (id < acknowledged) return `${acknowledged} was acknowledged, ${id} recovered`
      if (recovered !== null && recovered.skipped.length > 0) return `skipped ${String(recovered.skipped[0]!.error)}`
      if (recovered !== null && recoveredValues(recovered).join() !== valuesOf(id).join()) return 'a mixture'
      // A sink commits by what was recovered, so it counts as acknowledged.
      acknowledged = id
      for (;;) {
        await commitSample(session, acknowledged + 1, valuesOf(acknowledged + 1))
        acknowledged++
      }
    }
  },
}

powerLossLaws('what was acknowledged is recovered whole', jobs, { seedCount: SEED_COUNT, flawed: { seeds: 20, least: 15 } })
