/**
 * The operators that run on whole batches on the coordinator's thread: filter, map and event time before a window, filter and map after it.
 *
 * Before: a source's reader, or the outlet with a window's results. After: an exchange, or a sink.
 * A stage is a function that takes a chunk and calls the next ones; what it makes lies in buffers of its own that live until its next call.
 *
 * Invariant: every row that enters a stage leaves it, is counted as filtered, or becomes a dead letter.
 */

import { BatchBuilder, type DeadLetter, newValues, preview } from '../batch-builder.ts'
import { Dictionary } from '../dictionary.ts'
import { compileExpression, compileFilter } from '../expression/evaluate.ts'
import type { Expression } from '../expression/expression.ts'
import type { EventTimeSpec, FilterSpec, MapSpec } from '../plan.ts'
import { type Column, RecordBatch, type RowObject } from '../record-batch.ts'
import type { Schema } from '../schema.ts'

/** Rows on their way, with their event times once an `eventTime` operator has set them. */
export interface Chunk {
  readonly batch: RecordBatch
  readonly times: Float64Array | null
}

export type Stage = (chunk: Chunk) => void

/** Where a stage reports what did not pass. */
export interface StageReport {
  filtered(uid: string, count: number): void
  deadLetter(letter: DeadLetter): void
}

export type RowFunction = (row: RowObject) => unknown

/** Largest and smallest event time: those a JavaScript Date can hold. */
export const TIMESTAMP_MAX_MS = 8.64e15

export function filterStage(spec: FilterSpec, schema: Schema, fn: RowFunction | undefined, report: StageReport, next: readonly Stage[]): Stage {
  const select = fn === undefined ? selectByExpression(spec.where as Expression, schema) : selectByFunction(spec.uid, fn, report)
  const gather = new Gather(schema)
  let selection = new Uint32Array(0)
  return (chunk) => {
    const { rowCount } = chunk.batch
    if (selection.length < rowCount) selection = new Uint32Array(rowCount)
    const { kept, lost } = select(chunk.batch, selection)
    report.filtered(spec.uid, rowCount - kept - lost)
    pass(gather.take(chunk, selection, kept), next)
  }
}

/** Writes the rows that pass into `into` and says how many did, and how many became dead letters. */
type Select = (batch: RecordBatch, into: Uint32Array) => { readonly kept: number; readonly lost: number }

function selectByExpression(where: Expression, schema: Schema): Select {
  const filter = compileFilter(where, schema)
  return (batch, into) => ({ kept: filter(batch, into), lost: 0 })
}

function selectByFunction(uid: string, predicate: RowFunction, report: StageReport): Select {
  return (batch, into) => {
    let kept = 0
    let lost = 0
    for (let row = 0; row < batch.rowCount; row++) {
      const object = batch.row(row)
      try {
        if (predicate(object) === true) into[kept++] = row
      } catch (error) {
        lost++
        report.deadLetter(functionThrew(uid, row, object, error))
      }
    }
    return { kept, lost }
  }
}

export function mapStage(spec: MapSpec, input: Schema, output: Schema, fn: RowFunction | undefined, report: StageReport, next: readonly Stage[]): Stage {
  return fn === undefined ? mapByExpressions(spec, input, output, next) : mapByFunction(spec.uid, output, fn, report, next)
}

function mapByExpressions(spec: MapSpec, input: Schema, output: Schema, next: readonly Stage[]): Stage {
  const compiled = new Map(Object.entries(spec.columns ?? {}).map(([name, expression]) => [name, compileExpression(expression, input)]))
  const recode = new Recode()
  return ({ batch, times }) => {
    const columns: Column[] = output.columns.map(({ name, type }) => {
      const expression = compiled.get(name)
      if (expression === undefined) return batch.column(name)
      const { values, validity, dictionary } = expression.evaluate(batch)
      return recode.into(batch, { name, type, values, validity, dictionary })
    })
    pass({ batch: new RecordBatch(output, columns, batch.rowCount), times }, next)
  }
}

function mapByFunction(uid: string, output: Schema, fn: RowFunction, report: StageReport, next: readonly Stage[]): Stage {
  let builder: BatchBuilder | null = null
  let times = new Float64Array(0)
  return (chunk) => {
    const { batch } = chunk
    const dictionary = dictionaryOf(batch) ?? builder?.dictionary ?? new Dictionary()
    if (builder === null || builder.capacity < batch.rowCount) builder = new BatchBuilder(output, batch.rowCount, dictionary)
    builder.clear()
    builder.dictionary = dictionary
    builder.source = uid
    if (times.length < batch.rowCount) times = new Float64Array(batch.rowCount)
    for (let row = 0; row < batch.rowCount; row++) {
      const object = batch.row(row)
      try {
        const mapped = fn(object)
        if (typeof mapped !== 'object' || mapped === null) {
          report.deadLetter({ ...functionThrew(uid, row, object, null), code: 'FUNCTION_RESULT', reason: `The function of ${uid} returned ${String(mapped)} instead of a row` })
        } else if (builder.appendRow(mapped, `row ${row}`) && chunk.times !== null) {
          times[builder.rowCount - 1] = chunk.times[row]!
        }
      } catch (error) {
        report.deadLetter(functionThrew(uid, row, object, error))
      }
    }
    for (const letter of builder.deadLetters) report.deadLetter(letter)
    pass({ batch: builder.build(), times: chunk.times === null ? null : times }, next)
  }
}

