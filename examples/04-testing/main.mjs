// How to test a pipeline: time, watermarks and crashes are in the test's hands. Run: node examples/04-testing/main.mjs
//
// What runs is the whole job: stages, rings, kernels, checkpoints. Only the clock stands still, and nothing comes unless the test says so.

import assert from 'node:assert/strict'
import { boundedOutOfOrderness, count, onProcessingTime, pipeline, schema, session, sum, timestamp, tumbling, utf8, f64 } from 'millrace'
import { testJob } from 'millrace/testing'

const orders = schema({ customer: utf8(), at: timestamp(), amount: f64() })
const visits = pipeline('visits')
  .source('orders', orders)
  .eventTime('at', boundedOutOfOrderness('5s'))
  .keyBy('customer')
  .window(session('30m'))
  .allowedLateness('1h')
  .lateTo('late')
  .aggregate({ orders: count(), spent: sum('amount') })
  .sink('visits')
const minutes = (n) => n * 60_000
const order = (at, amount) => ({ customer: 'ada', at, amount })

// 1. A window fires when the watermark reaches its last millisecond, and not before.
const test = await testJob(visits)
await test.push(order(minutes(0), 10), order(minutes(29), 5))
await test.advanceWatermark(minutes(59) - 2)
assert.deepEqual(test.rows('visits'), [])
await test.advanceWatermark(minutes(59) - 1)
assert.deepEqual(test.take('visits'), [
  {
    row: { windowStart: 0, windowEnd: minutes(59), customer: 'ada', orders: 2, spent: 15 },
    pane: { index: 0, timing: 1, change: '+I', isLast: false },
  },
])
console.log('a session fires at its end')

// 2. A crash changes nothing: what came since the checkpoint comes again, at another parallelism too.
await test.checkpoint()
await test.push(order(minutes(30), 1))
const before = test.results('visits')
await test.crash({ parallelism: 3 })
assert.deepEqual(test.results('visits'), before)
console.log('a crash changes nothing')

// 3. What is too late goes where the job says.
await test.advanceWatermark(minutes(600))
await test.push(order(minutes(1), 99))
assert.equal(test.rows('late').length, 1)
assert.equal((await test.status()).late, 1)
await test.close()
console.log('a late order is not lost')

// 4. The clock of the host goes on when the test lets it. A moment has come when its millisecond is over.
const live = pipeline('live')
  .source('orders', orders)
  .eventTime('at', boundedOutOfOrderness('5s'))
  .window(tumbling('1d'))
  .trigger(onProcessingTime('10s'))
  .aggregate({ orders: count() })
  .sink('dashboard')
const dashboard = await testJob(live)
await dashboard.push(order(0, 1), order(1, 2))
await dashboard.advanceTime('10s')
assert.deepEqual(dashboard.rows(), [])
await dashboard.advanceTime('1ms')
assert.deepEqual(dashboard.rows(), [{ windowStart: 0, windowEnd: 86_400_000, orders: 2 }])
await dashboard.close()
console.log('a dashboard is refreshed every 10 s')
