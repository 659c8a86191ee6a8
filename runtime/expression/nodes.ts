/**
 * The nodes of compiled expressions over numbers and booleans, and those of columns and constants of every type.
 *
 * Before: `evaluate.ts`, which puts them together. After: `loops.ts`, where the rows are.
 *
 * Invariant: a node chooses its loop when it is made, not when it runs, except for whether a batch has nulls.
 */

import { KernelError } from '../errors.ts'
import { cellValue, type Column, type ColumnValues, RecordBatch } from '../record-batch.ts'
import { columnIndex, type Schema } from '../schema.ts'
import type { Literal } from './expression.ts'
import type { Family } from './functions.ts'
import { andNulls, BINARY, both, COMPARE, COMPARE_SCALAR, either, inverse, orNulls, same, SCALAR, UNARY } from './loops.ts'
import type { TextNode } from './text.ts'
import { codeBuffer, constantNode, f64Buffer, Frame, growing, type Node, u8Buffer, validBoth, type Vector } from './vector.ts'

export type NumberNode = Node<Float64Array>
export type BoolNode = Node<Uint8Array>

/** A column as it is. */
export function plainColumn(name: string, schema: Schema): Node {
  const index = columnIndex(schema, name)
  return varying((frame) => frame.column(index, name))
}

/** A numeric column, i32 widened to f64. */
export function numberColumn(name: string, schema: Schema): NumberNode {
  const index = columnIndex(schema, name)
  const buffer = growing(f64Buffer)
  return varying((frame) => {
    const column = frame.column(index, name)
    const { values, validity } = column
    if (values instanceof Float64Array) return { values, validity, dictionary: null }
    if (!(values instanceof Int32Array)) throw wrongArray(column)
    const out = buffer(frame.rowCount)
    out.set(values.length === frame.rowCount ? values : values.subarray(0, frame.rowCount))
    return { values: out, validity, dictionary: null }
  })
}

export function boolColumn(name: string, schema: Schema): BoolNode {
  const index = columnIndex(schema, name)
  return varying((frame) => {
    const column = frame.column(index, name)
    if (!(column.values instanceof Uint8Array)) throw wrongArray(column)
    return { values: column.values, validity: column.validity, dictionary: null }
  })
}

export function textColumn(name: string, schema: Schema): TextNode {
  const index = columnIndex(schema, name)
  return varying((frame) => {
    const column = frame.column(index, name)
    if (!(column.values instanceof Uint32Array)) throw wrongArray(column)
    return { values: column.values, validity: column.validity, dictionary: column.dictionary }
  })
}

function wrongArray(column: Column): Error {
  return new KernelError('LAYOUT_MISMATCH', `Column ${column.name} of type ${column.type} lies in a ${column.values.constructor.name}`)
}

export function constantNumber(literal: Literal): NumberNode {
  return constantNode(literal, f64Buffer, () => Number(literal))
}

export function constantBool(literal: Literal): BoolNode {
  return constantNode(literal, u8Buffer, () => (literal === true ? 1 : 0))
}

export function constantText(literal: Literal): TextNode {
  return constantNode(
    literal,
    codeBuffer,
    (frame) => frame.target.codeOf(String(literal)),
    (frame) => frame.target,
  )
}

/** The value of a node that depends on no column, found by running it over one row. */
export function onlyValue(node: Node, family: Family): Literal {
  const frame = new Frame()
  frame.set(new RecordBatch({ columns: [] }, [], 1))
  const type = family === 'numeric' ? 'f64' : family
  return cellValue({ name: '', type, ...node.run(frame) }, 0) as Literal
}

function varying<V extends ColumnValues>(run: (frame: Frame) => Vector<V>): Node<V> {
  return { constant: undefined, run }
}

/** The comparison that says the same with its arguments exchanged. */
export const EXCHANGED = { eq: 'eq', ne: 'ne', lt: 'gt', le: 'ge', gt: 'lt', ge: 'le' } as const

