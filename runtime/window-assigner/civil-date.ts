/**
 * Dates and times of day as numbers: days since 1970-01-01 in the proleptic Gregorian calendar, minutes since midnight.
 *
 * Before: texts of a plan, and local times of time-zone.ts. After: calendar-periods.ts and trading-sessions.ts.
 * `Date` is not used, because it ends at ±8.64e15 ms, and periods that hold the last timestamps end beyond.
 *
 * Invariant: no time zone and no clock: a day has 1,440 minutes here. `civilOf(dayOf(y, m, d))` is y, m, d.
 */

export const DAY_MS = 86_400_000
export const MINUTE_MS = 60_000
export const DAY_MINUTES = 1_440

export interface CivilDate {
  readonly year: number
  /** 1 to 12. */
  readonly month: number
  /** 1 to 31. */
  readonly day: number
}

const ERA_DAYS = 146_097

/** Days since 1970-01-01. The algorithm is Howard Hinnant's `days_from_civil`: years begin in March, so that leap days come last. */
export function dayOf(year: number, month: number, day: number): number {
  const marchYear = month <= 2 ? year - 1 : year
  const era = Math.floor(marchYear / 400)
  const yearOfEra = marchYear - era * 400
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1
  return era * ERA_DAYS + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719_468
}

/** The date of a day since 1970-01-01, by Hinnant's `civil_from_days`. */
export function civilOf(day: number): CivilDate {
  const shifted = day + 719_468
  const era = Math.floor(shifted / ERA_DAYS)
  const dayOfEra = shifted - era * ERA_DAYS
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  )
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const marchMonth = Math.floor((5 * dayOfYear + 2) / 153)
  const month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * marchMonth + 2) / 5) + 1,
  }
}

/** Days since 1970-01-01 of the given day of a month, or of the month's last day where it is shorter. Months are counted from year 0. */
export function dayOfMonth(months: number, day: number): number {
  const year = Math.floor(months / 12)
  const month = months - year * 12 + 1
  const next = month === 12 ? dayOf(year + 1, 1, 1) : dayOf(year, month + 1, 1)
  return Math.min(dayOf(year, month, day), next - 1)
}

/** Monday 0 to Sunday 6; 1970-01-01 was a Thursday. */
export function weekdayOf(day: number): number {
  return (((day + 3) % 7) + 7) % 7
}

/** Days since 1970-01-01 of `YYYY-MM-DD`, or null when there is no such day. */
export function parseDate(text: string): number | null {
  if (!/^\d{4}-\d\d-\d\d$/.test(text)) return null
  const [year, month, day] = [Number(text.slice(0, 4)), Number(text.slice(5, 7)), Number(text.slice(8))]
  if (month < 1 || month > 12 || day < 1) return null
  const found = dayOfMonth(year * 12 + month - 1, day)
  return civilOf(found).day === day ? found : null
}

/** Minutes since midnight of `HH:MM`, or null when there is no such time. */
export function parseTimeOfDay(text: string): number | null {
  if (!/^([01]\d|2[0-3]):[0-5]\d$/.test(text)) return null
  return Number(text.slice(0, 2)) * 60 + Number(text.slice(3))
}
