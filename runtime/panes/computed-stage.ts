/**
 * The stage before a window's exchange that adds the columns which the kernel wants and the stream has not: masked values, gaps,
 * conditions, assigned windows.
 *
 * Before: the stages of the stream. After: the exchange. Rows may become more here, one for each of their windows.
 *
 * Invariant: a row becomes a dead letter or reaches the exchange; its computed columns stand behind those of the stream.
 */

import { type DeadLetter, preview } from '../batch-builder.ts'
import type { Exchange, Piece } from '../coordinator/exchange.ts'
import { type Chunk, Gather, type Stage, type StageReport } from '../coordinator/stage.ts'
import { functionThrew } from '../coordinator/transform-stage.ts'
import { compileExpression } from '../expression/evaluate.ts'
import type { Expression } from '../expression/expression.ts'
import type { FunctionRef, WindowSpec } from '../plan.ts'
import { type Column, RecordBatch, type RowObject } from '../record-batch.ts'
import type { Schema } from '../schema.ts'
import type * as Assigners from '../window-assigner/window-assigner.ts'
import type { WindowFunction, WindowReport } from '../window-assigner/window-assigner.ts'
import { AssignedRows } from './assigned-rows.ts'
import { type AssignedShape, isAssigned } from '../plan-kernel.ts'
import type { ComputedColumn } from './computed-column.ts'
import type { WindowPlan } from './pane-plan.ts'

export interface ComputedStageOptions {
  readonly spec: WindowSpec
  readonly plan: WindowPlan
  readonly schema: Schema
  readonly exchange: Exchange
  readonly report: StageReport
  /** A function of the window by its name: `gap`, `open`, `close`, `trigger`, `window`. */
  readonly functionOf: (name: string) => unknown
  /** Of windows that an assigner finds. */
  readonly assigners: typeof Assigners | null
}

/** A function of the user on single rows. */
type TimedRowFunction = (row: RowObject, timestampMs: number) => unknown

/** Marks the rows that cannot go on. */
interface Refused {
  readonly rows: Uint8Array
  count: number
}

/** The column for a chunk; what cannot go on is marked and reported. */
type Compute = (chunk: Chunk, refused: Refused) => Column

export function computedStage(options: ComputedStageOptions): Stage {
  const { spec, plan, schema, exchange } = options
  const computes = plan.computed.flatMap((column) => (column.kind === 'assigned' ? [] : [computeOf(column, options)]))
  const extended: Schema = { columns: [...schema.columns, ...plan.computed.filter(({ kind }) => kind !== 'assigned')] }
  const gather = new Gather(extended)
  const assigned = isAssigned(spec.window) ? assignedRows(options, spec.window, extended) : null
  let refused: Refused = { rows: new Uint8Array(0), count: 0 }
  let selection = new Uint32Array(0)
  return (given) => {
    const { batch, times } = given
    if (refused.rows.length < batch.rowCount) {
      refused = { rows: new Uint8Array(batch.rowCount), count: 0 }
      selection = new Uint32Array(batch.rowCount)
    }
    const columns = [...batch.columns, ...computes.map((compute) => compute(given, refused))]
    let chunk: Chunk = { batch: new RecordBatch(extended, columns, batch.rowCount), times }
    if (refused.count > 0) chunk = gather.take(chunk, selection, selectKept(refused, selection, batch.rowCount))
    if (chunk.batch.rowCount === 0) return
    if (assigned === null) exchange.offer(chunk.batch, chunk.times!)
    else exchange.offerPieces(assigned(chunk.batch, chunk.times!))
  }
}

/** Gives the rows of a chunk with their windows, piece by piece. */
function assignedRows(
  { spec, plan, exchange, functionOf, report, assigners }: ComputedStageOptions,
  shape: AssignedShape,
  schema: Schema,
): (batch: RecordBatch, times: Float64Array) => () => Piece {
  let chunk: RecordBatch | null = null
  const refuse: WindowReport = (row, code, reason) => {
    const at = rows.blockFrom + row
    const object = chunk!.row(at)
    report.deadLetter({ ...functionThrew(`${spec.uid}.window`, at, object, null), code, reason: `${reason} (operator ${spec.uid})` })
  }
  const assigner = assigners!.windowAssigner(
    shape,
    shape.kind === 'custom' ? { fn: functionOf('window') as WindowFunction, report: refuse } : undefined,
  )
  const made = plan.computed.filter(({ kind }) => kind === 'assigned')
  const needed = new Set(exchange.layout.columns.map(({ source }) => source))
  const rows = new AssignedRows({
    assigner,
    schema,
    extended: { columns: [...schema.columns, ...made] },
    isNeeded: (source) => needed.has(source),
    rowsMax: exchange.layout.batchRowsMax,
  })
  return (batch, times) => {
    chunk = batch
    return rows.pieces(batch, times)
  }
}

/** Writes the rows that were not refused, and forgets those that were. */
function selectKept(refused: Refused, selection: Uint32Array, rowCount: number): number {
  let kept = 0
  for (let row = 0; row < rowCount; row++) if (refused.rows[row] === 0) selection[kept++] = row
  refused.rows.fill(0, 0, rowCount)
  refused.count = 0
  return kept
}

