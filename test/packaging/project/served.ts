/** The job of the job workers: a plan without functions, so that a ready-made worker can run it too. */

import { boundedOutOfOrderness, count, f64, mean, pipeline, schema, timestamp, tumbling, utf8 } from 'millrace'
import { fleetRows } from '../../support/fleet-pipeline.ts'

export const served = pipeline('served')
  .source('readings', schema({ device: utf8(), at: timestamp(), celsius: f64() }))
  .eventTime('at', boundedOutOfOrderness('30s'))
  .keyBy('device')
  .window(tumbling('10s'))
  .aggregate({ n: count(), mean: mean('celsius') })
  .sink('minutes')

export const servedRows = () => fleetRows(5_000)
