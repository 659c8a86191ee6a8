/**
 * Checks an expression against a schema and finds its type, and the type of every part of it.
 *
 * Before: a tree from a plan or a builder, not trusted. After: `evaluate.ts`, which compiles the checked tree.
 *
 * Invariant: a {@link CheckedExpression} holds a copy of the tree that nobody else can change, every column of it exists, and
 * every argument is of a type its function takes.
 */

import { describeValue, field, planError, suggestion } from '../plan-problem.ts'
import { type ColumnType, isNumericType, requireColumn, type Schema } from '../schema.ts'
import { Expr, type Expression, type ExpressionFunction, type Literal } from './expression.ts'
import { type Family, isExpressionFunction, LATER_FUNCTIONS, SIGNATURES } from './functions.ts'

export const EXPRESSION_DEPTH_MAX = 64
export const EXPRESSION_NODES_MAX = 10_000

/** A type of a value; `null` is the type of the literal null, which suits everywhere. */
export type CheckedType = ColumnType | 'null'

export type CheckedExpression =
  | { readonly kind: 'column'; readonly type: ColumnType; readonly isConstant: false; readonly column: string; readonly tree: Expression }
  | {
      readonly kind: 'literal'
      readonly type: CheckedType
      readonly isConstant: true
      readonly literal: Literal
      readonly tree: Expression
    }
  | {
      readonly kind: 'call'
      readonly type: CheckedType
      readonly isConstant: boolean
      readonly fn: ExpressionFunction
      readonly args: readonly CheckedExpression[]
      readonly tree: Expression
    }

/**
 * Checks an expression (a tree or a builder) against the schema of the rows it will see.
 *
 * @param path - Where the expression stands, for messages.
 * @throws ConfigError `EXPRESSION_TYPE`, `EXPRESSION_SIZE`, `COLUMN_UNKNOWN`, `FUNCTION_UNKNOWN`, `PLAN_TYPE`, `PLAN_FIELD_UNKNOWN`.
 */
export function checkExpression(input: unknown, schema: Schema, path = 'expression'): CheckedExpression {
  return checkNode(input, schema, path, 1, { count: 0 })
}

/** As {@link checkExpression}, and refuses what is not a condition. */
export function checkCondition(input: unknown, schema: Schema, path = 'expression'): CheckedExpression {
  const checked = checkExpression(input, schema, path)
  if (checked.type !== 'bool') {
    throw planError(
      'EXPRESSION_TYPE',
      path,
      {
        found: `an expression of type ${checked.type}`,
        wanted: 'a condition (type bool)',
        remedy: 'compare it with something, as in col("x").gt(0)',
      },
      true,
    )
  }
  return checked
}

/** As {@link checkExpression}, and refuses what has no column type (only nulls). */
export function checkColumnExpression(
  input: unknown,
  schema: Schema,
  path = 'expression',
): CheckedExpression & { readonly type: ColumnType } {
  const checked = checkExpression(input, schema, path)
  const { type } = checked
  if (type === 'null') {
    throw planError('EXPRESSION_TYPE', path, { found: null, wanted: 'an expression with a type', remedy: 'null alone has none' })
  }
  return { ...checked, type } as CheckedExpression & { readonly type: ColumnType }
}

function checkNode(raw: unknown, schema: Schema, path: string, depth: number, nodes: { count: number }): CheckedExpression {
  const input = raw instanceof Expr ? raw.tree : raw
  if (depth > EXPRESSION_DEPTH_MAX) {
    throw tooLarge(`an expression nested more than ${EXPRESSION_DEPTH_MAX} deep`, `at most ${EXPRESSION_DEPTH_MAX} levels`, path)
  }
  if (++nodes.count > EXPRESSION_NODES_MAX) {
    throw tooLarge(`more than ${EXPRESSION_NODES_MAX} parts`, `at most ${EXPRESSION_NODES_MAX} parts`, path)
  }
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    throw planError('PLAN_TYPE', path, {
      found: input,
      wanted: 'an expression: {"column"}, {"literal"} or {"fn", "args"}',
      remedy: typeof input === 'object' || input === undefined ? null : `write {"literal": ${describeValue(input)}} for a constant`,
    })
  }
  const keys = Object.keys(input)
  const node = input as { readonly column?: unknown; readonly literal?: unknown; readonly fn?: unknown; readonly args?: unknown }
  if (keys.includes('column')) {
    onlyFields(keys, ['column'], path)
    return checkColumn(node.column, schema, field(path, 'column'))
  }
  if (keys.includes('literal')) {
    onlyFields(keys, ['literal'], path)
    return checkLiteral(node.literal, field(path, 'literal'))
  }
  onlyFields(keys, ['fn', 'args'], path)
  const fn = checkFunction(node.fn, field(path, 'fn'))
  const given = node.args
  if (!Array.isArray(given)) throw planError('PLAN_TYPE', field(path, 'args'), { found: given, wanted: 'an array of expressions' })
  const { argsMin, argsMax } = SIGNATURES[fn]
  if (given.length < argsMin || given.length > argsMax) {
    const wanted = argsMin === argsMax ? `${argsMin}` : argsMax === Infinity ? `at least ${argsMin}` : `${argsMin} to ${argsMax}`
    throw planError('EXPRESSION_TYPE', field(path, 'args'), { found: `${given.length} arguments of ${fn}`, wanted }, true)
  }
  const args = Array.from(given as readonly unknown[], (arg, index) => checkNode(arg, schema, `${path}.args[${index}]`, depth + 1, nodes))
  const type = checkCall(fn, args, path)
  const tree = Object.freeze({ fn, args: Object.freeze(args.map((arg) => arg.tree)) })
  return { kind: 'call', type, isConstant: args.every((arg) => arg.isConstant), fn, args, tree }
}

