/**
 * Places in a browser's storage for the contract of checkpoint stores, and the damage that can be done to them.
 *
 * Before: the page and the worker that declare the contract. After: a database of its own for each place.
 */

import { type IDBPDatabase, openDB } from 'idb'
import type { Location } from '../../adapters/indexeddb/chunk-shelf.ts'
import { certificatesOf, indexedDbCheckpoints, IndexedDbStore, type Leadership } from '../../adapters/indexeddb-store.ts'
import { opfsStore } from '../../adapters/opfs-store.ts'
import { SlotFiles } from '../../adapters/opfs/slots.ts'
import type { CheckpointGeneration, ChunkHash } from '../../runtime/checkpoint/checkpoint-store.ts'
import { systemClock } from '../../runtime/clock.ts'
import type { StoreCapabilities, StorePlace } from '../contract/checkpoint-store-contract.ts'

export const BROWSER_STORE: StoreCapabilities = { locksLiveOwners: true, detectsLoss: true, canBeDamaged: true }

let placeCount = 0

/** A name that no other place of this browser profile has. */
export function newName(): string {
  return `place-${crypto.randomUUID()}-${placeCount++}`
}

export async function indexedDbPlace(): Promise<StorePlace> {
  const name = newName()
  // A process that was killed leaves its lock; one that lives in this very page is stood in for by stealing.
  const restarted = () => indexedDbCheckpoints(name, { leadership: 'steal' })
  return {
    restarted,
    rival: () => indexedDbCheckpoints(name),
    damage: (what, change) => withDatabase(`millrace/${name}`, (database) => damage(database, what, change)),
    dispose: () => restarted().destroy(),
  }
}

/** As on pages without HTTPS, which have no Web Locks: the epoch alone decides. */
export async function lockless(): Promise<StorePlace> {
  const name = newName()
  const certificates = certificatesOf(name, systemClock)
  const parts = { kind: 'indexeddb', databaseName: `millrace/${name}`, clock: systemClock, locks: undefined, certificates, shelves: null }
  const restarted = () => new IndexedDbStore({}, parts)
  return {
    restarted,
    damage: (what, change) => withDatabase(`millrace/${name}`, (database) => damage(database, what, change)),
    dispose: () => restarted().destroy(),
  }
}

/**
 * @param areSettled - Whether the slots were made by an earlier run, so that chunks go there; otherwise they go to the database.
 */
export async function opfsPlace(areSettled: boolean): Promise<StorePlace> {
  const name = newName()
  let runCount = 0
  const store = (leadership: Leadership) =>
    opfsStore(
      name,
      { leadership, reserveBytes: 512 * 1024 },
      { run: String(areSettled ? runCount++ : 0), slotBytes: 256 * 1024, settleMs: 0 },
    )
  if (areSettled) {
    const session = await store('refuse').open('contract')
    await slotsMade(`millrace-opfs/${name}`, 2)
    await session.close()
  }
  return {
    restarted: () => store('steal'),
    rival: () => store('refuse'),
    damage: (what, change) => withDatabase(`millrace-opfs/${name}`, (database) => damage(database, what, change)),
    dispose: () => store('steal').destroy(),
  }
}

/** Resolves when a store has so many slots. */
export async function slotsMade(database: string, count: number): Promise<void> {
  for (;;) {
    const table: unknown = await withDatabase(database, (of) => of.get('checkpoints', ['slots']))
    if (((table as { slots?: unknown[] } | undefined)?.slots?.length ?? 0) >= count) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

export async function withDatabase<T>(name: string, use: (database: IDBPDatabase) => Promise<T>): Promise<T> {
  const database = await openDB(name)
  try {
    return await use(database)
  } finally {
    database.close()
  }
}

type Change = (bytes: Uint8Array) => Uint8Array | null

/** Changes the stored bytes of a chunk or manifest in place. */
export async function damage(database: IDBPDatabase, what: ChunkHash | CheckpointGeneration, change: Change): Promise<void> {
  const isChunk = typeof what === 'string'
  const key = isChunk ? ['chunk', what, 0] : ['generation', what.epoch, what.checkpointId]
  const stored: unknown = (await database.get('checkpoints', key)) ?? (isChunk ? await shelved(database, what) : undefined)
  if (stored === undefined) throw new Error(`There is nothing to damage at ${key.join('/')}`)
  const record = isChunk ? null : (stored as { manifest: Uint8Array })
  const changed = change(record?.manifest ?? (stored as Uint8Array))
  // The file is open, exclusively; what it holds is changed where it is referred to.
  if (isChunk) await database.delete('checkpoints', ['location', what])
  if (changed === null) await database.delete('checkpoints', key)
  else await database.put('checkpoints', record === null ? changed : { ...record, manifest: changed }, key)
}

/** The bytes of a chunk that lies in a slot. */
async function shelved(database: IDBPDatabase, hash: ChunkHash): Promise<Uint8Array | undefined> {
  const location: unknown = await database.get('checkpoints', ['location', hash])
  if (location === undefined) return undefined
  const root = await (await navigator.storage.getDirectory()).getDirectoryHandle('millrace')
  const directory = await root.getDirectoryHandle(database.name.replace('millrace-opfs/', ''))
  return (await new SlotFiles(() => Promise.resolve(directory)).read(location as Location)) ?? undefined
}
