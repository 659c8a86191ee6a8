/**
 * Random cases of whole windows as jobs: a source, the product's own watermarks, sinks, real threads, a stop in the middle.
 *
 * Before: window-plans. After: panes.test.
 *
 * Invariant: where the product evaluates a watermark is computed here from the rules, not taken from the product.
 */

import { memoryCheckpoints } from '../../adapters/memory-store.ts'
import { fromPlan } from '../../runtime/pipeline.ts'
import { collectSink } from '../../runtime/sink/callback-sink.ts'
import { TestHarness } from '../../runtime/testing/test-harness.ts'
import { rowsSource } from '../../runtime/source/rows-source.ts'
import { start } from '../../runtime/start.ts'
import type { PaneEvent, Row } from '../oracle/panes/plan.ts'
import type { Prng } from '../support/prng.ts'
import { arrivalsOf } from '../support/streams.ts'
import { functionsOf, type PaneOutcome, planOfWindow } from './pane-run.ts'
import { pausedSource } from './paused-source.ts'
import type { Options } from './run-case.ts'
import { CASE_SCHEMA, isCount, randomWindowCase, type WindowCase } from './window-plans.ts'

export interface JobCase extends WindowCase {
  readonly rows: readonly Row[]
  readonly time: { readonly delayMs: number; readonly everyRecords: number }
}

export function randomJobCase(prng: Prng): JobCase {
  const windowCase = randomWindowCase(prng, { isJob: true })
  const rows = windowCase.events.flatMap((event) => (event.kind === 'record' ? [event.row] : []))
  const time = {
    delayMs: prng.pick([0, 0, 1, 6, 30]) * windowCase.unitMs,
    everyRecords: prng.pick([1, 1, 1, 2, 7, 1_024]),
  }
  const { arrivals } = arrivalsOf(rows, { time: 't', ...time, keys: windowCase.keys, schema: CASE_SCHEMA })
  const events = arrivals.map(
    (arrival): PaneEvent =>
      arrival.kind === 'watermark' ? arrival : { kind: 'record', timeMs: arrival.timeMs, key: arrival.key, row: arrival.values },
  )
  return { ...windowCase, rows, time, events }
}

export function randomOptions(prng: Prng): Options {
  return {
    host: 'inline',
    parallelism: 1 + prng.int(4),
    batchRows: prng.pick([1, 3, 16, 256]),
    ringSlots: prng.pick([2, 4, 16]),
    stringsMax: prng.pick([1, 5, 1_000]),
  }
}

/** Runs it to its end; with `stop`, the first options only up to a record, and the second from there. */
export async function runJob(
  jobCase: JobCase,
  first: Options,
  stop: { readonly at: number; readonly second: Options } | null = null,
): Promise<PaneOutcome> {
  const out = collectSink()
  const late = collectSink()
  const plan = fromPlan(planOfWindow(jobCase, jobCase.time), functionsOf(jobCase))
  const hasLate = !isCount(jobCase.kind) && jobCase.kind !== 'global'
  const sinks = { 'w-out': out, ...(hasLate ? { late } : {}) }
  const checkpoints = { store: memoryCheckpoints(), every: '1h' } as const
  const sources = { in: rowsSource(jobCase.rows) }
  if (stop !== null) {
    const { source, reached, release } = pausedSource(jobCase.rows, stop.at, 'anywhere')
    const before = await start(plan, { ...first, sources: { in: source }, sinks, checkpoints })
    await reached
    const stopped = before.stop()
    release()
    await stopped
  }
  const run = await start(plan, {
    ...(stop?.second ?? first),
    sources,
    sinks,
    ...(stop === null ? {} : { checkpoints: { ...checkpoints, resume: 'always' as const } }),
  })
  const { windows, deadLetters } = await run.finished
  const window = windows[0]!
  return {
    rows: out.rows.map((row, index) => ({ row, ...out.panes[index]! })),
    late: late.rows,
    counts: { late: window.late, outside: window.outside, closed: window.closed, results: window.results },
    deadLetters,
  }
}

/** Runs a case, clock and all, by the harness that users test their jobs with: checkpoints, restarts and crashes anywhere. */
export async function runTested(windowCase: WindowCase, prng: Prng): Promise<PaneOutcome> {
  const { batchRows, ringSlots, parallelism } = randomOptions(prng)
  const harness = await TestHarness.start(fromPlan(planOfWindow(windowCase), functionsOf(windowCase)), memoryCheckpoints(), {
    batchRows,
    ringSlots,
    parallelism,
    timers: 'at',
  })
  try {
    let pushed: Row[] = []
    const push = async () => {
      if (pushed.length > 0) await harness.push(...pushed)
      pushed = []
    }
    for (const event of windowCase.events) {
      if (event.kind === 'record') {
        pushed.push(event.row)
        if (prng.next() < 0.5) await push()
      } else {
        await push()
        if (event.kind === 'watermark') await harness.advanceWatermark(event.watermarkMs)
        else if (event.nowMs > harness.nowMs) await harness.advanceTime(event.nowMs - harness.nowMs)
      }
      const roll = prng.next()
      if (roll < 0.03) await harness.checkpoint()
      else if (roll < 0.05) await harness.restart({ parallelism: 1 + prng.int(4) })
      else if (roll < 0.07 && pushed.length === 0) await crashOf(harness, prng)
    }
    await push()
    // What several subtasks have given comes out in turn, behind a mark.
    await harness.checkpoint()
    const { windows, deadLetters } = await harness.status()
    const window = windows[0]!
    const hasLate = !isCount(windowCase.kind) && windowCase.kind !== 'global' && windowCase.plan.time !== 'processing'
    return {
      rows: harness.results('w-out').map(({ row, pane }) => ({ row: row as Row, ...pane })),
      late: hasLate ? harness.results('late').map(({ row }) => row as Row) : [],
      counts: { late: window.late, outside: window.outside, closed: window.closed, results: window.results },
      deadLetters,
    }
  } finally {
    await harness.close()
  }
}

/** After a crash the clock goes on, so records since the checkpoint come at another time: a case by the clock takes one first. */
async function crashOf(harness: TestHarness, prng: Prng): Promise<void> {
  await harness.checkpoint()
  await harness.crash({ parallelism: 1 + prng.int(4) })
}
