import { expect, test } from 'vitest'
import { BatchBuilder } from '../../runtime/batch-builder.ts'
import { hashNumber, KeyRouter, subtaskOfKeyGroup } from '../../runtime/coordinator/key-router.ts'
import { Dictionary } from '../../runtime/dictionary.ts'
import { f64, schema, utf8 } from '../../runtime/schema.ts'
import { Prng } from '../support/prng.ts'

const columns = schema({ name: utf8(), number: f64() })

function batchOf(rows: readonly object[], dictionary = new Dictionary()) {
  const builder = new BatchBuilder(columns, rows.length, dictionary)
  for (const row of rows) builder.appendRow(row, '')
  return builder.build()
}

test('every key group belongs to one subtask, in contiguous ranges that differ by at most one', () => {
  for (const [groups, parallelism] of [
    [128, 1],
    [128, 3],
    [7, 7],
    [100, 16],
    [32_768, 255],
  ] as const) {
    const owners = Array.from({ length: groups }, (_, group) => subtaskOfKeyGroup(group, groups, parallelism))
    expect(owners).toEqual(owners.toSorted((a, b) => a - b))
    const sizes = Array.from({ length: parallelism }, (_, subtask) => owners.filter((owner) => owner === subtask).length)
    expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1)
    expect(Math.min(...sizes)).toBeGreaterThan(0)
  }
})

test('minus zero and zero have one hash, and all NaNs have one', () => {
  expect(hashNumber(-0)).toBe(hashNumber(0))
  const other = new Float64Array(new BigUint64Array([0xfff8_0000_0000_0123n]).buffer)[0]!
  expect(Number.isNaN(other)).toBe(true)
  expect(hashNumber(other)).toBe(hashNumber(Number.NaN))
})

test('the group of a text does not depend on its code', () => {
  const first = new KeyRouter([0], true, 128, 16)
  const second = new KeyRouter([0], true, 128, 16)
  const shifted = new Dictionary()
  for (let index = 0; index < 100; index++) shifted.codeOf(`other ${index}`)
  first.route(batchOf([{ name: 'a' }, { name: '__proto__' }, { name: '' }]))
  second.route(batchOf([{ name: 'a' }, { name: '__proto__' }, { name: '' }], shifted))
  expect([...second.groups.subarray(0, 3)]).toEqual([...first.groups.subarray(0, 3)])
})

test('a null key is one key, and not the text null', () => {
  const router = new KeyRouter([0, 1], false, 32_768, 16)
  router.route(batchOf([{ name: null, number: 1 }, { name: 'null', number: 1 }, { number: 1 }]))
  expect(router.groups[0]).toBe(router.groups[2])
  expect(router.groups[0]).not.toBe(router.groups[1])
})

test('groups are spread evenly', () => {
  const prng = new Prng(5)
  const router = new KeyRouter([1], false, 16, 16_000)
  router.route(batchOf(Array.from({ length: 16_000 }, () => ({ name: '', number: prng.next() }))))
  const sizes = Array.from({ length: 16 }, (_, group) => router.groups.subarray(0, 16_000).filter((found) => found === group).length)
  expect(Math.min(...sizes)).toBeGreaterThan(800)
  expect(Math.max(...sizes)).toBeLessThan(1_200)
})
