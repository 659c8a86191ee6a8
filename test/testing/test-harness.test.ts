/** Laws of `millrace/testing`: after each call everything that follows has come out, and restarts and crashes change nothing. */

import { describe, expect, test } from 'vitest'
import { ManualClock, testJob } from '../../adapters/testing.ts'
import { count, sum } from '../../runtime/aggregate.ts'
import { customAggregate } from '../../runtime/aggregate-series.ts'
import { collect } from '../../runtime/aggregate-values.ts'
import { col } from '../../runtime/expression/expression.ts'
import { pipeline } from '../../runtime/pipeline.ts'
import { run } from '../../runtime/run.ts'
import { f64, schema, timestamp, utf8 } from '../../runtime/schema.ts'
import { onCount, onProcessingTime, onWatermark } from '../../runtime/trigger.ts'
import { boundedOutOfOrderness } from '../../runtime/watermark.ts'
import { globalWindow, session, sliding, tumbling } from '../../runtime/window.ts'
import { Prng } from '../support/prng.ts'

const readings = schema({ device: utf8(), at: timestamp(), value: f64() })
const stream = () => pipeline('harness').source('in', readings).eventTime('at', boundedOutOfOrderness('5s'))
const minutes = stream()
  .keyBy('device')
  .window(tumbling('1m'))
  .allowedLateness('1m')
  .lateTo('late')
  .aggregate({ n: count(), total: sum('value') })
  .sink('out')
const row = (at: number, value = 1, device: string | null = 'a') => ({ device, at, value })
const onTime = { index: 0, timing: 1, change: '+I', isLast: false }

test('nothing comes before the watermark says so, and everything at once when it does', async () => {
  const job = await testJob(minutes)
  await job.push(row(0), row(59_999), row(60_000))
  expect(job.rows('out')).toEqual([])
  await job.advanceWatermark(59_998)
  expect(job.rows('out')).toEqual([])
  await job.advanceWatermark(59_999)
  expect(job.take('out')).toEqual([{ row: { windowStart: 0, windowEnd: 60_000, device: 'a', n: 2, total: 2 }, pane: onTime }])
  expect(job.take('out')).toEqual([])
  await job.push(row(1, 5))
  expect(job.take('out')).toMatchObject([{ row: { n: 3, total: 7 }, pane: { index: 1, timing: 2, change: '+U' } }])
  await job.advanceWatermark(119_999)
  expect(job.take('out')).toMatchObject([{ row: { windowStart: 60_000, n: 1 } }])
  await job.push(row(2, 9))
  expect(job.rows('late')).toEqual([row(2, 9)])
  expect(await job.status()).toMatchObject({ recordsIn: 5, late: 1, windows: [{ results: 3, lateUpdates: 1 }] })
  await job.close()
})

test('what cannot be a record is a dead letter', async () => {
  const job = await testJob(minutes)
  await job.push(row(0), { device: 'a', at: Number.NaN, value: 1 }, { device: 7 as never, at: 0, value: 1 })
  expect(job.deadLetters.map(({ code }) => code).sort()).toEqual(['FIELD_TYPE', 'TIMESTAMP_INVALID'])
  await job.close()
})

test('windows and triggers of the clock fire when the test lets it go on, to the millisecond', async () => {
  const byClock = stream().window(tumbling('10ms')).processingTime().aggregate({ n: count() }).sink('out')
  const job = await testJob(byClock, { startMs: 1_003 })
  await job.push(row(0), row(999_999))
  await job.advanceTime(5)
  expect(job.nowMs).toBe(1_008)
  await job.push(row(5))
  expect(job.rows()).toEqual([])
  // The last millisecond of the window is still to have its records.
  await job.advanceTime(1)
  expect(job.rows()).toEqual([])
  await job.push(row(6))
  await job.advanceTime(1)
  const last = { index: 0, timing: 1, change: '+I', isLast: true }
  expect(job.results()).toEqual([{ row: { windowStart: 1_000, windowEnd: 1_010, n: 4 }, pane: last }])
  await job.close()

  const at = await testJob(byClock, { startMs: 1_003, timers: 'at' })
  await at.push(row(0))
  await at.advanceTime(6)
  expect(at.rows()).toEqual([{ windowStart: 1_000, windowEnd: 1_010, n: 1 }])
  await at.close()

  const every = stream().keyBy('device').window(globalWindow()).trigger(onProcessingTime(100)).aggregate({ n: count() }).sink('out')
  const periodic = await testJob(every, { parallelism: 2 })
  await periodic.push(row(0), row(0, 1, 'b'), row(1))
  await periodic.advanceTime(100)
  expect(periodic.rows()).toEqual([])
  await periodic.advanceTime(1)
  expect(
    periodic
      .rows()
      .map(({ device, n }) => [device, n])
      .sort(),
  ).toEqual([
    ['a', 2],
    ['b', 1],
  ])
  await periodic.close()
})

