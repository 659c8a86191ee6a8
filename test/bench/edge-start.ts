/**
 * `node test/bench/edge-start.ts [--runs N]`: what a cold start at the edge costs, in CPU time of workerd.
 *
 * A fresh workerd process loads a worker and answers its first request, which has rows and closes a window. From the CPU time of the whole process
 * (all threads, /proc) that of a fresh workerd with a worker that does nothing is taken away: what is left is compiling and evaluating the bundle,
 * instantiating the kernel, starting the job, and the first window. Kinds of worker take turns, so that the machine's moods hit them alike.
 *
 * Before: the shell; Linux. After: medians and quartiles on standard output.
 */

import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { parseArgs } from 'node:util'
import { gzipSync } from 'node:zlib'
import { Miniflare } from 'miniflare'
import { systemClock } from '../../runtime/clock.ts'
import { edgeBundle } from '../edge/edge-bundle.ts'

const { values } = parseArgs({ options: { runs: { type: 'string', default: '15' } } })
const runs = Number(values.runs)

const job = `
import { boundedOutOfOrderness, count, f64, mean, pipeline, run, schema, timestamp, tumbling, utf8 } from 'millrace'
const job = pipeline('fleet')
  .source('readings', schema({ device: utf8(), at: timestamp(), celsius: f64() }))
  .eventTime('at', boundedOutOfOrderness('5s'))
  .keyBy('device')
  .window(tumbling('1m'))
  .aggregate({ n: count(), mean: mean('celsius') })
  .sink('minutes')
`
const bodyOf = `const rows = (await request.text()).trimEnd().split('\\n').map((line) => JSON.parse(line))`

/** Workers by what they do; each has an object, used or not, so that all of them cost the same but for that. */
const WORKERS = {
  nothing: `
    export class Fleet { fetch() { return new Response('1') } }
    export default { async fetch(request, env) { await request.text(); return new Response('1') } }`,
  'an object that does nothing': `
    export class Fleet { async fetch(request) { await request.text(); return new Response('1') } }
    export default { fetch: (request, env) => env.FLEET.get(env.FLEET.idFromName('a')).fetch(request) }`,
  'a job over the rows of a request': `${job}
    export class Fleet { fetch() { return new Response('1') } }
    export default { async fetch(request) { ${bodyOf}; return new Response(String((await run(job, rows)).length)) } }`,
  'a job in an object': `${job}
    import { durableJob } from 'millrace/edge'
    export class Fleet extends durableJob({ job }) {}
    export default { async fetch(request, env) {
      const object = env.FLEET.get(env.FLEET.idFromName('a'))
      await (await object.fetch(new Request('http://object/in', request))).text()
      return new Response(String((await (await object.fetch('http://object/out')).json()).rows.length))
    } }`,
  'a job in an object that was there before': '',
} as const
type Kind = keyof typeof WORKERS

const body = Array.from({ length: 200 }, (_, index) =>
  JSON.stringify({ device: `device-${index % 10}`, at: 1_700_000_000_000 + index * 1_000, celsius: index % 30 }),
).join('\n')

/** CPU time of all threads of a process, ms. */
async function cpuMs(pid: number): Promise<number> {
  const tasks = await readdir(`/proc/${pid}/task`)
  const times = await Promise.all(tasks.map((task) => readFile(`/proc/${pid}/task/${task}/schedstat`, 'utf8').catch(() => '0')))
  return times.reduce((sum, text) => sum + Number(text.split(' ')[0]), 0) / 1e6
}

async function workerdOf(parent: number): Promise<number> {
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
    const [, name, rest] = /^\d+ \((.*)\) \S (\d+)/.exec(stat) ?? []
    if (name === 'workerd' && Number(rest) === parent) return Number(pid)
  }
  throw new Error('There is no workerd')
}

interface Start {
  /** From the start of the process until it is ready, and the first request, of CPU time. */
  readonly loadMs: number
  readonly requestMs: number
  /** The first request, of wall time, and a later one. */
  readonly wallMs: number
  readonly warmMs: number
}

