/**
 * Compiles expressions into nodes that evaluate whole columns of a batch at a time.
 *
 * Before: `check.ts`, which has found all types. After: filters (row selections) and maps (columns) of the runtime.
 *
 * Meaning: SQL's three-valued logic; every function but `and or isNull coalesce if` gives null for a null argument; numbers are
 * f64 and follow IEEE 754 (division by zero gives an infinity or NaN, NaN equals nothing); `mod` has the dividend's sign;
 * `round` rounds halves away from zero; strings are ordered by code points.
 * Invariant: nothing is allocated per row; buffers are reused, so a result is valid until the next evaluation.
 */

import type { Dictionary } from '../dictionary.ts'
import type { ColumnValues, DictionaryView, RecordBatch } from '../record-batch.ts'
import type { ColumnType, Schema } from '../schema.ts'
import { type CheckedExpression, checkColumnExpression, checkCondition, familyOf } from './check.ts'
import type { Expr, Expression } from './expression.ts'
import type { Family } from './functions.ts'
import { selectTrue, selectTrueValid } from './loops.ts'
import {
  arithmeticNode,
  binaryNode,
  boolColumn,
  type BoolNode,
  compareNode,
  constantBool,
  constantNumber,
  constantText,
  EXCHANGED,
  isNullNode,
  logicNode,
  notNode,
  numberColumn,
  type NumberNode,
  onlyValue,
  plainColumn,
  sameNode,
  textColumn,
  unaryNode,
} from './nodes.ts'
import { compareTextNode, extremeTextNode, inTarget, type TextNode } from './text.ts'
import { chooseNode, coalesceNode, codeBuffer, f64Buffer, Frame, type Node, u8Buffer } from './vector.ts'

type Call = Extract<CheckedExpression, { readonly kind: 'call' }>

/** A result column: arrays may be longer than the batch, and are the batch's own if the expression is a column. */
export interface EvaluatedColumn {
  readonly values: ColumnValues
  readonly validity: Uint8Array | null
  readonly dictionary: Dictionary | DictionaryView | null
}

export interface CompiledExpression {
  readonly type: ColumnType
  /** The column of a batch of the schema it was compiled for. Valid until the next call and until the batch changes. */
  evaluate(batch: RecordBatch): EvaluatedColumn
}

/** Writes the indices of the rows that pass to `selection` (at least as long as the batch) and returns their number. */
export type CompiledFilter = (batch: RecordBatch, selection: Uint32Array) => number

/**
 * Compiles an expression for batches of a schema.
 *
 * @throws ConfigError `EXPRESSION_TYPE`, `EXPRESSION_SIZE`, `COLUMN_UNKNOWN`, `FUNCTION_UNKNOWN`.
 */
export function compileExpression(expression: Expression | Expr, schema: Schema, path = 'expression'): CompiledExpression {
  const checked = checkColumnExpression(expression, schema, path)
  const frame = new Frame()
  const node = checked.kind === 'column' ? plainColumn(checked.column, schema) : compile(checked, familyOf(checked.type), schema)
  return {
    type: checked.type,
    evaluate(batch) {
      frame.set(batch)
      return node.run(frame)
    },
  }
}

/** Compiles a condition; only rows for which it is true pass, not those for which it is null. */
export function compileFilter(expression: Expression | Expr, schema: Schema, path = 'expression'): CompiledFilter {
  const condition = compileBool(checkCondition(expression, schema, path), schema)
  const frame = new Frame()
  return (batch, selection) => {
    frame.set(batch)
    const { values, validity } = condition.run(frame)
    if (validity === null) return selectTrue(selection, values, batch.rowCount)
    return selectTrueValid(selection, values, validity, batch.rowCount)
  }
}

function compile(checked: CheckedExpression, family: Family, schema: Schema): Node {
  switch (family) {
    case 'numeric':
      return compileNumber(checked, schema)
    case 'bool':
      return compileBool(checked, schema)
    case 'utf8':
      return compileText(checked, schema)
    case 'json':
      // No function gives it, so it is a column.
      return plainColumn(checked.kind === 'column' ? checked.column : '', schema)
    default:
      return unreachable(family)
  }
}

function compileNumber(checked: CheckedExpression, schema: Schema): NumberNode {
  if (checked.kind === 'literal') return constantNumber(checked.literal)
  if (checked.kind === 'column') return numberColumn(checked.column, schema)
  const node = numberCall(checked, schema)
  return checked.isConstant ? constantNumber(onlyValue(node, 'numeric')) : node
}

