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

/**
 * A chunk that is to be written: as pieces, or, when its bytes lie elsewhere, as the place where.
 *
 * A generation may name it already: so what is there is written over by the same bytes, and only the last write takes away what is too much. A chunk
 * that was whole is whole at every moment.
 */
export function writesOf(hash: ChunkHash, bytes: Uint8Array<ArrayBuffer>, location: Location | null): Write[] {
  if (location !== null) {
    const put: Write['apply'] = (checkpoints) =>
      Promise.all([checkpoints.put(location, locationKey(hash)), checkpoints.delete(below('chunk', hash))])
    return [{ byteLength: 0, apply: put }]
  }
  const count = Math.max(1, Math.ceil(bytes.length / TRANSACTION_BYTES))
  return Array.from({ length: count }, (_, index) => {
    const piece = count === 1 ? bytes : bytes.slice(index * TRANSACTION_BYTES, (index + 1) * TRANSACTION_BYTES)
    const put = (checkpoints: WriteStore) => checkpoints.put(piece, pieceKey(hash, index))
    const putLast = (checkpoints: WriteStore) =>
      Promise.all([
        put(checkpoints),
        checkpoints.delete(IDBKeyRange.bound(pieceKey(hash, count), ['chunk', hash, []])),
        checkpoints.delete(locationKey(hash)),
      ])
    return { byteLength: piece.length, apply: index === count - 1 ? putLast : put }
  })
}

/** Removes chunks, wherever they lie. */
export function removalsOf(hashes: Iterable<ChunkHash>): Write[] {
  return Array.from(hashes, (hash) => ({
    byteLength: 0,
    apply: (checkpoints) => Promise.all([checkpoints.delete(below('chunk', hash)), checkpoints.delete(locationKey(hash))]),
  }))
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
