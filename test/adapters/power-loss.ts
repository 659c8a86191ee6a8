/**
 * Owners of a disk store that are killed or lose power again and again, at random operations, each after the one before.
 *
 * Before: what one of them does, and holds to be true. After: disk-store-model.ts, the disk that forgets what was not synced.
 *
 * Invariant: one seed decides everything.
 */

import { expect, test } from 'vitest'
import type { CheckpointSession } from '../../runtime/checkpoint/checkpoint-store.ts'
import { Prng } from '../support/prng.ts'
import { ModelDisk, type ModelDiskFlaws } from './disk-store-model.ts'
import { DiskCrash, type DiskFault, diskStore, FakeProcesses, FaultyDisk } from './disk-store-support.ts'

const LIFE_COUNT = 8

export interface Owners {
  /** One of them fails at an operation below this. */
  readonly operationsMax: number
  readonly fault: (prng: Prng) => DiskFault
  /**
   * Called for each seed. What it returns is called for each life, and goes on until the disk fails.
   *
   * @returns what was found that must not be.
   */
  readonly begin: (prng: Prng) => (session: CheckpointSession) => Promise<string>
}

/** @returns what was wrong in the first life that went wrong, or null. */
async function violation(seed: number, { operationsMax, fault, begin }: Owners, flaws: ModelDiskFlaws = {}): Promise<string | null> {
  const prng = new Prng(seed)
  const processes = new FakeProcesses()
  const live = begin(prng)
  let disk = new ModelDisk(flaws)
  for (let life = 0; life < LIFE_COUNT; life++) {
    const faulty = new FaultyDisk(disk)
    faulty.failAt(prng.int(operationsMax), fault(prng))
    try {
      const session = await diskStore('/a/b', processes.spawn(), faulty).open('contract')
      return `life ${life}: ${await live(session)}`
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

/** Declares the test of `seedCount` seeds, and that the model would find each kind of sync missing in more than `least` of `seeds`. */
export function powerLossLaws(
  law: string,
  owners: Owners,
  {
    seedCount,
    flawed: { seeds, least },
  }: { readonly seedCount: number; readonly flawed: { readonly seeds: number; readonly least: number } },
): void {
  test(`power lost at random, ${seedCount} seeds of ${LIFE_COUNT} lives: ${law}`, { timeout: 600_000 }, async () => {
    for (let seed = 1; seed <= seedCount; seed++) expect(await violation(seed, owners), `seed ${seed}`).toBeNull()
  })

  test.each<[string, ModelDiskFlaws]>([
    ['of files', { filesAreNotSynced: true }],
    ['of directories', { directoriesAreNotSynced: true }],
  ])('the model finds a missing sync %s', async (_, flaws) => {
    let found = 0
    for (let seed = 1; seed <= seeds; seed++) if ((await violation(seed, owners, flaws)) !== null) found++
    expect(found).toBeGreaterThan(least)
  })
}
