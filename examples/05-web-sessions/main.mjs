// Visits to a web site, corrected when requests come late. Run: node examples/05-web-sessions/main.mjs
//
// A visit is a session: requests of a visitor with less than half an hour between them. A phone that was offline brings two requests
// late: one makes a visit longer, one makes two visits one. With `retracting`, what was put out and is no longer true is taken back
// (-D), so the table of visits at the end is right.

import {
  argMin,
  boundedOutOfOrderness,
  collectSink,
  count,
  f64,
  pipeline,
  rowsSource,
  schema,
  session,
  start,
  sum,
  timestamp,
  utf8,
} from 'millrace'

const job = pipeline('visits')
  .source('requests', schema({ visitor: utf8(), at: timestamp(), page: utf8(), bytes: f64() }))
  .eventTime('at', boundedOutOfOrderness('1m', { everyRecords: 1 }))
  .keyBy('visitor')
  .window(session('30m'))
  .allowedLateness('2h')
  .retracting()
  .aggregate({ requests: count(), entry: argMin('page', 'at'), bytes: sum('bytes') })
  .sink('visits')

const time = (text) => Date.parse(`2026-01-01T${text}Z`)
const request = (visitor, at, page, bytes) => ({ visitor, at: time(at), page, bytes })

const visits = collectSink()
const requests = rowsSource([
  request('ada', '09:00', '/', 5_000),
  request('ada', '09:10', '/docs', 20_000),
  request('bob', '09:20', '/', 5_000),
  request('ada', '10:05', '/guide', 40_000),
  request('bob', '11:00', '/docs', 20_000), // the watermark is 10:58:59.999: all visits before have been put out
  request('ada', '09:38', '/api', 9_000), // late: within half an hour of 09:10 and of 10:05, so that two visits become one
  request('bob', '09:45', '/docs', 20_000), // late: a visit gets longer
])
await (await start(job, { sources: { requests }, sinks: { visits }, host: 'inline' })).finished

const clock = (ms) => new Date(ms).toISOString().slice(11, 16)
const table = new Map()
visits.rows.forEach((visit, index) => {
  const { change } = visits.panes[index]
  const { visitor, windowStart, windowEnd, requests, entry, bytes } = visit
  console.log(`${change} ${visitor} ${clock(windowStart)}-${clock(windowEnd)} ${requests} requests from ${entry}, ${bytes} bytes`)
  const key = `${visitor} ${windowStart} ${windowEnd}`
  if (change === '-U' || change === '-D') table.delete(key)
  else table.set(key, visit)
})
console.log(`visits in the table: ${[...table.values()].map(({ visitor, windowStart }) => `${visitor} ${clock(windowStart)}`).join(', ')}`)
