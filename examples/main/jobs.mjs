/**
 * The three pipelines. All have one shape: event time with a bound on disorder, a key, and two windows side by side,
 * one tumbling (with corrections for late records, and what is too late sent aside), one sliding.
 */

import {
  boundedOutOfOrderness,
  col,
  count,
  f64,
  max,
  mean,
  monotonous,
  pipeline,
  schema,
  sliding,
  timestamp,
  tumbling,
  utf8,
} from 'millrace'

/** Quakes of each seismic network by the hour, and by the day of 24 hours every 6 hours. */
export function earthquakeJob() {
  const reports = pipeline('earthquakes')
    .source('reports', schema({ time: timestamp(), updated: timestamp(), mag: f64(), net: utf8(), place: utf8() }))
    // So few records that the watermark is worth evaluating after each.
    .eventTime('time', boundedOutOfOrderness('1h', { everyRecords: 1 }))
    .keyBy('net')
  const measures = { n: count(), mean: mean('mag'), max: max('mag') }
  const hours = reports.window(tumbling('1h')).allowedLateness('12h').lateTo('late').aggregate(measures, { uid: 'hours' }).sink('hours')
  return reports.window(sliding('24h', '6h')).aggregate(measures, { uid: 'days' }).sink('days').and(hours)
}

/** Delays of each airport by the day, and by the week every day. */
export function flightJob() {
  const departures = pipeline('flights')
    .source('flights', schema({ date: timestamp(), delay: f64(), distance: f64(), origin: utf8() }))
    .eventTime('date', monotonous({ everyRecords: 64 }))
    .keyBy('origin')
  const measures = { n: count(), mean: mean('delay'), max: max('delay') }
  const days = departures.window(tumbling('1d')).lateTo('late').aggregate(measures, { uid: 'days' }).sink('days')
  return departures.window(sliding('7d', '1d')).aggregate(measures, { uid: 'weeks' }).sink('weeks').and(days)
}

/** Temperatures of each device by the minute, and which devices were hot over five minutes. */
export function fleetJob() {
  const readings = pipeline('fleet')
    .source('readings', schema({ device: utf8(), at: timestamp(), celsius: f64() }))
    .eventTime('at', boundedOutOfOrderness('5s'))
    .keyBy('device')
  const measures = { n: count(), mean: mean('celsius'), max: max('celsius') }
  const minutes = readings
    .window(tumbling('1m'))
    .allowedLateness('2m')
    .lateTo('late')
    .aggregate(measures, { uid: 'minutes' })
    .sink('minutes')
  const hot = readings.window(sliding('5m', '1m')).aggregate(measures, { uid: 'five-minutes' }).filter(col('mean').gt(60)).sink('hot')
  return hot.and(minutes)
}
