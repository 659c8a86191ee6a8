// What becomes of records that come late. Run: node examples/02-late-records/main.mjs
//
// The watermark is 1 s behind the newest reading. A window that has fired is kept for 10 s more: a record that comes in that
// time fires it again, corrected. Later than that, the record goes to the sink `late`: nothing is lost silently.

import { boundedOutOfOrderness, collectSink, count, pipeline, rowsSource, schema, start, timestamp, tumbling, utf8 } from 'millrace'

const job = pipeline('late-records')
  .source('readings', schema({ device: utf8(), at: timestamp() }))
  // Evaluated after every record, so that this example is exact; the default, every 1,024 records, is faster.
  .eventTime('at', boundedOutOfOrderness('1s', { everyRecords: 1 }))
  .keyBy('device')
  .window(tumbling('10s'))
  .allowedLateness('10s')
  .lateTo('late')
  .aggregate({ n: count() })
  .sink('results')

const readings = [
  { device: 'a', at: 1_000 },
  { device: 'a', at: 12_000 }, // watermark 10,999: [0, 10 s) fires
  { device: 'a', at: 9_000 }, // late, and in time to correct [0, 10 s)
  { device: 'a', at: 25_000 }, // watermark 23,999: [10, 20 s) fires, [0, 10 s) is forgotten
  { device: 'a', at: 8_000 }, // too late
]

const results = collectSink()
const late = collectSink()
await (await start(job, { sources: { readings: rowsSource(readings) }, sinks: { results, late }, host: 'inline' })).finished

const timings = ['early', 'on time', 'late']
results.rows.forEach((row, index) => {
  console.log(`[${row.windowStart / 1000}, ${row.windowEnd / 1000} s)  n ${row.n}  ${timings[results.panes[index].timing]}`)
})
for (const row of late.rows) console.log(`too late: at ${row.at / 1000} s`)
