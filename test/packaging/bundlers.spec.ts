/** Pages of users' projects, built by each bundler from the packed package, opened in a browser: on every tier the results of Node. */

import { execFileSync } from 'node:child_process'
import process from 'node:process'
import { expect, type Page, test } from '@playwright/test'
import type { JobName, RunOptions, RunResult } from '../browser/jobs.ts'
import type { JobWorker, KernelWorker } from './project/main.ts'
import { BUNDLERS, developmentServer, pageProject, serve } from './bundlers.ts'
import { type Project, removeFolders, repository } from './packed.ts'

declare const runInPage: (name: JobName, options: Omit<RunOptions, 'store' | 'worker'>, kernelWorker: KernelWorker) => Promise<string>
declare const runInWorker: (which: JobWorker) => Promise<{ tier: string; rowCount: number; isEqual: boolean }>
declare const runExample: (name: string) => Promise<string>
declare const exampleNames: readonly string[]

const WAYS = [
  { path: '', host: 'auto', tier: 'shared' },
  { path: '', host: 'transferred', tier: 'transferred' },
  { path: '', host: 'inline', tier: 'inline' },
  { path: 'not-isolated/', host: 'auto', tier: 'transferred' },
] as const

/** Playwright asks its children for colours, which are not part of what an example prints. */
const env = { ...process.env, FORCE_COLOR: '0' }
const node = (...args: readonly string[]) =>
  execFileSync(process.execPath, args, { cwd: repository, encoding: 'utf8', maxBuffer: 1 << 28, env })

let project: Project
let expected: Record<JobName, RunResult['sinks']>

test.beforeAll(() => {
  project = pageProject()
  const of = (name: JobName) => JSON.parse(node('test/browser/expected.ts', name, '2')) as RunResult['sinks']
  expected = { fleet: of('fleet'), visits: of('visits') }
})

// webpack alone takes long on a busy machine.
test.describe.configure({ timeout: 240_000 })

test.afterAll(removeFolders)

async function open(page: Page, url: string): Promise<void> {
  await page.goto(url)
  await page.waitForFunction('globalThis.runInPage')
}

async function check(page: Page, name: JobName, { host, tier }: (typeof WAYS)[number], kernelWorker: KernelWorker): Promise<void> {
  const options = { host, parallelism: 2 }
  const text = await page.evaluate(([of, given, worker]) => runInPage(of, given, worker), [name, options, kernelWorker] as const)
  const { sinks, status } = JSON.parse(text) as RunResult
  expect(status.tier).toBe(tier)
  expect(sinks).toEqual(expected[name])
  expect(status.checkpoints.count).toBeGreaterThan(0)
}

/** Every tier, with the package's own kernel workers and with those that the page makes. */
async function checkTiers(page: Page, url: string, ways: readonly (typeof WAYS)[number][], findsPackages: boolean): Promise<void> {
  for (const way of ways) {
    await open(page, url + way.path)
    for (const job of ['fleet', 'visits'] as const) await check(page, job, way, 'absent')
    if (way.tier === 'inline') continue
    await check(page, 'fleet', way, 'ofProject')
    if (findsPackages) await check(page, 'fleet', way, 'ofPackage')
  }
}

/** Whole jobs in workers, with kernel workers of their own. */
async function checkJobWorkers(page: Page, url: string, findsPackages: boolean): Promise<void> {
  await open(page, url)
  for (const which of ['serving', 'planOfProject', ...(findsPackages ? (['planOfPackage'] as const) : [])] as const) {
    const { tier, rowCount, isEqual } = await page.evaluate((of) => runInWorker(of), which)
    expect({ which, tier, isEqual }).toEqual({ which, tier: 'shared', isEqual: true })
    expect(rowCount).toBeGreaterThan(1_000)
  }
}

for (const [name, { build, findsPackages }] of Object.entries(BUNDLERS)) {
  test(`a page built by ${name} from the package has the results of Node on every tier, and runs the examples`, async ({ page }) => {
    const server = await serve(await build(project))
    try {
      await checkTiers(page, server.url, WAYS, findsPackages)
      await checkJobWorkers(page, server.url, findsPackages)
      for (const example of await page.evaluate(() => exampleNames)) {
        expect(await page.evaluate((of) => runExample(of), example), example).toBe(node(`examples/${example}/main.mjs`))
      }
    } finally {
      server.close()
    }
  })
}

test("a page of Vite's development server has the results of Node", async ({ page }) => {
  const server = await developmentServer(project)
  try {
    const isolated = WAYS.filter(({ path }) => path === '')
    await checkTiers(page, server.url, isolated, true)
    await checkJobWorkers(page, server.url, true)
  } finally {
    await server.close()
  }
})
