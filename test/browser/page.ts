/** The page of the browser proof: the pipeline of test/support/fleet-pipeline.ts, unchanged, on workers and inline. */

import { collectSink, type JobStatus, rowsSource, start } from 'millrace'
import { memoryCheckpoints } from 'millrace/adapters/memory-store'
import { fleetJob, fleetRows } from '../support/fleet-pipeline.ts'

export interface PageResult {
  readonly isIsolated: boolean
  readonly rows: readonly unknown[]
  readonly late: readonly unknown[]
  readonly status: JobStatus
}

async function runFleet(host: 'workers' | 'inline', parallelism: number): Promise<PageResult> {
  const minutes = collectSink()
  const late = collectSink()
  const run = await start(fleetJob(), {
    sources: { readings: rowsSource(fleetRows(20_000)) },
    sinks: { minutes, late },
    checkpoints: { store: memoryCheckpoints(), every: '50ms' },
    parallelism,
    host,
  })
  const status = await run.finished
  return { isIsolated: crossOriginIsolated, rows: minutes.rows, late: late.rows, status }
}

Object.assign(globalThis, { runFleet })
