/**
 * Filter and map on whole batches, by expression or by function, before a window or after one.
 *
 * Before and after: other stages (stage.ts). Loaded only for plans that have such operators, with the evaluator of expressions.
 *
 * Invariant: a batch that leaves has one dictionary for all its string columns.
 */

import { BatchBuilder, type DeadLetter, preview } from '../batch-builder.ts'
import { Dictionary } from '../dictionary.ts'
import { compileExpression, compileFilter } from '../expression/evaluate.ts'
import type { Expression } from '../expression/expression.ts'
import type { FilterSpec, MapSpec } from '../plan.ts'
import { type Column, RecordBatch, type RowObject } from '../record-batch.ts'
import type { Schema } from '../schema.ts'
import { Gather, pass, type RowFunction, type Stage, type StageReport } from './stage.ts'

export function filterStage(
  spec: FilterSpec,
  schema: Schema,
  fn: RowFunction | undefined,
  report: StageReport,
  next: readonly Stage[],
): Stage {
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

export function mapStage(
  spec: MapSpec,
  input: Schema,
  output: Schema,
  fn: RowFunction | undefined,
  report: StageReport,
  next: readonly Stage[],
): Stage {
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
          report.deadLetter({
            ...functionThrew(uid, row, object, null),
            code: 'FUNCTION_RESULT',
            reason: `The function of ${uid} returned ${String(mapped)} instead of a row`,
          })
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

/** The dead letter of a row on which a function threw. */
export function functionThrew(uid: string, row: number, object: RowObject, error: unknown): DeadLetter {
  return {
    code: 'FUNCTION_THREW',
    reason: `The function of ${uid} threw: ${error instanceof Error ? error.message : String(error)}`,
    source: uid,
    split: '',
    position: `row ${row}`,
    preview: preview(JSON.stringify(object)),
  }
}

function dictionaryOf(batch: RecordBatch): Dictionary | null {
  for (const column of batch.columns) if (column.dictionary instanceof Dictionary) return column.dictionary
  return null
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
