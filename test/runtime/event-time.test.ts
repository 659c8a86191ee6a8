/** Laws of event time in whole jobs: what closes windows when data stops, whom clocks that are wrong harm, watermarks from outside, splits that wait. */

import { describe, expect, test } from 'vitest'
import { memoryCheckpoints } from '../../adapters/memory-store.ts'
import { count, sum } from '../../runtime/aggregate.ts'
import type { DeadLetter } from '../../runtime/batch-builder.ts'
import { systemClock } from '../../runtime/clock.ts'
import { col } from '../../runtime/expression/expression.ts'
import { type Job, pipeline } from '../../runtime/pipeline.ts'
import { bool, f64, schema, timestamp, utf8 } from '../../runtime/schema.ts'
import { callbackSink, collectSink } from '../../runtime/sink/callback-sink.ts'
import { rowsSource } from '../../runtime/source/rows-source.ts'
import type { Source, SplitReader } from '../../runtime/source/source.ts'
import { type Run, start } from '../../runtime/start.ts'
import {
  boundedOutOfOrderness,
  customWatermark,
  manual,
  monotonous,
  percentile,
  predicted,
  punctuated,
  timeLag,
  type WatermarkDeclaration,
} from '../../runtime/watermark.ts'
import { tumbling } from '../../runtime/window.ts'
import { Prng } from '../support/prng.ts'
import { drive, VirtualClock } from '../support/virtual-clock.ts'

const readings = schema({ k: utf8(), t: timestamp(), v: f64(), mark: bool() })
const jobWith = (watermark: WatermarkDeclaration, sizeMs = 100) =>
  pipeline('event-time')
    .source('in', readings)
    .eventTime('t', watermark)
    .keyBy('k')
    .window(tumbling(sizeMs))
    .lateTo('late')
    .aggregate({ n: count(), total: sum('v') })
    .sink('out')
const row = (t: number) => ({ k: 'k', t, v: 1, mark: false })

/** Splits that give what they are fed; a number among the rows is a watermark behind those before it. */
class Feed {
  readonly #entries: (object | number)[][]
  readonly #isBounded: boolean
  isEnded = false

  constructor(splits = 1, isBounded = false) {
    this.#entries = Array.from({ length: splits }, () => [])
    this.#isBounded = isBounded
  }

  give(split: number, ...entries: readonly (object | number)[]): void {
    this.#entries[split]!.push(...entries)
  }

  get source(): Source {
    return {
      kind: 'feed',
      isReplayable: true,
      isBounded: this.#isBounded,
      splits: async () =>
        this.#entries.map((entries, index) => ({
          splitId: `split-${index}`,
          open: async (position) => this.#reader(entries, position === null ? 0 : Number(position['entry'])),
        })),
    }
  }

  #reader(entries: readonly (object | number)[], from: number): SplitReader {
    let at = from
    const watermark = () => entries.slice(0, at).findLast((entry) => typeof entry === 'number') as number | undefined
    return {
      read: (builder, rowsMax) => {
        for (let rows = 0; at < entries.length && rows < rowsMax; rows++) {
          const entry = entries[at++]!
          if (typeof entry === 'number') return 'more'
          builder.appendRow(entry, '')
        }
        if (at < entries.length) return 'more'
        return this.isEnded ? 'end' : 'idle'
      },
      position: () => ({ entry: at }),
      progress: () => null,
      watermark: () => watermark() ?? null,
      close: () => Promise.resolve(),
    }
  }
}

/** A live job under a clock by hand. */
class Live {
  readonly feed: Feed
  readonly clock: VirtualClock
  readonly windows: unknown[] = []
  readonly late: unknown[] = []
  readonly letters: DeadLetter[] = []
  run!: Run

  private constructor(splits: number, startMs: number) {
    this.feed = new Feed(splits)
    this.clock = new VirtualClock(undefined, { wall: (ms) => startMs + ms })
  }

  static async start(job: Job, { splits = 1, startMs = 0 } = {}): Promise<Live> {
    const live = new Live(splits, startMs)
    live.run = await start(job, {
      host: 'inline',
      clock: live.clock,
      sources: { in: live.feed.source },
      sinks: {
        out: callbackSink((batch) => void live.windows.push(...batch.map((result) => [result['windowStart'], result['n']]))),
        late: callbackSink((batch) => void live.late.push(...batch.map(({ t }) => t))),
      },
      onDeadLetter: (letter) => void live.letters.push(letter),
    })
    return live
  }

