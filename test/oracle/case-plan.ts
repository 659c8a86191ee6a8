/**
 * A conformance case as the oracle takes it: its configuration as a plan, its elements as records.
 *
 * Before: the documented format of the cases. After: case-run.ts feeds the oracle.
 *
 * Invariant: a rule of another dialect is written into the plan here, by the dialect's name, never by the case's.
 */

import type { Case, Element } from '../conformance/case.ts'
import type { Aggregate, Bounds, Evictor, PanePlan, Row, Shape, Trigger } from './panes/plan.ts'

export type Json = Readonly<Record<string, unknown>>

const TIME_MAX_MS = 8.64e15

/** MAX and MIN are the ends of the time that the product knows. */
export function timeOf(value: unknown): number {
  if (typeof value === 'number') return value
  const [, end, less] = /^(MAX|MIN)(?:-(\d+))?$/.exec(String(value)) ?? []
  if (end === undefined) throw new RangeError(`No time: ${String(value)}`)
  return (end === 'MAX' ? TIME_MAX_MS : -TIME_MAX_MS) - Number(less ?? 0)
}

export function planOfCase({ config, dialect }: Case & { readonly dialect?: string }): PanePlan {
  const given = config as unknown as Json
  const isBeam = dialect === 'beam'
  const trigger = config.trigger === undefined ? undefined : triggerOf(config.trigger as unknown as Json)
  const closings: Readonly<Record<string, PanePlan['closing']>> = { 'fire-always': 'always', 'fire-if-non-empty': 'ifNonEmpty' }
  const closing = closings[String(config.closing)] ?? (isBeam ? 'ifNonEmpty' : undefined)
  return {
    window: shapeOf(config.window as unknown as Json),
    time: config.time === 'processing' ? 'processing' : 'event',
    ...(trigger === undefined ? {} : { trigger: config.triggerFinishes === true ? finishing(trigger) : trigger }),
    ...(config.accumulation === undefined ? {} : { accumulation: config.accumulation as 'discarding' }),
    ...(config.accumulation === 'retracting' && given['suppressUnchanged'] !== true ? { emitUnchanged: true } : {}),
    ...(closing === undefined ? {} : { closing }),
    ...(isBeam && config.onTime !== 'fire-if-non-empty' ? { emptyPanes: true } : {}),
    ...(config.evictor === undefined ? {} : { evictor: evictorOf(config.evictor as unknown as Json) }),
    allowedLatenessMs: config.allowedLateness ?? 0,
    aggregates: AGGREGATES[config.aggregate!]!,
  }
}

/** A trigger that is not repeated. */
function finishing(trigger: Trigger): Trigger {
  return ['repeatedly', 'orFinally', 'inOrder'].includes(trigger.kind) ? trigger : { kind: 'once', of: trigger }
}

const AGGREGATES: Readonly<Record<string, Readonly<Record<string, Aggregate>>>> = {
  sum: { sum: { fn: 'sum', column: 'value' } },
  count: { count: { fn: 'count' } },
  max: { max: { fn: 'max', column: 'value' } },
  list: { list: { fn: 'collect', column: 'value' } },
  concat: { list: { fn: 'collect', column: 'value', order: 'arrival' } },
  'sum-count': { sum: { fn: 'sum', column: 'value' }, count: { fn: 'count' } },
  'count-min-max': { count: { fn: 'count' }, min: { fn: 'min', column: 'value' }, max: { fn: 'max', column: 'value' } },
}

/** The value of a result as the case writes it. */
export function valueOfCase({ config }: Case, values: Json): unknown {
  switch (config.aggregate) {
    case 'concat':
      return [(config as unknown as Json)['concatSeed'] ?? '', ...(values['list'] as unknown[])].join('+')
    case 'list':
      return [...(values['list'] as number[])].sort((a, b) => a - b)
    case 'sum-count':
    case 'count-min-max':
      return values
    default:
      return values[config.aggregate!]
  }
}

/** The columns of an element; `gap` is that of its own session. */
export function rowOfCase({ config }: Case, { key, value }: Element): Row {
  const row = { key: key === undefined ? null : String(key), value: (value ?? null) as number | null }
  const window = config.window as unknown as Json
  if (window['type'] === 'session-dynamic') {
    const rules = window['gaps'] as readonly { readonly when: Json; readonly gap: number }[]
    const rule = rules.find(({ when }) => Object.entries(when).every(([name, wanted]) => (row as Json)[name] === wanted))
    return { ...row, gap: rule?.gap ?? null }
  }
  return window['type'] === 'session' ? { ...row, gap: window['zeroLengthWhenValue'] === value ? 0 : (window['gap'] as number) } : row
}

