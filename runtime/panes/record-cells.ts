/**
 * Records as the kernel writes them, back to rows of the window's input.
 *
 * Before: result-cells, for records of panes; window-accumulators, for records that enter a window. After: functions of the user.
 *
 * Invariant: a row has the columns of the stream in their order; computed columns are not in it.
 */

import * as L from '../../kernel/layout.ts'
import { type RowObject, setField } from '../record-batch.ts'
import type { Json, Schema } from '../schema.ts'
import type { SubtaskLayout } from '../subtask/subtask-layout.ts'

const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/** Records of a pane: rows of the window's input, their event times, and by source which of them meet a condition computed for a function. */
export interface PaneRecords {
  readonly rows: readonly RowObject[]
  readonly times: readonly number[]
  readonly marks: ReadonlyMap<number, Uint8Array>
}

export class RecordReader {
  /** The columns of the stream that travel, in its order. */
  readonly #columns: readonly { readonly name: string; readonly isBool: boolean; readonly shipped: number }[]
  /** Conditions that were computed for functions. */
  readonly #marks: readonly { readonly source: number; readonly shipped: number }[]
  readonly #places: Float64Array

  constructor(layout: SubtaskLayout, { columns }: Schema) {
    this.#columns = columns.flatMap(({ name, type }, source) => {
      const shipped = layout.columns.findIndex((column) => column.source === source && column.form !== 'presence')
      return shipped < 0 ? [] : [{ name, isBool: type === 'bool', shipped }]
    })
    this.#marks = layout.columns.flatMap(({ source, type }, shipped) =>
      source >= columns.length && type === 'bool' ? [{ source, shipped }] : [],
    )
    this.#places = new Float64Array(layout.columns.length)
  }

  read(bytes: Uint8Array): PaneRecords {
    const view = viewOf(bytes)
    const rows: RowObject[] = []
    const times: number[] = []
    const marks = this.#marks.map((): number[] => [])
    for (let at = 0; at < bytes.length; ) {
      times.push(view.getFloat64(at, true))
      at = this.locate(view, at)
      rows.push(this.row(view, bytes))
      this.#marks.forEach(({ source }, index) => marks[index]!.push(this.isMarked(view, source) ? 1 : 0))
    }
    return { rows, times, marks: new Map(this.#marks.map(({ source }, index) => [source, Uint8Array.from(marks[index]!)])) }
  }

  /** Makes the record at `at` the one that {@link row} and {@link isMarked} read. @returns where it ends. */
  locate(view: DataView, at: number): number {
    at += 8
    for (let index = 0; index < this.#places.length; index++) {
      this.#places[index] = at
      at += 8 + padded(view.getInt32(at + 4, true))
    }
    return at
  }

  row(view: DataView, bytes: Uint8Array): RowObject {
    const row: RowObject = {}
    for (const { name, isBool, shipped } of this.#columns) setField(row, name, valueOf(view, bytes, this.#places[shipped]!, isBool))
    return row
  }

  /** Whether the record meets a condition that was computed for a function. */
  isMarked(view: DataView, source: number): boolean {
    const at = this.#places[this.#marks.find((mark) => mark.source === source)!.shipped]!
    return view.getInt32(at, true) === L.CELL_NUMBER && view.getFloat64(at + 8, true) === 1
  }
}

/** A cell of a record: its form, its length, and what it holds. */
function valueOf(view: DataView, bytes: Uint8Array, at: number, isBool: boolean): Json {
  const form = view.getInt32(at, true)
  if (form === L.CELL_NULL) return null
  if (form === L.CELL_TEXT) return decoder.decode(bytes.subarray(at + 8, at + 8 + view.getInt32(at + 4, true)))
  const value = view.getFloat64(at + 8, true)
  return isBool ? value !== 0 : value
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

export function padded(byteLength: number): number {
  return (byteLength + 7) & ~7
}
