/**
 * What the parts of a compiled expression pass to each other: vectors, and the frame of the batch they are computed for.
 *
 * Before: the batch. After: `evaluate.ts` and `text.ts`, whose nodes take and give vectors.
 *
 * Invariant: a vector is valid until its node runs again; values of rows that are null mean nothing.
 */

import { Dictionary } from '../dictionary.ts'
import { type Column, type ColumnValues, type DictionaryView, RecordBatch } from '../record-batch.ts'
import type { Literal } from './expression.ts'
import { both } from './loops.ts'

export interface Vector<V extends ColumnValues = ColumnValues> {
  readonly values: V
  /** 1 where a value is present, 0 where it is null; null when none is. */
  readonly validity: Uint8Array | null
  readonly dictionary: Dictionary | DictionaryView | null
}

/** A part of a compiled expression: what it gives for a batch. */
export interface Node<V extends ColumnValues = ColumnValues> {
  /** The value, if it is the same for every row of every batch. */
  readonly constant: Literal | undefined
  run(frame: Frame): Vector<V>
}

const OWN_DICTIONARY_MAX = 1 << 16

/** The batch under evaluation, and the dictionary in which strings that are made or mixed get their codes. */
export class Frame {
  #batch: RecordBatch = new RecordBatch({ columns: [] }, [], 0)
  #own = new Dictionary()
  #target: Dictionary | null = null

  get rowCount(): number {
    return this.#batch.rowCount
  }

  set(batch: RecordBatch): void {
    this.#batch = batch
    this.#target = null
  }

  /** The column at an index of the schema the expression was compiled for. */
  column(index: number, name: string): Column {
    const column = this.#batch.columns[index]
    return column !== undefined && column.name === name ? column : this.#batch.column(name)
  }

  /**
   * The dictionary of strings that are made: that of the batch's string columns if it is one and can grow, so that a batch
   * keeps a single dictionary; else one of our own.
   */
  get target(): Dictionary {
    this.#target ??= this.#shared() ?? this.#renewedOwn()
    return this.#target
  }

  #shared(): Dictionary | null {
    let shared: Dictionary | null = null
    for (const { dictionary } of this.#batch.columns) {
      if (dictionary === null || dictionary === shared) continue
      if (shared !== null || !(dictionary instanceof Dictionary)) return null
      shared = dictionary
    }
    return shared
  }

  #renewedOwn(): Dictionary {
    if (this.#own.size > OWN_DICTIONARY_MAX) this.#own = new Dictionary(this.#own.generation + 1)
    return this.#own
  }
}

/** A buffer that is allocated again only when a batch is larger than all before. */
export function growing<V extends ColumnValues>(create: (length: number) => V): (rowCount: number) => V {
  let buffer = create(0)
  return (rowCount) => {
    if (buffer.length < rowCount) buffer = create(capacityFor(rowCount))
    return buffer
  }
}

export const f64Buffer = (length: number): Float64Array => new Float64Array(length)
export const u8Buffer = (length: number): Uint8Array => new Uint8Array(length)
export const codeBuffer = (length: number): Uint32Array => new Uint32Array(length)

function capacityFor(rowCount: number): number {
  let capacity = 1_024
  while (capacity < rowCount) capacity *= 2
  return capacity
}

/** Rows where both are valid; null if all are. */
export function validBoth(
  a: Uint8Array | null,
  b: Uint8Array | null,
  buffer: (rowCount: number) => Uint8Array,
  count: number,
): Uint8Array | null {
  if (a === null || b === null) return a ?? b
  const out = buffer(count)
  both(out, a, b, count)
  return out
}

/** A node that is the same value in every row. `numberOf` gives what stands for it in the array. */
export function constantNode<V extends ColumnValues>(
  constant: Literal,
  create: (length: number) => V,
  numberOf: (frame: Frame) => number,
  dictionaryOf: (frame: Frame) => Dictionary | null = () => null,
): Node<V> {
  let values = create(0)
  let filled: number | null = null
  const nulls = growing(u8Buffer)
  return {
    constant,
    run(frame) {
      const value = constant === null ? 0 : numberOf(frame)
      if (values.length < frame.rowCount) {
        values = create(capacityFor(frame.rowCount))
        filled = null
      }
      if (!Object.is(filled, value)) {
        values.fill(value)
        filled = value
      }
      return {
        values,
        validity: constant === null ? nulls(frame.rowCount) : null,
        dictionary: constant === null ? null : dictionaryOf(frame),
      }
    },
  }
}

/** Takes `a` where the condition is true, else `b`. */
export function chooseNode<V extends ColumnValues>(
  condition: Node<Uint8Array>,
  a: Node<V>,
  b: Node<V>,
  create: (length: number) => V,
): Node<V> {
  const buffer = growing(create)
  const valid = growing(u8Buffer)
  return {
    constant: undefined,
    run(frame) {
      const count = frame.rowCount
      const when = condition.run(frame)
      const left = a.run(frame)
      const right = b.run(frame)
      const values = buffer(count)
      chooseValues(values, when.values, when.validity, left.values, right.values, count)
      let validity: Uint8Array | null = null
      if (left.validity !== null || right.validity !== null) {
        validity = valid(count)
        chooseValidity(validity, when.values, when.validity, left.validity, right.validity, count)
      }
      return { values, validity, dictionary: left.dictionary ?? right.dictionary }
    },
  }
}

/** Takes `a` where it is not null, else `b`. */
export function coalesceNode<V extends ColumnValues>(a: Node<V>, b: Node<V>, create: (length: number) => V): Node<V> {
  const buffer = growing(create)
  const valid = growing(u8Buffer)
  return {
    constant: undefined,
    run(frame) {
      const count = frame.rowCount
      const left = a.run(frame)
      if (left.validity === null) return left
      const right = b.run(frame)
      const values = buffer(count)
      chooseValues(values, left.validity, null, left.values, right.values, count)
      let validity: Uint8Array | null = null
      if (right.validity !== null) {
        validity = valid(count)
        chooseValidity(validity, left.validity, null, left.validity, right.validity, count)
      }
      return { values, validity, dictionary: left.dictionary ?? right.dictionary }
    },
  }
}

function chooseValues<V extends ColumnValues>(out: V, when: Uint8Array, whenValid: Uint8Array | null, a: V, b: V, count: number): void {
  if (whenValid === null) for (let i = 0; i < count; i++) out[i] = when[i] === 1 ? a[i]! : b[i]!
  else for (let i = 0; i < count; i++) out[i] = (when[i]! & whenValid[i]!) === 1 ? a[i]! : b[i]!
}

function chooseValidity(
  out: Uint8Array,
  when: Uint8Array,
  whenValid: Uint8Array | null,
  a: Uint8Array | null,
  b: Uint8Array | null,
  count: number,
): void {
  for (let i = 0; i < count; i++) {
    const taken = (when[i]! & (whenValid === null ? 1 : whenValid[i]!)) === 1 ? a : b
    out[i] = taken === null ? 1 : taken[i]!
  }
}
