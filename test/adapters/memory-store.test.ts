import { expect, test } from 'vitest'
import { memoryCheckpoints } from '../../adapters/memory-store.ts'
import { recover } from '../../runtime/checkpoint/recovery.ts'
import { journalContract } from '../contract/journal-contract.ts'
import { memoryPlace, memoryStoreContract } from '../contract/memory-store-contract.ts'
import { commitSample, JOB, recoveredValues, valuesOf } from '../contract/sample-checkpoint.ts'
import { failAtRandom, failNth, FaultyStore, StoreCrash, type FaultEffect } from '../support/faulty-store.ts'
import { Prng } from '../support/prng.ts'

memoryStoreContract('memory', memoryCheckpoints)
journalContract('memory', () => memoryPlace(memoryCheckpoints))

test('fewer than three generations are refused', () => {
  for (const generations of [0, 2, 2.5, Number.NaN]) expect(() => memoryCheckpoints({ generations })).toThrow(RangeError)
})

test('as many generations are kept as were asked for', async () => {
  const session = await memoryCheckpoints({ generations: 5 }).open('contract')
  for (let id = 1; id <= 9; id++) await commitSample(session, id)
  expect((await session.generations()).map(({ checkpointId }) => checkpointId)).toEqual([9, 8, 7, 6, 5])
})

const effects: readonly FaultEffect[] = ['before', 'after', 'crash-before', 'crash-after']

test('whichever operation of a checkpoint fails, the newest or the one before is recovered whole', async () => {
  for (const effect of effects) {
    for (let nth = 0; ; nth++) {
      const inner = memoryCheckpoints()
      await commitSample(await inner.open('contract'), 1)
      const faulty = new FaultyStore(inner, failNth(nth, effect))
      let isAcknowledged = false
      try {
        const session = await faulty.open('contract')
        await recover(session, JOB)
        await commitSample(session, 2)
        isAcknowledged = true
      } catch (error) {
        expect(error instanceof StoreCrash || (error as { code?: string }).code === 'STORE_FULL').toBe(true)
      }
      const recovered = (await recover(await inner.open('contract'), JOB))!
      const id = recovered.manifest.checkpointId
      expect(recoveredValues(recovered)).toEqual(valuesOf(id))
      expect(isAcknowledged ? [2] : [1, 2]).toContain(id)
      if (faulty.operationCount <= nth) break
    }
  }
})

test('random faults under one seed: acknowledged checkpoints stay, none is mixed', async () => {
  for (let seed = 1; seed <= 200; seed++) {
    const prng = new Prng(seed)
    const inner = memoryCheckpoints()
    let acknowledged = 0
    let next = 1
    for (let life = 0; life < 5; life++) {
      const faulty = new FaultyStore(inner, failAtRandom(prng, 12, effects))
      try {
        const session = await faulty.open('contract')
        const recovered = await recover(session, JOB)
        if (recovered !== null) expect(recoveredValues(recovered), `seed ${seed}`).toEqual(valuesOf(recovered.manifest.checkpointId))
        expect(recovered?.manifest.checkpointId ?? 0, `seed ${seed}`).toBeGreaterThanOrEqual(acknowledged)
        for (let round = 0; round < 6; round++) {
          const id = next++
          await commitSample(session, id).then(
            () => (acknowledged = id),
            (error: unknown) => {
              if (faulty.isCrashed) throw error
            },
          )
        }
      } catch (error) {
        if (!(error instanceof StoreCrash) && (error as { code?: string }).code !== 'STORE_FULL') throw error
      }
    }
  }
})
