/**
 * What happens to pages: each fault takes a job from the loading of its page to the end of its rows, or to the error that it must end in.
 *
 * Before: campaign.ts, with a stage for each run. After: the oracle of campaign.ts.
 *
 * Invariant: when a fault returns, the run has reported what the fault says it ends in, so that the oracle may judge.
 */

import type { Page } from 'puppeteer-core'
import { systemClock } from '../../runtime/clock.ts'
import { END_MS, type Ending, endingOf, LIFE_MS, type Stage } from './stage.ts'

/** The deadline of a transaction of the store, and some. */
const HELD_MS = 75_000

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
      for (let times = stage.prng.int(3); times > 0; times--) {
        await stage.anyMoment()
        page.reload().catch(() => {})
      }
      await stage.anyMoment()
      return stage.reloaded(page)
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
      await stage.crash(page)
      await stage.open()
      return stage.complete(from)
    },
  },

  'kernel worker gone': {
    endings: ['complete'],
    mustSee: 'restarted itself',
    run: async (stage) =>
      workerGone(stage, await stage.open({ place: 'page', store: 'indexeddb', host: stage.prng.pick(['shared', 'transferred']) })),
  },

  'job worker gone': {
    endings: ['complete'],
    mustSee: 'worker replaced',
    run: async (stage) => workerGone(stage, await stage.open({ place: 'worker' })),
  },

  'browser killed': { endings: ['complete'], mustSee: 'started again', run: killed },

  'Firefox killed': { endings: ['complete'], mustSee: 'started again', browser: 'firefox', run: killed },

  'leader closed, other tab takes over': {
    endings: ['complete'],
    run: (stage) => leaderGone(stage, (leader) => leader.close()),
  },

  'leader crashes, other tab takes over': {
    endings: ['complete'],
    run: (stage) => leaderGone(stage, (leader) => stage.crash(leader)),
  },

  // The thawed leader must find out that it leads no more before it does anything.
  'leader frozen, other tab takes over': {
    endings: ['complete'],
    mustSee: 'JOB_FENCED',
    async run(stage) {
      const leader = await stage.open()
      await stage.running()
      const thaw = await stage.freeze(leader)
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
      const thaw = await stage.freeze(page)
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
      const filler = await stage.elsewhere()
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
      return stage.reloaded(page, ['last checkpoint refused'])
    },
  },

  // What the browser throws away: the store has its birth certificate elsewhere, so nothing begins anew in silence.
  'databases gone between two lives': {
    endings: ['STATE_LOST'],
    async run(stage) {
      const page = await stage.open()
      await stage.run.committed(END_MS)
      await page.close()
      await stage.clearStorage('indexeddb')
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
      await stage.clearStorage('indexeddb')
      const first = await stage.complete()
      // Where the job had ended before, the next life says so.
      if (first.ending !== 'complete') return first
      return stage.reloaded(page, ['at the next start'])
    },
  },

  'site data cleared under the job': {
    endings: ['STATE_LOST', 'CHECKPOINT_MISSING'],
    async run(stage) {
      const page = await stage.open()
      await stage.run.committed(END_MS)
      await stage.clearStorage('all')
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
      const holder = await stage.elsewhere()
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
      const deleter = await stage.elsewhere()
      await deleter.evaluate((databases) => {
        for (const name of databases) indexedDB.deleteDatabase(name)
      }, names)
      const from = stage.reportCount
      const blocked = await stage.open()
      const report = await stage.run.report(['started', 'failed'], from, END_MS)
      const seen = report.kind === 'failed' ? [report.code] : ['it started']
      await holder.close()
      return stage.reloaded(blocked, seen)
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
      return stage.reloaded(page)
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

async function workerGone(stage: Stage, page: Page): Promise<Ending> {
  await stage.running()
  await stage.terminateWorker(page)
  return stage.complete()
}

async function leaderGone(stage: Stage, end: (leader: Page) => Promise<void>): Promise<Ending> {
  const leader = await stage.open()
  await stage.running()
  await stage.open()
  await stage.anyMoment()
  await end(leader)
  return stage.complete()
}
