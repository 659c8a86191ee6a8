/** Snapshots: equal states give equal bytes, other bytes are refused without harm. */

import { describe, expect, test } from 'vitest'
import * as L from '../../kernel/layout.ts'
import { Kernel, KernelFailure } from '../support/kernel-harness.ts'
import type { KernelPlan, Op } from '../support/kernel-plan.ts'
import { Prng } from '../support/prng.ts'

const PLAN: KernelPlan = {
  sizeMs: 20,
  slideMs: 10,
  latenessMs: 40,
  columns: ['f64', 'utf8', 'f64'],
  keys: [1, 2],
  batchRowsMax: 32,
  aggregates: [{ fn: 'sum', column: 0 }, { fn: 'varianceSample', column: 0 }, { fn: 'last', column: 0 }, { fn: 'countRows' }],
}
const OPS: Op[] = [
  { ms: 5, values: [1, 'a', 0] },
  { ms: 15, values: [null, 'b', 1] },
  { ms: 17, values: [3, 'a', 0] },
  { watermark: 19 },
  { ms: 6, values: [4, 'a', 0] },
  { ms: 7, values: [4, 'a', 0] },
  { ms: 33, values: [5, null, Number.NaN] },
]

function sectionsOf(plan = PLAN, ops = OPS): Uint8Array[] {
  const kernel = new Kernel(plan)
  kernel.feed(ops)
  return kernel.checkpoint(1)
}
const hex = (sections: readonly Uint8Array[]) => sections.map((section) => Buffer.from(section).toString('hex'))
const kindOf = (section: Uint8Array) => new DataView(section.buffer, section.byteOffset).getInt32(L.SECTION_KIND_OFFSET, true)

test('sections come in the order of restoring', () => {
  const kinds = sectionsOf().map(kindOf)
  expect(kinds[0]).toBe(L.SECTION_OPERATOR)
  expect(kinds).toEqual([...kinds].sort((a, b) => a - b))
  expect(new Set(kinds)).toEqual(new Set([L.SECTION_OPERATOR, L.SECTION_KEYS, L.SECTION_SLICE, L.SECTION_PANES]))
})

test('a slice that did not change keeps its bytes', () => {
  const kernel = new Kernel(PLAN)
  kernel.feed(OPS)
  const before = kernel.checkpoint(1)
  kernel.feed([{ ms: 60, values: [7, 'new', 3] }])
  const after = new Set(hex(kernel.checkpoint(2)))
  for (const section of before.filter((section) => kindOf(section) === L.SECTION_SLICE)) expect(after).toContain(hex([section])[0])
})

test('a snapshot of another window, other keys or other aggregates is refused', () => {
  const sections = sectionsOf()
  const changes: Partial<KernelPlan>[] = [
    { sizeMs: 30 },
    { offsetMs: 1 },
    { latenessMs: 0 },
    { keys: [1] },
    { aggregates: [{ fn: 'sum', column: 0 }] },
  ]
  for (const change of changes) {
    expect(new Kernel({ ...PLAN, ...change }).restore(sections)).toBe(L.STATUS_SNAPSHOT_INVALID)
  }
})

test('sections out of order, twice or missing are refused', () => {
  const sections = sectionsOf()
  const is = (kind: number) => (section: Uint8Array) => kindOf(section) === kind
  const refused = (list: readonly Uint8Array[]) => expect(new Kernel(PLAN).restore(list)).toBe(L.STATUS_SNAPSHOT_INVALID)
  refused(sections.slice(1))
  refused([...sections].reverse())
  refused(sections.filter((section) => !is(L.SECTION_KEYS)(section)))
  refused([...sections, sections.find(is(L.SECTION_SLICE))!])
  refused([...sections, sections.find(is(L.SECTION_PANES))!])
  refused([sections[0]!, ...sections.filter(is(L.SECTION_KEYS)), sections.find(is(L.SECTION_KEYS))!])
})

describe.each([0, 1, 2, 3])('damaged sections (plan %i)', (number) => {
  const changes: Partial<KernelPlan>[] = [
    {},
    { keys: [1], slideMs: 20 },
    { keys: [], aggregates: [{ fn: 'sum', column: 0 }] },
    { slideMs: 20, tableBytesMax: 16 },
  ]
  const plan: KernelPlan = { ...PLAN, ...changes[number] }
  const sections = sectionsOf(plan)

  test('each byte changed in turn is refused or loads, and never traps or hangs', () => {
    const random = new Prng(number + 5)
    let refused = 0
    for (let s = 0; s < sections.length; s++) {
      for (let at = 0; at < sections[s]!.length; at++) {
        const damaged = sections.map((section) => section.slice())
        damaged[s]![at]! ^= random.pick([1, 128, 255, 1 + random.int(255)])
        const kernel = new Kernel({ ...plan, pagesMax: 64, outputSlots: 64 })
        const status = kernel.restore(damaged)
        if (status !== L.STATUS_OK) {
          refused++
          expect([L.STATUS_SNAPSHOT_INVALID, L.STATUS_STATE_LIMIT]).toContain(status)
          expect(kernel.exports.step(1)).toBe(status)
          continue
        }
        kernel.feed([{ ms: 31, values: [1, 'z', 1] }, { watermark: Infinity }])
        kernel.settle()
      }
    }
    expect(refused).toBeGreaterThan(100)
  })

  test('a section cut short anywhere is refused', () => {
    for (let s = 0; s < sections.length; s++) {
      for (let length = 0; length < sections[s]!.length; length += 4) {
        const cut = sections.map((section, i) => (i === s ? section.slice(0, length) : section))
        const relabelled = cut[s]!.slice()
        if (length >= 4) new DataView(relabelled.buffer).setInt32(L.SECTION_BYTES_OFFSET, length, true)
        expect(new Kernel(plan).restore(cut)).toBe(L.STATUS_SNAPSHOT_INVALID)
        expect(new Kernel(plan).restore(cut.map((section, i) => (i === s ? relabelled : section)))).toBe(L.STATUS_SNAPSHOT_INVALID)
      }
    }
  })
})

test('a snapshot is refused while a batch waits for room', () => {
  const kernel = new Kernel({ ...PLAN, outputSlots: 1, resultRowsMax: 1 })
  kernel.input.writeBatch(
    [
      { ms: 1, values: [1, 'a', 0] },
      { ms: 1, values: [1, 'b', 0] },
    ],
    100,
  )
  while (kernel.exports.step(1) !== L.STATUS_OUTPUT_FULL);
  expect(kernel.exports.snapshot()).toBe(L.STATUS_OUTPUT_FULL)
})

test('more state than the limit is a status, and stays one', () => {
  const kernel = new Kernel({ ...PLAN, slideMs: 20, pagesMax: 12, tableBytesMax: 1 << 28, inputSlots: 1, outputSlots: 1 })
  const feedUntilFull = () => {
    for (let i = 0; i < 100_000; i++) kernel.input.writeBatch([{ ms: i, values: [1, `key ${i}`, i] }], Number.NaN)
  }
  expect(feedUntilFull).toThrow(new KernelFailure(L.STATUS_STATE_LIMIT))
  expect(kernel.exports.step(1)).toBe(L.STATUS_STATE_LIMIT)
  expect(kernel.exports.snapshot()).toBe(L.STATUS_STATE_LIMIT)
})
