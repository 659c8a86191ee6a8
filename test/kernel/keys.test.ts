/** Keys: which are the same, in which order they come, and when they are forgotten. */

import { describe, expect, test } from 'vitest'
import * as L from '../../kernel/layout.ts'
import { Kernel } from '../support/kernel-harness.ts'
import type { KernelPlan, Op, Value } from '../support/kernel-plan.ts'

const PLAN: KernelPlan = {
  sizeMs: 10,
  slideMs: 10,
  columns: ['f64', 'utf8'],
  keys: [0],
  aggregates: [{ fn: 'countRows' }],
  batchRowsMax: 128,
  resultRowsMax: 128,
}

function keysOf(kernel: Kernel): readonly (readonly Value[])[] {
  return kernel.outputs.filter((output) => output.kind === 'pane').map((pane) => pane.keys)
}

test('−0 and +0 are one key, all NaNs are one key, null is a key', () => {
  const kernel = new Kernel(PLAN)
  kernel.feed([-0, Number.NaN, 0, null, -Number.NaN, null].map((key) => ({ ms: 1, values: [key, 'x'] })))
  kernel.input.writeBatch([], 9)
  kernel.settle()
  expect(kernel.outputs.filter((output) => output.kind === 'pane').map((pane) => [pane.keys[0], pane.aggregates[0]])).toEqual([
    [0, 2],
    [Number.NaN, 2],
    [null, 2],
  ])
})

test('keys come in the order of their first record, whatever order their codes came in', () => {
  const kernel = new Kernel({ ...PLAN, keys: [1] })
  const rows = (...names: (string | null)[]) => names.map((name) => ({ ms: 1, values: [0, name] }))
  kernel.input.writeBatch(rows('b', null, 'a'), Number.NaN)
  kernel.input.writeBatch(rows('c', 'a', ''), 9)
  kernel.settle()
  expect(keysOf(kernel)).toEqual([['b'], [null], ['a'], ['c'], ['']])
})

test('a new dictionary generation voids the codes before it and keeps the keys', () => {
  const kernel = new Kernel({ ...PLAN, keys: [1] })
  kernel.input.writeBatch(
    ['a', 'b', 'c'].map((name) => ({ ms: 1, values: [0, name] })),
    Number.NaN,
  )
  kernel.settle()
  kernel.input.newGeneration()
  kernel.input.writeBatch(
    ['c', 'd', 'a'].map((name) => ({ ms: 1, values: [0, name] })),
    9,
  )
  kernel.settle()
  expect(kernel.outputs.filter((output) => output.kind === 'pane').map((pane) => [pane.keys[0], pane.aggregates[0]])).toEqual([
    ['a', 2],
    ['b', 1],
    ['c', 2],
    ['d', 1],
  ])
})

test('a code that was never defined is an invalid slot', () => {
  const kernel = new Kernel({ ...PLAN, keys: [1] })
  kernel.input.writeBatch([{ ms: 1, values: [0, 'a'] }], Number.NaN)
  kernel.settle()
  kernel.input.generation++
  kernel.input.writeBatch([{ ms: 1, values: [0, 'a'] }], Number.NaN)
  expect(() => kernel.settle()).toThrow(`${L.STATUS_SLOT_INVALID}`)
})

describe('keys that come and go', () => {
  test.each([
    ['numbers', 0],
    ['strings', 1],
  ] as const)('%s: memory stays bounded and the order exact', (_, column) => {
    const kernel = new Kernel({ ...PLAN, keys: [column], pagesMax: 200 })
    let peak = 0
    const rounds = 400
    for (let round = 0; round < rounds; round++) {
      const ops: Op[] = Array.from({ length: 100 }, (_, i) => ({ ms: round * 10 + 1, values: [round * 50 + i, `key ${round * 50 + i}`] }))
      kernel.feed([...ops, { watermark: round * 10 + 9 }])
      kernel.settle()
      if (round % 20 === 19) kernel.input.newGeneration() // a producer, too, drops strings it no longer needs
      if (round > rounds / 4) peak = Math.max(peak, kernel.exports.counter(L.COUNTER_STATE_BYTES))
      if (round === rounds / 4) peak = kernel.exports.counter(L.COUNTER_STATE_BYTES)
      const keys = keysOf(kernel)
      expect(new Set(keys.map(([key]) => key)).size).toBe(100)
      kernel.outputs.length = 0
    }
    expect(kernel.exports.counter(L.COUNTER_KEYS)).toBeLessThanOrEqual(1024)
    expect(peak).toBeLessThan(2 ** 20)
  })
})
