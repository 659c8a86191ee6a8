/** State of the pane kernel: snapshots of it, its limit, what it keeps and what it gives back. */

import { describe, expect, test } from 'vitest'
import * as L from '../../kernel/layout.ts'
import { type Build, Kernel } from '../support/kernel-harness.ts'
import { exact, type Pane } from '../support/kernel-plan.ts'
import type { Found } from '../support/naive-aggregates.ts'
import { NUMBER, of, over, panesOf, planOf, randomStream, replayOf, seeds, type Shape, SIZE, TEXT } from '../support/pane-kernel.ts'
import { Prng } from '../support/prng.ts'

const replay = replayOf('pane-state')

describe.each<Shape>(['tumbling', 'sliding', 'session', 'global', 'kept'])('in %s windows', (shape) => {
  test.each(seeds)('a snapshot at any place changes no bit of a result (seed %i)', (seed) => {
    const prng = new Prng(seed + 1000)
    const { ops } = randomStream(prng)
    const all = [...ops, { watermark: Number.POSITIVE_INFINITY }]
    const plan = planOf(shape)
    const whole = new Kernel(plan)
    whole.feed(all)
    whole.settle()
    const at = prng.int(all.length)
    const before = new Kernel(plan)
    before.feed(all.slice(0, at))
    before.settle()
    const sections = before.checkpoint(1)
    const after = new Kernel(plan, 'debug')
    expect(after.restore(sections), replay(seed)).toBe(L.STATUS_OK)
    after.feed(all.slice(at))
    after.settle()
    const bits = (panes: readonly Pane[]) => panes.map(exact).toSorted()
    expect(bits([...panesOf(before), ...panesOf(after)]), replay(seed)).toEqual(bits(panesOf(whole)))
  })
})

test.each(seeds)('bytes that are no snapshot are refused, and never lead astray (seed %i)', (seed) => {
  const prng = new Prng(seed + 3000)
  const shape = prng.pick<Shape>(['tumbling', 'session', 'kept'])
  const before = new Kernel(planOf(shape))
  before.feed(randomStream(prng).ops)
  before.settle()
  const sections = before.checkpoint(1)
  for (let attempt = 0; attempt < 12; attempt++) {
    const broken = sections.map((section) => section.slice())
    for (let change = 1 + prng.int(3); change > 0; change--) {
      const section = prng.pick(broken)
      section[L.SECTION_HEADER_BYTES + prng.int(section.length - L.SECTION_HEADER_BYTES)] = prng.pick([0, 1, 127, 128, 255, prng.int(256)])
    }
    const after = new Kernel(planOf(shape), prng.pick<Build>(['debug', 'shared']))
    const status = after.restore(broken)
    expect([L.STATUS_OK, L.STATUS_SNAPSHOT_INVALID], replay(seed)).toContain(status)
    if (status !== L.STATUS_OK) continue
    // What passed is state: it fires, and is written again.
    after.snapshot()
    after.feed([{ watermark: Number.POSITIVE_INFINITY }])
    after.settle()
  }
})

test.each<Build>(['debug', 'shared'])('state that does not fit is a status, and no trap (%s)', (build) => {
  for (const [fn, column, rest] of [
    ['collect', TEXT, { a: Number.POSITIVE_INFINITY, b: 1 }],
    ['countDistinct', NUMBER, {}],
    ['topFrequent', TEXT, { a: 10 }],
    ['records', NUMBER, {}],
  ] as const) {
    const plan = planOf('global', [of(fn, column, rest)], { keys: [], pagesMax: 40, batchRowsMax: 500 })
    const kernel = new Kernel(fn === 'records' ? { ...plan, panes: { ...plan.panes!, flags: L.FLAG_KEEP_RECORDS } } : plan, build)
    const fill = () => {
      for (let i = 0; i < 200; i++) {
        kernel.feed(
          Array.from({ length: 500 }, (_, j) => ({ ms: i, values: [null, i * 500 + j, 1, `${'long '.repeat(20)}${i * 500 + j}`, 1] })),
        )
        kernel.settle()
      }
    }
    expect(fill).toThrow(`kernel status ${L.STATUS_STATE_LIMIT}`)
    expect(kernel.exports.step(1)).toBe(L.STATUS_STATE_LIMIT)
  }
})

test('lists longer than a slot travel in several', () => {
  const values = Array.from({ length: 3000 }, (_, i) => `value number ${i}`)
  const [collected, concatenated] = over(
    [of('collect', TEXT, { a: Number.POSITIVE_INFINITY, b: 0 }), of('concat', TEXT, { a: 1500, b: 1 })],
    values,
  )
  expect(collected).toEqual(values)
  expect(concatenated).toEqual(values.slice(0, 1500))
})

test('texts in state outlive the dictionary that brought them', () => {
  const kernel = new Kernel(
    planOf('global', [of('collect', TEXT, { a: Number.POSITIVE_INFINITY, b: 1 }), of('topFrequent', TEXT, { a: 1000 })], { keys: [] }),
  )
  const kept: string[] = []
  for (let generation = 0; generation < 40; generation++) {
    const texts = Array.from({ length: 60 }, (_, i) => `generation ${generation} text ${i}`)
    kernel.input.newGeneration()
    // All are told, few are kept.
    kernel.feed(texts.map((text, i) => ({ ms: generation, values: [text, null, null, i < 3 ? text : null, null] })))
    kept.push(...texts.slice(0, 3))
  }
  kernel.feed([{ watermark: Number.POSITIVE_INFINITY }])
  kernel.settle()
  const [collected, counted] = panesOf(kernel)[0]!.results!
  expect(collected).toEqual(kept)
  expect((counted as readonly Found[]).length).toBe(kept.length)
})

test('state is given back when windows are done', () => {
  const kernel = new Kernel(planOf('tumbling'))
  const prng = new Prng(3)
  const bytes: number[] = []
  for (let round = 0; round < 30; round++) {
    const rows = Array.from({ length: 300 }, () => {
      const values = ['key', prng.next(), prng.next(), `text ${prng.int(200)}`, 1]
      return { ms: round * SIZE * 10 + prng.int(SIZE), values }
    })
    kernel.feed([...rows, { watermark: (round + 1) * SIZE * 10 }])
    kernel.settle()
    bytes.push(kernel.exports.counter(L.COUNTER_STATE_BYTES))
  }
  expect(bytes.at(-1)).toBe(bytes[10])
})
