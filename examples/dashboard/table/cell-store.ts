/**
 * Windows of a table in IndexedDB, a version for each checkpoint in which they changed: so a table can go back to any recent checkpoint.
 *
 * Before: the sinks prepare and commit with the job's checkpoints. After: at a restart they load what the recovered checkpoint covers.
 *
 * Invariant: for every checkpoint the job can still go back to, the newest version of a window that is not newer than it is kept.
 */

import { type IDBPDatabase, openDB } from 'idb'
import type { Cells } from '../cells.ts'

/** Names a cut: epochs rise with every start of the job, checkpoints within it. */
export interface Cut {
  readonly epoch: number
  readonly checkpointId: number
}

interface StoredCells extends Cells {
  readonly table: string
  readonly epoch: number
  readonly checkpointId: number
}

type VersionKey = [table: string, startMs: number, epoch: number, checkpointId: number]

const STORE = 'cells'
/** Checkpoints that a job may go back to. */
const CUTS_KEPT = 3

export class CellStore {
  readonly #database: IDBPDatabase
  readonly #table: string
  #versions: VersionKey[] = []
  #cuts: Cut[] = []

  private constructor(database: IDBPDatabase, table: string) {
    this.#database = database
    this.#table = table
  }

  static async open(name: string, table: string): Promise<CellStore> {
    const database = await openDB(name, 1, {
      upgrade: (created) => void created.createObjectStore(STORE, { keyPath: ['table', 'startMs', 'epoch', 'checkpointId'] }),
      // Who wants to delete the database need not wait for us.
      blocking: (_current, _blocked, event) => (event.target as IDBDatabase).close(),
    })
    return new CellStore(database, table)
  }

  /** Windows as of a cut; what is newer is removed. Without a cut everything is. */
  async load(cut: Cut | null): Promise<Cells[]> {
    const all = (await this.#database.getAll(STORE, this.#range())) as StoredCells[]
    const newest = new Map<number, StoredCells>()
    const stale: VersionKey[] = []
    for (const stored of all) {
      // In the order of the key: the last one that is not newer than the cut is the one that holds.
      if (cut !== null && compareCuts(stored, cut) <= 0) newest.set(stored.startMs, stored)
      else stale.push(keyOf(stored))
    }
    await this.#remove(stale)
    const isStale = new Set(stale.map(String))
    this.#versions = all.map(keyOf).filter((key) => !isStale.has(String(key)))
    this.#cuts = cut === null ? [] : [cut]
    return [...newest.values()].map(({ startMs, n, sum, min, max, corrections }) => ({ startMs, n, sum, min, max, corrections }))
  }

  /** Keeps windows as they are now, under a cut to come. Resolves when they would survive the end of the browser. */
  async write(windows: readonly Cells[], cut: Cut): Promise<void> {
    if (windows.length === 0) return
    const transaction = this.#database.transaction(STORE, 'readwrite', { durability: 'strict' })
    const store = transaction.objectStore(STORE)
    const stored = windows.map((cells) => ({ ...cells, table: this.#table, ...cut }))
    for (const cells of stored) void store.put(cells)
    await transaction.done
    this.#versions.push(...stored.map(keyOf))
  }

  /** A cut is final: versions that no checkpoint needs any more go, and windows before `oldestMs`. */
  async commit(cut: Cut, oldestMs: number): Promise<void> {
    this.#cuts.push(cut)
    if (this.#cuts.length > CUTS_KEPT) this.#cuts.splice(0, this.#cuts.length - CUTS_KEPT)
    const oldestCut = this.#cuts[0]!
    const base = new Map<number, VersionKey>()
    for (const key of this.#versions) if (compareCuts(cutOf(key), oldestCut) <= 0) base.set(key[1], key)
    const gone = this.#versions.filter((key) => key[1] < oldestMs || (compareCuts(cutOf(key), oldestCut) <= 0 && base.get(key[1]) !== key))
    const isGone = new Set(gone)
    this.#versions = this.#versions.filter((key) => !isGone.has(key))
    await this.#remove(gone)
  }

  close(): void {
    this.#database.close()
  }

  #range(): IDBKeyRange {
    return IDBKeyRange.bound([this.#table], [this.#table, []])
  }

  async #remove(keys: readonly VersionKey[]): Promise<void> {
    if (keys.length === 0) return
    const transaction = this.#database.transaction(STORE, 'readwrite')
    for (const key of keys) void transaction.objectStore(STORE).delete(key)
    await transaction.done
  }
}

function keyOf({ table, startMs, epoch, checkpointId }: StoredCells): VersionKey {
  return [table, startMs, epoch, checkpointId]
}

function cutOf(key: VersionKey): Cut {
  return { epoch: key[2], checkpointId: key[3] }
}

function compareCuts(a: Cut, b: Cut): number {
  return a.epoch - b.epoch || a.checkpointId - b.checkpointId
}
