/** Which records are late, and what becomes of them, at the exact boundaries. */

import { describe, expect, test } from 'vitest'
import * as L from '../../kernel/layout.ts'
import { Kernel, KernelFailure } from '../support/kernel-harness.ts'
import type { KernelPlan, Op } from '../support/kernel-plan.ts'

const PLAN: KernelPlan = {
  sizeMs: 10,
  slideMs: 10,
  columns: ['f64'],
  keys: [],
  aggregates: [{ fn: 'sum', column: 0 }],
  latePolicy: 'output',
}
const at = (ms: number, value = 1): Op => ({ ms, values: [value] })

function outcome(plan: KernelPlan, ops: readonly Op[]): string[] {
  const kernel = new Kernel(plan)
  kernel.feed(ops)
  kernel.settle()
  return kernel.outputs
    .filter((output) => output.kind !== 'watermark')
    .map((output) =>
      output.kind === 'pane'
        ? `${output.start}+${output.index}${['early', 'on time', 'late'][output.timing]!}=${output.aggregates[0]!}`
        : `${output.kind} ${'ms' in output ? output.ms : ''}`,
    )
}

describe('without allowed lateness', () => {
  test.each([
    ['a record at watermark end − 2 is on time', 8, ['0+0on time=3']],
    ['a record at watermark end − 1 is late', 9, ['0+0on time=1', 'late 9']],
  ])('%s', (_, watermark, wanted) => {
    expect(outcome(PLAN, [at(0, 1), { watermark }, at(9, 2), { watermark: 9.5 + watermark * 0 }])).toEqual(wanted)
  })

  test('a record of the next window is on time when the one before has fired', () => {
    expect(outcome(PLAN, [at(0), { watermark: 9 }, at(10), { watermark: 19 }])).toEqual(['0+0on time=1', '10+0on time=1'])
  })

  test('of sliding windows, those that have fired do not change and the others count the record', () => {
    const plan = { ...PLAN, sizeMs: 20 }
    expect(outcome(plan, [at(5, 1), { watermark: 9 }, at(5, 2), { watermark: 19 }, at(5, 4)])).toEqual([
      '-10+0on time=1',
      '0+0on time=3',
      'late 5',
    ])
  })
})

describe('with an allowed lateness of 5', () => {
  const plan = { ...PLAN, latenessMs: 5 }
  test('a record at watermark end − 1 + lateness − 1 fires its window again', () => {
    expect(outcome(plan, [at(0, 1), { watermark: 13 }, at(3, 2), at(4, 4)])).toEqual(['0+0on time=1', '0+1late=3', '0+2late=7'])
  })
  test('a record at watermark end − 1 + lateness is late', () => {
    expect(outcome(plan, [at(0, 1), { watermark: 14 }, at(3, 2)])).toEqual(['0+0on time=1', 'late 3'])
  })
  test('a window without data when it was due has its first pane late, with index 0', () => {
    expect(outcome(plan, [{ watermark: 12 }, at(3, 2), at(3, 2)])).toEqual(['0+0late=2', '0+1late=4'])
  })
  test('pane indices go on after a restore', () => {
    const first = new Kernel(plan)
    first.feed([at(0, 1), { watermark: 10 }, at(3, 2), at(4, 4)])
    const second = new Kernel(plan)
    expect(second.restore(first.checkpoint(1))).toBe(L.STATUS_OK)
    second.feed([at(5, 8)])
    second.settle()
    expect(second.outputs).toMatchObject([{ index: 3, timing: L.PANE_LATE, aggregates: [15] }])
  })
})

test('a late row is copied with its nulls', () => {
  const kernel = new Kernel({ ...PLAN, columns: ['f64', 'utf8', 'f64'], keys: [1] })
  kernel.feed([{ watermark: 100 }, { ms: 5, values: [null, 'a', 1.5] }, { ms: 6, values: [2, null, -0] }])
  kernel.settle()
  expect(kernel.outputs.slice(1)).toEqual([
    { kind: 'late', ms: 5, values: [null, 'a', 1.5] },
    { kind: 'late', ms: 6, values: [2, null, -0] },
  ])
})

test('the policy fail ends the job at the first late record', () => {
  const kernel = new Kernel({ ...PLAN, latePolicy: 'fail' })
  kernel.feed([{ watermark: 100 }, at(5)])
  expect(() => kernel.settle()).toThrow(new KernelFailure(L.STATUS_LATE_RECORD))
  expect(kernel.exports.step(1)).toBe(L.STATUS_LATE_RECORD)
})
