/** Jobs on workers of many kinds: the package's own, made by the page, ended by the page, and such as cannot be had. */

import { collectSink, MillraceError, rowsSource, start, type StartOptions } from 'millrace'
import { memoryCheckpoints } from 'millrace/adapters/memory-store'
import { fleetJob, fleetRows } from '../support/fleet-pipeline.ts'
import { pacedRows } from '../support/paced-rows.ts'
import { Prng } from '../support/prng.ts'

declare const trustedTypes: {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): { createScriptURL(url: string): string }
}

const rows = fleetRows(10_000)
/** Where the page is, for scripts with the same headers. */
const site = location.pathname.slice(0, location.pathname.lastIndexOf('/'))

const kinds = {
  /** As README.md has it. */
  made: () => new Worker(new URL(`${site}/kernel-worker.js`, location.origin), { type: 'module' }),
  /** Under Trusted Types a URL must come from a policy. */
  trusted() {
    policy ??= trustedTypes.createPolicy('page', { createScriptURL: (url) => url })
    return new Worker(policy.createScriptURL(`${site}/kernel-worker.js`), { type: 'module' })
  },
  missing: () => new Worker(`${site}/no-such-worker.js`, { type: 'module' }),
  silent: () => new Worker(`${site}/silent-worker.js`, { type: 'module' }),
} as const
let policy: ReturnType<typeof trustedTypes.createPolicy> | undefined

export interface WayOptions extends Pick<StartOptions, 'host' | 'parallelism' | 'workerTimeout'> {
  /** Default: the package's own. */
  readonly worker?: keyof typeof kinds
}

export interface WayResult {
  readonly tier: string | null
  readonly rowCount: number
  readonly isEqual: boolean
  readonly warnings: readonly string[]
  readonly error: { readonly code: string; readonly message: string } | null
}

let wanted: Promise<string> | null = null
/** The rows of a job on this thread. */
function inlineRows(): Promise<string> {
  wanted ??= (async () => {
    const [out, late] = [collectSink(), collectSink()]
    await (await start(fleetJob(), { host: 'inline', sources: { readings: rowsSource(rows) }, sinks: { minutes: out, late } })).finished
    return JSON.stringify([out.rows, late.rows])
  })()
  return wanted
}

async function runWay({ worker, ...options }: WayOptions): Promise<WayResult> {
  const warnings: string[] = []
  const [out, late] = [collectSink(), collectSink()]
  try {
    const run = await start(fleetJob(), {
      ...options,
      ...(worker === undefined ? {} : { worker: kinds[worker] }),
      sources: { readings: rowsSource(rows) },
      sinks: { minutes: out, late },
      onWarning: (message) => warnings.push(message),
    })
    const { tier } = await run.finished
    const isEqual = JSON.stringify([out.rows, late.rows]) === (await inlineRows())
    return { tier, rowCount: out.rows.length, isEqual, warnings, error: null }
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error
    return { tier: null, rowCount: 0, isEqual: false, warnings, error: { code: error.code, message: error.message } }
  }
}

export interface CrashReport {
  runs: number
  kills: number
  restarts: number
  readonly codes: Record<string, number>
  readonly violations: string[]
}

/** Jobs whose workers are terminated at random moments; a page gets no event of it. */
async function runCrashes(host: 'shared' | 'transferred', runs: number, seed: number): Promise<CrashReport> {
  const report: CrashReport = { runs: 0, kills: 0, restarts: 0, codes: {}, violations: [] }
  const prng = new Prng(seed)
  for (; report.runs < runs; report.runs++) {
    const made: Worker[] = []
    const kills = Array.from({ length: 1 + prng.int(2) }, () => prng.int(rows.length)).toSorted((a, b) => a - b)
    const source = pacedRows(rows, 64, (row) => {
      if (kills.length === 0 || row < kills[0]!) return
      kills.shift()
      made.at(-1 - prng.int(2))?.terminate()
      report.kills++
    })
    const [out, late] = [collectSink(), collectSink()]
    const run = await start(fleetJob(), {
      host,
      parallelism: 2,
      batchRows: 256,
      worker() {
        const worker = kinds.made()
        made.push(worker)
        return worker
      },
      workerTimeout: '400ms',
      restart: { attempts: 20, delay: '1ms' },
      checkpoints: { store: memoryCheckpoints(), every: '10ms' },
      sources: { readings: source },
      sinks: { minutes: out, late },
      onWarning: () => {},
    })
    const { restarts, lastFailure, recordsIn } = await run.finished
    report.restarts += restarts
    if (lastFailure !== null) report.codes[lastFailure.code] = (report.codes[lastFailure.code] ?? 0) + 1
    const found = JSON.stringify([byKey(out.rows), byKey(late.rows)])
    if (recordsIn !== rows.length || found !== (await wantedByKey())) report.violations.push(`run ${report.runs} of seed ${seed}`)
  }
  return report
}

/** Two subtasks give their rows in turn, one gives them in order: what is compared are the rows. */
function byKey(list: readonly object[]): string[] {
  return list.map((row) => JSON.stringify(row)).toSorted()
}

async function wantedByKey(): Promise<string> {
  const [out, late] = JSON.parse(await inlineRows()) as [object[], object[]]
  return JSON.stringify([byKey(out), byKey(late)])
}

Object.assign(globalThis, { runWay, runCrashes })
