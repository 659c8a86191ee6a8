/** Laws of filter, map and event time as they run on whole batches: every row leaves, is counted as filtered, or is a dead letter. */

import { expect, test } from 'vitest'
import type { DeadLetter } from '../../runtime/batch-builder.ts'
import { col } from '../../runtime/expression/expression.ts'
import { pipeline } from '../../runtime/pipeline.ts'
import { f64, schema, timestamp, utf8 } from '../../runtime/schema.ts'
import { collectSink } from '../../runtime/sink/callback-sink.ts'
import { rowsSource } from '../../runtime/source/rows-source.ts'
import { start } from '../../runtime/start.ts'
import { boundedOutOfOrderness } from '../../runtime/watermark.ts'
import { Prng } from '../support/prng.ts'

const columns = schema({ k: utf8(), t: timestamp(), v: f64() })

test('every row leaves a stage, is counted as filtered, or becomes a dead letter', async () => {
  for (let seed = 1; seed <= 40; seed++) {
    const prng = new Prng(seed)
    const rows = Array.from({ length: prng.int(300) }, () => ({
      k: prng.pick(['a', 'b', null, 'throw']),
      t: prng.pick([prng.int(1_000), prng.int(1_000) + 0.5, Number.NaN, null, 9e15]),
      v: prng.pick([prng.next() * 10, null, Number.NaN]),
    }))
    const job = pipeline('stages')
      .source('in', columns)
      .filter(col('v').gt(3))
      .map({ twice: col('v').mul(2) })
      .eventTime('t', boundedOutOfOrderness('1s'))
      .filter((row) => {
        if (row.k === 'throw') throw new Error('as asked')
        return row.k !== 'b'
      })
      .sink('out')
    const letters: DeadLetter[] = []
    const out = collectSink()
    const options = {
      host: 'inline',
      batchRows: prng.pick([1, 7, 64]),
      sources: { in: rowsSource(rows) },
      sinks: { out },
      onDeadLetter: (letter: DeadLetter) => void letters.push(letter),
    } as const
    const { recordsIn, filtered, deadLetters } = await (await start(job, options)).finished
    const passed = rows.filter(({ v }) => v !== null && v > 3)
    const timed = passed.filter(({ t }) => t !== null && Math.abs(Math.floor(t)) <= 8.64e15)
    const wanted = timed.filter(({ k }) => k === 'a' || k === null)
    expect(
      out.rows.map(({ k, v, twice }) => [k, v, twice]),
      `seed ${seed}`,
    ).toEqual(wanted.map(({ k, v }) => [k, v, v! * 2]))
    expect(recordsIn).toBe(rows.length)
    expect(deadLetters).toBe(letters.length)
    expect(deadLetters).toBe(passed.length - timed.length + timed.filter(({ k }) => k === 'throw').length)
    expect(out.rows.length + filtered + deadLetters).toBe(recordsIn)
  }
})

test('a filter of nothing passes the batch on, a filter of everything passes none', async () => {
  for (const [bound, wanted] of [
    [-1, 100],
    [1_000, 0],
  ] as const) {
    const job = pipeline('bounds').source('in', columns).filter(col('v').gt(bound)).sink('out')
    const out = collectSink()
    const rows = Array.from({ length: 100 }, (_, v) => ({ k: 'a', t: v, v }))
    const { filtered } = await (await start(job, { host: 'inline', sources: { in: rowsSource(rows) }, sinks: { out } })).finished
    expect([out.rows.length, filtered]).toEqual([wanted, 100 - wanted])
  }
})

test('texts that a map makes go on as keys like those of the source', async () => {
  const job = pipeline('mapped')
    .source('in', columns)
    .map((row) => ({ k: `${row.k}!`, t: row.t, v: row.v }), columns)
    .sink('out')
  const out = collectSink()
  const rows = Array.from({ length: 50 }, (_, v) => ({ k: `k${v % 3}`, t: v, v }))
  await (await start(job, { host: 'inline', batchRows: 7, sources: { in: rowsSource(rows) }, sinks: { out } })).finished
  expect(out.rows.map((row) => row['k'])).toEqual(rows.map(({ k }) => `${k}!`))
})