  wait(ms: number): Promise<void> {
    return drive(this.clock.timeline, this.clock.sleep(ms))
  }

  async end(): Promise<void> {
    this.feed.isEnded = true
    await drive(this.clock.timeline, this.run.finished)
  }
}

test('when data stops, the clock closes the windows; what comes back behind that is late', async () => {
  const live = await Live.start(jobWith(boundedOutOfOrderness('1s', { flushAfter: '5s' }), 10_000))
  live.feed.give(0, row(11_000), row(12_000))
  await live.wait(5_000)
  expect(live.windows).toEqual([])
  // The watermark is 10,999: the window [10,000, 20,000) is complete 9 s of flush later.
  await live.wait(8_500)
  expect(live.windows).toEqual([])
  await live.wait(1_000)
  expect(live.windows).toEqual([[10_000, 2]])
  expect((await live.run.status()).eventTimes).toMatchObject([{ uid: 'time', sourceUid: 'in', isFlushing: true, maxEventTimeMs: 12_000 }])
  live.feed.give(0, row(13_000), row(20_500), row(31_000), row(42_000))
  await live.wait(50)
  expect(live.windows).toEqual([
    [10_000, 2],
    [20_000, 1],
    [30_000, 1],
  ])
  expect(live.late).toEqual([13_000])
  await live.end()
})

test('live sources are flushed by default after 30 s, and never when that is asked for', async () => {
  for (const flushAfter of [undefined, Infinity] as const) {
    const live = await Live.start(jobWith(monotonous(flushAfter === undefined ? {} : { flushAfter }), 10_000))
    live.feed.give(0, row(11_000))
    await live.wait(29_000)
    expect(live.windows).toEqual([])
    await live.wait(11_000)
    expect(live.windows).toEqual(flushAfter === undefined ? [[10_000, 1]] : [])
    await live.end()
    expect(live.windows).toEqual([[10_000, 1]])
  }
})

test('one clock that is wrong closes nobody else’s windows', async () => {
  const live = await Live.start(jobWith(monotonous({ everyRecords: 1, flushAfter: Infinity })), { startMs: 1_000_000 })
  live.feed.give(0, row(1_000_000), row(2_000_000_000), row(1_000_050), row(1_000_150))
  await live.wait(50)
  expect(live.windows).toEqual([[1_000_000, 2]])
  const status = await live.run.status()
  expect(status).toMatchObject({ late: 0, deadLetters: 0, sources: [{ futureRecords: 1 }] })
  expect(status.eventTimes).toMatchObject([{ watermarkMs: 1_000_149, lagMs: -99, futureRecords: 1 }])
  await live.end()
  expect(live.windows).toContainEqual([2_000_000_000, 1])
})

test('its records can be dead letters', async () => {
  const live = await Live.start(jobWith(monotonous({ maxFutureSkew: '1s', futurePolicy: 'deadLetter' })))
  live.feed.give(0, row(500), row(60_000))
  await live.wait(50)
  expect(live.letters.map(({ code }) => code)).toEqual(['TIMESTAMP_FUTURE'])
  await live.end()
  expect(live.windows).toEqual([[500, 1]])
  expect(await live.run.finished).toMatchObject({ recordsIn: 2, deadLetters: 1, sources: [{ futureRecords: 1, deadLetters: 1 }] })
})

test('the lag of a watermark by the clock is constant', async () => {
  const live = await Live.start(jobWith(timeLag('1s')), { startMs: 100_000 })
  live.feed.give(0, row(99_500))
  await live.wait(2_000)
  expect(live.windows).toEqual([[99_500, 1]])
  const [time] = (await live.run.status()).eventTimes
  expect(time!.lagMs).toBeGreaterThanOrEqual(1_000)
  expect(time!.lagMs).toBeLessThan(1_300)
  await live.end()
})

