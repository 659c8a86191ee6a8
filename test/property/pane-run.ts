/**
 * Runs a random case of whole windows on the product, in a manner that the same seed decides, and holds it against the oracle.
 *
 * Before: window-plans. After: panes.test and metamorphic.test.
 *
 * Invariant: the manner (batches, subtasks, restores, when the kernels work) changes nothing that is compared.
 */

import { oracleOf } from '../oracle/panes/operator.ts'
import { type ActualRow, rowsDifference } from '../oracle/panes/compare.ts'
import { exactText } from '../oracle/panes/aggregates.ts'
import type { JobFunctions } from '../../runtime/plan-functions.ts'
import type { PaneEvent, Row } from '../oracle/panes/plan.ts'
import { planOf } from '../support/plans.ts'
import { Prng } from '../support/prng.ts'
import { type HarnessCounts, PaneHarness } from './pane-harness.ts'
import { CASE_SCHEMA, customWindows, isCount, ROUNDED_FUNCTIONS, type WindowCase } from './window-plans.ts'

/** How a case is run. */
export interface Manner {
  readonly seed: number
  /** Subtasks at the beginning; restores choose anew. */
  readonly parallelism?: number
  /** Probability of a restore between two events. */
  readonly restoreShare?: number
  /** The event after which there is a restore. */
  readonly restoreAfter?: number
  /** Subtasks after a restore; absent: any number. */
  readonly restoreParallelism?: number
  readonly batchRows?: number
  /** Probability that the dictionary of strings is begun anew between two events; absent: now and then. */
  readonly forgetShare?: number
}

export interface PaneOutcome {
  readonly rows: readonly ActualRow[]
  readonly late: readonly Readonly<Record<string, unknown>>[]
  readonly counts: HarnessCounts
  readonly deadLetters: number
}

export function planOfWindow({ plan, shape, keys, kind }: WindowCase, time = { delayMs: 0, everyRecords: 1_024 }): object {
  const { window: _, allowedLatenessMs = 0, aggregates, ...more } = plan
  const hasLate = plan.time !== 'processing' && !isCount(kind) && kind !== 'global'
  return planOf({
    name: 'property',
    schema: CASE_SCHEMA,
    time: 't',
    ...time,
    windows: [
      { name: 'w', keys, allowedLatenessMs, aggregates, ...(hasLate ? { lateSink: 'late' } : {}), more: { ...more, window: shape } },
    ],
  })
}

/** The functions beside the plan. */
export function functionsOf({ kind }: WindowCase): JobFunctions {
  return new Map(kind === 'custom' ? [['w.window', (row: object, timeMs: unknown) => customWindows(Number(timeMs), row as Row)]] : [])
}

export async function runWindow(windowCase: WindowCase, manner: Manner): Promise<PaneOutcome> {
  const prng = new Prng(manner.seed)
  const options = () => ({
    parallelism: 1 + prng.int(4),
    batchRows: manner.batchRows ?? prng.pick([1, 2, 5, 16]),
    ringSlots: prng.pick([2, 4, 8]),
  })
  const first = options()
  let { batchRows } = first
  const harness = await PaneHarness.open(planOfWindow(windowCase), functionsOf(windowCase), {
    ...first,
    parallelism: manner.parallelism ?? first.parallelism,
  })
  const settleShare = prng.pick([0, 0.2, 1])
  const forgetShare = manner.forgetShare ?? prng.pick([0, 0, 0.1])
  let batch: object[] = []
  const flush = () => {
    if (batch.length > 0) harness.records(batch)
    batch = []
  }
  try {
    for (const [at, event] of sorted(windowCase).entries()) {
      if (event.kind === 'record') {
        batch.push(event.row)
        if (batch.length >= batchRows || prng.next() < 0.2) flush()
      } else {
        flush()
        if (event.kind === 'watermark') harness.watermark(event.watermarkMs)
        else harness.clock(event.nowMs)
      }
      if (prng.next() < settleShare) harness.settle()
      if (forgetShare > 0 && prng.next() < forgetShare) harness.forgetStrings()
      if (at === manner.restoreAfter || prng.next() < (manner.restoreShare ?? 0)) {
        flush()
        const next = options()
        batchRows = next.batchRows
        await harness.restore({ ...next, parallelism: manner.restoreParallelism ?? next.parallelism })
      }
    }
    flush()
    harness.finish()
    return { rows: harness.rows, late: harness.late, counts: await harness.counts(), deadLetters: harness.deadLetters.length }
  } finally {
    await harness.close()
  }
}

