/** Laws of custom aggregates in whole jobs: hosts, checkpoints, rescaling, functions that throw, and state that does not grow. */

import { describe, expect, test } from 'vitest'
import { memoryCheckpoints } from '../../adapters/memory-store.ts'
import { testJob } from '../../adapters/testing.ts'
import { count } from '../../runtime/aggregate.ts'
import { customAggregate } from '../../runtime/aggregate-series.ts'
import { col } from '../../runtime/expression/expression.ts'
import { pipeline } from '../../runtime/pipeline.ts'
import { f64, schema, timestamp, utf8 } from '../../runtime/schema.ts'
import { collectSink } from '../../runtime/sink/callback-sink.ts'
import { rowsSource } from '../../runtime/source/rows-source.ts'
import { start } from '../../runtime/start.ts'
import { onCount, onWatermark } from '../../runtime/trigger.ts'
import { boundedOutOfOrderness } from '../../runtime/watermark.ts'
import { countTumbling } from '../../runtime/window-by-record.ts'
import { globalWindow, session, sliding, tumbling } from '../../runtime/window.ts'

const stream = () =>
  pipeline('custom-aggregates')
    .source('in', schema({ device: utf8(), at: timestamp(), value: f64(), note: utf8() }))
    .eventTime('at', boundedOutOfOrderness('50ms', { everyRecords: 16 }))
    .keyBy('device')

interface Reading {
  readonly device: string | null
  readonly at: number | null
  readonly value: number | null
  readonly note: string | null
}
const row = (at: number, value: number | null = 1, device = 'a', note: string | null = null) => ({ device, at, value, note })

/** What came, in order: nothing may be lost, come twice or change places. */
const trail = () =>
  customAggregate({
    create: () => '',
    add: (text, { value }: Reading) => `${text} ${value}`,
    merge: (a, b) => `${a} |${b}`,
    result: (text) => text.trim(),
  })

const rows = Array.from({ length: 4_000 }, (_, index) =>
  row(index * 5 - (index % 7) * 9, index, `device ${index % 23}`, index % 5 === 0 ? 'x'.repeat(index) : null),
)

const windows = {
  sliding: () => stream().window(sliding('400ms', '150ms')).aggregate({ all: trail(), n: count() }).sink('out'),
  sessions: () => stream().window(session('60ms')).allowedLateness('200ms').aggregate({ all: trail(), n: count() }).sink('out'),
  'count windows': () => stream().window(countTumbling(7)).aggregate({ all: trail(), n: count() }).sink('out'),
  'discarding windows': () =>
    stream()
      .window(tumbling('1s'))
      .trigger(onWatermark({ early: onCount(3) }))
      .discarding()
      .aggregate({ all: trail(), n: count() })
      .sink('out'),
}

describe.each(Object.entries(windows))('%s', (_, declared) => {
  const byKey = (results: readonly { readonly device: string | null }[]) =>
    [...Map.groupBy(results, ({ device }) => device)].sort(([a], [b]) => (String(a) < String(b) ? -1 : 1))

  test('give the same on every host, at every parallelism, with small rings and checkpoints all the time', async () => {
    let expected: unknown = null
    for (const [host, parallelism] of [
      ['inline', 1],
      ['inline', 4],
      ['workers', 1],
      ['workers', 3],
      ['transferred', 3],
    ] as const) {
      const out = collectSink()
      const job = await start(declared(), {
        host,
        parallelism,
        batchRows: 64,
        ringSlots: 2,
        sources: { in: rowsSource(rows) },
        sinks: { out },
        checkpoints: { store: memoryCheckpoints(), every: '2ms' },
      })
      const status = await job.finished
      expect(status.windows[0]!.deadLetters).toBe(0)
      expected ??= byKey(out.rows as never)
      expect(byKey(out.rows as never)).toEqual(expected)
    }
    expect(expected).toHaveLength(23)
  })

  test('go on at another parallelism, from 1 to 4 to 2, as if nothing had happened', async () => {
    const whole = await testJob(declared(), { keyGroupCount: 16 })
    const parts = await testJob(declared(), { keyGroupCount: 16 })
    for (const [part, parallelism] of [4, 2, 3, null].entries()) {
      const some = rows.slice(part * 200, (part + 1) * 200)
      for (const job of [whole, parts]) {
        await job.push(...some)
        await job.advanceWatermark(some.at(-1)!.at - 50)
      }
      if (parallelism !== null) await parts.restart({ parallelism })
    }
    await whole.end()
    await parts.end()
    expect(byKey(parts.rows('out'))).toEqual(byKey(whole.rows('out')))
  })
})

test('sessions merge the earlier before the later, then take the record between them', async () => {
  const job = await testJob(windows.sessions())
  await job.push(row(100, 3), row(0, 1), row(50, 2))
  await job.end()
  expect(job.rows('out')).toMatchObject([{ windowStart: 0, windowEnd: 160, all: '1 | 3 2', n: 3 }])
})