test('declared watermarks come from the records', async () => {
  const job = await testJob(minutes, { watermarks: 'declared' })
  await job.push(row(0))
  await job.push(row(64_999))
  expect(job.rows('out')).toEqual([])
  await job.push(row(65_000))
  expect(job.rows('out')).toMatchObject([{ windowStart: 0, n: 1 }])
  await expect(job.advanceWatermark(1)).rejects.toMatchObject({ code: 'WATERMARK_NOT_MANUAL' })
  await job.close()
})

test('dates of today move declared watermarks, unless the test has set the clock', async () => {
  const today = Date.UTC(2026, 10, 25)
  const job = await testJob(minutes, { watermarks: 'declared' })
  await job.push(row(today), row(today + 65_000))
  expect(job.rows('out')).toMatchObject([{ windowStart: today, n: 1 }])
  await job.close()
  const guarded = await testJob(minutes, { watermarks: 'declared', startMs: today - 3_600_000 })
  await guarded.push(row(today), row(today + 65_000))
  expect(guarded.rows('out')).toEqual([])
  await guarded.close()
})

test('a job of several sources and sinks is told which', async () => {
  const late = await testJob(minutes)
  expect(() => late.rows()).toThrow(/several sinks: say which of late, out/)
  expect(() => late.rows('nowhere' as never)).toThrow(/no sink nowhere/)
  await late.close()
  await expect(late.push(row(0))).rejects.toMatchObject({ code: 'JOB_CLOSED' })
})

test('an error of the job is the error of the call that led to it', async () => {
  const failing = stream().window(tumbling('1s')).lateFails().aggregate({ n: count() }).sink('out')
  const job = await testJob(failing)
  await job.push(row(5_000))
  await job.advanceWatermark(4_999)
  await expect(job.push(row(0))).rejects.toMatchObject({ code: 'LATE_RECORD' })
  await job.close()
})

