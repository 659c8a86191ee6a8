/**
 * What is in windows before they fire, said by the engine itself: a second job with the same windows, made to tell.
 *
 * Before: the job that is played, and one of its windows. After: `contents.ts`, which plays this job and reads it.
 *
 * In most cases the second job has an early trigger on every record, retracting: its results are the changelog of the windows' contents, and a
 * closing pane says when a window's state goes. Windows of which Millrace knows only at the end what they are (count, state, sessions of a maximum
 * length) refuse such triggers; there the stream is played anew up to every step and then ended, and what comes at the end was open.
 */

import { analyzePlan, fromPlan, type Job, type Plan } from 'millrace'

type Spec = Plan['operators'][number]
type WindowSpec = Extract<Spec, { readonly op: 'window' }>

export interface Shadow {
  readonly job: Job
  readonly windowUid: string
  readonly tells: 'changes' | 'atEnd'
  /** Whether results list their records, in the column {@link RECORDS}. */
  readonly hasRecords: boolean
  readonly keys: readonly string[]
}

/** The column that numbers records, and the aggregates that list and count them. */
export const RECORD = '$record'
export const RECORDS = '$records'
export const COUNT = '$count'
export const SINK = '$contents'

export function shadowOf(job: Job, windowUid: string): Shadow {
  const { operators } = analyzePlan(job.plan)
  const chain = chainTo(windowUid, new Map(job.plan.operators.map((spec) => [spec.uid, spec])))
  const window = chain.at(-1) as WindowSpec
  const tells = isKnownAtEnd(window) ? 'atEnd' : 'changes'
  const keys = operators.get(windowUid)?.keys ?? []
  const of = (hasRecords: boolean): Shadow => ({
    job: fromPlan(shadowPlan(job.plan, chain, tells, hasRecords), job.functions),
    windowUid,
    tells,
    hasRecords,
    keys,
  })
  try {
    return of(true)
  } catch {
    // A map by a function makes rows of its own, without our number.
    return of(false)
  }
}

/** The operators that lead to a window, from the source on. */
function chainTo(uid: string, specs: ReadonlyMap<string, Spec>): readonly Spec[] {
  const chain: Spec[] = []
  for (let spec = specs.get(uid); spec !== undefined; spec = spec.op === 'source' ? undefined : specs.get(spec.inputs[0]))
    chain.unshift(spec)
  return chain
}

function isKnownAtEnd({ window }: WindowSpec): boolean {
  switch (window.kind) {
    case 'countTumbling':
    case 'countSliding':
    case 'stateWindow':
      return true
    case 'session':
      return window.maxLengthMs !== undefined
    default:
      return false
  }
}

function shadowPlan({ name }: Plan, chain: readonly Spec[], tells: Shadow['tells'], hasRecords: boolean): unknown {
  const operators = chain.map((spec, index) => {
    if (index === chain.length - 1) return shadowWindow(spec as WindowSpec, tells, hasRecords)
    if (spec.op === 'source') return hasRecords ? { ...spec, schema: { ...spec.schema, [RECORD]: 'i32' } } : spec
    // So that records which come together are judged as those that come one by one.
    if (spec.op === 'eventTime') return { ...spec, watermark: { ...spec.watermark, everyRecords: 1 } }
    if (spec.op === 'trackSequence') return { ...spec, findingsTo: undefined }
    return spec
  })
  return { millrace: 1, name, operators: [...operators, { uid: SINK, op: 'sink', inputs: [chain.at(-1)!.uid], name: SINK }] }
}

function shadowWindow(spec: WindowSpec, tells: Shadow['tells'], hasRecords: boolean): unknown {
  const { uid, op, inputs, window, time, allowedLatenessMs } = spec
  const aggregates = {
    ...spec.aggregates,
    [COUNT]: { fn: 'count' },
    ...(hasRecords ? { [RECORDS]: { fn: 'collect', column: RECORD, order: 'arrival' } } : {}),
  }
  const common = { uid, op, inputs, time, allowedLatenessMs, late: { kind: 'drop' }, aggregates }
  if (tells === 'atEnd') {
    const isCounted = window.kind === 'countTumbling' || window.kind === 'countSliding'
    return { ...common, window: isCounted ? { ...window, partial: true } : window }
  }
  const each = { kind: 'onCount', n: 1 }
  const hasEnd = window.kind !== 'global'
  const hasLate = hasEnd && time === 'event'
  return {
    ...common,
    window,
    trigger: { kind: 'onWatermark', early: each, ...(hasLate ? { late: each } : {}) },
    accumulation: 'retracting',
    emitUnchanged: true,
    ...(hasEnd ? { closing: 'always' } : {}),
  }
}
