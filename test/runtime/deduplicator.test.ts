/** Laws of deduplication: who is the first, how far it reaches, what is forgotten when, and what has no id. */

import { expect, test } from 'vitest'
import type { DeduplicateSpec } from '../../runtime/plan.ts'
import { bool, f64, i32, schema, timestamp, utf8 } from '../../runtime/schema.ts'
import { OperatorHarness } from '../support/operator-harness.ts'

const SCHEMA = schema({ t: timestamp(), s: utf8(), v: f64(), n: i32(), b: bool() })

function deduplicator(by: readonly string[], options: Partial<DeduplicateSpec> = {}): OperatorHarness {
  const spec = {
    uid: 'distinct',
    op: 'deduplicate',
    inputs: ['time'],
    by,
    withinMs: 10,
    late: 'pass',
    idsMax: 1_000,
    whenFull: 'fail',
    ...options,
  } as const
  return new OperatorHarness({ spec, schema: SCHEMA, batchRows: 16 })
}

const id = (t: number, s: string | null, rest: object = {}) => ({ t, s, ...rest })
const passed = ({ out }: OperatorHarness) => out.map(({ t, s }) => `${s}@${t}`)

test('the first record of an id passes, others within the horizon are dropped and counted', () => {
  const distinct = deduplicator(['s']).rows(id(100, 'a'), id(100, 'b'), id(105, 'a'), id(110, 'a'), id(111, 'a'), id(90, 'b'))
  expect(passed(distinct)).toEqual(['a@100', 'b@100', 'a@111'])
  expect(distinct.counts).toMatchObject({ recordsIn: 6, recordsOut: 3, duplicates: 3 })
  expect(distinct.filtered).toBe(3)
})

test('the horizon counts from the record that passed, in both directions, and not from those that were dropped', () => {
  const distinct = deduplicator(['s']).rows(id(100, 'a'), id(109, 'a'), id(118, 'a'), id(89, 'a'), id(90, 'a'))
  expect(passed(distinct)).toEqual(['a@100', 'a@118', 'a@89'])
})

test('what differs in any column of the id is another id; −0 is 0, all NaNs are one, null is a value', () => {
  const distinct = deduplicator(['s', 'v', 'n', 'b']).rows(
    { t: 1, s: 'a', v: 0, n: 1, b: true },
    { t: 2, s: 'a', v: -0, n: 1, b: true },
    { t: 3, s: 'a', v: Number.NaN, n: 1, b: true },
    { t: 4, s: 'a', v: Number.NaN, n: 1, b: true },
    { t: 5, s: 'a', v: null, n: 1, b: true },
    { t: 6, s: 'a', v: null, n: 1, b: true },
    { t: 7, s: 'a', v: 0, n: 1, b: false },
    { t: 8, s: null, v: 0, n: 1, b: true },
    { t: 9, s: '', v: 0, n: 1, b: true },
  )
  expect(distinct.out.map(({ t }) => t)).toEqual([1, 3, 5, 7, 8, 9])
})

test('strings that would run together are different ids', () => {
  const two = schema({ t: timestamp(), a: utf8(), b: utf8() })
  const spec = {
    uid: 'd',
    op: 'deduplicate',
    inputs: ['time'],
    by: ['a', 'b'],
    withinMs: 10,
    late: 'pass',
    idsMax: 10,
    whenFull: 'fail',
  } as const
  const distinct = new OperatorHarness({ spec, schema: two }).rows(
    { t: 1, a: 'x', b: 'yz' },
    { t: 1, a: 'xy', b: 'z' },
    { t: 1, a: 'xyz', b: '' },
    { t: 1, a: 'xyz', b: null },
  )
  expect(distinct.out).toHaveLength(4)
})

test('a record without any value in the columns of its id has no id: it passes, and is counted', () => {
  const distinct = deduplicator(['s', 'n']).rows(id(1, null), id(1, null), id(1, null, { n: 1 }), id(1, null, { n: 1 }))
  expect(distinct.out).toHaveLength(3)
  expect(distinct.counts).toMatchObject({ withoutId: 2, duplicates: 1 })
})

