/**
 * The jobs under faults.
 *
 * Before: nothing. After: fault-start runs them in pages, oracle.ts in Node.
 * `paced` rows are those of a bounded source, so which are late follows from the rows alone. A WebSocket is live: there the watermark also
 * depends on when rows come, so its job has a bound that none of them passes.
 */

import { boundedOutOfOrderness, count, f64, type Job, last, mean, pipeline, schema, sum, timestamp, tumbling, utf8 } from 'millrace'
import { fleetJob } from '../support/fleet-pipeline.ts'
import type { FaultSource } from './fault-options.ts'

/** Both jobs have these. */
export const FAULT_SINKS = ['minutes', 'late'] as const

/** The job for rows of a kind. */
export function faultJob(source: FaultSource): Job {
  return source === 'paced' ? fleetJob() : feedJob()
}

function feedJob() {
  return pipeline('feed')
    .source('readings', schema({ device: utf8(), at: timestamp(), celsius: f64() }))
    .eventTime('at', boundedOutOfOrderness('31s', { everyRecords: 256, flushAfter: Number.POSITIVE_INFINITY }))
    .keyBy('device')
    .window(tumbling('10s'))
    .lateTo('late')
    .aggregate({ n: count(), sum: sum('celsius'), mean: mean('celsius'), last: last('celsius') })
    .sink('minutes')
}
