/** Laws of whole jobs with windows of the pane kernel: the same on every host and at every parallelism, through to sinks. */

import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { csvFile } from '../../adapters/file/csv-file.ts'
import { ndjsonFile } from '../../adapters/file/ndjson-file.ts'
import { customAggregate } from '../../runtime/aggregate-series.ts'
import { argMax, collect, concat, histogram, topK } from '../../runtime/aggregate-values.ts'
import { count, mean, sum } from '../../runtime/aggregate.ts'
import type { DeadLetter } from '../../runtime/batch-builder.ts'
import { col } from '../../runtime/expression/expression.ts'
import { type Job, pipeline } from '../../runtime/pipeline.ts'
import { bool, f64, schema, timestamp, utf8 } from '../../runtime/schema.ts'
import { collectSink } from '../../runtime/sink/callback-sink.ts'
import { rowsSource } from '../../runtime/source/rows-source.ts'
import { start } from '../../runtime/start.ts'
import { onCount, onRecord, onWatermark } from '../../runtime/trigger.ts'
import { boundedOutOfOrderness } from '../../runtime/watermark.ts'
import { countSliding, customWindow, stateWindow } from '../../runtime/window-by-record.ts'
import { calendar, intervals } from '../../runtime/window-calendar.ts'
import { cumulate, globalWindow, session, tumbling } from '../../runtime/window.ts'
import { Prng } from '../support/prng.ts'

const readings = schema({ at: timestamp(), key: utf8(), value: f64(), text: utf8(), flag: bool() })
const HOUR = 3_600_000
const prng = new Prng(11)
const rows = Array.from({ length: 3_000 }, (_, index) => ({
  at: index * 60_000 + prng.int(300_000),
  key: prng.pick(['a', 'b', 'żółw', '', null]),
  value: prng.pick([prng.int(10), prng.next() * 5, null]),
  text: prng.pick(['x', 'y', 'a longer text than eight bytes', null]),
  flag: prng.pick([true, false, null]),
}))
const keyed = () =>
  pipeline('panes')
    .source('in', readings)
    .eventTime('at', boundedOutOfOrderness('5m', { everyRecords: 64 }))
    .keyBy('key')

const spread = customAggregate({
  create: (): { least: number | null; most: number | null } => ({ least: null, most: null }),
  add: (ends, { value }: { value: number | null }) => {
    if (value === null) return ends
    return { least: Math.min(ends.least ?? value, value), most: Math.max(ends.most ?? value, value) }
  },
  merge: (a, b) => ({
    least: a.least === null || b.least === null ? (a.least ?? b.least) : Math.min(a.least, b.least),
    most: a.most === null || b.most === null ? (a.most ?? b.most) : Math.max(a.most, b.most),
  }),
  result: ({ least, most }) => (least === null || most === null ? null : { least, most }),
})

