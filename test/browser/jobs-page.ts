/** The page of the browser proof: the jobs of jobs.ts, unchanged, on workers and inline. */

import { memoryCheckpoints } from 'millrace/adapters/memory-store'
import { type JobName, type RunOptions, type RunResult, runJob } from './jobs.ts'

export interface PageResult extends RunResult {
  readonly isIsolated: boolean
}

async function runInPage(name: JobName, options: Omit<RunOptions, 'store'>): Promise<PageResult> {
  const result = await runJob(name, { ...options, store: memoryCheckpoints() })
  return { ...result, isIsolated: crossOriginIsolated }
}

Object.assign(globalThis, { runInPage })
