/**
 * A place outside the database for the bytes of chunks, which the database then only refers to. The store of IndexedDB alone has none; opfs/ is one.
 *
 * Before: the session, which asks for a place before its transaction and tells of what was given up after it. After: slot files.
 *
 * Invariant: blocks of a location are written again only after a transaction that took the last reference to them is complete.
 */

import type { Connection } from './connection.ts'
import { type Fence, isCount } from './records.ts'

/** A run of blocks in one slot. */
export interface Extent {
  readonly slot: number
  readonly block: number
  readonly count: number
}

/** Where the bytes of a chunk lie: in the runs, in order, without gaps. */
export interface Location {
  readonly byteLength: number
  readonly extents: readonly Extent[]
}

export interface ShelfReader {
  /** The bytes as they lie there, unverified, or null when they are not all there. */
  read(location: Location): Promise<Uint8Array | null>
}

export interface ChunkShelf extends ShelfReader {
  /** These locations and no others are in use. */
  occupy(locations: Iterable<Location>): void
  /** Writes the bytes to free blocks; null when there is no room. @throws CheckpointError `STORE_UNAVAILABLE` when the browser failed to. */
  place(bytes: Uint8Array): Location | null
  /** Everything placed so far is on the disk when this returns. */
  flush(): void
  release(location: Location): void
  /** Gives up what it holds in reserve: the space is needed now. */
  makeRoom(): Promise<void>
  close(): void
}

/** What makes the shelf of a store. */
export interface ShelfMaker {
  /** @throws CheckpointError `STORE_UNAVAILABLE` where there can be none. */
  checkPlace(): void
  /** For looking without claiming. */
  reader(): ShelfReader
  /**
   * For the owner of the store, whose claim stands.
   *
   * @param mayGoWithout - When another one still holds the shelf: go on with one that only reads, instead of refusing.
   * @throws JobStateError `JOB_LOCKED`
   */
  open(connection: Connection, fence: Fence, mayGoWithout: boolean): Promise<ChunkShelf>
  destroy(): Promise<void>
}

/** Null when the stored value is no location. */
export function asLocation(value: unknown): Location | null {
  if (typeof value !== 'object' || value === null) return null
  const { byteLength, extents } = value as Partial<Record<keyof Location, unknown>>
  if (!isCount(byteLength) || !Array.isArray(extents) || !extents.every(isExtent)) return null
  return { byteLength, extents }
}

function isExtent(value: unknown): value is Extent {
  if (typeof value !== 'object' || value === null) return false
  const { slot, block, count } = value as Partial<Record<keyof Extent, unknown>>
  return isCount(slot) && isCount(block) && isCount(count)
}
