/**
 * Bad input end to end: it ends in a typed error or in the dead letter with its reason, and the counts add up:
 * in = processed + late + filtered + dead letters.
 */

import { expect, test } from 'vitest'
import { csvFile, ndjsonFile } from '../../adapters/file/index.ts'
import { memoryCheckpoints } from '../../adapters/memory-store.ts'
import { count, max } from '../../runtime/aggregate.ts'
import type { DeadLetter } from '../../runtime/batch-builder.ts'
import { pipeline } from '../../runtime/pipeline.ts'
import { f64, schema, timestamp, utf8 } from '../../runtime/schema.ts'
import { collectSink } from '../../runtime/sink/callback-sink.ts'
import { rowsSource } from '../../runtime/source/rows-source.ts'
import { start, type StartOptions } from '../../runtime/start.ts'
import { outcome, simple, testFolder } from '../support/bad-input-job.ts'
import { boundedOutOfOrderness } from '../../runtime/watermark.ts'
import { tumbling } from '../../runtime/window.ts'

const { file } = testFolder()
const codes = (letters: readonly DeadLetter[]) => letters.map(({ code }) => code)
const good = '{"k":"a","t":1000,"v":1}'

test.each([
  ['half an object', '{"k":"a",', 'LINE_SYNTAX'],
  ['no JSON at all', 'hello', 'LINE_SYNTAX'],
  ['two documents', `${good}${good}`, 'LINE_SYNTAX'],
  ['a list', '[1,2]', null],
  ['a number', '17', null],
  ['a text where a number belongs', '{"k":"a","t":1000,"v":"x"}', 'FIELD_TYPE'],
  ['a number where a text belongs', '{"k":7,"t":1000}', 'FIELD_TYPE'],
  ['a fraction in an integer', '{"k":"a","t":1000,"n":1.5}', 'FIELD_TYPE'],
  ['a number where a truth value belongs', '{"k":"a","t":1000,"ok":1}', 'FIELD_TYPE'],
])('NDJSON: %s is a dead letter, the lines around it are records', async (_, line, code) => {
  const { status, letters, rows } = await outcome(ndjsonFile(await file('in.ndjson', `${good}\n${line}\n${good}\n`)))
  expect(letters).toHaveLength(1)
  if (code !== null) expect(codes(letters)).toEqual([code])
  expect(status.recordsIn).toBe(3)
  expect(rows).toMatchObject([{ k: 'a', rows: 2 }])
})

test('NDJSON: a missing column is null, one more is ignored', async () => {
  const { letters, rows } = await outcome(
    ndjsonFile(await file('in.ndjson', '{"t":1000}\n{"k":"a","t":1000,"v":3,"other":{"deep":[1]}}\n')),
  )
  expect(letters).toEqual([])
  expect(rows).toMatchObject([
    { k: null, rows: 1, most: null },
    { k: 'a', rows: 1, most: 3 },
  ])
})

test('CSV: a record with too few or too many fields is a dead letter', async () => {
  const { letters, rows } = await outcome(
    csvFile(await file('in.csv', 'k,t,v,n,ok\na,1000,1,1,true\na,1000\na,1000,1,1,true,9\na,1000,2,1,false\n')),
  )
  expect(letters).toHaveLength(2)
  expect(rows).toMatchObject([{ rows: 2, most: 2 }])
})

test('CSV: a header without a column of the schema is refused, one with more is taken', async () => {
  const missing = csvFile(await file('in.csv', 'k,v\na,1\n'))
  await expect(outcome(missing)).rejects.toMatchObject({ code: expect.stringMatching(/^[A-Z_]+$/) as string })
  const { rows } = await outcome(csvFile(await file('in.csv', 'x,ok,n,v,t,k\n1,true,1,5,1000,a\n')))
  expect(rows).toMatchObject([{ k: 'a', most: 5 }])
})

