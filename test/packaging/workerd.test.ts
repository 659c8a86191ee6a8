/**
 * The package in workerd, the runtime of edge workers: bundled by esbuild with the conditions that wrangler uses, run by miniflare.
 *
 * wrangler itself is not among the dev dependencies: its newest version depends on a prerelease that the lock file cannot hold. It bundles with
 * esbuild under these conditions, and runs workerd through miniflare.
 */

import * as esbuild from 'esbuild'
import { Miniflare } from 'miniflare'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runAll } from 'millrace'
import { fleetJob, fleetRows } from '../support/fleet-pipeline.ts'
import { visitRows, visitsJob } from '../support/visits-pipeline.ts'
import { Project, removeFolders } from './packed.ts'

/** Windows of both kernels, which workerd takes as modules, as it compiles nothing. */
const WORKER = `
import { explain, runAll } from 'millrace'
import { durableObjectCheckpoints } from 'millrace/edge'
import { fleetJob, fleetRows } from './test/support/fleet-pipeline.ts'
import { visitRows, visitsJob } from './test/support/visits-pipeline.ts'

export default {
  async fetch() {
    const fleet = await runAll(fleetJob(), fleetRows(2_000))
    const visits = await runAll(visitsJob(), visitRows(2_000))
    return Response.json({ fleet, visits, explained: explain(fleetJob().plan).text, store: typeof durableObjectCheckpoints })
  },
}
`

let miniflare: Miniflare

beforeAll(async () => {
  const project = new Project({ files: { 'worker.js': WORKER }, copies: ['test/support'] })
  await esbuild.build({
    absWorkingDir: project.folder,
    entryPoints: ['worker.js'],
    bundle: true,
    format: 'esm',
    target: 'es2024',
    outfile: 'built/worker.js',
    conditions: ['workerd', 'worker', 'browser'],
    // Of the kernels wrangler makes modules of their own, which workerd compiles before it starts.
    loader: { '.wasm': 'copy' },
    external: ['cloudflare:*'],
    logLevel: 'error',
  })
  miniflare = new Miniflare({
    modules: true,
    modulesRoot: project.path('built'),
    scriptPath: project.path('built', 'worker.js'),
    modulesRules: [{ type: 'CompiledWasm', include: ['**/*.wasm'] }],
    compatibilityDate: '2026-07-01',
  })
  await miniflare.ready
})

afterAll(async () => {
  await miniflare?.dispose()
  removeFolders()
})

test('workerd runs jobs of the package, bundled as wrangler does, with the results of Node', async () => {
  const response = await miniflare.dispatchFetch('http://edge.test/')
  const body = JSON.parse(await response.text()) as Readonly<Record<string, unknown>>
  const expected = { fleet: await runAll(fleetJob(), fleetRows(2_000)), visits: await runAll(visitsJob(), visitRows(2_000)) }
  expect(expected.fleet.minutes.length).toBeGreaterThan(500)
  expect(body).toMatchObject({ ...(JSON.parse(JSON.stringify(expected)) as object), store: 'function' })
  expect(body['explained']).toContain('fleet')
})
