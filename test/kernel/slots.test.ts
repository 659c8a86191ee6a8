/** Slots that are not what they should be, ends, barriers and the config. */

import { expect, test } from 'vitest'
import * as L from '../../kernel/layout.ts'
import { Kernel } from '../support/kernel-harness.ts'
import type { KernelPlan } from '../support/kernel-plan.ts'

const PLAN: KernelPlan = { sizeMs: 10, slideMs: 10, columns: ['f64'], keys: [], aggregates: [{ fn: 'sum', column: 0 }] }

test.each([
  ['another epoch', L.SLOT_EPOCH_OFFSET, 99],
  ['an unknown kind', L.SLOT_KIND_OFFSET, 77],
  ['the kind of an output slot', L.SLOT_KIND_OFFSET, L.SLOT_RESULT],
  ['more rows than a slot has', L.SLOT_ROW_COUNT_OFFSET, 65],
  ['a negative number of rows', L.SLOT_ROW_COUNT_OFFSET, -1],
  ['validity of a column that is not there', L.SLOT_NULL_MASK_OFFSET, 2],
])('a slot with %s is refused', (_, offset, value) => {
  const kernel = new Kernel(PLAN)
  const slot = kernel.input.claim(L.SLOT_BATCH)
  kernel.memory.view().setInt32(slot + offset, value, true)
  kernel.input.publish()
  expect(kernel.exports.step(1)).toBe(L.STATUS_SLOT_INVALID)
  expect(kernel.exports.step(1)).toBe(L.STATUS_SLOT_INVALID)
})

test.each([
  ['payload', L.SLOT_PAYLOAD_BYTES_OFFSET, -8],
  ['payload', L.SLOT_PAYLOAD_BYTES_OFFSET, 1 << 24],
  ['entry', L.SLOT_HEADER_BYTES + L.ENTRY_BYTE_LENGTH_OFFSET, 1 << 30],
  ['entry', L.SLOT_HEADER_BYTES + L.ENTRY_BYTE_LENGTH_OFFSET, -1],
])('a dictionary with an impossible %s is refused', (_, offset, value) => {
  const kernel = new Kernel({ ...PLAN, columns: ['utf8'], keys: [0], aggregates: [] })
  const slot = kernel.input.claim(L.SLOT_DICTIONARY)
  kernel.memory.view().setInt32(slot + L.SLOT_PAYLOAD_BYTES_OFFSET, 16, true)
  kernel.memory.view().setInt32(slot + offset, value, true)
  kernel.input.publish()
  expect(kernel.exports.step(1)).toBe(L.STATUS_SLOT_INVALID)
})

test('the end is passed on once there is room, and answered for ever', () => {
  const kernel = new Kernel({ ...PLAN, outputSlots: 1 })
  kernel.input.writeBatch([], 5)
  kernel.input.claim(L.SLOT_END)
  kernel.input.publish()
  expect(kernel.exports.step(10)).toBe(L.STATUS_OUTPUT_FULL)
  kernel.output.drain()
  expect(kernel.exports.step(10)).toBe(L.STATUS_END)
  expect(kernel.exports.step(10)).toBe(L.STATUS_END)
  kernel.output.drain()
  expect(kernel.outputs).toEqual([{ kind: 'watermark', ms: 5 }, { kind: 'end' }])
})

test('a barrier stops the step until it is passed', () => {
  const kernel = new Kernel({ ...PLAN, outputSlots: 1 })
  kernel.input.writeBatch([{ ms: 1, values: [1] }], 1)
  const slot = kernel.input.claim(L.SLOT_BARRIER)
  kernel.memory.view().setFloat64(slot + L.SLOT_CHECKPOINT_OFFSET, 42, true)
  kernel.input.publish()
  kernel.input.writeBatch([], 9)
  expect(kernel.exports.step(10)).toBe(L.STATUS_BARRIER)
  expect(kernel.exports.step(10)).toBe(L.STATUS_BARRIER)
  expect(kernel.exports.barrierId()).toBe(42)
  expect(kernel.exports.passBarrier()).toBe(L.STATUS_OUTPUT_FULL)
  kernel.output.drain()
  expect(kernel.exports.passBarrier()).toBe(L.STATUS_OK)
  kernel.settle()
  expect(kernel.outputs.map(({ kind }) => kind)).toEqual(['watermark', 'barrier', 'pane', 'watermark'])
})

test.each([
  ['another layout version', L.CONFIG_LAYOUT_VERSION, 99],
  ['too many columns', L.CONFIG_COLUMN_COUNT, 33],
  ['too many keys', L.CONFIG_KEY_COUNT, 17],
  ['a column outside the slot', L.CONFIG_TIMESTAMP_COLUMN, 1 << 24],
  ['a negative offset', L.CONFIG_COLUMNS + 4, -8],
  ['no pages', L.CONFIG_PAGES_MAX, 0],
  ['results too large for a slot', L.CONFIG_RESULT_ROWS_MAX, 1 << 16],
  ['an unknown aggregate', L.CONFIG_AGGREGATES, 13],
  ['a value that is not there', L.CONFIG_AGGREGATES + 4, 1],
  ['a ring outside memory', L.CONFIG_STATE, 1 << 30],
])('a config with %s is refused', (_, offset, value) => {
  const kernel = new Kernel(PLAN)
  kernel.memory.view().setInt32(L.CONFIG_OFFSET + offset, value, true)
  expect(kernel.exports.configure()).toBe(L.STATUS_CONFIG_INVALID)
  expect(kernel.exports.step(1)).toBe(L.STATUS_CONFIG_INVALID)
})

test.each([
  [0, 1],
  [1.5, 1],
  [1, Number.NaN],
  [-1, 1],
  [1e15, 1],
  [1, Infinity],
])('a window of size %d and slide %d is refused', (sizeMs, slideMs) => {
  expect(() => new Kernel({ ...PLAN, sizeMs, slideMs })).toThrow(`${L.STATUS_CONFIG_INVALID}`)
})

test('timestamps that no runtime sends do no harm', () => {
  for (const ms of [Number.NaN, Infinity, -Infinity, 1e300]) {
    const kernel = new Kernel(PLAN)
    kernel.input.writeBatch(
      [
        { ms: 5, values: [1] },
        { ms, values: [2] },
        { ms: 6, values: [3] },
      ],
      9,
    )
    const status = kernel.exports.step(5)
    expect([L.STATUS_PROGRESS, L.STATUS_SLOT_INVALID]).toContain(status)
  }
})