/** State windows have a sort before them: their records wait for the watermark, those that are too late do not. */
function sorted({ kind, events }: WindowCase): readonly PaneEvent[] {
  if (kind !== 'stateWindow') return events
  const passed: PaneEvent[] = []
  let waiting: Extract<PaneEvent, { readonly kind: 'record' }>[] = []
  let watermarkMs = Number.NEGATIVE_INFINITY
  for (const event of events) {
    if (event.kind === 'record') {
      if (event.timeMs <= watermarkMs) passed.push(event)
      else waiting.push(event)
      continue
    }
    if (event.kind === 'watermark') {
      watermarkMs = Math.max(watermarkMs, event.watermarkMs)
      passed.push(...waiting.filter(({ timeMs }) => timeMs <= watermarkMs).sort((a, b) => a.timeMs - b.timeMs))
      waiting = waiting.filter(({ timeMs }) => timeMs > watermarkMs)
    }
    passed.push(event)
  }
  return passed
}

/** The first difference between the product and the oracle, or null. */
export function outcomeDifference(windowCase: WindowCase, outcome: PaneOutcome): string | null {
  const { plan, keys, events } = windowCase
  const oracle = oracleOf(plan, events)
  const isOrdered = plan.trigger === undefined
  const why = rowsDifference(oracle.rows, outcome.rows, {
    keys,
    aggregates: plan.aggregates,
    rounded: ROUNDED_FUNCTIONS,
    isOrdered,
    hasLast: !isSliced(windowCase),
  })
  if (why !== null) return why
  const ids = (rows: readonly Readonly<Record<string, unknown>>[]) => rows.map(({ id }) => Number(id)).sort((a, b) => a - b)
  const late = ids(oracle.late.map(({ row }) => row))
  if (exactText(late) !== exactText(ids(outcome.late))) return `late records ${exactText(late)}, found ${exactText(ids(outcome.late))}`
  const expected = { late: late.length, outside: oracle.outsideCount, closed: oracle.closedCount, results: oracle.rows.length }
  if (exactText(expected) !== exactText({ ...outcome.counts })) return `counts ${exactText(expected)}, found ${exactText(outcome.counts)}`
  if (oracle.refusedCount !== outcome.deadLetters) return `dead letters ${oracle.refusedCount}, found ${outcome.deadLetters}`
  return null
}

/** Whether the kernel of slices runs it: plain windows of plain aggregates. */
function isSliced({ kind, plan }: WindowCase): boolean {
  const { time, trigger, accumulation, closing, emptyPanes, evictor, allowedLatenessMs = 0 } = plan
  const isAtEnd = trigger === undefined || exactText(trigger) === exactText({ kind: 'onWatermark' })
  const isPlain = isAtEnd && accumulation === 'accumulating' && closing === undefined && emptyPanes === undefined
  return (kind === 'tumbling' || kind === 'sliding') && time === 'event' && isPlain && evictor === undefined && allowedLatenessMs > 0
}

/** Runs a case and compares; errors of the product are differences too. */
export async function caseDifference(windowCase: WindowCase, manner: Manner): Promise<string | null> {
  try {
    return outcomeDifference(windowCase, await runWindow(windowCase, manner))
  } catch (error) {
    return `the product: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`
  }
}
