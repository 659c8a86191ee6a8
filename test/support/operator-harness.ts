/**
 * An operator with state under test: rows in, watermarks, rows and findings out, and a new one from the snapshot of the old.
 *
 * Before: a test. After: runtime/operator, whose contract (operator.ts) is kept here as the intake keeps it.
 *
 * Invariant: what an operator gives on is copied at once, because it lives in buffers that are used again.
 */

import { BatchBuilder } from '../../runtime/batch-builder.ts'
import { Dictionary } from '../../runtime/dictionary.ts'
import { makeOperator } from '../../runtime/operator/make-operator.ts'
import type { OperatorOutput, StatefulOperator } from '../../runtime/operator/operator.ts'
import type { StageSpec } from '../../runtime/plan.ts'
import type { RecordBatch, RowObject } from '../../runtime/record-batch.ts'
import type { Schema } from '../../runtime/schema.ts'

export interface HarnessOptions {
  readonly spec: StageSpec
  /** Has a column `t` with the event time. */
  readonly schema: Schema
  /** Rows of a batch, in and out. */
  readonly batchRows?: number
}

export class OperatorHarness {
  readonly out: RowObject[] = []
  readonly times: number[] = []
  readonly side: RowObject[] = []
  /** Most rows of a batch that was given on. */
  batchRowsSeen = 0
  filtered = 0
  operator: StatefulOperator
  readonly #options: HarnessOptions
  #dictionary = new Dictionary()

  constructor(options: HarnessOptions) {
    this.#options = options
    this.operator = this.#make()
  }

  rows(...rows: readonly object[]): this {
    const { schema, batchRows = 4096 } = this.#options
    for (let from = 0; from < rows.length; from += batchRows) {
      const builder = new BatchBuilder(schema, batchRows, this.#dictionary)
      for (const row of rows.slice(from, from + batchRows)) if (!builder.appendRow(row, '')) throw new Error(builder.deadLetters[0]!.reason)
      const batch = builder.build()
      const times = batch.column('t').values as Float64Array
      this.operator.processBatch({ batch, times })
      // Whoever keeps a view of the batch sees it change.
      for (const column of builder.columns) column.values.fill(0)
      this.#drain()
    }
    return this
  }

  watermark(watermarkMs: number): this {
    this.operator.advanceWatermark(watermarkMs)
    this.#drain()
    return this
  }

  end(): this {
    return this.watermark(Number.POSITIVE_INFINITY)
  }

  /** Goes on with an operator made of the snapshot of this one. */
  restart(change: (chunks: Uint8Array<ArrayBuffer>[]) => Uint8Array<ArrayBuffer>[] = (chunks) => chunks): this {
    const chunks = this.operator.snapshot()
    this.operator = this.#make()
    this.operator.restore(change(chunks))
    // A job that begins again has a dictionary of its own.
    this.#dictionary = new Dictionary()
    return this
  }

  /** Strings of further rows are of another dictionary, as when a stream has seen too many. */
  renewDictionary(): this {
    this.#dictionary = new Dictionary(this.#dictionary.generation + 1)
    return this
  }

  get counts(): Readonly<Record<string, number>> {
    return this.operator.status().counts
  }

  #drain(): void {
    while (this.operator.isDue) this.operator.emit()
  }

  #make(): StatefulOperator {
    const { spec, schema, batchRows = 4096 } = this.#options
    const copy = (batch: RecordBatch) => Array.from({ length: batch.rowCount }, (_, row) => batch.row(row))
    const output: OperatorOutput = {
      next: [
        ({ batch, times }) => {
          this.batchRowsSeen = Math.max(this.batchRowsSeen, batch.rowCount)
          this.out.push(...copy(batch))
          this.times.push(...times!.slice(0, batch.rowCount))
        },
      ],
      rowsMax: batchRows,
      report: {
        filtered: (_, count) => {
          this.filtered += count
        },
        deadLetter: () => {},
      },
      side: (batch) => this.side.push(...copy(batch)),
    }
    return makeOperator(spec, schema, output)
  }
}
