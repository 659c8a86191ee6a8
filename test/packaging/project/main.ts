/**
 * The page of a user's project, which every bundler builds: jobs on any tier, and the examples as they are.
 *
 * Before: bundlers.ts builds it against the packed package. After: bundlers.spec.ts opens it and calls what is global here.
 */

import { runAll } from 'millrace'
import { connect, memoryCheckpoints, type RemoteRun } from 'millrace/browser'
import { type JobName, type RunOptions, type RunResult, runJob } from '../../browser/jobs.ts'
import { served, servedRows } from './served.ts'

/** Those of the examples that need no files. */
const EXAMPLES: Readonly<Record<string, () => Promise<unknown>>> = {
  '01-tumbling-count': () => import('../../../examples/01-tumbling-count/main.mjs'),
  '02-late-records': () => import('../../../examples/02-late-records/main.mjs'),
  '05-web-sessions': () => import('../../../examples/05-web-sessions/main.mjs'),
  '06-billing-months': () => import('../../../examples/06-billing-months/main.mjs'),
  '07-dashboard': () => import('../../../examples/07-dashboard/main.mjs'),
}

/** Kernel workers that the page makes, as bundlers see it. `absent`: the package makes them by itself. */
const KERNEL_WORKERS = {
  absent: undefined,
  ofPackage: () => new Worker(new URL('millrace/kernel-worker', import.meta.url), { type: 'module' }),
  ofProject: () => new Worker(new URL('./own-kernel-worker.js', import.meta.url), { type: 'module' }),
} as const

/** Workers that run whole jobs: one that serves a job, and the package's own, which is told a plan. */
const JOB_WORKERS = {
  serving: () => new Worker(new URL('./job-worker.js', import.meta.url), { type: 'module' }),
  planOfPackage: () => new Worker(new URL('millrace/plan-worker', import.meta.url), { type: 'module' }),
  planOfProject: () => new Worker(new URL('./own-plan-worker.js', import.meta.url), { type: 'module' }),
} as const

export type KernelWorker = keyof typeof KERNEL_WORKERS
export type JobWorker = keyof typeof JOB_WORKERS

const PLANNED = {
  parameters: {
    plan: served.plan,
    sources: { readings: { kind: 'rows', rows: servedRows() } },
    sinks: { minutes: { kind: 'view' } },
    parallelism: 2,
  },
}

/** @returns the {@link RunResult} as JSON: tens of thousands of rows are slow to take out of a page one by one. */
async function runInPage(name: JobName, options: Omit<RunOptions, 'store' | 'worker'>, kernelWorker: KernelWorker): Promise<string> {
  const result: RunResult = await runJob(name, { ...options, store: memoryCheckpoints(), worker: KERNEL_WORKERS[kernelWorker] })
  return JSON.stringify(result)
}

async function runInWorker(which: JobWorker): Promise<{ readonly tier: string; readonly rowCount: number; readonly isEqual: boolean }> {
  const remote = await connect(JOB_WORKERS[which], which === 'serving' ? {} : PLANNED)
  const { tier } = await remote.finished
  const wanted = sorted((await runAll(served, servedRows())).minutes)
  const rows = await viewed(remote, wanted.length)
  remote.close()
  return { tier, rowCount: rows.length, isEqual: JSON.stringify(sorted(rows)) === JSON.stringify(wanted) }
}

const sorted = (rows: readonly object[]) => rows.map((row) => JSON.stringify(row)).sort()

/** The view follows the job by frames. */
async function viewed(remote: RemoteRun, count: number): Promise<readonly object[]> {
  const view = remote.view('minutes')
  while (view.snapshot().rows.length < count) await new Promise<void>((resolve) => void view.subscribe(resolve))
  return view.snapshot().rows
}

/** @returns what the example prints. */
async function runExample(name: string): Promise<string> {
  const { log } = console
  const lines: string[] = []
  console.log = (...words: unknown[]) => void lines.push(words.join(' '))
  try {
    await EXAMPLES[name]!()
  } finally {
    console.log = log
  }
  return `${lines.join('\n')}\n`
}

Object.assign(globalThis, { runInPage, runInWorker, runExample, exampleNames: Object.keys(EXAMPLES) })
