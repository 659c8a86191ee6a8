/** The kernel against windows by definition, on random plans and sequences. */

import { describe, expect, test } from 'vitest'
import * as L from '../../kernel/layout.ts'
import { randomCase, type Case } from '../support/kernel-cases.ts'
import { Kernel, type Build } from '../support/kernel-harness.ts'
import { exact, keyGroupOf, type KernelPlan, type Op, type Output } from '../support/kernel-plan.ts'
import { difference, expected } from '../support/kernel-oracle.ts'
import { Prng } from '../support/prng.ts'

const SEEDS = Number(process.env['KERNEL_SEEDS'] ?? 150)
const FIRST_SEED = Number(process.env['KERNEL_SEED'] ?? 1)
const seeds = process.env['KERNEL_SEED'] === undefined ? Array.from({ length: SEEDS }, (_, i) => FIRST_SEED + i) : [FIRST_SEED]

function replay(seed: number): string {
  return `replay with KERNEL_SEED=${seed} npx vitest run test/kernel/window-operator.test.ts`
}

interface Run {
  readonly build?: Build
  /** Chance that a batch is cut after a record, that the kernel is restored after an operation. */
  readonly cut?: number
  readonly restore?: number
  readonly generations?: number
  readonly plan?: Partial<KernelPlan>
}

function run(
  seed: number,
  { plan: base, ops }: Case,
  { build = 'shared', cut = 0, restore = 0, generations = 0, plan: changes = {} }: Run,
): Kernel & { all: Output[] } {
  const random = new Prng(seed * 7919 + 13)
  const plan = { ...base, ...changes }
  const all: Output[] = []
  let kernel = new Kernel(plan, build)
  let counters = [0, 0]
  const finish = () => {
    kernel.settle()
    all.push(...kernel.outputs.filter((output) => output.kind !== 'barrier'))
    counters = [counters[0]! + kernel.exports.counter(L.COUNTER_LATE_DROPPED), counters[1]! + kernel.exports.counter(L.COUNTER_OUTSIDE)]
  }
  let from = 0
  for (let at = 1; at <= ops.length; at++) {
    const restores = random.next() < restore
    const renews = random.next() < generations
    if (at < ops.length && !restores && !renews) continue
    kernel.feed(ops.slice(from, at), () => random.next() < cut)
    from = at
    if (renews) {
      kernel.settle()
      kernel.input.newGeneration()
    }
    if (!restores || at === ops.length) continue
    const sections = kernel.checkpoint(at)
    finish()
    kernel = new Kernel(plan, build)
    expect(kernel.restore(sections)).toBe(L.STATUS_OK)
    expect(kernel.snapshot().map((section) => Buffer.from(section).toString('hex'))).toEqual(
      sections.map((section) => Buffer.from(section).toString('hex')),
    )
  }
  finish()
  return Object.assign(kernel, { all, counters })
}

const panes = (outputs: readonly Output[]) => outputs.filter((output) => output.kind !== 'late')
const lates = (outputs: readonly Output[]) => outputs.filter((output) => output.kind === 'late')

describe('random plans and sequences', () => {
  test.each(seeds)('panes are those of windows by definition, bit for bit however the stream is cut (seed %i)', (seed) => {
    const made = randomCase(new Prng(seed))
    const wanted = expected(made.plan, made.ops)
    const whole = run(seed, made, {})
    const found =
      difference(made.plan, panes(whole.all), panes(wanted.outputs), made.scale) ??
      difference(made.plan, lates(whole.all), lates(wanted.outputs), made.scale)
    expect(found, `${replay(seed)}\n${JSON.stringify(made.plan)}`).toBeUndefined()
    expect(whole.exports.counter(L.COUNTER_LATE_DROPPED), replay(seed)).toBe(wanted.late)
    expect(whole.exports.counter(L.COUNTER_OUTSIDE), replay(seed)).toBe(wanted.outside)
    const reference = panes(whole.all).map(exact)
    const variants: Run[] = [
      { build: 'plain', cut: 0.1 },
      { build: 'debug', cut: 0.02, generations: 0.01 },
      { restore: 0.02, cut: 0.05 },
      { restore: 0.005, plan: { tableBytesMax: 16 } },
      { plan: { tableBytesMax: 1 << 28, resultRowsMax: 4096, outputSlots: 16 } },
    ]
    for (const variant of variants) {
      const other = run(seed, made, variant)
      expect(panes(other.all).map(exact), `${JSON.stringify(variant)} ${replay(seed)}`).toEqual(reference)
      expect(lates(other.all).map(exact), replay(seed)).toEqual(lates(whole.all).map(exact))
    }
  })

  test.each(seeds.slice(0, 60))('a snapshot split between two workers goes on with the same panes for each key (seed %i)', (seed) => {
    const { plan: base, ops } = randomCase(new Prng(seed + 100_000))
    if (base.keys.length === 0) return
    const plan: KernelPlan = { ...base, latePolicy: 'drop' }
    const half = Math.floor(ops.length / 2)
    const first = new Kernel(plan)
    first.feed(ops.slice(0, half))
    first.settle()
    const sections = first.checkpoint(1)
    const whole = new Kernel(plan)
    expect(whole.restore(sections)).toBe(L.STATUS_OK)
    whole.feed(ops.slice(half))
    whole.settle()
    const groupOf = (op: Op) => ('watermark' in op ? -1 : keyGroupOf(plan.keys.map((c) => op.values[c]!)))
    const halves = [0, 1].map((part) => {
      const kernel = new Kernel(plan)
      expect(kernel.restore(sections.filter((section) => isOf(section, part))), replay(seed)).toBe(L.STATUS_OK)
      kernel.feed(ops.slice(half).filter((op) => groupOf(op) < 0 || groupOf(op) % 2 === part))
      kernel.settle()
      return kernel
    })
    const byKey = (outputs: readonly Output[]) =>
      outputs
        .filter((output) => output.kind === 'pane')
        .map((output) => [exact(output.keys), exact(output)] as const)
        .sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0))
        .map(([, text]) => text)
    expect(byKey(halves.flatMap((kernel) => kernel.outputs)), replay(seed)).toEqual(byKey(whole.outputs))
    // And back: two workers' snapshots restore into one.
    const parts = halves.map((kernel) => kernel.checkpoint(2))
    const one = new Kernel(plan)
    const order = [L.SECTION_OPERATOR, L.SECTION_KEYS, L.SECTION_SLICE, L.SECTION_PANES]
    const both = parts.flat().sort((a, b) => order.indexOf(a[4]!) - order.indexOf(b[4]!))
    expect(one.restore(both), replay(seed)).toBe(L.STATUS_OK)
    for (const kernel of [...halves, one]) {
      kernel.outputs.length = 0
      kernel.input.writeBatch([], Infinity)
      kernel.settle()
    }
    expect(byKey(one.outputs), replay(seed)).toEqual(byKey(halves.flatMap((kernel) => kernel.outputs)))
  })
})

function isOf(section: Uint8Array, part: number): boolean {
  const group = new DataView(section.buffer, section.byteOffset).getInt32(L.SECTION_KEY_GROUP_OFFSET, true)
  return group < 0 || group % 2 === part
}