export function compareNode(fn: 'eq' | 'ne' | 'lt' | 'le' | 'gt' | 'ge', a: NumberNode, b: NumberNode): BoolNode {
  const buffer = growing(u8Buffer)
  const valid = growing(u8Buffer)
  const { constant } = b
  if (typeof constant === 'number') {
    const loop = COMPARE_SCALAR[fn]
    return varying((frame) => {
      const { values, validity } = a.run(frame)
      const out = buffer(frame.rowCount)
      loop(out, values, constant, frame.rowCount)
      return { values: out, validity, dictionary: null }
    })
  }
  if (fn === 'gt' || fn === 'ge') return compareNode(EXCHANGED[fn], b, a)
  const loop = COMPARE[fn]
  return varying((frame) => {
    const left = a.run(frame)
    const right = b.run(frame)
    const out = buffer(frame.rowCount)
    loop(out, left.values, right.values, frame.rowCount)
    return { values: out, validity: validBoth(left.validity, right.validity, valid, frame.rowCount), dictionary: null }
  })
}

export function sameNode(flip: boolean, a: BoolNode, b: BoolNode): BoolNode {
  const buffer = growing(u8Buffer)
  const valid = growing(u8Buffer)
  return varying((frame) => {
    const left = a.run(frame)
    const right = b.run(frame)
    const out = buffer(frame.rowCount)
    same(out, left.values, right.values, flip ? 1 : 0, frame.rowCount)
    return { values: out, validity: validBoth(left.validity, right.validity, valid, frame.rowCount), dictionary: null }
  })
}

export function arithmeticNode(fn: keyof typeof SCALAR, a: NumberNode, b: NumberNode): NumberNode {
  const { constant } = b
  if (typeof constant !== 'number') return binaryNode(fn, a, b)
  const buffer = growing(f64Buffer)
  const loop = SCALAR[fn]
  return varying((frame) => {
    const { values, validity } = a.run(frame)
    const out = buffer(frame.rowCount)
    loop(out, values, constant, frame.rowCount)
    return { values: out, validity, dictionary: null }
  })
}

export function binaryNode(fn: keyof typeof BINARY, a: NumberNode, b: NumberNode): NumberNode {
  const buffer = growing(f64Buffer)
  const valid = growing(u8Buffer)
  const loop = BINARY[fn]
  return varying((frame) => {
    const left = a.run(frame)
    const right = b.run(frame)
    const out = buffer(frame.rowCount)
    loop(out, left.values, right.values, frame.rowCount)
    return { values: out, validity: validBoth(left.validity, right.validity, valid, frame.rowCount), dictionary: null }
  })
}

export function unaryNode(fn: keyof typeof UNARY, a: NumberNode): NumberNode {
  const buffer = growing(f64Buffer)
  const loop = UNARY[fn]
  return varying((frame) => {
    const { values, validity } = a.run(frame)
    const out = buffer(frame.rowCount)
    loop(out, values, frame.rowCount)
    return { values: out, validity, dictionary: null }
  })
}

export function logicNode(fn: 'and' | 'or', a: BoolNode, b: BoolNode): BoolNode {
  const buffer = growing(u8Buffer)
  const valid = growing(u8Buffer)
  const ones = growing((length) => new Uint8Array(length).fill(1))
  const plain = fn === 'and' ? both : either
  const withNulls = fn === 'and' ? andNulls : orNulls
  return varying((frame) => {
    const count = frame.rowCount
    const left = a.run(frame)
    const right = b.run(frame)
    const values = buffer(count)
    if (left.validity === null && right.validity === null) {
      plain(values, left.values, right.values, count)
      return { values, validity: null, dictionary: null }
    }
    const validity = valid(count)
    withNulls(values, validity, left.values, left.validity ?? ones(count), right.values, right.validity ?? ones(count), count)
    return { values, validity, dictionary: null }
  })
}

export function notNode(a: BoolNode): BoolNode {
  const buffer = growing(u8Buffer)
  return varying((frame) => {
    const { values, validity } = a.run(frame)
    const out = buffer(frame.rowCount)
    inverse(out, values, frame.rowCount)
    return { values: out, validity, dictionary: null }
  })
}

export function isNullNode(a: Node): BoolNode {
  const buffer = growing(u8Buffer)
  return varying((frame) => {
    const { validity } = a.run(frame)
    const out = buffer(frame.rowCount)
    if (validity === null) out.fill(0, 0, frame.rowCount)
    else inverse(out, validity, frame.rowCount)
    return { values: out, validity: null, dictionary: null }
  })
}
