/**
 * Reads a checkpoint database and changes nothing.
 *
 * Before: indexeddb-store, for `inspect` and as the reading half of a session. After: checkpoint/recovery, which verifies every byte.
 *
 * Invariant: a generation that was acknowledged and is gone is still listed, so that its loss is noticed.
 */

import type { CheckpointGeneration, CheckpointReader, ChunkHash } from '../../runtime/checkpoint/checkpoint-store.ts'
import { CheckpointError } from '../../runtime/errors.ts'
import { asLocation, type ShelfReader } from './chunk-shelf.ts'
import type { Connection, ReadStore } from './connection.ts'
import { DatabaseAbsent, readError } from './idb-errors.ts'
import {
  asGeneration,
  asHead,
  below,
  CHECKPOINTS,
  compareGenerations,
  generationKey,
  generationOf,
  HEAD,
  joined,
  locationKey,
  newerOf,
} from './records.ts'

const HASH_GRAMMAR = /^[0-9a-f]{64}$/

export class IndexedDbReader implements CheckpointReader {
  readonly #connection: Connection
  readonly #shelf: ShelfReader | null
  readonly #certified: () => Promise<CheckpointGeneration | null>

  /** @param certified - What the birth certificate knows beside the database. */
  constructor(
    connection: Connection,
    shelf: ShelfReader | null,
    certified: () => Promise<CheckpointGeneration | null> = () => Promise.resolve(null),
  ) {
    this.#connection = connection
    this.#shelf = shelf
    this.#certified = certified
  }

  async generations(): Promise<readonly CheckpointGeneration[]> {
    const certified = await this.#certified()
    const [keys, head] = (await this.#read('the list of checkpoints', (checkpoints) =>
      Promise.all([checkpoints.getAllKeys(below('generation')), checkpoints.get(HEAD)]),
    )) ?? [[], null]
    const generations = keys.map(generationOf).filter((generation) => generation !== null)
    generations.sort((a, b) => compareGenerations(b, a))
    const known = newerOf(asHead(head)?.committed ?? null, certified)
    const isMissing = known !== null && (generations[0] === undefined || compareGenerations(known, generations[0]) > 0)
    return isMissing ? [known, ...generations] : generations
  }

  async readManifest(generation: CheckpointGeneration): Promise<Uint8Array | null> {
    const what = `the manifest of checkpoint ${generation.checkpointId}`
    const value = await this.#read(what, (checkpoints) => checkpoints.get(generationKey(generation)))
    if (value === undefined || value === null) return null
    const record = asGeneration(value)
    if (record === null) throw this.#damaged(what)
    return record.manifest
  }

  async readChunk(hash: ChunkHash): Promise<Uint8Array | null> {
    if (!HASH_GRAMMAR.test(hash)) throw new RangeError(`A chunk is named by 64 lower-case hex digits, not by ${hash.slice(0, 120)}`)
    const what = `chunk ${hash}`
    const found = await this.#read(what, (checkpoints) =>
      Promise.all([checkpoints.getAll(below('chunk', hash)), checkpoints.get(locationKey(hash))]),
    )
    const [pieces, location] = found ?? [[], undefined]
    if (location !== undefined) {
      const place = asLocation(location)
      if (place === null) throw this.#damaged(what)
      return (await this.#shelf?.read(place)) ?? null
    }
    if (pieces.length === 0) return null
    const bytes = joined(pieces)
    if (bytes === null) throw this.#damaged(what)
    return bytes
  }

  /** What `read` gives, or null when there is no database. */
  async #read<T>(what: string, read: (checkpoints: ReadStore) => Promise<T>): Promise<T | null> {
    try {
      return await this.#connection.read([CHECKPOINTS], (stores) => read(stores(CHECKPOINTS)))
    } catch (error) {
      if (error instanceof DatabaseAbsent) return null
      throw readError(error, what, this.#connection.name)
    }
  }

  #damaged(what: string): CheckpointError {
    const store = this.#connection.name
    return new CheckpointError('CHECKPOINT_CORRUPT', `Cannot read ${what} in ${store}: its record is damaged`, { details: { store } })
  }
}