test.each([
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
  ['nothing', undefined],
  ['null', null],
  ['just beyond the largest', 8.64e15 + 2],
  ['just beyond the smallest', -8.64e15 - 2],
])('event time %s is a dead letter TIMESTAMP_INVALID', async (_, t) => {
  const { letters, status } = await outcome(
    rowsSource([
      { k: 'a', t: 1_000 },
      { k: 'a', t },
      { k: 'a', t: 2_000 },
    ]),
  )
  expect(codes(letters)).toEqual(['TIMESTAMP_INVALID'])
  expect(status.recordsIn).toBe(3)
})

test('the largest and smallest event times are records, and fractions are floored', async () => {
  const { rows, letters } = await outcome(
    rowsSource([
      { k: 'a', t: -8.64e15 },
      { k: 'a', t: -0.5 },
      { k: 'a', t: 9_999.999 },
      { k: 'a', t: 8.64e15 },
    ]),
  )
  expect(letters).toEqual([])
  expect(rows.map((row) => row['windowStart'])).toEqual([-8.64e15, -10_000, 0, 8.64e15])
})

test('invalid UTF-8 is a dead letter, wherever the pieces of the file end', async () => {
  const bad = [[0xff], [0xc0, 0xaf], [0xe2, 0x82], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80]]
  const lines = bad.flatMap((bytes) => [Buffer.from('{"k":"'), Buffer.from(bytes), Buffer.from('","t":1}\n{"k":"é€😀","t":2}\n')])
  for (const chunkBytes of [7, 64, 1 << 19]) {
    const { letters, rows } = await outcome(ndjsonFile(await file('in.ndjson', Buffer.concat(lines)), { chunkBytes }))
    expect(codes(letters)).toEqual(bad.map(() => 'UTF8_INVALID'))
    expect(rows).toMatchObject([{ k: 'é€😀', rows: bad.length }])
  }
})

test('a line of ten megabytes is a dead letter, and a limit above it makes it a record', async () => {
  const path = await file('in.ndjson', `${good}\n{"k":"a","t":1000,"x":"${'y'.repeat(10_000_000)}"}\n${good}\n`)
  const refused = await outcome(ndjsonFile(path))
  expect(codes(refused.letters)).toEqual(['LINE_TOO_LONG'])
  expect(refused.rows).toMatchObject([{ rows: 2 }])
  const taken = await outcome(ndjsonFile(path, { maxLineBytes: 16 << 20 }))
  expect(taken.rows).toMatchObject([{ rows: 3 }])
})

test('__proto__ and constructor are keys and columns like others, and leave no trace on objects', async () => {
  const named = pipeline('names')
    .source('in', schema({ ['__proto__']: utf8(), constructor: f64(), t: timestamp() }))
    .eventTime('t', boundedOutOfOrderness('1s'))
    .keyBy('__proto__')
    .window(tumbling('10s'))
    .aggregate({ toString: max('constructor'), rows: count() })
    .sink('out')
  const lines = ['__proto__', 'constructor', 'hasOwnProperty'].map(
    (key, index) => `{"__proto__":${JSON.stringify(key)},"constructor":${index},"t":1}`,
  )
  const { rows, letters } = await outcome(ndjsonFile(await file('in.ndjson', `${lines.join('\n')}\n`)), named)
  expect(letters).toEqual([])
  expect(rows.map((row) => [Object.getOwnPropertyDescriptor(row, '__proto__')?.value, row['toString']])).toEqual([
    ['__proto__', 0],
    ['constructor', 1],
    ['hasOwnProperty', 2],
  ])
  expect(({} as Record<string, unknown>)['rows']).toBeUndefined()
})

