/**
 * What a session knows of the generations in its database, and so which chunks nothing needs any more.
 *
 * Before: loaded from the records at `open`, and again after a failure, whose outcome may be unknown. After: the transaction of a commit, which
 * deletes what the catalog gives up.
 *
 * Invariant: a chunk is given up only if no generation that stays names it; while a generation's list of chunks is damaged, none is.
 */

import type { CheckpointGeneration, ChunkHash } from '../../runtime/checkpoint/checkpoint-store.ts'
import type { ReadStore } from './connection.ts'
import { asGeneration, below, compareGenerations, generationOf } from './records.ts'

export interface CatalogEntry {
  readonly generation: CheckpointGeneration
  /** Null when the record is damaged. */
  readonly chunks: readonly ChunkHash[] | null
}

/** What can go. */
export interface Dispensable {
  readonly generations: readonly CheckpointGeneration[]
  readonly chunks: ReadonlySet<ChunkHash>
}

export class Catalog {
  /** Oldest first. */
  readonly entries: readonly CatalogEntry[]

  constructor(entries: readonly CatalogEntry[]) {
    this.entries = entries
  }

  static async load(checkpoints: ReadStore): Promise<Catalog> {
    const range = below('generation')
    const [keys, records] = await Promise.all([checkpoints.getAllKeys(range), checkpoints.getAll(range)])
    const entries = keys.flatMap((key, index): CatalogEntry[] => {
      const generation = generationOf(key)
      return generation === null ? [] : [{ generation, chunks: asGeneration(records[index])?.chunks ?? null }]
    })
    return new Catalog(entries.sort((a, b) => compareGenerations(a.generation, b.generation)))
  }

  get newest(): CheckpointGeneration | null {
    return this.entries.at(-1)?.generation ?? null
  }

  names(hash: ChunkHash): boolean {
    return this.entries.some(({ chunks }) => chunks?.includes(hash) ?? false)
  }

  /** With one more generation, and without those older than the newest `kept`. */
  with(entry: CatalogEntry, kept: number): Catalog {
    return new Catalog([...this.entries, entry].slice(-kept))
  }

  withNewest(kept: number): Catalog {
    return new Catalog(this.entries.slice(-kept))
  }

  /**
   * What is no longer needed when `next` takes this one's place.
   *
   * @param candidates - Chunks that may be superfluous beside those of generations that go.
   * @param isSpared - Chunks of a checkpoint under way.
   */
  dispensable(next: Catalog, candidates: Iterable<ChunkHash>, isSpared: (hash: ChunkHash) => boolean): Dispensable {
    const gone = this.entries.filter((entry) => !next.entries.includes(entry))
    const chunks = new Set<ChunkHash>()
    if (next.entries.every((entry) => entry.chunks !== null)) {
      const named = new Set(next.entries.flatMap((entry) => entry.chunks ?? []))
      for (const hash of [...gone.flatMap((entry) => entry.chunks ?? []), ...candidates]) {
        if (!named.has(hash) && !isSpared(hash)) chunks.add(hash)
      }
    }
    return { generations: gone.map(({ generation }) => generation), chunks }
  }
}
