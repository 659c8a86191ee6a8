/**
 * Expressions as people read them: `celsius > -50 and device is not null`.
 *
 * Before: a checked plan. After: `explain` and messages. Nothing parses this text.
 *
 * Invariant: every name and string is quoted if it could be mistaken for something else.
 */

import { describeValue } from '../plan-problem.ts'
import type { Expression, ExpressionFunction } from './expression.ts'

const OPERATORS: Partial<Record<ExpressionFunction, readonly [symbol: string, strength: number]>> = {
  or: ['or', 1],
  and: ['and', 2],
  eq: ['=', 4],
  ne: ['<>', 4],
  lt: ['<', 4],
  le: ['<=', 4],
  gt: ['>', 4],
  ge: ['>=', 4],
  add: ['+', 5],
  sub: ['-', 5],
  mul: ['*', 6],
  div: ['/', 6],
  mod: ['%', 6],
}
const NOT_STRENGTH = 3
const KEYWORDS = new Set(['and', 'or', 'not', 'is', 'null', 'true', 'false', 'case', 'when', 'then', 'else', 'end'])

/** An expression as text, in the manner of SQL. */
export function formatExpression(expression: Expression): string {
  return format(expression, 0)
}

export function formatName(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) && !KEYWORDS.has(name) ? name : describeValue(name)
}

function format(expression: Expression, outer: number): string {
  if ('column' in expression) return formatName(expression.column)
  if ('literal' in expression) return typeof expression.literal === 'string' ? quoted(expression.literal) : String(expression.literal)
  const { fn, args } = expression
  const [symbol, strength] = OPERATORS[fn] ?? ['', 0]
  if (strength > 0)
    return bracketed(args.map((arg, i) => format(arg, i === 0 ? strength : strength + 1)).join(` ${symbol} `), strength, outer)
  if (fn === 'not') {
    const inner = args[0]!
    if ('fn' in inner && inner.fn === 'isNull') return bracketed(`${format(inner.args[0]!, 5)} is not null`, 4, outer)
    return bracketed(`not ${format(inner, NOT_STRENGTH)}`, NOT_STRENGTH, outer)
  }
  if (fn === 'isNull') return bracketed(`${format(args[0]!, 5)} is null`, 4, outer)
  if (fn === 'if') return `case when ${format(args[0]!, 0)} then ${format(args[1]!, 0)} else ${format(args[2]!, 0)} end`
  return `${fn}(${args.map((arg) => format(arg, 0)).join(', ')})`
}

function bracketed(text: string, strength: number, outer: number): string {
  return strength < outer ? `(${text})` : text
}

function quoted(text: string): string {
  return `'${describeValue(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "''")}'`
}
