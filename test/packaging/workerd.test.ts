/**
 * The package in workerd, the runtime of edge workers: bundled by esbuild with the conditions that wrangler uses, run by miniflare.
 *
 * wrangler itself is not among the dev dependencies: its newest version depends on a prerelease that the lock file cannot hold. It bundles with
 * esbuild under these conditions, and runs workerd through miniflare.
 */

import * as esbuild from 'esbuild'
import { Miniflare } from 'miniflare'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Project, removeFolders } from './packed.ts'

const WORKER = `
import { col, explain, pipeline, run, schema, timestamp, utf8, f64, monotonous } from 'millrace'
import * as edge from 'millrace/edge'

const job = pipeline('warm')
  .source('readings', schema({ device: utf8(), at: timestamp(), celsius: f64() }))
  .eventTime('at', monotonous())
  .filter(col('celsius').gt(20))
  .sink('warm')

export default {
  async fetch() {
    const rows = await run(job, [{ device: 'a', at: 1, celsius: 30 }, { device: 'b', at: 2, celsius: 10 }])
    return Response.json({ rows, explained: explain(job.plan).text, edge: Object.keys(edge) })
  },
}
`

let miniflare: Miniflare

beforeAll(async () => {
  const project = new Project({ files: { 'worker.js': WORKER } })
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

test('workerd runs a job of the package, bundled as wrangler does', async () => {
  const response = await miniflare.dispatchFetch('http://edge.test/')
  const body = await response.text()
  expect(JSON.parse(body)).toMatchObject({ rows: [{ device: 'a', at: 1, celsius: 30 }], explained: expect.stringContaining('warm') })
})
