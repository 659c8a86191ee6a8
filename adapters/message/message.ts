/**
 * A message of the outer world, and the bytes of one in a journal.
 *
 * Before: a transport receives it. After: inbox keeps it, the decoders make rows of it.
 *
 *     0      1
 *     ┌──────┬───────────────────────┬───────────────────────┬──────────────
 *     │ head │ length u32, token     │ length u32, topic     │ content ...
 *     │ u8   │ if HAS_TOKEN, UTF-8   │ if HAS_TOPIC, UTF-8   │
 *     └──────┴───────────────────────┴───────────────────────┴──────────────
 *       head: what the content is (BYTES, TEXT, ROWS as JSON) and which parts are there; integers are little-endian
 *
 * Invariant: what {@link decodeEntry} gives makes the same rows as the message that was encoded.
 */

import { CheckpointError } from '../../runtime/errors.ts'

/** What names a place in a stream to the server: it goes on behind it. */
export type ResumeToken = string | number

/** Text or bytes that are to be decoded, or rows that need no decoding. */
export type MessageContent = string | Uint8Array | readonly unknown[]

export interface Message {
  readonly content: MessageContent
  /** The place behind this message, when it says so itself. */
  readonly token: ResumeToken | null
  readonly topic: string | null
  /** Told once the message will not be needed again: it is in the journal, or before a checkpoint. */
  readonly settled?: () => void
}

const BYTES = 0
const TEXT = 1
const ROWS = 2
const CONTENT_MASK = 3
const HAS_TOKEN = 4
const IS_TOKEN_NUMBER = 8
const HAS_TOPIC = 16
const HEAD_MAX = 31

/** What an object that is a row is taken to occupy: nobody can tell, and a limit is better than none. */
const ROW_BYTES = 256

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/** About how many bytes of memory a message occupies. */
export function sizeOf({ content }: Message): number {
  return typeof content === 'string' ? content.length * 2 : content instanceof Uint8Array ? content.length : content.length * ROW_BYTES
}

/** A message as an entry of a journal. */
export function encodeEntry({ content, token, topic }: Message): Uint8Array {
  const kind = typeof content === 'string' ? TEXT : content instanceof Uint8Array ? BYTES : ROWS
  const body = kind === BYTES ? (content as Uint8Array) : encoder.encode(kind === TEXT ? (content as string) : rowsJson(content))
  const parts = [token === null ? null : encoder.encode(String(token)), topic === null ? null : encoder.encode(topic)]
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + (part === null ? 0 : 4 + part.length), 1 + body.length))
  const view = new DataView(bytes.buffer)
  bytes[0] = kind | (token === null ? 0 : HAS_TOKEN) | (typeof token === 'number' ? IS_TOKEN_NUMBER : 0) | (topic === null ? 0 : HAS_TOPIC)
  let at = 1
  for (const part of parts) {
    if (part === null) continue
    view.setUint32(at, part.length, true)
    bytes.set(part, at + 4)
    at += 4 + part.length
  }
  bytes.set(body, at)
  return bytes
}

/** @throws CheckpointError `CHECKPOINT_CORRUPT` when the bytes are no message. */
export function decodeEntry(bytes: Uint8Array): Message {
  const head = bytes[0]
  if (head === undefined || head > HEAD_MAX || (head & CONTENT_MASK) > ROWS) throw foreign()
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = 1
  const part = (): string => {
    const end = at + 4 <= bytes.length ? at + 4 + view.getUint32(at, true) : Number.POSITIVE_INFINITY
    if (end > bytes.length) throw foreign()
    const text = decoder.decode(bytes.subarray(at + 4, end))
    at = end
    return text
  }
  const token = (head & HAS_TOKEN) === 0 ? null : part()
  const topic = (head & HAS_TOPIC) === 0 ? null : part()
  const body = bytes.subarray(at)
  const kind = head & CONTENT_MASK
  return {
    content: kind === BYTES ? body : kind === TEXT ? decoder.decode(body) : (JSON.parse(decoder.decode(body)) as unknown[]),
    token: token !== null && (head & IS_TOKEN_NUMBER) !== 0 ? Number(token) : token,
    topic,
  }
}

/** Rows as the JSON decoder reads them back: it knows the texts of numbers that JSON has not. */
function rowsJson(rows: MessageContent): string {
  return JSON.stringify(rows, (_key, value: unknown) => (typeof value === 'number' && !Number.isFinite(value) ? String(value) : value))
}

function foreign(): CheckpointError {
  return new CheckpointError('CHECKPOINT_CORRUPT', 'An entry of the journal is no message; give every source a journal of its own')
}
