// A small service of Deno: readings in by POST, minutes out by GET. Run: node_modules/.bin/deno run --allow-all examples/09-deno/main.mjs
//
// With --serve it stays up at http://localhost:8000; without, it sends itself some readings, shows what it answers, and ends.
// A request is answered when a checkpoint covers its readings: what was acknowledged survives a kill. Requests that wait at the same time
// share a checkpoint. `millrace/node` is for Deno too, with worker threads and files as in Node.

import { mkdtemp, rm } from 'node:fs/promises'
import {
  boundedOutOfOrderness,
  callbackSink,
  count,
  f64,
  iterableSource,
  max,
  pipeline,
  schema,
  start,
  timestamp,
  tumbling,
  utf8,
} from 'millrace'
import { fileCheckpoints } from 'millrace/node'

const job = pipeline('deno-minutes')
  .source('readings', schema({ device: utf8(), at: timestamp(), celsius: f64() }))
  .eventTime('at', boundedOutOfOrderness('5s'))
  .keyBy('device')
  .window(tumbling('1m'))
  .aggregate({ n: count(), max: max('celsius') })
  .sink('minutes')

// Requests write, the job reads.
const inbox = new TransformStream(undefined, { highWaterMark: 10_000 })
const writer = inbox.writable.getWriter()
const minutes = []

const isServer = Deno.args.includes('--serve')
const state = isServer ? './state' : await mkdtemp('/tmp/millrace-deno-')
const run = await start(job, {
  sources: { readings: iterableSource(inbox.readable) },
  sinks: { minutes: callbackSink((rows) => void minutes.push(...rows)) },
  checkpoints: { store: fileCheckpoints(state) },
  // The requests that the last checkpoint does not cover were not acknowledged: their senders send them again.
  onWarning: () => {},
})

let covering = null
/** Resolves when a checkpoint that begins now is complete; those who ask while one is under way share the next. */
async function covered() {
  if (covering === null) {
    covering = Promise.resolve().then(async () => {
      await underWay
      covering = null
      underWay = run.checkpoint()
      if (!(await underWay)) throw new Error('The checkpoint was not completed')
    })
  }
  return covering
}
let underWay = Promise.resolve(true)

async function answer(request) {
  if (request.method === 'GET') return Response.json(minutes)
  const rows = await request.json()
  for (const row of rows) await writer.write(row)
  await covered()
  return Response.json({ rows: rows.length })
}

const server = Deno.serve({ port: isServer ? 8000 : 0, hostname: '127.0.0.1', onListen: () => {} }, answer)

if (!isServer) {
  const url = `http://127.0.0.1:${server.addr.port}/`
  const noon = Date.UTC(2026, 0, 1, 12)
  const readings = Array.from({ length: 180 }, (_, second) => ({
    device: `van ${second % 2}`,
    at: noon + second * 1000,
    celsius: second / 10,
  }))
  const requests = [readings.slice(0, 60), readings.slice(60, 120), readings.slice(120)]
  for (const rows of requests) {
    const response = await fetch(url, { method: 'POST', body: JSON.stringify(rows) })
    console.log('acknowledged', (await response.json()).rows)
  }
  for (const { windowStart, device, n, max } of await (await fetch(url)).json()) {
    console.log(new Date(windowStart).toISOString().slice(11, 16), device, n, max)
  }
  await server.shutdown()
  await writer.close()
  await run.finished
  await rm(state, { recursive: true })
}
