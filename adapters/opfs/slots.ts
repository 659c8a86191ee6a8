/**
 * Slot files: a few files of fixed size, made in advance, whose blocks hold the bytes of chunks. The shelf of an OPFS store.
 *
 * Before: the session of indexeddb/, which commits the locations. After: opfs/sync-file.
 *
 *     0        4096                                                       slotBytes
 *     ┌────────┬────────┬────────┬──── … ────┬────────┐
 *     │ stamp  │ block 1│ block 2│           │ block n│
 *     └────────┴────────┴────────┴──── … ────┴────────┘
 *
 * A new file is not durable, whatever `flush` says: Chromium keeps the names of files in a database that it does not flush. After a power loss soon
 * after slots were made they were gone, also when the browser had been restarted in between; once the system had written back what was dirty (30 s
 * on Linux), they were there, restart or not. So a slot takes chunks only once a later run of the program finds it again, stamp and all, and it is
 * two minutes old; until then all chunks go to the database. Should a slot be lost after all, its chunks are missing, which recovery reports.
 * Slots are written full of zeros when they are made: that reserves the space, which no other way does.
 *
 * Invariant: a block that a committed location names is not written; chunks are only read from where a location in the database says.
 */

import type { Clock } from '../../runtime/clock.ts'
import type { ChunkShelf, Location, ShelfReader } from '../indexeddb/chunk-shelf.ts'
import { Blocks } from './blocks.ts'
import { isNamed, openSyncFile, type SyncFile, writeAll } from './sync-file.ts'

export const BLOCK_BYTES = 4096
const STAMP_BLOCKS = 1
const FILL_BYTES = 1024 * 1024

/** A slot as the database knows it. */
export interface SlotRecord {
  readonly id: number
  /** Stands at the beginning of the file too. */
  readonly stamp: string
  /** The run of the program that made it. */
  readonly run: string
  readonly madeAtMs: number
  /** Whether a later run has found it again, and long enough after it was made. */
  readonly isSettled: boolean
}

/** Slots for later runs that are being made. */
export interface Reserve {
  stop(): void
  /** Stops, and gives back the space of what was made. */
  giveUp(): Promise<void>
}

export const slotFileName = (id: number) => `slot-${String(id).padStart(6, '0')}`

/** Slots in use by the owner of the store. */
export class Slots implements ChunkShelf {
  readonly #files: ReadonlyMap<number, SyncFile>
  readonly #blocks = new Blocks(BLOCK_BYTES)
  readonly #unflushed = new Set<SyncFile>()
  #isClosed = false

  readonly #beside: ShelfReader
  readonly #reserve: Reserve | null

  /**
   * @param files - Settled slots by id; none: nothing is placed here.
   * @param beside - Reads where a file is not ours, or not any more.
   * @param reserve - Slots for later runs, under way.
   */
  constructor(files: ReadonlyMap<number, SyncFile>, slotBytes: number, beside: ShelfReader, reserve: Reserve | null) {
    this.#files = files
    this.#beside = beside
    this.#reserve = reserve
    for (const id of files.keys()) this.#blocks.addSlot(id, slotBytes / BLOCK_BYTES, STAMP_BLOCKS)
  }

  occupy(locations: Iterable<Location>): void {
    this.#blocks.clear(STAMP_BLOCKS)
    for (const { extents } of locations) this.#blocks.mark(extents, 1)
  }

