/**
 * The few expressions that random plans use, one row at a time.
 *
 * Before: conditions and computed inputs of a plan. After: triggers, aggregates, session gaps.
 *
 * Invariant: null in gives null out, except for `isNull`, `coalesce`, and an `and`/`or` that the other side settles.
 */

import type { Cell } from '../windows.ts'
import type { Row, Tree } from './plan.ts'

export function valueOf(tree: Tree, row: Row): Cell {
  if ('column' in tree) return row[tree.column] ?? null
  if ('literal' in tree) return tree.literal
  const cells = tree.args.map((arg) => valueOf(arg, row))
  const [a = null, b = null] = cells
  switch (tree.fn) {
    case 'isNull':
      return a === null
    case 'coalesce':
      return cells.find((cell) => cell !== null) ?? null
    case 'and':
      return cells.includes(false) ? false : cells.includes(null) ? null : true
    case 'or':
      return cells.includes(true) ? true : cells.includes(null) ? null : false
    default:
      return cells.includes(null) ? null : ofPresent(tree.fn, a as number, b as number)
  }
}

function ofPresent(fn: string, a: number, b: number): Cell {
  switch (fn) {
    case 'eq':
      return a === b
    case 'ne':
      return a !== b
    case 'lt':
      return a < b
    case 'le':
      return a <= b
    case 'gt':
      return a > b
    case 'ge':
      return a >= b
    case 'not':
      return !a
    case 'add':
      return a + b
    case 'mul':
      return a * b
    case 'mod':
      return a % b
    case 'abs':
      return Math.abs(a)
    default:
      throw new RangeError(`The oracle does not know ${fn}`)
  }
}

/** Whether a condition holds; null is no. */
export function holds(tree: Tree | undefined, row: Row): boolean {
  return tree === undefined || valueOf(tree, row) === true
}
