/**
 * Lines to rows by two paths: a fast one for what is usual, and a careful one for all else, which alone makes dead letters.
 *
 * Before: line-reader. After: the path of the format, csv-decoder or ndjson-decoder.
 *
 * Invariant: the fast path takes a line only if the careful path would make the same row of it.
 */

import type { BatchBuilder } from '../../runtime/batch-builder.ts'
import type { LineBuffer, LineDecoder } from './line-buffer.ts'

export abstract class TwoPathDecoder implements LineDecoder {
  protected readonly lineBytesMax: number

  constructor(lineBytesMax: number) {
    this.lineBytesMax = lineBytesMax
  }

  /** Writes a row, which the caller counts. @returns the start of the next line, or -1 if the line needs the careful path. */
  protected abstract fastRow(bytes: Uint8Array, from: number, builder: BatchBuilder): number

  /** Takes one line or record: a row, a dead letter, or nothing if it is blank. @returns false if it needs more bytes than there are. */
  protected abstract carefulRow(buffer: LineBuffer, builder: BatchBuilder): boolean

  decode(buffer: LineBuffer, builder: BatchBuilder, rowsMax: number): void {
    const { bytes, limit } = buffer
    const { lineBytesMax } = this
    const rowLimit = builder.rowCount + rowsMax
    const letterLimit = builder.deadLetters.length + rowsMax
    while (buffer.start < limit && builder.rowCount < rowLimit && builder.deadLetters.length < letterLimit) {
      const from = buffer.start
      const next = this.fastRow(bytes, from, builder)
      if (next >= 0 && next - from <= lineBytesMax + 1) {
        builder.rowCount++
        buffer.start = next
        buffer.line++
        continue
      }
      builder.dropRow()
      if (!this.carefulRow(buffer, builder)) return
    }
  }
}
