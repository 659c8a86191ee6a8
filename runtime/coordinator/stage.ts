/**
 * What runs on whole batches on the coordinator's thread: the form of a stage, and the stage that finds event times.
 *
 * Before: a source's reader, or the outlet with a window's results. After: an exchange, or a sink. Filter and map are in transform-stage.ts.
 * A stage is a function that takes a chunk and calls the next ones; what it makes lies in buffers of its own that live until its next call.
 *
 * Invariant: every row that enters a stage leaves it, is counted as filtered, or becomes a dead letter.
 */

import { type DeadLetter, newValues, preview } from '../batch-builder.ts'
import type { EventTimeSpec } from '../plan.ts'
import { type Column, RecordBatch, type RowObject } from '../record-batch.ts'
import { type Schema, TIMESTAMP_MAX_MS } from '../schema.ts'

/** Rows on their way, with their event times once an `eventTime` operator has set them. */
export interface Chunk {
  readonly batch: RecordBatch
  readonly times: Float64Array | null
}

export interface TimedChunk extends Chunk {
  readonly times: Float64Array
}

export type Stage = (chunk: Chunk) => void

/** Where a stage reports what did not pass. */
export interface StageReport {
  filtered(uid: string, count: number): void
  deadLetter(letter: DeadLetter): void
}

export type RowFunction = (row: RowObject) => unknown

/** Who is told the event times that an `eventTime` operator finds: coordinator/time-track. */
export interface TimeObserver {
  /** Takes note of the event times of a chunk that has rows, with the least and the largest. @returns the chunk that goes on. */
  observe(chunk: TimedChunk, leastMs: number, largestMs: number): TimedChunk
}

export function eventTimeStage(
  spec: EventTimeSpec,
  schema: Schema,
  observer: TimeObserver,
  report: StageReport,
  next: readonly Stage[],
): Stage {
  const column = schema.columns.findIndex(({ name }) => name === spec.column)
  const gather = new Gather(schema)
  const range: Range = { least: 0, largest: 0 }
  let times = new Float64Array(0)
  let selection = new Uint32Array(0)
  return ({ batch }) => {
    const { rowCount } = batch
    if (rowCount === 0) return
    if (times.length < rowCount) {
      times = new Float64Array(rowCount)
      selection = new Uint32Array(rowCount)
    }
    const { values, validity } = batch.columns[column]!
    if (validity === null && isClean(values, rowCount, range)) {
      // Whole milliseconds already: the column itself is the event time.
      const own = values instanceof Float64Array ? values : Float64Array.from(values)
      pass(observer.observe({ batch, times: own }, range.least, range.largest), next)
      return
    }
    let kept = 0
    let least = Number.POSITIVE_INFINITY
    let largest = Number.NEGATIVE_INFINITY
    for (let row = 0; row < rowCount; row++) {
      const time = Math.floor(values[row]!)
      if ((validity !== null && validity[row] === 0) || !(Math.abs(time) <= TIMESTAMP_MAX_MS)) {
        report.deadLetter(timestampInvalid(spec, batch, row, validity !== null && validity[row] === 0))
        continue
      }
      if (time > largest) largest = time
      if (time < least) least = time
      times[row] = time
      selection[kept++] = row
    }
    if (kept > 0) pass(observer.observe(gather.take({ batch, times }, selection, kept) as TimedChunk, least, largest), next)
  }
}

interface Range {
  least: number
  largest: number
}

/**
 * Whether all values (one at least) are whole milliseconds within the range of timestamps. Then also finds the least and the largest.
 *
 * Two chains of additions, not one: a chain costs its latency.
 */
function isClean(values: Column['values'], rowCount: number, range: Range): boolean {
  const first = values[0]!
  let max0 = first
  let max1 = first
  let min0 = first
  let min1 = first
  // 0 for whole numbers; anything else, NaN included, makes a sum differ from 0.
  let fractions0 = 0
  let fractions1 = 0
  const even = rowCount & ~1
  for (let row = 0; row < even; row += 2) {
    const a = values[row]!
    const b = values[row + 1]!
    max0 = a > max0 ? a : max0
    max1 = b > max1 ? b : max1
    min0 = a < min0 ? a : min0
    min1 = b < min1 ? b : min1
    fractions0 += a - Math.floor(a)
    fractions1 += b - Math.floor(b)
  }
  const last = values[rowCount - 1]!
  range.largest = Math.max(max0, max1, last)
  range.least = Math.min(min0, min1, last)
  const fractions = fractions0 + fractions1 + (last - Math.floor(last))
  return fractions === 0 && range.largest <= TIMESTAMP_MAX_MS && range.least >= -TIMESTAMP_MAX_MS
}

function timestampInvalid(spec: EventTimeSpec, batch: RecordBatch, row: number, isNull: boolean): DeadLetter {
  const found = isNull ? 'nothing' : String(batch.column(spec.column).values[row])
  return {
    code: 'TIMESTAMP_INVALID',
    reason: `Event time ${spec.column} should be milliseconds since 1970 within ±${TIMESTAMP_MAX_MS}, found ${found}`,
    source: spec.uid,
    split: '',
    position: `row ${row}`,
    preview: preview(JSON.stringify(batch.row(row))),
  }
}

/** Gives a chunk to the next stages, unless nothing is left of it. */
export function pass(chunk: Chunk, next: readonly Stage[]): void {
  if (chunk.batch.rowCount > 0) for (const stage of next) stage(chunk)
}

/** Copies selected rows into buffers of its own. */
export class Gather {
  readonly #schema: Schema
  #capacity = 0
  #columns: { values: Column['values']; validity: Uint8Array }[] = []
  #times = new Float64Array(0)

  constructor(schema: Schema) {
    this.#schema = schema
  }

  take({ batch, times }: Chunk, selection: Uint32Array, count: number): Chunk {
    if (count === batch.rowCount) return { batch, times }
    if (this.#capacity < Math.max(1, count)) {
      this.#capacity = Math.max(1024, batch.rowCount)
      this.#columns = this.#schema.columns.map(({ type }) => ({
        values: newValues(type, this.#capacity),
        validity: new Uint8Array(this.#capacity),
      }))
      this.#times = new Float64Array(this.#capacity)
    }
    const columns = batch.columns.map((column, index): Column => {
      const target = this.#columns[index]!
      gather(target.values, column.values, selection, count)
      if (column.validity !== null) gather(target.validity, column.validity, selection, count)
      return { ...column, values: target.values, validity: column.validity === null ? null : target.validity }
    })
    if (times !== null) gather(this.#times, times, selection, count)
    return {
      batch: new RecordBatch(batch.schema, columns, count, gatherPanes(batch, selection, count)),
      times: times === null ? null : this.#times,
    }
  }
}

function gather(target: Column['values'], source: Column['values'], selection: Uint32Array, count: number): void {
  for (let at = 0; at < count; at++) target[at] = source[selection[at]!]!
}

function gatherPanes({ panes }: RecordBatch, selection: Uint32Array, count: number): RecordBatch['panes'] {
  if (panes === null) return null
  const index = new Uint32Array(count)
  const timing = new Uint8Array(count)
  const change = new Uint8Array(count)
  const isLast = new Uint8Array(count)
  gather(index, panes.index, selection, count)
  gather(timing, panes.timing, selection, count)
  gather(change, panes.change, selection, count)
  gather(isLast, panes.isLast, selection, count)
  return { index, timing, change, isLast }
}