test('idleness follows the clock of the job: without it no time passes', async () => {
  const live = await Live.start(jobWith(monotonous({ idleAfter: '1s', everyRecords: 1 })), { splits: 2 })
  live.feed.give(0, row(50), row(250))
  live.feed.give(1, row(60))
  await systemClock.sleep(30)
  await live.wait(900)
  expect(live.windows).toEqual([])
  live.feed.give(0, row(260))
  await live.wait(200)
  expect(live.windows).toEqual([[0, 2]])
  expect((await live.run.status()).eventTimes).toMatchObject([{ splits: 2, idleSplits: 1, heldSplits: 0, endedSplits: 0 }])
  await live.end()
})

describe('manual watermarks', () => {
  test('of the program close windows, behind the records read before and before those read after', async () => {
    const live = await Live.start(jobWith(manual()), { splits: 2 })
    live.feed.give(0, row(50), row(950))
    live.feed.give(1, row(150))
    await live.wait(50)
    const advance = async (watermarkMs: number) => {
      await drive(live.clock.timeline, live.run.advanceWatermark('in', watermarkMs))
      await live.wait(20)
    }
    await advance(99)
    expect(live.windows).toEqual([[0, 1]])
    await advance(50)
    live.feed.give(0, row(99), row(100))
    await live.wait(50)
    expect(live.late).toEqual([99])
    await advance(199)
    expect(live.windows).toEqual([
      [0, 1],
      [100, 2],
    ])
    await live.end()
    expect(live.windows).toHaveLength(3)
  })

  test('are refused by name where they make no sense', async () => {
    const live = await Live.start(jobWith(manual()))
    const codeOf = (promise: Promise<void>) => promise.then(() => null).catch((error: { code: string }) => error.code)
    expect(await codeOf(live.run.advanceWatermark('out', 1))).toBe('BINDING_UNKNOWN')
    for (const value of [0.5, Number.NaN, Infinity, 9e15])
      expect(await codeOf(live.run.advanceWatermark('in', value))).toBe('TIMESTAMP_INVALID')
    await live.end()
    expect(await codeOf(live.run.advanceWatermark('in', 1))).toBe('JOB_CLOSED')
    const other = await Live.start(jobWith(monotonous()))
    expect(await codeOf(other.run.advanceWatermark('in', 1))).toBe('WATERMARK_NOT_MANUAL')
    const stopped = other.run.stop()
    await drive(other.clock.timeline, stopped)
  })

  test('of the source lie exactly between its records, and the least of its splits counts', async () => {
    const feed = new Feed(2, true)
    feed.give(0, row(10), row(120), 99, row(20), row(130), 299)
    feed.give(1, 199, row(30), row(250))
    feed.isEnded = true
    const out = collectSink()
    const late = collectSink()
    const run = await start(jobWith(manual({ everyRecords: 1 })), { host: 'inline', sources: { in: feed.source }, sinks: { out, late } })
    await run.finished
    expect(out.rows.map(({ windowStart, n }) => [windowStart, n])).toEqual([
      [0, 2],
      [100, 2],
      [200, 1],
    ])
    expect(late.rows.map(({ t }) => t)).toEqual([20])
  })

  test('go on after a restart', async () => {
    const store = memoryCheckpoints()
    const feed = new Feed()
    const out = collectSink()
    const late = collectSink()
    const options = { host: 'inline', sources: { in: feed.source }, sinks: { out, late }, checkpoints: { store } } as const
    feed.give(0, row(10), row(150))
    const first = await start(jobWith(manual()), options)
    while ((await first.status()).recordsIn < 2) await systemClock.sleep(1)
    await first.advanceWatermark('in', 99)
    await first.stop()
    const second = await start(jobWith(manual()), options)
    expect((await second.status()).eventTimes).toMatchObject([{ watermarkMs: 99 }])
    feed.give(0, row(20))
    feed.isEnded = true
    await second.finished
    expect(out.rows.map(({ windowStart }) => windowStart)).toEqual([0, 100])
    expect(late.rows.map(({ t }) => t)).toEqual([20])
  })
})

/** Splits of rows that are there, read in pieces of at most so many. */
function pieces(splits: readonly (readonly object[])[], rowsMax: number, seen: (split: number, rows: number) => void = () => {}): Source {
  return {
    kind: 'pieces',
    isReplayable: true,
    isBounded: true,
    splits: async (context) =>
      Promise.all(
        splits.map(async (rows, index) => {
          const [split] = await rowsSource(rows).splits(context)
          return {
            splitId: `split-${index}`,
            async open(position) {
              const reader = await split!.open(position)
              return {
                ...reader,
                read(builder, most) {
                  const result = reader.read(builder, Math.min(rowsMax, most))
                  seen(index, builder.rowCount)
                  return result
                },
              } satisfies SplitReader
            },
          } satisfies Awaited<ReturnType<Source['splits']>>[number]
        }),
      ),
  }
}

