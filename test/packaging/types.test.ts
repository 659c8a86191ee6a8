/** Types of the package as a user's compiler finds them, declarations checked too. */

import { readFileSync } from 'node:fs'
import { afterAll, expect, test } from 'vitest'
import { bin, Project, removeFolders } from './packed.ts'

afterAll(removeFolders)

const CONSUMER = `
import { boundedOutOfOrderness, collectSink, count, f64, mean, pipeline, rowsSource, run, schema, start, timestamp, tumbling, utf8 } from 'millrace'
import { memoryCheckpoints } from 'millrace/adapters/memory-store'
import { testJob } from 'millrace/testing'
import * as browser from 'millrace/browser'
import * as edge from 'millrace/edge'
import * as mqtt from 'millrace/mqtt'
import * as react from 'millrace/react'
import * as worker from 'millrace/worker'
import type { PlanParameters } from 'millrace/plan-worker'
import 'millrace/kernel-worker'

const job = pipeline('minutes')
  .source('readings', schema({ device: utf8(), at: timestamp(), celsius: f64() }))
  .eventTime('at', boundedOutOfOrderness('5s'))
  .keyBy('device')
  .window(tumbling('1m'))
  .aggregate({ n: count(), mean: mean('celsius') })
  .sink('minutes')

const [row] = await run(job, [{ device: 'a', at: 0, celsius: 1 }])
const device: string = row!.device
const mean1: number | null = row!.mean
// @ts-expect-error a column that does not exist
row!.devise
// @ts-expect-error a sink that does not exist
await start(job, { sources: { readings: rowsSource([]) }, sinks: { hours: collectSink() } })
// @ts-expect-error a store is wanted, not its name
await start(job, { sources: { readings: rowsSource([]) }, sinks: { minutes: collectSink() }, checkpoints: { store: 'memory' } })

const started = await start(job, {
  sources: { readings: rowsSource([]) },
  sinks: { minutes: collectSink() },
  checkpoints: { store: memoryCheckpoints(), every: '1s' },
})
export const tier: string = (await started.finished).tier
export const harness = await testJob(job)
export type Parameters = PlanParameters
export { browser, device, edge, mean1, mqtt, react, worker }
`

const NODE_CONSUMER = `
import { csvFile, fileCheckpoints, ndjsonFile } from 'millrace/node'
export const parts = { source: csvFile('in.csv'), sink: ndjsonFile('out.ndjson'), store: fileCheckpoints('./state') }
`

const WAYS = {
  bundler: { module: 'ESNext', moduleResolution: 'bundler' },
  nodenext: { module: 'NodeNext', moduleResolution: 'NodeNext' },
} as const

for (const [name, options] of Object.entries(WAYS)) {
  test(`every entry point has its types under moduleResolution ${name}`, () => {
    const project = new Project({
      packages: ['@types/node', '@types/react', 'mqtt'],
      files: {
        'page.ts': CONSUMER,
        'server.ts': NODE_CONSUMER,
        'tsconfig.json': JSON.stringify({
          compilerOptions: {
            ...options,
            target: 'ES2022',
            lib: ['ESNext', 'DOM', 'DOM.Iterable', 'DOM.AsyncIterable'],
            types: ['node'],
            strict: true,
            exactOptionalPropertyTypes: true,
            noEmit: true,
            skipLibCheck: false,
          },
        }),
      },
    })
    expect(project.run(bin('tsc'), ['-p', '.'])).toBe('')
    // Every entry point of code is tried here.
    const { exports } = JSON.parse(readFileSync(project.path('node_modules/millrace/package.json'), 'utf8')) as { exports: object }
    const entries = Object.keys(exports).filter((entry) => !/\.(wasm|json)$/.test(entry))
    for (const entry of entries) expect(CONSUMER + NODE_CONSUMER).toContain(`'millrace${entry.slice(1)}'`)
  })
}