const jobs: Readonly<Record<string, Job>> = {
  'sessions with a gap per record, lists and texts': keyed()
    .window(session(col('value').add(1).mul(60_000)))
    .allowedLateness('10m')
    .aggregate({ n: count(), texts: collect('text'), joined: concat('text'), top: topK('text', 2), at: argMax('text', 'value') })
    .sink('out'),
  'days of a time zone with conditions': keyed()
    .window(calendar('day', { timeZone: 'Europe/Warsaw' }))
    .trigger(onWatermark({ early: onCount(50) }))
    .retracting()
    .aggregate({ n: count().where(col('value').gt(2)), total: sum('value').where(col('flag')), shape: histogram('value', [1, 3, 7]) })
    .sink('out'),
  'a table of intervals': keyed()
    .window(
      intervals([
        { name: 'first', start: 0, end: 10 * HOUR },
        { name: 'second', start: 5 * HOUR, end: 20 * HOUR },
      ]),
    )
    .discarding()
    .trigger(onRecord(col('value').eq(3)))
    .aggregate({ n: count(), spread })
    .sink('out'),
  'windows of a function, and functions on them': keyed()
    .window(customWindow((row: { value: number | null }, at) => (row.value === null ? [] : [{ start: at, end: at + HOUR }])))
    .apply(
      (records, { key, paneIndex }) => [
        { rows: records.length, first: records[0]?.text ?? null, who: `${String(key['key'])} ${paneIndex}` },
      ],
      schema({ rows: f64(), first: utf8(), who: utf8() }),
    )
    .sink('out'),
  'state windows': keyed()
    .window(stateWindow(col('value').gt(8), col('flag'), { maxLength: '1h' }))
    .aggregate({ n: count(), spread })
    .sink('out'),
  'the last records, in order of arrival': keyed()
    .window(countSliding(10, 3))
    .aggregate({ all: collect('value', { order: 'arrival' }) })
    .sink('out'),
  'windows that grow, with a custom aggregate': keyed()
    .window(cumulate('6h', '1h'))
    .aggregate({ spread, mean: mean('value') })
    .sink('out'),
  'one window for all time': keyed()
    .window(globalWindow())
    .aggregate({ n: count(), spread, mean: mean('value') })
    .sink('out'),
  'plain windows with a condition': keyed()
    .window(tumbling('1h'))
    .aggregate({ n: count(), high: count().where(col('value').gt(4)), texts: count('text').where(col('flag')) })
    .sink('out'),
}

async function outcome(
  job: Job,
  options: { readonly host: 'inline' | 'workers' | 'transferred'; readonly parallelism: number; readonly batchRows?: number },
) {
  const out = collectSink()
  const letters: DeadLetter[] = []
  const run = await start(job, {
    ...options,
    sources: { in: rowsSource(rows) },
    sinks: { out },
    onDeadLetter: (letter) => letters.push(letter),
  })
  const status = await run.finished
  const results = out.rows.map((row, index) => ({ key: row['key'], row, pane: out.panes[index] }))
  return {
    byKey: [...Map.groupBy(results, ({ key }) => key)].sort(([a], [b]) => (String(a) < String(b) ? -1 : 1)),
    letters: letters.length,
    status,
  }
}

describe.each(Object.entries(jobs))('%s', (_, job) => {
  test('are the same on every host, at every parallelism and size of batch', async () => {
    const first = await outcome(job, { host: 'inline', parallelism: 1 })
    expect(first.byKey.length).toBeGreaterThan(0)
    const [source] = first.status.sources
    const [window] = first.status.windows
    expect(source!.recordsIn).toBe(window!.recordsIn + source!.filtered + source!.deadLetters)
    expect(source!.deadLetters).toBe(first.letters)
    for (const options of [
      { host: 'inline', parallelism: 3, batchRows: 7 },
      { host: 'workers', parallelism: 2 },
      { host: 'workers', parallelism: 4, batchRows: 64 },
      { host: 'transferred', parallelism: 3, batchRows: 64 },
    ] as const) {
      const other = await outcome(job, options)
      expect(other.byKey, JSON.stringify(options)).toEqual(first.byKey)
      expect(other.letters).toBe(first.letters)
    }
  })
})

describe('sinks', () => {
  const directories: string[] = []
  afterAll(async () => {
    for (const directory of directories) await rm(directory, { recursive: true })
  })

  test('lists and objects are JSON in files', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'panes-'))
    directories.push(directory)
    const job = keyed()
      .window(globalWindow())
      .aggregate({ all: collect('value'), top: topK('text', 1), spread })
      .sink('out')
    const input = [
      { at: 1, key: 'a', value: 2, text: 'say "hi", you', flag: null },
      { at: 2, key: 'a', value: Number.NaN, text: 'say "hi", you', flag: null },
    ]
    for (const [file, sink] of [
      ['out.ndjson', ndjsonFile(join(directory, 'out.ndjson'))],
      ['out.csv', csvFile(join(directory, 'out.csv'), { pane: true })],
    ] as const) {
      await (await start(job, { host: 'inline', sources: { in: rowsSource(input) }, sinks: { out: sink } })).finished
      expect(await readFile(join(directory, file), 'utf8')).toMatchSnapshot()
    }
  })
})
