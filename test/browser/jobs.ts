/** The jobs that run in Node and in the page, and what both return of them. */

import { type CheckpointStore, collectSink, type Job, type JobStatus, rowsSource, start, type StartOptions } from 'millrace'
import { fleetJob, fleetRows } from '../support/fleet-pipeline.ts'
import { VISIT_SINKS, visitRows, visitsJob } from '../support/visits-pipeline.ts'

const JOBS = {
  fleet: { job: fleetJob as () => Job, rows: fleetRows, sinks: ['minutes', 'late'] },
  visits: { job: visitsJob as () => Job, rows: visitRows, sinks: VISIT_SINKS },
} as const
export type JobName = keyof typeof JOBS

export const ROW_COUNT = 20_000

export interface RunOptions {
  readonly host: 'auto' | 'workers' | 'shared' | 'transferred' | 'inline'
  readonly parallelism: number
  readonly store?: CheckpointStore
  readonly worker?: StartOptions['worker']
}

export interface RunResult {
  /** Rows of each sink, with their panes. */
  readonly sinks: Readonly<Record<string, readonly { readonly row: unknown; readonly pane: unknown }[]>>
  readonly status: JobStatus
}

export async function runJob(name: JobName, { host, parallelism, store, worker }: RunOptions): Promise<RunResult> {
  const { job, rows, sinks } = JOBS[name]
  const collected = Object.fromEntries(sinks.map((sink) => [sink, collectSink()]))
  const run = await start(job(), {
    sources: { readings: rowsSource(rows(ROW_COUNT)) },
    sinks: collected,
    parallelism,
    host,
    ...(worker === undefined ? {} : { worker }),
    ...(store === undefined ? {} : { checkpoints: { store, every: '50ms' } }),
  })
  const status = await run.finished
  const shown = Object.entries(collected).map(
    ([sink, { rows: of, panes }]) => [sink, of.map((row, index) => ({ row, pane: panes[index] }))] as const,
  )
  return { sinks: Object.fromEntries(shown), status }
}
