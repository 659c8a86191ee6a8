/**
 * Makes a failing case small: leaves out events, settings, aggregates and parts of the trigger as long as it still fails.
 *
 * Before: a case that fails. After: the message of the test, which a reader can follow by hand.
 *
 * Invariant: every step gives a legal case; the result fails if the first one did.
 */

import type { PanePlan, Trigger } from '../oracle/panes/plan.ts'
import type { WindowCase } from './window-plans.ts'

/** Most runs of a search. */
const RUNS_MAX = 400

/** Whether a case fails; cases that the product refuses do not. */
export type Fails = (windowCase: WindowCase) => Promise<boolean>

export async function shrunk(windowCase: WindowCase, fails: Fails): Promise<WindowCase> {
  let best = windowCase
  let runs = 0
  const tries = async (candidate: WindowCase): Promise<boolean> => {
    if (runs++ >= RUNS_MAX || !(await fails(candidate))) return false
    best = candidate
    return true
  }
  for (let hasShrunk = true; hasShrunk && runs < RUNS_MAX; ) {
    hasShrunk = await withFewerEvents(() => best, tries)
    for (const plan of simplerPlans(best.plan)) {
      if (await tries({ ...best, plan })) {
        hasShrunk = true
        break
      }
    }
    if (best.keys.length > 0 && (await tries(withoutKeys(best)))) hasShrunk = true
  }
  return best
}

/** Leaves out runs of events, long ones first, but never the first setting of the clock. */
async function withFewerEvents(current: () => WindowCase, tries: (candidate: WindowCase) => Promise<boolean>): Promise<boolean> {
  let hasShrunk = false
  for (let size = Math.ceil(current().events.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let at = current().events[0]?.kind === 'processingTime' ? 1 : 0; at < current().events.length; ) {
      const { events } = current()
      const rest = [...events.slice(0, at), ...events.slice(at + size)]
      if (await tries({ ...current(), events: rest })) hasShrunk = true
      else at += size
    }
  }
  return hasShrunk
}

function withoutKeys(windowCase: WindowCase): WindowCase {
  const events = windowCase.events.map((event) => (event.kind === 'record' ? { ...event, key: [] } : event))
  return { ...windowCase, keys: [], events }
}

function* simplerPlans(plan: PanePlan): Generator<PanePlan> {
  for (const name of ['evictor', 'closing', 'emptyPanes', 'emitUnchanged', 'trigger'] as const) {
    const { [name]: found, ...rest } = plan
    if (found !== undefined) yield rest
  }
  if (plan.accumulation !== 'accumulating' && plan.emitUnchanged === undefined) yield { ...plan, accumulation: 'accumulating' }
  if ((plan.allowedLatenessMs ?? 0) > 0) yield { ...plan, allowedLatenessMs: 0 }
  for (const trigger of plan.trigger === undefined ? [] : simplerTriggers(plan.trigger)) yield { ...plan, trigger }
  const names = Object.keys(plan.aggregates)
  for (const name of names) {
    const { [name]: spec, ...rest } = plan.aggregates
    if (names.length > 1) yield { ...plan, aggregates: rest }
    if (spec!.where !== undefined) {
      const { where: _, ...plain } = spec!
      yield { ...plan, aggregates: { ...rest, [name]: plain } }
    }
  }
}

/** Triggers with a part less. */
function* simplerTriggers(trigger: Trigger): Generator<Trigger> {
  if (trigger.purge === true) {
    const { purge: _, ...rest } = trigger
    yield rest as Trigger
  }
  switch (trigger.kind) {
    case 'onWatermark': {
      const { early, late, ...rest } = trigger
      if (early !== undefined) yield { ...rest, ...(late === undefined ? {} : { late }) }
      if (late !== undefined) yield { ...rest, ...(early === undefined ? {} : { early }) }
      for (const inner of early === undefined ? [] : simplerTriggers(early)) yield { ...trigger, early: inner }
      for (const inner of late === undefined ? [] : simplerTriggers(late)) yield { ...trigger, late: inner }
      return
    }
    case 'any':
    case 'all':
    case 'inOrder':
      yield* trigger.of
      for (const [index, child] of trigger.of.entries()) {
        if (trigger.of.length > 1) yield { ...trigger, of: trigger.of.toSpliced(index, 1) }
        for (const inner of simplerTriggers(child)) yield { ...trigger, of: trigger.of.with(index, inner) }
      }
      return
    case 'repeatedly':
    case 'once':
      yield trigger.of
      for (const inner of simplerTriggers(trigger.of)) yield { ...trigger, of: inner }
      return
    case 'orFinally':
      yield trigger.of
      yield trigger.until
      for (const inner of simplerTriggers(trigger.of)) yield { ...trigger, of: inner }
      for (const inner of simplerTriggers(trigger.until)) yield { ...trigger, until: inner }
      return
    default:
  }
}

/** A case as a reader can follow it. */
export function caseText({ shape, plan, keys, events }: WindowCase): string {
  const { window: _, ...rest } = plan
  const lines = events.map((event) => {
    if (event.kind === 'watermark') return `    watermark ${event.watermarkMs}`
    if (event.kind === 'processingTime') return `    clock ${event.nowMs}`
    const { t, ...row } = event.row
    const shown = JSON.stringify(row, (_, cell: unknown) => (typeof cell === 'number' && !Number.isFinite(cell) ? String(cell) : cell))
    return `    record ${String(t)} ${shown}`
  })
  return `  window ${JSON.stringify(shape)}\n  ${JSON.stringify(rest)}\n  keys ${JSON.stringify(keys)}\n${lines.join('\n')}`
}
