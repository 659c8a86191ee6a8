/**
 * The stage of one run: a browser that is there, one job, and what can be done to its pages.
 *
 * Before: campaign.ts. After: faults.ts, which say what is done when.
 *
 * Invariant: what is done to a page is done to the page of the job, never to the empty one before it.
 */

import type { CDPSession, Page } from 'puppeteer-core'
import { systemClock } from '../../runtime/clock.ts'
import type { Prng } from '../support/prng.ts'
import { addressOf, type FaultOptions, type FaultSource, type Report } from './fault-options.ts'
import type { FaultServer, RunRecord } from './fault-server.ts'
import type { TestBrowser } from './test-browser.ts'

/** Longer than any recovery that is promised, on a busy machine. */
export const END_MS = 45_000
/** From the loading of the page to about the end of its rows. */
export const LIFE_MS = 2_000

export interface Ending {
  /** `complete`: all results, exactly once. Otherwise the code of the error, with nothing wrong in what was committed before. */
  readonly ending: 'complete' | string
  /** What was seen on the way, for the table. */
  readonly seen: readonly string[]
}

export class Stage {
  readonly server: FaultServer
  readonly prng: Prng
  readonly options: FaultOptions
  readonly run: RunRecord
  /** Of the last page that was opened. */
  source: FaultSource = 'paced'
  browser: TestBrowser
  /** Kills the browser and opens another one on its profile. */
  readonly reopen: () => Promise<TestBrowser>

  constructor(parts: {
    readonly server: FaultServer
    readonly prng: Prng
    readonly options: FaultOptions
    readonly browser: TestBrowser
    readonly reopen: () => Promise<TestBrowser>
  }) {
    this.server = parts.server
    this.prng = parts.prng
    this.options = parts.options
    this.browser = parts.browser
    this.reopen = parts.reopen
    this.run = parts.server.run(parts.options.runId)
  }

  /** Opens the page of the job in a new tab. It is there, but not loaded: a fault may strike while it loads. */
  async open(changes: Partial<FaultOptions> = {}): Promise<Page> {
    this.source = changes.source ?? this.options.source
    const page = await this.browser.newPage()
    const isThere = new AbortController()
    page.once('framenavigated', () => isThere.abort())
    page.goto(this.server.origin + addressOf({ ...this.options, ...changes })).catch(() => {})
    await systemClock.sleep(END_MS, isThere.signal)
    return page
  }

  /** A page of the site without a job. */
  async elsewhere(): Promise<Page> {
    const page = await this.browser.newPage()
    await page.goto(`${this.server.origin}/elsewhere`)
    return page
  }

  /** Loads a page anew, and waits for the end of its job. */
  reloaded(page: Page, seen: readonly string[] = []): Promise<Ending> {
    const from = this.reportCount
    page.reload().catch(() => {})
    return this.complete(from, seen)
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

  /** What the jobs of all pages say of themselves, for a run that does not end. */
  async states(): Promise<string> {
    const states = (await this.browser.pages()).map((page) => {
      const asked = page.evaluate(async () => {
        const { run } = globalThis as unknown as { run?: { status(): Promise<object> } }
        const { held, pending } = isSecureContext ? await navigator.locks.query() : { held: [], pending: [] }
        const locks = `holds ${held?.map(({ name }) => name).join(' ')}; waiting ${pending?.map(({ name }) => name).join(' ')}`
        return `${document.visibilityState}, ${locks}, ${JSON.stringify(await run?.status())}`
      })
      return Promise.race([asked.catch(String), systemClock.sleep(3_000).then(() => 'does not answer')])
    })
    return (await Promise.all(states)).join('; ')
  }

  /** Waits for the end of the job in a page that reports from now on. */
  async complete(from = 0, seen: readonly string[] = []): Promise<Ending> {
    const report = await this.run.report(['finished', 'failed'], from, END_MS)
    return { ending: endingOf(report), seen }
  }

  /** Waits until one of the pages has finished, whatever became of the others. */
  async completeAny(): Promise<Ending> {
    await this.run.report(['finished'], 0, END_MS)
    return { ending: 'complete', seen: [] }
  }

  async clearStorage(storageTypes: 'indexeddb' | 'all'): Promise<void> {
    const session = await this.cdp(await this.browser.newPage())
    await session.send('Storage.clearDataForOrigin', { origin: this.server.origin, storageTypes })
  }

  /** Terminates one of the workers that the page has made, before its eyes. */
  async terminateWorker(page: Page): Promise<void> {
    await page.evaluate((random) => {
      const { workers } = globalThis as unknown as { workers: Worker[] }
      workers[Math.floor(random * workers.length)]!.terminate()
    }, this.prng.next())
  }

  /** @returns what thaws it. The page is shown then: timers of a hidden one run once a second. */
  async freeze(page: Page): Promise<() => Promise<void>> {
    const session = await this.cdp(page)
    await session.send('Page.setWebLifecycleState', { state: 'frozen' })
    return async () => {
      await session.send('Page.setWebLifecycleState', { state: 'active' })
      // A tab that is in front already is not shown by being brought there.
      const other = await this.browser.newPage()
      await page.bringToFront()
      await other.close()
    }
  }

  async crash(page: Page): Promise<void> {
    const session = await this.cdp(page)
    const hasCrashed = new AbortController()
    page.once('error', () => hasCrashed.abort())
    session.send('Page.crash').catch(() => {})
    await systemClock.sleep(5_000, hasCrashed.signal)
  }

  get reportCount(): number {
    return this.run.reports.length
  }
}

export function endingOf(report: Extract<Report, { kind: 'finished' | 'failed' }>): string {
  return report.kind === 'finished' ? 'complete' : `${report.code} (${report.message.slice(0, 160)})`
}