function checkColumn(name: unknown, schema: Schema, path: string): CheckedExpression {
  if (typeof name !== 'string') throw planError('PLAN_TYPE', path, { found: name, wanted: 'the name of a column' })
  const { type } = requireColumn(schema, name, path)
  return { kind: 'column', type, isConstant: false, column: name, tree: Object.freeze({ column: name }) }
}

function checkLiteral(value: unknown, path: string): CheckedExpression {
  switch (typeof value) {
    case 'number':
      // JSON has neither NaN nor infinities nor -0: a plan must be the same after a journey through JSON.
      if (Number.isFinite(value)) return literalOf(value + 0, 'f64')
      break
    case 'string':
      return literalOf(value.toWellFormed(), 'utf8')
    case 'boolean':
      return literalOf(value, 'bool')
    default:
      if (value === null) return literalOf(null, 'null')
  }
  throw planError('EXPRESSION_TYPE', path, { found: value, wanted: 'a finite number, a string, true, false or null' })
}

function literalOf(literal: Literal, type: CheckedType): CheckedExpression {
  return { kind: 'literal', type, isConstant: true, literal, tree: Object.freeze({ literal }) }
}

function checkFunction(fn: unknown, path: string): ExpressionFunction {
  if (typeof fn !== 'string')
    throw planError(fn === undefined ? 'PLAN_FIELD_MISSING' : 'PLAN_TYPE', path, { found: fn, wanted: 'the name of a function' })
  if (isExpressionFunction(fn)) return fn
  if (LATER_FUNCTIONS.has(fn)) {
    throw planError('PLAN_UNSUPPORTED', path, { found: fn, wanted: 'a function of this version', remedy: `${fn} is not supported yet` })
  }
  const names = Object.keys(SIGNATURES)
  throw planError('FUNCTION_UNKNOWN', path, { found: fn, wanted: `one of ${names.join(' ')}`, suggestion: suggestion(fn, names) })
}

function checkCall(fn: ExpressionFunction, args: readonly CheckedExpression[], path: string): CheckedType {
  const { takes, gives, condition } = SIGNATURES[fn]
  const compared = condition === true ? args.slice(1) : args
  if (condition === true) requireFamily(fn, args[0]!, ['bool'], `${path}.args[0]`)
  compared.forEach((arg, index) => {
    requireFamily(fn, arg, takes, `${path}.args[${args.length - compared.length + index}]`)
  })
  if (fn !== 'isNull') requireOneFamily(fn, compared, path)
  return gives === 'same' ? commonType(compared) : gives
}

function requireFamily(fn: string, arg: CheckedExpression, takes: readonly Family[], path: string): void {
  if (arg.type === 'null' || takes.includes(familyOf(arg.type))) return
  throw planError('EXPRESSION_TYPE', path, { found: `type ${arg.type}`, wanted: `${takes.join(' or ')} as an argument of ${fn}` }, true)
}

function requireOneFamily(fn: string, args: readonly CheckedExpression[], path: string): void {
  const typed = args.filter((arg) => arg.type !== 'null')
  const families = new Set(typed.map((arg) => familyOf(arg.type as ColumnType)))
  if (families.size < 2) return
  const types = args.map((arg) => arg.type).join(', ')
  throw planError(
    'EXPRESSION_TYPE',
    path,
    { found: `${fn} of types ${types}`, wanted: 'arguments of one kind: numbers, strings or booleans' },
    true,
  )
}

/** The type of a result chosen among arguments: theirs if they agree; numbers that do not agree, and i32, are f64. */
function commonType(args: readonly CheckedExpression[]): CheckedType {
  const types = new Set(args.map((arg) => arg.type))
  types.delete('null')
  const [first] = types
  if (first === undefined) return 'null'
  return types.size === 1 && first !== 'i32' ? first : 'f64'
}

export function familyOf(type: ColumnType): Family {
  if (isNumericType(type)) return 'numeric'
  return type === 'utf8' || type === 'json' ? type : 'bool'
}

function onlyFields(keys: readonly string[], known: readonly string[], path: string): void {
  for (const key of keys) {
    if (known.includes(key)) continue
    const wanted = `only ${known.join(' and ')}`
    throw planError(
      'PLAN_FIELD_UNKNOWN',
      field(path, key),
      { found: `the field ${describeValue(key)}`, wanted, suggestion: suggestion(key, known) },
      true,
    )
  }
}

function tooLarge(found: string, wanted: string, path: string): Error {
  const place = path.length > 200 ? `${path.slice(0, 199)}…` : path
  return planError('EXPRESSION_SIZE', place, { found, wanted, remedy: 'split it by a map before, or use a function' }, true)
}
