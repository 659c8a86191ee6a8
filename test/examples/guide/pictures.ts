/**
 * The jobs and records that the pictures of windows in GUIDE.md are drawn from, by the names of their markers.
 *
 * Before: `drawing.ts`, which draws. After: `guide-claims.test.ts`.
 */

import {
  around,
  calendar,
  col,
  count,
  countSliding,
  countTumbling,
  cumulate,
  customWindow,
  f64,
  intervals,
  monotonous,
  pipeline,
  schema,
  session,
  sliding,
  slidingByRecord,
  stateWindow,
  timestamp,
  tradingDay,
  tumbling,
  utf8,
  type WindowDeclaration,
} from '../../../runtime/index.ts'
import { type LineOptions, windowsLine } from './drawing.ts'

/** The prelude of the guide. */
export const readings = () =>
  pipeline('guide')
    .source('readings', schema({ device: utf8(), at: timestamp(), value: f64() }))
    .eventTime('at', monotonous({ everyRecords: 1 }))

export const at = (...seconds: number[]) => seconds.map((second) => ({ device: 'a', at: second * 1000, value: second }))

const five = at(1, 4, 9, 10, 25)

function line(window: WindowDeclaration, rows: readonly object[] = five, options: LineOptions = {}): Promise<string> {
  return windowsLine(readings().window(window).aggregate({ n: count() }).sink('out'), rows, options)
}

const HOUR = 3_600_000
const DAY = 24 * HOUR
const weekdays = ['mon', 'tue', 'wed', 'thu', 'fri'] as const
const seconds = (start: number, end: number) => ({ start: start * 1000, end: end * 1000 })
const date = (year: number, month: number, day: number, hour = 0) => ({ device: 'a', at: Date.UTC(year, month - 1, day, hour), value: 1 })

export const windowPictures: Readonly<Record<string, () => Promise<string>>> = {
  tumbling: () => line(tumbling('10s')),
  sliding: () => line(sliding('10s', '5s')),
  'sliding with gaps': () => line(sliding('5s', '10s')),
  cumulate: () => line(cumulate('10s', '5s')),
  session: () => line(session('5s')),
  'session with a maximum length': () => line(session('5s', { maxLength: '6s' }), at(0, 2, 4, 6, 8)),
  'count tumbling': () => line(countTumbling(2)),
  'count sliding': () => line(countSliding(3, 1)),
  around: () => line(around('2s', '2s')),
  'sliding by record': () => line(slidingByRecord('2s')),
  intervals: () => line(intervals([seconds(0, 15), seconds(4, 10), seconds(20, 24)])),
  'custom window': () =>
    line(
      customWindow(({ value }: { value: number | null }, ms) =>
        value === null || value >= 20 ? [] : { start: ms, end: ms + (value % 2 === 1 ? 5000 : 10_000) },
      ) as WindowDeclaration,
    ),
  'state window': () => {
    const job = pipeline('machine')
      .source('events', schema({ event: utf8(), at: timestamp() }))
      .eventTime('at', monotonous())
      .window(stateWindow(col('event').eq('start'), col('event').eq('stop')))
      .aggregate({ n: count() })
      .sink('out')
    const event = (name: string, second: number) => ({ event: name, at: second * 1000 })
    const rows = [event('start', 1), event('work', 3), event('stop', 4), event('work', 6), event('start', 8), event('work', 9)]
    return windowsLine(job, rows, { mark: (row) => ({ start: 'o', stop: 'c' })[(row as { event: string }).event] ?? '●' })
  },
  calendar: () => {
    const rows = [date(2024, 1, 31), date(2024, 2, 28), date(2024, 2, 29), date(2024, 3, 30)]
    const label = (ms: number) => new Date(ms).toUTCString().slice(5, 11)
    return line(calendar('month', { anchor: { day: 31 } }), rows, { columnMs: DAY, fromMs: Date.UTC(2024, 0, 31), axis: 'days', label })
  },
  'trading day': () => {
    const sessions = [
      { days: weekdays, open: '09:00', close: '11:30' },
      { days: weekdays, open: '12:30', close: '15:30' },
    ]
    const window = tradingDay({ timeZone: 'Asia/Tokyo', sessions, early: { '2024-12-30': '15:00' } })
    const tokyo = (day: number, hour: number) => date(2024, 12, day, hour - 9)
    return line(window, [tokyo(30, 9), tokyo(30, 11), tokyo(30, 12), tokyo(30, 13)], {
      columnMs: HOUR / 4,
      labelEvery: 4,
      axis: 'Tokyo',
      fromMs: Date.UTC(2024, 11, 29, 23),
      label: (ms) => new Date(ms + 9 * HOUR).toISOString().slice(11, 13),
    })
  },
}
