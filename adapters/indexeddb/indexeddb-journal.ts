/**
 * A journal in the checkpoint database: each batch of entries is a transaction.
 *
 * Before: a source of messages. After: the object store `journals`, which has a fence of its own, so that an append never waits for a commit.
 * Appends are `relaxed`: they survive the end of the process, which is what is promised. For power loss the checkpoint stands in: its commit is
 * `strict`, lies in the same database, and so in the same log (LevelDB) or write-ahead log (SQLite), whose flush takes along what was appended
 * before; pieces of 32 KiB keep the bytes in that log instead of files of their own. The head of the store notes where each journal ended, so even
 * if a browser lost appends all the same no number is given out twice, and reading what is lost is `CHECKPOINT_CORRUPT`, not silence.
 * Appends that come while one is under way go together in the next transaction.
 *
 * Invariant: `#batches` are those in the database, in order; what is acknowledged lies before `end`.
 */

import { seal, unseal } from '../../runtime/checkpoint/envelope.ts'
import type { Journal } from '../../runtime/checkpoint/journal.ts'
import { CheckpointError, JobStateError, MillraceError } from '../../runtime/errors.ts'
import type { Connection, WriteStore } from './connection.ts'
import { checkFence, stateLost } from './fence.ts'
import { DatabaseAbsent, readError, storeError } from './idb-errors.ts'
import { decodeEntries, encodeEntries } from './journal-entries.ts'
import { asFence, asJournalState, below, type Fence, FENCE, isCount, joined, JOURNALS, stateKey } from './records.ts'

/** Values above 64 KiB are kept in files of their own by Chromium. */
const PIECE_BYTES = 32 * 1024
/** Appends that wait go together up to this size. */
const BATCH_BYTES = 1024 * 1024

export interface JournalParts {
  readonly connection: Connection
  readonly fence: Fence
  readonly name: string
  /** The end that a checkpoint knows of. */
  readonly endMin: number
  readonly checkUsable: () => void
  /** Told of what ends the whole session. */
  readonly failed: (error: MillraceError) => void
  readonly closed: () => void
}

/** Entries `first` to `first + count - 1`, in a frame of `byteLength`. */
interface Batch {
  readonly first: number
  readonly count: number
  readonly byteLength: number
}

interface Waiting {
  readonly entries: readonly Uint8Array[]
  readonly done: PromiseWithResolvers<number>
}

export class IndexedDbJournal implements Journal {
  readonly #parts: JournalParts
  /** Oldest first. */
  #batches: Batch[]
  #begin: number
  #end: number
  #waiting: Waiting[] = []
  #lastWork: Promise<unknown> = Promise.resolve()
  /** Whether there may be entries behind the end: an append failed. */
  #mayHaveMore = false
  #isClosed = false

  private constructor(parts: JournalParts, begin: number, end: number, batches: Batch[]) {
    this.#parts = parts
    this.#begin = begin
    this.#end = end
    this.#batches = batches
  }

  static async open(parts: JournalParts): Promise<IndexedDbJournal> {
    const { connection, name, endMin } = parts
    const [stored, keys] = await connection
      .read([JOURNALS], (stores) => {
        const journals = stores(JOURNALS)
        return Promise.all([journals.get(stateKey(name)), journals.getAllKeys(below('batch', name))])
      })
      .catch((error: unknown) => {
        throw journalError(error, connection, `open journal ${name}`)
      })
    const state = asJournalState(stored) ?? { begin: 0, end: 0 }
    const batches = keys.map(batchOf).filter((batch, index, all) => batch !== null && batch.first !== all[index - 1]?.first) as Batch[]
    return new IndexedDbJournal(parts, state.begin, Math.max(state.end, endMin), batches)
  }

  get begin(): number {
    return this.#begin
  }

  get end(): number {
    return this.#end
  }

  get byteLength(): number {
    return this.#batches.reduce((sum, batch) => sum + batch.byteLength, 0)
  }

  append(entries: readonly Uint8Array[]): Promise<number> {
    const waiting = { entries: entries.map((entry) => new Uint8Array(entry)), done: Promise.withResolvers<number>() }
    this.#waiting.push(waiting)
    void this.#inTurn(() => this.#appendWaiting())
    return waiting.done.promise
  }

