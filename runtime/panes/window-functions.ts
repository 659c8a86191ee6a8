/**
 * The stage behind a window whose results are made by functions of the user: of the records of each pane to rows and values.
 *
 * Before: the outlet, with the records of each pane as a column. After: the stages and sinks behind the window.
 *
 * Invariant: a pane becomes rows or, if a function throws on it, a dead letter.
 */

import { BatchBuilder, type DeadLetter, preview } from '../batch-builder.ts'
import { Gather, pass, type Stage, type StageReport } from '../coordinator/stage.ts'
import { Dictionary } from '../dictionary.ts'
import type { WindowSpec } from '../plan.ts'
import { cellValue, type Column, RecordBatch, type RowObject, setField } from '../record-batch.ts'
import type { AggregateFunctions, ApplyFunction, FiredWindow } from '../plan-functions.ts'
import type { Json, Schema } from '../schema.ts'
import { AggregateThrew, aggregateThrew, calling, messageOf, recordRefused } from './aggregate-threw.ts'
import { type CustomPlan, HANDLE_NAME, RECORDS_NAME } from './pane-aggregates.ts'
import type { WindowPlan } from './pane-plan.ts'
import type { PaneRecords } from './record-cells.ts'
import { JsonValues, type RecordValues } from './result-cells.ts'
import type { WindowAccumulators } from './window-accumulators.ts'

export interface WindowFunctionsOptions {
  readonly spec: WindowSpec
  readonly plan: WindowPlan
  readonly keyColumns: readonly string[]
  readonly resultSchema: Schema
  /** A function of the window by its name: `apply`, `aggregate.NAME`. */
  readonly functionOf: (name: string) => unknown
  /** Accumulators of custom aggregates, where they are kept; null: the records of the window are there. */
  readonly accumulators: WindowAccumulators | null
  readonly report: StageReport
  readonly next: readonly Stage[]
}

const TIMINGS = ['early', 'onTime', 'late'] as const
const ROWS_MAX = 1024

export function windowFunctionsStage(options: WindowFunctionsOptions): Stage {
  const panes = new PaneRows(options)
  return ({ batch }) => {
    for (let row = 0; row < batch.rowCount; row++) panes.add(batch, row)
    panes.flush(batch)
  }
}

/** Rows made of panes, gathered until there are enough for a batch. */
class PaneRows {
  readonly #options: WindowFunctionsOptions
  readonly #apply: ApplyFunction | null
  readonly #customs: readonly { readonly name: string; readonly functions: AggregateFunctions<unknown>; readonly values: Json[] }[]
  readonly #gather: Gather
  readonly #builder: BatchBuilder | null
  #selection = new Uint32Array(ROWS_MAX)
  #count = 0

