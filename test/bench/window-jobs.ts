/**
 * The jobs that are measured: W1, and windows of the pane kernel beside it.
 *
 * Before: main.ts picks them by name. After: job-run.ts runs one over the columns of input.ts.
 * All but the named exceptions compute the aggregates of W1, so that what differs is the window.
 *
 * Invariant: every job reads the source `events` and feeds the sink `windows`.
 */

import {
  boundedOutOfOrderness,
  calendar,
  count,
  countDistinct,
  countTumbling,
  cumulate,
  early,
  f64,
  type Job,
  max,
  median,
  min,
  onCount,
  pipeline,
  schema,
  session,
  sliding,
  sum,
  timestamp,
  tumbling,
  utf8,
} from 'millrace'

const keyed = () =>
  pipeline('w1')
    .source('events', schema({ key: utf8(), at: timestamp(), value: f64() }))
    .eventTime('at', boundedOutOfOrderness('5s', { everyRecords: 4096 }))
    .keyBy('key')
const four = { n: count(), sum: sum('value'), min: min('value'), max: max('value') }

export const W1: Job = keyed().window(tumbling('1s')).aggregate(four).sink('windows')

export const PANE_JOBS: Readonly<Record<string, Job>> = {
  'session 2 s': keyed().window(session('2s')).aggregate(four).sink('windows'),
  'session 200 ms': keyed().window(session('200ms')).aggregate(four).sink('windows'),
  'tumbling 1 s, early every 100 records': keyed()
    .window(tumbling('1s'))
    .trigger(early(onCount(100)))
    .aggregate(four)
    .sink('windows'),
  'tumbling 1 s, early every 5 records, retracting': keyed()
    .window(tumbling('1s'))
    .trigger(early(onCount(5)))
    .retracting()
    .aggregate(four)
    .sink('windows'),
  'cumulate 10 s by 1 s': keyed().window(cumulate('10s', '1s')).aggregate(four).sink('windows'),
  'sliding 10 s by 1 s, retracting': keyed().window(sliding('10s', '1s')).retracting().aggregate(four).sink('windows'),
  'tumbling 1 s, median': keyed()
    .window(tumbling('1s'))
    .aggregate({ middle: median('value') })
    .sink('windows'),
  'tumbling 1 s, countDistinct': keyed()
    .window(tumbling('1s'))
    .aggregate({ distinct: countDistinct('value') })
    .sink('windows'),
  'tumbling 1 s, countDistinct approximate': keyed()
    .window(tumbling('1s'))
    .aggregate({ distinct: countDistinct('value', { approximate: true }) })
    .sink('windows'),
  'countTumbling 100': keyed().window(countTumbling(100)).aggregate(four).sink('windows'),
  'calendar day': keyed().window(calendar('day')).aggregate(four).sink('windows'),
}
