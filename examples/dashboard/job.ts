/**
 * The pipeline of the dashboard: every device's window of five seconds, the fleet as a whole, and its trend, all by event time.
 *
 * Before: readings of the fleet, in any order. After: job-worker.ts binds sources and sinks.
 *
 * Invariant: there is one filter before the branches and none behind, so that for the windows of devices
 * readings = counted + late + filtered + dead letters.
 */

import {
  bool,
  boundedOutOfOrderness,
  col,
  count,
  f64,
  max,
  mean,
  min,
  onProcessingTime,
  onWatermark,
  pipeline,
  quantile,
  schema,
  sliding,
  timestamp,
  tumbling,
  utf8,
} from 'millrace'
import { DISORDER_MS, FUTURE_MS, LATENESS_MS, WINDOW_MS } from './cells.ts'

const readings = pipeline('fleet')
  // `number` counts the readings of the whole fleet; `traced` ones are drawn as dots on their way.
  .source('readings', schema({ number: f64(), device: utf8(), at: timestamp(), celsius: f64(), traced: bool() }))
  .eventTime(
    'at',
    boundedOutOfOrderness(DISORDER_MS, {
      maxFutureSkew: FUTURE_MS,
      // A gap in the connection is no passing of event time: the feed goes on where it was.
      flushAfter: Number.POSITIVE_INFINITY,
    }),
  )
  // A sensor without connection says -127 °C.
  .filter(col('celsius').gt(-100), { uid: 'plausible' })

// The boxes of the event-time picture: filled while they are open, corrected once a second at most when they have closed.
readings
  .window(tumbling(WINDOW_MS), { uid: 'fleet-windows' })
  .trigger(onWatermark({ early: onProcessingTime('200ms'), late: onProcessingTime('1s') }))
  .allowedLateness(LATENESS_MS)
  .closing()
  .aggregate({ n: count(), mean: mean('celsius') })
  .sink('fleet')

// The last ten seconds, every second.
readings
  .window(sliding('10s', '1s'), { uid: 'trend-windows' })
  .aggregate({
    n: count(),
    mean: mean('celsius'),
    low: quantile('celsius', 0.05, { accuracy: 0.002 }),
    middle: quantile('celsius', 0.5, { accuracy: 0.002 }),
    high: quantile('celsius', 0.95, { accuracy: 0.002 }),
  })
  .sink('trend')

export const job = readings
  .keyBy('device')
  .window(tumbling(WINDOW_MS), { uid: 'device-windows' })
  .allowedLateness(LATENESS_MS)
  .lateTo('late')
  .aggregate({ n: count(), mean: mean('celsius'), min: min('celsius'), max: max('celsius') })
  .sink('devices')
