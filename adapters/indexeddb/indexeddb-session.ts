/**
 * One owner's session of a checkpoint database: gathers chunks, commits generations, gives up what nothing names any more.
 *
 * Before: checkpoint/recovery, through CheckpointSession. After: transactions, each of which looks first whether the session still owns the store.
 * Up to 8 MiB a commit is one transaction: chunks, generation, head, and the removal of what is superfluous. Beyond that the chunks go ahead in
 * parts. Then the certificate, and only then the acknowledgement. With `strict` durability the browser flushes each of these transactions.
 * After a failure, whose outcome may be unknown (a lost connection), all chunks of the checkpoint are forgotten and what is there is read again.
 *
 * Invariant: when `commit` resolves, the transaction is complete and the certificate knows of it; a generation and its chunks come together.
 */

import type { CheckpointGeneration, CheckpointSession, ChunkHash } from '../../runtime/checkpoint/checkpoint-store.ts'
import type { Journal } from '../../runtime/checkpoint/journal.ts'
import type { Clock } from '../../runtime/clock.ts'
import { CheckpointError, JobStateError, type MillraceError } from '../../runtime/errors.ts'
import { Catalog } from './catalog.ts'
import type { Certificates } from './certificate.ts'
import { asLocation, type ChunkShelf, type Location } from './chunk-shelf.ts'
import { grouped, removalsOf } from './chunk-writes.ts'
import type { Connection, Durability, ReadStore, WriteStore } from './connection.ts'
import { checkFence, fenced, stateLost } from './fence.ts'
import { DatabaseAbsent, storeError } from './idb-errors.ts'
import { IndexedDbJournal } from './indexeddb-journal.ts'
import { PendingChunks } from './pending-chunks.ts'
import type { IndexedDbReader } from './indexeddb-reader.ts'
import type { Lease } from './leadership.ts'
import { asHead, BEAT, below, CHECKPOINTS, chunkOf, generationKey, generationRecord, HEAD, type Head, headRecord } from './records.ts'

/** What is kept when the browser grants no more space. */
export const GENERATIONS_MIN = 3

export interface SessionParts {
  readonly connection: Connection
  readonly reader: IndexedDbReader
  readonly certificates: Certificates
  readonly lease: Lease
  readonly clock: Clock
  readonly head: Head
  readonly catalog: Catalog
  readonly shelf: ChunkShelf | null
  readonly generationsKept: number
  readonly durability: Durability
}

export class IndexedDbSession implements CheckpointSession {
  readonly #parts: SessionParts
  #head: Head
  /** Whether this owner of the store has committed. Its first commit is strict in any case: not even `relaxed` shall lose the last trace of a job. */
  #isBorn = false
  /** Null after a failure: to be read again. */
  #catalog: Catalog | null
  readonly #pending: PendingChunks
  /** Whether nothing lies about that no generation names, but for what is pending. */
  #isSwept = false
  readonly #journals = new Map<string, IndexedDbJournal>()
  #beatCount = 0
  #lastWork: Promise<unknown> = Promise.resolve()
  /** Why the session can do nothing any more. */
  #over: MillraceError | null = null
  #isClosed = false

