/** Whatever happens to the job, its numbers stay right: compared, device by device and window by window, with what the generator sent. */

import { expect, test } from '@playwright/test'
import { expectNothingLost, figures, open } from './page.ts'
import { fileHost } from './playwright.config.ts'

test.setTimeout(300_000)

for (const phaseMs of [0, 1_250, 2_500, 3_750, 4_990]) {
  test(`the ledger of a fresh page balances, ${phaseMs} ms into a window, on a slow machine too`, async ({ page }) => {
    // Where a window begins in the history, and what has been read when it is final, depends on when the page is opened.
    await page.waitForTimeout((phaseMs - (Date.now() % 5_000) + 5_000) % 5_000)
    // Packets and statuses that come late make the page ask for the first windows more than once, long after it has asked for the last ones.
    const session = await page.context().newCDPSession(page)
    if (phaseMs % 2_500 === 0) await session.send('Emulation.setCPUThrottlingRate', { rate: 4 })
    await open(page, '/')
    await expect.poll(async () => (await figures(page)).windows, { timeout: 60_000 }).toBeGreaterThanOrEqual(56)
    const { differences, failure, state, cells } = await figures(page)
    expect(differences).toEqual([])
    expect(failure).toBeNull()
    expect(state).toBe('balanced')
    expect(cells).toBeGreaterThan(50_000)
  })
}

test('the ledger balances over a WebSocket: after a crash, a cut connection, another parallelism, and a reload', async ({ page }) => {
  await open(page, '/')
  await page.waitForTimeout(10_000)
  const before = await figures(page)
  expect(before.tier).toBe('shared')
  expect(before.rate).toBeGreaterThan(15_000)
  // Five minutes of history are there from the beginning, and most of their windows are final.
  expect(before.windows).toBeGreaterThan(40)
  expect(before.cells).toBeGreaterThan(40_000)
  expect(before.differences).toEqual([])

  await page.click('#crash')
  await expect.poll(async () => (await figures(page)).restarts).toBe(1)
  expect((await figures(page)).lastFailure).toMatch(/^WORKER_(HUNG|LOST)$/)

  await page.click('#offline')
  await expect(page.locator('#fact-state')).toHaveText('offline')
  await page.waitForTimeout(3_000)
  const { reached } = await figures(page)
  await page.waitForTimeout(1_000)
  const offline = await figures(page)
  expect(offline.reached).toBe(reached)
  expect(offline.flight).toBeGreaterThan(20_000)
  await page.click('#offline')
  await expect.poll(async () => (await figures(page)).flight).toBeLessThan(20_000)

  await page.locator('#parallelism label', { hasText: '4' }).click()
  await expect.poll(async () => (await figures(page)).parallelism).toBe(4)
  await expect(page.locator('#fact-state')).toHaveText('running')
  await expectNothingLost(page)

  const { epoch, sent } = await figures(page)
  await page.click('#reload')
  await page.waitForFunction('globalThis.dashboard?.model.status?.recordsIn > 0')
  const reloaded = await figures(page)
  expect(reloaded.epoch).toBeGreaterThan(epoch)
  expect(reloaded.sent).toBeGreaterThan(sent)
  // The table of devices is there at once, as the checkpoint has it.
  expect(await page.evaluate('globalThis.dashboard.model.cells.size')).toBeGreaterThan(55)
  await expectNothingLost(page)
})

test('the ledger balances on a plain file host: without a server, without shared memory, after a crash and a reload', async ({ page }) => {
  await open(page, fileHost)
  await expect(page.locator('#fact-tier')).toHaveText('transferred')
  await expect(page.locator('#tier-note')).toContainText('COOP same-origin')
  await page.waitForTimeout(4_000)
  await page.click('#crash')
  await expect.poll(async () => (await figures(page)).restarts).toBe(1)
  await page.click('#reload')
  await page.waitForFunction('globalThis.dashboard?.model.status?.recordsIn > 0')
  await expectNothingLost(page)
})

test('the ledger balances over MQTT: a broker that keeps messages, and a journal, after a cut connection and a crash', async ({ page }) => {
  await open(page, '/')
  await page.selectOption('#feed', 'mqtt')
  await page.waitForFunction(`globalThis.dashboard?.session.feed === 'mqtt' && globalThis.dashboard.model.status?.recordsIn > 10_000`)
  await page.click('#offline')
  await expect(page.locator('#fact-state')).toHaveText('offline')
  await page.waitForTimeout(3_000)
  expect((await figures(page)).flight).toBeGreaterThan(20_000)
  await page.click('#offline')
  await expect.poll(async () => (await figures(page)).flight).toBeLessThan(20_000)
  await page.click('#crash')
  await expect.poll(async () => (await figures(page)).restarts).toBe(1)
  await expectNothingLost(page)
})
