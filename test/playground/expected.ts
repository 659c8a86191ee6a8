/**
 * What a job gives for a stream, without the playground: by `run` where the stream is records alone, else by the test harness, played by hand.
 *
 * Before: an example of the gallery. After: what the playground shows is compared with this.
 */

import { analyzePlan, type Job, runAll } from 'millrace'
import { testJob } from 'millrace/testing'
import { type Entry, splitCountOf } from '../../examples/playground/model/entry.ts'
import { momentOf } from '../../examples/playground/model/time-text.ts'

export type Rows = Readonly<Record<string, readonly object[]>>

export async function expectedRows(job: Job, entries: readonly Entry[]): Promise<Rows> {
  const isPlain = splitCountOf(entries) === 1 && entries.every(({ kind }) => kind === 'record')
  return isPlain ? runAll(job, entries.map((entry) => rowOf(job, entry)) as never) : played(job, entries)
}

async function played(job: Job, entries: readonly Entry[]): Promise<Rows> {
  const test = await testJob(job, { watermarks: 'declared', splits: splitCountOf(entries) })
  for (const entry of entries) {
    if (entry.kind === 'record') await test.pushToSplit({ split: entry.split }, rowOf(job, entry))
    else if (entry.kind === 'clock') await test.advanceTime(entry.by as '5s')
  }
  await test.end()
  return Object.fromEntries(analyzePlan(job.plan).sinks.map(({ name }) => [name, test.rows(name as never)]))
}

export function rowOf(job: Job, entry: Entry): object {
  if (entry.kind !== 'record') throw new TypeError(`${entry.kind} is no record`)
  const { columns } = analyzePlan(job.plan).sources[0]!.schema
  return Object.fromEntries(columns.map(({ name, type }) => [name, type === 'timestamp' ? momentOf(entry.row[name]) : entry.row[name]]))
}
