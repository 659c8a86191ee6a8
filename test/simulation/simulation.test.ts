/**
 * Whole jobs under one seed: 300 of them in every `npm test`, any number by `npm run simulate -- --seeds N`.
 *
 * A failing seed is printed with the command that replays it. Defects planted on purpose prove that the simulation can find some.
 */

import { expect, test } from 'vitest'
import { PLANTED_BUGS } from './planted-bugs.ts'
import { simulate } from './simulate.ts'
import { SITUATIONS } from './world.ts'

const SEEDS = 300
/** Seeds within which a planted defect must be found. */
const BUG_SEEDS = 150

test('whatever crashes, fails, fills up or stands still, what is committed is that of a run without faults', {
  timeout: 120_000,
}, async () => {
  const seen = new Map<string, number>()
  const failures: string[] = []
  for (let seed = 1; seed <= SEEDS; seed++) {
    const result = await simulate(seed)
    for (const [situation, count] of result.seen) seen.set(situation, (seen.get(situation) ?? 0) + count)
    if (result.violations.length > 0)
      failures.push(`seed ${seed}: ${result.violations.join('\n')}\nreplay: npm run simulate -- --seed ${seed}`)
  }
  console.log(SITUATIONS.map((situation) => `${String(seen.get(situation) ?? 0).padStart(8)}  ${situation}`).join('\n'))
  expect(failures, failures.join('\n')).toEqual([])
  expect(SITUATIONS.filter((situation) => !seen.has(situation))).toEqual([])
})

test('one seed gives one trace', async () => {
  for (const seed of [1, 7, 23, 60, 91, 120, 155, 194]) {
    const first = await simulate(seed)
    const second = await simulate(seed)
    expect(second.traceHash, `seed ${seed}`).toBe(first.traceHash)
    expect([...second.seen]).toEqual([...first.seen])
  }
})

for (const bug of PLANTED_BUGS) {
  test(`the simulation finds a planted defect: ${bug.name}`, async () => {
    for (let seed = 1; seed <= BUG_SEEDS; seed++) if ((await simulate(seed, bug)).violations.length > 0) return
    expect.fail(`not found in ${BUG_SEEDS} seeds`)
  })
}
