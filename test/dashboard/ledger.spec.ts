/** Whatever happens to the job, its numbers stay right: compared, device by device and window by window, with what the generator sent. */

import { expect, test } from '@playwright/test'
import { expectNothingLost, figures, open } from './page.ts'
import { fileHost } from './playwright.config.ts'

test.setTimeout(300_000)

for (const [phaseMs, delayMs] of [
  [0, 1_000],
  [1_250, 0],
  [2_500, 2_000],
  [3_750, 500],
  [4_990, 0],
] as const) {
  test(`the ledger of a fresh page balances: opened ${phaseMs} ms into a window, packets ${delayMs} ms behind the status`, async ({
    page,
  }) => {
    // Cells and status come on channels of their own. Where cells are behind, a window that is final may have to be compared more than once:
    // the first ones of the history, too, long after the last ones were compared.
    await page.addInitScript(delayPackets, delayMs)
    // Where the log begins follows from when the page is opened.
    await page.waitForTimeout((phaseMs - (Date.now() % 5_000) + 5_000) % 5_000)
    await open(page, '/')
    await expect.poll(async () => (await figures(page)).windows, { timeout: 60_000 }).toBeGreaterThanOrEqual(56)
    const { differences, failure, state, cells, repeats } = await figures(page)
    expect(differences).toEqual([])
    expect(failure).toBeNull()
    expect(state).toBe('balanced')
    expect(cells).toBeGreaterThan(50_000)
    if (delayMs >= 1_000) expect(repeats).toBeGreaterThan(0)
  })
}

/** Runs in the page, before anything else: what the job's worker says of cells arrives so much later. */
function delayPackets(delayMs: number): void {
  if (delayMs === 0) return
  const listen = Worker.prototype.addEventListener
  Worker.prototype.addEventListener = function (this: Worker, type: string, listener: (event: MessageEvent) => void) {
    const later = (event: MessageEvent) => {
      if (event.data?.kind === 'packet') setTimeout(() => listener(event), delayMs)
      else listener.call(this, event)
    }
    listen.call(this, type, (type === 'message' ? later : listener) as EventListener)
  } as typeof listen
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
