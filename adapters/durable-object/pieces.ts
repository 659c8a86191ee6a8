/**
 * Bytes of any length as rows of limited size.
 *
 * Before: the store's chunks and manifests, a journal's entries. After: tables with the columns `part` and `bytes`.
 *
 * Invariant: no piece is longer than {@link PIECE_BYTES_MAX}; joined in order they are the bytes, and no bytes are one empty piece.
 */

import { PIECE_BYTES_MAX, type SqlValue } from './object-storage.ts'

export interface PieceRow extends Record<string, SqlValue> {
  readonly part: number
  readonly bytes: ArrayBuffer
}

export function* piecesOf(bytes: Uint8Array): Generator<{ readonly part: number; readonly bytes: Uint8Array }> {
  let part = 0
  do {
    const from = part * PIECE_BYTES_MAX
    yield { part, bytes: bytes.subarray(from, from + PIECE_BYTES_MAX) }
    part++
  } while (part * PIECE_BYTES_MAX < bytes.length)
}

/** The bytes, or null when there is no piece. A missing piece in the middle leaves bytes that their reader finds damaged. */
export function joined(rows: readonly PieceRow[]): Uint8Array<ArrayBuffer> | null {
  if (rows.length === 0) return null
  if (rows.length === 1) return new Uint8Array(rows[0]!.bytes)
  const whole = new Uint8Array(rows.reduce((sum, { bytes }) => sum + bytes.byteLength, 0))
  let at = 0
  for (const { bytes } of rows) {
    whole.set(new Uint8Array(bytes), at)
    at += bytes.byteLength
  }
  return whole
}
