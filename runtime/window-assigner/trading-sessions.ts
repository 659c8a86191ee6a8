/**
 * Trading-day windows: the sessions of an exchange, from open to close, on the clocks of its time zone.
 *
 * Before: a checked {@link TradingDayShape}. After: segment.ts, which asks once for a piece of a day.
 *
 * Each session is a window of its own: a day with a lunch break has two. A session belongs to the day on which it opens, also when it
 * closes on the next: `days`, `holidays` and `early` mean that day. (Calendars of futures often name an overnight session by
 * the day it closes; here its days are those before.) Sessions may overlap, as regular and extended hours do; a record is in all.
 *
 * Invariant: segments end at every open, every close and every local midnight, so they are the same from wherever they are looked for.
 */

import type { TradingDayShape, TradingSession } from '../plan-spec.ts'
import { sessionMinutes, SHORT_WEEKDAYS } from './calendar-spec.ts'
import { DAY_MS, MINUTE_MS, parseDate, parseTimeOfDay, weekdayOf } from './civil-date.ts'
import type { Segment, SegmentSource } from './segment.ts'
import { TimeZone } from './time-zone.ts'

interface Bounds {
  readonly startMs: number
  readonly endMs: number
}

export class TradingSessions implements SegmentSource {
  readonly #zone: TimeZone
  readonly #sessions: readonly TradingSession[]
  readonly #holidays: ReadonlySet<number>
  /** Minutes of the early close, by day. */
  readonly #early: ReadonlyMap<number, number>

  constructor(shape: TradingDayShape) {
    this.#zone = new TimeZone(shape.timeZone)
    this.#sessions = shape.sessions
    this.#holidays = new Set((shape.holidays ?? []).map((date) => parseDate(date)!))
    this.#early = new Map(Object.entries(shape.early ?? {}).map(([date, time]) => [parseDate(date)!, parseTimeOfDay(time)!]))
  }

  segmentAt(timeMs: number): Segment {
    const today = Math.floor(this.#zone.localOf(timeMs) / DAY_MS)
    const windows: Bounds[] = []
    const cuts: number[] = []
    // Sessions last a day at most. Two days on either side also hold where a zone has repeated or left out a day.
    for (let day = today - 2; day <= today + 2; day++) {
      cuts.push(this.#zone.instantOf(day * DAY_MS))
      for (const bounds of this.#sessionsOf(day)) {
        windows.push(bounds)
        cuts.push(bounds.startMs, bounds.endMs)
      }
    }
    const holding = windows
      .filter(({ startMs, endMs }) => startMs <= timeMs && timeMs < endMs)
      .sort((a, b) => a.startMs - b.startMs || a.endMs - b.endMs)
      .filter(({ startMs, endMs }, index, all) => startMs !== all[index - 1]?.startMs || endMs !== all[index - 1]?.endMs)
    return {
      fromMs: Math.max(...cuts.filter((cut) => cut <= timeMs)),
      untilMs: Math.min(...cuts.filter((cut) => cut > timeMs)),
      starts: holding.map(({ startMs }) => startMs),
      ends: holding.map(({ endMs }) => endMs),
    }
  }

  #sessionsOf(day: number): Bounds[] {
    if (this.#holidays.has(day) || !this.#exists(day)) return []
    const weekday = SHORT_WEEKDAYS[weekdayOf(day)]!
    const early = this.#early.get(day) ?? null
    return this.#sessions
      .filter(({ days }) => days.includes(weekday))
      .map((session) => {
        const openMs = day * DAY_MS + parseTimeOfDay(session.open)! * MINUTE_MS
        const closeMs = openMs + sessionMinutes(session, early) * MINUTE_MS
        return { startMs: this.#zone.instantOf(openMs), endMs: this.#zone.instantOf(closeMs) }
      })
      .filter(({ startMs, endMs }) => startMs < endMs)
  }

  /** False for a day that the zone has left out, as Samoa did with 2011-12-30. */
  #exists(day: number): boolean {
    const noonMs = day * DAY_MS + DAY_MS / 2
    return Math.floor(this.#zone.localOf(this.#zone.instantOf(noonMs)) / DAY_MS) === day
  }
}
