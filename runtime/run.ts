/**
 * A job over rows that are already there: for tests and batch work. The same pipeline, the same kernel, on this thread.
 */

import { ConfigError } from './errors.ts'
import type { Job, SinkNames, SinkRow, SourceNames, SourceRow } from './pipeline.ts'
import { analyzePlan } from './plan.ts'
import { collectSink } from './sink/callback-sink.ts'
import { rowsSource } from './source/rows-source.ts'
import { type StartOptions, start } from './start.ts'

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
export async function run<J extends Job>(job: J, rows: RowsOf<J>, options: RunOptions = {}): Promise<SinkRow<J, SinkNames<J>>[]> {
  const all = await runAll(job, rows, options)
  const names = Object.keys(all) as SinkNames<J>[]
  if (names.length !== 1)
    throw new ConfigError('SINK_AMBIGUOUS', `run returns the rows of one sink, the job has ${names.join(', ')}; use runAll`)
  return all[names[0]!]
}

/** What a job is run over: the rows of its one source, or rows by source name. */
export type RowsOf<J extends Job> =
  | readonly SourceRow<J, SourceNames<J>>[]
  | { readonly [Name in SourceNames<J>]: readonly SourceRow<J, Name>[] }

/** The same for jobs with several sinks: rows by sink name. */
export async function runAll<J extends Job>(
  job: J,
  rows: RowsOf<J>,
  options: RunOptions = {},
): Promise<{ [Name in SinkNames<J>]: SinkRow<J, Name>[] }> {
  const { sources, sinks } = analyzePlan(job.plan)
  const bySource = (Array.isArray(rows) ? { [sources[0]!.uid]: rows } : rows) as Readonly<Record<string, readonly object[]>>
  const collected = new Map(sinks.map(({ name }) => [name, collectSink()]))
  const running = await start(job as Job, {
    host: 'inline',
    ...options,
    sources: Object.fromEntries(Object.entries(bySource).map(([name, list]) => [name, rowsSource(list)])),
    sinks: Object.fromEntries(collected),
  })
  await running.finished
  // The rows have the types that the plan derives for each sink.
  return Object.fromEntries([...collected].map(([name, sink]) => [name, [...sink.rows]])) as { [Name in SinkNames<J>]: SinkRow<J, Name>[] }
}
