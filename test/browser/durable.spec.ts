import { expect, type Page, test } from '@playwright/test'
import { Prng } from '../support/prng.ts'
import type { DurableAnswer, DurableOptions } from './durable.ts'
import { restartsMax } from './nested-workers.ts'
import { newName, RUNS } from './storage.ts'

interface Rows {
  readonly minutes: readonly unknown[]
  readonly late: readonly unknown[]
}
declare const runIn: (where: 'page' | 'worker', options: DurableOptions) => Promise<DurableAnswer>
declare const results: (name: string) => Promise<Rows>
declare const removeDurable: (options: DurableOptions) => Promise<void>
declare const goldenRows: (rowCount: number) => Promise<Rows>

const ROW_COUNT = 30_000
const LIVES_MAX = 60

async function load(page: Page): Promise<void> {
  await page.goto('/durable')
  await page.waitForFunction('globalThis.runIn')
}

for (const [kind, where] of [
  ['indexeddb', 'page'],
  ['indexeddb', 'worker'],
  ['opfs', 'worker'],
] as const) {
  test(`a job in a ${where} with ${kind}, killed again and again, gives each result once`, async ({ page, browserName }) => {
    test.setTimeout(60_000 + RUNS * 60_000)
    // A worker that hangs as it makes one of its own holds its database for ever: nobody can remove that.
    const host = where === 'worker' && restartsMax(browserName) > 0 ? ('inline' as const) : ('auto' as const)
    await load(page)
    const golden = await page.evaluate((count) => goldenRows(count), ROW_COUNT)
    expect(golden.minutes.length).toBeGreaterThan(1_000)
    expect(golden.late.length).toBeGreaterThan(10)
    let restores = 0
    for (let seed = 1; seed <= RUNS; seed++) {
      const prng = new Prng(seed)
      const options = { name: newName(), kind, rowCount: ROW_COUNT, parallelism: 1, host }
      let answer: DurableAnswer | null = null
      for (let life = 0; life < LIVES_MAX && answer === null; life++) {
        const running = page.evaluate(([of, with_]) => runIn(of, with_), [where, options] as const)
        const killed = new Promise<null>((resolve) => setTimeout(resolve, life < 6 ? 50 + prng.int(800) : 60_000, null))
        answer = await Promise.race([running.catch(() => null), killed])
        if (answer === null) await load(page)
      }
      expect(answer, `seed ${seed}`).toHaveProperty('checkpoints')
      if ((answer as { restored: boolean }).restored) restores++
      // No more than is left to the last life is asked of the database: its rows are all there, once, in order.
      expect(await page.evaluate((name) => results(name), options.name), `seed ${seed}`).toEqual(golden)
      await page.evaluate((of) => removeDurable(of), options)
    }
    expect(restores).toBeGreaterThan(0)
  })
}
