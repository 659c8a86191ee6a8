/**
 * Opens the slot files of a store for its owner, and has more of them made ahead of need.
 *
 * Before: indexeddb-store, once the claim stands. After: opfs/slots.
 * Which slots there are stands in the database (`['slots']`); a file that is not in that list is refuse of a run that was stopped, and goes.
 *
 * A frozen tab keeps its access handles. Who took its job over reads the slots beside it and writes to the database until the next start. That is
 * safe: what the frozen one still writes when it thaws, before it finds itself fenced, goes to blocks that were free when it was last the owner.
 *
 * Invariant: ids of slots are not used again, so a file of another owner is never taken for one of ours.
 */

import type { Clock } from '../../runtime/clock.ts'
import { CheckpointError, JobStateError } from '../../runtime/errors.ts'
import { asLocation, type ChunkShelf, type Location, type ShelfMaker, type ShelfReader } from '../indexeddb/chunk-shelf.ts'
import type { Connection } from '../indexeddb/connection.ts'
import { checkFence } from '../indexeddb/fence.ts'
import { asHead, below, CHECKPOINTS, type Fence, HEAD, isCount, SLOTS } from '../indexeddb/records.ts'
import { SlotReserve } from './slot-reserve.ts'
import { isSlot, slotFileName, SlotFiles, type SlotRecord, Slots } from './slots.ts'
import { hasSyncFiles, isNamed, openSyncFile, type SyncFile, whenLetGo } from './sync-file.ts'

export interface SlotOptions {
  /** Name of the store's directory. */
  readonly name: string
  readonly slotBytes: number
  readonly reserveBytes: number
  /** The run of the program: slots made in it are not settled yet. */
  readonly run: string
  /** Age below which a slot counts as new, whatever the run. */
  readonly settleMs: number
  readonly clock: Clock
}

interface SlotTable {
  readonly slotBytes: number
  readonly nextId: number
  readonly slots: readonly SlotRecord[]
}

const ROOT = 'millrace'

export class SlotShelfMaker implements ShelfMaker {
  readonly #options: SlotOptions

  constructor(options: SlotOptions) {
    this.#options = options
  }