test('a condition keeps records away, and a window of such records alone has an empty accumulator', async () => {
  const declared = stream()
    .window(tumbling('10ms'))
    .aggregate({ all: trail().where(col('value').gt(0)), n: count() })
    .sink('out')
  const job = await testJob(declared)
  await job.push(row(0, 1), row(1, -1), row(2, null), row(3, 2), row(10, -5))
  await job.end()
  expect(job.rows('out').map(({ all, n }) => [all, n])).toEqual([
    ['1 2', 4],
    ['', 1],
  ])
})

test('functions see all columns of a row, and its event time', async () => {
  const seen: unknown[] = []
  const watching = customAggregate({
    create: () => 0,
    add: (n, reading: Reading, timestampMs) => {
      seen.push([reading, timestampMs])
      return n + 1
    },
    merge: (a, b) => a + b,
    result: (n) => n,
  })
  const job = await testJob(stream().window(globalWindow()).aggregate({ n: watching }).sink('out'))
  await job.push(row(7, 1.5, 'żółw', '😀'), row(3, null, '', null))
  await job.end()
  expect(seen).toEqual([
    [{ device: 'żółw', at: 7, value: 1.5, note: '😀' }, 7],
    [{ device: '', at: 3, value: null, note: null }, 3],
  ])
})

describe('a function that throws', () => {
  const failing = customAggregate({
    create: () => [] as number[],
    add: (list, { value }: Reading) => {
      if (value === 13) throw new Error('13 is refused')
      return [...list, value ?? 0]
    },
    merge: (a, b) => [...a, ...b],
    result: (list) => {
      if (list.includes(7)) throw new Error('7 has no result')
      return list
    },
  })
  const kept = stream().window(tumbling('10ms')).keepRecords()

  test.each([
    ['of accumulators', stream().window(tumbling('10ms')).aggregate({ mine: failing }).sink('out')],
    ['of kept records', kept.aggregate({ mine: failing }).sink('out')],
  ])('%s makes a dead letter of the record or the window, and the job goes on', async (_, declared) => {
    const job = await testJob(declared)
    await job.push(row(0, 1), row(1, 13), row(2, 2), row(10, 7), row(20, 3))
    const status = await job.end()
    expect(job.rows('out').map(({ windowStart, mine }) => [windowStart, mine])).toEqual([
      [0, [1, 2]],
      [20, [3]],
    ])
    const uid = status.windows[0]!.uid
    expect(status.windows[0]!.deadLetters).toBe(2)
    expect(job.deadLetters).toEqual([
      {
        code: 'FUNCTION_THREW',
        reason: `The aggregate mine of ${uid} threw: 13 is refused`,
        source: `${uid}.aggregate.mine`,
        split: '',
        position: 'event time 1',
        preview: '{"device":"a","at":1,"value":13,"note":null}',
      },
      {
        code: 'FUNCTION_THREW',
        reason: `The aggregate mine of ${uid} threw: 7 has no result`,
        source: `${uid}.aggregate.mine`,
        split: '',
        position: 'window [10, 20)',
        preview: '{"device":"a"}',
      },
    ])
  })
})

test('an accumulator that no checkpoint could keep is refused when the job starts', async () => {
  const words = customAggregate({
    create: () => new Set<string | null>() as never,
    add: (set: never) => set,
    merge: (a: never) => a,
    result: () => 0,
  })
  const declared = stream().window(tumbling('10ms')).aggregate({ words }).sink('out')
  await expect(testJob(declared)).rejects.toMatchObject({ code: 'ACCUMULATOR_INVALID', details: { aggregate: 'words' } })
})

test('state does not grow with the records of a window', async () => {
  const counted = customAggregate({
    create: () => 0,
    add: (n: number) => n + 1,
    merge: (a, b) => a + b,
    result: (n) => n,
  })
  const job = await testJob(stream().window(globalWindow()).aggregate({ n: counted }).sink('out'), { batchRows: 256 })
  const bytes = async () => {
    await job.checkpoint()
    const { windows: states, checkpoints } = await job.status()
    return { state: states[0]!.stateBytes, checkpoint: checkpoints.last!.bytes }
  }
  const push = async (from: number) =>
    job.push(...Array.from({ length: 2_000 }, (_, index) => row(from + index, index, 'a', `note ${index % 9}`)))
  await push(0)
  const before = await bytes()
  for (let round = 1; round <= 10; round++) await push(round * 2_000)
  const after = await bytes()
  expect(after.state).toBe(before.state)
  // Numbers have more digits.
  expect(after.checkpoint - before.checkpoint).toBeLessThan(64)
  await job.end()
  expect(job.rows('out')).toMatchObject([{ n: 22_000 }])
})
