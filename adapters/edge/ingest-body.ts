/**
 * What came in a request or message, as lines of JSON for the log.
 *
 * Before: requests and messages. After: input-log; what is no row becomes a dead letter when the job reads it.
 *
 * Invariant: every part ends in a newline and holds whole lines; all but those of one long line have at most {@link PART_BYTES} bytes.
 */

import { RecordError } from '../../runtime/errors.ts'

const NEWLINE = 0x0a
/** An entry of the log is processed in one go: small enough that others get their turn. */
const PART_BYTES = 256 * 1024
const encoder = new TextEncoder()

export interface IngestLines {
  readonly parts: readonly Uint8Array[]
  /** Lines that are not blank. */
  readonly rows: number
}

/** Reads a body. @throws RecordError `BODY_TOO_LARGE` */
export async function readBody(body: ReadableStream<Uint8Array> | null, bytesMax: number): Promise<Uint8Array> {
  if (body === null) return new Uint8Array(0)
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of body) {
    length += chunk.length
    if (length > bytesMax) throw tooLarge(length, bytesMax)
    chunks.push(chunk)
  }
  if (chunks.length === 1) return chunks[0]!
  const whole = new Uint8Array(length)
  let at = 0
  for (const chunk of chunks) {
    whole.set(chunk, at)
    at += chunk.length
  }
  return whole
}

export function tooLarge(length: number, bytesMax: number): RecordError {
  return new RecordError(
    'BODY_TOO_LARGE',
    `The body has ${length} bytes or more, the limit is ${bytesMax} (bodyBytesMax); send it in parts`,
  )
}

/** One JSON document: a row, or an array of rows. @throws RecordError `BODY_SYNTAX` */
export function linesOfJson(text: string): IngestLines {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause)
    throw new RecordError('BODY_SYNTAX', `The body is no JSON: ${message}; send an object, an array of objects, or lines of objects`, {
      cause,
    })
  }
  return linesOfRows(Array.isArray(value) ? value : [value])
}

export function linesOfRows(rows: readonly unknown[]): IngestLines {
  const lines = rows.map((row) => `${JSON.stringify(row) ?? 'null'}\n`)
  return { parts: parted(encoder.encode(lines.join(''))), rows: rows.length }
}

/** Lines of JSON as they came. */
export function linesOfNdjson(bytes: Uint8Array): IngestLines {
  let whole = bytes
  if (bytes.length > 0 && bytes.at(-1) !== NEWLINE) {
    whole = new Uint8Array(bytes.length + 1)
    whole.set(bytes)
    whole[bytes.length] = NEWLINE
  }
  let rows = 0
  for (let from = 0; from < whole.length; ) {
    const end = whole.indexOf(NEWLINE, from)
    if (!isBlank(whole, from, end)) rows++
    from = end + 1
  }
  return { parts: parted(whole), rows }
}

function isBlank(bytes: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (bytes[at]! > 0x20) return false
  return true
}

function parted(bytes: Uint8Array): Uint8Array[] {
  const parts: Uint8Array[] = []
  for (let from = 0; from < bytes.length; ) {
    let end = bytes.length
    if (end - from > PART_BYTES) {
      const last = bytes.lastIndexOf(NEWLINE, from + PART_BYTES - 1)
      end = (last >= from ? last : bytes.indexOf(NEWLINE, from + PART_BYTES - 1)) + 1
    }
    parts.push(bytes.subarray(from, end))
    from = end
  }
  return parts
}
