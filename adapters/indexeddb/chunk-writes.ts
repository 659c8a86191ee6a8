/**
 * Chunks as writes of a transaction, of a size that any browser takes.
 *
 * Before: the session's buffer of chunks. After: its transactions.
 *
 * Invariant: a value that is stored is the whole of its buffer: structured clone would take along what lies beside a view.
 */

import type { ChunkHash } from '../../runtime/checkpoint/checkpoint-store.ts'
import type { Location } from './chunk-shelf.ts'
import type { WriteStore } from './connection.ts'
import { below, locationKey, pieceKey, TRANSACTION_BYTES } from './records.ts'

/** Something to do to the object store, and how many bytes it carries. */
export interface Write {
  readonly byteLength: number
  apply(checkpoints: WriteStore): Promise<unknown>
}

/** A chunk that is to be written: as pieces, or, when its bytes lie elsewhere, as the place where. */
export function writesOf(hash: ChunkHash, bytes: Uint8Array<ArrayBuffer>, location: Location | null): Write[] {
  const clear: Write = {
    byteLength: 0,
    apply: (checkpoints) => Promise.all([checkpoints.delete(below('chunk', hash)), checkpoints.delete(locationKey(hash))]),
  }
  if (location !== null) return [clear, { byteLength: 0, apply: (checkpoints) => checkpoints.put(location, locationKey(hash)) }]
  const writes = [clear]
  for (let at = 0; at === 0 || at < bytes.length; at += TRANSACTION_BYTES) {
    const piece = bytes.length <= TRANSACTION_BYTES ? bytes : bytes.slice(at, at + TRANSACTION_BYTES)
    const key = pieceKey(hash, at / TRANSACTION_BYTES)
    writes.push({ byteLength: piece.length, apply: (checkpoints) => checkpoints.put(piece, key) })
  }
  return writes
}

/** Removes chunks, wherever they lie. */
export function removalsOf(hashes: Iterable<ChunkHash>): Write[] {
  return Array.from(hashes, (hash) => writesOf(hash, new Uint8Array(0), null)[0]!)
}

/** In groups that each fit one transaction, in order. */
export function grouped(writes: Iterable<Write>): Write[][] {
  const groups: Write[][] = []
  let room = 0
  for (const write of writes) {
    if (groups.length === 0 || write.byteLength > room) {
      groups.push([])
      room = TRANSACTION_BYTES
    }
    groups.at(-1)!.push(write)
    room -= write.byteLength
  }
  return groups
}
