/**
 * `node test/bench/page-start.ts [--runs N]`: how long it takes in Chromium until a job runs.
 *
 * Each run is a page in a profile of its own, visited twice, first with nothing cached: it loads the bundled example, calls `start`, and takes one row
 * through a window. The engine, the kernel and the workers are loaded within `start`. Ways of running take turns, so that the machine's moods hit them
 * alike.
 *
 * Before: the built package, Chromium. After: medians and quartiles on standard output.
 */

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type Browser, type BrowserContext, chromium } from '@playwright/test'
import * as esbuild from 'esbuild'
import { CHROMIUM, CHROMIUM_ARGS } from '../support/browsers.ts'

const { values } = parseArgs({ options: { runs: { type: 'string', default: '15' } } })
const WAYS = ['shared', 'transferred', 'inline'] as const
type Way = (typeof WAYS)[number]

/** What a page measures, ms since its navigation began. */
interface Started {
  /** The page's own script runs. */
  readonly script: number
  /** `start` was called, and has resolved: all workers answer. */
  readonly called: number
  readonly running: number
  /** The first row of a window is there. */
  readonly row: number
}

const PAGE = `
import { pipeline, start, schema, utf8, f64, timestamp, boundedOutOfOrderness, tumbling, count, mean, max, iterableSource, callbackSink } from 'millrace'
const script = performance.now()
const job = pipeline('fleet')
  .source('readings', schema({ device: utf8(), at: timestamp(), celsius: f64() }))
  .eventTime('at', boundedOutOfOrderness('5s'))
  .keyBy('device')
  .window(tumbling('1m'))
  .aggregate({ n: count(), mean: mean('celsius'), max: max('celsius') })
  .sink('minutes')
async function* readings() {
  yield [{ device: 'a', at: 0, celsius: 20 }, { device: 'b', at: 90_000, celsius: 21 }]
  await new Promise(() => {})
}
const host = new URLSearchParams(location.search).get('host')
const row = Promise.withResolvers()
const called = performance.now()
const run = await start(job, {
  sources: { readings: iterableSource(readings()) },
  sinks: { minutes: callbackSink(() => row.resolve(performance.now())) },
  host,
  worker: () => new Worker('/kernel-worker.js', { type: 'module' }),
})
const running = performance.now()
globalThis.report({ script, called, running, row: await row.promise, tier: (await run.status()).tier })
`

async function serve(): Promise<{ readonly url: string; close(): void }> {
  const root = fileURLToPath(new URL('../../', import.meta.url))
  const { outputFiles } = await esbuild.build({
    absWorkingDir: root,
    entryPoints: { page: 'page', 'kernel-worker': 'dist/kernel-worker.js' },
    bundle: true,
    splitting: true,
    minify: true,
    format: 'esm',
    outdir: '/out',
    write: false,
    logLevel: 'error',
    conditions: ['browser'],
    tsconfigRaw: '{}',
    plugins: [
      {
        name: 'page',
        setup(build) {
          build.onResolve({ filter: /^page$/ }, () => ({ path: 'page', namespace: 'page' }))
          build.onLoad({ filter: /./, namespace: 'page' }, () => ({ contents: PAGE, resolveDir: root }))
        },
      },
    ],
  })
  const files = new Map(outputFiles.map(({ path, contents }) => [path.replace('/out', ''), contents]))
  // What is measured is reported once: whoever asked again and again would be measured, too.
  const report = `<script>
    globalThis.started = new Promise((resolve, reject) => {
      globalThis.report = resolve
      setTimeout(() => reject(new Error('It has not started within 10 s')), 10_000)
    })
  </script>`
  const html = `<!doctype html><title>start</title>${report}<script type="module" src="/page.js"></script>`
  const server = createServer(({ url }, response) => {
    const { pathname, searchParams } = new URL(url!, 'http://localhost')
    const contents = pathname === '/' ? html : files.get(pathname)
    if (contents === undefined) return response.writeHead(404).end()
    const isShared = searchParams.get('host') !== 'transferred'
    if (isShared) response.setHeader('cross-origin-opener-policy', 'same-origin').setHeader('cross-origin-embedder-policy', 'require-corp')
    if (pathname !== '/') response.setHeader('cache-control', 'max-age=3600')
    return response.setHeader('content-type', pathname === '/' ? 'text/html' : 'text/javascript').end(contents)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => server.close() }
}

const VISITS = ['first visit', 'second visit'] as const

async function measure(browser: Browser, url: string, way: Way): Promise<readonly Started[]> {
  const context = await browser.newContext()
  try {
    const visits: Started[] = []
    for (const _ of VISITS) visits.push(await visit(context, url, way))
    return visits
  } finally {
    await context.close()
  }
}

async function visit(context: BrowserContext, url: string, way: Way): Promise<Started> {
  const page = await context.newPage()
  try {
    const failures: string[] = []
    page.on('pageerror', (error) => failures.push(String(error)))
    await page.goto(`${url}/?host=${way}`)
    const figures = await page
      .evaluate(() => (globalThis as unknown as { started: Promise<Started & { tier: string }> }).started)
      .catch((error: unknown) => {
        throw new Error(`The job did not start on ${way}: ${failures.join('; ')}`, { cause: error })
      })
    if (figures.tier !== way) throw new Error(`The job runs on ${figures.tier} instead of ${way}`)
    return figures
  } finally {
    await page.close()
  }
}

const { url, close } = await serve()
const browser = await chromium.launch({
  executablePath: CHROMIUM,
  args: [...CHROMIUM_ARGS],
})
try {
  const runs = Number(values.runs)
  const started = new Map<Way, (readonly Started[])[]>(WAYS.map((way) => [way, []]))
  // The first page of a browser pays for the browser.
  await measure(browser, url, 'inline')
  for (let round = 0; round < runs; round++) for (const way of WAYS) started.get(way)!.push(await measure(browser, url, way))
  const shown = (list: readonly number[]) => {
    const sorted = list.toSorted((a, b) => a - b)
    const [low, middle, high] = [0.25, 0.5, 0.75].map((share) => sorted[Math.floor(share * (sorted.length - 1))]!.toFixed(1))
    return `${middle} ms (${low}-${high})`
  }
  console.log(`Chromium ${browser.version()}, ${runs} profiles of each kind; median (quartiles)`)
  for (const [way, visits] of started) {
    for (const [index, name] of VISITS.entries()) {
      const list = visits.map((visit) => visit[index]!)
      const parts = [
        `start() until the job runs ${shown(list.map(({ called, running }) => running - called))}`,
        `until the first window's row ${shown(list.map(({ called, row }) => row - called))}`,
        `the page's script ran after ${shown(list.map(({ script }) => script))}`,
      ]
      console.log(`${way}, ${name}: ${parts.join('; ')}`)
    }
  }
} finally {
  await browser.close()
  close()
}
