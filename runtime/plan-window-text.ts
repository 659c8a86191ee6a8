/**
 * A window operator for people: window, trigger, accumulation, evictor, aggregates, in words.
 *
 * Before: a checked plan. After: `plan-explain.ts`. Nothing parses this text.
 *
 * Invariant: every name and string is quoted if it could be mistaken for something else.
 */

import { formatExpression, formatName } from './expression/format.ts'
import type { Expression } from './expression/expression.ts'
import { describeValue } from './plan-problem.ts'
import type {
  AggregateSpec,
  CalendarAnchor,
  CalendarShape,
  EvictorSpec,
  FunctionRef,
  TradingDayShape,
  TriggerSpec,
  WindowShape,
  WindowSpec,
} from './plan-spec.ts'

/** The lines that explain an operator, without those of late records. */
export function windowLines(spec: WindowSpec, isKeyed: boolean): readonly string[] {
  const { trigger, accumulation, closing, evictor, apply } = spec
  const isPlain = trigger.kind === 'onWatermark' && Object.keys(trigger).length === 1
  const unchanged = spec.emitUnchanged === true ? ', unchanged results too' : ''
  return [
    `window: ${windowText(spec)}${isKeyed ? '' : ', not keyed'}`,
    ...(isPlain ? [] : [`trigger: ${triggerText(trigger)}`]),
    ...(accumulation === 'accumulating' ? [] : [`panes: ${accumulation}${unchanged}`]),
    ...(spec.emptyPanes === true ? ['panes: also when empty at the end'] : []),
    ...(closing === 'none' ? [] : [`last pane when it expires: ${closing === 'always' ? 'always' : 'if there are new records'}`]),
    ...(evictor === undefined ? [] : [`evict: ${evictorText(evictor)}`]),
    ...(spec.keepRecords === true ? ['keeps its records'] : []),
    ...(apply === undefined ? [] : [`rows by a JavaScript function: ${Object.keys(apply.schema).map(formatName).join(', ')}`]),
  ]
}

/** The window in a few words. */
export function windowText({ window, time }: WindowSpec): string {
  return `${shapeText(window)}${time === 'processing' ? ', in processing time' : ''}`
}

function shapeText(window: WindowShape): string {
  switch (window.kind) {
    case 'tumbling':
      return `tumbling ${durationText(window.sizeMs)}${offsetText(window.offsetMs)}`
    case 'sliding':
      return `sliding ${durationText(window.sizeMs)} every ${durationText(window.slideMs)}${offsetText(window.offsetMs)}`
    case 'cumulate':
      return `cumulate ${durationText(window.sizeMs)} by ${durationText(window.stepMs)}${offsetText(window.offsetMs)}`
    case 'session':
      return `session, gap ${window.gap === undefined ? durationText(window.gapMs!) : computedText(window.gap)}${lengthText(window.maxLengthMs)}`
    case 'countTumbling':
      return `${countText(window.n, 'record')}${partialText(window.partial)}`
    case 'countSliding':
      return `${countText(window.n, 'record')}, every ${window.every}${partialText(window.partial)}`
    case 'global':
      return 'global'
    case 'calendar':
      return calendarText(window)
    case 'tradingDay':
      return tradingDayText(window)
    case 'intervals':
      return countText(window.table.length, 'interval')
    case 'around':
      return `around each record, ${durationText(window.beforeMs)} before to ${durationText(window.afterMs)} after`
    case 'slidingByRecord':
      return `sliding by record, difference ${durationText(window.differenceMs)}`
    case 'stateWindow':
      return `from ${computedText(window.open)} to ${computedText(window.close)}${lengthText(window.maxLengthMs)}`
    case 'custom':
      return 'by a JavaScript function'
    default: {
      const never: never = window
      throw new RangeError(String(never))
    }
  }
}

function offsetText(offsetMs: number): string {
  return offsetMs === 0 ? '' : `, offset ${offsetMs < 0 ? '-' : ''}${durationText(Math.abs(offsetMs))}`
}

function lengthText(maxLengthMs: number | undefined): string {
  return maxLengthMs === undefined ? '' : `, at most ${durationText(maxLengthMs)}`
}

function partialText(partial: true | undefined): string {
  return partial === true ? ', fewer at the end of the stream' : ''
}

function computedText(part: Expression | FunctionRef): string {
  return Object.hasOwn(part, 'function') ? 'by a JavaScript function' : formatExpression(part as Expression)
}

function calendarText({ unit, every, timeZone, anchor }: CalendarShape): string {
  const length = every === 1 ? `calendar ${unit}` : `calendar, ${every} ${unit}s`
  return `${length}, ${shown(timeZone)}${anchor === undefined ? '' : `, from ${anchorText(anchor)}`}`
}

function anchorText({ month, day, weekday, hour, minute, from }: CalendarAnchor): string {
  const twoDigits = (value = 0) => String(value).padStart(2, '0')
  const parts = [
    weekday,
    month === undefined ? undefined : `month ${month}`,
    day === undefined ? undefined : `day ${day}`,
    hour === undefined && minute === undefined ? undefined : `${twoDigits(hour)}:${twoDigits(minute)}`,
    from === undefined ? undefined : `counted from ${from}`,
  ]
  return parts.filter((part) => part !== undefined).join(' ')
}