async function start(options: ConstructorParameters<typeof Miniflare>[0]): Promise<Start> {
  const miniflare = new Miniflare(options)
  try {
    const url = await miniflare.ready
    const pid = await workerdOf(process.pid)
    await systemClock.sleep(150)
    const loadMs = await cpuMs(pid)
    const request = async () => {
      const beganMs = systemClock.monotonic()
      const response = await fetch(url, { method: 'POST', body })
      const answer = Number(await response.text())
      if (!(answer > 0)) throw new Error(`The worker answered ${answer}`)
      return systemClock.monotonic() - beganMs
    }
    const wallMs = await request()
    await systemClock.sleep(50)
    const requestMs = (await cpuMs(pid)) - loadMs
    return { loadMs, requestMs, wallMs, warmMs: await request() }
  } finally {
    await miniflare.dispose()
  }
}

const directory = await mkdtemp(join(process.cwd(), '.cache-edge-start-')).catch(() => mkdtemp(join(tmpdir(), 'edge-start-')))
try {
  const bundles = new Map<Kind, Awaited<ReturnType<typeof edgeBundle>>>()
  for (const [index, [kind, source]] of Object.entries(WORKERS).entries()) {
    const path = join(directory, `worker-${index}.js`)
    await writeFile(path, source)
    bundles.set(kind as Kind, source === '' ? bundles.get('a job in an object')! : await edgeBundle(path, { minify: true }))
  }
  const starts = new Map<Kind, Start[]>([...bundles.keys()].map((kind) => [kind, []]))
  for (let round = 0; round < runs; round++) {
    for (const [kind, { options }] of bundles) {
      const durableObjects = { FLEET: { className: 'Fleet', useSQLite: true } }
      const persist = join(directory, `storage-${round}`)
      if (kind === 'a job in an object that was there before') {
        await start({ ...options, durableObjects, durableObjectsPersist: persist })
        starts.get(kind)!.push(await start({ ...options, durableObjects, durableObjectsPersist: persist }))
      } else starts.get(kind)!.push(await start({ ...options, durableObjects }))
    }
  }
  const quartiles = (list: readonly number[]) => {
    const sorted = [...list].sort((a, b) => a - b)
    return [0.25, 0.5, 0.75].map((share) => sorted[Math.floor(share * (sorted.length - 1))]!)
  }
  const shown = (list: readonly number[]) => {
    const [low, middle, high] = quartiles(list)
    return `${middle!.toFixed(1)} (${low!.toFixed(1)}-${high!.toFixed(1)})`
  }
  console.log(`${runs} fresh processes of each kind; CPU ms of workerd, median (quartiles)`)
  for (const [kind, list] of starts) {
    const { bytes, code } = bundles.get(kind)!
    const parts = [
      `until ready ${shown(list.map(({ loadMs }) => loadMs))}`,
      `first request ${shown(list.map(({ requestMs }) => requestMs))}`,
      `wall ${shown(list.map(({ wallMs }) => wallMs))}, then ${shown(list.map(({ warmMs }) => warmMs))}`,
      `JavaScript ${(bytes / 1024).toFixed(0)} KiB, ${(gzipSync(code).length / 1024).toFixed(0)} gzip`,
    ]
    console.log(`${kind}: ${parts.join('; ')}`)
  }
  const middle = (kind: Kind) => quartiles(starts.get(kind)!.map(({ loadMs, requestMs }) => loadMs + requestMs))[1]!
  console.log(
    `cold start of a job over the rows of a request: ${(middle('a job over the rows of a request') - middle('nothing')).toFixed(1)} ms of CPU`,
  )
  console.log(
    `cold start of a job in an object that was there before: ${(middle('a job in an object that was there before') - middle('an object that does nothing')).toFixed(1)} ms of CPU`,
  )
  console.log(
    `cold start of a job in an object: ${(middle('a job in an object') - middle('an object that does nothing')).toFixed(1)} ms of CPU`,
  )
} finally {
  await rm(directory, { recursive: true, force: true })
}