  async read(from: number, countMax: number): Promise<readonly Uint8Array[]> {
    this.#checkOpen()
    if (!(from >= this.#begin && from <= this.#end))
      throw new RangeError(`Cannot read journal ${this.#parts.name} from ${from}: it has ${this.#begin} to ${this.#end}`)
    const to = Math.min(from + countMax, this.#end)
    const batches = this.#batches.filter(({ first, count }) => first < to && first + count > from)
    const frames = await this.#framesOf(batches)
    const entries: Uint8Array[] = []
    for (const [index, { first, count }] of batches.entries()) {
      const found = await this.#entriesOf(frames[index]!, first, count)
      const next = from + entries.length
      if (first > next) throw this.#lost(next)
      entries.push(...found.slice(next - first, to - first))
    }
    if (from + entries.length < to) throw this.#lost(from + entries.length)
    return entries
  }

  trim(before: number): Promise<void> {
    return this.#inTurn(async () => {
      this.#checkUsable()
      if (!(before <= this.#end)) throw new RangeError(`Cannot trim journal ${this.#parts.name} before ${before}: it ends at ${this.#end}`)
      if (before <= this.#begin) return
      const kept = this.#batches.filter(({ first, count }) => first + count > before)
      const gone = this.#batches.filter((batch) => !kept.includes(batch))
      await this.#transact('trim', async (journals) => {
        await Promise.all([
          ...gone.map((batch) => journals.delete(below(...this.#keyOf(batch)))),
          journals.put({ begin: before, end: this.#end }, stateKey(this.#parts.name)),
        ])
      })
      this.#batches = kept
      this.#begin = before
    })
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    await this.#lastWork
    this.#isClosed = true
    this.#parts.closed()
  }

  /** Appends what waits, as one batch; what is too much for one waits for its turn. */
  async #appendWaiting(): Promise<void> {
    const taken: Waiting[] = []
    let bytes = 0
    while (this.#waiting.length > 0 && (taken.length === 0 || bytes < BATCH_BYTES)) {
      const waiting = this.#waiting.shift()!
      taken.push(waiting)
      bytes += waiting.entries.reduce((sum, entry) => sum + entry.length, 0)
    }
    if (taken.length === 0) return
    try {
      this.#checkUsable()
      let first = this.#end
      await this.#appendBatch(taken.flatMap(({ entries }) => entries))
      for (const { entries, done } of taken) {
        done.resolve(first)
        first += entries.length
      }
    } catch (error) {
      this.#mayHaveMore = true
      for (const { done } of taken) done.reject(error)
    }
  }

  async #appendBatch(entries: readonly Uint8Array[]): Promise<void> {
    if (entries.length === 0) return
    const frame = await seal('chunk', encodeEntries(entries))
    const batch = { first: this.#end, count: entries.length, byteLength: frame.length }
    const end = batch.first + batch.count
    const pieces: Uint8Array[] = []
    for (let at = 0; at < frame.length; at += PIECE_BYTES) pieces.push(frame.slice(at, at + PIECE_BYTES))
    await this.#transact('append to', async (journals) => {
      await Promise.all([
        // An append that failed may have happened all the same, and taken more numbers than this one.
        ...(this.#mayHaveMore ? [journals.delete(this.#from(batch.first))] : []),
        ...pieces.map((piece, index) => journals.put(piece, [...this.#keyOf(batch), index])),
        journals.put({ begin: this.#begin, end }, stateKey(this.#parts.name)),
      ])
    })
    this.#mayHaveMore = false
    this.#batches.push(batch)
    this.#end = end
  }

  /** The frames of batches, in order. */
  async #framesOf(batches: readonly Batch[]): Promise<readonly Uint8Array[]> {
    const { connection, name } = this.#parts
    try {
      const pieces = await connection.read([JOURNALS], (stores) =>
        Promise.all(batches.map((batch) => stores(JOURNALS).getAll(below(...this.#keyOf(batch))))),
      )
      // What is no bytes is damage, which the frame's hash tells.
      return pieces.map((of) => joined(of) ?? new Uint8Array(0))
    } catch (error) {
      throw readError(error, `journal ${name}`, connection.name)
    }
  }

  async #entriesOf(frame: Uint8Array, first: number, count: number): Promise<readonly Uint8Array[]> {
    const { name, connection } = this.#parts
    try {
      const entries = decodeEntries(await unseal('chunk', frame))
      if (entries.length === count) return entries
    } catch (cause) {
      if (cause instanceof CheckpointError && cause.code === 'FORMAT_NEWER') throw cause
    }
    throw new CheckpointError('CHECKPOINT_CORRUPT', `Entries ${first} to ${first + count - 1} of journal ${name} are damaged`, {
      details: { store: connection.name, journal: name, first, count },
    })
  }

  async #transact(action: string, body: (journals: WriteStore) => Promise<void>): Promise<void> {
    const { connection, fence, name, failed } = this.#parts
    try {
      await connection.write([JOURNALS], 'relaxed', async (stores) => {
        const journals = stores(JOURNALS)
        checkFence(asFence(await journals.get(FENCE)), fence, connection.name)
        await body(journals)
      })
    } catch (error) {
      const failure = journalError(error, connection, `${action} journal ${name}`)
      if (failure.code === 'JOB_FENCED' || failure.code === 'STATE_LOST') failed(failure)
      throw failure
    }
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#lastWork.then(work)
    this.#lastWork = turn.catch(() => {})
    return turn
  }

  /** All batches from a number on. */
  #from(first: number): IDBKeyRange {
    return IDBKeyRange.bound(['batch', this.#parts.name, first], ['batch', this.#parts.name, []])
  }

  #keyOf({ first, count, byteLength }: Batch): (string | number)[] {
    return ['batch', this.#parts.name, first, count, byteLength]
  }

  #lost(number: number): CheckpointError {
    const { name, connection } = this.#parts
    return new CheckpointError('CHECKPOINT_CORRUPT', `Entry ${number} of journal ${name} is gone: the browser has lost it`, {
      details: { store: connection.name, journal: name, number },
    })
  }

  #checkUsable(): void {
    this.#parts.checkUsable()
    this.#checkOpen()
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new JobStateError('JOB_CLOSED', `Journal ${this.#parts.name} is closed; open it again`)
  }
}

function journalError(error: unknown, { name }: Connection, action: string): MillraceError {
  return error instanceof DatabaseAbsent ? stateLost(name, 'there is no database') : storeError(error, action, name)
}

/** Null for any other key. */
function batchOf(key: IDBValidKey): Batch | null {
  const [kind, , first, count, byteLength] = Array.isArray(key) ? (key as unknown[]) : []
  return kind === 'batch' && isCount(first) && isCount(count) && isCount(byteLength) ? { first, count, byteLength } : null
}
