/**
 * The combinations of window, time, trigger, accumulation, closing, evictor and lateness that are refused, one by one.
 *
 * Before: a window operator, every field of it checked by itself. After: `plan-window.ts`, which refuses by the first that applies.
 *
 * A combination is refused when a part of it could never have an effect, or has no meaning. What is not refused here is legal.
 * Invariant: of an operator that passes, every part can matter.
 */

import { planError } from './plan-problem.ts'
import type { TriggerKind, WindowKind, WindowSpec } from './plan-spec.ts'
import { neverFinishes, nodesOf } from './plan-trigger-tree.ts'

/** A combination that is refused. Messages read: found `found`, wanted `wanted`; `remedy`. */
export interface Combination {
  /** Its name, `details.rule` of the error. */
  readonly name: string
  /** Default `COMBINATION_INVALID`. */
  readonly code?: string
  /** The field to change. */
  readonly at:
    | 'window'
    | 'time'
    | 'trigger'
    | 'accumulation'
    | 'emitUnchanged'
    | 'closing'
    | 'emptyPanes'
    | 'evictor'
    | 'allowedLatenessMs'
    | 'late'
    | 'apply'
  readonly when: (spec: WindowSpec) => boolean
  readonly found: string
  readonly wanted: string
  readonly remedy: string
}

/** @throws ConfigError `COMBINATION_INVALID` or the code of the combination, with its name in `details.rule`. */
export function requireLegal(spec: WindowSpec, path: string, combinations: readonly Combination[]): void {
  for (const { name, code, at, when, found, wanted, remedy } of combinations) {
    if (!when(spec)) continue
    const subject = at === 'window' ? `a ${spec.window.kind} window` : found
    const text = at === 'window' ? `${subject} ${found}` : `${found} of a ${spec.window.kind} window`
    throw planError(code ?? 'COMBINATION_INVALID', `${path}.${at}`, { found: text, wanted, remedy, rule: name }, true)
  }
}

const isProcessing = ({ time }: WindowSpec) => time === 'processing'
const hasLateness = ({ allowedLatenessMs }: WindowSpec) => allowedLatenessMs > 0
const hasLatePolicy = ({ late }: WindowSpec) => late.kind !== 'drop'
const isRetracting = ({ accumulation }: WindowSpec) => accumulation === 'retracting'

/** What even a pipeline can declare that has only plain windows. */
export const PLAIN_COMBINATIONS: readonly Combination[] = [
  {
    name: 'processing-lateness',
    at: 'allowedLatenessMs',
    when: (spec) => isProcessing(spec) && hasLateness(spec),
    found: 'allowed lateness in processing time',
    wanted: 'none, since nothing is late by the clock of the host',
    remedy: 'leave allowedLateness out, or use event time',
  },
  {
    name: 'processing-late-policy',
    at: 'late',
    when: (spec) => isProcessing(spec) && hasLatePolicy(spec),
    found: 'a policy for late records in processing time',
    wanted: 'none, since nothing is late by the clock of the host',
    remedy: 'leave the policy out, or use event time',
  },
  {
    name: 'unchanged-not-retracting',
    at: 'emitUnchanged',
    when: (spec) => spec.emitUnchanged === true && !isRetracting(spec),
    found: 'emitUnchanged without retracting',
    wanted: 'accumulation "retracting"',
    remedy: 'only retracting leaves out results that stay the same',
  },
  {
    name: 'retracting-apply',
    at: 'accumulation',
    when: (spec) => isRetracting(spec) && spec.apply !== undefined,
    found: 'retracting the rows of a function',
    wanted: 'accumulating or discarding',
    remedy: 'which rows a function gave before is not kept: use aggregates, or let the sink replace by window and pane',
  },
]

const isCount = ({ window }: WindowSpec) => window.kind === 'countTumbling' || window.kind === 'countSliding'
const isGlobal = ({ window }: WindowSpec) => window.kind === 'global'
const isState = ({ window }: WindowSpec) => window.kind === 'stateWindow'
const hasMaxLength = ({ window }: WindowSpec) => 'maxLengthMs' in window && window.maxLengthMs !== undefined
const firesOnce = (spec: WindowSpec) => isCount(spec) || isState(spec) || hasMaxLength(spec)
const NEIGHBOURS: readonly WindowKind[] = ['around', 'slidingByRecord']
const isOneOf = ({ window }: WindowSpec, kinds: readonly WindowKind[]) => kinds.includes(window.kind)
const isPlainTrigger = ({ trigger }: WindowSpec) =>
  trigger.kind === 'onWatermark' && trigger.early === undefined && trigger.late === undefined && trigger.purge === undefined
