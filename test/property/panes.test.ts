/**
 * Random window operators and streams on the product against the oracle of whole windows.
 *
 * Before: pane-run. After: nothing.
 * `SEED=n` replays one case, `STREAMS=n` multiplies their number, `KIND=session` leaves out other windows.
 *
 * Invariant: a failure prints its seed, the case made small, and the command that replays it.
 */

import { expect, test } from 'vitest'
import { Prng } from '../support/prng.ts'
import { randomJobCase, randomOptions, runJob, runTested } from './pane-jobs.ts'
import { caseDifference, type Manner, outcomeDifference } from './pane-run.ts'
import { forSeeds } from './run-case.ts'
import { caseText, shrunk } from './shrinker.ts'
import { randomWindowCase, WINDOW_KINDS, type WindowKind } from './window-plans.ts'

const BLOCKS = 10
const BLOCK_STREAMS = 500
const kind = process.env['KIND'] as WindowKind | undefined

for (let block = 0; block < BLOCKS; block++) {
  const name = `whole windows give the panes of the oracle, block ${block}`
  test(name, { timeout: 120_000 }, async () => {
    await forSeeds('panes.test.ts', name, 1 + block * BLOCK_STREAMS, BLOCK_STREAMS, async (seed) => {
      const windowCase = randomWindowCase(new Prng(seed), kind === undefined || !WINDOW_KINDS.includes(kind) ? {} : { kind })
      const manner: Manner = { seed, restoreShare: seed % 3 === 0 ? 0.08 : 0 }
      const why = await caseDifference(windowCase, manner)
      if (why === null) return
      const small = await shrunk(windowCase, async (candidate) => (await caseDifference(candidate, manner)) !== null)
      const smallWhy = await caseDifference(small, manner)
      expect.fail(`${why}\nmade small:\n${caseText(small)}\n  ${smallWhy ?? 'which does not fail any more'}`)
    })
  })
}

const JOBS = [
  { name: 'jobs on one thread', from: 1_000_001, count: 200, host: 'inline', isStopped: false },
  { name: 'jobs on worker threads', from: 1_100_001, count: 60, host: 'workers', isStopped: false },
  { name: 'jobs that are stopped and go on at another parallelism', from: 1_200_001, count: 100, host: 'inline', isStopped: true },
  { name: 'jobs on worker threads that are stopped', from: 1_300_001, count: 20, host: 'workers', isStopped: true },
] as const

for (const { name, from, count, host, isStopped } of JOBS) {
  test(`${name} give the panes of the oracle`, { timeout: 120_000 }, async () => {
    await forSeeds('panes.test.ts', name, from, count, async (seed) => {
      const prng = new Prng(seed)
      const jobCase = randomJobCase(prng)
      const first = { ...randomOptions(prng), host }
      const stop = isStopped ? { at: prng.int(jobCase.rows.length), second: { ...randomOptions(prng), host } } : null
      const why = outcomeDifference(jobCase, await runJob(jobCase, first, stop))
      if (why !== null) expect.fail(`${why}\n${caseText(jobCase)}`)
    })
  })
}

test('jobs in the hands of a test give the panes of the oracle', { timeout: 120_000 }, async () => {
  await forSeeds('panes.test.ts', 'jobs in the hands of a test', 1_400_001, 200, async (seed) => {
    const prng = new Prng(seed)
    const windowCase = randomWindowCase(prng)
    const why = outcomeDifference(windowCase, await runTested(windowCase, prng))
    if (why !== null) expect.fail(`${why}\n${caseText(windowCase)}`)
  })
})
