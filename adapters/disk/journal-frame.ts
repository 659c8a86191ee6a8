/**
 * The bytes of a journal's segment: one frame for each append, so that an append is there whole or not at all.
 *
 * Before: disk-journal, which appends frames to a file and reads files back. After: DiskFileSystem.
 *
 *     0       4         8         16        20       52
 *     ┌───────┬─────────┬─────────┬─────────┬────────┬───────────────────────────────────
 *     │ MRJ1  │ payload │ number  │ entry   │ SHA-256│ payload: of each entry its length
 *     │ 4 × u8│ bytes   │ of first│ count   │ *      │ (u32) and its bytes
 *     │       │ u32     │ u64     │ u32     │        │
 *     └───────┴─────────┴─────────┴─────────┴────────┴───────────────────────────────────
 *       * of bytes 0 to 19 and of the payload; integers are little-endian
 *
 * Invariant: {@link scanSegment} gives the entries of whole frames only, numbered as they were appended.
 */

import { createHash } from 'node:crypto'

const MAGIC = 'MRJ1'
const DIGEST_OFFSET = 20
export const FRAME_BYTES = 52
/** Where an append with a larger payload is refused: lengths are u32. */
export const PAYLOAD_BYTES_MAX = 0xffff_0000

/** Whole frames of a segment. */
export interface SegmentScan {
  /** Entries in order; views of the segment's bytes. */
  readonly entries: readonly Uint8Array[]
  /** Bytes of the whole frames. */
  readonly byteLength: number
  /** Whether whole frames follow behind one that is not: then it is damage and no write that was cut. */
  readonly isDamaged: boolean
}

/** The frame of one append. */
export function frameOf(first: number, entries: readonly Uint8Array[]): Uint8Array {
  const payloadBytes = entries.reduce((sum, { length }) => sum + 4 + length, 0)
  if (payloadBytes > PAYLOAD_BYTES_MAX)
    throw new RangeError(`An append has ${payloadBytes} bytes, at most ${PAYLOAD_BYTES_MAX} are possible`)
  const frame = Buffer.alloc(FRAME_BYTES + payloadBytes)
  frame.write(MAGIC, 0, 'latin1')
  frame.writeUInt32LE(payloadBytes, 4)
  frame.writeBigUInt64LE(BigInt(first), 8)
  frame.writeUInt32LE(entries.length, 16)
  let at = FRAME_BYTES
  for (const entry of entries) {
    at = frame.writeUInt32LE(entry.length, at)
    frame.set(entry, at)
    at += entry.length
  }
  frame.set(digestOf(frame), DIGEST_OFFSET)
  return frame
}

/** Reads the frames of a segment whose first entry has number `first`, up to the first that is not whole. */
export function scanSegment(bytes: Uint8Array, first: number): SegmentScan {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const entries: Uint8Array[] = []
  let at = 0
  for (;;) {
    const end = wholeFrameEnd(file, at, first + entries.length)
    if (end < 0) break
    if (!takeEntries(file, at, end, entries)) break
    at = end
  }
  return { entries, byteLength: at, isDamaged: hasFrameBehind(file, at + 1, first + entries.length) }
}

/** The end of the frame at `at` if it is whole and begins with entry `first`, else -1. */
function wholeFrameEnd(file: Buffer, at: number, first: number): number {
  if (file.length - at < FRAME_BYTES || file.toString('latin1', at, at + 4) !== MAGIC) return -1
  const end = at + FRAME_BYTES + file.readUInt32LE(at + 4)
  if (end > file.length || file.readBigUInt64LE(at + 8) !== BigInt(first)) return -1
  const stored = file.subarray(at + DIGEST_OFFSET, at + FRAME_BYTES)
  return digestOf(file.subarray(at, end)).equals(stored) ? end : -1
}

function takeEntries(file: Buffer, from: number, end: number, into: Uint8Array[]): boolean {
  const count = file.readUInt32LE(from + 16)
  const taken: Uint8Array[] = []
  let at = from + FRAME_BYTES
  for (let index = 0; index < count; index++) {
    if (end - at < 4) return false
    const length = file.readUInt32LE(at)
    at += 4
    if (length > end - at) return false
    taken.push(file.subarray(at, at + length))
    at += length
  }
  if (at !== end) return false
  for (const entry of taken) into.push(entry)
  return true
}

/** Whether a whole frame of a later entry begins at `from` or behind. */
function hasFrameBehind(file: Buffer, from: number, firstLeast: number): boolean {
  for (let at = file.indexOf(MAGIC, from, 'latin1'); at >= 0; at = file.indexOf(MAGIC, at + 1, 'latin1')) {
    if (file.length - at < FRAME_BYTES) return false
    const first = Number(file.readBigUInt64LE(at + 8))
    if (first > firstLeast && wholeFrameEnd(file, at, first) >= 0) return true
  }
  return false
}

function digestOf(frame: Buffer): Buffer {
  return createHash('sha256').update(frame.subarray(0, DIGEST_OFFSET)).update(frame.subarray(FRAME_BYTES)).digest()
}