const has = ({ trigger }: WindowSpec, kind: TriggerKind) => nodesOf(trigger).some((node) => node.kind === kind)
const purges = ({ trigger }: WindowSpec) => nodesOf(trigger).some((node) => 'purge' in node && node.purge === true)
const inParts = (spec: WindowSpec, part: 'early' | 'late', kind: TriggerKind) =>
  nodesOf(spec.trigger).some(
    (node) => node.kind === 'onWatermark' && node[part] !== undefined && nodesOf(node[part]).some((n) => n.kind === kind),
  )
const hasLatePart = ({ trigger }: WindowSpec) => nodesOf(trigger).some((node) => node.kind === 'onWatermark' && node.late !== undefined)

/** A function, so that bundlers can leave it out. */
export const allCombinations = (): readonly Combination[] => [
  ...PLAIN_COMBINATIONS,
  ...timeAndLateness(),
  ...firing(),
  ...contents(),
  ...lengths(),
]

const timeAndLateness = (): readonly Combination[] => [
  {
    name: 'processing-window',
    at: 'window',
    when: (spec) =>
      isProcessing(spec) &&
      isOneOf(spec, [
        'calendar',
        'tradingDay',
        'intervals',
        'custom',
        'around',
        'slidingByRecord',
        'stateWindow',
        'countTumbling',
        'countSliding',
      ]),
    found: 'in processing time',
    wanted: 'tumbling, sliding, cumulate, session or global windows',
    remedy: 'leave processing time out: these windows follow the records, or dates that records carry',
  },
  {
    name: 'processing-event-trigger',
    at: 'trigger',
    when: (spec) => isProcessing(spec) && has(spec, 'onEventTime'),
    found: 'a trigger on event time in processing time',
    wanted: 'onProcessingTime',
    remedy: 'the watermark does not move windows of processing time',
  },
  {
    name: 'processing-late-trigger',
    at: 'trigger',
    when: (spec) => isProcessing(spec) && hasLatePart(spec),
    found: 'a trigger for late panes in processing time',
    wanted: 'onWatermark without late',
    remedy: 'nothing is late by the clock of the host',
  },
  {
    name: 'count-lateness',
    at: 'allowedLatenessMs',
    when: (spec) => isCount(spec) && hasLateness(spec),
    found: 'allowed lateness',
    wanted: 'none, since count windows take records in their order of arrival',
    remedy: 'leave allowedLateness out',
  },
  {
    name: 'global-lateness',
    at: 'allowedLatenessMs',
    when: (spec) => isGlobal(spec) && hasLateness(spec),
    found: 'allowed lateness',
    wanted: 'none, since a window that never ends has nothing late',
    remedy: 'leave allowedLateness out',
  },
  {
    name: 'state-lateness',
    at: 'allowedLatenessMs',
    when: (spec) => isState(spec) && hasLateness(spec),
    found: 'allowed lateness',
    wanted: 'none, since state windows need their records in the order of time',
    remedy: 'let the watermark wait longer instead',
  },
  {
    name: 'never-late-policy',
    at: 'late',
    when: (spec) => (isCount(spec) || isGlobal(spec)) && hasLatePolicy(spec),
    found: 'a policy for late records',
    wanted: 'none, since nothing is late for such windows',
    remedy: 'leave the policy out',
  },
]

const firing = (): readonly Combination[] => [
  {
    name: 'count-trigger',
    at: 'trigger',
    when: (spec) => isCount(spec) && !isPlainTrigger(spec),
    found: 'a trigger',
    wanted: 'none, since count windows fire when they are full',
    remedy: 'for panes before, use a global window with onCount',
  },
  {
    name: 'state-trigger',
    at: 'trigger',
    when: (spec) => isState(spec) && !isPlainTrigger(spec),
    found: 'a trigger',
    wanted: 'plain onWatermark, since state windows fire when the record that closes them is in order',
    remedy: 'leave the trigger out',
  },
  {
    name: 'nested-watermark',
    at: 'trigger',
    when: (spec) => inParts(spec, 'early', 'onWatermark') || inParts(spec, 'late', 'onWatermark'),
    found: 'onWatermark inside early or late of another',
    wanted: 'a trigger that can fire before or after the end',
    remedy: 'the outer onWatermark fires at the end already',
  },
  {
    name: 'late-event-time',
    at: 'trigger',
    when: (spec) => inParts(spec, 'late', 'onEventTime'),
    found: 'onEventTime as late',
    wanted: 'onCount, onRecord or a trigger on processing time',
    remedy: 'event time has passed the window already',
  },
  {
    name: 'end-before-stream',
    at: 'trigger',
    when: (spec) => !isGlobal(spec) && has(spec, 'onEnd'),
    found: 'onEnd',
    wanted: 'onEnd with global windows only, since others expire before the stream ends',
    remedy: 'use globalWindow(), or onWatermark',
  },
  {
    name: 'global-late-trigger',
    at: 'trigger',
    when: (spec) => isGlobal(spec) && hasLatePart(spec),
    found: 'a trigger for late panes',
    wanted: 'onWatermark without late',
    remedy: 'nothing comes after the end of a global window',
  },
  {
    name: 'unreachable-trigger',
    code: 'TRIGGER_UNREACHABLE',
    at: 'trigger',
    when: ({ trigger }) => nodesOf(trigger).some((node) => node.kind === 'inOrder' && node.of.slice(0, -1).some(neverFinishes)),
    found: 'inOrder with a trigger that never finishes before the last one',
    wanted: 'only triggers that finish before the last one',
    remedy: 'end it by orFinally or once',
  },
  {
    name: 'second-custom-trigger',
    at: 'trigger',
    when: ({ trigger }) => nodesOf(trigger).filter((node) => node.kind === 'custom').length > 1,
    found: 'several custom triggers',
    wanted: 'at most one',
    remedy: 'decide in one function, or compute columns by a map and use onRecord',
  },
]

