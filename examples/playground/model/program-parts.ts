/**
 * Parts of a plan as calls of the fluent API: expressions, watermarks, windows, triggers, evictors, aggregates.
 *
 * Before: `program-of-plan.ts`. After: the text of a program. Whatever is not known here throws, and the plan is written down instead.
 */

import type { Plan } from 'millrace'
import { durationText } from './time-text.ts'

type Window = Extract<Plan['operators'][number], { readonly op: 'window' }>
type EventTime = Extract<Plan['operators'][number], { readonly op: 'eventTime' }>
type Trigger = Window['trigger']
type Aggregate = Window['aggregates'][string]
type Expression = NonNullable<Aggregate['where']>

/** Names that the program imports. */
export type Names = Set<string>

export function expressionText(tree: Expression, names: Names): string {
  if ('column' in tree) {
    names.add('col')
    return `col(${valueText(tree.column)})`
  }
  if ('literal' in tree) {
    names.add('lit')
    return `lit(${valueText(tree.literal)})`
  }
  const [first, ...others] = tree.args
  // On the right side of a call literals stand for themselves.
  const operand = (part: Expression) => ('literal' in part ? valueText(part.literal) : expressionText(part, names))
  if (tree.fn === 'if') {
    names.add('when')
    return `when(${tree.args.map(operand).join(', ')})`
  }
  return `${expressionText(first!, names)}.${tree.fn}(${others.map(operand).join(', ')})`
}

export function watermarkText(spec: EventTime['watermark'], names: Names): string {
  const { kind, everyRecords, idleAfterMs, maxDriftMs, flushAfterMs, maxFutureSkewMs, futurePolicy } = spec
  names.add(kind)
  const rules = {
    ...(everyRecords === 1024 ? {} : { everyRecords }),
    ...durations({ idleAfter: idleAfterMs, maxDrift: maxDriftMs, flushAfter: flushAfterMs, maxFutureSkew: maxFutureSkewMs }),
    ...(futurePolicy === undefined ? {} : { futurePolicy }),
  }
  const call = (first: readonly string[], options: Readonly<Record<string, unknown>> = {}, raw: readonly string[] = []) => {
    const all = optionsText({ ...options, ...rules }, raw)
    return `${kind}(${[...first, ...(all === '' ? [] : [all])].join(', ')})`
  }
  switch (spec.kind) {
    case 'monotonous':
    case 'manual':
      return call([])
    case 'boundedOutOfOrderness':
    case 'timeLag':
      return call([`'${durationText(spec.delayMs)}'`])
    case 'punctuated':
      return call([expressionText(spec.when, names)], {}, spec.time === undefined ? [] : [`time: ${expressionText(spec.time, names)}`])
    case 'percentile':
      return call([String(spec.p)], { ...(spec.windowRecords === 2048 ? {} : { records: spec.windowRecords }), ...bounds(spec) })
    case 'predicted':
      return call([String(spec.p)], { block: spec.windowRecords, smoothing: spec.smoothing, ...bounds(spec) })
    default:
      throw new RangeError(`No program for ${kind}`)
  }
}

function bounds({ floorMs, ceilingMs }: { readonly floorMs: number; readonly ceilingMs?: number }): Readonly<Record<string, unknown>> {
  return durations({ floor: floorMs === 0 ? undefined : floorMs, ceiling: ceilingMs })
}

function durations(all: Readonly<Record<string, number | null | undefined>>): Readonly<Record<string, unknown>> {
  const given = Object.entries(all).filter(([, ms]) => ms !== undefined)
  return Object.fromEntries(given.map(([name, ms]) => [name, ms === null ? Number.POSITIVE_INFINITY : durationText(ms!)]))
}

export function windowText(shape: Window['window'], names: Names): string {
  const { kind } = shape
  const call = (name: string, parts: readonly string[], options: Readonly<Record<string, unknown>> = {}) => {
    names.add(name)
    const all = optionsText(options)
    return `${name}(${[...parts, ...(all === '' ? [] : [all])].join(', ')})`
  }
  const text = (ms: number) => `'${durationText(ms)}'`
  switch (shape.kind) {
    case 'tumbling':
      return call(kind, [text(shape.sizeMs)], offset(shape.offsetMs))
    case 'sliding':
      return call(kind, [text(shape.sizeMs), text(shape.slideMs)], offset(shape.offsetMs))
    case 'cumulate':
      return call(kind, [text(shape.sizeMs), text(shape.stepMs)], offset(shape.offsetMs))
    case 'session': {
      const gap = shape.gapMs === undefined ? expressionText(shape.gap as Expression, names) : text(shape.gapMs)
      return call(kind, [gap], length(shape.maxLengthMs))
    }
    case 'countTumbling':
      return call(kind, [String(shape.n)], partial(shape.partial))
    case 'countSliding':
      return call(kind, [String(shape.n), String(shape.every)], partial(shape.partial))
    case 'global':
      return call('globalWindow', [])
    case 'calendar': {
      const { unit, every, timeZone, anchor } = shape
      return call(kind, [valueText(unit)], {
        ...(every === 1 ? {} : { every }),
        ...(timeZone === 'UTC' ? {} : { timeZone }),
        ...(anchor === undefined ? {} : { anchor }),
      })
    }
    case 'tradingDay': {
      const { kind: _kind, ...options } = shape
      return call(kind, [], options)
    }
    case 'intervals':
      return call(kind, [valueText(shape.table.map(({ startMs, endMs, ...rest }) => ({ ...rest, start: startMs, end: endMs })))])
    case 'around':
      return call(kind, [text(shape.beforeMs), text(shape.afterMs)])
    case 'slidingByRecord':
      return call(kind, [text(shape.differenceMs)])
    case 'stateWindow': {
      const [open, close] = [expressionText(shape.open as Expression, names), expressionText(shape.close as Expression, names)]
      return call(kind, [open, close], length(shape.maxLengthMs))
    }
    default:
      throw new RangeError(`No program for ${kind}`)
  }
}

