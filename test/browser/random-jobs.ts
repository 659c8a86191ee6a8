/**
 * Random jobs of the property tests, run the same way in Node and in pages, to be compared bit for bit: plain windows on the slice kernel, and
 * windows of every kind with every trigger on the pane kernel, stopped in the middle and taken up on another tier.
 *
 * Before: a seed. After: random-jobs.spec.
 *
 * Invariant: everything but the hosts follows from the seed.
 */

import type { StartOptions } from 'millrace'
import { randomJobCase, randomOptions, runJob } from '../property/pane-jobs.ts'
import { bits, optionsOf, runCase } from '../property/run-case.ts'
import { Prng } from '../support/prng.ts'
import { randomCase } from '../support/streams.ts'

export type HostName = NonNullable<StartOptions['host']>

export interface RandomJobs {
  readonly from: number
  readonly count: number
  /** Where jobs run, and where those that are stopped go on. */
  readonly hosts: readonly [HostName, HostName]
}

/** What came out of each seed, as texts that differ whenever a bit differs. */
export async function runRandomJobs({ from, count, hosts: [first, second] }: RandomJobs): Promise<string[]> {
  const outcomes = []
  for (let seed = from; seed < from + count; seed++) {
    const stream = randomCase(new Prng(seed))
    const { panes, late } = await runCase(stream, { ...optionsOf(stream), host: first })
    const prng = new Prng(seed)
    const jobCase = randomJobCase(prng)
    const parallelism = 1 + prng.int(2)
    const at = prng.int(Math.max(1, jobCase.rows.length))
    const isStopped = seed % 2 === 1 && jobCase.rows.length > 0
    const stop = isStopped ? { at, second: { ...randomOptions(prng), parallelism, host: second } } : null
    const outcome = await runJob(jobCase, { ...randomOptions(prng), parallelism, host: first }, stop)
    outcomes.push(bits({ seed, panes, late, outcome }))
  }
  return outcomes
}
