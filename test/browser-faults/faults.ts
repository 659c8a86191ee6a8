/**
 * What happens to pages: each fault takes a job from the loading of its page to the end of its rows, or to the error that it must end in.
 *
 * Before: campaign.ts, with a stage for each run. After: the oracle of campaign.ts.
 *
 * Invariant: when a fault returns, the run has reported what the fault says it ends in, so that the oracle may judge.
 */

import type { CDPSession, Page } from '@playwright/test'
import { systemClock } from '../../runtime/clock.ts'
import type { Prng } from '../support/prng.ts'
import type { Chromium } from './chromium.ts'
import { addressOf, type FaultOptions, type Report } from './fault-options.ts'
import type { FaultServer, RunRecord } from './fault-server.ts'

/** Longer than any recovery that is promised, on a busy machine. */
const END_MS = 45_000
/** From the loading of the page to about the end of its rows. */
const LIFE_MS = 2_000

export interface Ending {
  /** `complete`: all results, exactly once. Otherwise the code of the error, with nothing wrong in what was committed before. */
  readonly ending: 'complete' | string
  /** What was seen on the way, for the table. */
  readonly seen: readonly string[]
}

/** One run: a browser that is there, and one job. */
export class Stage {
  readonly server: FaultServer
  readonly prng: Prng
  readonly options: FaultOptions
  readonly run: RunRecord
  browser: Chromium
  /** Kills the browser and opens another one on its profile. */
  readonly reopen: () => Promise<Chromium>

  constructor(parts: {
    readonly server: FaultServer
    readonly prng: Prng
    readonly options: FaultOptions
    readonly browser: Chromium
    readonly reopen: () => Promise<Chromium>
  }) {
    this.server = parts.server
    this.prng = parts.prng
    this.options = parts.options
    this.browser = parts.browser
    this.reopen = parts.reopen
    this.run = parts.server.run(parts.options.runId)
  }

  /** Opens the page of the job in a new tab. */
  async open(changes: Partial<FaultOptions> = {}): Promise<Page> {
    const page = await this.browser.newPage()
    await page.goto(this.server.origin + addressOf({ ...this.options, ...changes }), { waitUntil: 'commit' })
    return page
  }

  cdp(page: Page): Promise<CDPSession> {
    return this.browser.cdp(page)
  }

  /** Waits until any moment of the job's life: while its page loads, while it starts, while it runs, when it has ended. */
  anyMoment(): Promise<void> {
    return systemClock.sleep(this.prng.next() * LIFE_MS)
  }

  /** Waits until the job has run for a while. */
  async running(): Promise<void> {
    await this.run.report(['started', 'finished', 'failed'], 0, END_MS)
    await systemClock.sleep(this.prng.next() * 0.5 * LIFE_MS)
  }

  /** Waits for the end of the job in a page that reports from now on. */
  async complete(from = 0, seen: readonly string[] = []): Promise<Ending> {
    const report = await this.run.report(['finished', 'failed'], from, END_MS)
    return { ending: endingOf(report), seen }
  }

  get reportCount(): number {
    return this.run.reports.length
  }
}

function endingOf(report: Extract<Report, { kind: 'finished' | 'failed' }>): string {
  return report.kind === 'finished' ? 'complete' : `${report.code} (${report.message.slice(0, 160)})`
}

export interface Fault {
  /** What it must end in: complete results, or one of these codes. */
  readonly endings: readonly string[]
  run(stage: Stage): Promise<Ending>
}

