/**
 * A pipeline of the pane kernel, and rows for it: sessions, early and late panes, retractions, medians and lists, a window by count and one
 * of the calendar. Run unchanged in Node and in the browser, results must be equal.
 */

import {
  boundedOutOfOrderness,
  calendar,
  collect,
  count,
  countDistinct,
  countTumbling,
  customAggregate,
  early,
  f64,
  median,
  onCount,
  onWatermark,
  pipeline,
  schema,
  session,
  sum,
  timestamp,
  topK,
  tumbling,
  utf8,
} from 'millrace'
import { Prng } from './prng.ts'

/** The sinks of the job. */
export const VISIT_SINKS = ['sessions', 'minutes', 'tens', 'days', 'late'] as const

export function visitsJob() {
  const visits = pipeline('visits')
    .source('readings', schema({ user: utf8(), page: utf8(), at: timestamp(), seconds: f64() }))
    .eventTime('at', boundedOutOfOrderness('2s', { everyRecords: 256 }))
    .keyBy('user')
  const sessions = visits
    .window(session('4s'))
    .allowedLateness('10s')
    .lateTo('late')
    .trigger(onWatermark({ early: onCount(5) }))
    .retracting()
    .aggregate({ visits: count(), middle: median('seconds'), pages: topK('page', 3), all: collect('page', { limit: 5 }) })
    .sink('sessions')
  const minutes = visits
    .window(tumbling('1m'))
    .trigger(early({ every: '10s' }))
    .discarding()
    .aggregate({
      visits: count(),
      pages: countDistinct('page'),
      about: countDistinct('seconds', { approximate: true }),
      longest: customAggregate({
        create: () => 0,
        add: (most: number, row: { readonly seconds: number | null }) => Math.max(most, row.seconds ?? 0),
        merge: Math.max,
        result: (most) => ({ seconds: most }),
      }),
    })
    .sink('minutes')
  const tens = visits
    .window(countTumbling(10))
    .aggregate({ total: sum('seconds'), middle: median('seconds') })
    .sink('tens')
  const days = visits
    .window(calendar('day', { timeZone: 'America/New_York', anchor: { hour: 17, minute: 30 } }))
    .aggregate({ visits: count(), pages: topK('page', 2) })
    .sink('days')
  return days.and(tens).and(minutes).and(sessions)
}

/** Visits of 40 users, a tenth of a second apart, a fifth of them late, a few nulls, a few far too late; the day changes among them. */
export function visitRows(length: number): object[] {
  const prng = new Prng(11)
  return Array.from({ length }, (_, index) => {
    const delay = prng.next() < 0.2 ? prng.int(prng.next() < 0.05 ? 40_000 : 4_000) : 0
    return {
      user: `user-${prng.int(40)}`,
      page: prng.next() < 0.02 ? null : `/page-${Math.floor(prng.next() ** 2 * 30)}`,
      at: 1_700_000_000_000 + index * 100 - delay,
      seconds: prng.next() < 0.01 ? null : Math.round(prng.next() * 8_000) / 100,
    }
  })
}