/** Largest event time that passed an `eventTime` operator, for the split being read. */
export interface TimeObserver {
  observe(maxMs: number): void
}

export function eventTimeStage(spec: EventTimeSpec, schema: Schema, observer: TimeObserver, report: StageReport, next: readonly Stage[]): Stage {
  const column = schema.columns.findIndex(({ name }) => name === spec.column)
  const gather = new Gather(schema)
  let times = new Float64Array(0)
  let selection = new Uint32Array(0)
  return ({ batch }) => {
    const { rowCount } = batch
    if (times.length < rowCount) {
      times = new Float64Array(rowCount)
      selection = new Uint32Array(rowCount)
    }
    const { values, validity } = batch.columns[column]!
    const maxMs = validity === null ? cleanMax(values, rowCount) : Number.NaN
    if (!Number.isNaN(maxMs)) {
      if (rowCount > 0) observer.observe(maxMs)
      // Whole milliseconds already: the column itself is the event time.
      const own = values instanceof Float64Array ? values : Float64Array.from(values)
      pass({ batch, times: own }, next)
      return
    }
    let kept = 0
    let max = Number.NEGATIVE_INFINITY
    for (let row = 0; row < rowCount; row++) {
      const time = Math.floor(values[row]!)
      if ((validity !== null && validity[row] === 0) || !(Math.abs(time) <= TIMESTAMP_MAX_MS)) {
        report.deadLetter(timestampInvalid(spec, batch, row, validity !== null && validity[row] === 0))
        continue
      }
      if (time > max) max = time
      times[row] = time
      selection[kept++] = row
    }
    if (kept > 0) observer.observe(max)
    pass(gather.take({ batch, times }, selection, kept), next)
  }
}

/**
 * The largest value when all are whole milliseconds within the range, else NaN.
 *
 * Two chains of additions, not one: a chain costs its latency.
 */
function cleanMax(values: Column['values'], rowCount: number): number {
  if (rowCount === 0) return Number.NEGATIVE_INFINITY
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
  const max = Math.max(max0, max1, last)
  const min = Math.min(min0, min1, last)
  const fractions = fractions0 + fractions1 + (last - Math.floor(last))
  return fractions === 0 && max <= TIMESTAMP_MAX_MS && min >= -TIMESTAMP_MAX_MS ? max : Number.NaN
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

function functionThrew(uid: string, row: number, object: RowObject, error: unknown): DeadLetter {
  return {
    code: 'FUNCTION_THREW',
    reason: `The function of ${uid} threw: ${error instanceof Error ? error.message : String(error)}`,
    source: uid,
    split: '',
    position: `row ${row}`,
    preview: preview(JSON.stringify(object)),
  }
}

function pass(chunk: Chunk, next: readonly Stage[]): void {
  if (chunk.batch.rowCount > 0) for (const stage of next) stage(chunk)
}

function dictionaryOf(batch: RecordBatch): Dictionary | null {
  for (const column of batch.columns) if (column.dictionary instanceof Dictionary) return column.dictionary
  return null
}

/** Copies selected rows into buffers of its own. */
class Gather {
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
      this.#columns = this.#schema.columns.map(({ type }) => ({ values: newValues(type, this.#capacity), validity: new Uint8Array(this.#capacity) }))
      this.#times = new Float64Array(this.#capacity)
    }
    const columns = batch.columns.map((column, index): Column => {
      const target = this.#columns[index]!
      gather(target.values, column.values, selection, count)
      if (column.validity !== null) gather(target.validity, column.validity, selection, count)
      return { ...column, values: target.values, validity: column.validity === null ? null : target.validity }
    })
    if (times !== null) gather(this.#times, times, selection, count)
    return { batch: new RecordBatch(batch.schema, columns, count, gatherPanes(batch, selection, count)), times: times === null ? null : this.#times }
  }
}

function gather(target: Column['values'], source: Column['values'], selection: Uint32Array, count: number): void {
  for (let at = 0; at < count; at++) target[at] = source[selection[at]!]!
}

function gatherPanes({ panes }: RecordBatch, selection: Uint32Array, count: number): RecordBatch['panes'] {
  if (panes === null) return null
  const index = new Uint32Array(count)
  const timing = new Uint8Array(count)
  gather(index, panes.index, selection, count)
  gather(timing, panes.timing, selection, count)
  return { index, timing }
}

/** Brings a computed string column into the dictionary of the stream, so that a batch has one dictionary. */
class Recode {
  #from: Column['dictionary'] = null
  #to: Dictionary | null = null
  #codes = new Map<number, number>()

  into(batch: RecordBatch, column: Column): Column {
    if (column.type !== 'utf8') return column
    const to = dictionaryOf(batch) ?? this.#to ?? new Dictionary()
    if (column.dictionary === to) return column
    if (column.dictionary !== this.#from || to !== this.#to) this.#codes.clear()
    this.#from = column.dictionary
    this.#to = to
    const values = new Uint32Array(batch.rowCount)
    for (let row = 0; row < batch.rowCount; row++) {
      if (column.validity !== null && column.validity[row] === 0) continue
      const code = column.values[row]!
      let recoded = this.#codes.get(code)
      if (recoded === undefined) {
        recoded = to.codeOf(column.dictionary!.stringAt(code))
        this.#codes.set(code, recoded)
      }
      values[row] = recoded
    }
    return { ...column, values, dictionary: to }
  }
}
