/** What GUIDE.md says in words of watermarks, and of sorting, deduplication and sequence numbers, one law after the other. */

import { describe, expect, test } from 'vitest'
import { ManualClock, testJob } from '../../adapters/testing.ts'
import {
  type BatchBuilder,
  boundedOutOfOrderness,
  callbackSink,
  col,
  count,
  customWatermark,
  f64,
  i32,
  monotonous,
  pipeline,
  punctuated,
  rowsSource,
  type Run,
  run,
  schema,
  type Source,
  start,
  timestamp,
  tumbling,
  utf8,
  type WatermarkDeclaration,
} from '../../runtime/index.ts'
import { guideText } from './guide/document.ts'
import { at, readings } from './guide/pictures.ts'

const timed = (watermark: WatermarkDeclaration) =>
  pipeline('time')
    .source('readings', schema({ device: utf8(), at: timestamp(), value: f64() }))
    .eventTime('at', watermark)
    .window(tumbling('10s'))
    .aggregate({ n: count() })
    .sink('out')

/** A live source of several splits, into which a test puts rows. */
function splitSource(splitCount: number): Source & { readonly queues: object[][] } {
  const queues = Array.from({ length: splitCount }, (): object[] => [])
  const splits = queues.map((queue, index) => ({
    splitId: `split ${index}`,
    open: () =>
      Promise.resolve({
        read(builder: BatchBuilder, rowsMax: number) {
          for (const row of queue.splice(0, rowsMax)) builder.appendRow(row, '')
          return queue.length > 0 ? ('more' as const) : ('idle' as const)
        },
        position: () => ({}),
        progress: () => null,
        close: () => Promise.resolve(),
      }),
  }))
  return { kind: 'splits', isReplayable: false, isBounded: false, splits: () => Promise.resolve(splits), queues }
}

/** A job over it, with a clock of its own. */
async function live(watermark: WatermarkDeclaration, splitCount = 2) {
  const clock = new ManualClock()
  const source = splitSource(splitCount)
  const running: Run = await start(timed(watermark), {
    sources: { readings: source },
    sinks: { out: callbackSink(() => {}) },
    host: 'inline',
    clock,
  })
  /** Lets the job run until it sleeps. */
  const turn = async () => {
    const slept = clock.nextSleep()
    clock.wake()
    await Promise.race([slept, running.finished])
    await clock.yield()
  }
  const settle = async () => {
    for (let round = 0; round < 3; round++) await turn()
    return (await running.status()).eventTimes[0]!
  }
  return {
    give: (split: number, ...seconds: number[]) => (source.queues[split]!.push(...at(...seconds)), settle()),
    wait: (ms: number) => (clock.advance(ms), settle()),
    stop: async () => {
      const stopped = running.stop()
      const progress = { isDone: false }
      void stopped.finally(() => {
        progress.isDone = true
      })
      while (!progress.isDone) await turn()
      await stopped
    },
    running,
  }
}

