/**
 * Measures how the page draws under load: `node test/dashboard/frames.ts [--rate 100000] [--devices 1000] [--seconds 60] [--minutes 0] [--feed page]`.
 *
 * Before: the built package. After: a table of figures. It is run by hand: what it says depends on the machine, which here also plays the fleet.
 *
 * - Frames: distances between animation frames, and tasks of the page's thread over 50 ms (`longtask`).
 * - Latency: from the moment at which the feed had the reading to send that moves the watermark over a window's end, found by making the feed's
 *   log again, to the arrival of the window's result in the page's model, from which the next frame draws. Over all seconds and minutes, but for
 *   those in which the heap is collected and the trace comes.
 * - Work: CPU time of the page's thread, by task, and its share of a core. Unlike the distances of frames it hardly depends on what else the machine does.
 * - Heap: of the page, after a collection, once a minute.
 */

import { execFileSync } from 'node:child_process'
import { cpus } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { chromium, type CDPSession, type Page } from '@playwright/test'
import { DISORDER_MS, FUTURE_MS, WINDOW_MS } from '../../examples/dashboard/cells.ts'
import { buildDashboard } from '../../examples/dashboard/build.mjs'
import { FeedLog, type LogDescription } from '../../examples/dashboard/generator/feed-log.ts'
import { CORRUPT } from '../../examples/dashboard/generator/readings.ts'
import { serveDashboard } from '../../examples/dashboard/serve.mjs'
import { CHROMIUM, CHROMIUM_ARGS } from '../support/browsers.ts'
import { figures } from './page.ts'

const { values } = parseArgs({
  options: {
    rate: { type: 'string', default: '100000' },
    devices: { type: 'string', default: '1000' },
    seconds: { type: 'string', default: '60' },
    minutes: { type: 'string', default: '0' },
    feed: { type: 'string', default: 'websocket' },
    port: { type: 'string', default: '18126' },
  },
})
const folder = fileURLToPath(new URL('../../dist/dashboard-frames', import.meta.url))
const { own, library } = await buildDashboard(folder)
const { url, close } = await serveDashboard({ port: Number(values.port), folder, isStatic: values.feed === 'page' })
const browser = await chromium.launch({
  executablePath: CHROMIUM,
  args: [...CHROMIUM_ARGS, '--js-flags=--expose-gc', '--enable-precise-memory-info'],
})
try {
  const page = await browser.newPage({ viewport: { width: 1440, height: 1000 } })
  const session = await page.context().newCDPSession(page)
  await page.goto(url)
  await page.waitForFunction('globalThis.dashboard?.model.status?.recordsIn > 0')
  await page.evaluate(
    ({ rate, devices }) => {
      const { dashboard } = globalThis as unknown as { dashboard: { session: { settings: object }; change(settings: object): void } }
      dashboard.change({ ...dashboard.session.settings, rate, devices })
    },
    { rate: Number(values.rate), devices: Number(values.devices) },
  )
  // Until the rate holds, and the code that draws is compiled.
  await page.waitForTimeout(15_000)
  console.log(
    `${cpus().length} cores (${cpus()[0]?.model}), load ${loadAverage()}, ${await browser.version()}, software rendering, feed ${values.feed}`,
  )
  console.log(`first load, compressed: dashboard ${kilobytes(own)}, millrace ${kilobytes(library)}`)
  const tasks = await traceTasks(session)
  const feedBefore = process.cpuUsage()
  const beginMs = performance.now()
  await watchArrivals(page)
  await noteArrivals(page, true)
  const drawn = await measureFrames(page, Number(values.seconds) * 1000)
  await noteArrivals(page, false)
  const feedUsed = process.cpuUsage(feedBefore)
  const feedMs = performance.now() - beginMs
  const cpu = await tasks()
  console.log(`load at the end ${loadAverage()}`)
  const found = await figures(page)
  console.log(
    `readings a second ${Math.round(drawn.rate)}; tier ${found.tier}, ${found.parallelism} workers; ledger ${found.state}, ${found.windows} windows compared, ${found.differences.length} differ`,
  )
  row('distance of frames, ms', drawn.frames)
  row('work of the page in a frame, ms', drawn.work)
  row('CPU time of a task of the page with a frame, ms', cpu.frames)
  console.log(
    `CPU of the page's thread: ${share(cpu.allMs, cpu.forMs)} of a core, longest task ${cpu.longestMs.toFixed(1)} ms, tasks over 50 ms of CPU: ${cpu.longCount}; of the fleet in this process: ${share((feedUsed.user + feedUsed.system) / 1000, feedMs)} of a core`,
  )
  console.log(
    `long tasks over 50 ms: ${drawn.longTasks.length}${drawn.longTasks.length > 0 ? ` (${drawn.longTasks.map(Math.round).join(', ')} ms)` : ''}`,
  )
  for (let minute = 0; minute <= Number(values.minutes); minute++) {
    console.log(`heap of the page after ${minute} min: ${((await heapBytes(session)) / 1e6).toFixed(1)} MB`)
    if (minute === Number(values.minutes)) break
    await noteArrivals(page, true)
    await page.waitForTimeout(60_000)
    await noteArrivals(page, false)
  }
  row('latency of a result beyond the watermark, ms', await latencies(page))
} finally {
  await browser.close()
  close()
}

