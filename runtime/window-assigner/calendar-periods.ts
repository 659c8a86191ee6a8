/**
 * Calendar windows: days, weeks, months, quarters and years on the clocks of a time zone, or several of them.
 *
 * Before: a checked {@link CalendarShape}. After: segment.ts, which asks once for a period.
 *
 * Periods are numbered. Period 0 begins in the ISO week (Monday to Sunday), month, quarter or year of `anchor.from`, or of 1970-01-01;
 * period i begins `i * every` units later, and ends where the next begins. Begins are local times (a day or more apart), made
 * instants by time-zone.ts: a begin in a gap is moved later by the gap, one in an overlap is the first of the two. No gap is longer
 * than a day, so begins stay in order; where a zone has left out a whole day, two coincide and that day has no window.
 *
 * Invariant: windows tile the line: each ends where the next begins, and every time is in exactly one.
 */

import type { CalendarShape } from '../plan-spec.ts'
import { WEEKDAYS } from './calendar-spec.ts'
import { civilOf, DAY_MS, dayOfMonth, MINUTE_MS, parseDate, weekdayOf } from './civil-date.ts'
import type { Segment, SegmentSource } from './segment.ts'
import { TimeZone } from './time-zone.ts'

export class CalendarPeriods implements SegmentSource {
  readonly #zone: TimeZone
  readonly #geometry: PeriodGeometry

  constructor(shape: CalendarShape) {
    this.#zone = new TimeZone(shape.timeZone)
    this.#geometry = geometryOf(shape)
  }

  segmentAt(timeMs: number): Segment {
    // The local time tells the period, but for times near a change of the clocks: there it is a neighbour.
    let period = this.#geometry.periodAt(this.#zone.localOf(timeMs))
    let startMs = this.#beginOf(period)
    while (startMs > timeMs) startMs = this.#beginOf(--period)
    let endMs = this.#beginOf(period + 1)
    while (endMs <= timeMs) {
      startMs = endMs
      endMs = this.#beginOf(++period + 1)
    }
    return { fromMs: startMs, untilMs: endMs, starts: [startMs], ends: [endMs] }
  }

  #beginOf(period: number): number {
    return this.#zone.instantOf(this.#geometry.beginOf(period))
  }
}

/** Periods in local time, where every day has 24 hours. */
interface PeriodGeometry {
  beginOf(period: number): number
  /** The period with the latest begin that is not after a local time. */
  periodAt(localMs: number): number
}

function geometryOf({ unit, every, anchor = {} }: CalendarShape): PeriodGeometry {
  const timeOfDayMs = ((anchor.hour ?? 0) * 60 + (anchor.minute ?? 0)) * MINUTE_MS
  const from = anchor.from === undefined ? 0 : parseDate(anchor.from)!
  // An anchor that names a date and no day, month or weekday means that a period begins on that date.
  const isDate = anchor.from !== undefined && anchor.month === undefined && anchor.day === undefined && anchor.weekday === undefined
  const { year, month, day } = civilOf(from)
  switch (unit) {
    case 'day':
      return dayPeriods(from * DAY_MS + timeOfDayMs, every)
    case 'week': {
      const weekday = isDate ? weekdayOf(from) : WEEKDAYS.indexOf(anchor.weekday ?? 'monday')
      return dayPeriods((from - weekdayOf(from) + weekday) * DAY_MS + timeOfDayMs, every * 7)
    }
    case 'month':
      return monthPeriods(year * 12 + month - 1, isDate ? day : (anchor.day ?? 1), timeOfDayMs, every)
    case 'quarter': {
      const first = year * 12 + Math.floor((month - 1) / 3) * 3
      const monthOfQuarter = ((isDate ? month : (anchor.month ?? 1)) - 1) % 3
      return monthPeriods(first + monthOfQuarter, isDate ? day : (anchor.day ?? 1), timeOfDayMs, every * 3)
    }
    case 'year': {
      const monthOfYear = (isDate ? month : (anchor.month ?? 1)) - 1
      return monthPeriods(year * 12 + monthOfYear, isDate ? day : (anchor.day ?? 1), timeOfDayMs, every * 12)
    }
    default: {
      const unknown: never = unit
      throw new RangeError(`No calendar unit ${String(unknown)}`)
    }
  }
}

function dayPeriods(originMs: number, days: number): PeriodGeometry {
  const lengthMs = days * DAY_MS
  return {
    beginOf: (period) => originMs + period * lengthMs,
    periodAt: (localMs) => Math.floor((localMs - originMs) / lengthMs),
  }
}

/** @param originMonth - Months from year 0 to that of period 0. */
function monthPeriods(originMonth: number, day: number, timeOfDayMs: number, months: number): PeriodGeometry {
  const beginOf = (period: number): number => dayOfMonth(originMonth + period * months, day) * DAY_MS + timeOfDayMs
  return {
    beginOf,
    periodAt(localMs) {
      const { year, month } = civilOf(Math.floor(localMs / DAY_MS))
      const period = Math.floor((year * 12 + month - 1 - originMonth) / months)
      return beginOf(period) > localMs ? period - 1 : period
    },
  }
}
