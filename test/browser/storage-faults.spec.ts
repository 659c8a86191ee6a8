import { type BrowserContext, expect, test } from '@playwright/test'
import { Actor, newName } from './storage.ts'

/** Long enough for everything that is answered at once. */
const SOON_MS = 5_000

for (const kind of ['indexeddb', 'opfs'] as const) {
  const where = kind === 'opfs' ? 'worker' : 'page'
  const databaseOf = (name: string) => `${kind === 'opfs' ? 'millrace-opfs' : 'millrace'}/${name}`
  const certificateOf = (name: string) => (kind === 'opfs' ? `opfs/${name}` : name)

  test.describe(kind, () => {
    test('the database deleted while the job was closed is STATE_LOST, until the user starts afresh', async ({ context }) => {
      const actor = (await Actor.in(context)).worker(where)
      const store = { name: newName(), kind }
      const epoch = await actor.do('open', store)
      await actor.do('commit', store.name, 1)
      await actor.do('close', store.name)
      await actor.do('deleteDatabase', databaseOf(store.name))
      const { message, retryable } = await actor.refused('STATE_LOST', 'open', store)
      expect(message).toContain('checkpoint 1 (epoch 1)')
      expect(message).toContain("'startAfresh'")
      expect(retryable).toBe(false)
      await actor.refused('STATE_LOST', 'open', store)
      await actor.refused('STATE_LOST', 'open', { ...store, options: { onStateLost: 'resume' } })
      expect(await actor.do('generationsOnInspection', store)).toEqual([1])
      expect(await actor.do('open', { ...store, options: { onStateLost: 'startAfresh' } })).toBeGreaterThan(epoch)
      expect(await actor.do('recover', store.name)).toBeNull()
      await actor.do('close', store.name)
      // The decision was taken once.
      await actor.do('open', store)
      expect(await actor.do('recover', store.name)).toBeNull()
    })

    test('the database deleted under a running job is STATE_LOST, also for the next start', async ({ context }) => {
      const [first, second] = [(await Actor.in(context)).worker(where), await Actor.in(context)]
      const store = { name: newName(), kind }
      await first.do('open', store)
      await first.do('commit', store.name, 1)
      const start = Date.now()
      await second.do('deleteDatabase', databaseOf(store.name))
      // The job gives way: it does not block the other tab.
      expect(Date.now() - start).toBeLessThan(SOON_MS)
      await first.refused('STATE_LOST', 'commit', store.name, 2)
      await first.refused('STATE_LOST', 'commit', store.name, 3)
      await first.do('close', store.name)
      await first.refused('STATE_LOST', 'open', store)
    })

    test('a database that was put back to an older state is STATE_LOST, and resumed on request', async ({ context }) => {
      const actor = (await Actor.in(context)).worker(where)
      const store = { name: newName(), kind }
      await actor.do('open', store)
      await actor.do('commit', store.name, 1)
      await actor.do('copy', databaseOf(store.name))
      await actor.do('commit', store.name, 2)
      await actor.do('commit', store.name, 3)
      await actor.do('close', store.name)
      await actor.do('putBack', databaseOf(store.name))
      const { message } = await actor.refused('STATE_LOST', 'open', store)
      expect(message).toContain('had checkpoint 3 (epoch 1), and the newest that is left is checkpoint 1 (epoch 1)')
      await actor.do('open', { ...store, options: { onStateLost: 'resume' } })
      expect(await actor.do('recover', store.name)).toEqual({
        checkpointId: 1,
        values: ['constant', 'value of 1'],
        skipped: ['3 CHECKPOINT_CORRUPT'],
      })
      await actor.do('commit', store.name, 2)
      await actor.do('close', store.name)
      await actor.do('open', store)
      expect(await actor.do('recover', store.name)).toMatchObject({ checkpointId: 2, skipped: [] })
    })

    test('a certificate that is lost is written anew; one that is damaged still says that there was state', async ({ context }) => {
      const actor = (await Actor.in(context)).worker(where)
      const store = { name: newName(), kind }
      await actor.do('open', store)
      await actor.do('commit', store.name, 1)
      await actor.do('close', store.name)
      await actor.do('forgetCertificate', certificateOf(store.name))
      await actor.do('open', store)
      expect(await actor.do('recover', store.name)).toMatchObject({ checkpointId: 1, skipped: [] })
      await actor.do('close', store.name)
      await actor.do('damageCertificate', certificateOf(store.name))
      await actor.do('deleteDatabase', databaseOf(store.name))
      await actor.refused('STATE_LOST', 'open', store)
    })

    test('the database and its certificate deleted while closed are a fresh start', async ({ context }) => {
      const actor = (await Actor.in(context)).worker(where)
      const store = { name: newName(), kind }
      await actor.do('open', store)
      await actor.do('commit', store.name, 1)
      await actor.refused('JOB_LOCKED', 'destroy', store)
      await actor.do('close', store.name)
      await actor.do('destroy', store)
      expect(await actor.do('generationsOnInspection', store)).toEqual([])
      expect(await actor.do('open', store)).toBe(1)
      expect(await actor.do('recover', store.name)).toBeNull()
    })

    test('a tab that holds the database while another deletes it makes `open` fail at its deadline, and no longer', async ({ context }) => {
      const [actor, holder, deleter] = [(await Actor.in(context)).worker(where), await Actor.in(context), await Actor.in(context)]
      const store = { name: newName(), kind }
      const database = databaseOf(store.name)
      await actor.do('open', store)
      await actor.do('close', store.name)
      await holder.do('hold', database)
      const deleted = deleter.do('deleteDatabase', database)
      await new Promise((resolve) => setTimeout(resolve, 300))
      const start = Date.now()
      const { message, retryable } = await actor.refused('STORE_UNAVAILABLE', 'open', store)
      expect(Date.now() - start).toBeLessThan(15_000)
      expect(retryable).toBe(true)
      expect(message).toContain('close other tabs of this site')
      await holder.do('letGo')
      await deleted
      await actor.do('open', store)
      await actor.do('commit', store.name, 1)
    })

    test('a later version of the schema is let through, and refused by name afterwards', async ({ context }) => {
      const [actor, other] = [(await Actor.in(context)).worker(where), await Actor.in(context)]
      const store = { name: newName(), kind }
      await actor.do('open', store)
      await actor.do('commit', store.name, 1)
      const start = Date.now()
      await other.do('upgrade', databaseOf(store.name), 2)
      expect(Date.now() - start).toBeLessThan(SOON_MS)
      const { message } = await actor.refused('FORMAT_NEWER', 'commit', store.name, 2)
      expect(message).toContain('load the newer version')
      await actor.do('close', store.name)
      await actor.refused('FORMAT_NEWER', 'open', store)
    })

    test('large checkpoints go in parts and come back whole', async ({ context }) => {
      const actor = (await Actor.in(context)).worker(where)
      const store = { name: newName(), kind }
      await actor.do('open', store)
      const MIB = 1 << 20
      await actor.do('commitBytes', store.name, 1, [20 * MIB + 1, 8 * MIB, 3, ...Array.from({ length: 40 }, () => MIB / 4)])
      await actor.do('commit', store.name, 2)
      await actor.do('close', store.name)
      await actor.do('open', store)
      expect(await actor.do('ids', store.name)).toEqual([2, 1])
      expect(await actor.do('verified', store.name)).toEqual([
        [2, null],
        [1, null],
      ])
    })
  })
}

