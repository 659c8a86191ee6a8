/** Laws of jobs with operators that keep state before rows are divided by key: sinks, limits, time that passes, restarts, both hosts. */

import { expect, test } from 'vitest'
import { testJob } from '../../adapters/testing.ts'
import { count, sum } from '../../runtime/aggregate.ts'
import { col } from '../../runtime/expression/expression.ts'
import { pipeline } from '../../runtime/pipeline.ts'
import { runAll } from '../../runtime/run.ts'
import { f64, schema, timestamp, utf8 } from '../../runtime/schema.ts'
import type { Sink } from '../../runtime/sink/sink.ts'
import { callbackSink, collectSink } from '../../runtime/sink/callback-sink.ts'
import { rowsSource } from '../../runtime/source/rows-source.ts'
import { start } from '../../runtime/start.ts'
import { boundedOutOfOrderness } from '../../runtime/watermark.ts'
import { tumbling } from '../../runtime/window.ts'
import { stateWindow } from '../../runtime/window-by-record.ts'
import { Prng } from '../support/prng.ts'

const SCHEMA = schema({ device: utf8(), at: timestamp(), seq: f64(), value: f64() })
const timed = (everyRecords = 16) =>
  pipeline('stages').source('in', SCHEMA).eventTime('at', boundedOutOfOrderness('100ms', { everyRecords }))
const row = (at: number, seq: number, device = 'a', value = 1) => ({ device, at, seq, value })
/** Rows 10 ms apart, out of order by at most 80 ms. */
function disordered(count: number, seed = 1) {
  const prng = new Prng(seed)
  return Array.from({ length: count }, (_, index) => ({ row: row(index * 10, index, `d${index % 5}`, index), key: index + prng.int(8) }))
    .sort((a, b) => a.key - b.key)
    .map((each) => each.row)
}
const ordered = (count: number) => disordered(count).toSorted((a, b) => a.at - b.at)

test('a sink behind a sorter gets the rows in order, without a window', async () => {
  const job = timed().sortByEventTime().sink('out')
  const rows = disordered(5_000)
  for (const batchRows of [1, 7, 4_096]) expect((await runAll(job, rows, { batchRows })).out).toEqual(ordered(5_000))
})

for (const host of ['inline', 'shared', 'transferred'] as const) {
  test(`${host}: windows behind a sorter have no late record where those before it have, at every parallelism`, async () => {
    const rows = disordered(20_000)
    const windowed = (stream: ReturnType<typeof timed>) =>
      stream
        .keyBy('device')
        .window(tumbling('70ms'))
        .aggregate({ n: count(), total: sum('value') })
        .sink('out')
    const wanted = await runAll(windowed(timed(1).sortByEventTime()), ordered(20_000))
    for (const parallelism of [1, 2, 4]) {
      const out = collectSink()
      const run = await start(windowed(timed(1).sortByEventTime()), {
        host,
        parallelism,
        batchRows: 64,
        ringSlots: 4,
        sources: { in: rowsSource(rows) },
        sinks: { out },
      })
      expect(await run.finished).toMatchObject({
        late: 0,
        recordsIn: 20_000,
        operators: [{ uid: 'sort', counts: { recordsOut: 20_000 }, stateCount: 0 }],
      })
      const byKey = (results: readonly object[]) => results.map((result) => JSON.stringify(result)).toSorted()
      expect(byKey(out.rows)).toEqual(byKey(wanted.out))
    }
  })
}

test('one stream branches: rows as they come, and rows in order', async () => {
  const stream = timed()
  const raw = stream.sink('raw')
  const job = stream.sortByEventTime().sink('sorted').and(raw)
  const rows = disordered(1_000)
  const out = await runAll(job, rows)
  expect(out.raw).toEqual(rows)
  expect(out.sorted).toEqual(ordered(1_000))
})

test('two event times behind one source have sorters of their own', async () => {
  const two = schema({ made: timestamp(), sent: timestamp() })
  const source = pipeline('two').source('in', two)
  const made = source.eventTime('made', boundedOutOfOrderness('1s'), { uid: 'by-made' }).sortByEventTime({ uid: 'sort-made' }).sink('made')
  const job = source
    .eventTime('sent', boundedOutOfOrderness('1s'), { uid: 'by-sent' })
    .sortByEventTime({ uid: 'sort-sent' })
    .sink('sent')
    .and(made)
  const out = await runAll(job, [
    { made: 3, sent: 1 },
    { made: 1, sent: 2 },
    { made: 2, sent: 0 },
  ])
  expect(out.made.map(({ made: at }) => at)).toEqual([1, 2, 3])
  expect(out.sent.map(({ sent: at }) => at)).toEqual([0, 1, 2])
})