test('functions that throw and getters that throw make dead letters with the reason', async () => {
  const withFunction = pipeline('functions')
    .source('in', schema({ k: utf8(), t: timestamp() }))
    .filter((row) => {
      if (row.k === 'throw') throw new Error('not this one')
      return row.k !== 'filter'
    })
    .map((row) => (row.k === 'nothing' ? (null as never) : { k: row.k!, t: row.t!, v: 1 }), schema({ k: utf8(), t: timestamp(), v: f64() }))
    .eventTime('t', boundedOutOfOrderness('1s'))
    .keyBy('k')
    .window(tumbling('10s'))
    .aggregate({ rows: count() })
    .sink('out')
  const trap = {
    t: 1,
    get k() {
      throw new Error('a trap')
    },
  }
  const { letters, status, rows } = await outcome(
    rowsSource([{ k: 'a', t: 1 }, { k: 'throw', t: 1 }, { k: 'filter', t: 1 }, { k: 'nothing', t: 1 }, trap]),
    withFunction,
  )
  expect(codes(letters).toSorted()).toEqual(['FIELD_THROWS', 'FUNCTION_RESULT', 'FUNCTION_THREW'])
  expect(letters.map(({ reason }) => reason).join()).toMatch(/not this one[\s\S]*a trap|a trap[\s\S]*not this one/)
  expect(status).toMatchObject({ recordsIn: 5, filtered: 1, deadLetters: 3 })
  expect(rows).toMatchObject([{ k: 'a', rows: 1 }])
})

test.each<[string, Partial<Record<keyof StartOptions, unknown>>, string]>([
  ['a source that is not bound', { sources: {} }, 'BINDING_MISSING'],
  ['a source that the job does not have', { sources: { in: rowsSource([]), other: rowsSource([]) } }, 'BINDING_UNKNOWN'],
  ['a sink that is not bound', { sinks: {} }, 'BINDING_MISSING'],
  ['a sink that the job does not have', { sinks: { out: collectSink(), more: collectSink() } }, 'BINDING_UNKNOWN'],
  ['a source that is none', { sources: { in: [1, 2] } }, 'BINDING_INVALID'],
  ['a sink that is none', { sinks: { out: null } }, 'BINDING_INVALID'],
  ['parallelism 0', { parallelism: 0 }, 'OPTION_INVALID'],
  ['parallelism 1.5', { parallelism: 1.5 }, 'OPTION_INVALID'],
  ['more parallelism than key groups', { parallelism: 5, keyGroupCount: 4 }, 'OPTION_INVALID'],
  ['ringSlots 3', { ringSlots: 3 }, 'OPTION_INVALID'],
  ['batchRows NaN', { batchRows: Number.NaN }, 'OPTION_INVALID'],
  ['memoryBytesMax beyond 4 GiB', { memoryBytesMax: 2 ** 33 }, 'OPTION_INVALID'],
  ['memory too small for its rings', { memoryBytesMax: 1 << 20 }, 'MEMORY_TOO_SMALL'],
  ['a host that there is not', { host: 'cloud' }, 'OPTION_INVALID'],
  ['a way to resume that there is not', { checkpoints: { store: memoryCheckpoints(), resume: 'maybe' } }, 'OPTION_INVALID'],
  ['tolerableFailures -1', { checkpoints: { store: memoryCheckpoints(), tolerableFailures: -1 } }, 'OPTION_INVALID'],
  ['an interval of nothing', { checkpoints: { store: memoryCheckpoints(), every: 0 } }, 'DURATION_INVALID'],
  ['an interval that is no duration', { checkpoints: { store: memoryCheckpoints(), every: '5 mins' } }, 'DURATION_INVALID'],
  ['resume always without a checkpoint', { checkpoints: { store: memoryCheckpoints(), resume: 'always' } }, 'CHECKPOINT_MISSING'],
])('%s is refused before anything is read', async (_, options, code) => {
  const given = { host: 'inline', sources: { in: rowsSource([]) }, sinks: { out: collectSink() }, ...options }
  await expect(start(simple, given as unknown as StartOptions<typeof simple>)).rejects.toMatchObject({ code })
})