/** Rows whose event time goes on by a step each, with disorder. */
function disorderly(prng: Prng, length: number, stepMs: number, disorderMs: number) {
  return Array.from({ length }, (_, index) => ({
    k: `k${prng.int(5)}`,
    t: index * stepMs - prng.int(disorderMs + 1),
    v: prng.int(100),
    mark: prng.int(8) === 0,
  }))
}

test('splits of a bounded source stay within maxDrift and a turn of each other', async () => {
  const everyRecords = 16
  const splits = [5, 20, 50].map((stepMs, index) => disorderly(new Prng(index), 2_000, stepMs, 0))
  for (const maxDriftMs of [1_000, null]) {
    const read = [0, 0, 0]
    let worst = 0
    const source = pieces(splits, 7, (split, rows) => {
      read[split]! += rows
      const times = read.flatMap((count, index) => (count === 0 || count >= splits[index]!.length ? [] : [splits[index]![count - 1]!.t]))
      worst = Math.max(worst, Math.max(...times) - Math.min(...times))
    })
    const job = jobWith(monotonous({ everyRecords, ...(maxDriftMs === null ? {} : { maxDrift: maxDriftMs }) }))
    const run = await start(job, { host: 'inline', sources: { in: source }, sinks: { out: collectSink(), late: collectSink() } })
    expect(await run.finished).toMatchObject({ recordsIn: 6_000 })
    if (maxDriftMs === null) expect(worst).toBeGreaterThan(20_000)
    else expect(worst).toBeLessThanOrEqual(maxDriftMs + everyRecords * 50)
  }
})

const strategies: Readonly<Record<string, WatermarkDeclaration>> = {
  bounded: boundedOutOfOrderness('40ms', { everyRecords: 16, maxDrift: '300ms' }),
  percentile: percentile(0.9, { records: 64, everyRecords: 16 }),
  predicted: predicted(0.9, { block: 50, everyRecords: 16, maxDrift: '1s' }),
  punctuated: punctuated(col('mark'), { time: col('t').sub(5), everyRecords: 16 }),
  custom: customWatermark(
    () => {
      let newest: number | null = null
      return {
        onRecord: (time, { mark }) => void (newest = mark === true ? Math.max(newest ?? time, time) : newest),
        watermark: () => (newest === null ? Number.NEGATIVE_INFINITY : newest - 5),
        snapshot: () => newest,
        restore: (state) => void (newest = state as number | null),
      }
    },
    { everyRecords: 16 },
  ),
}

for (const [name, watermark] of Object.entries(strategies)) {
  test(`${name}: in which pieces a bounded source is read, and a stop and restart, change no result and no late record`, async () => {
    const job = jobWith(watermark, 20)
    const splits = [3, 4, 9].map((stepMs, index) => disorderly(new Prng(40 + index), 700, stepMs, 80))
    const outcomes: string[] = []
    let lateCount = 0
    for (const [rowsMax, stopAfter] of [
      [100_000, null],
      [5, null],
      [3, 400],
      [16, 1_111],
    ] as const) {
      const out = collectSink()
      const late = collectSink()
      const store = memoryCheckpoints()
      let rows = 0
      const gate = Promise.withResolvers<void>()
      const source = pieces(splits, rowsMax, (_, count) => {
        rows += count
        if (stopAfter !== null && rows >= stopAfter) gate.resolve()
      })
      const options = { host: 'inline', batchRows: 32, sinks: { out, late }, checkpoints: { store, every: '1h' } } as const
      let run = await start(job, { ...options, sources: { in: source } })
      if (stopAfter !== null) {
        await gate.promise
        await run.stop()
        run = await start(job, { ...options, sources: { in: pieces(splits, rowsMax) } })
      }
      const status = await run.finished
      expect(status.recordsIn).toBe(2_100)
      lateCount = status.late
      outcomes.push(JSON.stringify([out.rows, late.rows]))
    }
    expect(new Set(outcomes).size).toBe(1)
    expect(lateCount).toBeGreaterThan(0)
  })
}