interface Measured {
  readonly frames: readonly number[]
  readonly work: readonly number[]
  readonly longTasks: readonly number[]
  readonly rate: number
}

function measureFrames(page: Page, ms: number): Promise<Measured> {
  return page.evaluate(async (forMs) => {
    const { dashboard } = globalThis as unknown as {
      dashboard: {
        model: { reachedNumber: number }
      }
    }
    const { model } = dashboard
    const frames: number[] = []
    const work: number[] = []
    const longTasks: number[] = []
    new PerformanceObserver((list) => longTasks.push(...list.getEntries().map(({ duration }) => duration))).observe({ type: 'longtask' })
    const begin = performance.now()
    const reached = model.reachedNumber
    let last = begin
    await new Promise<void>((resolve) => {
      const step = (frameMs: number) => {
        frames.push(frameMs - last)
        last = frameMs
        // What of this frame's callbacks is left to do once this one is called, and what comes before the next task.
        const startMs = performance.now()
        const channel = new MessageChannel()
        channel.port1.addEventListener('message', () => {
          work.push(performance.now() - startMs)
          channel.port1.close()
        })
        channel.port1.start()
        channel.port2.postMessage(null)
        if (frameMs - begin > forMs) resolve()
        else requestAnimationFrame(step)
      }
      requestAnimationFrame(step)
    })
    return {
      frames: frames.slice(1),
      work,
      longTasks,
      rate: ((model.reachedNumber - reached) * 1000) / (performance.now() - begin),
    }
  }, ms)
}

interface Observed {
  readonly session: { readonly log: LogDescription }
  readonly model: { readonly newestStartMs: number; take(packet: unknown, nowMs: number): void }
  /** Starts of windows, and when their first results came; as long as they are noted. */
  arrivals: [number, number][]
  isNoted: boolean
}

function watchArrivals(page: Page): Promise<void> {
  return page.evaluate(() => {
    const { dashboard } = globalThis as unknown as { dashboard: Observed }
    const { model } = dashboard
    dashboard.arrivals = []
    const take = model.take.bind(model)
    model.take = (packet, nowMs) => {
      const newest = model.newestStartMs
      take(packet, nowMs)
      if (model.newestStartMs > newest && dashboard.isNoted) dashboard.arrivals.push([model.newestStartMs, nowMs])
    }
  })
}

function noteArrivals(page: Page, isNoted: boolean): Promise<void> {
  return page.evaluate((value) => {
    ;(globalThis as unknown as { dashboard: Observed }).dashboard.isNoted = value
  }, isNoted)
}

async function latencies(page: Page): Promise<readonly number[]> {
  const { description, arrivals } = await page.evaluate(() => {
    const { dashboard } = globalThis as unknown as { dashboard: Observed }
    return { description: dashboard.session.log, arrivals: dashboard.arrivals }
  })
  const log = new FeedLog(description)
  return arrivals.map(([startMs, arrivedMs]) => arrivedMs - closingMs(log, startMs))
}

