/**
 * The page of a user's project, which every bundler builds: jobs on any tier, and the examples as they are.
 *
 * Before: bundlers.ts builds it against the packed package. After: bundlers.spec.ts opens it and calls what is global here.
 */

import { memoryCheckpoints } from 'millrace/browser'
import { type JobName, type RunOptions, type RunResult, runJob } from '../../browser/jobs.ts'

/** Those of the examples that need no files. */
const EXAMPLES: Readonly<Record<string, () => Promise<unknown>>> = {
  '01-tumbling-count': () => import('../../../examples/01-tumbling-count/main.mjs'),
  '02-late-records': () => import('../../../examples/02-late-records/main.mjs'),
  '05-web-sessions': () => import('../../../examples/05-web-sessions/main.mjs'),
  '06-billing-months': () => import('../../../examples/06-billing-months/main.mjs'),
  '07-dashboard': () => import('../../../examples/07-dashboard/main.mjs'),
}

/** @returns the {@link RunResult} as JSON: tens of thousands of rows are slow to take out of a page one by one. */
async function runInPage(name: JobName, options: Omit<RunOptions, 'store'>): Promise<string> {
  const result: RunResult = await runJob(name, { ...options, store: memoryCheckpoints() })
  return JSON.stringify(result)
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

Object.assign(globalThis, { runInPage, runExample, exampleNames: Object.keys(EXAMPLES) })
