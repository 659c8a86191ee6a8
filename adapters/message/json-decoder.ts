/**
 * JSON messages, an object or an array of objects, to rows: the byte scanner for flat objects, `JSON.parse` for all else.
 *
 * Before: message-decoder. After: the builder of the intake.
 *
 * A message is one document: if it is not well-formed none of it becomes rows. So a message that is only taken in part, because the batch is
 * full, is scanned to its end at once; an object in it with a wrong value costs only itself.
 *
 * Invariant: which rows a message gives does not depend on how many of them were asked for at a time.
 */

import { type BatchBuilder, preview } from '../../runtime/batch-builder.ts'
import type { Schema } from '../../runtime/schema.ts'
import { JsonRowScanner } from '../format/json-row-scanner.ts'
import { depthOf } from '../format/json-scan.ts'
import { LineBuffer } from '../format/line-buffer.ts'
import { JSON_DEPTH_MAX } from '../format/ndjson-decoder.ts'
import { isUtf8 } from '../format/text-scan.ts'
import type { ContentDecoder } from './message-decoder.ts'
import { ObjectRows } from './object-rows.ts'

const SPACE = 0x20
const COMMA = 0x2c
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const OPEN_BRACE = 0x7b
const NEWLINE = 0x0a
const RETURN = 0x0d
const TAB = 0x09

/** As much of a message as a preview may show. */
const PREVIEW_BYTES = 480
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

export class JsonDecoder implements ContentDecoder {
  readonly #scanner: JsonRowScanner
  readonly #buffer = new LineBuffer(1 << 12, 0, 0)
  #label = ''
  #at = 0
  #row = 0
  /** Rows that are passed over, because they were taken before a restart. */
  #skip = 0
  #isArray = false
  #isDone = true
  /** Whether the rest of the message is known to be well-formed. */
  #isVerified = false
  /** The rest of a message that needs the careful way. */
  #objects: ObjectRows | null = null

  constructor(schema: Schema, given: ReadonlySet<string>) {
    this.#scanner = new JsonRowScanner(schema, given)
  }

  get row(): number {
    return this.#objects?.row ?? this.#row
  }

  begin(content: string | Uint8Array, label: string, skip: number): void {
    this.#buffer.load(content)
    this.#label = label
    this.#row = 0
    this.#skip = skip
    this.#isDone = this.#isVerified = false
    this.#objects = null
    const { bytes } = this.#buffer
    this.#at = skipSpace(bytes, this.#buffer.start)
    this.#isArray = bytes[this.#at] === OPEN_BRACKET
    if (!this.#isArray) return
    this.#at = skipSpace(bytes, this.#at + 1)
    if (bytes[this.#at] === CLOSE_BRACKET && this.#isEnd(this.#at + 1)) this.#isDone = true
  }

  take(builder: BatchBuilder, rowsMax: number): boolean {
    if (this.#objects !== null) return this.#objects.take(builder, rowsMax)
    const begin = builder.rowCount
    while (!this.#isDone) {
      const isTaken = this.#row >= this.#skip
      if (isTaken && builder.rowCount - begin >= rowsMax) {
        if (this.#isVerified || this.#verify(builder)) return false
        return this.#takeCarefully(builder, begin, rowsMax)
      }
      const next = this.#scan(builder, this.#at)
      if (next < 0) return this.#takeCarefully(builder, begin, rowsMax)
      if (isTaken) builder.rowCount++
      else builder.dropRow()
      this.#at = next
      this.#row++
    }
    return true
  }

  /** Scans the object at `at` into the row under construction. @returns where the next one begins, or -1; sets `#isDone` at the last. */
  #scan(builder: BatchBuilder, at: number): number {
    const { bytes } = this.#buffer
    if (bytes[at] !== OPEN_BRACE) return -1
    const end = this.#scanner.object(bytes, at, builder)
    if (end < 0) return -1
    const p = this.#isArray ? skipSpace(bytes, end) : end
    if (this.#isArray && bytes[p] === COMMA) return skipSpace(bytes, p + 1)
    if ((this.#isArray && bytes[p] !== CLOSE_BRACKET) || !this.#isEnd(this.#isArray ? p + 1 : p)) return -1
    this.#isDone = true
    return p
  }

  /** Scans the rest without taking it. @returns whether the scanner knew all of it. */
  #verify(builder: BatchBuilder): boolean {
    let at = this.#at
    while (!this.#isDone && at >= 0) at = this.#scan(builder, at)
    builder.dropRow()
    this.#isDone = false
    this.#isVerified = at >= 0
    return this.#isVerified
  }

  /** Takes the message apart by `JSON.parse`, and what is left of it from there; if it is not well-formed, none of it. */
  #takeCarefully(builder: BatchBuilder, begin: number, rowsMax: number): boolean {
    builder.dropRow()
    const { bytes, start } = this.#buffer
    // Without the newline that was put behind it.
    const end = this.#buffer.isUnterminated ? this.#buffer.end - 1 : this.#buffer.end
    const body = bytes.subarray(start, end)
    const objects = this.#parse(body)
    if (typeof objects === 'string') {
      builder.truncate(begin)
      const code = objects.startsWith('UTF-8') ? 'UTF8_INVALID' : 'MESSAGE_SYNTAX'
      builder.deadLetter(code, objects.replace(/^UTF-8: /, ''), this.#label, preview(decoder.decode(body.subarray(0, PREVIEW_BYTES))))
      this.#isDone = true
      return true
    }
    const setCells = (row: object) => this.#scanner.value(row, builder)
    this.#objects = new ObjectRows(objects, this.#label, Math.max(this.#row, this.#skip), setCells)
    return this.#objects.take(builder, rowsMax - (builder.rowCount - begin))
  }

  /** The objects of a document, or why there are none. */
  #parse(body: Uint8Array): readonly unknown[] | string {
    if (!isUtf8(body, 0, body.length)) return 'UTF-8: The message is not valid UTF-8; send UTF-8'
    if (depthOf(body) > JSON_DEPTH_MAX) return `The message is nested deeper than ${JSON_DEPTH_MAX} levels`
    let value: unknown
    try {
      value = JSON.parse(decoder.decode(body))
    } catch (error) {
      return `The message is not one JSON document: ${error instanceof Error ? error.message : String(error)}`
    }
    if (Array.isArray(value)) return value
    return typeof value === 'object' && value !== null ? [value] : 'The message should be a JSON object, or an array of objects'
  }

  #isEnd(at: number): boolean {
    return skipSpace(this.#buffer.bytes, at) >= this.#buffer.end
  }
}

/** The first byte from `at` on that is no white space of JSON; beyond the end when nothing follows. */
function skipSpace(bytes: Uint8Array, at: number): number {
  let p = at
  while (bytes[p] === SPACE || bytes[p] === NEWLINE || bytes[p] === RETURN || bytes[p] === TAB) p++
  return p
}
