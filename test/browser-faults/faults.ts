/**
 * What happens to pages: each fault takes a job from the loading of its page to the end of its rows, or to the error that it must end in.
 *
 * Before: campaign.ts, with a stage for each run. After: the oracle of campaign.ts.
 *
 * Invariant: when a fault returns, the run has reported what the fault says it ends in, so that the oracle may judge.
 */

import type { CDPSession, Page } from 'puppeteer-core'
import { systemClock } from '../../runtime/clock.ts'
import type { Prng } from '../support/prng.ts'
import { addressOf, type FaultOptions, type FaultSource, type Report } from './fault-options.ts'
import type { FaultServer, RunRecord } from './fault-server.ts'
import type { TestBrowser } from './test-browser.ts'

/** Longer than any recovery that is promised, on a busy machine. */
const END_MS = 45_000
/** The deadline of a transaction of the store, and some. */
const HELD_MS = 75_000
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

  /** Opens the page of the job in a new tab. */
  async open(changes: Partial<FaultOptions> = {}): Promise<Page> {
    this.source = changes.source ?? this.options.source
    const page = await this.browser.newPage()
    // Not waited for: a fault may strike while the page loads.
    page.goto(this.server.origin + addressOf({ ...this.options, ...changes })).catch(() => {})
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

  /** What the jobs of all pages say of themselves, for a run that does not end. */
  async states(): Promise<string> {
    const states = (await this.browser.pages()).map((page) => {
      const asked = page.evaluate(async () => {
        const { run } = globalThis as unknown as { run?: { status(): Promise<object> } }
        const { held, pending } = await navigator.locks.query()
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

  get reportCount(): number {
    return this.run.reports.length
  }
}

function endingOf(report: Extract<Report, { kind: 'finished' | 'failed' }>): string {
  return report.kind === 'finished' ? 'complete' : `${report.code} (${report.message.slice(0, 160)})`
}

export type BrowserName = 'chromium' | 'firefox'

export interface Fault {
  /** What it must end in: complete results, or one of these codes. */
  readonly endings: readonly string[]
  /** What many runs must have seen at least once: otherwise the fault does not strike. */
  readonly mustSee?: string
  /** Default: chromium. */
  readonly browser?: BrowserName
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
        page.reload().catch(() => {})
      }
      return stage.complete(from)
    },
  },

  // Suspended whole and resumed, or thrown away and loaded anew: as the browser likes.
  'navigation away and back': {
    endings: ['complete'],
    mustSee: 'suspended and resumed',
    async run(stage) {
      const page = await stage.open()
      await stage.anyMoment()
      await page.goto(`${stage.server.origin}/elsewhere`)
      await systemClock.sleep(stage.prng.next() * 1_000)
      const from = stage.reportCount
      page.goBack().catch(() => {})
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
    mustSee: 'restarted itself',
    async run(stage) {
      const page = await stage.open({ place: 'page', store: 'indexeddb', host: stage.prng.pick(['shared', 'transferred']) })
      await stage.running()
      await terminateWorker(stage, page)
      return stage.complete()
    },
  },

  'job worker gone': {
    endings: ['complete'],
    mustSee: 'worker replaced',
    async run(stage) {
      const page = await stage.open({ place: 'worker' })
      await stage.running()
      await terminateWorker(stage, page)
      return stage.complete()
    },
  },

  'browser killed': { endings: ['complete'], mustSee: 'started again', run: killed },

  'Firefox killed': { endings: ['complete'], mustSee: 'started again', browser: 'firefox', run: killed },

  'leader closed, other tab takes over': {
    endings: ['complete'],
    async run(stage) {
      const leader = await stage.open()
      await stage.running()
      await stage.open()
      await stage.anyMoment()
      await leader.close()
      return stage.complete()
    },
  },

  'leader crashes, other tab takes over': {
    endings: ['complete'],
    async run(stage) {
      const leader = await stage.open()
      await stage.running()
      await stage.open()
      await stage.anyMoment()
      await crash(stage, leader)
      return stage.complete()
    },
  },

  // The thawed leader must find out that it leads no more before it does anything.
  'leader frozen, other tab takes over': {
    endings: ['complete'],
    mustSee: 'JOB_FENCED',
    async run(stage) {
      const leader = await stage.open()
      await stage.running()
      const thaw = await freeze(stage, leader)
      const other = await stage.open()
      const from = stage.reportCount
      // The leader wakes up while the other is at work, or when it is done.
      const wanted = stage.prng.int(2) === 0 ? (['started', 'finished', 'failed'] as const) : (['finished', 'failed'] as const)
      const report = await stage.run.report(wanted, from, HELD_MS)
      await systemClock.sleep(stage.prng.next() * 500)
      await thaw()
      await stage.run.report(['thawed'], from, END_MS)
      const seen: string[] = []
      if (report.kind === 'failed') {
        if (report.code !== 'STORE_UNAVAILABLE') return { ending: endingOf(report), seen }
        // Frozen within a transaction, which holds the database until the tab is thawed: the other has said so, and tries again.
        seen.push('database held by the frozen tab')
        other.reload().catch(() => {})
      }
      const ending = await stage.completeAny()
      // What the leader says once it is awake.
      await systemClock.sleep(500)
      const last = stage.run.reports.findLast(({ kind, page }) => kind === 'failed' && page !== report.page)
      return { ...ending, seen: [...seen, last?.kind === 'failed' ? last.code : 'leader had finished'] }
    },
  },

  'tab frozen and thawed': {
    endings: ['complete'],
    async run(stage) {
      const page = await stage.open()
      await stage.running()
      const thaw = await freeze(stage, page)
      await systemClock.sleep(200 + stage.prng.next() * 2_000)
      await thaw()
      await stage.run.report(['thawed'], 0, END_MS)
      return stage.complete()
    },
  },

  // Something else of the site fills it, as far as the browser allows; then there is room again.
  'quota exceeded for a while': {
    endings: ['complete'],
    mustSee: 'checkpoint refused',
    async run(stage) {
      const filler = await elsewhere(stage)
      const session = await stage.cdp(filler)
      const { origin } = stage.server
      const { usage } = await session.send('Storage.getUsageAndQuota', { origin })
      await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: usage + 1_000_000 })
      const page = await stage.open()
      await stage.running()
      await fill(filler)
      await systemClock.sleep(200 + stage.prng.next() * 800)
      await session.send('Storage.overrideQuotaForOrigin', { origin })
      await filler.evaluate(() => void indexedDB.deleteDatabase('filler'))
      const ending = await stage.complete()
      if (!ending.ending.startsWith('FINAL_CHECKPOINT_FAILED')) return ending
      // The rows ended while it was full: the job says so, and its last results come with the next life.
      const from = stage.reportCount
      page.reload().catch(() => {})
      return stage.complete(from, ['last checkpoint refused'])
    },
  },

  // What the browser throws away: the store has its birth certificate elsewhere, so nothing begins anew in silence.
  'databases gone between two lives': {
    endings: ['STATE_LOST'],
    async run(stage) {
      const page = await stage.open()
      await stage.run.committed(END_MS)
      await page.close()
      await clearStorage(stage, 'indexeddb')
      const from = stage.reportCount
      await stage.open()
      return stage.complete(from)
    },
  },

  'databases gone under the job': {
    endings: ['STATE_LOST'],
    async run(stage) {
      const page = await stage.open()
      await stage.run.committed(END_MS)
      await clearStorage(stage, 'indexeddb')
      const first = await stage.complete()
      // Where the job had ended before, the next life says so.
      if (first.ending !== 'complete') return first
      const from = stage.reportCount
      page.reload().catch(() => {})
      return stage.complete(from, ['at the next start'])
    },
  },

  'site data cleared under the job': {
    endings: ['STATE_LOST', 'CHECKPOINT_MISSING'],
    async run(stage) {
      const page = await stage.open()
      await stage.run.committed(END_MS)
      await clearStorage(stage, 'all')
      const first = await stage.complete()
      if (first.ending !== 'complete') return first
      // Nothing is left that could know of the job: the page must, and say that there has to be a checkpoint.
      await page.close()
      const from = stage.reportCount
      await stage.open({ resume: 'always' })
      return stage.complete(from, ['at the next start'])
    },
  },

  // A tab that does not let go of the database holds back its deletion, which holds back all who want to open it.
  'opening blocked by another tab': {
    endings: ['STATE_LOST'],
    mustSee: 'STORE_UNAVAILABLE',
    async run(stage) {
      const page = await stage.open()
      await stage.run.committed(END_MS)
      await page.close()
      const holder = await elsewhere(stage)
      const names = await holder.evaluate(async (storeName) => {
        const found = (await indexedDB.databases()).map(({ name }) => name!).filter((name) => name.endsWith(storeName))
        const opened = found.map(
          (name) =>
            new Promise((resolve, reject) => {
              const request = indexedDB.open(name)
              request.addEventListener('success', resolve)
              request.addEventListener('error', reject)
            }),
        )
        await Promise.all(opened)
        return found
      }, stage.options.storeName)
      const deleter = await elsewhere(stage)
      await deleter.evaluate((databases) => {
        for (const name of databases) indexedDB.deleteDatabase(name)
      }, names)
      const from = stage.reportCount
      const blocked = await stage.open()
      const report = await stage.run.report(['started', 'failed'], from, END_MS)
      const seen = report.kind === 'failed' ? [report.code] : ['it started']
      await holder.close()
      const fromReload = stage.reportCount
      blocked.reload().catch(() => {})
      return stage.complete(fromReload, seen)
    },
  },

  'network away, rows from a WebSocket': {
    endings: ['complete'],
    mustSee: 'connected again',
    async run(stage) {
      const page = await stage.open({ source: 'webSocket' })
      // A page that has not all of its scripts yet says WORKERS_UNAVAILABLE, as it should.
      await stage.run.report(['started'], 0, END_MS)
      for (let times = 1 + stage.prng.int(2); times > 0; times--) {
        await systemClock.sleep(stage.prng.next() * 0.5 * LIFE_MS)
        await page.setOfflineMode(true)
        stage.run.feed.leave()
        await systemClock.sleep(stage.prng.next() * 1_500)
        stage.run.feed.comeBack()
        await page.setOfflineMode(false)
      }
      const ending = await stage.complete()
      return { ...ending, seen: stage.run.feed.connectionCount > 1 ? ['connected again'] : [] }
    },
  },

  'reload, rows from a WebSocket': {
    endings: ['complete'],
    async run(stage) {
      const page = await stage.open({ source: 'webSocket' })
      await stage.anyMoment()
      const from = stage.reportCount
      page.reload().catch(() => {})
      return stage.complete(from)
    },
  },
}

async function killed(stage: Stage): Promise<Ending> {
  await stage.open()
  let from = 0
  for (let times = 1 + stage.prng.int(2); times > 0; times--) {
    await stage.anyMoment()
    stage.browser = await stage.reopen()
    from = stage.reportCount
    await stage.open()
  }
  return stage.complete(from)
}

/** A page of the site without a job. */
async function elsewhere(stage: Stage): Promise<Page> {
  const page = await stage.browser.newPage()
  await page.goto(`${stage.server.origin}/elsewhere`)
  return page
}

/** Puts ever smaller things into the storage of the site until the smallest is refused. */
async function fill(page: Page): Promise<void> {
  await page.evaluate(async () => {
    const database = await new Promise<IDBDatabase>((resolve, reject) => {
      const request = indexedDB.open('filler')
      request.addEventListener('upgradeneeded', () => request.result.createObjectStore('things', { autoIncrement: true }))
      request.addEventListener('success', () => resolve(request.result))
      request.addEventListener('error', () => reject(request.error))
    })
    database.addEventListener('versionchange', () => database.close())
    const isTaken = (bytes: number) =>
      new Promise<boolean>((resolve) => {
        const transaction = database.transaction('things', 'readwrite')
        transaction.objectStore('things').add(crypto.getRandomValues(new Uint8Array(bytes)))
        transaction.addEventListener('complete', () => resolve(true))
        transaction.addEventListener('abort', () => resolve(false))
      })
    for (let bytes = 65_536; bytes >= 64; bytes /= 4) while (await isTaken(bytes));
  })
}

async function clearStorage(stage: Stage, storageTypes: 'indexeddb' | 'all'): Promise<void> {
  const session = await stage.cdp(await stage.browser.newPage())
  await session.send('Storage.clearDataForOrigin', { origin: stage.server.origin, storageTypes })
}

async function terminateWorker(stage: Stage, page: Page): Promise<void> {
  await page.evaluate((random) => {
    const { workers } = globalThis as unknown as { workers: Worker[] }
    workers[Math.floor(random * workers.length)]!.terminate()
  }, stage.prng.next())
}

/** @returns what thaws it. The page is shown then: timers of a hidden one run once a second. */
async function freeze(stage: Stage, page: Page): Promise<() => Promise<void>> {
  const session = await stage.cdp(page)
  await session.send('Page.setWebLifecycleState', { state: 'frozen' })
  return async () => {
    await session.send('Page.setWebLifecycleState', { state: 'active' })
    await page.bringToFront()
  }
}

async function crash(stage: Stage, page: Page): Promise<void> {
  const session = await stage.cdp(page)
  const { promise: crashed, resolve } = Promise.withResolvers<void>()
  page.once('error', () => resolve())
  session.send('Page.crash').catch(() => {})
  await Promise.race([crashed, systemClock.sleep(5_000)])
}
