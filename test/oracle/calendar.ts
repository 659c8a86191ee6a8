/**
 * Calendar windows by walking from day to day with a date library: slow, and obvious.
 *
 * Before: a shape and a time. After: the tests of calendar windows, which must agree.
 *
 * Invariant: shares nothing with the product: dates and zones are those of temporal-polyfill.
 */

import { Temporal } from 'temporal-polyfill'
import type { CalendarShape } from '../../runtime/plan-spec.ts'

const WEEKDAYS = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday']

/** The window of a time: from the last begin at or before it to the first begin after it. */
export function oracleCalendar(shape: CalendarShape, timeMs: number): [number, number] {
  let date = Temporal.Instant.fromEpochMilliseconds(timeMs).toZonedDateTimeISO(shape.timeZone).toPlainDate().add({ days: 1 })
  while (!beginsOn(shape, date) || beginOf(shape, date) > timeMs) date = date.subtract({ days: 1 })
  const start = beginOf(shape, date)
  while (!beginsOn(shape, date) || beginOf(shape, date) <= timeMs) date = date.add({ days: 1 })
  return [start, beginOf(shape, date)]
}

function beginOf({ timeZone, anchor = {} }: CalendarShape, date: Temporal.PlainDate): number {
  const local = date.toPlainDateTime({ hour: anchor.hour ?? 0, minute: anchor.minute ?? 0 })
  return local.toZonedDateTime(timeZone, { disambiguation: 'compatible' }).epochMilliseconds
}

function beginsOn({ unit, every, anchor = {} }: CalendarShape, date: Temporal.PlainDate): boolean {
  const from = Temporal.PlainDate.from(anchor.from ?? '1970-01-01')
  const isDate = anchor.from !== undefined && anchor.month === undefined && anchor.day === undefined && anchor.weekday === undefined
  const isCounted = (units: number) => units % every === 0
  const isDay = date.day === Math.min(isDate ? from.day : (anchor.day ?? 1), date.daysInMonth)
  const months = (date.year - from.year) * 12 + date.month - from.month
  const month = isDate ? from.month : (anchor.month ?? 1)
  switch (unit) {
    case 'day':
      return isCounted(from.until(date).days)
    case 'week': {
      const weekday = isDate ? from.dayOfWeek : WEEKDAYS.indexOf(anchor.weekday ?? 'monday') + 1
      const monday = from.subtract({ days: from.dayOfWeek - 1 })
      return date.dayOfWeek === weekday && isCounted(Math.floor(monday.until(date).days / 7))
    }
    case 'month':
      return isDay && isCounted(months)
    case 'quarter': {
      const quarters = (date.year - from.year) * 4 + Math.ceil(date.month / 3) - Math.ceil(from.month / 3)
      return isDay && (date.month - month) % 3 === 0 && isCounted(quarters)
    }
    case 'year':
      return isDay && date.month === month && isCounted(date.year - from.year)
  }
}
