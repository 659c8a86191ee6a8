/**
 * A stream on its way through a job, one entry at a time.
 *
 * Before: entries, whose cells are as people write them. After: the harness of `millrace/testing`, with the real kernels behind it.
 *
 * Invariant: when `perform` has resolved, everything that follows from the entry has come out.
 */

import { analyzePlan, ConfigError, type Job } from 'millrace'
import { type TestHarness, testJob } from 'millrace/testing'
import { type Entry, type Row, splitCountOf } from '../model/entry.ts'
import { momentOf } from '../model/time-text.ts'
import type { ColumnShape } from '../model/trace.ts'

type Splits = Pick<Parameters<TestHarness['pushToSplit']>[0], 'split'>

export class Performance {
  readonly test: TestHarness
  readonly #columns: readonly ColumnShape[]

  private constructor(test: TestHarness, columns: readonly ColumnShape[]) {
    this.test = test
    this.#columns = columns
  }

  /** Starts the job, with as many splits as the stream speaks of. A stream that says watermarks has them instead of the plan. */
  static async begin(job: Job, entries: readonly Entry[]): Promise<Performance> {
    const { sources } = analyzePlan(job.plan)
    if (sources.length > 1) {
      const names = sources.map(({ uid }) => uid).join(', ')
      throw new ConfigError('SOURCE_AMBIGUOUS', `The playground plays one source, the pipeline has ${names}; leave the others out`)
    }
    const saysWatermarks = entries.some(({ kind }) => kind === 'watermark')
    const test = await testJob(job, { watermarks: saysWatermarks ? 'manual' : 'declared', splits: splitCountOf(entries) })
    return new Performance(test, sources[0]!.schema.columns)
  }

  /** Plays entries that follow each other; records of the same split go together. */
  async perform(...entries: readonly Entry[]): Promise<void> {
    let rows: Row[] = []
    let at: Splits = { split: 0 }
    const flush = async () => {
      if (rows.length > 0) await this.test.pushToSplit(at, ...rows)
      rows = []
    }
    for (const entry of entries) {
      if (entry.kind !== 'record' || entry.split !== at.split) await flush()
      switch (entry.kind) {
        case 'record':
          at = { split: entry.split }
          rows.push(typedRow(entry.row, this.#columns))
          break
        case 'clock':
          // What is no duration is refused by the harness, with the grammar.
          await this.test.advanceTime(entry.by as '5s')
          break
        case 'watermark':
          await this.test.advanceWatermark(momentOf(entry.to) ?? Number.NaN)
          break
        default: {
          const never: never = entry
          throw new RangeError(String(never))
        }
      }
    }
    await flush()
  }
}

/** The row that the job gets: moments in columns of type timestamp become milliseconds; everything else stays what it is. */
export function typedRow(row: Row, columns: readonly ColumnShape[]): Row {
  const types = new Map(columns.map(({ name, type }) => [name, type]))
  return Object.fromEntries(
    Object.entries(row).map(([name, cell]) => [name, types.get(name) === 'timestamp' ? (momentOf(cell) ?? cell) : cell]),
  )
}