  place(bytes: Uint8Array): Location | null {
    if (this.#isClosed) return null
    const extents = this.#blocks.take(bytes.length)
    if (extents === null) return null
    const location = { byteLength: bytes.length, extents }
    for (const { slot, at, from, to } of spansOf(location)) {
      const file = this.#files.get(slot)!
      this.#unflushed.add(file)
      writeAll(file, bytes.subarray(from, to), at)
    }
    return location
  }

  flush(): void {
    for (const file of this.#unflushed) file.flush()
    this.#unflushed.clear()
  }

  async read(location: Location): Promise<Uint8Array | null> {
    if (this.#isClosed || !location.extents.every(({ slot }) => this.#files.has(slot))) return await this.#beside.read(location)
    const bytes = new Uint8Array(location.byteLength)
    for (const { slot, at, from, to } of spansOf(location)) {
      if (this.#files.get(slot)!.read(bytes.subarray(from, to), { at }) !== to - from) return null
    }
    return bytes
  }

  release(location: Location): void {
    this.#blocks.mark(location.extents, 0)
  }

  async makeRoom(): Promise<void> {
    await this.#reserve?.giveUp()
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#reserve?.stop()
    for (const file of this.#files.values()) file.close()
  }
}

/** Reads slots beside their owner, who holds the access handles: for inspection. */
export class SlotFiles implements ShelfReader {
  readonly #directory: () => Promise<FileSystemDirectoryHandle | null>

  constructor(directory: () => Promise<FileSystemDirectoryHandle | null>) {
    this.#directory = directory
  }

  async read(location: Location): Promise<Uint8Array | null> {
    const directory = await this.#directory()
    const bytes = new Uint8Array(location.byteLength)
    for (const { slot, at, from, to } of spansOf(location)) {
      try {
        const file = await (await directory?.getFileHandle(slotFileName(slot)))?.getFile()
        const part = await file?.slice(at, at + to - from).arrayBuffer()
        if (part?.byteLength !== to - from) return null
        bytes.set(new Uint8Array(part), from)
      } catch (error) {
        if (isNamed(error, 'NotFoundError')) return null
        throw error
      }
    }
    return bytes
  }
}

/**
 * Makes a slot file and fills it, letting others have their turns.
 *
 * @throws what the browser throws when there is no room, and when it was stopped; nothing is left of the file then.
 */
export async function makeSlot(
  directory: FileSystemDirectoryHandle,
  { id, stamp }: SlotRecord,
  options: { readonly slotBytes: number; readonly clock: Clock; readonly isStopped: () => boolean },
): Promise<void> {
  const { slotBytes, clock, isStopped } = options
  const name = slotFileName(id)
  const file = (await openSyncFile(directory, name, { mayCreate: true, clock }))!
  try {
    const zeros = new Uint8Array(FILL_BYTES)
    for (let at = 0; at < slotBytes; at += FILL_BYTES) {
      writeAll(file, zeros.subarray(0, Math.min(FILL_BYTES, slotBytes - at)), at)
      await clock.yield()
      if (isStopped()) throw new DOMException('the session has ended', 'AbortError')
    }
    writeAll(file, stampBytes(stamp), 0)
    file.flush()
    if (file.getSize() !== slotBytes) throw new DOMException(`${name} has ${file.getSize()} bytes`, 'QuotaExceededError')
    file.close()
  } catch (error) {
    file.close()
    await directory.removeEntry(name).catch(() => {})
    throw error
  }
}

/** Whether this is the slot that the record speaks of, whole in length. */
export function isSlot(file: SyncFile, { stamp }: SlotRecord, slotBytes: number): boolean {
  const wanted = stampBytes(stamp)
  const found = new Uint8Array(wanted.length)
  return file.getSize() === slotBytes && file.read(found, { at: 0 }) === wanted.length && found.every((byte, at) => byte === wanted[at])
}

/** Where in which file the bytes `from` to `to` of a location lie. */
function* spansOf({ byteLength, extents }: Location): Generator<{ slot: number; at: number; from: number; to: number }> {
  let from = 0
  for (const { slot, block, count } of extents) {
    const to = Math.min(from + count * BLOCK_BYTES, byteLength)
    yield { slot, at: block * BLOCK_BYTES, from, to }
    from = to
  }
}

function stampBytes(stamp: string): Uint8Array {
  return new TextEncoder().encode(`millrace slot ${stamp}\n`)
}
