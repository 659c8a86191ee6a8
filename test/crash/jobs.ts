/**
 * The jobs that are killed: plain windows on the slice kernel, and every kind of state that the pane kernel keeps.
 *
 * Before: child.ts runs one by its name. After: crash.ts compares the files of their sinks.
 * The day begins at 23:18 in Berlin, in the middle of the input, so that windows of the calendar end under fire too.
 *
 * Invariant: a sink has the name of its file.
 */

import {
  boundedOutOfOrderness,
  calendar,
  collect,
  concat,
  count,
  countDistinct,
  countEvictor,
  countSliding,
  countTumbling,
  early,
  f64,
  last,
  max,
  mean,
  median,
  onCount,
  onEventTime,
  onWatermark,
  pipeline,
  schema,
  session,
  sliding,
  sum,
  timestamp,
  topK,
  tumbling,
  utf8,
} from 'millrace'

function perDevice(name: string, everyRecords: number) {
  return pipeline(name)
    .source('readings', schema({ device: utf8(), at: timestamp(), value: f64() }))
    .eventTime('at', boundedOutOfOrderness('2s', { everyRecords }))
    .keyBy('device')
}

function plainJob() {
  const readings = perDevice('crash-test', 1024)
  const perWindow = readings
    .window(tumbling('10s'))
    .allowedLateness('5s')
    .lateTo('late')
    .aggregate({ rows: count(), total: sum('value'), newest: last('value') })
    .sink('tumbling')
  return readings
    .window(sliding('30s', '10s'))
    .aggregate({ rows: count(), average: mean('value'), most: max('value') })
    .sink('sliding')
    .and(perWindow)
}

function paneJob() {
  const readings = perDevice('crash-test-of-panes', 64)
  const sessions = readings
    .window(session('2s'))
    .allowedLateness('5s')
    .lateTo('late')
    .trigger(onWatermark({ early: onCount(3) }))
    .retracting()
    .aggregate({ rows: count(), total: sum('value'), newest: last('value') })
    .sink('sessions')
  const counted = readings
    .window(countTumbling(50))
    .aggregate({ rows: count(), total: sum('value') })
    .sink('counted')
  const slidingCounts = readings
    .window(countSliding(20, 15, { partial: true }))
    .aggregate({ middle: median('value') })
    .sink('slidingCounts')
  const lists = readings
    .window(tumbling('5s'))
    .allowedLateness('5s')
    .trigger(onWatermark({ early: onEventTime('1s'), late: onCount(2) }))
    .discarding()
    .aggregate({
      values: collect('value', { limit: 40 }),
      devices: concat('device', { limit: 3 }),
      most: topK('value', 3),
      different: countDistinct('value'),
    })
    .sink('lists')
  const days = readings
    .window(calendar('day', { timeZone: 'Europe/Berlin', anchor: { hour: 23, minute: 18 } }))
    .trigger(early({ every: '20s' }))
    .aggregate({ rows: count(), middle: median('value'), newest: last('value') })
    .sink('days')
  const kept = readings
    .window(sliding('10s', '5s'))
    .evict(countEvictor(5))
    .aggregate({ rows: count(), total: sum('value') })
    .sink('kept')
  return kept.and(days).and(lists).and(slidingCounts).and(counted).and(sessions)
}

export const CRASH_JOBS = { plain: plainJob, panes: paneJob }
export type CrashJobName = keyof typeof CRASH_JOBS

/** The sinks of each job. */
export const CRASH_SINKS: Readonly<Record<CrashJobName, readonly string[]>> = {
  plain: ['tumbling', 'sliding', 'late'],
  panes: ['sessions', 'counted', 'slidingCounts', 'lists', 'days', 'kept', 'late'],
}
