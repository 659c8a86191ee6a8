/** Laws of single aggregates that random streams would seldom meet. */

import { expect, test } from 'vitest'
import { Kernel } from '../support/kernel-harness.ts'
import type { Aggregate, KernelPlan, Op, Value } from '../support/kernel-plan.ts'

function last(fns: readonly Aggregate[], ops: readonly Op[], plan: Partial<KernelPlan> = {}): readonly (number | null)[] {
  const kernel = new Kernel({
    sizeMs: 100,
    slideMs: 100,
    columns: ['f64'],
    keys: [],
    aggregates: fns.map((fn) => ({ fn, column: 0 })),
    ...plan,
  })
  kernel.feed([...ops, { watermark: Infinity }])
  kernel.settle()
  const pane = kernel.outputs.findLast((output) => output.kind === 'pane')
  return pane?.kind === 'pane' ? pane.aggregates : []
}
const values = (...list: Value[]): Op[] => list.map((value, i) => ({ ms: i, values: [value] }))

test('of equal times, first is the earliest arrival and last the latest', () => {
  const ops: Op[] = [
    [5, 1],
    [5, 2],
    [3, 3],
    [3, 4],
    [9, 5],
    [9, 6],
    [7, 7],
  ].map(([ms, value]) => ({ ms: ms!, values: [value!] }))
  expect(last(['first', 'last'], ops)).toEqual([3, 6])
})

test('variance is stable far from zero', () => {
  expect(last(['varianceSample', 'variancePopulation'], values(1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16))).toEqual([30, 22.5])
})

test('variance of one value is null for a sample and 0 for a population', () => {
  expect(last(['varianceSample', 'stddevSample', 'variancePopulation', 'stddevPopulation'], values(4))).toEqual([null, null, 0, 0])
})

test('a compensated sum keeps what a plain one loses', () => {
  expect(last(['sum', 'sumCompensated'], values(1, 1e100, 1, -1e100))).toEqual([0, 2])
})

test('an infinite compensated sum stays infinite', () => {
  expect(last(['sumCompensated'], values(1, Infinity, 5))).toEqual([Infinity])
})

test('min and max ignore NaN unless all are NaN', () => {
  expect(last(['min', 'max'], values(Number.NaN, 2, Number.NaN, -3))).toEqual([-3, 2])
  expect(last(['min', 'max'], values(Number.NaN))).toEqual([Number.NaN, Number.NaN])
  expect(last(['min', 'max'], values(Infinity))).toEqual([Infinity, Infinity])
})

test('a window of nulls gives null, but counts', () => {
  expect(last(['countRows', 'count', 'sum', 'min', 'max', 'mean', 'first', 'variancePopulation'], values(null, null))).toEqual([
    2,
    0,
    null,
    null,
    null,
    null,
    null,
    null,
  ])
})

test('the first null keeps the rows counted before it', () => {
  expect(last(['countRows', 'count', 'sum'], [...values(1, 2, 3), { ms: 4, values: [null] }])).toEqual([4, 3, 6])
})

test('a count of strings counts those that are there', () => {
  const ops: Op[] = ['a', null, 'b', 'a'].map((value, ms) => ({ ms, values: [value] }))
  expect(last(['count', 'countRows'], ops, { columns: ['utf8'] })).toEqual([3, 4])
})
