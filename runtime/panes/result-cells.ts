/**
 * Results that are texts, lists or records: from the bytes that the kernel's cells point to, to columns of utf8 or json.
 *
 * Before: slot-reader, which has the bytes. After: stages and sinks behind the window.
 * A value is decoded when somebody asks for it.
 *
 * Invariant: a column keeps the bytes of its batch alone, so it stays valid for as long as anybody holds it.
 */

import type { Column, DictionaryView } from '../record-batch.ts'
import type { CellReader } from '../ring/slot-reader.ts'
import type { Json, Schema } from '../schema.ts'
import type { AggregateLayout, ElementForm, ResultForm, SubtaskLayout } from '../subtask/subtask-layout.ts'
import { OperationStream } from './operations.ts'
import { padded, type PaneRecords, RecordReader, viewOf } from './record-cells.ts'

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
  readonly #operations = new OperationStream()

  /** @param streamSchema - Of the window's input, which records have the columns of. */
  constructor(layout: SubtaskLayout, streamSchema: Schema) {
    this.#records = new RecordReader(layout, streamSchema)
  }

  operations(payload: Uint8Array): Uint8Array {
    return this.#operations.take(payload)
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
