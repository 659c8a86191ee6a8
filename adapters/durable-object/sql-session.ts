/**
 * A claim on the store of a Durable Object: writes chunks, commits generations, opens journals.
 *
 * Before: the store has taken an epoch. After: the tables.
 *
 * Invariant: every write looks at the epoch in force in the transaction that writes.
 */

import type { CheckpointSession, ChunkHash } from '../../runtime/checkpoint/checkpoint-store.ts'
import { CheckpointError, JobStateError } from '../../runtime/errors.ts'
import { type ObjectStorage, type SqlStorage, sqlOf, stored, storedLater } from './object-storage.ts'
import { piecesOf } from './pieces.ts'
import { SqlJournal } from './sql-journal.ts'
import { generationsIn, sqlReader } from './sql-reader.ts'
import { manifestName } from './tables.ts'

export interface SessionOptions {
  readonly jobName: string
  readonly epoch: number
  /** Generations kept. */
  readonly generations: number
}

export function sqlSession(storage: ObjectStorage, { jobName, epoch, generations }: SessionOptions): CheckpointSession {
  const sql = sqlOf(storage)
  /** Written and not yet part of a generation: the collector must leave them. */
  const pending = new Set<ChunkHash>()
  /** Names of journals that are open. */
  const journals = new Set<string>()
  let isClosed = false
  const checkClaim = () => {
    if (isClosed) throw new JobStateError('JOB_CLOSED', 'The checkpoint session is closed; open the store again')
    const newest = epochIn(sql)
    if (newest === epoch) return
    throw new JobStateError('JOB_FENCED', `Epoch ${epoch} of job ${jobName} is over: epoch ${newest} has taken the store`, {
      details: { epoch, newerEpoch: newest },
    })
  }
  /** Writes under the claim, all or nothing. */
  const write = async (what: string, run: () => void) =>
    stored(what, () =>
      storage.transactionSync(() => {
        checkClaim()
        run()
      }),
    )
  return {
    epoch,
    ...sqlReader(sql),
    async writeChunk(hash, bytes) {
      await write('write a chunk', () => putPieces(sql, hash, bytes))
      pending.add(hash)
    },
    async commit(checkpointId, manifest, chunks) {
      await write(`commit checkpoint ${checkpointId}`, () => {
        checkOrder(sql, epoch, checkpointId)
        checkChunks(sql, checkpointId, chunks)
        const generation = { epoch, checkpointId }
        putPieces(sql, manifestName(generation), manifest)
        sql.exec('INSERT INTO millrace_generations (epoch, checkpoint_id) VALUES (?, ?)', epoch, checkpointId)
        for (const hash of new Set(chunks)) {
          sql.exec('INSERT INTO millrace_refs (hash, epoch, checkpoint_id) VALUES (?, ?, ?)', hash, epoch, checkpointId)
        }
        sql.exec('UPDATE millrace_store SET commits = commits + 1')
        collect(sql, generations, new Set([...pending].filter((hash) => !chunks.includes(hash))))
      })
      for (const hash of chunks) pending.delete(hash)
      await storedLater(`commit checkpoint ${checkpointId}`, () => storage.sync())
    },
    async openJournal(name) {
      checkClaim()
      if (journals.has(name)) throw new RangeError(`The journal ${name} is open already; close it first`)
      const journal = stored('open a journal', () => new SqlJournal({ storage, name, checkClaim, onClose: () => journals.delete(name) }))
      journals.add(name)
      return journal
    },
    async close() {
      isClosed = true
    },
  }
}

/** The epoch in force; 0 before the first. */
export function epochIn(sql: SqlStorage): number {
  return sql.exec<{ epoch: number }>('SELECT epoch FROM millrace_store').toArray()[0]?.epoch ?? 0
}

function putPieces(sql: SqlStorage, name: string, bytes: Uint8Array): void {
  sql.exec('DELETE FROM millrace_pieces WHERE name = ?', name)
  for (const piece of piecesOf(bytes)) {
    sql.exec('INSERT INTO millrace_pieces (name, part, bytes) VALUES (?, ?, ?)', name, piece.part, piece.bytes)
  }
}

function checkOrder(sql: SqlStorage, epoch: number, checkpointId: number): void {
  const newest = generationsIn(sql)[0]
  const least = newest?.epoch === epoch ? newest.checkpointId + 1 : 0
  if (!Number.isSafeInteger(checkpointId) || checkpointId < least)
    throw new RangeError(`checkpointId must be an integer of at least ${least}, it is ${checkpointId}`)
}

function checkChunks(sql: SqlStorage, checkpointId: number, chunks: readonly ChunkHash[]): void {
  const missing = sql
    .exec<{ value: string }>(
      'SELECT value FROM json_each(?) WHERE value NOT IN (SELECT name FROM millrace_pieces) LIMIT 1',
      JSON.stringify(chunks),
    )
    .toArray()[0]
  if (missing === undefined) return
  throw new CheckpointError('CHECKPOINT_INCOMPLETE', `Cannot commit checkpoint ${checkpointId}: chunk ${missing.value} was not written`, {
    details: { hash: missing.value },
  })
}

/** Forgets old generations, and the chunks that no kept one names, except those of a checkpoint under way. */
function collect(sql: SqlStorage, kept: number, pending: ReadonlySet<ChunkHash>): void {
  for (const generation of generationsIn(sql).slice(kept)) {
    const key = [generation.epoch, generation.checkpointId] as const
    sql.exec('DELETE FROM millrace_generations WHERE epoch = ? AND checkpoint_id = ?', ...key)
    sql.exec('DELETE FROM millrace_refs WHERE epoch = ? AND checkpoint_id = ?', ...key)
    sql.exec('DELETE FROM millrace_pieces WHERE name = ?', manifestName(generation))
  }
  sql.exec(
    `DELETE FROM millrace_pieces WHERE length(name) = 64 AND name NOT IN (SELECT hash FROM millrace_refs)
      AND name NOT IN (SELECT value FROM json_each(?))`,
    JSON.stringify([...pending]),
  )
}
