/**
 * Random plans and sequences for the kernel: everything a plan can say, at sizes an oracle can follow.
 *
 * Before: a seed. After: a plan, operations and the ways to cut and interrupt them, for test/kernel.
 *
 * Invariant: the same seed makes the same case.
 */

import { AGGREGATE_NAMES, type KernelPlan, type Op, type Value } from './kernel-plan.ts'
import type { Prng } from './prng.ts'

export interface Case {
  readonly plan: KernelPlan
  readonly ops: readonly Op[]
  readonly scale: number
}

export function randomPlan(random: Prng): KernelPlan {
  const slideMs = 1 + random.int(random.pick([3, 20, 1000]))
  const shape = random.int(4)
  const sizeMs =
    shape === 0
      ? slideMs
      : shape === 1
        ? slideMs * (1 + random.int(12))
        : shape === 2
          ? 1 + random.int(slideMs)
          : 1 + random.int(slideMs * 6)
  const columns: ('f64' | 'utf8')[] = ['f64', 'utf8', 'f64', 'utf8', 'f64'] // three for keys, two to aggregate beside column 0
  const keys = random.pick([[], [1], [1], [0], [2], [1, 2], [1, 3], [0, 1, 2]])
  const plain = random.int(3) === 0
  const aggregates = plain
    ? (['count', 'sum', 'min', 'max', 'mean', 'countRows'] as const).filter(() => random.int(4) > 0).map((fn) => ({ fn, column: 4 }))
    : Array.from({ length: random.int(7) }, () => {
        const fn = random.pick(AGGREGATE_NAMES)
        return { fn, column: fn === 'count' && random.int(3) === 0 ? 3 : random.pick([4, 2]) }
      })
  return {
    sizeMs,
    slideMs,
    offsetMs: random.int(3) === 0 ? random.int(5000) - 2500 : 0,
    latenessMs: random.pick([0, 0, 0, random.int(20), random.int(sizeMs * 4)]),
    columns,
    keys,
    aggregates,
    latePolicy: random.pick(['drop', 'output']),
    batchRowsMax: random.pick([1, 3, 16, 64, 256]),
    resultRowsMax: random.pick([1, 2, 16, 48]),
    inputSlots: random.pick([1, 2, 8]),
    outputSlots: random.pick([1, 2, 8]),
    tableBytesMax: random.pick([16, 64, 1000, 20_000, 1 << 20]),
    keyGroupColumn: !(keys.length === 1 && keys[0] === 1) || random.int(2) === 0,
  }
}

export function randomCase(random: Prng): Case {
  const plan = randomPlan(random)
  const keyCount = random.pick([1, 2, 7, 40, 300, 1500, 5000])
  const opCount = random.pick([5, 60, 300, 300, 1500, keyCount > 1000 ? 5000 : 800])
  const nulls = random.int(3) === 0 ? 0.15 : 0
  const wild = random.int(4) === 0 ? 0.05 : 0
  const farApart = random.int(5) === 0 ? 0.02 : 0
  const disorder = plan.sizeMs * random.pick([0, 0.2, 1, 4])
  const stepMs = plan.slideMs * random.pick([0.01, 0.1, 1])
  const scale = 10 ** random.int(5)
  const churn = random.int(2) === 0
  let now = random.pick([0, -20_000, 1_700_000_000_000])
  let watermark = -Infinity
  const number = (): number => {
    if (random.next() < wild) return random.pick([Number.NaN, Infinity, -Infinity, -0, 0])
    return (random.next() - 0.3) * scale
  }
  const ops: Op[] = []
  for (let i = 0; i < opCount; i++) {
    if (random.int(12) === 0) {
      const next = Math.floor(now - disorder * random.next())
      if (next > watermark) ops.push({ watermark: (watermark = next) })
      continue
    }
    now += stepMs * random.next() * 2
    if (random.next() < farApart) now += plan.slideMs * random.pick([50, 5000, 1e7])
    let ms = Math.floor(now - disorder * random.next() * (random.int(10) === 0 ? 2 : 1))
    if (random.next() < farApart) ms += Math.floor(plan.slideMs * random.pick([-6000, 9000, 1e6]))
    const key =
      (churn ? Math.floor((i / opCount) * keyCount * 0.9) : 0) + random.int(churn ? Math.max(1, Math.floor(keyCount * 0.1)) : keyCount)
    const or = (value: Value): Value => (random.next() < nulls ? null : value)
    const special = random.next() < wild ? random.pick([Number.NaN, -0, 0, Infinity]) : key
    ops.push({
      ms,
      values: [or(special), or(`k${key}`), or(key % 5), or(`s${key % 3}${key % 40 === 0 ? 'é'.repeat(key % 90) : ''}`), or(number())],
    })
  }
  if (random.int(2) === 0) ops.push({ watermark: Infinity })
  return { plan, ops, scale }
}
