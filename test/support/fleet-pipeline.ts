/** A pipeline that touches the whole road, and rows for it: run unchanged in Node and in the browser, results must be equal. */

import { boundedOutOfOrderness, col, count, f64, last, max, mean, pipeline, schema, stddev, sum, timestamp, tumbling, utf8 } from 'millrace'
import { Prng } from './prng.ts'

export function fleetJob() {
  return pipeline('fleet')
    .source('readings', schema({ device: utf8(), at: timestamp(), celsius: f64() }))
    .eventTime('at', boundedOutOfOrderness('2s', { everyRecords: 256 }))
    .filter(col('celsius').gt(-50))
    .keyBy('device')
    .window(tumbling('10s'))
    .allowedLateness('5s')
    .lateTo('late')
    .aggregate({
      n: count(),
      sum: sum('celsius'),
      mean: mean('celsius'),
      max: max('celsius'),
      stddev: stddev('celsius'),
      last: last('celsius'),
    })
    .sink('minutes')
}

/** Readings of 50 devices, a tenth of a second apart, a fifth of them late, a few nulls, a few far too late. */
export function fleetRows(count: number): object[] {
  const prng = new Prng(7)
  return Array.from({ length: count }, (_, index) => {
    const delay = prng.next() < 0.2 ? prng.int(prng.next() < 0.05 ? 30_000 : 4_000) : 0
    return {
      device: `device-${prng.int(50)}`,
      at: 1_700_000_000_000 + index * 100 - delay,
      celsius: prng.next() < 0.01 ? null : Math.round(prng.next() * 8000) / 100 - 55,
    }
  })
}
