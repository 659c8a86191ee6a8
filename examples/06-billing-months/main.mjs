// Bills of a power company: months that begin on the 31st at 06:00 in Berlin. Run: node examples/06-billing-months/main.mjs
//
// In a shorter month the period begins on its last day: 29 February. On 31 March the clocks go forward, so the period before that has
// an hour less than 31 days. No arithmetic on milliseconds finds such bounds.

import { calendar, count, f64, max, monotonous, pipeline, run, schema, sum, timestamp, utf8 } from 'millrace'

const job = pipeline('bills')
  .source('usage', schema({ customer: utf8(), at: timestamp(), kwh: f64() }))
  .eventTime('at', monotonous())
  .keyBy('customer')
  .window(calendar('month', { timeZone: 'Europe/Berlin', anchor: { day: 31, hour: 6 } }))
  .aggregate({ kwh: sum('kwh'), hours: count(), peak: max('kwh') })
  .sink('bills')

// A reading for every hour from 31 January to 30 April: half a kilowatt hour, and two on 31 March.
const from = Date.UTC(2024, 0, 31, 5)
const to = Date.UTC(2024, 3, 30, 4)
const usage = []
for (let at = from; at < to; at += 3_600_000)
  usage.push({ customer: 'ada', at, kwh: new Date(at).getUTCDate() === 31 && at > Date.UTC(2024, 2, 1) ? 2 : 0.5 })

const inBerlin = new Intl.DateTimeFormat('en-GB', { timeZone: 'Europe/Berlin', dateStyle: 'medium', timeStyle: 'short' })
for (const { windowStart, windowEnd, customer, kwh, hours, peak } of await run(job, usage)) {
  console.log(
    `${customer}: ${inBerlin.format(windowStart)} to ${inBerlin.format(windowEnd)}, ${hours} hours: ${kwh} kWh, at most ${peak} an hour`,
  )
}