test('a sink that is slow gets every row once, in order, and every finding', async () => {
  const rows = disordered(2_000).filter(({ seq }) => seq % 97 !== 5)
  const taken: object[] = []
  const found: object[] = []
  const slow = (into: object[]): Sink =>
    callbackSink(async (batch) => {
      await new Promise((resolve) => setImmediate(resolve))
      into.push(...batch)
    })
  const job = timed()
    .sortByEventTime()
    .trackSequence({ source: 'device', sequence: 'seq', reorderWindow: 50, findingsTo: 'findings' })
    .sink('out')
  const run = await start(job, {
    host: 'inline',
    batchRows: 8,
    sources: { in: rowsSource(rows) },
    sinks: { out: slow(taken), findings: slow(found) },
  })
  const status = await run.finished
  expect(taken).toEqual(rows.toSorted((a, b) => a.at - b.at))
  expect(found).toHaveLength(status.operators[1]!.counts['gaps']!)
})

test('a full buffer fails the job with its error', async () => {
  const job = timed().sortByEventTime({ bufferRecordsMax: 5 }).sink('out')
  const run = await start(job, { host: 'inline', sources: { in: rowsSource(disordered(100)) }, sinks: { out: collectSink() } })
  await expect(run.finished).rejects.toMatchObject({ code: 'SORT_BUFFER_FULL', details: { uid: 'sort', bufferRecordsMax: 5 } })
})

test('records in are processed, late, filtered or dead letters, also where stages drop them', async () => {
  const rows = [...disordered(500), ...disordered(500), row(0, 0), { device: 'a', at: Number.NaN, seq: 1, value: 1 }]
  const job = timed()
    .deduplicate({ by: ['device', 'seq'], within: '50ms', late: 'drop' })
    .sortByEventTime({ late: 'drop' })
    .window(tumbling('1s'))
    .aggregate({ n: count() })
    .sink('out')
  const out = collectSink()
  const status = await (await start(job, { host: 'inline', sources: { in: rowsSource(rows) }, sinks: { out } })).finished
  expect(status.recordsIn).toBe(1_002)
  expect(status.windows[0]!.processed + status.late + status.filtered + status.deadLetters).toBe(1_002)
  expect(status.deadLetters).toBe(1)
})

test('a live source that says nothing lets its devices fall silent by the clock', async () => {
  const stream = pipeline('live')
    .source('in', SCHEMA)
    .eventTime('at', boundedOutOfOrderness('100ms', { flushAfter: '1s' }))
  const job = stream.trackSequence({ source: 'device', sequence: 'seq', silentAfter: '10s', findingsTo: 'findings' }).sink('out')
  const harness = await testJob(job, { watermarks: 'declared', startMs: 1_000_000 })
  await harness.push(row(1_000_000, 1, 'a'), row(1_000_050, 1, 'b'))
  await harness.advanceTime('9s')
  expect(harness.rows('findings')).toEqual([])
  await harness.advanceTime('3s')
  expect(harness.take('findings').map(({ row: finding }) => finding)).toEqual([
    { device: 'a', kind: 'silence', from: 1, to: null, count: 0, at: 1_010_000 },
    { device: 'b', kind: 'silence', from: 1, to: null, count: 0, at: 1_010_050 },
  ])
  await harness.push(row(1_013_000, 2, 'b'))
  expect(harness.take('findings').map(({ row: finding }) => finding)).toEqual([
    { device: 'b', kind: 'resumed', from: 1, to: 2, count: 1, at: 1_013_000 },
  ])
  await harness.close()
})

test('a crash and a restart at another parallelism lose no row that is held back and no id that was seen', async () => {
  const job = timed()
    .deduplicate({ by: ['device', 'seq'], within: '1m' })
    .sortByEventTime()
    .keyBy('device')
    .window(tumbling('1s'))
    .aggregate({ n: count() })
    .sink('out')
  const harness = await testJob(job, { parallelism: 1 })
  await harness.push(row(500, 1), row(100, 2), row(1_500, 3))
  await harness.checkpoint()
  await harness.push(row(900, 4))
  await harness.crash({ parallelism: 3 })
  await harness.push(row(500, 1), row(100, 2))
  await harness.advanceWatermark(999)
  expect(harness.take('out').map(({ row: result }) => result)).toEqual([{ windowStart: 0, windowEnd: 1_000, device: 'a', n: 3 }])
  expect((await harness.status()).operators).toMatchObject([
    { uid: 'deduplicate', counts: { recordsIn: 6, duplicates: 2 } },
    { uid: 'sort', stateCount: 1 },
  ])
  await harness.close()
})

test('state windows see their rows in order of event time, so disorder changes no result', async () => {
  const job = timed(1)
    .keyBy('device')
    .window(stateWindow(col('seq').mod(7).eq(0), col('seq').mod(7).eq(4)))
    .aggregate({ n: count(), total: sum('value') })
    .sink('out')
  const wanted = await runAll(job, ordered(2_000))
  expect(wanted.out.length).toBeGreaterThan(100)
  const { out } = await runAll(job, disordered(2_000), { parallelism: 3 })
  const sorted = (results: readonly object[]) => results.map((result) => JSON.stringify(result)).toSorted()
  expect(sorted(out)).toEqual(sorted(wanted.out))
})
