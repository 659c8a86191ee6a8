/**
 * Chunks of checkpoints that are not committed yet: those that wait in memory, and those that are in the database already.
 *
 * Before: the session's `writeChunk`. After: its transactions.
 *
 * Invariant: bytes are copies, so they belong to nobody else and lie in no shared memory, which IndexedDB refuses.
 */

import type { ChunkHash } from '../../runtime/checkpoint/checkpoint-store.ts'
import type { ChunkShelf } from './chunk-shelf.ts'
import { type Write, writesOf } from './chunk-writes.ts'
import { TRANSACTION_BYTES } from './records.ts'

export class PendingChunks {
  readonly #shelf: ChunkShelf | null
  readonly #waiting = new Map<ChunkHash, Uint8Array<ArrayBuffer>>()
  #waitingBytes = 0
  readonly #written = new Set<ChunkHash>()

  constructor(shelf: ChunkShelf | null) {
    this.#shelf = shelf
  }

  /** Whether more waits than one transaction carries. */
  get isLarge(): boolean {
    return this.#waitingBytes > TRANSACTION_BYTES
  }

  has(hash: ChunkHash): boolean {
    return this.#waiting.has(hash) || this.#written.has(hash)
  }

  isWritten(hash: ChunkHash): boolean {
    return this.#written.has(hash)
  }

  /** The bytes of a chunk that waits; they belong to the caller. */
  bytesOf(hash: ChunkHash): Uint8Array | undefined {
    return this.#waiting.get(hash)?.slice()
  }

  add(hash: ChunkHash, bytes: Uint8Array): void {
    if (this.has(hash)) return
    this.#waiting.set(hash, new Uint8Array(bytes))
    this.#waitingBytes += bytes.length
  }

  /**
   * Writes for all that wait; bytes for which the shelf has room are on the disk when this returns.
   *
   * @returns `done`, to be called when the writes have happened.
   */
  writes(): { readonly writes: readonly Write[]; readonly done: () => void } {
    const hashes = [...this.#waiting.keys()]
    const writes = hashes.flatMap((hash) => {
      const bytes = this.#waiting.get(hash)!
      return writesOf(hash, bytes, this.#shelf?.place(bytes) ?? null)
    })
    this.#shelf?.flush()
    return { writes, done: () => this.#wereWritten(hashes) }
  }

  /** A generation names them: they are not pending any more. */
  named(hashes: Iterable<ChunkHash>): void {
    for (const hash of hashes) this.#written.delete(hash)
  }

  forget(): void {
    this.#waiting.clear()
    this.#waitingBytes = 0
    this.#written.clear()
  }

  #wereWritten(hashes: readonly ChunkHash[]): void {
    for (const hash of hashes) {
      this.#waitingBytes -= this.#waiting.get(hash)?.length ?? 0
      this.#waiting.delete(hash)
      this.#written.add(hash)
    }
  }
}
