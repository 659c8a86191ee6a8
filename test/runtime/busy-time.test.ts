/** Laws of busy time: it grows with work, not with waiting, and nobody is busier than there is time. */

import { expect, test } from 'vitest'
import { count, mean } from '../../runtime/aggregate.ts'
import { systemClock } from '../../runtime/clock.ts'
import { pipeline } from '../../runtime/pipeline.ts'
import { f64, schema, timestamp, utf8 } from '../../runtime/schema.ts'
import { collectSink } from '../../runtime/sink/callback-sink.ts'
import { iterableSource } from '../../runtime/source/iterable-source.ts'
import { start } from '../../runtime/start.ts'
import { boundedOutOfOrderness } from '../../runtime/watermark.ts'
import { tumbling } from '../../runtime/window.ts'

const job = pipeline('busy-time')
  .source('in', schema({ k: utf8(), t: timestamp(), v: f64() }))
  .eventTime('t', boundedOutOfOrderness('10ms'))
  .keyBy('k')
  .window(tumbling('100ms'))
  .aggregate({ n: count(), mean: mean('v') })
  .sink('out')

test.each(['shared', 'transferred', 'inline'] as const)('%s', async (host) => {
  const parallelism = host === 'inline' ? 1 : 2
  const more = Promise.withResolvers<void>()
  const rows = (count: number, from: number) =>
    Array.from({ length: count }, (_, index) => ({ k: `k${index % 50}`, t: from + index, v: index }))
  async function* readings() {
    yield rows(50_000, 0)
    await more.promise
    yield rows(50_000, 50_000)
    await new Promise(() => {})
  }
  const run = await start(job, {
    sources: { in: iterableSource(readings()) },
    sinks: { out: collectSink() },
    host,
    parallelism,
    onWarning: () => {},
  })
  const figures = async () => {
    const { durationMs, busyMs, recordsIn, windows } = await run.status()
    return { durationMs, job: busyMs, windows: windows[0]!.busyMs, processed: windows[0]!.recordsIn, recordsIn }
  }
  const processed = async (count: number) => {
    for (;;) {
      const now = await figures()
      if (now.processed === count) return now
      await systemClock.sleep(5)
    }
  }
  await processed(50_000)
  // What is still under way when the rows are through, such as the last results, is over by then.
  await systemClock.sleep(100)
  const first = await figures()
  expect(first.job).toBeGreaterThan(0)
  expect(first.windows).toBeGreaterThan(0)
  expect(first.job).toBeLessThanOrEqual(first.durationMs)
  expect(first.windows).toBeLessThanOrEqual(first.durationMs * parallelism)
  if (host === 'inline') expect(first.windows).toBeLessThanOrEqual(first.job)

  await systemClock.sleep(300)
  const idle = await figures()
  expect(idle.windows).toBe(first.windows)
  expect(idle.job).toBe(first.job)

  more.resolve()
  const second = await processed(100_000)
  expect(second.windows).toBeGreaterThan(idle.windows)
  expect(second.job).toBeGreaterThan(idle.job)
  await run.stop()
})