function numberCall({ fn, args }: Call, schema: Schema): NumberNode {
  const operand = (index: number): NumberNode => compileNumber(args[index]!, schema)
  switch (fn) {
    case 'add':
    case 'sub':
    case 'mul':
    case 'div':
    case 'mod':
      return arithmeticNode(fn, operand(0), operand(1))
    case 'neg':
    case 'abs':
    case 'floor':
    case 'ceil':
    case 'round':
      return unaryNode(fn, operand(0))
    case 'least':
    case 'greatest':
      return args.map((arg) => compileNumber(arg, schema)).reduce((a, b) => binaryNode(fn, a, b))
    case 'coalesce':
      return args.map((arg) => compileNumber(arg, schema)).reduceRight((b, a) => coalesceNode(a, b, f64Buffer))
    case 'if':
      return chooseNode(compileBool(args[0]!, schema), operand(1), operand(2), f64Buffer)
    default:
      throw new RangeError(`${fn} gives no number`)
  }
}

function compileBool(checked: CheckedExpression, schema: Schema): BoolNode {
  if (checked.kind === 'literal') return constantBool(checked.literal)
  if (checked.kind === 'column') return boolColumn(checked.column, schema)
  const node = boolCall(checked, schema)
  return checked.isConstant ? constantBool(onlyValue(node, 'bool')) : node
}

function boolCall({ fn, args }: Call, schema: Schema): BoolNode {
  switch (fn) {
    case 'eq':
    case 'ne':
    case 'lt':
    case 'le':
    case 'gt':
    case 'ge':
      return comparisonNode(fn, args, schema)
    case 'and':
    case 'or':
      return args.map((arg) => compileBool(arg, schema)).reduce((a, b) => logicNode(fn, a, b))
    case 'not':
      return notNode(compileBool(args[0]!, schema))
    case 'isNull':
      return isNullNode(compile(args[0]!, familyOfAll(args), schema))
    case 'coalesce':
      return args.map((arg) => compileBool(arg, schema)).reduceRight((b, a) => coalesceNode(a, b, u8Buffer))
    case 'if':
      return chooseNode(compileBool(args[0]!, schema), compileBool(args[1]!, schema), compileBool(args[2]!, schema), u8Buffer)
    default:
      throw new RangeError(`${fn} gives no boolean`)
  }
}

function compileText(checked: CheckedExpression, schema: Schema): TextNode {
  if (checked.kind === 'literal') return constantText(checked.literal)
  if (checked.kind === 'column') return textColumn(checked.column, schema)
  const node = textCall(checked, schema)
  return checked.isConstant ? constantText(onlyValue(node, 'utf8')) : node
}

function textCall({ fn, args }: Call, schema: Schema): TextNode {
  const operand = (arg: CheckedExpression): TextNode => inTarget(compileText(arg, schema))
  switch (fn) {
    case 'least':
    case 'greatest':
      return args.map(operand).reduce((a, b) => extremeTextNode(fn, a, b))
    case 'coalesce':
      return args.map(operand).reduceRight((b, a) => coalesceNode(a, b, codeBuffer))
    case 'if':
      return chooseNode(compileBool(args[0]!, schema), operand(args[1]!), operand(args[2]!), codeBuffer)
    default:
      throw new RangeError(`${fn} gives no string`)
  }
}

function comparisonNode(fn: 'eq' | 'ne' | 'lt' | 'le' | 'gt' | 'ge', args: readonly CheckedExpression[], schema: Schema): BoolNode {
  const family = familyOfAll(args)
  // A constant goes to the right, where the loops for one operand are.
  const exchanged = args[0]!.isConstant && !args[1]!.isConstant
  const name = exchanged ? EXCHANGED[fn] : fn
  const first = args[exchanged ? 1 : 0]!
  const second = args[exchanged ? 0 : 1]!
  if (family === 'utf8') return compareTextNode(name, compileText(first, schema), compileText(second, schema))
  if (family === 'numeric') return compareNode(name, compileNumber(first, schema), compileNumber(second, schema))
  return sameNode(name === 'ne', compileBool(first, schema), compileBool(second, schema))
}

/** The family that the arguments agree on; only nulls have none, and any loop serves them. */
function familyOfAll(args: readonly CheckedExpression[]): Family {
  for (const { type } of args) if (type !== 'null') return familyOf(type)
  return 'numeric'
}

function unreachable(value: never): never {
  throw new RangeError(`Unexpected ${String(value)}`)
}
