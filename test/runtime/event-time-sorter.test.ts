/** Laws of sorting by event time: order, late rows, the buffer's limit, its memory, and what a snapshot is. */

import { expect, test } from 'vitest'
import type { SortByEventTimeSpec } from '../../runtime/plan.ts'
import { bool, f64, i32, schema, timestamp, utf8 } from '../../runtime/schema.ts'
import { OperatorHarness } from '../support/operator-harness.ts'
import { Prng } from '../support/prng.ts'

const SCHEMA = schema({ t: timestamp(), s: utf8(), v: f64(), n: i32(), b: bool() })

function sorter(options: Partial<SortByEventTimeSpec> = {}, batchRows = 4096): OperatorHarness {
  const spec = {
    uid: 'sort',
    op: 'sortByEventTime',
    inputs: ['time'],
    bufferRecordsMax: 1_000,
    whenFull: 'fail',
    late: 'pass',
    ...options,
  } as const
  return new OperatorHarness({ spec, schema: SCHEMA, batchRows })
}

const at = (t: number, s: string | null = 'a') => ({ t, s, v: t / 2, n: t | 0, b: t % 2 === 0 })
const timesOf = ({ out }: OperatorHarness) => out.map(({ t }) => t)

test('rows leave when the watermark has reached them, in order of event time', () => {
  const sort = sorter().rows(at(5), at(2), at(9), at(4))
  expect(timesOf(sort)).toEqual([])
  sort.watermark(4)
  expect(timesOf(sort)).toEqual([2, 4])
  sort.rows(at(7)).watermark(8)
  expect(timesOf(sort)).toEqual([2, 4, 5, 7])
  sort.end()
  expect(timesOf(sort)).toEqual([2, 4, 5, 7, 9])
  expect(sort.times).toEqual([2, 4, 5, 7, 9])
})

test('rows of one time leave in the order in which they came, also across batches and a restart', () => {
  const names = Array.from({ length: 50 }, (_, index) => `row-${index}`)
  const sort = sorter({}, 3).rows(...names.slice(0, 20).map((name) => at(1, name)))
  sort
    .restart()
    .rows(...names.slice(20).map((name) => at(1, name)))
    .end()
  expect(sort.out.map(({ s }) => s)).toEqual(names)
})

test('a row at the watermark is late, one a millisecond after it is not', () => {
  const sort = sorter().watermark(10).rows(at(10), at(11))
  expect(timesOf(sort)).toEqual([10])
  expect(sort.counts).toMatchObject({ latePassed: 1, lateDropped: 0 })
  expect(timesOf(sort.watermark(11))).toEqual([10, 11])
})

test('late rows may be dropped, and are counted', () => {
  const sort = sorter({ late: 'drop' }).watermark(10).rows(at(3), at(12), at(10)).end()
  expect(timesOf(sort)).toEqual([12])
  expect(sort.counts).toMatchObject({ recordsIn: 3, recordsOut: 1, lateDropped: 2 })
})

test('one row more than the buffer holds is an error that says what to do', () => {
  const sort = sorter({ bufferRecordsMax: 3 }).rows(at(1), at(2), at(3))
  expect(() => sort.rows(at(4))).toThrow(expect.objectContaining({ code: 'SORT_BUFFER_FULL', name: 'ConfigError' }))
  expect(() => sorter({ bufferRecordsMax: 3 }).rows(at(1), at(2), at(3)).watermark(1).rows(at(4))).not.toThrow()
})

test('a full buffer may release the oldest row instead, row by row', () => {
  const sort = sorter({ bufferRecordsMax: 2, whenFull: 'release' }).rows(at(5), at(3), at(4), at(1))
  expect(timesOf(sort)).toEqual([3, 1])
  expect(timesOf(sort.end())).toEqual([3, 1, 4, 5])
  expect(sort.counts).toMatchObject({ releasedEarly: 2, recordsOut: 4 })
})

test('what is released is cut into batches', () => {
  const sort = sorter({}, 7).rows(...Array.from({ length: 100 }, (_, index) => at(100 - index)))
  sort.end()
  expect(sort.batchRowsSeen).toBe(7)
  expect(timesOf(sort)).toEqual(Array.from({ length: 100 }, (_, index) => index + 1))
})

test('every value comes back as it went in, nulls and other dictionaries included', () => {
  const rows = [
    { t: 3, s: 'é€😀', v: Number.NaN, n: 2 ** 31 - 1, b: true },
    { t: 2, s: null, v: -0, n: null, b: null },
    { t: 1, s: '', v: null, n: -(2 ** 31), b: false },
    { t: 4, s: '__proto__', v: Number.NEGATIVE_INFINITY, n: 0, b: false },
  ]
  const sort = sorter().rows(rows[0]!).renewDictionary().rows(rows[1]!, rows[2]!).restart().rows(rows[3]!).renewDictionary().end()
  expect(sort.out).toEqual([rows[2], rows[1], rows[0], rows[3]])
})

test('restored rows that leave before another row comes have a dictionary of their own', () => {
  const sort = sorter().rows(at(1, 'old'), at(2, 'older')).restart().watermark(1)
  sort.rows(at(3, 'new')).end()
  expect(sort.out.map(({ s }) => s)).toEqual(['old', 'older', 'new'])
})

test('a buffer that runs empty gives its memory back, and one that is never empty uses its slots again', () => {
  const sort = sorter({ bufferRecordsMax: 1_000_000 })
  sort.rows(...Array.from({ length: 100_000 }, (_, index) => at(index)))
  const full = sort.operator.status().stateBytes
  sort.watermark(99_999)
  expect(sort.operator.status().stateBytes).toBeLessThan(full / 10)
  const steady = sorter()
  for (let step = 0; step < 200; step++)
    steady.rows(...Array.from({ length: 100 }, (_, index) => at(step * 100 + index))).watermark(step * 100 + 49)
  expect(steady.operator.status()).toMatchObject({ stateCount: 50 })
  expect(steady.operator.status().stateBytes).toBeLessThan(200_000)
})

test('snapshots of rows that stay have the same chunks, whatever comes and goes elsewhere', () => {
  const prng = new Prng(7)
  const sort = sorter({ bufferRecordsMax: 1_000_000 })
  sort.rows(...Array.from({ length: 60_000 }, () => at(prng.int(1_000_000))))
  const chunksOf = () => new Set(sort.operator.snapshot().map((chunk) => Buffer.from(chunk).toString('latin1')))
  const before = chunksOf()
  sort.watermark(50_000).rows(at(700_000), ...Array.from({ length: 1_000 }, (_, index) => at(1_000_001 + index)))
  const after = chunksOf()
  expect(before.size).toBeGreaterThan(10)
  // What changed: the head, the front, where a row was added, the end.
  expect([...after].filter((chunk) => !before.has(chunk)).length).toBeLessThan(before.size / 2)
})

test('a damaged chunk is refused', () => {
  const filled = () => sorter().rows(at(1), at(2, null), at(3, 'text'))
  const refused = expect.objectContaining({ code: 'CHECKPOINT_CORRUPT' })
  const [head, rows] = filled().operator.snapshot() as [Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>]
  for (let length = 0; length < rows.length; length++) expect(() => filled().restart(() => [head, rows.slice(0, length)])).toThrow(refused)
  expect(() => filled().restart(() => [head, new Uint8Array([...rows, 0])])).toThrow(refused)
  const changed = rows.slice()
  changed[0] = 9
  expect(() => filled().restart(() => [head, changed])).toThrow(refused)
})
