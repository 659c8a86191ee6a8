// What only the debugging protocol of Chromium can do to a store: clear it, fill it, crash its tab. Firefox ignores files of this name.
import { expect, test } from '@playwright/test'
import { Actor, newName, RUNS } from './storage.ts'

test.describe('a tab that crashed', () => {
  test('after a crash of the leading tab the next one goes on from its last checkpoint', async ({ context }) => {
    test.setTimeout(60_000 + RUNS * 8_000)
    for (let run = 0; run < RUNS; run++) {
      const store = { name: newName(), options: { leadership: 'wait' } } as const
      const [leader, other] = [await Actor.in(context), await Actor.in(context)]
      await leader.do('open', store)
      await leader.do('commit', store.name, 1)
      const opening = other.do('open', store)
      const crashed = leader.page.waitForEvent('crash')
      const protocol = await context.newCDPSession(leader.page)
      protocol.send('Page.crash').catch(() => {})
      await crashed
      const start = Date.now()
      await opening
      expect(Date.now() - start).toBeLessThan(2_000)
      expect(await other.do('recover', store.name)).toMatchObject({ checkpointId: 1, skipped: [] })
      await Promise.all([leader.page.close(), other.page.close()])
    }
  })
})

test.describe('cleared', () => {
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
