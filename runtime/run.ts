/**
 * A job over rows that are already there: for tests and batch work. The same pipeline, the same kernel, on this thread.
 */

import { start, type StartOptions } from './start.ts'
import type { Job } from './pipeline.ts'
import { collectSink } from './sink/callback-sink.ts'
import { rowsSource } from './source/rows-source.ts'
import type { RowObject } from './record-batch.ts'
import { ConfigError } from './errors.ts'

export type RunOptions = Omit<StartOptions, 'sources' | 'sinks' | 'checkpoints'>

/**
 * Runs a job over an array of rows and returns the rows of its sink.
 *
 * @param rows - Rows in order of arrival; for a job with several sources an object with an array for each.
 * @returns the rows of the one sink, or an object with an array for each of several.
 *
 * @example
 * ```ts
 * const rows = await run(job, [{ device: 'a', at: 0, celsius: 20 }, { device: 'a', at: 61_000, celsius: 22 }])
 * ```
 */
export async function run(job: Job, rows: readonly object[] | Readonly<Record<string, readonly object[]>>, options: RunOptions = {}): Promise<RowObject[]> {
  const all = await runAll(job, rows, options)
  const names = Object.keys(all)
  if (names.length !== 1) throw new ConfigError('SINK_AMBIGUOUS', `run returns the rows of one sink, the job has ${names.join(', ')}; use runAll`)
  return all[names[0]!]!
}

/** The same for jobs with several sinks: rows by sink name. */
export async function runAll(
  job: Job,
  rows: readonly object[] | Readonly<Record<string, readonly object[]>>,
  options: RunOptions = {},
): Promise<Record<string, RowObject[]>> {
  const { operators } = job.plan
  const sources = operators.filter((spec) => spec.op === 'source').map((spec) => spec.uid)
  const bySource = Array.isArray(rows) ? { [sources[0]!]: rows as readonly object[] } : (rows as Readonly<Record<string, readonly object[]>>)
  const names = operators.flatMap((spec) => (spec.op === 'sink' ? [spec.name] : spec.op === 'window' && spec.late.kind === 'sideOutput' ? [spec.late.name] : []))
  const sinks = Object.fromEntries(names.map((name) => [name, collectSink()]))
  const running = await start(job, {
    host: 'inline',
    ...options,
    sources: Object.fromEntries(Object.entries(bySource).map(([name, list]) => [name, rowsSource(list)])),
    sinks,
  })
  await running.finished
  return Object.fromEntries(Object.entries(sinks).map(([name, sink]) => [name, [...sink.rows]]))
}
