/**
 * NDJSON lines to rows: a byte scanner for flat objects, `JSON.parse` for all else.
 *
 * Before: two-path-decoder. After: the builder of the intake.
 *
 * Invariant: a line becomes one row or one dead letter, unless it is blank.
 */

import type { BatchBuilder } from '../../runtime/batch-builder.ts'
import type { Schema } from '../../runtime/schema.ts'
import { depthOf, isBlank, skipBlanks } from './json-scan.ts'
import { JsonRowScanner } from './json-row-scanner.ts'
import { type LineBuffer, refuseLongLine } from './line-buffer.ts'
import { isUtf8 } from './text-scan.ts'
import { TwoPathDecoder } from './two-path-decoder.ts'

const NEWLINE = 0x0a
const RETURN = 0x0d
const OPEN_BRACE = 0x7b

/** Deeper nesting is refused before `JSON.parse` sees it. */
export const JSON_DEPTH_MAX = 64

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export class NdjsonDecoder extends TwoPathDecoder {
  readonly #scanner: JsonRowScanner

  /** @param given - Columns whose cells the caller sets. */
  constructor(schema: Schema, lineBytesMax: number, given?: ReadonlySet<string>) {
    super(lineBytesMax)
    this.#scanner = new JsonRowScanner(schema, given)
  }

  protected override fastRow(bytes: Uint8Array, from: number, builder: BatchBuilder): number {
    if (bytes[from] !== OPEN_BRACE) return -1
    let p = this.#scanner.object(bytes, from, builder)
    if (p < 0) return -1
    if (bytes[p] !== NEWLINE) {
      p = skipBlanks(bytes, p)
      if (bytes[p] === RETURN) p++
      if (bytes[p] !== NEWLINE) return -1
    }
    return p + 1
  }

  protected override carefulRow(buffer: LineBuffer, builder: BatchBuilder): boolean {
    if (refuseLongLine(buffer, builder, this.lineBytesMax)) return true
    const { bytes, start: from } = buffer
    const newline = bytes.indexOf(NEWLINE, from)
    if (!isBlank(bytes, from, newline)) this.#carefulLine(buffer, builder, from, newline)
    buffer.start = newline + 1
    buffer.line++
    return true
  }

  #carefulLine(buffer: LineBuffer, builder: BatchBuilder, from: number, newline: number): void {
    const line = buffer.bytes.subarray(from, newline)
    const isCut = buffer.isUnterminated && newline === buffer.end - 1
    if (!isCut && !isUtf8(line, 0, line.length)) {
      buffer.deadLetter(builder, 'UTF8_INVALID', 'The line is not valid UTF-8; convert it to UTF-8', from, newline)
      return
    }
    if (depthOf(line) > JSON_DEPTH_MAX) {
      buffer.deadLetter(builder, 'LINE_SYNTAX', `The line is nested deeper than ${JSON_DEPTH_MAX} levels`, from, newline)
      return
    }
    let value: unknown
    try {
      value = JSON.parse(decoder.decode(line))
    } catch (error) {
      const reason = error instanceof SyntaxError ? `The line is not one JSON document: ${error.message}` : 'The line is not valid UTF-8'
      if (isCut) buffer.deadLetter(builder, 'LINE_TRUNCATED', `The input ends inside the line. ${reason}`, from, newline)
      else buffer.deadLetter(builder, 'LINE_SYNTAX', reason, from, newline)
      return
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      buffer.deadLetter(builder, 'LINE_SYNTAX', 'The line should be a JSON object', from, newline)
      return
    }
    const problem = this.#scanner.value(value, builder)
    if (problem !== null) {
      builder.dropRow()
      buffer.deadLetter(builder, problem.code, problem.reason, from, newline)
      return
    }
    builder.rowCount++
  }
}
