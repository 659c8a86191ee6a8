/**
 * Runs the endless workload for a while, with checkpoints, and samples what it keeps in memory.
 *
 * Before: workload.ts. After: main, and a short run in every `npm test`.
 *
 * Invariant: results are counted and thrown away, so what grows is the job's own.
 */

import process from 'node:process'
import { memoryCheckpoints } from '../../adapters/memory-store.ts'
import { systemClock } from '../../runtime/clock.ts'
import { fromPlan } from '../../runtime/pipeline.ts'
import { callbackSink } from '../../runtime/sink/callback-sink.ts'
import { type Run, start } from '../../runtime/start.ts'
import type { Sample } from './curve.ts'
import { endlessSource, SOAK_WINDOWS, soakPlan } from './workload.ts'

export interface SoakOptions {
  readonly seconds: number
  readonly everySeconds: number
  readonly host: 'inline' | 'workers'
  readonly parallelism: number
  /** Fewer, and dictionaries are begun anew more often. */
  readonly stringsMax: number
  /** Called with each sample as it is taken. */
  readonly onSample?: (sample: Sample) => void
}

export interface SoakResult {
  readonly samples: readonly Sample[]
  readonly rows: number
  readonly results: number
  readonly late: number
  readonly checkpoints: number
}

export async function soak({ seconds, everySeconds, host, parallelism, stringsMax, onSample }: SoakOptions): Promise<SoakResult> {
  let results = 0
  const counting = () =>
    callbackSink((rows) => {
      results += rows.length
    })
  const run = await start(fromPlan(soakPlan()), {
    host,
    parallelism,
    sources: { in: endlessSource() },
    sinks: Object.fromEntries(SOAK_WINDOWS.map((name) => [`${name}-out`, counting()])),
    checkpoints: { store: memoryCheckpoints(), every: '1s' },
    stringsMax,
  })
  const begunMs = systemClock.monotonic()
  const samples: Sample[] = []
  const isOver = run.finished.then(
    () => true,
    () => true,
  )
  while (systemClock.monotonic() - begunMs < seconds * 1_000) {
    const hasEnded = await Promise.race([isOver, systemClock.sleep(everySeconds * 1_000).then(() => false)])
    if (hasEnded) break
    const sample = await sampleOf(run, (systemClock.monotonic() - begunMs) / 1_000)
    samples.push(sample)
    onSample?.(sample)
  }
  await run.stop()
  const { recordsIn, late, checkpoints } = await run.finished
  return { samples, rows: recordsIn, results, late, checkpoints: checkpoints.count }
}

async function sampleOf(run: Run, seconds: number): Promise<Sample> {
  const { recordsIn, windows } = await run.status()
  const { heapUsed, rss } = process.memoryUsage()
  const sum = (name: 'keys' | 'slices' | 'stateBytes') => windows.reduce((total, window) => total + window[name], 0)
  return {
    seconds,
    rows: recordsIn,
    keys: sum('keys'),
    windows: sum('slices'),
    stateBytes: sum('stateBytes'),
    heapBytes: heapUsed,
    rssBytes: rss,
  }
}
