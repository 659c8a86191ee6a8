// Results before a window closes, for a dashboard. Run: node examples/07-dashboard/main.mjs
//
// A window of a minute gives a result at every second order, a final one when the watermark has passed it, and a correction for
// every two late orders; `closing` sees to it that a single one is not forgotten. `callbackSink` hands results on as they come.
// On a live stream write `onProcessingTime('1s')` in place of `onCount(2)`.

import { boundedOutOfOrderness, callbackSink, count, f64, onCount, onWatermark, pipeline, rowsSource, schema, start } from 'millrace'
import { sum, timestamp, topK, tumbling, utf8 } from 'millrace'

const job = pipeline('dashboard')
  .source('orders', schema({ product: utf8(), at: timestamp(), amount: f64() }))
  .eventTime('at', boundedOutOfOrderness('5s', { everyRecords: 1 }))
  .window(tumbling('1m'))
  .trigger(onWatermark({ early: onCount(2), late: onCount(2) }))
  .allowedLateness('10m')
  .closing('ifNonEmpty')
  .aggregate({ orders: count(), revenue: sum('amount'), best: topK('product', 2) })
  .sink('minutes')

const order = (second, product, amount) => ({ product, at: Date.UTC(2026, 0, 1, 12, 0, second), amount })
const orders = rowsSource([
  order(3, 'lamp', 40),
  order(10, 'chair', 90),
  order(20, 'lamp', 40),
  order(31, 'lamp', 40),
  order(44, 'desk', 300),
  order(66, 'desk', 300), // the watermark is 60.999 s: the first minute is final
  order(50, 'chair', 90), // late: waits for a second one, or for the window to go
])

const timings = ['so far', 'final', 'corrected']
const minutes = callbackSink((rows, { panes }) => {
  rows.forEach(({ windowStart, orders, revenue, best }, row) => {
    const minute = new Date(windowStart).toISOString().slice(11, 16)
    const favourites = best.map(({ value, count }) => `${count} ${value}`).join(', ')
    console.log(`${minute}  ${timings[panes.timing[row]].padEnd(9)}  ${orders} orders  ${revenue}  ${favourites}`)
  })
})
await (await start(job, { sources: { orders }, sinks: { minutes }, host: 'inline' })).finished
