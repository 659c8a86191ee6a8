import { expect, test } from 'vitest'
import { memoryCheckpoints } from '../../adapters/memory-store.ts'
import type { CheckpointStore } from '../../runtime/checkpoint/checkpoint-store.ts'
import { writeCheckpoint } from '../../runtime/checkpoint/recovery.ts'
import { openStore } from '../../runtime/coordinator/checkpointing.ts'
import { fingerprint, loadPlan } from '../../runtime/plan.ts'
import { JOB, recoveredValues, sampleCheckpoint, valuesOf } from '../contract/sample-checkpoint.ts'
import { planOf } from '../support/plans.ts'

const WINDOW = { name: 'minutes', sizeMs: 60_000, aggregates: { n: { fn: 'count' } } } as const
const PLAN = loadPlan(planOf({ name: JOB.jobName, schema: { t: 'timestamp' }, time: 't', delayMs: 0, windows: [WINDOW] }))

const opened = (store: CheckpointStore, warnings: string[] = []) =>
  openStore({
    store,
    plan: PLAN,
    keyGroupCount: JOB.keyGroupCount,
    resume: 'auto',
    warn: (message) => {
      warnings.push(message)
    },
  })

/** The store, in which checkpoint `checkpointId` cannot be read. */
function damaged(store: CheckpointStore, checkpointId: number): CheckpointStore {
  return {
    kind: store.kind,
    inspect: async () => await store.inspect(),
    open: async (jobName) => {
      const session = await store.open(jobName)
      return {
        ...session,
        readManifest: async (generation) => (generation.checkpointId === checkpointId ? null : await session.readManifest(generation)),
      }
    },
  }
}

test('a checkpoint that was passed over as damaged never comes back, also when it is whole again', async () => {
  const store = memoryCheckpoints()
  const first = await store.open(JOB.jobName)
  const planFingerprint = await fingerprint(PLAN)
  for (let checkpointId = 1; checkpointId <= 3; checkpointId++) {
    const { manifest, chunks } = await sampleCheckpoint({ epoch: first.epoch, checkpointId }, valuesOf(checkpointId), { planFingerprint })
    await writeCheckpoint(first, manifest, chunks)
  }
  await first.close()

  const warnings: string[] = []
  const second = await opened(damaged(store, 3), warnings)
  expect(recoveredValues(second.recovered!)).toEqual(valuesOf(2))
  expect(warnings).toEqual([expect.stringContaining('Checkpoint 3 is damaged and was passed over')])
  await second.session.close()

  const third = await opened(store)
  expect(recoveredValues(third.recovered!)).toEqual(valuesOf(2))
  expect(third.recovered!.generation).toMatchObject({ epoch: second.session.epoch, checkpointId: 2 })
  expect(third.recovered!.skipped).toEqual([])
})