test('records up to the horizon behind the watermark are judged; later ones pass, or are dropped, as the plan says', () => {
  const rows = [id(90, 'a'), id(90, 'a'), id(89, 'b'), id(89, 'b')]
  const pass = deduplicator(['s'])
    .watermark(100)
    .rows(...rows)
  expect(passed(pass)).toEqual(['a@90', 'b@89', 'b@89'])
  expect(pass.counts).toMatchObject({ duplicates: 1, latePassed: 2 })
  const drop = deduplicator(['s'], { late: 'drop' })
    .watermark(100)
    .rows(...rows)
  expect(passed(drop)).toEqual(['a@90'])
  expect(drop.counts).toMatchObject({ duplicates: 1, lateDropped: 2 })
})

test('ids are forgotten as the watermark goes on, so that the state is bounded', () => {
  const distinct = deduplicator(['s'], { withinMs: 1_000, idsMax: 10_000 })
  for (let t = 0; t < 100_000; t += 10) distinct.rows(id(t, `id-${t}`)).watermark(t)
  const { stateCount, stateBytes } = distinct.operator.status()
  expect(stateCount).toBeLessThan(450)
  expect(stateBytes).toBeLessThan(200_000)
  expect(distinct.end().operator.status()).toMatchObject({ stateCount: 0, stateBytes: 0 })
})

test('more ids than the plan allows are an error that says what to do, or the oldest are forgotten', () => {
  const many = Array.from({ length: 30 }, (_, index) => id(index * 100, `id-${index}`))
  expect(() => deduplicator(['s'], { idsMax: 29 }).rows(...many)).toThrow(
    expect.objectContaining({ code: 'DEDUPLICATE_FULL', name: 'ConfigError' }),
  )
  const forgetting = deduplicator(['s'], { idsMax: 15, whenFull: 'forget' }).rows(...many, id(2_900, 'id-29'), id(0, 'id-0'))
  expect(forgetting.counts).toMatchObject({ recordsOut: 31, duplicates: 1 })
  expect(forgetting.counts['forgotten']).toBeGreaterThan(0)
  expect(forgetting.operator.status().stateCount).toBeLessThanOrEqual(15)
})

test('a restart forgets nothing, whatever dictionary comes after it', () => {
  const distinct = deduplicator(['s']).rows(id(1, 'a'), id(2, 'b')).watermark(5).restart()
  distinct.rows(id(3, 'b'), id(4, 'a'), id(5, 'c')).renewDictionary().rows(id(6, 'c'), id(7, 'a'))
  expect(passed(distinct)).toEqual(['a@1', 'b@2', 'c@5'])
})

test('chunks of older stretches of time stay the same from snapshot to snapshot', () => {
  const distinct = deduplicator(['s'], { withinMs: 60_000, idsMax: 100_000 })
  distinct.rows(...Array.from({ length: 40_000 }, (_, index) => id(index * 5, `id-${index}`)))
  const chunksOf = () => new Set(distinct.operator.snapshot().map((chunk) => Buffer.from(chunk).toString('latin1')))
  const before = chunksOf()
  distinct.rows(...Array.from({ length: 100 }, (_, index) => id(200_000 + index, `new-${index}`)))
  const after = chunksOf()
  expect(before.size).toBeGreaterThan(4)
  expect([...after].filter((chunk) => !before.has(chunk)).length).toBeLessThanOrEqual(1)
})

test('a damaged chunk is refused', () => {
  const filled = () => deduplicator(['s']).rows(id(1, 'a'), id(2, 'b'))
  const refused = expect.objectContaining({ code: 'CHECKPOINT_CORRUPT' })
  const [head, ids] = filled().operator.snapshot() as [Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>]
  for (let length = 0; length < ids.length; length++) expect(() => filled().restart(() => [head, ids.slice(0, length)])).toThrow(refused)
  expect(() => filled().restart(() => [head, new Uint8Array([...ids, 7])])).toThrow(refused)
})
