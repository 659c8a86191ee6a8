/** Jobs run for months: neither time that passes nor being asked may leave anything behind. */

import v8 from 'node:v8'
import { expect, test } from 'vitest'
import { count } from '../../runtime/aggregate.ts'
import { systemClock } from '../../runtime/clock.ts'
import { callbackSink } from '../../runtime/sink/callback-sink.ts'
import { iterableSource } from '../../runtime/source/iterable-source.ts'
import { start } from '../../runtime/start.ts'
import { boundedOutOfOrderness } from '../../runtime/watermark.ts'
import { tumbling } from '../../runtime/window.ts'
import { countingJob } from '../adapters/message-support.ts'
import { readingOf } from '../adapters/readings.ts'

const promises = () => v8.queryObjects(Promise, { format: 'count' })

const job = countingJob()
  .eventTime('at', boundedOutOfOrderness('1s'))
  .keyBy('device')
  .window(tumbling('1s'))
  .aggregate({ n: count() })
  .sink('out')

async function* oneReading() {
  yield [readingOf(0)]
  await new Promise(() => {})
}

for (const host of ['inline', 'shared', 'transferred'] as const) {
  test(`${host}: being idle and being asked leaves no promise behind`, async () => {
    const run = await start(job, {
      sources: { readings: iterableSource(oneReading()) },
      sinks: { out: callbackSink(() => {}) },
      host,
      parallelism: 2,
    })
    while ((await run.status()).recordsIn < 1) await systemClock.sleep(5)
    await systemClock.sleep(200)
    const before = promises()
    for (let asked = 0; asked < 300; asked++) await run.status()
    await systemClock.sleep(1_500)
    expect(promises() - before).toBeLessThan(50)
    await run.stop()
  })
}
