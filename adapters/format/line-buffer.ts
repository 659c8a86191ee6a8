/**
 * The window of a split's bytes that is in memory, and where in the split it lies: reader and decoder share it.
 *
 * Before: byte-input. After: csv-decoder and ndjson-decoder, which move `start` over whole lines.
 *
 * Invariant: `bytes[start]` begins a line; a newline stands at `limit - 1`, and none between `limit` and `end`. At the end of the
 * input every line ends in a newline, because one is added where the last has none.
 */

import type { BatchBuilder } from '../../runtime/batch-builder.ts'

const NEWLINE = 0x0a
const PREVIEW_BYTES = 480
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
const encoder = new TextEncoder()

export class LineBuffer {
  bytes: Uint8Array
  /** First byte that is not consumed. */
  start = 0
  /** End of the bytes at hand. */
  end = 0
  /** End of the last complete line at hand; not above `start` when there is none. */
  limit = 0
  /** Offset of `bytes[0]` in the split. */
  base: number
  /** Lines consumed before `start`. */
  line: number
  isEnded = false
  /** Whether the newline at `end - 1` was added here. */
  isUnterminated = false
  /** What stands before the line in the position of a dead letter: of which message it is. */
  label = ''

  constructor(capacity: number, offset: number, line: number) {
    this.bytes = new Uint8Array(capacity)
    this.base = offset
    this.line = line
  }

  /** Offset of `start` in the split. */
  get offset(): number {
    return this.base + this.start - (this.isUnterminated && this.start === this.end ? 1 : 0)
  }

  get hasLine(): boolean {
    return this.limit > this.start
  }

  /** Appends a chunk behind what is not consumed yet. */
  append(chunk: Uint8Array): void {
    const kept = this.end - this.start
    this.#reserve(kept, kept + chunk.length + 1)
    this.bytes.set(chunk, kept)
    this.end = kept + chunk.length
    const newline = chunk.lastIndexOf(NEWLINE)
    if (newline >= 0) this.limit = kept + newline + 1
  }

  /** Says that no chunk will follow. */
  endInput(): void {
    this.isEnded = true
    if (this.end > this.start && this.bytes[this.end - 1] !== NEWLINE) {
      this.#reserve(this.end - this.start, this.end - this.start + 1)
      this.bytes[this.end++] = NEWLINE
      this.isUnterminated = true
    }
    this.limit = this.end
  }

  /** Puts a whole content in place of what is there, from its beginning; a byte order mark is passed over. */
  load(content: string | Uint8Array): void {
    const most = typeof content === 'string' ? content.length * 3 : content.length
    if (most + 1 > this.bytes.length) this.bytes = new Uint8Array(Math.max(most + 1, this.bytes.length * 2))
    const { bytes } = this
    if (typeof content === 'string') this.end = encoder.encodeInto(content, bytes).written
    else {
      bytes.set(content)
      this.end = content.length
    }
    this.base = this.line = 0
    this.start = this.end >= 3 && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0
    this.isUnterminated = false
    this.endInput()
  }

  /** Forgets all bytes at hand. */
  drop(): void {
    this.base += this.end
    this.start = this.end = this.limit = 0
  }

  /** Adds the bytes `[from, to)` as a dead letter; `to` is the end of the line without its newline. */
  deadLetter(builder: BatchBuilder, code: string, reason: string, from: number, to: number): void {
    const text = decoder.decode(this.bytes.subarray(from, Math.min(to, from + PREVIEW_BYTES)))
    builder.deadLetter(code, reason, this.where(from), text)
  }

  /** Where the line at `from` is, for people. */
  where(from: number): string {
    return `${this.label}line ${this.line + 1}, byte ${this.base + from}`
  }

  /** Moves what is kept to the front of an array with room for `capacity` bytes. */
  #reserve(kept: number, capacity: number): void {
    const source = this.bytes
    if (capacity > source.length) {
      this.bytes = new Uint8Array(Math.max(capacity, source.length * 2))
      this.bytes.set(source.subarray(this.start, this.end))
    } else if (this.start > 0) {
      source.copyWithin(0, this.start, this.end)
    }
    this.base += this.start
    this.limit -= this.start
    this.start = 0
    this.end = kept
  }
}

/** Turns lines into rows. One decoder serves one split. */
export interface LineDecoder {
  /**
   * Takes lines from the buffer until `rowsMax` rows and dead letters are in the builder, or no complete record is left.
   *
   * Leaves `start` where it is when the first record needs more bytes; never does so when the input has ended.
   */
  decode(buffer: LineBuffer, builder: BatchBuilder, rowsMax: number): void
}

/** Ends the first line as `LINE_TOO_LONG` if it is longer than `lineBytesMax`; says whether it was. */
export function refuseLongLine(buffer: LineBuffer, builder: BatchBuilder, lineBytesMax: number): boolean {
  const from = buffer.start
  const newline = buffer.bytes.indexOf(NEWLINE, from)
  const length = newline - from
  if (length <= lineBytesMax) return false
  builder.deadLetter('LINE_TOO_LONG', longLineReason(length, lineBytesMax), buffer.where(from), linePreview(buffer, lineBytesMax))
  buffer.start = newline + 1
  buffer.line++
  return true
}

export function longLineReason(length: number, lineBytesMax: number): string {
  return `The line has ${length} bytes, the limit is ${lineBytesMax} (maxLineBytes)`
}

/** Beginning of the overlong line at `start`: the same however much of it is at hand. */
export function linePreview(buffer: LineBuffer, lineBytesMax: number): string {
  return decoder.decode(buffer.bytes.subarray(buffer.start, buffer.start + Math.min(lineBytesMax, PREVIEW_BYTES)))
}
