import { expect, test } from '@playwright/test'
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

test.describe('cleared', () => {
  test.skip(({ browserName }) => browserName !== 'chromium', 'by the debugging protocol of Chromium')

  for (const types of ['all', 'indexeddb', 'file_systems,indexeddb'] as const) {
    for (const kind of ['indexeddb', 'opfs'] as const) {
      test(`site data (${types}) under a running job on ${kind} is STATE_LOST, also for the next start`, async ({ context, baseURL }) => {
        const page = await Actor.in(context)
        const actor = page.worker(kind === 'opfs' ? 'worker' : 'page')
        const store = { name: newName(), kind }
        await actor.do('open', store)
        await actor.do('commit', store.name, 1)
        const protocol = await context.newCDPSession(page.page)
        await protocol.send('Storage.clearDataForOrigin', { origin: new URL(baseURL!).origin, storageTypes: types })
        await actor.refused('STATE_LOST', 'commit', store.name, 2)
        await actor.do('close', store.name)
        await page.reload()
        await actor.refused('STATE_LOST', 'open', store)
        await actor.do('open', { ...store, options: { onStateLost: 'startAfresh' } })
        await actor.do('commit', store.name, 1)
      })
    }
  }
})

test.describe('full', () => {
  test.skip(({ browserName }) => browserName !== 'chromium', 'quota by the debugging protocol of Chromium')
  const MIB = 1 << 20

  for (const kind of ['indexeddb', 'opfs'] as const) {
    test(`${kind}: at every step of a commit, STORE_FULL keeps the last checkpoint, and it goes on when there is space`, async ({
      browser,
      baseURL,
    }) => {
      test.setTimeout(120_000)
      const { origin } = new URL(baseURL!)
      const codes: string[] = []
      // 20 MiB go in three parts and the commit: the space ends in each of them.
      for (const roomMib of [1, 5, 9, 13, 17, 19, 21, 40]) {
        const context = await browser.newContext({ baseURL: baseURL! })
        const page = await Actor.in(context)
        const actor = page.worker(kind === 'opfs' ? 'worker' : 'page')
        const protocol = await context.newCDPSession(page.page)
        // Before anything is stored: Chromium asks for the quota every 30 s at most.
        await protocol.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: roomMib * MIB })
        const store = { name: newName(), kind }
        await actor.do('open', store)
        await actor.do('commit', store.name, 1)
        const answer = await actor.try('commitBytes', store.name, 2, [9 * MIB, 9 * MIB, 2 * MIB])
        if ('code' in answer) expect(answer).toMatchObject({ code: 'STORE_FULL', retryable: true })
        codes.push('code' in answer ? answer.code : 'fits')
        await protocol.send('Storage.overrideQuotaForOrigin', { origin })
        expect(await actor.do('ids', store.name)).toEqual('code' in answer ? [1] : [2, 1])
        await actor.do('commit', store.name, 3)
        for (const [, problem] of await actor.do('verified', store.name)) expect(problem).toBeNull()
        await actor.do('close', store.name)
        await actor.do('open', store)
        expect(await actor.do('recover', store.name)).toMatchObject({ checkpointId: 3, skipped: [] })
        await context.close()
      }
      expect(codes[0]).toBe('STORE_FULL')
      expect(codes.filter((code) => code === 'STORE_FULL').length).toBeGreaterThan(3)
      expect(codes.at(-1)).toBe('fits')
    })
  }

  test('generations beyond the fewest make room', async ({ context, baseURL }) => {
    const actor = await Actor.in(context)
    const protocol = await context.newCDPSession(actor.page)
    await protocol.send('Storage.overrideQuotaForOrigin', { origin: new URL(baseURL!).origin, quotaSize: 12 * MIB })
    const store = { name: newName(), options: { generations: 8 } }
    await actor.do('open', store)
    const kept: number[] = []
    for (let id = 1; id <= 10; id++) {
      const answer = await actor.try('commitBytes', store.name, id, [2 * MIB])
      if ('code' in answer) expect(answer.code).toBe('STORE_FULL')
      kept.push((await actor.do('ids', store.name)).length)
    }
    // It rose above the fewest, and fell when the space ended; whether the browser counts what was given up as free at once is its affair.
    expect(Math.max(...kept)).toBeGreaterThan(4)
    expect(kept.some((count, index) => count < (kept[index - 1] ?? 0))).toBe(true)
    expect(Math.min(...kept.slice(3))).toBeGreaterThanOrEqual(3)
  })
})