test('OPFS is refused in a page, with the way out', async ({ context }) => {
  const actor = await Actor.in(context)
  const { message } = await actor.refused('STORE_UNAVAILABLE', 'open', { name: newName(), kind: 'opfs' })
  expect(message).toContain('run the job in a worker, or use indexedDbCheckpoints()')
})

test.describe('slots of OPFS', () => {
  /** Checkpoint 1 in the database, as slots of the first run take none; 2 to 4 in slots. */
  async function settled(context: BrowserContext) {
    const page = await Actor.in(context)
    const actor = page.worker('worker')
    const store = { name: newName(), kind: 'opfs', options: { generations: 5 } } as const
    await actor.do('open', store)
    await actor.do('commit', store.name, 1)
    expect(await actor.do('shelved', store.name)).toBe(0)
    await actor.do('slotsMade', store.name, 4)
    await actor.do('close', store.name)
    await page.reload()
    await actor.do('open', store)
    for (let id = 2; id <= 4; id++) await actor.do('commit', store.name, id)
    // The session has not read checkpoint 1, so it writes the constant chunk anew.
    expect(await actor.do('shelved', store.name)).toBe(4)
    await actor.do('close', store.name)
    return { actor, store }
  }

  test('that are new are not trusted by the next run', async ({ context }) => {
    const page = await Actor.in(context)
    const actor = page.worker('worker')
    const store = { name: newName(), kind: 'opfs', settleMs: 120_000 } as const
    await actor.do('open', store)
    await actor.do('slotsMade', store.name, 4)
    await actor.do('close', store.name)
    await page.reload()
    await actor.do('open', store)
    await actor.do('commit', store.name, 1)
    expect(await actor.do('shelved', store.name)).toBe(0)
  })

  test('take chunks from the second run on, and give them back', async ({ context }) => {
    const { actor, store } = await settled(context)
    await actor.do('open', store)
    expect(await actor.do('recover', store.name)).toMatchObject({ checkpointId: 4, values: ['constant', 'value of 4'], skipped: [] })
    expect(await actor.do('generationsOnInspection', store)).toEqual([4, 3, 2, 1])
    expect((await actor.do('verified', store.name)).map(([, problem]) => problem)).toEqual([null, null, null, null])
  })

  test('damaged make every checkpoint that lies there CHECKPOINT_CORRUPT, and the next one is whole', async ({ context }) => {
    const { actor, store } = await settled(context)
    await actor.do('damageSlots', store.name)
    await actor.do('open', store)
    // The constant chunk of checkpoint 1 was written over by the second run.
    const { message } = await actor.refused('CHECKPOINT_CORRUPT', 'recover', store.name)
    expect(message).toContain('all 4 checkpoints are damaged')
    await actor.do('commit', store.name, 5)
    expect(await actor.do('recover', store.name)).toMatchObject({ checkpointId: 5, skipped: [] })
  })

  test('that are gone are made anew, and what lay there is reported', async ({ context }) => {
    const { actor, store } = await settled(context)
    await actor.do('removeSlots', store.name)
    await actor.do('open', store)
    const { message } = await actor.refused('CHECKPOINT_CORRUPT', 'recover', store.name)
    expect(message).toContain('is gone')
    await actor.do('commit', store.name, 5)
    await actor.do('slotsMade', store.name, 4)
    expect(await actor.do('recover', store.name)).toMatchObject({ checkpointId: 5, skipped: [] })
  })

  test('are used again and again without growing', async ({ context }) => {
    const { actor, store } = await settled(context)
    const MIB = 1 << 20
    const plain = { ...store, options: {} }
    await actor.do('open', plain)
    // 60 MiB go through slots of 32, of which 4 × 5 MiB are in use at most.
    for (let id = 5; id < 17; id++) await actor.do('commitBytes', store.name, id, [4 * MIB, MIB - 1])
    expect((await actor.do('verified', store.name)).map(([, problem]) => problem)).toEqual([null, null, null])
    expect(await actor.do('shelved', store.name)).toBe(6)
    await actor.do('close', store.name)
    await actor.do('open', plain)
    expect((await actor.do('verified', store.name)).map(([, problem]) => problem)).toEqual([null, null, null])
  })
})
