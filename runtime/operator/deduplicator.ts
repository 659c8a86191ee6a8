/**
 * `deduplicate`: the first record of an id passes; records of the same id at most `withinMs` of event time from one that passed are
 * dropped and counted.
 *
 * Before: stages, with event times. After: further stages.
 * Ids are kept in tables, one for each stretch of event time, so that expiry drops whole tables. What passed is remembered until the
 * watermark is 2 × `withinMs` past it: so every record that is at most `withinMs` late is judged exactly. One that is later cannot be
 * judged: it passes without being remembered, or is dropped, as the plan says. A record whose id is null in all columns has no id: it passes.
 *
 * Invariant: of one id at most one record passes in any stretch of `withinMs`, but for records too late to be judged.
 */

import { Gather, pass } from '../coordinator/stage.ts'
import type { Chunk } from '../coordinator/stage.ts'
import { ConfigError } from '../errors.ts'
import type { DeduplicateSpec } from '../plan.ts'
import { columnIndex, type Schema } from '../schema.ts'
import { IdEncoder } from './id-encoder.ts'
import { IdTable } from './id-table.ts'
import type { OperatorNumbers, OperatorOutput, StatefulOperator } from './operator.ts'
import { StateReader, StateWriter } from './state-bytes.ts'

/** A table covers at least this much time: many tiny ones would cost more than they hold. */
const TABLE_MS_LEAST = 1_000

export class Deduplicator implements StatefulOperator {
  readonly uid: string
  readonly #spec: DeduplicateSpec
  readonly #output: OperatorOutput
  readonly #encoder: IdEncoder
  readonly #gather: Gather
  readonly #cellsOfTable: number
  readonly #tables = new Map<number, IdTable>()
  #idCount = 0
  #watermarkMs = Number.NEGATIVE_INFINITY
  #selection = new Uint32Array(0)
  readonly #counts = { recordsIn: 0, recordsOut: 0, duplicates: 0, latePassed: 0, lateDropped: 0, withoutId: 0, forgotten: 0 }
  readonly isDue = false

  constructor(spec: DeduplicateSpec, schema: Schema, output: OperatorOutput) {
    this.uid = spec.uid
    this.#spec = spec
    this.#output = output
    this.#encoder = new IdEncoder(spec.by.map((name) => columnIndex(schema, name)))
    this.#gather = new Gather(schema)
    this.#cellsOfTable = Math.ceil(TABLE_MS_LEAST / spec.withinMs)
  }

  processBatch(chunk: Chunk): void {
    const { rowCount } = chunk.batch
    if (this.#selection.length < rowCount) this.#selection = new Uint32Array(rowCount)
    this.#encoder.use(chunk.batch)
    let kept = 0
    let lateDropped = 0
    for (let row = 0; row < rowCount; row++) {
      const verdict = this.#judge(row, chunk.times![row]!)
      if (verdict === 'pass') this.#selection[kept++] = row
      else if (verdict === 'late') lateDropped++
    }
    this.#counts.recordsIn += rowCount
    this.#counts.recordsOut += kept
    this.#counts.lateDropped += lateDropped
    this.#counts.duplicates += rowCount - kept - lateDropped
    if (kept + lateDropped < rowCount) this.#output.report.filtered(this.uid, rowCount - kept - lateDropped)
    pass(this.#gather.take(chunk, this.#selection, kept), this.#output.next)
  }

  advanceWatermark(watermarkMs: number): void {
    this.#watermarkMs = watermarkMs
    const tableMs = this.#cellsOfTable * this.#spec.withinMs
    for (const [index, table] of this.#tables) {
      if ((index + 1) * tableMs > watermarkMs - 2 * this.#spec.withinMs) continue
      this.#tables.delete(index)
      this.#idCount -= table.size
    }
  }

  emit(): void {}

  status(): OperatorNumbers {
    let stateBytes = 0
    for (const table of this.#tables.values()) stateBytes += table.byteLength
    return { counts: this.#counts, stateCount: this.#idCount, stateBytes }
  }

  snapshot(): Uint8Array<ArrayBuffer>[] {
    const head = new StateWriter('h')
    head.f64(this.#watermarkMs)
    const tables = [...this.#tables].sort(([a], [b]) => a - b)
    return [head.finish(), ...tables.flatMap(([index, table]) => table.snapshot(index))]
  }

  restore(chunks: readonly Uint8Array[]): void {
    for (const chunk of chunks) {
      const reader = new StateReader(chunk)
      if (reader.kind === 'h') this.#watermarkMs = reader.f64()
      else if (reader.kind === 'i') this.#tableAt(reader.f64()).restore(reader, (timeMs) => this.#cellOf(timeMs))
      else throw reader.corrupt(`it holds ${reader.kind}, which a deduplicator has not`)
      reader.finish()
    }
    for (const table of this.#tables.values()) this.#idCount += table.size
  }

  #judge(row: number, timeMs: number): 'pass' | 'duplicate' | 'late' {
    if (!this.#encoder.encode(row)) {
      this.#counts.withoutId++
      return 'pass'
    }
    const { withinMs, late, idsMax } = this.#spec
    if (timeMs < this.#watermarkMs - withinMs) {
      if (late === 'drop') return 'late'
      this.#counts.latePassed++
      return 'pass'
    }
    const cell = this.#cellOf(timeMs)
    if (this.#isIn(cell, timeMs) || this.#isIn(cell - 1, timeMs) || this.#isIn(cell + 1, timeMs)) return 'duplicate'
    if (this.#idCount >= idsMax) this.#makeRoom()
    this.#tableAt(Math.floor(cell / this.#cellsOfTable)).add(this.#encoder.bytes, this.#encoder.hash, cell, timeMs)
    this.#idCount++
    return 'pass'
  }

  /** The stretch of `withinMs` a time lies in: two records of an id that passed are never in the same. */
  #cellOf(timeMs: number): number {
    return Math.floor(timeMs / this.#spec.withinMs)
  }

  #isIn(cell: number, timeMs: number): boolean {
    const table = this.#tables.get(Math.floor(cell / this.#cellsOfTable))
    return table !== undefined && table.has(this.#encoder.bytes, this.#encoder.hash, cell, timeMs, this.#spec.withinMs)
  }

  #tableAt(index: number): IdTable {
    let table = this.#tables.get(index)
    if (table === undefined) {
      table = new IdTable()
      this.#tables.set(index, table)
    }
    return table
  }

  #makeRoom(): void {
    const { idsMax, whenFull } = this.#spec
    if (whenFull === 'fail') {
      throw new ConfigError(
        'DEDUPLICATE_FULL',
        `Cannot remember more ids in ${this.uid}: there are ${idsMax}; raise idsMax, shorten within, or choose whenFull: 'forget'`,
        { details: { uid: this.uid, idsMax } },
      )
    }
    const oldest = Math.min(...this.#tables.keys())
    this.#counts.forgotten += this.#tables.get(oldest)!.size
    this.#idCount -= this.#tables.get(oldest)!.size
    this.#tables.delete(oldest)
  }
}
