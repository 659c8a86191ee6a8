/**
 * Checkpoints in memory: the reference store. Read it first, and copy it to begin a new one.
 *
 * Before: checkpoint/recovery writes and reads through a session. After: nothing; it lives as long as the object, so it outlives jobs
 * within one process (tests, demonstrations, a restart after a worker's crash) and nothing else.
 *
 * Nobody can tell whether the holder of an earlier session still lives, so a new `open` does not wait for it: it takes a higher epoch, and
 * the earlier session is fenced.
 *
 * Invariant: `#generations` holds whole generations only, oldest first, and `#chunks` every chunk that one of them names.
 */

import type {
  CheckpointGeneration,
  CheckpointReader,
  CheckpointSession,
  CheckpointStore,
  ChunkHash,
} from '../runtime/checkpoint/checkpoint-store.ts'
import type { Journal } from '../runtime/checkpoint/journal.ts'
import { CheckpointError, JobStateError } from '../runtime/errors.ts'

interface StoredGeneration extends CheckpointGeneration {
  readonly manifest: Uint8Array
  readonly chunks: readonly ChunkHash[]
}

interface StoredJournal {
  /** Number of the first of `entries`. */
  begin: number
  readonly entries: Uint8Array[]
  byteLength: number
}

export interface MemoryCheckpointsOptions {
  /** Generations kept, at least 3, which is the default. */
  readonly generations?: number
}

/** A store that keeps checkpoints in this object. */
export function memoryCheckpoints(options: MemoryCheckpointsOptions = {}): CheckpointStore {
  const kept = options.generations ?? 3
  if (!Number.isSafeInteger(kept) || kept < 3) throw new RangeError(`generations must be an integer of at least 3, it is ${kept}`)
  return new MemoryStore(kept)
}

class MemoryStore implements CheckpointStore {
  readonly kind = 'memory'
  readonly #kept: number
  readonly #chunks = new Map<ChunkHash, Uint8Array>()
  #generations: StoredGeneration[] = []
  readonly #journals = new Map<string, StoredJournal>()
  #jobName: string | null = null
  #epoch = 0

  constructor(kept: number) {
    this.#kept = kept
  }

  async open(jobName: string): Promise<CheckpointSession> {
    if (this.#jobName !== null && this.#jobName !== jobName) {
      throw new CheckpointError(
        'STATE_FOREIGN',
        `Cannot open the store for ${jobName}: it belongs to job ${this.#jobName}; use another store for each job`,
        {
          details: { found: this.#jobName, wanted: jobName },
        },
      )
    }
    this.#jobName = jobName
    const epoch = ++this.#epoch
    /** Written and not yet part of a generation: the collector must leave them. */
    const pending = new Set<ChunkHash>()
    const openJournals = new Set<string>()
    let isClosed = false
    const checkClaim = () => {
      if (isClosed) throw new JobStateError('JOB_CLOSED', 'The checkpoint session is closed; open the store again')
      if (epoch !== this.#epoch) {
        throw new JobStateError('JOB_FENCED', `Epoch ${epoch} of job ${jobName} is over: epoch ${this.#epoch} has taken the store`, {
          details: { epoch, newerEpoch: this.#epoch },
        })
      }
    }
    return {
      epoch,
      ...this.#reader(),
      writeChunk: async (hash, bytes) => {
        checkClaim()
        this.#chunks.set(hash, bytes.slice())
        pending.add(hash)
      },
      commit: async (checkpointId, manifest, chunks) => {
        checkClaim()
        this.#checkOrder(epoch, checkpointId)
        const missing = chunks.find((hash) => !this.#chunks.has(hash))
        if (missing !== undefined) {
          throw new CheckpointError('CHECKPOINT_INCOMPLETE', `Cannot commit checkpoint ${checkpointId}: chunk ${missing} was not written`, {
            details: { hash: missing },
          })
        }
        this.#generations = [...this.#generations, { epoch, checkpointId, manifest: manifest.slice(), chunks: [...chunks] }].slice(
          -this.#kept,
        )
        for (const hash of chunks) pending.delete(hash)
        this.#collect(pending)
      },
      openJournal: async (name) => {
        checkClaim()
        if (openJournals.has(name)) throw new RangeError(`The journal ${JSON.stringify(name)} is open already`)
        openJournals.add(name)
        return this.#openJournal(name, checkClaim, () => openJournals.delete(name))
      },
      close: async () => {
        isClosed = true
      },
    }
  }

  #openJournal(name: string, checkClaim: () => void, closed: () => void): Journal {
    const stored = this.#journals.get(name) ?? { begin: 0, entries: [], byteLength: 0 }
    this.#journals.set(name, stored)
    let isOpen = true
    const end = () => stored.begin + stored.entries.length
    const check = () => {
      checkClaim()
      if (!isOpen) throw new JobStateError('JOB_CLOSED', `The journal ${JSON.stringify(name)} is closed; open it again`)
    }
    const checkNumber = (number: number, least: number) => {
      if (!Number.isSafeInteger(number) || number < least || number > end())
        throw new RangeError(`The journal ${JSON.stringify(name)} has entries ${stored.begin} to ${end() - 1}, asked for ${number}`)
    }
    return {
      get begin() {
        return stored.begin
      },
      get end() {
        return end()
      },
      get byteLength() {
        return stored.byteLength
      },
      append: async (entries) => {
        check()
        const first = end()
        for (const bytes of entries) {
          stored.entries.push(bytes.slice())
          stored.byteLength += bytes.length
        }
        return first
      },
      read: async (from, countMax) => {
        checkNumber(from, stored.begin)
        const at = from - stored.begin
        return stored.entries.slice(at, at + countMax).map((bytes) => bytes.slice())
      },
      trim: async (before) => {
        check()
        checkNumber(before, 0)
        const count = Math.max(0, before - stored.begin)
        for (const { length } of stored.entries.splice(0, count)) stored.byteLength -= length
        stored.begin += count
      },
      close: async () => {
        isOpen = false
        closed()
      },
    }
  }

  async inspect(): Promise<CheckpointReader> {
    return this.#reader()
  }

  #reader(): CheckpointReader {
    return {
      generations: async () => this.#generations.map(({ epoch, checkpointId }) => ({ epoch, checkpointId })).toReversed(),
      readManifest: async (wanted) =>
        this.#generations
          .find(({ epoch, checkpointId }) => epoch === wanted.epoch && checkpointId === wanted.checkpointId)
          ?.manifest.slice() ?? null,
      readChunk: async (hash) => this.#chunks.get(hash)?.slice() ?? null,
    }
  }

  #checkOrder(epoch: number, checkpointId: number): void {
    const last = this.#generations.at(-1)
    const least = last?.epoch === epoch ? last.checkpointId + 1 : 0
    if (!Number.isSafeInteger(checkpointId) || checkpointId < least)
      throw new RangeError(`checkpointId must be an integer of at least ${least}, it is ${checkpointId}`)
  }

  /** Forgets the chunks that no kept generation names, except those of a checkpoint under way. */
  #collect(pending: ReadonlySet<ChunkHash>): void {
    const named = new Set(this.#generations.flatMap(({ chunks }) => chunks))
    for (const hash of this.#chunks.keys()) if (!named.has(hash) && !pending.has(hash)) this.#chunks.delete(hash)
  }
}