  checkPlace(): void {
    if (hasSyncFiles()) return
    const why = !('DedicatedWorkerGlobalScope' in globalThis)
      ? 'access handles exist in dedicated workers only, and this is none; run the job in a worker, or use indexedDbCheckpoints()'
      : 'this browser has no access handles; use indexedDbCheckpoints()'
    throw new CheckpointError('STORE_UNAVAILABLE', `Cannot keep checkpoints of ${this.#options.name} in OPFS: ${why}`, {
      details: { store: this.#options.name, cause: 'NO_ACCESS_HANDLES' },
    })
  }

  reader(): ShelfReader {
    return new SlotFiles(() => this.#directory(false))
  }

  async open(connection: Connection, fence: Fence, mayGoWithout: boolean): Promise<ChunkShelf> {
    const directory = (await this.#directory(true))!
    const { table, locations } = await this.#read(connection)
    const slotBytes = table.slots.length === 0 ? this.#options.slotBytes : table.slotBytes
    let files: Map<number, SyncFile>
    try {
      files = await this.#openFiles(directory, table, slotBytes)
    } catch (error) {
      if (!mayGoWithout || !(error instanceof JobStateError)) throw error
      return new Slots(new Map(), slotBytes, this.reader(), null)
    }
    try {
      const found = table.slots.filter(({ id }) => files.has(id))
      const slots = found.map((slot) => ({ ...slot, isSettled: slot.isSettled || this.#hasSettled(slot) }))
      await this.#removeOthers(directory, found)
      const wanted = this.#wanted(slots.length, table.nextId, slotBytes, locations)
      const nextId = table.nextId + wanted.length
      await this.#write(connection, fence, () => ({ slotBytes, nextId, slots }))
      const made = slots.filter(({ isSettled }) => !isSettled)
      for (const { id } of made) {
        files.get(id)!.close()
        files.delete(id)
      }
      const list = (slot: SlotRecord) => this.#write(connection, fence, (now) => ({ ...now, slots: [...now.slots, slot] }))
      const reserve = new SlotReserve({ directory, slotBytes, clock: this.#options.clock, wanted, made, list })
      const shelf = new Slots(files, slotBytes, this.reader(), reserve)
      shelf.occupy(locations)
      return shelf
    } catch (error) {
      for (const file of files.values()) file.close()
      throw error
    }
  }

  async destroy(): Promise<void> {
    const root = await this.#root(false)
    const remove = async () => await root?.removeEntry(encodeURIComponent(this.#options.name), { recursive: true })
    await whenLetGo(this.#options.name, this.#options.clock, remove).catch((error: unknown) => {
      if (!isNamed(error, 'NotFoundError')) throw error
    })
  }

  async #read(connection: Connection): Promise<{ readonly table: SlotTable; readonly locations: readonly Location[] }> {
    const [stored, places] = await connection.read([CHECKPOINTS], (stores) =>
      Promise.all([stores(CHECKPOINTS).get(SLOTS), stores(CHECKPOINTS).getAll(below('location'))]),
    )
    return { table: asTable(stored), locations: places.map(asLocation).filter((location) => location !== null) }
  }

  async #write(connection: Connection, fence: Fence, next: (table: SlotTable) => SlotTable): Promise<void> {
    await connection.write([CHECKPOINTS], 'strict', async (stores) => {
      const checkpoints = stores(CHECKPOINTS)
      checkFence(asHead(await checkpoints.get(HEAD)), fence, connection.name)
      await checkpoints.put(next(asTable(await checkpoints.get(SLOTS))), SLOTS)
    })
  }

  #hasSettled({ run, madeAtMs }: SlotRecord): boolean {
    const { run: now, settleMs, clock } = this.#options
    return run !== now && clock.now() - madeAtMs >= settleMs
  }

  /** The files of the table that are there and whole. */
  async #openFiles(directory: FileSystemDirectoryHandle, table: SlotTable, slotBytes: number): Promise<Map<number, SyncFile>> {
    const files = new Map<number, SyncFile>()
    try {
      for (const slot of table.slots) {
        const file = await openSyncFile(directory, slotFileName(slot.id), { mayCreate: false, clock: this.#options.clock })
        if (file === null) continue
        if (isSlot(file, slot, slotBytes)) files.set(slot.id, file)
        else file.close()
      }
      return files
    } catch (error) {
      for (const file of files.values()) file.close()
      throw error
    }
  }

  async #removeOthers(directory: FileSystemDirectoryHandle, slots: readonly SlotRecord[]): Promise<void> {
    const names = new Set(slots.map(({ id }) => slotFileName(id)))
    // The iterator of the file system is missing in the types.
    for await (const name of (directory as unknown as { keys(): AsyncIterable<string> }).keys()) {
      if (!names.has(name)) await directory.removeEntry(name).catch(() => {})
    }
  }

  /** Slots that are missing to the reserve, and to twice what is stored. */
  #wanted(count: number, nextId: number, slotBytes: number, locations: readonly Location[]): readonly SlotRecord[] {
    const storedBytes = locations.reduce((sum, { byteLength }) => sum + byteLength, 0)
    const total = Math.ceil(Math.max(this.#options.reserveBytes, 2 * storedBytes) / slotBytes)
    const { run } = this.#options
    return Array.from({ length: Math.max(0, total - count) }, (_, index) => ({
      id: nextId + index,
      stamp: newStamp(),
      run,
      madeAtMs: 0,
      isSettled: false,
    }))
  }

  async #root(mayCreate: boolean): Promise<FileSystemDirectoryHandle | null> {
    try {
      return await (await navigator.storage.getDirectory()).getDirectoryHandle(ROOT, { create: mayCreate })
    } catch (error) {
      if (isNamed(error, 'NotFoundError')) return null
      throw error
    }
  }

  async #directory(mayCreate: boolean): Promise<FileSystemDirectoryHandle | null> {
    const root = await this.#root(mayCreate)
    try {
      return (await root?.getDirectoryHandle(encodeURIComponent(this.#options.name), { create: mayCreate })) ?? null
    } catch (error) {
      if (isNamed(error, 'NotFoundError')) return null
      throw error
    }
  }
}

function newStamp(): string {
  return Array.from(crypto.getRandomValues(new Uint32Array(4)), (word) => word.toString(16).padStart(8, '0')).join('')
}

/** An empty table for anything that is none: slots are then made anew, and what lay in the old ones is missing. */
function asTable(value: unknown): SlotTable {
  const { slotBytes, nextId, slots } = (typeof value === 'object' && value !== null ? value : {}) as Partial<
    Record<keyof SlotTable, unknown>
  >
  if (!isCount(slotBytes) || !isCount(nextId) || !Array.isArray(slots) || !slots.every(isSlotRecord))
    return { slotBytes: 0, nextId: 0, slots: [] }
  return { slotBytes, nextId, slots }
}

function isSlotRecord(value: unknown): value is SlotRecord {
  if (typeof value !== 'object' || value === null) return false
  const { id, stamp, run, madeAtMs, isSettled } = value as Partial<Record<keyof SlotRecord, unknown>>
  return (
    isCount(id) && typeof stamp === 'string' && typeof run === 'string' && typeof madeAtMs === 'number' && typeof isSettled === 'boolean'
  )
}