const offset = (ms: number): Readonly<Record<string, unknown>> => (ms === 0 ? {} : { offset: ms > 0 ? durationText(ms) : ms })
const length = (ms: number | undefined): Readonly<Record<string, unknown>> => (ms === undefined ? {} : { maxLength: durationText(ms) })
const partial = (is: true | undefined): Readonly<Record<string, unknown>> => (is === undefined ? {} : { partial: true })

export function triggerText(trigger: Trigger, names: Names): string {
  if ('purge' in trigger && trigger.purge === true) {
    const { purge: _purge, ...rest } = trigger
    names.add('purging')
    return `purging(${triggerText(rest as Trigger, names)})`
  }
  const call = (name: string, ...parts: readonly string[]) => {
    names.add(name)
    return `${name}(${parts.join(', ')})`
  }
  const all = (list: readonly Trigger[]) => list.map((part) => triggerText(part, names))
  switch (trigger.kind) {
    case 'onWatermark':
      return onWatermarkText(trigger, names)
    case 'onCount':
      return call('onCount', String(trigger.n))
    case 'onProcessingTime':
    case 'onEventTime':
      return call(trigger.kind, `'${durationText(trigger.everyMs)}'`)
    case 'afterProcessingTime':
      return call('afterProcessingTime', `'${durationText(trigger.delayMs)}'`)
    case 'onRecord':
      return call('onRecord', expressionText(trigger.when, names))
    case 'onEnd':
      return call('onEnd')
    case 'any':
      return call('anyOf', ...all(trigger.of))
    case 'all':
      return call('allOf', ...all(trigger.of))
    case 'inOrder':
      return call('inOrder', ...all(trigger.of))
    case 'repeatedly':
    case 'once':
      return call(trigger.kind, triggerText(trigger.of, names))
    case 'orFinally':
      return call('orFinally', triggerText(trigger.of, names), triggerText(trigger.until, names))
    default:
      throw new RangeError(`No program for ${trigger.kind}`)
  }
}

function onWatermarkText({ early, late }: Extract<Trigger, { readonly kind: 'onWatermark' }>, names: Names): string {
  if ((early === undefined) === (late === undefined)) {
    names.add('onWatermark')
    if (early === undefined || late === undefined) return 'onWatermark()'
    return `onWatermark({ early: ${triggerText(early, names)}, late: ${triggerText(late, names)} })`
  }
  const name = early === undefined ? 'late' : 'early'
  const part = (early ?? late)!
  names.add(name)
  if (part.kind === 'onCount' && part.purge === undefined) return `${name}({ count: ${part.n} })`
  if (part.kind === 'onProcessingTime' && part.purge === undefined) return `${name}({ every: '${durationText(part.everyMs)}' })`
  return `${name}(${triggerText(part, names)})`
}

export function evictorText(evictor: NonNullable<Window['evictor']>, names: Names): string {
  const options = evictor.after === true ? ', { after: true }' : ''
  const name = `${evictor.kind}Evictor`
  names.add(name)
  switch (evictor.kind) {
    case 'count':
      return `${name}(${evictor.n}${options})`
    case 'time':
      return `${name}('${durationText(evictor.durationMs)}'${options})`
    case 'delta':
      return `${name}(${valueText(evictor.column)}, ${evictor.threshold}${options})`
    default: {
      const never: never = evictor
      throw new RangeError(String(never))
    }
  }
}

/** Functions whose name in programs differs from that in plans. */
const FUNCTION_NAMES: Readonly<Record<string, string>> = { any: 'anyTrue', every: 'everyTrue' }

export function aggregateText(aggregate: Aggregate, names: Names): string {
  const { fn, column, by, where, q, k, bounds: limits, halfLifeMs, ...options } = aggregate
  if (fn === 'custom') throw new RangeError('No program for a function')
  const name = FUNCTION_NAMES[fn] ?? fn
  names.add(name)
  const second = by === undefined ? [] : fn === 'topK' ? [] : [valueText(by)]
  const all = optionsText(fn === 'topK' && by !== undefined ? { by, ...options } : options)
  const parts = [
    ...(column === undefined ? [] : [valueText(column)]),
    ...second,
    ...(q === undefined ? [] : [String(q)]),
    ...(k === undefined ? [] : [String(k)]),
    ...(limits === undefined ? [] : [valueText(limits)]),
    ...(halfLifeMs === undefined ? [] : [`'${durationText(halfLifeMs)}'`]),
    ...(all === '' ? [] : [all]),
  ]
  return `${name}(${parts.join(', ')})${where === undefined ? '' : `.where(${expressionText(where, names)})`}`
}

/** Options as an object; nothing when there are none. `raw`: fields that are code. */
export function optionsText(options: Readonly<Record<string, unknown>>, raw: readonly string[] = []): string {
  const fields = [...raw, ...Object.entries(options).map(([name, value]) => `${property(name)}: ${valueText(value)}`)]
  return fields.length === 0 ? '' : `{ ${fields.join(', ')} }`
}

function property(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : valueText(name)
}

function valueText(value: unknown): string {
  if (typeof value === 'string') return `'${JSON.stringify(value).slice(1, -1).replaceAll("'", "\\'").replaceAll('\\"', '"')}'`
  if (Array.isArray(value)) return `[${value.map(valueText).join(', ')}]`
  if (typeof value === 'object' && value !== null) return optionsText(value as Readonly<Record<string, unknown>>) || '{}'
  return String(value)
}
