/**
 * Rows and their windows to rows, one for each window: what an assigner found becomes the columns start, end and more.
 *
 * Before: computed-stage. After: the exchange, which takes the rows in pieces.
 *
 * Invariant: rows of one record follow each other, all but the last with `more`; memory does not grow with the number of windows of a
 * chunk, only with that of a single record.
 */

import { newValues } from '../batch-builder.ts'
import type { Piece } from '../coordinator/exchange.ts'
import { type Column, type ColumnValues, RecordBatch } from '../record-batch.ts'
import type { Schema } from '../schema.ts'
import { AssignedWindows, type WindowAssigner } from '../window-assigner/assigned-windows.ts'

export interface AssignedRowsOptions {
  readonly assigner: WindowAssigner
  /** Of the rows that come. */
  readonly schema: Schema
  /** Of the rows that leave: those columns and, behind them, start, end and more. */
  readonly extended: Schema
  /** Whether the kernel gets a column; others are not multiplied. */
  readonly isNeeded: (source: number) => boolean
  /** Most rows of a piece. */
  readonly rowsMax: number
}

/** About this many windows are found at a time. */
const ENTRIES_AT_A_TIME = 1 << 15
/** Columns that are made here. */
const MADE = 3

export class AssignedRows {
  readonly #options: AssignedRowsOptions
  readonly #found = new AssignedWindows()
  readonly #columns: readonly (ColumnValues | null)[]
  readonly #validity: readonly (Uint8Array | null)[]
  readonly #times: Float64Array
  readonly #selection: Uint32Array
  /** Where the assigner stands: its rows begin here, since it sees part of a chunk. */
  #blockFrom = 0
  /** Windows of a row, as seen so far. */
  #fanOut = 1

  constructor(options: AssignedRowsOptions) {
    const { extended, rowsMax, isNeeded } = options
    this.#options = options
    const inputs = extended.columns.length - MADE
    this.#columns = extended.columns.map(({ type }, source) => (source >= inputs || isNeeded(source) ? newValues(type, rowsMax) : null))
    this.#validity = this.#columns.map((values) => (values === null ? null : new Uint8Array(rowsMax)))
    this.#times = new Float64Array(rowsMax)
    this.#selection = new Uint32Array(rowsMax)
  }

  /** First row of the chunk that the assigner is looking at: its own row numbers count from there. */
  get blockFrom(): number {
    return this.#blockFrom
  }

  /** Gives the rows of a chunk piece by piece; a piece is valid until the next one is asked for. */
  pieces(batch: RecordBatch, times: Float64Array): () => Piece {
    const { rowsMax } = this.#options
    const found = this.#found
    let at = 0
    let blockTo = 0
    found.clear()
    return () => {
      while (at === found.count && blockTo < batch.rowCount) {
        this.#blockFrom = blockTo
        blockTo = Math.min(batch.rowCount, blockTo + Math.max(1, Math.floor(ENTRIES_AT_A_TIME / this.#fanOut)))
        this.#assign(batch, times, blockTo)
        at = 0
      }
      const from = at
      at = Math.min(found.count, at + rowsMax)
      if (at < found.count) at = this.#recordEnd(from, at)
      return {
        batch: this.#take(batch, times, from, at),
        times: this.#times,
        isLast: at === found.count && blockTo === batch.rowCount,
      }
    }
  }

  #assign(batch: RecordBatch, times: Float64Array, blockTo: number): void {
    const from = this.#blockFrom
    const rowCount = blockTo - from
    this.#options.assigner.assign(times.subarray(from, blockTo), rowCount, (row) => batch.row(from + row), this.#found)
    this.#fanOut = Math.max(1, this.#found.count / rowCount)
  }

  /** The last place at or before `to` where a record ends; `to` when there is none. */
  #recordEnd(from: number, to: number): number {
    const { rows } = this.#found
    let end = to
    while (end > from && rows[end - 1] === rows[end]) end--
    return end === from ? to : end
  }

  #take(batch: RecordBatch, times: Float64Array, from: number, to: number): RecordBatch {
    const { schema, extended } = this.#options
    const { rows, starts, ends } = this.#found
    const count = to - from
    const selection = this.#selection
    for (let index = 0; index < count; index++) selection[index] = this.#blockFrom + rows[from + index]!
    for (let index = 0; index < count; index++) this.#times[index] = times[selection[index]!]!
    const columns = batch.columns.map((column, source) => this.#gather(column, source, count))
    const first = schema.columns.length
    const start = this.#columns[first]!
    const end = this.#columns[first + 1]!
    const more = this.#columns[first + 2]!
    const isInside = this.#validity[first]!
    for (let index = 0; index < count; index++) {
      const entry = from + index
      isInside[index] = Number.isNaN(starts[entry]!) ? 0 : 1
      start[index] = starts[entry]!
      end[index] = ends[entry]!
      more[index] = entry + 1 < this.#found.count && rows[entry + 1] === rows[entry] ? 1 : 0
    }
    const made = [start, end, more].map((values, index): Column => {
      return { ...extended.columns[first + index]!, values, validity: index < 2 ? isInside : null, dictionary: null }
    })
    return new RecordBatch(extended, [...columns, ...made], count)
  }

  /** A column's values by the selection; of a column that the kernel does not get, as it is. */
  #gather(column: Column, source: number, count: number): Column {
    const values = this.#columns[source]
    if (values === null || values === undefined) return column
    for (let index = 0; index < count; index++) values[index] = column.values[this.#selection[index]!]!
    if (column.validity === null) return { ...column, values }
    const validity = this.#validity[source]!
    for (let index = 0; index < count; index++) validity[index] = column.validity[this.#selection[index]!]!
    return { ...column, values, validity }
  }
}
