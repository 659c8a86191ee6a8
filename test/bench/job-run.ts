/** A job of window-jobs.ts as a user would run it: a pipeline, a columnar source, workers or one thread, a sink that counts. */

import { columnsSource, dictionaryColumn, type HostTier, type Job, type Sink, start } from 'millrace'
import type { Columns } from './input.ts'

/** Takes batches and does nothing with them: the cost of a real sink is its own. */
function countingSink(): Sink {
  return {
    kind: 'counting',
    delivery: 'at-least-once',
    open: () =>
      Promise.resolve({
        write: () => {},
        prepare: () => Promise.resolve({}),
        commit: () => Promise.resolve(),
        finish: () => Promise.resolve(),
        close: () => Promise.resolve(),
      }),
  }
}

/** Nanoseconds an event, from the first record read to the last window given to the sink. */
export async function runJob(
  job: Job,
  { times, values, keys }: Columns,
  options: { readonly host: HostTier; readonly parallelism: number },
): Promise<number> {
  const keyCount = keys.reduce((most, key) => Math.max(most, key + 1), 0)
  const strings = Array.from({ length: keyCount }, (_, key) => `k${key}`)
  const run = await start(job, {
    sources: { events: columnsSource({ key: dictionaryColumn(keys, strings), at: times, value: values }) },
    sinks: { windows: countingSink() },
    ...options,
    // As many events in flight as fit the second-level caches: more only wander through memory.
    ringSlots: 32,
  })
  const { durationMs } = await run.finished
  return (durationMs * 1e6) / times.length
}
