// Frozen by the debugging protocol of Chromium. Firefox ignores files of this name.
import { expect, test } from '@playwright/test'
import puppeteer, { type Browser, type Page } from 'puppeteer-core'
import { CHROMIUM, CHROMIUM_ARGS } from '../support/browsers.ts'
import type { Scenes } from './job-worker-page.ts'
import { Actor, type DrivenPage, newName, RUNS } from './storage.ts'

declare const scenes: Scenes

// Through Puppeteer: Playwright keeps every page visible, and a visible page cannot be frozen.
let browser: Browser
test.beforeAll(async () => {
  browser = await puppeteer.launch({ executablePath: CHROMIUM, args: [...CHROMIUM_ARGS] })
})
test.afterAll(async () => {
  await browser.close()
})

async function newActor(baseURL: string) {
  const page = await browser.newPage()
  return { page, actor: await Actor.at(page as unknown as DrivenPage, `${baseURL}storage`) }
}

async function freeze(page: Page) {
  const protocol = await page.createCDPSession()
  await page.evaluate(() => {
    Object.assign(globalThis, { ticks: 0 })
    setInterval(() => (globalThis as unknown as { ticks: number }).ticks++, 10)
  })
  const ticks = () => page.evaluate(() => (globalThis as unknown as { ticks: number }).ticks)
  await protocol.send('Page.setWebLifecycleState', { state: 'frozen' })
  await new Promise((resolve) => setTimeout(resolve, 200))
  const before = await ticks()
  await new Promise((resolve) => setTimeout(resolve, 200))
  expect(await ticks(), 'the page is frozen').toBe(before)
  return () => protocol.send('Page.setWebLifecycleState', { state: 'active' })
}

for (const where of ['page', 'worker'] as const) {
  test(`a frozen leader in a ${where} is waited for, then stolen from, and finds itself fenced when it thaws`, async ({ baseURL }) => {
    test.setTimeout(60_000 + RUNS * 8_000)
    for (let run = 0; run < RUNS; run++) {
      const store = { name: newName(), options: { leadership: 'wait', stealAfter: '2s' } } as const
      const [{ page, actor }, { page: otherPage, actor: other }] = [await newActor(baseURL!), await newActor(baseURL!)]
      const leader = actor.worker(where)
      await leader.do('open', store)
      await leader.do('commit', store.name, 1)
      const thaw = await freeze(page)
      const start = Date.now()
      await other.do('open', store)
      expect(Date.now() - start).toBeGreaterThan(1_500)
      expect(Date.now() - start).toBeLessThan(6_000)
      await other.do('commit', store.name, 2)
      await thaw()
      await leader.refused('JOB_FENCED', 'commit', store.name, 2)
      expect(await other.do('ids', store.name)).toEqual([2, 1])
      await Promise.all([page.close(), otherPage.close()])
    }
  })
}

test('OPFS: who takes over from a frozen tab reads the slots which that one still holds', async ({ baseURL }) => {
  const store = { name: newName(), kind: 'opfs', options: { leadership: 'wait', stealAfter: '2s' } } as const
  const [{ page, actor }, { page: otherPage, actor: other }] = [await newActor(baseURL!), await newActor(baseURL!)]
  const leader = actor.worker('leader')
  await leader.do('open', store)
  await leader.do('slotsMade', store.name, 4)
  await leader.do('close', store.name)
  // Slots take chunks from the second run on.
  await actor.reload()
  await leader.do('open', store)
  await leader.do('commit', store.name, 1)
  await leader.do('commit', store.name, 2)
  expect(await leader.do('shelved', store.name)).toBe(3)
  const thaw = await freeze(page)
  const follower = other.worker('follower')
  await follower.do('open', store)
  expect(await follower.do('recover', store.name)).toMatchObject({ checkpointId: 2, values: ['constant', 'value of 2'], skipped: [] })
  await follower.do('commit', store.name, 3)
  await thaw()
  await leader.refused('JOB_FENCED', 'commit', store.name, 3)
  expect(await follower.do('recover', store.name)).toMatchObject({ checkpointId: 3, values: ['constant', 'value of 3'], skipped: [] })
  await Promise.all([page.close(), otherPage.close()])
})

test('a page that was frozen does not take its job worker for lost', async ({ baseURL }) => {
  const page = await browser.newPage()
  await page.goto(`${baseURL}job-worker`)
  await page.waitForFunction('globalThis.scenes')
  const done = page.evaluate(() => scenes.patient('1000ms', 6_000))
  await page.waitForFunction('globalThis.isServed')
  const thaw = await freeze(page)
  await new Promise((resolve) => setTimeout(resolve, 3_000))
  await thaw()
  expect(await done).toEqual({ failure: null, state: 'running' })
  await page.close()
})