describe('restarts and crashes change nothing', () => {
  const jobs = {
    slices: minutes,
    sessions: stream()
      .filter(col('value').gt(0))
      .keyBy('device')
      .window(session('3s'))
      .retracting()
      .trigger(onCount(2))
      .lateTo('late')
      .aggregate({ n: count(), all: collect('value') })
      .sink('out'),
  }
  /** Order matters to it, so records may neither be lost nor come twice. */
  const listed = customAggregate({
    create: (): { list: number[] } => ({ list: [] }),
    add: ({ list }, { value }: { value: number | null }) => ({ list: [...list, value ?? -0] }),
    merge: (a, b) => ({ list: [...a.list, ...b.list] }),
    result: ({ list }) => list.join(' '),
  })
  const functions = {
    'functions on sessions': stream()
      .keyBy('device')
      .window(session('20s'))
      .allowedLateness('30s')
      .lateTo('late')
      .aggregate({ all: listed })
      .sink('out'),
    'functions on discarding windows': stream()
      .keyBy('device')
      .window(sliding('30s', '10s'))
      .trigger(onWatermark({ early: onCount(2) }))
      .discarding()
      .lateTo('late')
      .aggregate({ all: listed, n: count() })
      .sink('out'),
    'functions that are taken back': stream()
      .keyBy('device')
      .window(session('20s'))
      .retracting()
      .trigger(onCount(1))
      .lateTo('late')
      .aggregate({ all: listed })
      .sink('out'),
  }
  type Step = { readonly rows: readonly ReturnType<typeof row>[] } | { readonly watermarkMs: number } | 'checkpoint' | 'restart' | 'crash'

  function script(prng: Prng, isDisturbed: boolean): readonly Step[] {
    let watermarkMs = 0
    return Array.from({ length: 30 }, (): Step => {
      const choice = prng.int(10)
      if (choice === 0) return isDisturbed ? 'checkpoint' : { rows: [] }
      if (choice === 1) return isDisturbed ? 'restart' : { rows: [] }
      if (choice === 2) return isDisturbed ? 'crash' : { rows: [] }
      if (choice < 5) return { watermarkMs: (watermarkMs += prng.int(40_000)) }
      return {
        rows: Array.from({ length: 1 + prng.int(5) }, () =>
          row(watermarkMs + prng.int(100_000) - 70_000, prng.int(5), prng.pick(['a', 'b', null])),
        ),
      }
    })
  }

  test.each(Object.entries({ ...jobs, ...functions }))('%s', async (_, declared) => {
    for (let seed = 1; seed <= 12; seed++) {
      const outcomes = []
      for (const isDisturbed of [false, true]) {
        const prng = new Prng(seed)
        const chance = new Prng(seed + 1_000)
        const parallelism = () => 1 + chance.int(isDisturbed ? 4 : 1)
        const job = await testJob(declared, { parallelism: parallelism(), keyGroupCount: 16 })
        for (const step of script(prng, isDisturbed)) {
          if (step === 'checkpoint') await job.checkpoint()
          else if (step === 'restart') await job.restart({ parallelism: parallelism() })
          else if (step === 'crash') await job.crash({ parallelism: parallelism() })
          else if ('rows' in step) await job.push(...step.rows)
          else await job.advanceWatermark(step.watermarkMs)
        }
        const { recordsIn, late } = await job.end()
        const byKey = Map.groupBy(job.results('out'), ({ row: { device } }) => device)
        outcomes.push({
          recordsIn,
          late,
          byKey: [...byKey].sort(([a], [b]) => String(a).localeCompare(String(b))),
          lateRows: job.rows('late').length,
        })
      }
      expect(outcomes[1], `seed ${seed}`).toEqual(outcomes[0])
    }
  })

  test('also when there is no checkpoint yet', async () => {
    const job = await testJob(minutes)
    await job.push(row(0), row(1))
    await job.advanceWatermark(59_999)
    const before = job.results('out')
    await job.crash({ parallelism: 2 })
    expect(job.results('out')).toEqual(before)
    await job.end()
    expect(job.results('out')).toEqual(before)
  })
})

test('an undisturbed test gives what run gives', async () => {
  const rows = Array.from({ length: 200 }, (_, index) => row(index * 1_000, index % 7, `d${index % 3}`))
  const plain = stream()
    .keyBy('device')
    .window(tumbling('10s'))
    .aggregate({ total: sum('value') })
    .sink('out')
  const job = await testJob(plain, { watermarks: 'declared' })
  await job.push(...rows)
  await job.end()
  expect(job.rows()).toEqual(await run(plain, rows))
})

test('a clock only goes forward', () => {
  const clock = new ManualClock({ startMs: 5 })
  clock.advance(3)
  expect([clock.now(), clock.monotonic()]).toEqual([8, 3])
  expect(() => clock.advance(-1)).toThrow(RangeError)
})

test('splits: the slowest holds the watermark until it is idle, and a crash keeps each in its place', async () => {
  const minutes = pipeline('splits')
    .source('in', readings)
    .eventTime('at', boundedOutOfOrderness('0s', { everyRecords: 1, idleAfter: '10s', flushAfter: Infinity }))
    .window(tumbling('1m'))
    .aggregate({ n: count() })
    .sink('out')
  const job = await testJob(minutes, { watermarks: 'declared', splits: 2 })
  const watermark = async () => (await job.status()).eventTimes[0]!.watermarkMs
  await job.push(row(61_000))
  expect(await watermark()).toBeNull()
  await job.pushToSplit({ split: 1 }, row(5_000))
  expect(await watermark()).toBe(4_999)
  await job.checkpoint()
  await job.pushToSplit({ source: 'in', split: 1 }, row(7_000))
  await job.crash()
  expect(await watermark()).toBe(6_999)
  await job.push(row(62_000))
  expect(job.rows()).toEqual([])
  await job.advanceTime('5s')
  await job.push(row(63_000))
  await job.advanceTime('6s')
  expect(await job.status()).toMatchObject({ eventTimes: [{ splits: 2, idleSplits: 1, watermarkMs: 62_999 }] })
  expect(job.rows()).toEqual([{ windowStart: 0, windowEnd: 60_000, n: 2 }])
  expect(() => job.pushToSplit({ split: 2 }, row(1))).toThrow(RangeError)
  await job.close()
})