function tradingDayText({ timeZone, sessions, holidays = [], early = {} }: TradingDayShape): string {
  const shownSessions = sessions.slice(0, 3).map(({ days, open, close }) => `${days.join(' ')} ${open}-${close}`)
  const more = sessions.length > 3 ? [`${sessions.length - 3} more`] : []
  const closed = holidays.length === 0 ? [] : [countText(holidays.length, 'holiday')]
  const earlyCount = Object.keys(early).length
  const closesEarly = earlyCount === 0 ? [] : [`${countText(earlyCount, 'day')} closed early`]
  return ['trading day', shown(timeZone), ...shownSessions, ...more, ...closed, ...closesEarly].join(', ')
}

/** A trigger in words, with brackets where they are needed. */
export function triggerText(trigger: TriggerSpec): string {
  const purge = 'purge' in trigger && trigger.purge === true ? ' and purge' : ''
  const list = (of: readonly TriggerSpec[], between: string) => `(${of.map(triggerText).join(between)})`
  switch (trigger.kind) {
    case 'onWatermark': {
      const early = trigger.early === undefined ? '' : `, early ${triggerText(trigger.early)}`
      const late = trigger.late === undefined ? '' : `, late ${triggerText(trigger.late)}`
      return `at the end${purge}${early}${late}`
    }
    case 'onCount':
      return `every ${countText(trigger.n, 'record')}${purge}`
    case 'onProcessingTime':
      return `every ${durationText(trigger.everyMs)} of the clock${purge}`
    case 'afterProcessingTime':
      return `${durationText(trigger.delayMs)} of the clock after the first record${purge}`
    case 'onEventTime':
      return `every ${durationText(trigger.everyMs)} of event time${purge}`
    case 'onRecord':
      return `at records with ${formatExpression(trigger.when)}${purge}`
    case 'onEnd':
      return `at the end of the stream${purge}`
    case 'custom':
      return `at records by a JavaScript function${purge}`
    case 'any':
      return list(trigger.of, ' or ')
    case 'all':
      return list(trigger.of, ' and ')
    case 'inOrder':
      return list(trigger.of, ', then ')
    case 'repeatedly':
      return `repeatedly (${triggerText(trigger.of)})`
    case 'once':
      return `once (${triggerText(trigger.of)})`
    case 'orFinally':
      return `(${triggerText(trigger.of)}) until (${triggerText(trigger.until)})`
    default: {
      const never: never = trigger
      throw new RangeError(String(never))
    }
  }
}

function evictorText(evictor: EvictorSpec): string {
  const when = evictor.after === true ? ', after the pane' : ''
  switch (evictor.kind) {
    case 'count':
      return `all but the last ${countText(evictor.n, 'record')}${when}`
    case 'time':
      return `records ${durationText(evictor.durationMs)} or more older than the newest${when}`
    case 'delta':
      return `records whose ${formatName(evictor.column)} is ${evictor.threshold} or more below that of the last${when}`
    default: {
      const never: never = evictor
      throw new RangeError(String(never))
    }
  }
}

/** Options that are part of the text, in this order. */
const OPTIONS = ['q', 'k', 'precision', 'accuracy', 'limit', 'order', 'separator', 'bounds'] as const

export function aggregateText(spec: AggregateSpec): string {
  const { fn, column, by, where, halfLifeMs } = spec
  const parts = [
    ...(column === undefined ? [] : [formatName(column)]),
    ...(by === undefined ? [] : [fn === 'topK' ? `by ${formatName(by)}` : formatName(by)]),
    ...(['compensated', 'population', 'approximate'] as const).filter((flag) => spec[flag] === true),
    ...OPTIONS.filter((option) => spec[option] !== undefined).map((option) => `${option} ${optionText(spec[option])}`),
    ...(halfLifeMs === undefined ? [] : [`half-life ${durationText(halfLifeMs)}`]),
    ...(spec.function === true ? ['a JavaScript function'] : []),
  ]
  return `${fn}(${parts.join(', ')})${where === undefined ? '' : ` where ${formatExpression(where)}`}`
}

function optionText(value: AggregateSpec[(typeof OPTIONS)[number]]): string {
  if (typeof value === 'string') return describeValue(value)
  if (typeof value !== 'object') return String(value)
  return value.length > 8 ? `${value.slice(0, 8).join(' ')} and ${value.length - 8} more` : value.join(' ')
}

/** Milliseconds in the largest unit that divides them. */
export function durationText(ms: number): string {
  const units = [
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['m', 60_000],
    ['s', 1_000],
  ] as const
  for (const [unit, length] of units) if (ms !== 0 && ms % length === 0) return `${ms / length} ${unit}`
  return `${ms} ms`
}

export function countText(value: number, noun: string): string {
  return `${value.toLocaleString('en-US')} ${noun}${value === 1 ? '' : 's'}`
}

/** A name as it is if it is plain, else quoted with everything unprintable escaped. */
export function shown(name: string): string {
  return /^[\w.:/@-]+$/.test(name) ? name : describeValue(name)
}
