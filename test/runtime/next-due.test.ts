/** What a window says of when it is due next: the moment at which a host that sleeps must be woken. */

import { expect, test } from 'vitest'
import { testJob } from '../../adapters/testing.ts'
import {
  afterProcessingTime,
  boundedOutOfOrderness,
  count,
  f64,
  globalWindow,
  onCount,
  onWatermark,
  pipeline,
  schema,
  session,
  sliding,
  timestamp,
  tumbling,
  utf8,
} from '../../runtime/index.ts'
import type { TestHarness } from '../../runtime/testing/test-harness.ts'
import { Prng } from '../support/prng.ts'

const stream = () => pipeline('due').source('in', schema({ device: utf8(), at: timestamp(), value: f64() }))
const timed = () => stream().eventTime('at', boundedOutOfOrderness('1s')).keyBy('device')
const due = async (test: TestHarness) => {
  const { nextEventMs, nextClockMs } = (await test.status()).windows[0]!
  return { nextEventMs, nextClockMs }
}
const row = (at: number, device = 'a') => ({ device, at, value: 1 })

test('a window waits for the last millisecond of the first that is open, and for nothing when none is', async () => {
  const test = await testJob(timed().window(tumbling('10s')).allowedLateness('1h').aggregate({ n: count() }).sink('out'))
  expect(await due(test)).toEqual({ nextEventMs: null, nextClockMs: null })
  await test.push(row(25_000), row(12_000, 'b'))
  expect(await due(test)).toEqual({ nextEventMs: 19_999, nextClockMs: null })
  await test.advanceWatermark(19_998)
  expect((await due(test)).nextEventMs).toBe(19_999)
  await test.advanceWatermark(19_999)
  expect((await due(test)).nextEventMs).toBe(29_999)
  // State that only waits for late records waits for nothing.
  await test.advanceWatermark(29_999)
  expect((await due(test)).nextEventMs).toBeNull()
  await test.push(row(41_000))
  expect((await due(test)).nextEventMs).toBe(49_999)
  await test.close()
})

test('overlapping windows and sessions wait for the first that ends', async () => {
  const overlapping = await testJob(timed().window(sliding('30s', '10s')).aggregate({ n: count() }).sink('out'))
  await overlapping.push(row(25_000))
  expect((await due(overlapping)).nextEventMs).toBe(29_999)
  await overlapping.advanceWatermark(29_999)
  expect((await due(overlapping)).nextEventMs).toBe(39_999)
  await overlapping.close()
  const sessions = await testJob(timed().window(session('5s')).aggregate({ n: count() }).sink('out'))
  await sessions.push(row(1_000), row(90_000, 'b'))
  expect((await due(sessions)).nextEventMs).toBe(5_999)
  await sessions.close()
})

test('windows and triggers by the clock name their moment on the clock', async () => {
  const clocked = await testJob(stream().keyBy('device').window(tumbling('10s')).processingTime().aggregate({ n: count() }).sink('out'), {
    startMs: 3_000,
  })
  await clocked.push(row(0))
  expect(await due(clocked)).toEqual({ nextEventMs: null, nextClockMs: 9_999 })
  await clocked.advanceTime(7_000)
  expect((await due(clocked)).nextClockMs).toBeNull()
  await clocked.close()
  const triggered = await testJob(
    timed()
      .window(tumbling('10s'))
      .trigger(onWatermark({ early: afterProcessingTime('2s') }))
      .aggregate({ n: count() })
      .sink('out'),
    { startMs: 1_000 },
  )
  await triggered.push(row(500))
  expect(await due(triggered)).toEqual({ nextEventMs: 9_999, nextClockMs: 3_000 })
  await triggered.close()
})

test('a window that never ends waits for nothing', async () => {
  const test = await testJob(timed().window(globalWindow()).trigger(onCount(2)).aggregate({ n: count() }).sink('out'))
  await test.push(row(1_000))
  expect(await due(test)).toEqual({ nextEventMs: null, nextClockMs: null })
  await test.close()
})

test('nothing ever comes before the moment that was named, and something comes at it in plain windows', async () => {
  for (let seed = 1; seed <= 30; seed++) {
    const prng = new Prng(seed)
    const sizeMs = 1 + prng.int(50)
    const slideMs = 1 + prng.int(50)
    const isPlain = prng.int(2) === 0
    const window = isPlain ? sliding(sizeMs, slideMs) : session(sizeMs)
    const test = await testJob(timed().window(window).aggregate({ n: count() }).sink('out'))
    let watermark = -1
    for (let step = 0; step < 40; step++) {
      await test.push(...Array.from({ length: prng.int(4) }, () => row(watermark + 1 + prng.int(200), `device-${prng.int(3)}`)))
      const { nextEventMs } = await due(test)
      test.take()
      if (nextEventMs === null) {
        watermark += 10
        await test.advanceWatermark(watermark)
        expect(test.take(), `seed ${seed}`).toEqual([])
        continue
      }
      expect(nextEventMs).toBeGreaterThan(watermark)
      await test.advanceWatermark(nextEventMs - 1)
      expect(test.take(), `seed ${seed}, before ${nextEventMs}`).toEqual([])
      await test.advanceWatermark(nextEventMs)
      const come = test.take()
      if (isPlain) expect(come.length, `seed ${seed}, at ${nextEventMs}`).toBeGreaterThan(0)
      watermark = nextEventMs
    }
    await test.close()
  }
})
