/**
 * Runs a random case on the product, and compares the outcome with the oracle or with that of another run.
 *
 * Before: test/support/streams makes a case of a seed. After: the tests of this folder.
 * `SEED=n` replays one case in every test; `STREAMS=n` multiplies the number of cases.
 *
 * Invariant: every failure prints its seed and the command that replays it.
 */

import { expect } from 'vitest'
import type { JobStatus } from '../../runtime/coordinator/job-status.ts'
import { fromPlan } from '../../runtime/pipeline.ts'
import { type CollectSink, collectSink } from '../../runtime/sink/callback-sink.ts'
import { rowsSource } from '../../runtime/source/rows-source.ts'
import type { Source } from '../../runtime/source/source.ts'
import { start, type StartOptions } from '../../runtime/start.ts'
import { type ActualPane, actualPanes, paneDifference, paneDifferenceByKey } from '../oracle/compare.ts'
import type { OracleResult } from '../oracle/windows.ts'
import type { StreamCase } from '../support/streams.ts'

const factor = Number(process.env['STREAMS'] ?? 1)

/** Runs a body for many seeds, and says with the failure how to run it again. */
export async function forSeeds(
  file: string,
  name: string,
  from: number,
  count: number,
  body: (seed: number) => Promise<void>,
): Promise<void> {
  const given = process.env['SEED']
  const seeds = given === undefined ? Array.from({ length: Math.ceil(count * factor) }, (_, index) => from + index) : [Number(given)]
  for (const seed of seeds) {
    try {
      await body(seed)
    } catch (error) {
      const replay = `SEED=${seed} npx vitest run --config test/vitest.config.ts test/property/${file} -t '${name}'`
      throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}\nreplay: ${replay}`, { cause: error })
    }
  }
}

export type Options = Partial<Omit<StartOptions, 'sources' | 'sinks'>>

export interface Outcome {
  readonly panes: readonly ActualPane[]
  readonly late: readonly object[]
  readonly status: JobStatus
}

export function optionsOf(stream: StreamCase): Options {
  const { batchRows, ringSlots, parallelism } = stream
  return { host: 'inline', batchRows, ringSlots, parallelism }
}

export async function runCase(stream: StreamCase, options: Options, source: Source = rowsSource(stream.rows)): Promise<Outcome> {
  const out = collectSink()
  const late = collectSink()
  const run = await start(fromPlan(stream.plan), { ...options, sources: { in: source }, sinks: { 'w-out': out, late } })
  const status = await run.finished
  return outcome(out, late, status)
}

export function outcome(out: CollectSink, late: CollectSink, status: JobStatus): Outcome {
  return { panes: actualPanes(out), late: late.rows, status }
}

export function expectOracle(stream: StreamCase, expected: OracleResult, { panes, late }: Outcome, parallelism: number): void {
  const rules = { keys: stream.keys, aggregates: stream.oracle.aggregates }
  const why =
    parallelism === 1 || stream.keys.length === 0
      ? paneDifference(expected.panes, panes, rules)
      : paneDifferenceByKey(expected.panes, panes, rules)
  expect(why, why ?? '').toBeNull()
  expect(sortedRows(late)).toEqual(sortedRows(expected.dropped.map(({ values }) => values)))
}

/** Rows with absent fields as null, in an order of their own, every number by its bits. */
export function sortedRows(rows: readonly object[]): string[] {
  return rows
    .map((row) =>
      bits(
        Object.entries(row)
          .filter(([, cell]) => cell !== null && cell !== undefined)
          .sort(([a], [b]) => (a < b ? -1 : 1)),
      ),
    )
    .sort()
}

/** A text that differs whenever a bit differs (all NaNs are one). */
export function bits(value: unknown): string {
  return (
    JSON.stringify(value, (_, inner: unknown) => (typeof inner === 'number' ? (Object.is(inner, -0) ? '-0' : String(inner)) : inner)) ??
    'nothing'
  )
}

/** Two sequences, bit for bit; names the first item that differs. */
export function expectSameBits(actual: readonly unknown[], expected: readonly unknown[]): void {
  const at = Array.from({ length: Math.max(actual.length, expected.length) }, (_, index) => index).find(
    (index) => bits(actual[index]) !== bits(expected[index]),
  )
  if (at === undefined) return
  expect.fail(
    `item ${at} of ${expected.length} (found ${actual.length}):\n  expected ${bits(expected[at])}\n  actual   ${bits(actual[at])}`,
  )
}