export const FAULTS: Readonly<Record<string, Fault>> = {
  reload: {
    endings: ['complete'],
    async run(stage) {
      const page = await stage.open()
      let from = 0
      for (let times = 1 + stage.prng.int(3); times > 0; times--) {
        await stage.anyMoment()
        from = stage.reportCount
        await page.reload({ waitUntil: 'commit' })
      }
      return stage.complete(from)
    },
  },

  // Suspended whole and resumed, or thrown away and loaded anew: as the browser likes.
  'navigation away and back': {
    endings: ['complete'],
    async run(stage) {
      const page = await stage.open()
      await stage.anyMoment()
      await page.goto(`${stage.server.origin}/elsewhere`)
      await systemClock.sleep(stage.prng.next() * 1_000)
      const from = stage.reportCount
      await page.goBack({ waitUntil: 'commit' })
      const { persisted } = await stage.run.report(['shown'], from, END_MS)
      return stage.complete(persisted ? 0 : from, [persisted ? 'suspended and resumed' : 'loaded anew'])
    },
  },

  'tab crash': {
    endings: ['complete'],
    async run(stage) {
      const page = await stage.open()
      await stage.anyMoment()
      const from = stage.reportCount
      await crash(stage, page)
      await stage.open()
      return stage.complete(from)
    },
  },

  'kernel worker gone': {
    endings: ['complete'],
    async run(stage) {
      const page = await stage.open({ host: stage.prng.pick(['shared', 'transferred']) })
      await stage.running()
      const count = await page.evaluate((random) => {
        const { workers } = globalThis as unknown as { workers: Worker[] }
        workers[Math.floor(random * workers.length)]?.terminate()
        return workers.length
      }, stage.prng.next())
      return stage.complete(0, count === 0 ? ['no worker'] : [])
    },
  },

  'browser killed': {
    endings: ['complete'],
    async run(stage) {
      await stage.open()
      let from = 0
      for (let times = 1 + stage.prng.int(2); times > 0; times--) {
        await stage.anyMoment()
        stage.browser = await stage.reopen()
        from = stage.reportCount
        await stage.open()
      }
      return stage.complete(from)
    },
  },

  'leader closed, other tab takes over': {
    endings: ['complete'],
    async run(stage) {
      const leader = await stage.open()
      await stage.running()
      await stage.open()
      await stage.anyMoment()
      const from = stage.reportCount
      await leader.close()
      return stage.complete(from)
    },
  },

  'leader crashes, other tab takes over': {
    endings: ['complete'],
    async run(stage) {
      const leader = await stage.open()
      await stage.running()
      await stage.open()
      await stage.anyMoment()
      const from = stage.reportCount
      await crash(stage, leader)
      return stage.complete(from)
    },
  },

  // The thawed leader must find out that it leads no more before it does anything.
  'leader frozen, other tab takes over': {
    endings: ['complete'],
    async run(stage) {
      const leader = await stage.open()
      await stage.running()
      const session = await stage.cdp(leader)
      const from = stage.reportCount
      await session.send('Page.setWebLifecycleState', { state: 'frozen' })
      const other = await stage.open()
      const isThawedEarly = stage.prng.int(2) === 0
      if (isThawedEarly) await stage.run.report(['started', 'finished'], from, END_MS)
      else await stage.run.report(['finished'], from, END_MS)
      await session.send('Page.setWebLifecycleState', { state: 'active' })
      await other.bringToFront()
      const fromThaw = stage.reportCount
      const ending = await stage.complete(from)
      // Both have something to say: one that it has finished, the other that it was fenced, unless it had finished before the freeze.
      await systemClock.sleep(300)
      const last = stage.run.reports.slice(fromThaw).find(({ kind }) => kind === 'failed')
      const fenced = last?.kind === 'failed' ? [last.code] : []
      return ending.ending.startsWith('JOB_FENCED')
        ? { ...(await stage.complete(stage.reportCount - 1)), seen: fenced }
        : { ...ending, seen: fenced }
    },
  },

  'tab frozen and thawed': {
    endings: ['complete'],
    async run(stage) {
      const page = await stage.open()
      await stage.running()
      const session = await stage.cdp(page)
      await session.send('Page.setWebLifecycleState', { state: 'frozen' })
      await systemClock.sleep(200 + stage.prng.next() * 2_000)
      await session.send('Page.setWebLifecycleState', { state: 'active' })
      return stage.complete()
    },
  },

  'quota exceeded for a while': {
    endings: ['complete'],
    async run(stage) {
      const page = await stage.open()
      await stage.running()
      const session = await stage.cdp(page)
      const { origin } = stage.server
      await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 1_000 })
      await systemClock.sleep(200 + stage.prng.next() * 800)
      await session.send('Storage.overrideQuotaForOrigin', { origin })
      return stage.complete()
    },
  },
}

async function crash(stage: Stage, page: Page): Promise<void> {
  const session = await stage.cdp(page)
  const crashed = page.waitForEvent('crash', { timeout: 10_000 }).catch(() => null)
  void session.send('Page.crash').catch(() => {})
  await crashed
}
