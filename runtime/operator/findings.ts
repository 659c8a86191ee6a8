/**
 * What a tracker has found and its sink has not been given yet, as rows.
 *
 * Before: sequence-tracker. After: the sink of `findingsTo`.
 *
 * Invariant: findings leave in the order in which they were added.
 */

import { BatchBuilder } from '../batch-builder.ts'
import { Dictionary } from '../dictionary.ts'
import type { RecordBatch, Value } from '../record-batch.ts'
import type { Schema } from '../schema.ts'
import type { Finding } from './source-sequence.ts'

/** More strings than this and the dictionary is begun anew: a sink reads its batch before the next. */
const DICTIONARY_SIZE_MAX = 1 << 16

export class Findings {
  readonly #schema: Schema
  readonly #builder: BatchBuilder
  #waiting: Finding[] = []
  #at = 0

  /** @param schema - Of the rows: the columns of the source, then kind, from, to, count, at. */
  constructor(schema: Schema, rowsMax: number) {
    this.#schema = schema
    this.#builder = new BatchBuilder(schema, rowsMax, new Dictionary())
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0
  }

  add(finding: Finding): void {
    this.#waiting.push(finding)
  }

  /** The next rows: a batch that lives until the next call. */
  take(): RecordBatch {
    const builder = this.#builder
    builder.clear()
    if (builder.dictionary.size > DICTIONARY_SIZE_MAX) builder.dictionary = new Dictionary()
    while (this.#at < this.#waiting.length && builder.rowCount < builder.capacity)
      builder.appendRow(this.#row(this.#waiting[this.#at++]!), '')
    if (this.#at === this.#waiting.length) {
      this.#waiting = []
      this.#at = 0
    }
    return builder.build()
  }

  #row({ sequence, kind, from, to, count, atMs }: Finding): object {
    // Without prototype, so that every name of a column is harmless.
    const row = Object.create(null) as Record<string, Value>
    const values: readonly Value[] = [...sequence.values, kind, from, to, count, atMs]
    this.#schema.columns.forEach(({ name }, index) => {
      row[name] = values[index]!
    })
    return row
  }
}
