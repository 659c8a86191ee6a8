/**
 * Results that are texts, lists or records: from the bytes that the kernel's cells point to, to columns of utf8 or json.
 *
 * Before: slot-reader, which has the bytes. After: stages and sinks behind the window.
 * A value is decoded when somebody asks for it.
 *
 * Invariant: a column keeps the bytes of its batch alone, so it stays valid for as long as anybody holds it.
 */

import * as L from '../../kernel/layout.ts'
import { type Column, type DictionaryView, type RowObject, setField } from '../record-batch.ts'
import type { CellReader } from '../ring/slot-reader.ts'
import type { Json, Schema } from '../schema.ts'
import type { AggregateLayout, ElementForm, ResultForm, SubtaskLayout } from '../subtask/subtask-layout.ts'

const NO_BYTES = new Uint8Array(0)
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/** Text of a value; NaN and the infinities, which JSON lacks, stand as strings. */
export function jsonText(value: Json): string {
  return JSON.stringify(value, (_, part: Json) => (typeof part === 'number' && !Number.isFinite(part) ? String(part) : part))
}

/** Values of a json column; codes are rows. */
export class JsonValues implements DictionaryView {
  readonly #decode: (row: number) => Json
  readonly #known = new Map<number, Json>()

  constructor(decode: (row: number) => Json) {
    this.#decode = decode
  }

  valueAt(row: number): Json {
    let value = this.#known.get(row)
    if (value === undefined) {
      value = this.#decode(row)
      this.#known.set(row, value)
    }
    return value
  }

  stringAt(row: number): string {
    return jsonText(this.valueAt(row))
  }
}

/** Records of a pane: rows of the window's input, their event times, and by source which of them meet a condition computed for a function. */
export interface PaneRecords {
  readonly rows: readonly RowObject[]
  readonly times: readonly number[]
  readonly marks: ReadonlyMap<number, Uint8Array>
}

/** Records of each pane; codes are rows. */
export class RecordValues extends JsonValues {
  readonly recordsAt: (row: number) => PaneRecords

  constructor(recordsAt: (row: number) => PaneRecords) {
    super((row) => recordsAt(row).rows)
    this.recordsAt = recordsAt
  }
}

/** Strings of a utf8 column; codes are rows. */
class TextValues implements DictionaryView {
  readonly #decode: (row: number) => string
  readonly #known: (string | undefined)[] = []

  constructor(decode: (row: number) => string) {
    this.#decode = decode
  }

  stringAt(row: number): string {
    return (this.#known[row] ??= this.#decode(row))
  }
}

export class ResultCells implements CellReader {
  /** What cells of the next results point into, one after the other. */
  #parts: Uint8Array[] = []
  readonly #records: RecordReader

  /** @param streamSchema - Of the window's input, which records have the columns of. */
  constructor(layout: SubtaskLayout, streamSchema: Schema) {
    this.#records = new RecordReader(layout, streamSchema)
  }

  add(bytes: Uint8Array): void {
    this.#parts.push(bytes)
  }

  clear(): void {
    this.#parts = []
  }

  read({ name, type, form }: AggregateLayout, cells: Uint32Array, validity: Uint8Array | null): Column {
    const bytes = this.#joined()
    const rowCount = cells.length / 2
    const places = cells.slice()
    const at = (row: number) => bytes.subarray(places[row * 2]!, places[row * 2]! + places[row * 2 + 1]!)
    const values = Uint32Array.from({ length: rowCount }, (_, row) => row)
    // Of no values nothing can be joined: a list of one empty text has bytes too.
    const isThere = (row: number) => (validity === null || validity[row] !== 0) && places[row * 2 + 1]! > 0
    if (form.kind === 'joined') validity = Uint8Array.from({ length: rowCount }, (_, row) => (isThere(row) ? 1 : 0))
    return { name, type, values, validity, dictionary: this.#dictionary(type, form, at) }
  }

  #joined(): Uint8Array {
    if (this.#parts.length > 1) {
      const joined = new Uint8Array(this.#parts.reduce((sum, { length }) => sum + length, 0))
      let at = 0
      for (const part of this.#parts) {
        joined.set(part, at)
        at += part.length
      }
      this.#parts = [joined]
    }
    return this.#parts[0] ?? NO_BYTES
  }

  #dictionary(type: Column['type'], form: ResultForm, at: (row: number) => Uint8Array): DictionaryView {
    if (form.kind === 'records') return new RecordValues((row) => this.#records.read(at(row)))
    return type === 'utf8' ? new TextValues((row) => textOf(form, at(row))) : new JsonValues((row) => jsonOf(form, at(row)))
  }
}

function jsonOf(form: ResultForm, bytes: Uint8Array): Json {
  switch (form.kind) {
    case 'list':
      return elements(bytes, form.of)
    case 'pairs':
      return form.of === 'text' ? textPairs(bytes, form.second) : numberPairs(bytes, form.of, form.second)
    default:
      throw new RangeError(`A result of form ${form.kind} is not json`)
  }
}

function textOf(form: ResultForm, bytes: Uint8Array): string {
  return form.kind === 'joined' ? elements(bytes, form.of).join(form.separator) : decoder.decode(bytes)
}

function elements(bytes: Uint8Array, of: ElementForm): (number | string | boolean)[] {
  if (of === 'text') return texts(bytes)
  const view = viewOf(bytes)
  return Array.from({ length: bytes.length / 8 }, (_, index) => {
    const value = view.getFloat64(index * 8, true)
    return of === 'bool' ? value !== 0 : value
  })
}

function texts(bytes: Uint8Array): string[] {
  const view = viewOf(bytes)
  const list: string[] = []
  for (let at = 0; at < bytes.length; ) {
    const byteLength = view.getInt32(at, true)
    list.push(decoder.decode(bytes.subarray(at + 8, at + 8 + byteLength)))
    at += 8 + padded(byteLength)
  }
  return list
}

function numberPairs(bytes: Uint8Array, of: ElementForm, second: 'count' | 'by'): Json {
  const view = viewOf(bytes)
  return Array.from({ length: bytes.length / 16 }, (_, index) => {
    const value = view.getFloat64(index * 16, true)
    return { value: of === 'bool' ? value !== 0 : value, [second]: view.getFloat64(index * 16 + 8, true) }
  })
}

function textPairs(bytes: Uint8Array, second: 'count' | 'by'): Json {
  const view = viewOf(bytes)
  const list: Json[] = []
  for (let at = 0; at < bytes.length; ) {
    const byteLength = view.getInt32(at + 8, true)
    list.push({ value: decoder.decode(bytes.subarray(at + 16, at + 16 + byteLength)), [second]: view.getFloat64(at, true) })
    at += 16 + padded(byteLength)
  }
  return list
}

class RecordReader {
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
      const row: RowObject = {}
      times.push(view.getFloat64(at, true))
      at += 8
      for (let index = 0; index < this.#places.length; index++) {
        this.#places[index] = at
        at += 8 + padded(view.getInt32(at + 4, true))
      }
      for (const { name, isBool, shipped } of this.#columns) setField(row, name, valueOf(view, bytes, this.#places[shipped]!, isBool))
      this.#marks.forEach(({ shipped }, index) => {
        marks[index]!.push(valueOf(view, bytes, this.#places[shipped]!, false) === 1 ? 1 : 0)
      })
      rows.push(row)
    }
    return { rows, times, marks: new Map(this.#marks.map(({ source }, index) => [source, Uint8Array.from(marks[index]!)])) }
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

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function padded(byteLength: number): number {
  return (byteLength + 7) & ~7
}
