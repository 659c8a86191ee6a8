/**
 * What any two runs of one stream must have in common, whatever the right result is: laws that need no oracle.
 *
 * Before: pane-run. After: nothing.
 *
 * Invariant: a pair of runs differs only in what the law says may not matter.
 */

import { expect, test } from 'vitest'
import { exactText } from '../oracle/panes/aggregates.ts'
import type { PaneEvent } from '../oracle/panes/plan.ts'
import { Prng } from '../support/prng.ts'
import { type PaneOutcome, runWindow } from './pane-run.ts'
import { bits, expectSameBits, forSeeds } from './run-case.ts'
import { caseText } from './shrinker.ts'
import { plainCase, randomWindowCase, shuffledWithin, type WindowCase } from './window-plans.ts'

const FILE = 'metamorphic.test.ts'

function expectSame(windowCase: WindowCase, actual: PaneOutcome, expected: PaneOutcome): void {
  try {
    expectSameBits(actual.rows, expected.rows)
    expectSameBits(actual.late, expected.late)
    expect({ ...actual.counts }).toEqual({ ...expected.counts })
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${caseText(windowCase)}`, { cause: error })
  }
}

/** Rows key by key, each key's in its order. */
function byKey({ keys }: WindowCase, { rows, late, counts }: PaneOutcome): PaneOutcome {
  const sorted = Map.groupBy(rows, ({ row }) => bits(keys.map((name) => row[name])))
  const ordered = [...sorted].sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([, ofKey]) => ofKey)
  return { rows: ordered, late: [...late].sort((a, b) => Number(a['id']) - Number(b['id'])), counts, deadLetters: 0 }
}

test('the same input gives the same bytes', async () => {
  await forSeeds(FILE, 'the same input gives', 2_000_001, 200, async (seed) => {
    const windowCase = randomWindowCase(new Prng(seed))
    const manner = { seed, restoreShare: seed % 2 === 0 ? 0.1 : 0 }
    expectSame(windowCase, await runWindow(windowCase, manner), await runWindow(windowCase, manner))
  })
})

test('where batches are split changes no byte', async () => {
  await forSeeds(FILE, 'where batches are split', 2_100_001, 300, async (seed) => {
    const windowCase = randomWindowCase(new Prng(seed))
    const whole = await runWindow(windowCase, { seed, parallelism: 1, batchRows: 64 })
    for (const batchRows of [1, 3])
      expectSame(windowCase, await runWindow(windowCase, { seed: seed + 7, parallelism: 1, batchRows }), whole)
  })
})

test('beginning the dictionary of strings anew changes no byte', async () => {
  await forSeeds(FILE, 'beginning the dictionary of strings anew', 2_150_001, 200, async (seed) => {
    const windowCase = randomWindowCase(new Prng(seed))
    const whole = await runWindow(windowCase, { seed, parallelism: 1, forgetShare: 0 })
    expectSame(windowCase, await runWindow(windowCase, { seed, parallelism: 1, forgetShare: 0.3 }), whole)
  })
})

test('the number of subtasks changes no result of a key', async () => {
  await forSeeds(FILE, 'the number of subtasks', 2_200_001, 200, async (seed) => {
    const windowCase = randomWindowCase(new Prng(seed))
    const one = byKey(windowCase, await runWindow(windowCase, { seed, parallelism: 1 }))
    for (const parallelism of [2, 3, 4]) {
      expectSame(windowCase, byKey(windowCase, await runWindow(windowCase, { seed: seed + parallelism, parallelism })), one)
    }
  })
})

test('a snapshot and a restore after any event change no result of a key', async () => {
  await forSeeds(FILE, 'a snapshot and a restore after any event', 2_300_001, 60, async (seed) => {
    const windowCase = randomWindowCase(new Prng(seed))
    const whole = byKey(windowCase, await runWindow(windowCase, { seed, parallelism: 2 }))
    const restores = Array.from({ length: Math.min(windowCase.events.length, 25) }, (_, at) => at)
    for (const restoreAfter of restores) {
      expectSame(windowCase, byKey(windowCase, await runWindow(windowCase, { seed, parallelism: 2, restoreAfter })), whole)
    }
  })
})

test('a snapshot and a restore in one subtask change no byte', async () => {
  await forSeeds(FILE, 'a snapshot and a restore in one subtask', 2_400_001, 200, async (seed) => {
    const windowCase = randomWindowCase(new Prng(seed))
    const whole = await runWindow(windowCase, { seed, parallelism: 1 })
    expectSame(windowCase, await runWindow(windowCase, { seed, parallelism: 1, restoreShare: 0.15, restoreParallelism: 1 }), whole)
  })
})

test('shuffling within the allowed disorder changes no final result', async () => {
  await forSeeds(FILE, 'shuffling within the allowed disorder', 2_500_001, 300, async (seed) => {
    const prng = new Prng(seed)
    const windowCase = plainCase(prng, { hasRounded: false })
    const disorderMs = prng.int(30)
    const inOrder = shuffledWithin(prng, windowCase, disorderMs)
    const shuffled = shuffledWithin(prng, windowCase, disorderMs)
    const [first, second] = [await runWindow(inOrder, { seed }), await runWindow(shuffled, { seed: seed + 1 })]
    expect(first.late.length + second.late.length).toBe(0)
    expect(resultsOf(second), caseText(shuffled)).toEqual(resultsOf(first))
  })
})

test('merging in another order changes only the last bits', async () => {
  await forSeeds(FILE, 'merging in another order', 2_600_001, 200, async (seed) => {
    const prng = new Prng(seed)
    const windowCase = withFractions(prng, plainCase(prng, { hasRounded: true }))
    const orders = [0, 1, 2].map(() => shuffledWithin(prng, windowCase, Number.POSITIVE_INFINITY))
    const [first, ...others] = await Promise.all(orders.map((each) => runWindow(each, { seed })))
    for (const other of others) expectNear(rowsById(other), rowsById(first!))
  })
})

/** Values that do not add up exactly. */
function withFractions(prng: Prng, windowCase: WindowCase): WindowCase {
  const events = windowCase.events.map((event): PaneEvent => {
    if (event.kind !== 'record' || typeof event.row['v'] !== 'number') return event
    return { ...event, row: { ...event.row, v: (prng.next() - 0.3) * 1_000 } }
  })
  return { ...windowCase, events }
}

/** What stands at the end, in an order of its own. */
function resultsOf({ rows }: PaneOutcome): string[] {
  return rows.map(({ row, index, timing, change, isLast }) => exactText([row, index, timing, change, isLast])).sort()
}

function rowsById({ rows }: PaneOutcome): Map<string, Readonly<Record<string, unknown>>> {
  return new Map(rows.map(({ row }) => [exactText([row['k'], row['j'], row['windowStart'], row['windowEnd']]), row]))
}

function expectNear(
  actual: Map<string, Readonly<Record<string, unknown>>>,
  expected: Map<string, Readonly<Record<string, unknown>>>,
): void {
  expect([...actual.keys()].sort()).toEqual([...expected.keys()].sort())
  for (const [id, row] of expected) {
    for (const [name, value] of Object.entries(row)) {
      const found = actual.get(id)![name]
      if (typeof value === 'number' && typeof found === 'number' && Number.isFinite(value)) {
        expect(Math.abs(found - value), `${id} ${name}: ${value}, ${found}`).toBeLessThanOrEqual(1e-9 * Math.max(1_000, Math.abs(value)))
      } else expect(exactText(found), `${id} ${name}`).toBe(exactText(value))
    }
  }
}
