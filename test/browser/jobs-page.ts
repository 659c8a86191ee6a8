/** The page of the browser proof: the jobs of jobs.ts, unchanged, on workers and inline. */

import { memoryCheckpoints } from 'millrace/adapters/memory-store'
import { type JobName, type RunOptions, type RunResult, runJob } from './jobs.ts'

export interface PageResult extends RunResult {
  readonly isIsolated: boolean
}

/** @returns a {@link PageResult} as JSON: tens of thousands of rows are slow to take out of a page one by one. */
async function runInPage(name: JobName, options: Omit<RunOptions, 'store'>): Promise<string> {
  const result: PageResult = { ...(await runJob(name, { ...options, store: memoryCheckpoints() })), isIsolated: crossOriginIsolated }
  return JSON.stringify(result)
}

Object.assign(globalThis, { runInPage })
