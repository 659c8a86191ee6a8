// Counts clicks per page and minute: the smallest job there is. Run: node examples/01-tumbling-count/main.mjs
//
// Time is that of the records (`at`), not of the clock on the wall. A minute is complete, and its result put out, when the
// watermark has passed its end: here 2 s behind the newest click, so that clicks may come out of order by that much.

import { boundedOutOfOrderness, count, pipeline, run, schema, timestamp, tumbling, utf8 } from 'millrace'

const job = pipeline('clicks')
  .source('clicks', schema({ page: utf8(), at: timestamp() }))
  .eventTime('at', boundedOutOfOrderness('2s'))
  .keyBy('page')
  .window(tumbling('1m'))
  .aggregate({ clicks: count() })
  .sink('minutes')

const results = await run(job, [
  { page: '/home', at: Date.UTC(2026, 0, 1, 12, 0, 3) },
  { page: '/docs', at: Date.UTC(2026, 0, 1, 12, 0, 41) },
  { page: '/home', at: Date.UTC(2026, 0, 1, 12, 1, 1) },
  { page: '/home', at: Date.UTC(2026, 0, 1, 12, 0, 59) }, // after a click of the next minute, but not too late
  { page: '/home', at: Date.UTC(2026, 0, 1, 12, 1, 30) },
])

for (const { windowStart, page, clicks } of results) console.log(new Date(windowStart).toISOString().slice(11, 16), page, clicks)