  constructor(options: WindowFunctionsOptions) {
    const { spec, plan, functionOf } = options
    this.#options = options
    this.#apply = spec.apply === undefined ? null : (functionOf('apply') as ApplyFunction)
    this.#customs = plan.customs.map(({ name }) => ({
      name,
      functions: functionOf(`aggregate.${name}`) as AggregateFunctions<unknown>,
      values: [],
    }))
    this.#gather = new Gather(plan.kernelSchema)
    const applied = Object.entries(spec.apply?.schema ?? {}).map(([name, type]) => ({ name, type }))
    this.#builder = applied.length === 0 ? null : new BatchBuilder({ columns: applied }, ROWS_MAX, new Dictionary())
    if (this.#builder !== null) this.#builder.source = spec.uid
  }

  add(batch: RecordBatch, row: number): void {
    const window = this.#window(batch, row)
    let rows: readonly object[] = [{}]
    let results: Json[]
    try {
      const { accumulators } = this.#options
      if (accumulators !== null) {
        results = accumulators.results(batch.column(HANDLE_NAME).values[row]!)
      } else {
        const records = recordsOf(batch, row)
        results = this.#customs.map(({ functions }, index) => this.#fold(this.#options.plan.customs[index]!, functions, records))
        if (this.#apply !== null) rows = [...this.#apply(records.rows, window)]
      }
    } catch (error) {
      this.#options.report.deadLetter(this.#threw(window, error))
      return
    }
    for (const made of rows) {
      if (this.#count === ROWS_MAX) this.flush(batch)
      if (this.#builder !== null && !this.#append(made, window)) continue
      this.#customs.forEach(({ values }, index) => {
        values[this.#count] = results[index]!
      })
      this.#selection[this.#count++] = row
    }
  }

  /** Adds the columns of the function; what is no row becomes a dead letter. */
  #append(made: unknown, window: FiredWindow): boolean {
    const { report, spec } = this.#options
    const builder = this.#builder!
    if (typeof made !== 'object' || made === null) {
      report.deadLetter({
        ...this.#threw(window, null),
        code: 'FUNCTION_RESULT',
        reason: `The function of ${spec.uid} returned ${String(made)} instead of a row`,
      })
      return false
    }
    const isRow = builder.appendRow(made, placeOf(window))
    for (const letter of builder.deadLetters.splice(0)) report.deadLetter(letter)
    return isRow
  }

  /** Gives on what was gathered of the panes of a batch. */
  flush(batch: RecordBatch): void {
    const { resultSchema, next } = this.#options
    const count = this.#count
    if (count === 0) return
    const { batch: base } = this.#gather.take({ batch, times: null }, this.#selection, count)
    const applied = this.#builder?.build() ?? null
    const columns = resultSchema.columns.map((definition): Column => {
      const custom = this.#customs.find(({ name }) => name === definition.name)
      if (custom !== undefined) return jsonColumn(definition.name, custom.values.splice(0))
      return applied?.columns.find(({ name }) => name === definition.name) ?? base.column(definition.name)
    })
    pass({ batch: new RecordBatch(resultSchema, columns, count, base.panes), times: null }, next)
    this.#count = 0
    // The rows are given on: the buffers and the texts begin anew.
    if (this.#builder === null) return
    this.#builder.clear()
    if (this.#builder.dictionary.size > ROWS_MAX * 16) this.#builder.dictionary = new Dictionary()
  }

  #window(batch: RecordBatch, row: number): FiredWindow {
    const panes = batch.panes!
    const key: RowObject = {}
    for (const name of this.#options.keyColumns) setField(key, name, batch.value(batch.column(name), row))
    return {
      windowStart: cellValue(batch.columns[0]!, row) as number | null,
      windowEnd: cellValue(batch.columns[1]!, row) as number | null,
      paneIndex: panes.index[row]!,
      timing: TIMINGS[panes.timing[row]!]!,
      isLast: panes.isLast[row] !== 0,
      key,
    }
  }

  /** An aggregate of the records of a pane. A record on which it throws becomes a dead letter, whenever the window fires. */
  #fold({ name, condition }: CustomPlan, functions: AggregateFunctions<unknown>, { rows, times, marks }: PaneRecords): Json {
    const { report, spec } = this.#options
    const passes = condition === null ? null : marks.get(condition)!
    let accumulator = calling(name, () => functions.create())
    for (const [index, row] of rows.entries()) {
      if (passes !== null && passes[index] === 0) continue
      try {
        accumulator = functions.add(accumulator, row, times[index]!)
      } catch (error) {
        report.deadLetter(recordRefused({ uid: spec.uid, aggregate: name, row, timestampMs: times[index]! }, error))
      }
    }
    return calling(name, () => functions.result(accumulator))
  }

  #threw(window: FiredWindow, error: unknown): DeadLetter {
    const { uid } = this.#options.spec
    const place = { position: placeOf(window), preview: preview(JSON.stringify(window.key)) }
    if (error instanceof AggregateThrew) return { ...aggregateThrew(uid, error.aggregate, error), ...place }
    return { code: 'FUNCTION_THREW', reason: `The function of ${uid} threw: ${messageOf(error)}`, source: uid, split: '', ...place }
  }
}

function recordsOf(batch: RecordBatch, row: number): PaneRecords {
  const column = batch.column(RECORDS_NAME)
  return (column.dictionary as RecordValues).recordsAt(column.values[row]!)
}

function placeOf({ windowStart, windowEnd }: FiredWindow): string {
  return windowStart === null ? 'the global window' : `window [${windowStart}, ${windowEnd})`
}

function jsonColumn(name: string, values: readonly Json[]): Column {
  const validity = Uint8Array.from(values, (value) => (value === null || value === undefined ? 0 : 1))
  return {
    name,
    type: 'json',
    values: Uint32Array.from(values, (_, row) => row),
    validity: validity.includes(0) ? validity : null,
    dictionary: new JsonValues((row) => values[row]!),
  }
}
