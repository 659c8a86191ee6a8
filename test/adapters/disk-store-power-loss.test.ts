import { expect, test } from 'vitest'
import { recover } from '../../runtime/checkpoint/recovery.ts'
import { commitSample, JOB, recoveredValues } from '../contract/sample-checkpoint.ts'
import { Prng } from '../support/prng.ts'
import { ModelDisk, type ModelDiskFlaws } from './disk-store-model.ts'
import { DiskCrash, diskStore, FakeProcesses, FaultyDisk } from './disk-store-support.ts'

const SEED_COUNT = Number(process.env['MILLRACE_SEEDS'] ?? 400)

/** Values that come back after a while, so that chunks are thrown away and written again. */
const valuesOf = (checkpointId: number) => ['constant', `one of five: ${checkpointId % 5}`]

/**
 * A job that is killed or loses power again and again, at random operations.
 * @returns what was wrong in the first life that went wrong, or null.
 */
async function violation(seed: number, flaws: ModelDiskFlaws): Promise<string | null> {
  const prng = new Prng(seed)
  const processes = new FakeProcesses()
  let disk = new ModelDisk(flaws)
  let acknowledged = 0
  for (let life = 0; life < 8; life++) {
    const faulty = new FaultyDisk(disk)
    faulty.failAt(prng.int(150), 'crash')
    try {
      const session = await diskStore('/a/b', processes.spawn(), faulty).open('contract')
      const recovered = await recover(session, JOB)
      const id = recovered?.manifest.checkpointId ?? 0
      if (id < acknowledged) return `life ${life}: ${acknowledged} was acknowledged, ${id} recovered`
      if (recovered !== null && recovered.skipped.length > 0) return `life ${life}: skipped ${String(recovered.skipped[0]!.error)}`
      if (recovered !== null && recoveredValues(recovered).join() !== valuesOf(id).join()) return `life ${life}: a mixture`
      // A sink commits by what was recovered, so it counts as acknowledged.
      acknowledged = id
      for (;;) {
        await commitSample(session, acknowledged + 1, valuesOf(acknowledged + 1))
        acknowledged++
      }
    } catch (error) {
      if (!(error instanceof DiskCrash) && !(error instanceof Error && error.cause instanceof DiskCrash))
        return `life ${life}: ${String(error)}`
    }
    processes.killAll()
    // Sometimes only the process is killed: the next one sees what is not durable yet, and must make it so before it relies on it.
    if (prng.int(3) > 0) disk = disk.afterPowerLoss(prng)
  }
  return null
}

test(`power lost at random, ${SEED_COUNT} seeds of 8 lives: what was acknowledged is recovered whole`, { timeout: 600_000 }, async () => {
  for (let seed = 1; seed <= SEED_COUNT; seed++) expect(await violation(seed, {}), `seed ${seed}`).toBeNull()
})

test.each<[string, ModelDiskFlaws]>([
  ['of files', { filesAreNotSynced: true }],
  ['of directories', { directoriesAreNotSynced: true }],
])('the model finds a missing sync %s', async (_, flaws) => {
  let found = 0
  for (let seed = 1; seed <= 20; seed++) if ((await violation(seed, flaws)) !== null) found++
  expect(found).toBeGreaterThan(15)
})
