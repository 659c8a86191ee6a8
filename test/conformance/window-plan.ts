/**
 * The configuration of a conformance case as a plan of the product.
 *
 * Before: case.ts has the format. After: runner and its harnesses run the plan.
 * Where dialects differ in what they do unasked, a case's dialect counts: Beam gives a last pane when a window expires with new
 * records, and a pane at the window's end also when it is empty.
 *
 * Invariant: what a case configures and this file does not know is an error, not a default.
 */

import type { Type } from '../support/plans.ts'
import { AGGREGATES, type Case, type Trigger, type WindowDefinition } from './case.ts'

export interface CasePlanOptions {
  readonly delayMs: number
  readonly isKeyed: boolean
  readonly schema?: Readonly<Record<string, Type>>
  readonly timeColumn?: string
  readonly keyColumn?: string
  readonly valueColumn?: string
}

const SCHEMA: Readonly<Record<string, Type>> = { id: 'i32', t: 'timestamp', key: 'utf8', value: 'f64' }

const column = (name: string) => ({ column: name })
const literal = (value: number | string) => ({ literal: value })
const call = (fn: string, ...args: readonly object[]) => ({ fn, args })

/** The plan of a case: source `in`, window `w`, sinks `w-out` and, with a side output, `late`. */
export function planOfCase({ config, dialect }: Case, options: CasePlanOptions): { millrace: 1; name: string; operators: object[] } {
  const { isKeyed, delayMs, schema = SCHEMA, timeColumn = 't', keyColumn = 'key', valueColumn = 'value' } = options
  const window = {
    uid: 'w',
    op: 'window',
    inputs: [isKeyed ? 'by' : 'time'],
    window: windowOf(config.window!),
    ...(config.time === 'processing' ? { time: 'processing' } : {}),
    ...triggerOf(config),
    ...(isCounted(config) ? {} : { ...accumulationOf(config), ...closingOf(config, dialect) }),
    ...evictorOf(config, valueColumn),
    ...latenessOf(config),
    aggregates: aggregatesOf(config, valueColumn),
  }
  return {
    millrace: 1,
    name: 'case',
    operators: [
      { uid: 'in', op: 'source', schema },
      {
        uid: 'time',
        op: 'eventTime',
        inputs: ['in'],
        column: timeColumn,
        watermark: { kind: 'boundedOutOfOrderness', delayMs, everyRecords: 1 },
      },
      ...(isKeyed ? [{ uid: 'by', op: 'keyBy', inputs: ['time'], columns: [keyColumn] }] : []),
      window,
      { uid: 'out', op: 'sink', inputs: ['w'], name: 'w-out' },
    ],
  }
}

const isCounted = ({ window }: Case['config']) => window?.type === 'count'

/** Cases give lateness to every window; where nothing can be late, it means nothing, and the product would refuse it. */
function latenessOf(config: Case['config']): object {
  const { window, time, allowedLateness = 0, lateOutput } = config
  if (isCounted(config) || window?.type === 'global' || time === 'processing') return {}
  return {
    ...(allowedLateness === 0 ? {} : { allowedLatenessMs: allowedLateness }),
    ...(lateOutput === true ? { late: { kind: 'sideOutput', name: 'late' } } : {}),
  }
}

/** The window of a case as a plan writes it. */
export function windowOf(definition: WindowDefinition): object {
  const { type, size, slide, step, offset, gap } = definition
  const offsetMs = offset ?? 0
  switch (type) {
    case 'tumbling':
      return { kind: 'tumbling', sizeMs: size, offsetMs }
    case 'sliding':
      return { kind: 'sliding', sizeMs: size, slideMs: slide, offsetMs }
    case 'cumulative':
      return { kind: 'cumulate', sizeMs: size, stepMs: step, offsetMs }
    case 'session':
      return definition.zeroLengthWhenValue === undefined
        ? { kind: 'session', gapMs: gap }
        : {
            kind: 'session',
            gap: call('if', call('eq', column('value'), literal(definition.zeroLengthWhenValue)), literal(0), literal(gap!)),
          }
    case 'session-dynamic':
      return { kind: 'session', gap: dynamicGap(definition.gaps ?? []) }
    case 'count':
      return slide === undefined || slide === size ? { kind: 'countTumbling', n: size } : { kind: 'countSliding', n: size, every: slide }
    case 'global':
      return { kind: 'global' }
    case 'calendar':
      return calendarOf(definition)
    case 'kafka-sliding':
      return { kind: 'slidingByRecord', differenceMs: definition.timeDifference }
    default:
      return { kind: type ?? 'none' }
  }
}

function calendarOf({ unit, count, startDay, startMonth, dayOfMonth, timeZone }: WindowDefinition): object {
  const anchor = {
    ...(startDay === undefined ? {} : { weekday: startDay }),
    ...(dayOfMonth === undefined ? {} : { day: dayOfMonth }),
    ...(startMonth === undefined ? {} : { from: `${startMonth}-01` }),
  }
  return {
    kind: 'calendar',
    unit,
    ...(count === undefined ? {} : { every: count }),
    ...(timeZone === undefined ? {} : { timeZone }),
    ...(Object.keys(anchor).length === 0 ? {} : { anchor }),
  }
}