function computeOf(column: Exclude<ComputedColumn, { kind: 'assigned' }>, options: ComputedStageOptions): Compute {
  switch (column.kind) {
    case 'masked':
      return masked(column, options.schema)
    case 'gap':
      return gaps(column, options)
    case 'condition':
      return conditions(column, options)
    default: {
      const never: never = column
      throw new RangeError(`Unknown computed column ${String(never)}`)
    }
  }
}

/** The column, null where the condition is not true; without a column, 1 where it is. */
function masked({ name, type, source, where }: Extract<ComputedColumn, { kind: 'masked' }>, schema: Schema): Compute {
  const condition = compileExpression(where, schema)
  let ones = new Float64Array(0)
  let validity = new Uint8Array(0)
  return ({ batch }) => {
    const { rowCount } = batch
    if (validity.length < rowCount) {
      validity = new Uint8Array(rowCount)
      ones = new Float64Array(rowCount).fill(1)
    }
    isTrue(condition.evaluate(batch), validity, rowCount)
    if (source === null) return { name, type, values: ones, validity, dictionary: null }
    const column = batch.columns[source]!
    if (column.validity !== null) for (let row = 0; row < rowCount; row++) validity[row]! &= column.validity[row]!
    return { ...column, name, validity }
  }
}

/** Writes 1 where a condition is true, 0 where it is false or null. */
function isTrue({ values, validity }: Pick<Column, 'values' | 'validity'>, into: Uint8Array, rowCount: number): void {
  for (let row = 0; row < rowCount; row++) into[row] = validity === null || validity[row] !== 0 ? values[row]! : 0
}

function gaps({ name, type, of }: Extract<ComputedColumn, { kind: 'gap' }>, options: ComputedStageOptions): Compute {
  const compute = isFunction(of) ? rowNumbers('gap', options) : expressionNumbers(of, options.schema)
  let values = new Float64Array(0)
  return (chunk, refused) => {
    const { batch } = chunk
    if (values.length < batch.rowCount) values = new Float64Array(batch.rowCount)
    const found = compute(chunk, refused)
    for (let row = 0; row < batch.rowCount; row++) {
      values[row] = Math.floor(found[row]!)
      if (refused.rows[row] !== 0 || (values[row]! >= 0 && values[row]! < Number.POSITIVE_INFINITY)) continue
      refuse(refused, row)
      options.report.deadLetter(gapInvalid(options.spec.uid, batch, row, found[row]!))
    }
    return { name, type, values, validity: null, dictionary: null }
  }
}

function expressionNumbers(expression: Expression, schema: Schema): (chunk: Chunk) => Float64Array {
  const compiled = compileExpression(expression, schema)
  let found = new Float64Array(0)
  return ({ batch }) => {
    if (found.length < batch.rowCount) found = new Float64Array(batch.rowCount)
    const { values, validity } = compiled.evaluate(batch)
    for (let row = 0; row < batch.rowCount; row++) found[row] = validity === null || validity[row] !== 0 ? values[row]! : Number.NaN
    return found
  }
}

/** What a function gives for every row: numbers as they are, true as 1, all else as NaN. */
function rowNumbers(functionName: string, options: ComputedStageOptions): (chunk: Chunk, refused: Refused) => Float64Array {
  const fn = options.functionOf(functionName) as TimedRowFunction
  const uid = `${options.spec.uid}.${functionName}`
  let found = new Float64Array(0)
  return ({ batch, times }, refused) => {
    if (found.length < batch.rowCount) found = new Float64Array(batch.rowCount)
    for (let row = 0; row < batch.rowCount; row++) {
      // A row that is refused already is not looked at again.
      if (refused.rows[row] !== 0) continue
      const object = batch.row(row)
      try {
        const value = fn(object, times![row]!)
        found[row] = value === true ? 1 : typeof value === 'number' ? value : Number.NaN
      } catch (error) {
        refuse(refused, row)
        options.report.deadLetter(functionThrew(uid, row, object, error))
      }
    }
    return found
  }
}

function conditions(
  { name, type, of, functionName }: Extract<ComputedColumn, { kind: 'condition' }>,
  options: ComputedStageOptions,
): Compute {
  const compiled = isFunction(of) ? null : compileExpression(of, options.schema)
  const compute = compiled === null ? rowNumbers(functionName, options) : null
  let values = new Uint8Array(0)
  return (chunk, refused) => {
    const { batch } = chunk
    if (values.length < batch.rowCount) values = new Uint8Array(batch.rowCount)
    if (compiled !== null) isTrue(compiled.evaluate(batch), values, batch.rowCount)
    else {
      const found = compute!(chunk, refused)
      for (let row = 0; row < batch.rowCount; row++) values[row] = found[row] === 1 ? 1 : 0
    }
    return { name, type, values, validity: null, dictionary: null }
  }
}

function isFunction(of: Expression | FunctionRef): of is FunctionRef {
  return Object.hasOwn(of, 'function')
}

function refuse(refused: Refused, row: number): void {
  refused.rows[row] = 1
  refused.count++
}

function gapInvalid(uid: string, batch: RecordBatch, row: number, found: number): DeadLetter {
  return {
    code: 'GAP_INVALID',
    reason: `The gap of a session should be a number of milliseconds from 0, found ${Number.isNaN(found) ? 'nothing' : found}`,
    source: uid,
    split: '',
    position: `row ${row}`,
    preview: preview(JSON.stringify(batch.row(row))),
  }
}
