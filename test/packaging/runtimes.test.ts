/** The package in Node, Deno and Bun, as installed: every entry point that is meant for them, jobs on worker threads, and the command. */

import { readFileSync } from 'node:fs'
import process from 'node:process'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bin, Project, removeFolders } from './packed.ts'

/** `millrace/kernel-worker` and `millrace/plan-worker` are scripts of workers: they begin to serve whoever loads them. */
const ENTRIES = ['.', './node', './browser', './edge', './mqtt', './react', './adapters/memory-store', './testing', './worker']

const IMPORTS = `
const entries = ${JSON.stringify(ENTRIES)}
const names = {}
for (const entry of entries) names[entry] = Object.keys(await import('millrace' + entry.slice(1))).length
console.log(JSON.stringify(names))
`

const JOB = `
import { writeFileSync } from 'node:fs'
import process from 'node:process'
import { collectSink, start } from 'millrace'
import { csvFile, fileCheckpoints, ndjsonFile } from 'millrace/node'
import { fleetJob, fleetRows } from './test/support/fleet-pipeline.ts'

const rows = fleetRows(20_000)
writeFileSync('readings.csv', ['device,at,celsius', ...rows.map(({ device, at, celsius }) => [device, at, celsius ?? ''].join(','))].join('\\n') + '\\n')
const started = await start(fleetJob(), {
  sources: { readings: csvFile('readings.csv') },
  sinks: { minutes: ndjsonFile('minutes.ndjson'), late: collectSink() },
  checkpoints: { store: fileCheckpoints('./state'), every: '20ms' },
  parallelism: 2,
  host: 'workers',
})
const { tier, checkpoints, recordsIn } = await started.finished
const runtime = process.versions.bun !== undefined ? 'Bun' : process.versions.deno !== undefined ? 'Deno' : 'Node'
console.log(JSON.stringify({ runtime, tier, recordsIn, checkpoints: checkpoints.count }))
`

const PLAN = JSON.stringify({
  millrace: 1,
  name: 'counts',
  operators: [
    { uid: 'in', op: 'source', schema: { device: 'utf8', at: 'timestamp' } },
    { uid: 'time', op: 'eventTime', inputs: ['in'], column: 'at', watermark: { kind: 'monotonous' } },
    { uid: 'by', op: 'keyBy', inputs: ['time'], columns: ['device'] },
    { uid: 'w', op: 'window', inputs: ['by'], window: { kind: 'tumbling', sizeMs: 1000 }, aggregates: { n: { fn: 'count' } } },
    { uid: 'out', op: 'sink', inputs: ['w'], name: 'counts' },
  ],
})

interface JobOutput {
  readonly runtime: string
  readonly tier: string
  readonly recordsIn: number
  readonly checkpoints: number
}

let project: Project
let expected = ''

const quiet = { DENO_NO_UPDATE_CHECK: '1', NO_COLOR: '1' }
const RUNTIMES: Readonly<Record<string, (script: string, ...args: readonly string[]) => string>> = {
  Node: (...args) => project.run(process.execPath, args),
  Deno: (...args) => project.run(bin('deno'), ['run', '-A', '--no-lock', '--node-modules-dir=manual', ...args], quiet),
  Bun: (...args) => project.run(bin('bun'), args),
}

/** The results of the job, in the fixed order of the sink. */
const results = () => readFileSync(project.path('minutes.ndjson'), 'utf8')

beforeAll(() => {
  project = new Project({
    packages: ['mqtt', 'react'],
    copies: ['test/support/fleet-pipeline.ts', 'test/support/prng.ts'],
    files: {
      'imports.mjs': IMPORTS,
      'job.mjs': JOB,
      'plan.json': PLAN,
      'in.csv': 'device,at\na,0\nb,500\na,900\na,2000\n',
    },
  })
  RUNTIMES['Node']!('job.mjs')
  expected = results()
})

afterAll(removeFolders)

test('every entry point is imported by the tests below, but the scripts of workers', () => {
  const { exports } = JSON.parse(readFileSync(project.path('node_modules/millrace/package.json'), 'utf8')) as { exports: object }
  const entries = Object.keys(exports).filter((entry) => !/\.(wasm|json)$/.test(entry))
  expect(entries.filter((entry) => !ENTRIES.includes(entry))).toEqual(['./plan-worker', './kernel-worker'])
})

test('the job of the tests below has results', () => {
  expect(expected.split('\n').length).toBeGreaterThan(1000)
})

for (const [name, run] of Object.entries(RUNTIMES)) {
  test(`${name} imports every entry point, pages' included, as servers do that render them`, () => {
    const names = JSON.parse(run('imports.mjs')) as Readonly<Record<string, number>>
    expect(Object.keys(names)).toEqual(ENTRIES)
    expect(names['.']).toBeGreaterThan(50)
  })

  test(`${name} runs a job on worker threads with files and checkpoints on disk`, () => {
    for (const rest of ['state', 'minutes.ndjson']) project.remove(rest)
    const output = JSON.parse(run('job.mjs')) as JobOutput
    expect(results() === expected).toBe(true)
    expect(output).toMatchObject({ runtime: name, tier: 'shared', recordsIn: 20_000 })
    expect(output.checkpoints).toBeGreaterThan(0)
  })

  test(`${name} runs the command`, () => {
    run('node_modules/millrace/dist/cli.js', 'run', 'plan.json', '--source', 'in=in.csv', '--sink', `counts=${name}.ndjson`)
    const lines = readFileSync(project.path(`${name}.ndjson`), 'utf8')
      .trim()
      .split('\n')
    expect(
      lines
        .map((line) => JSON.parse(line) as { device: string; n: number })
        .map(({ device, n }) => `${device} ${n}`)
        .sort(),
    ).toEqual(['a 1', 'a 2', 'b 1'])
  })
}
