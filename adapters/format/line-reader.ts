/**
 * Reads one split: fetches chunks, hands complete lines to the decoder, knows the position.
 *
 * Before: a ByteInput. After: the intake, which calls `read`; the decoder of the format fills the builder.
 *
 * Invariant: `position()` is the offset after the last line that became a row, a dead letter or was blank; opening the split there
 * gives exactly the lines that follow. A line that is longer than the limit is never held in memory as a whole.
 */

import type { BatchBuilder } from '../../runtime/batch-builder.ts'
import type { ReadResult, SplitPosition, SplitReader } from '../../runtime/source/source.ts'
import type { ByteInput } from './byte-input.ts'
import { LineBuffer, type LineDecoder, linePreview, longLineReason } from './line-buffer.ts'

const NEWLINE = 0x0a

export class LineReader implements SplitReader {
  readonly #input: ByteInput
  readonly #buffer: LineBuffer
  readonly #decoder: LineDecoder
  readonly #lineBytesMax: number
  /** Whether nobody knows when more will come: then a read does not wait for it. */
  readonly #isLive: boolean
  #filling: Promise<void> | null = null
  #failure: unknown = null
  /** As of the end of the last read: while one waits for bytes, or is amid a line too long, it has brought nothing yet. */
  #position: SplitPosition

  constructor(input: ByteInput, buffer: LineBuffer, decoder: LineDecoder, lineBytesMax: number, isLive = false) {
    this.#input = input
    this.#buffer = buffer
    this.#decoder = decoder
    this.#lineBytesMax = lineBytesMax
    this.#isLive = isLive
    this.#position = this.#here()
  }

  read(builder: BatchBuilder, rowsMax: number): ReadResult | Promise<ReadResult> {
    const rows = Math.min(rowsMax, builder.capacity - builder.rowCount)
    if (rows <= 0) return 'more'
    if (this.#isLive) return this.#readLive(builder, rows)
    const before = this.#buffer.start
    if (this.#buffer.hasLine) this.#decoder.decode(this.#buffer, builder, rows)
    if (this.#buffer.start === before && !this.#isDone()) return this.#fetchAndRead(builder, rows)
    return this.#brought()
  }

  /** Takes what is at hand, and has more fetched meanwhile. */
  #readLive(builder: BatchBuilder, rows: number): ReadResult | Promise<ReadResult> {
    if (this.#failure !== null) throw this.#failure
    if (this.#filling !== null) return 'idle'
    const buffer = this.#buffer
    if (buffer.end - buffer.start > this.#lineBytesMax && !buffer.hasLine) return this.#skipLine(builder).then(() => this.#brought())
    const before = buffer.start
    if (buffer.hasLine) this.#decoder.decode(buffer, builder, rows)
    if (buffer.start > before || this.#isDone()) return this.#brought()
    void this.ready()
    return 'idle'
  }

  /** Resolves when there may be a line. */
  ready(): Promise<void> {
    if (this.#buffer.hasLine || this.#failure !== null || this.#isDone()) return Promise.resolve()
    this.#filling ??= fill(this.#input, this.#buffer)
      .catch((error: unknown) => {
        this.#failure = error
      })
      .finally(() => {
        this.#filling = null
      })
    return this.#filling
  }

  /** The read is over: what it took is behind the position. */
  #brought(): ReadResult {
    this.#position = this.#here()
    return this.#isDone() ? 'end' : 'more'
  }

  /** Fetches until the decoder can take something. */
  async #fetchAndRead(builder: BatchBuilder, rows: number): Promise<ReadResult> {
    const buffer = this.#buffer
    for (;;) {
      await fill(this.#input, buffer)
      if (buffer.end - buffer.start > this.#lineBytesMax && !buffer.hasLine) {
        await this.#skipLine(builder)
        break
      }
      const before = buffer.start
      if (buffer.hasLine) this.#decoder.decode(buffer, builder, rows)
      if (buffer.start > before || buffer.isEnded) break
    }
    return this.#brought()
  }

  /** Passes over a line that has no end in sight, in constant memory. */
  async #skipLine(builder: BatchBuilder): Promise<void> {
    const buffer = this.#buffer
    const where = buffer.where(buffer.start)
    const text = linePreview(buffer, this.#lineBytesMax)
    let length = 0
    let newline = -1
    while (newline < 0) {
      length += buffer.end - buffer.start
      buffer.drop()
      if (buffer.isEnded) break
      await fill(this.#input, buffer)
      newline = buffer.bytes.subarray(0, buffer.end).indexOf(NEWLINE)
    }
    if (newline >= 0) {
      length += newline
      buffer.start = newline + 1
    }
    buffer.line++
    builder.deadLetter('LINE_TOO_LONG', longLineReason(length, this.#lineBytesMax), where, text)
  }

  #isDone(): boolean {
    return this.#buffer.isEnded && this.#buffer.start >= this.#buffer.end
  }

  position(): SplitPosition {
    return this.#position
  }

  #here(): SplitPosition {
    return { offset: this.#buffer.offset, line: this.#buffer.line, size: this.#input.size }
  }

  progress(): { readonly done: number; readonly total: number } | null {
    const progress = this.#input.progress()
    if (progress === null || this.#input.isCompressed) return progress
    return { done: this.#buffer.offset, total: progress.total }
  }

  close(): Promise<void> {
    return this.#input.close()
  }
}

/** Takes one chunk, or notes the end. */
export async function fill(input: ByteInput, buffer: LineBuffer): Promise<void> {
  const chunk = await input.next()
  if (chunk === null) buffer.endInput()
  else buffer.append(chunk)
}

/** Passes over a byte order mark at the very beginning. */
export async function skipByteOrderMark(input: ByteInput, buffer: LineBuffer): Promise<void> {
  while (buffer.end - buffer.start < 3 && !buffer.isEnded) await fill(input, buffer)
  const { bytes, start } = buffer
  if (buffer.end - start >= 3 && bytes[start] === 0xef && bytes[start + 1] === 0xbb && bytes[start + 2] === 0xbf) buffer.start += 3
}
