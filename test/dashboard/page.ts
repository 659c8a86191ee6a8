/** What tests and measurements ask of the dashboard's page: the figures it shows, as numbers. */

import { expect, type Page } from '@playwright/test'

export interface Figures {
  readonly state: 'waiting' | 'balanced' | 'broken'
  /** Final windows, cells and readings that were compared with the generator, and up to which event time. */
  readonly windows: number
  readonly cells: number
  readonly readings: number
  readonly comparedMs: number
  readonly differences: readonly { readonly startMs: number; readonly differences: number; readonly example: string }[]
  /** Comparisons that differed at first, as something was still on its way; and why the auditor has stopped, if it has. */
  readonly repeats: number
  readonly failure: string | null
  readonly sent: number
  readonly counted: number
  readonly late: number
  readonly filtered: number
  readonly dead: number
  readonly flight: number
  /** By the job's own count, and by the number that the generator gave to the next reading. */
  readonly recordsIn: number
  readonly reached: number
  readonly restarts: number
  readonly lastFailure: string | null
  readonly epoch: number
  readonly parallelism: number
  readonly tier: string
  readonly job: string
  readonly rate: number
}

interface Dashboard {
  readonly ledger: { readonly figures: Figures }
  readonly model: {
    readonly reachedNumber: number
    readonly status: {
      readonly recordsIn: number
      readonly restarts: number
      readonly epoch: number
      readonly parallelism: number
      readonly tier: string
      readonly lastFailure: { readonly code: string } | null
    } | null
  }
  readonly rates: { readonly recordsIn: number }
}
declare const dashboard: Dashboard

export function figures(page: Page): Promise<Figures> {
  return page.evaluate(() => {
    const { ledger, model, rates } = dashboard
    const { status } = model
    return {
      ...ledger.figures,
      recordsIn: status?.recordsIn ?? 0,
      reached: model.reachedNumber,
      restarts: status?.restarts ?? 0,
      lastFailure: status?.lastFailure?.code ?? null,
      epoch: status?.epoch ?? 0,
      parallelism: status?.parallelism ?? 0,
      tier: status?.tier ?? '',
      job: document.querySelector('#fact-state')?.textContent ?? '',
      rate: rates.recordsIn,
    }
  })
}

/** Opens the page and waits until its job runs and results are there. */
export async function open(page: Page, url: string): Promise<void> {
  await page.goto(url)
  await page.waitForFunction('globalThis.dashboard?.model.status?.recordsIn > 0', undefined, { timeout: 40_000 })
  await expect.poll(async () => (await figures(page)).state).toBe('balanced')
}

/** Waits until everything that was sent until now has been compared with the generator, and is right to the reading. */
export async function expectNothingLost(page: Page): Promise<Figures> {
  const nowMs = Date.now()
  // A window is final 20 s after it has closed.
  await expect.poll(async () => (await figures(page)).comparedMs, { timeout: 90_000 }).toBeGreaterThan(nowMs)
  const found = await figures(page)
  expect(found.differences).toEqual([])
  expect(found.state).toBe('balanced')
  expect(found.counted + found.late + found.filtered + found.dead + found.flight).toBe(found.sent)
  expect(found.late).toBeGreaterThan(0)
  expect(found.dead).toBeGreaterThan(0)
  // Asked for one after the other, so at the same number only now and then.
  await expect
    .poll(
      async () => {
        const { recordsIn, reached } = await figures(page)
        return recordsIn - reached
      },
      { intervals: [20] },
    )
    .toBe(0)
  return found
}
