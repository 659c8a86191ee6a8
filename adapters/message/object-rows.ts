/**
 * Rows that are objects already: from `JSON.parse`, from a function of the user, or posted as they are.
 *
 * Before: json-decoder and message-decoder. After: the builder of the intake.
 *
 * Invariant: `row` counts every object that was taken, also those that became dead letters, so that it says where to go on.
 */

import type { BatchBuilder } from '../../runtime/batch-builder.ts'
import type { CellProblem } from '../format/cell-text.ts'

export class ObjectRows {
  readonly #iterator: Iterator<unknown>
  readonly #label: string
  readonly #setCells: ((row: object, position: string) => CellProblem | null) | null
  #skip: number
  row = 0

  /**
   * @param skip - Objects that are passed over, because they were taken before.
   * @param setCells - Sets the cells of the row under construction; null: by `appendRow`, for objects of JavaScript.
   */
  constructor(
    objects: Iterable<unknown>,
    label: string,
    skip: number,
    setCells: ((row: object, position: string) => CellProblem | null) | null,
  ) {
    this.#iterator = objects[Symbol.iterator]()
    this.#label = label
    this.#skip = skip
    this.#setCells = setCells
  }

  /** Adds at most `rowsMax` rows and dead letters. @returns whether nothing is left. */
  take(builder: BatchBuilder, rowsMax: number): boolean {
    for (let taken = 0; taken < rowsMax || this.#skip > 0; ) {
      let next: IteratorResult<unknown>
      try {
        next = this.#iterator.next()
      } catch (error) {
        builder.deadLetter('DECODE_FAILED', `The function decode threw: ${String(error)}`, this.#label, '')
        return true
      }
      if (next.done === true) return true
      this.row++
      if (this.#skip > 0) {
        this.#skip--
        continue
      }
      this.#add(next.value, builder)
      taken++
    }
    return false
  }

  #add(row: unknown, builder: BatchBuilder): void {
    const position = `${this.#label}, row ${this.row - 1}`
    if (typeof row !== 'object' || row === null || Array.isArray(row)) {
      builder.deadLetter('MESSAGE_SHAPE', `A row should be an object, found ${shapeOf(row)}`, position, previewOf(row))
    } else if (this.#setCells === null) {
      builder.appendRow(row, position)
    } else {
      const problem = this.#setCells(row, position)
      if (problem === null) {
        builder.rowCount++
        return
      }
      builder.dropRow()
      builder.deadLetter(problem.code, problem.reason, position, previewOf(row))
    }
  }
}

function shapeOf(value: unknown): string {
  return value === null ? 'null' : Array.isArray(value) ? 'an array' : typeof value
}

function previewOf(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value)
  } catch {
    return Object.prototype.toString.call(value)
  }
}