describe('watermarks', () => {
  test('the least of the active splits counts, and one that has brought nothing holds all', async () => {
    const job = await live(monotonous())
    expect(await job.give(0, 5)).toMatchObject({ watermarkMs: null, maxEventTimeMs: 5000, splits: 2 })
    expect(await job.give(1, 3)).toMatchObject({ watermarkMs: 2999 })
    await job.stop()
  })

  test('an idle split does not hold the others, and is active at once when it comes back', async () => {
    const job = await live(monotonous({ idleAfter: '10s' }))
    await job.give(0, 5)
    await job.give(1, 3)
    await job.wait(6000)
    expect(await job.give(0, 20)).toMatchObject({ watermarkMs: 2999, idleSplits: 0 })
    await job.wait(6000)
    expect(await job.give(0, 21)).toMatchObject({ watermarkMs: 20_999, idleSplits: 1 })
    expect(await job.give(1, 18)).toMatchObject({ watermarkMs: 20_999, idleSplits: 0 })
    expect(await job.give(0, 40)).toMatchObject({ watermarkMs: 20_999 })
    expect(await job.give(1, 30)).toMatchObject({ watermarkMs: 29_999 })
    await job.stop()
  })

  test('when the last split goes idle the largest watermark is passed on', async () => {
    const job = await live(monotonous({ idleAfter: '10s' }))
    await job.give(0, 5)
    await job.give(1, 3)
    expect(await job.wait(10_001)).toMatchObject({ watermarkMs: 4999, idleSplits: 2 })
    await job.stop()
  })

  test('a split too far ahead is not read', async () => {
    const job = await live(monotonous({ maxDrift: '10s', everyRecords: 1 }))
    await job.give(0, 1)
    await job.give(1, 1)
    expect(await job.give(0, 20, 21, 22)).toMatchObject({ maxEventTimeMs: 20_000, heldSplits: 1 })
    expect(await job.give(1, 15)).toMatchObject({ maxEventTimeMs: 22_000, heldSplits: 0 })
    await job.stop()
  })

  test('the flush can be switched off', async () => {
    const job = await live(monotonous({ flushAfter: Number.POSITIVE_INFINITY }), 1)
    await job.give(0, 5)
    expect(await job.wait(100_000)).toMatchObject({ watermarkMs: 4999, isFlushing: false })
    await job.stop()
  })

  test('of a record that carries one are taken as they are: another of its time is late', async () => {
    const isMark = col('value').eq(5)
    for (const [strategy, late] of [
      [punctuated(isMark, { everyRecords: 1 }), 1],
      [punctuated(isMark, { time: col('at').sub(1), everyRecords: 1 }), 0],
    ] as const) {
      const test = await testJob(timed(strategy), { watermarks: 'declared' })
      await test.push({ device: 'a', at: 9999, value: 5 }, { device: 'a', at: 9999, value: 0 })
      expect((await test.status()).late).toBe(late)
      await test.close()
    }
  })

  test('come from outside only for manual ones', async () => {
    const job = await live(monotonous(), 1)
    await expect(job.running.advanceWatermark('readings', 5)).rejects.toMatchObject({ code: 'WATERMARK_NOT_MANUAL' })
    await job.stop()
  })

  test('a custom strategy that throws stops the job', async () => {
    const broken = customWatermark(() => ({
      onRecord() {
        throw new Error('no')
      },
      watermark: () => 0,
      snapshot: () => null,
      restore() {},
    }))
    await expect(run(timed(broken), at(1))).rejects.toMatchObject({ code: 'WATERMARK_FUNCTION_THREW' })
  })

  test('on bounded sources are evaluated every 1,024 records', async () => {
    // The last record is behind all others, and late only if a watermark was evaluated before it.
    const lateOf = async (length: number) => {
      const rows = [...Array.from({ length }, (_, index) => ({ device: 'a', at: 10_000 + index, value: 0 })), ...at(1)]
      const running = await start(timed(monotonous()), {
        sources: { readings: rowsSource(rows) },
        sinks: { out: callbackSink(() => {}) },
        host: 'inline',
      })
      return (await running.finished).late
    }
    expect([await lateOf(1023), await lateOf(1024)]).toEqual([0, 1])
  })
})

describe('sorting', () => {
  test('late rows pass, or are dropped', async () => {
    for (const late of ['pass', 'drop'] as const) {
      const test = await testJob(readings().sortByEventTime({ late }).sink('out'))
      await test.advanceWatermark(5000)
      await test.push(...at(5))
      expect(test.rows()).toHaveLength(late === 'pass' ? 1 : 0)
      const { counts } = (await test.status()).operators[0]!
      expect([counts['latePassed'], counts['lateDropped']]).toEqual(late === 'pass' ? [1, 0] : [0, 1])
    }
  })

  test('a full buffer is an error, or lets the oldest go', async () => {
    const full = await testJob(readings().sortByEventTime({ bufferRecordsMax: 2 }).sink('out'))
    await expect(full.push(...at(3, 1, 2))).rejects.toMatchObject({ code: 'SORT_BUFFER_FULL' })
    const test = await testJob(readings().sortByEventTime({ bufferRecordsMax: 2, whenFull: 'release' }).sink('out'))
    await test.push(...at(3, 1, 2))
    expect(test.rows().map(({ value }) => value)).toEqual([1])
    expect((await test.status()).operators[0]!.counts['releasedEarly']).toBe(1)
  })

  test('equal times keep the order of arrival', async () => {
    const test = await testJob(readings().sortByEventTime().sink('out'))
    await test.push(...[2, 1].map((value) => ({ device: 'a', at: 1000, value })))
    await test.end()
    expect(test.rows().map(({ value }) => value)).toEqual([2, 1])
  })
})

