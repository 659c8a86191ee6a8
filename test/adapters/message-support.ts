/**
 * What the tests of message sources share: jobs that collect readings, and waiting for them.
 *
 * Before: tests of message sources. After: the package, as a user has it.
 */

import type { DeadLetter } from '../../runtime/batch-builder.ts'
import { systemClock } from '../../runtime/clock.ts'
import { pipeline } from '../../runtime/pipeline.ts'
import { f64, i32, schema, timestamp, utf8 } from '../../runtime/schema.ts'
import { collectSink } from '../../runtime/sink/callback-sink.ts'
import type { Source } from '../../runtime/source/source.ts'
import { type Run, start, type StartOptions } from '../../runtime/start.ts'
import type { Reading } from './readings.ts'

export const readingColumns = schema({ n: i32(), device: utf8(), at: timestamp(), value: f64() })

/** A pipeline that passes rows on as they are: what comes in must come out, in order. */
export function passingJob() {
  return pipeline('passing').source('readings', readingColumns).sink('out')
}

/** A pipeline with windows of 100 readings. */
export function countingJob() {
  return pipeline('counting').source('readings', readingColumns)
}

export interface Collected {
  readonly run: Run
  readonly rows: readonly Reading[]
  readonly deadLetters: readonly DeadLetter[]
  readonly warnings: readonly string[]
}

/** Starts the passing job on a source. */
export async function collect(
  source: Source,
  options: Partial<StartOptions> & { readonly sink?: ReturnType<typeof collectSink> } = {},
): Promise<Collected> {
  const sink = options.sink ?? collectSink()
  const deadLetters: DeadLetter[] = []
  const warnings: string[] = []
  const run = await start(passingJob(), {
    sources: { readings: source },
    sinks: { out: sink },
    host: 'inline',
    onDeadLetter: (letter) => deadLetters.push(letter),
    onWarning: (warning) => warnings.push(warning),
    ...options,
  } as StartOptions<ReturnType<typeof passingJob>>)
  return { run, rows: sink.rows as unknown as readonly Reading[], deadLetters, warnings }
}

/** Waits until a condition holds; fails with what the job says when it has ended instead. */
export async function until(condition: () => boolean | Promise<boolean>, run: Run | null = null, ms = 20_000): Promise<void> {
  const startMs = systemClock.monotonic()
  let failure: unknown = null
  run?.finished.catch((error: unknown) => (failure = error))
  while (!(await condition())) {
    if (failure !== null) throw failure
    if (systemClock.monotonic() - startMs > ms) throw new Error(`The condition did not come true within ${ms} ms: ${condition.toString()}`)
    await systemClock.sleep(5)
  }
}
