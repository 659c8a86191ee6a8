/** Pages of users' projects, built by each bundler from the packed package, opened in a browser: on every tier the results of Node. */

import { execFileSync } from 'node:child_process'
import process from 'node:process'
import { expect, type Page, test } from '@playwright/test'
import type { JobName, RunOptions, RunResult } from '../browser/jobs.ts'
import { BUNDLERS, developmentServer, pageProject, serve } from './bundlers.ts'
import { type Project, removeFolders, repository } from './packed.ts'

declare const runInPage: (name: JobName, options: Omit<RunOptions, 'store'>) => Promise<string>
declare const runExample: (name: string) => Promise<string>
declare const exampleNames: readonly string[]

const WAYS = [
  { path: '', options: { host: 'workers', parallelism: 2 }, tier: 'shared' },
  { path: '', options: { host: 'inline', parallelism: 2 }, tier: 'inline' },
  { path: 'not-isolated/', options: { host: 'auto', parallelism: 2 }, tier: 'inline' },
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

test.afterAll(removeFolders)

async function open(page: Page, url: string): Promise<void> {
  await page.goto(url)
  await page.waitForFunction('globalThis.runInPage')
}

async function check(page: Page, name: JobName, { options, tier }: (typeof WAYS)[number]): Promise<void> {
  const { sinks, status } = JSON.parse(await page.evaluate(([of, given]) => runInPage(of, given), [name, options] as const)) as RunResult
  expect(status.tier).toBe(tier)
  expect(sinks).toEqual(expected[name])
  expect(status.checkpoints.count).toBeGreaterThan(0)
}

for (const [name, build] of Object.entries(BUNDLERS)) {
  test(`a page built by ${name} from the package has the results of Node on every tier, and runs the examples`, async ({ page }) => {
    const server = await serve(await build(project))
    try {
      for (const way of WAYS) {
        await open(page, server.url + way.path)
        for (const job of ['fleet', 'visits'] as const) await check(page, job, way)
      }
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
    for (const way of WAYS.filter(({ path }) => path === '')) {
      await open(page, server.url)
      for (const job of ['fleet', 'visits'] as const) await check(page, job, way)
    }
  } finally {
    await server.close()
  }
})