export function shapeOf(window: Json): Shape {
  const number = (name: string) => window[name] as number
  const offsetMs = (window['offset'] as number | undefined) ?? 0
  switch (window['type']) {
    case 'tumbling':
      return { kind: 'tumbling', sizeMs: number('size'), offsetMs }
    case 'sliding':
      return { kind: 'sliding', sizeMs: number('size'), slideMs: number('slide'), offsetMs }
    case 'cumulative':
      return { kind: 'cumulate', sizeMs: number('size'), stepMs: number('step'), offsetMs }
    case 'session':
    case 'session-dynamic':
      return { kind: 'session', gap: { column: 'gap' } }
    case 'global':
      return { kind: 'global' }
    case 'count':
      return { kind: 'countSliding', n: number('size'), every: (window['slide'] as number | undefined) ?? number('size') }
    case 'kafka-sliding':
      return { kind: 'slidingByRecord', differenceMs: number('timeDifference') }
    case 'calendar':
      return { kind: 'assigned', windows: (timeMs) => [calendarUtc(window, timeMs)] }
    default:
      throw new RangeError(`No window ${JSON.stringify(window)}`)
  }
}

/** Calendar periods in UTC, walked one by one from a first one. */
function calendarUtc(window: Json, timeMs: number): Bounds {
  const count = (window['count'] as number | undefined) ?? 1
  const [year, month] = String(window['startMonth'] ?? '2000-01')
    .split('-')
    .map(Number) as [number, number]
  const days = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday']
  const startDay = days.indexOf(String(window['startDay'] ?? 'monday'))
  const begin = (period: number): number => {
    switch (window['unit']) {
      case 'day':
        return Date.UTC(2000, 0, 1 + period * count)
      case 'week':
        // 2 January 2000 was a Sunday.
        return Date.UTC(2000, 0, 2 + startDay + period * count * 7)
      case 'month':
        return Date.UTC(year, month - 1 + period * count, (window['dayOfMonth'] as number | undefined) ?? 1)
      default:
        return Date.UTC(2000 + period * count, 0, 1)
    }
  }
  let period = 0
  while (begin(period) > timeMs) period--
  while (begin(period + 1) <= timeMs) period++
  return { start: begin(period), end: begin(period + 1) }
}

function triggerOf(trigger: Json): Trigger {
  const purge = trigger['purge'] === true ? { purge: true as const } : {}
  const one = (name: string) => triggerOf(trigger[name] as Json)
  const several = () => (trigger['of'] as readonly Json[]).map(triggerOf)
  switch (trigger['type']) {
    case 'event-time':
    case 'processing-time':
      return {
        kind: 'onWatermark',
        ...(trigger['early'] === undefined ? {} : { early: one('early') }),
        ...(trigger['late'] === undefined ? {} : { late: one('late') }),
        ...purge,
      }
    case 'processing-time-periodic':
      return { kind: 'onProcessingTime', everyMs: trigger['interval'] as number, ...purge }
    case 'after-processing-time':
      return { kind: 'afterProcessingTime', delayMs: trigger['delay'] as number, ...purge }
    case 'continuous-event-time':
      return { kind: 'onEventTime', everyMs: trigger['interval'] as number, ...purge }
    case 'count':
      return { kind: 'onCount', n: trigger['count'] as number, ...purge }
    case 'every-element':
      return { kind: 'onCount', n: 1, ...purge }
    case 'end-of-stream':
      return { kind: 'onEnd', ...purge }
    case 'window-full':
      return { kind: 'onWatermark' }
    case 'repeatedly':
      return { kind: 'repeatedly', of: one('of') }
    case 'after-first':
      return { kind: 'any', of: several() }
    case 'after-all':
      return { kind: 'all', of: several() }
    case 'after-each':
      return { kind: 'inOrder', of: several() }
    case 'or-finally':
      return { kind: 'orFinally', of: one('of'), until: one('until') }
    default:
      throw new RangeError(`No trigger ${JSON.stringify(trigger)}`)
  }
}

function evictorOf(evictor: Json): Evictor {
  const after = evictor['after'] === true ? { after: true as const } : {}
  switch (evictor['type']) {
    case 'count':
      return { kind: 'count', n: evictor['count'] as number, ...after }
    case 'time':
      return { kind: 'time', durationMs: evictor['size'] as number, ...after }
    default:
      return { kind: 'delta', column: 'value', threshold: evictor['threshold'] as number, ...after }
  }
}
