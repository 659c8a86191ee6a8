/**
 * Ids that passed in one stretch of event time, each with the time of the record that passed: open addressing over bytes.
 *
 * Before and after: deduplicator, which drops a whole table when nothing can be a duplicate of its ids any more.
 *
 * Invariant: entries only grow, in order of insertion, so a snapshot's chunks of what was there do not change.
 */

import { hashBytes, mix } from '../dictionary.ts'
import { StateReader, StateWriter } from './state-bytes.ts'

const CHUNK_ENTRIES = 8192

export class IdTable {
  #bytes = new Uint8Array(1 << 10)
  #ends = new Uint32Array(1 << 6)
  #hashes = new Uint32Array(1 << 6)
  #times = new Float64Array(1 << 6)
  /** Index of an entry plus 1; 0: free. */
  #table = new Uint32Array(1 << 7)
  #size = 0

  get size(): number {
    return this.#size
  }

  get byteLength(): number {
    const { byteLength } = this.#bytes
    return byteLength + this.#ends.byteLength + this.#hashes.byteLength + this.#times.byteLength + this.#table.byteLength
  }

  /**
   * Whether there is an entry of the id in the cell whose time is at most `withinMs` from `timeMs`.
   *
   * @param cell - Number of the stretch of `withinMs` that the entry lies in: of each id at most one entry is in a cell.
   */
  has(bytes: Uint8Array, hash: number, cell: number, timeMs: number, withinMs: number): boolean {
    const wanted = hashOfCell(hash, cell)
    const mask = this.#table.length - 1
    for (let at = wanted & mask; ; at = (at + 1) & mask) {
      const entry = this.#table[at]!
      if (entry === 0) return false
      const index = entry - 1
      // Of the same bytes and as near as that it is what is looked for, also where hashes of two cells are equal by chance.
      if (this.#hashes[index] === wanted && Math.abs(this.#times[index]! - timeMs) <= withinMs && this.#equals(index, bytes)) return true
    }
  }

  add(bytes: Uint8Array, hash: number, cell: number, timeMs: number): void {
    const index = this.#size
    const from = index === 0 ? 0 : this.#ends[index - 1]!
    if (from + bytes.length > this.#bytes.length) this.#bytes = grown(this.#bytes, new Uint8Array((from + bytes.length) * 2))
    if (index === this.#ends.length) {
      this.#ends = grown(this.#ends, new Uint32Array(index * 2))
      this.#hashes = grown(this.#hashes, new Uint32Array(index * 2))
      this.#times = grown(this.#times, new Float64Array(index * 2))
    }
    this.#bytes.set(bytes, from)
    this.#ends[index] = from + bytes.length
    this.#hashes[index] = hashOfCell(hash, cell)
    this.#times[index] = timeMs
    this.#size = index + 1
    if (this.#size * 2 > this.#table.length) this.#rehash()
    else this.#place(index)
  }

  /** The entries as chunks. @param tableIndex - Which table it is. */
  snapshot(tableIndex: number): Uint8Array<ArrayBuffer>[] {
    const chunks: Uint8Array<ArrayBuffer>[] = []
    for (let from = 0; from < this.#size; from += CHUNK_ENTRIES) {
      const to = Math.min(this.#size, from + CHUNK_ENTRIES)
      const writer = new StateWriter('i')
      writer.f64(tableIndex)
      writer.u32(to - from)
      for (let index = from; index < to; index++) {
        writer.f64(this.#times[index]!)
        writer.bytes(this.#bytesOf(index))
      }
      chunks.push(writer.finish())
    }
    return chunks
  }

  /** Reads the entries of a chunk, behind the number of its table. */
  restore(reader: StateReader, cellOf: (timeMs: number) => number): void {
    const count = reader.count(12)
    for (let index = 0; index < count; index++) {
      const timeMs = reader.f64()
      const bytes = reader.bytes()
      this.add(bytes, hashBytes(bytes, 0, bytes.length), cellOf(timeMs), timeMs)
    }
  }

  #bytesOf(index: number): Uint8Array {
    return this.#bytes.subarray(index === 0 ? 0 : this.#ends[index - 1]!, this.#ends[index]!)
  }

  #equals(index: number, bytes: Uint8Array): boolean {
    const from = index === 0 ? 0 : this.#ends[index - 1]!
    if (this.#ends[index]! - from !== bytes.length) return false
    const own = this.#bytes
    for (let i = 0; i < bytes.length; i++) if (own[from + i] !== bytes[i]) return false
    return true
  }

  #place(index: number): void {
    const mask = this.#table.length - 1
    let at = this.#hashes[index]! & mask
    while (this.#table[at] !== 0) at = (at + 1) & mask
    this.#table[at] = index + 1
  }

  #rehash(): void {
    this.#table = new Uint32Array(this.#table.length * 2)
    for (let index = 0; index < this.#size; index++) this.#place(index)
  }
}

function hashOfCell(hash: number, cell: number): number {
  return mix(hash ^ Math.imul(cell % 2 ** 32, 0x9e3779b1))
}

function grown<T extends Float64Array | Uint32Array | Uint8Array>(from: T, to: T): T {
  to.set(from)
  return to
}