/** The first rule that fits. Without one that always fits, the last rule's gap stands for the rest, as no case reaches it. */
function dynamicGap(rules: NonNullable<WindowDefinition['gaps']>): object {
  return rules.reduceRight<object>(
    (otherwise, { when, gap }) => {
      const conditions = Object.entries(when ?? {}).map(([name, value]) =>
        call('eq', column(name), literal(name === 'key' ? String(value) : (value as number))),
      )
      if (conditions.length === 0) return literal(gap)
      return call('if', conditions.length === 1 ? conditions[0]! : call('and', ...conditions), literal(gap), otherwise)
    },
    literal(rules.at(-1)?.gap ?? 0),
  )
}

/** A trigger that is not one of Beam's combinators that end by themselves is repeated, unless the case says that it finishes. */
function triggerOf({ trigger, triggerFinishes, window, time }: Case['config']): { readonly trigger?: object } {
  if (
    trigger === undefined ||
    trigger.type === 'window-full' ||
    (window?.type === 'count' && (trigger.type === 'event-time' || trigger.type === 'processing-time'))
  )
    return {}
  const canBeLate = window?.type !== 'global' && time !== 'processing'
  const node = triggerNode(canBeLate ? trigger : { ...trigger, late: undefined })
  return { trigger: triggerFinishes === true && !ENDING.includes(trigger.type) ? { kind: 'once', of: node } : node }
}

/** Combinators that say themselves when they finish. */
const ENDING = ['repeatedly', 'or-finally', 'after-each']

function triggerNode(trigger: Trigger): object {
  const purge = trigger.purge === true ? { purge: true } : {}
  const children = () => (Array.isArray(trigger.of) ? (trigger.of as readonly Trigger[]) : [trigger.of as Trigger]).map(triggerNode)
  switch (trigger.type) {
    case 'event-time':
    case 'processing-time':
      return {
        kind: 'onWatermark',
        ...(trigger.early === undefined ? {} : { early: triggerNode(trigger.early) }),
        ...(trigger.late === undefined ? {} : { late: triggerNode(trigger.late) }),
        ...purge,
      }
    case 'processing-time-periodic':
      return { kind: 'onProcessingTime', everyMs: trigger.interval, ...purge }
    case 'after-processing-time':
      return { kind: 'afterProcessingTime', delayMs: trigger.delay, ...purge }
    case 'count':
      return { kind: 'onCount', n: trigger.count, ...purge }
    case 'every-element':
      return { kind: 'onCount', n: 1, ...purge }
    case 'end-of-stream':
      return { kind: 'onEnd', ...purge }
    case 'continuous-event-time':
      return { kind: 'onEventTime', everyMs: trigger.interval, ...purge }
    case 'repeatedly':
      return { kind: 'repeatedly', of: children()[0] }
    case 'after-first':
      return { kind: 'any', of: children() }
    case 'after-all':
      return { kind: 'all', of: children() }
    case 'after-each':
      return { kind: 'inOrder', of: children() }
    case 'or-finally':
      return { kind: 'orFinally', of: children()[0], until: triggerNode(trigger.until!) }
    default:
      return { kind: trigger.type }
  }
}

function accumulationOf({ accumulation, suppressUnchanged }: Case['config']): object {
  if (accumulation === undefined || accumulation === 'accumulating') return {}
  if (accumulation !== 'retracting') return { accumulation }
  return { accumulation, ...(suppressUnchanged === true ? {} : { emitUnchanged: true }) }
}

function closingOf({ closing, onTime, window }: Case['config'], dialect: string | undefined): object {
  // A global window expires with the stream.
  const isBeam = dialect === 'beam' && window?.type !== 'global'
  const kind = closing === 'fire-always' ? 'always' : closing === 'fire-if-non-empty' || isBeam ? 'ifNonEmpty' : 'none'
  return {
    ...(kind === 'none' ? {} : { closing: kind }),
    ...(isBeam && onTime !== 'fire-if-non-empty' ? { emptyPanes: true } : {}),
  }
}

function evictorOf({ evictor }: Case['config'], valueColumn: string): object {
  if (evictor === undefined) return {}
  const after = evictor.after === true ? { after: true } : {}
  switch (evictor.type) {
    case 'count':
      return { evictor: { kind: 'count', n: evictor.count, ...after } }
    case 'time':
      return { evictor: { kind: 'time', durationMs: evictor.size, ...after } }
    case 'delta':
      return { evictor: { kind: 'delta', column: valueColumn, threshold: evictor.threshold, ...after } }
    default:
      return { evictor: { kind: evictor.type } }
  }
}

function aggregatesOf({ aggregate }: Case['config'], valueColumn: string): object {
  const { parts } = AGGREGATES[aggregate!]!
  return Object.fromEntries(
    Object.entries(parts).map(([name, spec]) => [name, spec.column === undefined ? spec : { ...spec, column: valueColumn }]),
  )
}
