// A job that lives in a Durable Object: this is all of it. main.mjs runs it here; `wrangler deploy` puts it on the network.
//
// Readings come in by POST /in, minutes go out by GET /out (also as server-sent events or over a WebSocket). A reading is acknowledged when it is
// durable, and counted once however often it is sent again. The object sleeps when nothing comes, and goes on where it was.

import { boundedOutOfOrderness, count, f64, max, mean, pipeline, schema, timestamp, tumbling, utf8 } from 'millrace'
import { durableJob } from 'millrace/edge'

const job = pipeline('fleet')
  .source('readings', schema({ device: utf8(), at: timestamp(), celsius: f64() }))
  .eventTime('at', boundedOutOfOrderness('5s'))
  .keyBy('device')
  .window(tumbling('1m'))
  .allowedLateness('10m')
  .aggregate({ n: count(), mean: mean('celsius'), max: max('celsius') })
  .sink('minutes')

export class Fleet extends durableJob({ job, source: 'readings', results: 'minutes' }) {}

export default {
  // A fleet for each customer is an object for each: /NAME/in, /NAME/out. Whoever may do what is checked here.
  fetch(request, env) {
    const [, name] = new URL(request.url).pathname.split('/')
    return env.FLEET.get(env.FLEET.idFromName(name)).fetch(request)
  },
}