describe('deduplication', () => {
  const unique = (options: object = {}) =>
    readings()
      .deduplicate({ by: ['device', 'value'], within: '10s', ...options })
      .sink('out')
  const row = (device: string | null, second: number, value: number | null = 0) => ({ device, at: second * 1000, value })

  test('what is later than within cannot be judged', async () => {
    for (const late of ['pass', 'drop'] as const) {
      const test = await testJob(unique({ late }))
      await test.push(row('a', 10))
      await test.advanceWatermark(20_000)
      await test.push(row('a', 10), row('a', 9))
      expect(test.rows()).toHaveLength(late === 'pass' ? 2 : 1)
    }
  })

  test('a record without any id passes, one with a part of it does not', async () => {
    const test = await testJob(unique())
    await test.push(row(null, 1, null), row(null, 1, null), row('a', 1, null), row('a', 1, null), row('a', 1, -0), row('a', 1, 0))
    expect(test.rows()).toHaveLength(4)
    expect((await test.status()).operators[0]!.counts).toMatchObject({ withoutId: 2, duplicates: 2 })
    expect((await test.status()).filtered).toBe(2)
  })

  test('too many ids are an error', async () => {
    const test = await testJob(unique({ idsMax: 1 }))
    await expect(test.push(row('a', 1), row('b', 1))).rejects.toMatchObject({ code: 'DEDUPLICATE_FULL' })
  })
})

describe('sequence numbers', () => {
  async function findings(numbers: readonly number[], options: object = {}): Promise<readonly string[]> {
    const job = pipeline('telemetry')
      .source('messages', schema({ device: utf8(), at: timestamp(), no: i32() }))
      .eventTime('at', monotonous())
      .trackSequence({ source: 'device', sequence: 'no', findingsTo: 'findings', ...options })
      .sink('out')
    const test = await testJob(job)
    await test.push(...numbers.map((no, index) => ({ device: 'a', at: index * 1000, no })))
    await test.end()
    expect(test.rows('out')).toHaveLength(numbers.length)
    return test.rows('findings').map(({ kind, from, to, count }) => `${kind} ${from}-${to} ${count}`)
  }

  test('what is missing is told exactly, when it is certain', async () => {
    expect(await findings([1, 6, 4])).toEqual(['reorder 4-6 1', 'gap 2-3 2', 'gap 5-5 1'])
    expect(await findings([1, 3, 2])).toEqual(['reorder 2-3 1'])
  })

  test('a far number is believed when the next confirms it', async () => {
    expect(await findings([1, 90_000, 2])).toEqual(['reorder 90000-2 1'])
    expect(await findings([1, 90_000, 90_001])).toEqual(['gap 2-89999 89998'])
    expect(await findings([90_000, 1, 2])).toEqual(['restart 90000-1 1'])
  })

  test('restarts of short lives, and numbers that wrap', async () => {
    expect(await findings([0, 1, 0, 1])).toEqual(['duplicate 0-0 1', 'duplicate 1-1 1'])
    expect(await findings([0, 1, 0, 1], { restartBelow: 1 })).toEqual(['restart 1-0 1'])
    expect(await findings([254, 255, 0, 1], { wrapsAt: 256 })).toEqual([])
  })

  test('too many sources are an error', async () => {
    const job = readings().trackSequence({ source: 'value', sequence: 'value', sourcesMax: 1 }).sink('out')
    const test = await testJob(job)
    await expect(test.push(...at(1, 2))).rejects.toMatchObject({ code: 'SEQUENCE_SOURCES_FULL' })
  })
})

test('these operators stand before keyBy, behind event time', () => {
  const code = (expected: string) => expect.objectContaining({ code: expected })
  expect(() =>
    pipeline('p')
      .source('in', schema({ device: utf8() }))
      .deduplicate({ by: 'device', within: '1s' }),
  ).toThrow(code('EVENT_TIME_MISSING'))
  expect(() => boundedOutOfOrderness(-1)).toThrow(code('DURATION_INVALID'))
})

test('every link inside the guide leads somewhere', () => {
  const text = guideText()
  const slug = (heading: string) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-')
  const targets = new Set([...text.matchAll(/^#+ (.+)$/gm)].map((match) => slug(match[1]!)))
  const links = [...text.matchAll(/\]\(#([^)]+)\)/g)].map((match) => match[1]!)
  expect(links.filter((link) => !targets.has(link))).toEqual([])
})