  constructor(parts: SessionParts) {
    this.#parts = parts
    this.#head = parts.head
    this.#catalog = parts.catalog
    this.#pending = new PendingChunks(parts.shelf)
    parts.lease.onLost(() => this.#end(fenced(this.epoch, this.#store)))
    parts.lease.answer(this.#store, parts.clock, () => this.#beat())
  }

  get epoch(): number {
    return this.#parts.head.epoch
  }

  generations(): Promise<readonly CheckpointGeneration[]> {
    return this.#parts.reader.generations()
  }

  readManifest(generation: CheckpointGeneration): Promise<Uint8Array | null> {
    return this.#parts.reader.readManifest(generation)
  }

  async readChunk(hash: ChunkHash): Promise<Uint8Array | null> {
    return this.#pending.bytesOf(hash) ?? (await this.#parts.reader.readChunk(hash))
  }

  async writeChunk(hash: ChunkHash, bytes: Uint8Array): Promise<void> {
    this.#checkUsable()
    this.#pending.add(hash, bytes)
    if (this.#pending.isLarge) await this.#inTurn(() => this.#guard('write a chunk', () => this.#writeAhead()))
  }

  commit(checkpointId: number, manifest: Uint8Array, chunks: readonly ChunkHash[]): Promise<void> {
    const own = { manifest: new Uint8Array(manifest), chunks: [...chunks] }
    return this.#inTurn(() => this.#commit(checkpointId, own.manifest, own.chunks))
  }

  async openJournal(name: string): Promise<Journal> {
    this.#checkUsable()
    if (this.#journals.has(name)) throw new RangeError(`Journal ${name} of ${this.#store} is open already; close it first`)
    const end = this.#head.journalEnds.find(([of]) => of === name)?.[1] ?? 0
    const journal = await IndexedDbJournal.open({
      connection: this.#parts.connection,
      fence: this.#head,
      name,
      endMin: end,
      checkUsable: () => this.#checkUsable(),
      failed: (error) => this.#end(error),
      closed: () => this.#journals.delete(name),
    })
    this.#journals.set(name, journal)
    return journal
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    await this.#lastWork
    for (const journal of this.#journals.values()) await journal.close()
    this.#parts.shelf?.close()
    this.#parts.connection.close()
    await this.#parts.lease.release()
  }

  async #commit(checkpointId: number, manifest: Uint8Array<ArrayBuffer>, chunks: readonly ChunkHash[]): Promise<void> {
    this.#checkUsable()
    const action = `commit checkpoint ${checkpointId}`
    const catalog = await this.#guard(action, () => this.#catalogNow())
    this.#checkOrder(catalog, checkpointId)
    this.#checkComplete(catalog, checkpointId, chunks)
    const generation = { epoch: this.epoch, checkpointId }
    await this.#guard(action, async () => {
      await this.#withRoom(async () => {
        if (this.#pending.isLarge) await this.#writeAhead()
        await this.#publish(generation, manifest, chunks)
      })
      const { jobName } = this.#head
      await this.#parts.certificates.write({ jobName, epoch: this.epoch, committed: generation })
    })
  }

  /** The commit itself: everything that makes a generation real, in one transaction. */
  async #publish(generation: CheckpointGeneration, manifest: Uint8Array<ArrayBuffer>, chunks: readonly ChunkHash[]): Promise<void> {
    const catalog = await this.#catalogNow()
    const next = catalog.with({ generation, chunks }, this.#parts.generationsKept)
    const named = new Set(chunks)
    const isSpared = (hash: ChunkHash) => !named.has(hash) && this.#pending.has(hash)
    const head = headRecord({ ...this.#head, committed: generation, journalEnds: this.#journalEnds() })
    const { writes, done } = this.#pending.writes()
    const freed = await this.#transact(async (checkpoints) => {
      const lying = this.#isSwept ? [] : await chunksIn(checkpoints)
      const { generations, chunks: gone } = catalog.dispensable(next, lying, isSpared)
      const locations = await locationsOf(checkpoints, this.#parts.shelf === null ? [] : gone)
      await Promise.all([
        ...[...writes, ...removalsOf(gone)].map((write) => write.apply(checkpoints)),
        checkpoints.put(generationRecord({ manifest, chunks }), generationKey(generation)),
        checkpoints.put(head, HEAD),
        ...generations.map((old) => checkpoints.delete(generationKey(old))),
      ])
      return locations
    })
    for (const location of freed) this.#parts.shelf?.release(location)
    this.#head = head
    this.#catalog = next
    this.#isSwept = true
    this.#isBorn = true
    done()
    this.#pending.named(chunks)
  }

  /** Writes the buffered chunks before the commit that names them. */
  async #writeAhead(): Promise<void> {
    this.#checkUsable()
    if (!this.#pending.isLarge) return
    if (this.#catalog === null) await this.#catalogNow()
    const { writes, done } = this.#pending.writes()
    for (const group of grouped(writes)) {
      await this.#transact((checkpoints) => Promise.all(group.map((write) => write.apply(checkpoints))))
    }
    done()
  }

  /** Does it once more with less in the store when there was no room for it. */
  async #withRoom(work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      if (storeError(error, '', '').code !== 'STORE_FULL') throw error
      await this.#makeRoom()
      await work()
    }
  }

  /** Gives up the generations beyond the fewest, and every chunk that nothing names. */
  async #makeRoom(): Promise<void> {
    await this.#parts.shelf?.makeRoom()
    this.#catalog = null
    const catalog = await this.#catalogNow()
    const next = catalog.withNewest(GENERATIONS_MIN)
    await this.#transact(async (checkpoints) => {
      const { generations, chunks } = catalog.dispensable(next, await chunksIn(checkpoints), (hash) => this.#pending.isWritten(hash))
      await Promise.all([
        ...removalsOf(chunks).map((write) => write.apply(checkpoints)),
        ...generations.map((old) => checkpoints.delete(generationKey(old))),
      ])
    })
    this.#catalog = null
  }

  /** What is there; read again after a failure. */
  async #catalogNow(): Promise<Catalog> {
    if (this.#catalog !== null) return this.#catalog
    const { connection, shelf } = this.#parts
    const [catalog, locations] = await connection.read([CHECKPOINTS], async (stores) => {
      const checkpoints = stores(CHECKPOINTS)
      await this.#checkOwner(checkpoints)
      return await Promise.all([Catalog.load(checkpoints), checkpoints.getAll(below('location'))])
    })
    shelf?.occupy(locations.map(asLocation).filter((location) => location !== null))
    this.#catalog = catalog
    return catalog
  }

  #transact<T>(body: (checkpoints: WriteStore) => Promise<T>): Promise<T> {
    return this.#parts.connection.write([CHECKPOINTS], this.#isBorn ? this.#parts.durability : 'strict', async (stores) => {
      const checkpoints = stores(CHECKPOINTS)
      await this.#checkOwner(checkpoints)
      return await body(checkpoints)
    })
  }

  async #checkOwner(checkpoints: ReadStore): Promise<void> {
    checkFence(asHead(await checkpoints.get(HEAD)), this.#head, this.#store)
  }

  /** A sign of life, when another tab asks for it. A failure of it is none of a checkpoint that is under way. */
  async #beat(): Promise<void> {
    if (this.#isClosed || this.#over !== null) return
    try {
      await this.#parts.connection.write([CHECKPOINTS], 'relaxed', async (stores) => {
        const checkpoints = stores(CHECKPOINTS)
        await this.#checkOwner(checkpoints)
        await checkpoints.put({ epoch: this.epoch, count: ++this.#beatCount }, BEAT)
      })
    } catch (error) {
      await this.#failure(error, 'show life')
    }
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#lastWork.then(work)
    this.#lastWork = turn.catch(() => {})
    return turn
  }

  /** What `work` gives. When it fails, the chunks of the checkpoint are forgotten, so that the next one writes them again. */
  async #guard<T>(action: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      this.#pending.forget()
      this.#catalog = null
      this.#isSwept = false
      throw await this.#failure(error, action)
    }
  }

  /** What went wrong, in our terms; when it says that the store is not ours any more the session is over. */
  async #failure(error: unknown, action: string): Promise<MillraceError> {
    const isAbsent = error instanceof DatabaseAbsent
    const failure = isAbsent ? stateLost(this.#store, 'there is no database') : storeError(error, action, this.#store)
    if (failure.code === 'JOB_FENCED' || failure.code === 'STATE_LOST') this.#end(failure)
    // The certificate was deleted along with the database: without it the next start would be a silent new beginning.
    if (failure.code === 'STATE_LOST') {
      const { jobName, epoch, committed } = this.#head
      await this.#parts.certificates.write({ jobName, epoch, committed }).catch(() => {})
    }
    return failure
  }

  #end(error: MillraceError): void {
    this.#over ??= error
    this.#parts.shelf?.close()
  }

  #journalEnds(): Head['journalEnds'] {
    const ends = new Map(this.#head.journalEnds)
    for (const [name, journal] of this.#journals) ends.set(name, journal.end)
    return [...ends]
  }

  #checkUsable(): void {
    if (this.#isClosed) throw new JobStateError('JOB_CLOSED', 'The checkpoint session is closed; open the store again')
    if (this.#over !== null) throw this.#over
  }

  #checkOrder(catalog: Catalog, checkpointId: number): void {
    const { newest } = catalog
    const least = newest?.epoch === this.epoch ? newest.checkpointId + 1 : 0
    if (!Number.isSafeInteger(checkpointId) || checkpointId < least)
      throw new RangeError(`checkpointId must be an integer of at least ${least}, it is ${checkpointId}`)
  }

  #checkComplete(catalog: Catalog, checkpointId: number, chunks: readonly ChunkHash[]): void {
    const missing = chunks.find((hash) => !this.#pending.has(hash) && !catalog.names(hash))
    if (missing === undefined) return
    throw new CheckpointError('CHECKPOINT_INCOMPLETE', `Cannot commit checkpoint ${checkpointId}: chunk ${missing} was not written`, {
      details: { hash: missing },
    })
  }

  get #store(): string {
    return this.#parts.connection.name
  }
}

/** Names of all chunks that are there, for the collector. */
async function chunksIn(checkpoints: WriteStore): Promise<readonly ChunkHash[]> {
  const keys = await Promise.all([checkpoints.getAllKeys(below('chunk')), checkpoints.getAllKeys(below('location'))])
  return [...new Set(keys.flat().map(chunkOf))]
}

async function locationsOf(checkpoints: WriteStore, hashes: Iterable<ChunkHash>): Promise<readonly Location[]> {
  const found = await Promise.all(Array.from(hashes, (hash) => checkpoints.get(['location', hash])))
  return found.map(asLocation).filter((location) => location !== null)
}