/** When the feed had the reading to send that moves the watermark over the end of a window. */
function closingMs(log: FeedLog, startMs: number): number {
  const leastMs = startMs + WINDOW_MS + DISORDER_MS
  for (let tick = log.tickAt(leastMs - FUTURE_MS); ; tick++) {
    const { at, state } = log.readings(tick)
    // A tick is sent when it is over.
    const sentMs = log.arrivalMs(tick + 1)
    if (at.some((ms, row) => state[row] !== CORRUPT && ms >= leastMs && ms <= sentMs + FUTURE_MS)) return sentMs
  }
}

interface TraceEvent {
  readonly name: string
  readonly ph: string
  readonly pid: number
  readonly tid: number
  readonly ts: number
  readonly dur?: number
  /** CPU time of the thread, µs. */
  readonly tdur?: number
}

/** Notes every task of the page's thread from now on; what is returned ends that. */
async function traceTasks(session: CDPSession) {
  const events: TraceEvent[] = []
  session.on('Tracing.dataCollected', ({ value }) => events.push(...(value as unknown as TraceEvent[])))
  await session.send('Tracing.start', { transferMode: 'ReportEvents', categories: 'toplevel,devtools.timeline' })
  return async () => {
    const complete = new Promise((resolve) => session.once('Tracing.tracingComplete', resolve))
    await session.send('Tracing.end')
    await complete
    // The page's thread is the one that draws most frames.
    const threadOf = ({ pid, tid }: TraceEvent) => `${pid} ${tid}`
    const counts = new Map<string, number>()
    const callbacks = events.filter(({ name }) => name === 'FireAnimationFrame')
    for (const event of callbacks) counts.set(threadOf(event), (counts.get(threadOf(event)) ?? 0) + 1)
    const [thread] = [...counts].toSorted((a, b) => b[1] - a[1])[0]!
    const tasks = events.filter((event) => event.ph === 'X' && event.name === 'ThreadControllerImpl::RunTask' && threadOf(event) === thread)
    const times = tasks.map(({ tdur = 0 }) => tdur / 1000)
    const drawing = new Set<TraceEvent>()
    const ascending = tasks.toSorted((a, b) => a.ts - b.ts)
    let at = 0
    for (const callback of callbacks.filter((event) => threadOf(event) === thread).toSorted((a, b) => a.ts - b.ts)) {
      while (at + 1 < ascending.length && ascending[at + 1]!.ts <= callback.ts) at++
      drawing.add(ascending[at]!)
    }
    return {
      frames: Array.from(drawing, ({ tdur = 0 }) => tdur / 1000),
      /** How long was traced: a busy machine begins and ends later than it was told. */
      forMs: (ascending.at(-1)!.ts - ascending[0]!.ts) / 1000,
      allMs: times.reduce((sum, time) => sum + time, 0),
      longestMs: times.reduce((most, time) => Math.max(most, time), 0),
      longCount: times.filter((time) => time > 50).length,
    }
  }
}

function share(ms: number, ofMs: number): string {
  return `${((ms / ofMs) * 100).toFixed(0)} %`
}

async function heapBytes(session: CDPSession): Promise<number> {
  await session.send('HeapProfiler.enable')
  await session.send('HeapProfiler.collectGarbage')
  const { usedSize } = await session.send('Runtime.getHeapUsage')
  return usedSize
}

function row(name: string, numbers: readonly number[]): void {
  const sorted = numbers.toSorted((a, b) => a - b)
  const at = (part: number) => (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN).toFixed(1)
  console.log(`${name}: p50 ${at(0.5)}, p95 ${at(0.95)}, p99 ${at(0.99)}, most ${at(1)} (${sorted.length})`)
}

function loadAverage(): string {
  return execFileSync('uptime', { encoding: 'utf8' })
    .replace(/.*load average: /s, '')
    .trim()
}

function kilobytes(bytes: number): string {
  return `${(bytes / 1000).toFixed(1)} kB`
}