const contents = (): readonly Combination[] => [
  {
    name: 'retracting-purge',
    at: 'accumulation',
    when: (spec) => isRetracting(spec) && purges(spec),
    found: 'retracting with a trigger that purges',
    wanted: 'a trigger that does not purge, or accumulation "discarding"',
    remedy: 'after a purge there is nothing to take back',
  },

  {
    name: 'once-accumulation',
    at: 'accumulation',
    when: (spec) => firesOnce(spec) && spec.accumulation !== 'accumulating',
    found: 'discarding or retracting',
    wanted: 'neither, since count and state windows and those with a maximum length fire once',
    remedy: 'leave it out',
  },
  {
    name: 'once-closing',
    at: 'closing',
    when: (spec) => firesOnce(spec) && spec.closing !== 'none',
    found: 'a closing pane',
    wanted: 'none, since count and state windows and those with a maximum length fire once',
    remedy: 'for count windows that are not full at the end of the stream use partial',
  },
  {
    name: 'once-empty-panes',
    at: 'emptyPanes',
    when: (spec) => firesOnce(spec) && spec.emptyPanes === true,
    found: 'empty panes',
    wanted: 'none, since count and state windows and those with a maximum length are never empty',
    remedy: 'leave emptyPanes out',
  },
  {
    name: 'global-closing',
    at: 'closing',
    when: (spec) => isGlobal(spec) && spec.closing !== 'none',
    found: 'a closing pane',
    wanted: 'none, since global windows do not expire before the stream ends',
    remedy: 'fire at the end of the stream by onEnd',
  },
  {
    name: 'neighbours-purge',
    at: 'accumulation',
    when: (spec) => isOneOf(spec, NEIGHBOURS) && (spec.accumulation === 'discarding' || purges(spec)),
    found: 'contents that are emptied',
    wanted: 'accumulating or retracting',
    remedy: 'such windows share their records: one cannot give them up for itself',
  },
  {
    name: 'neighbours-on-record',
    at: 'trigger',
    when: (spec) => isOneOf(spec, NEIGHBOURS) && (has(spec, 'onRecord') || has(spec, 'custom')),
    found: 'a condition on single records',
    wanted: 'a trigger on time or count',
    remedy: 'such a window begins with records that came before it: filter the results instead',
  },
  {
    name: 'processing-time-evictor',
    at: 'evictor',
    when: (spec) => isProcessing(spec) && spec.evictor?.kind === 'time',
    found: 'an evictor by event time in processing time',
    wanted: 'a count or delta evictor',
    remedy: 'for the last seconds by the clock use a sliding window',
  },
  {
    name: 'evictor-window',
    at: 'evictor',
    when: (spec) =>
      spec.evictor !== undefined && isOneOf(spec, ['around', 'slidingByRecord', 'stateWindow', 'countTumbling', 'countSliding']),
    found: 'an evictor',
    wanted: 'one with windows of time, sessions or global windows only',
    remedy: 'such windows say themselves which records they have',
  },
]

const lengths = (): readonly Combination[] => [
  {
    name: 'max-length-evictor',
    at: 'evictor',
    when: (spec) => hasMaxLength(spec) && spec.evictor !== undefined,
    found: 'an evictor and a maximum length',
    wanted: 'one of them',
    remedy: 'where a session is cut depends on all its records',
  },
  {
    name: 'max-length-trigger',
    at: 'trigger',
    when: (spec) => hasMaxLength(spec) && !isPlainTrigger(spec),
    found: 'a trigger and a maximum length',
    wanted: 'plain onWatermark',
    remedy: 'where a window is cut is known only when the watermark passes: leave the trigger or maxLength out',
  },
  {
    name: 'max-length-lateness',
    at: 'allowedLatenessMs',
    when: (spec) => hasMaxLength(spec) && hasLateness(spec),
    found: 'allowed lateness and a maximum length',
    wanted: 'one of them',
    remedy: 'a late record would move all cuts after it: let the watermark wait longer instead',
  },
]
