/**
 * The functions of expressions: what they take and what they give.
 *
 * Before: `check.ts`, which holds calls against this table. After: `evaluate.ts`, which has a loop for each.
 *
 * Invariant: every function but `and`, `or`, `isNull`, `coalesce` and `if` gives null when an argument is null.
 */

import type { ExpressionFunction } from './expression.ts'

/** Types that functions do not tell apart: f64, i32 and timestamp are numeric. Of json there is only `isNull`. */
export type Family = 'numeric' | 'utf8' | 'bool' | 'json'

export interface Signature {
  readonly argsMin: number
  readonly argsMax: number
  readonly takes: readonly Family[]
  /** `same`: the common type of the arguments. */
  readonly gives: 'f64' | 'bool' | 'same'
  /** The first argument is a condition and does not count among the others. */
  readonly condition?: true
}

const ANY: readonly Family[] = ['numeric', 'utf8', 'bool']
const ORDERED: readonly Family[] = ['numeric', 'utf8']

const equality: Signature = { argsMin: 2, argsMax: 2, takes: ANY, gives: 'bool' }
const order: Signature = { argsMin: 2, argsMax: 2, takes: ORDERED, gives: 'bool' }
const logic: Signature = { argsMin: 2, argsMax: Infinity, takes: ['bool'], gives: 'bool' }
const arithmetic: Signature = { argsMin: 2, argsMax: 2, takes: ['numeric'], gives: 'f64' }
const numeric: Signature = { argsMin: 1, argsMax: 1, takes: ['numeric'], gives: 'f64' }
const extreme: Signature = { argsMin: 1, argsMax: Infinity, takes: ORDERED, gives: 'same' }

export const SIGNATURES: Readonly<Record<ExpressionFunction, Signature>> = {
  eq: equality,
  ne: equality,
  lt: order,
  le: order,
  gt: order,
  ge: order,
  and: logic,
  or: logic,
  not: { argsMin: 1, argsMax: 1, takes: ['bool'], gives: 'bool' },
  isNull: { argsMin: 1, argsMax: 1, takes: [...ANY, 'json'], gives: 'bool' },
  add: arithmetic,
  sub: arithmetic,
  mul: arithmetic,
  div: arithmetic,
  mod: arithmetic,
  neg: numeric,
  abs: numeric,
  floor: numeric,
  ceil: numeric,
  round: numeric,
  least: extreme,
  greatest: extreme,
  coalesce: { argsMin: 1, argsMax: Infinity, takes: ANY, gives: 'same' },
  if: { argsMin: 3, argsMax: 3, takes: ANY, gives: 'same', condition: true },
}

export function isExpressionFunction(name: string): name is ExpressionFunction {
  return Object.hasOwn(SIGNATURES, name)
}

/** Names with a meaning of their own in later versions: refused as not supported yet rather than as unknown. */
export const LATER_FUNCTIONS: ReadonlySet<string> = new Set([
  'case',
  'concat',
  'lower',
  'upper',
  'length',
  'substring',
  'like',
  'matches',
  'in',
  'between',
  'power',
  'sqrt',
  'exp',
  'ln',
  'cast',
  'trunc',
])
