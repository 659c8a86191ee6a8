/** Laws of accumulators as JSON: what is carried comes back equal, what cannot be is named with its place, and copies share nothing. */

import { describe, expect, test } from 'vitest'
import { accumulatorOf, accumulatorText, Failure, jsonCopy, notJson } from '../../runtime/panes/accumulator-json.ts'
import type { Json } from '../../runtime/schema.ts'
import { Prng } from '../support/prng.ts'

const TEXTS = ['', 'a', '\u0000', '\u0000\u0000NaN', '\u0000!', '\ud800', '\ufeffx', '😀', '__proto__']
const NUMBERS = [0, -0, 1.5, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e308, 5e-324, 2 ** 53]

function randomValue(prng: Prng, depth: number): Json {
  const choice = prng.int(depth > 0 ? 6 : 4)
  if (choice === 0) return prng.pick(TEXTS)
  if (choice === 1) return prng.pick(NUMBERS)
  if (choice === 2) return null
  if (choice === 3) return prng.int(2) === 0
  const parts = Array.from({ length: prng.int(4) }, () => randomValue(prng, depth - 1))
  if (choice === 4) return parts
  const object = {}
  // Assigned, `__proto__` would be no field.
  for (const value of parts)
    Object.defineProperty(object, prng.pick(TEXTS), { value, enumerable: true, writable: true, configurable: true })
  return object
}

test('every value comes back equal, and so does a copy', () => {
  for (let seed = 1; seed <= 500; seed++) {
    const value = randomValue(new Prng(seed), 4)
    expect(notJson(value)).toBeNull()
    expect(accumulatorOf(accumulatorText(value)), `seed ${seed}`).toStrictEqual(value)
    expect(jsonCopy(value), `seed ${seed}`).toStrictEqual(value)
  }
})

test('fields that are undefined are absent', () => {
  const value = { a: 1, b: undefined, c: [{ d: undefined }] }
  expect(notJson(value)).toBeNull()
  expect(accumulatorOf(accumulatorText(value))).toStrictEqual({ a: 1, c: [{}] })
})

test('objects without a prototype are plain', () => {
  const value = Object.assign(Object.create(null) as object, { a: [1] })
  expect(notJson(value)).toBeNull()
  expect(jsonCopy(value as Json)).toEqual({ a: [1] })
})

class Counter {
  n = 0
}
const circular: { self?: unknown } = {}
circular.self = circular

describe('what JSON cannot carry is refused with its place', () => {
  test.each<[string, unknown, RegExp]>([
    ['a Map', { seen: new Map() }, /^\.seen is a Map$/],
    ['a Set', [1, new Set()], /^\[1\] is a Set$/],
    ['a bigint', { a: { b: 1n } }, /^\.a\.b is a bigint$/],
    ['a Date', new Date(0), /^it is a Date$/],
    ['a typed array', { values: new Float64Array(2) }, /^\.values is a Float64Array$/],
    ['an object of a class', { counter: new Counter() }, /^\.counter is a Counter$/],
    ['a function', { f: () => 1 }, /^\.f is a function$/],
    ['a symbol', [Symbol('s')], /^\[0\] is a symbol$/],
    ['undefined', undefined, /^it is undefined$/],
    ['undefined in a list', [undefined], /^\[0\] is undefined$/],
    // oxlint-disable-next-line no-sparse-arrays
    ['a hole in a list', [1, , 2], /^\[1\] is undefined$/],
    ['a value that contains itself', circular, /nested more than 500 deep, or contains itself$/],
  ])('%s', (_, value, wanted) => {
    expect(notJson(value)).toMatch(wanted)
  })
})

test('a copy shares nothing that can be changed', () => {
  const value = { list: [{ n: 1 }] }
  const copy = jsonCopy(value) as typeof value
  value.list[0]!.n = 2
  value.list.push({ n: 3 })
  expect(copy).toEqual({ list: [{ n: 1 }] })
})

test('a failure comes back as one', () => {
  const kept = accumulatorOf(accumulatorText([new Failure('as \u0000 asked'), '\u0000!as']))
  expect(kept).toEqual([new Failure('as \u0000 asked'), '\u0000!as'])
  expect((kept as unknown[])[0]).toBeInstanceOf(Failure)
})
