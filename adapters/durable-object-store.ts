/**
 * Checkpoints in the SQL storage of a Durable Object.
 *
 * Before: checkpoint/recovery writes and reads through a session. After: the object's SQLite database (durable-object/tables.ts), next to whatever
 * else the object keeps there.
 *
 * There is one object of a name, and one instance of it at a time; still the epoch is claimed and looked at in every transaction that writes, so
 * that an instance that was replaced while it waited changes nothing. Nobody can tell whether the holder of an earlier session still lives, so a
 * new `open` takes a higher epoch at once.
 *
 * Invariant: a generation is there whole or not at all, because it is one transaction.
 */

import type { CheckpointReader, CheckpointSession, CheckpointStore } from '../runtime/checkpoint/checkpoint-store.ts'
import { CheckpointError } from '../runtime/errors.ts'
import { type ObjectStorage, type SqlStorage, sqlOf, stored, storedLater } from './durable-object/object-storage.ts'
import { bytesIn, generationsIn, sqlReader } from './durable-object/sql-reader.ts'
import { sqlSession } from './durable-object/sql-session.ts'
import { makeTables, manifestName } from './durable-object/tables.ts'

export type { ObjectStorage, SqlCursor, SqlRow, SqlStorage, SqlValue } from './durable-object/object-storage.ts'

export interface DurableObjectCheckpointsOptions {
  /** Generations kept, at least 3, which is the default. */
  readonly generations?: number
}

/**
 * A store that keeps checkpoints, and journals, in a Durable Object. Its class must be declared with SQLite. Values are stored in pieces of at most
 * 1 MiB, as Durable Objects refuse values above 2 MB.
 *
 * @param storage - The object's `ctx.storage`. The tables' names begin with `millrace_`.
 * @throws ConfigError `STORAGE_UNSUITABLE` when the storage has no SQL; RangeError when fewer than 3 generations are asked for.
 *
 * @example
 * ```ts
 * const run = await start(job, { sources, sinks, checkpoints: { store: durableObjectCheckpoints(ctx.storage) } })
 * ```
 */
export function durableObjectCheckpoints(storage: ObjectStorage, options: DurableObjectCheckpointsOptions = {}): CheckpointStore {
  const generations = options.generations ?? 3
  if (!Number.isSafeInteger(generations) || generations < 3)
    throw new RangeError(`generations must be an integer of at least 3, it is ${generations}`)
  const sql = sqlOf(storage)
  return {
    kind: 'durable-object',
    async open(jobName): Promise<CheckpointSession> {
      const epoch = stored(`open the store of ${jobName}`, () => storage.transactionSync(() => claim(sql, jobName)))
      await storedLater(`open the store of ${jobName}`, () => storage.sync())
      return sqlSession(storage, { jobName, epoch, generations })
    },
    async inspect(): Promise<CheckpointReader> {
      return sqlReader(sql)
    },
  }
}

/** Takes the next epoch. */
function claim(sql: SqlStorage, jobName: string): number {
  makeTables(sql)
  const owner = sql.exec<{ job: string; epoch: number; commits: number }>('SELECT job, epoch, commits FROM millrace_store').toArray()[0]
  if (owner === undefined) {
    sql.exec('INSERT INTO millrace_store (one, job, epoch, commits) VALUES (1, ?, 1, 0)', jobName)
    return 1
  }
  if (owner.job !== jobName) {
    throw new CheckpointError(
      'STATE_FOREIGN',
      `Cannot open the store for ${jobName}: it belongs to job ${owner.job}; use another object for each job`,
      { details: { found: owner.job, wanted: jobName } },
    )
  }
  checkLoss(sql, jobName, owner.commits)
  sql.exec('UPDATE millrace_store SET epoch = ?', owner.epoch + 1)
  return owner.epoch + 1
}

/** @throws CheckpointError `STATE_LOST` when checkpoints were committed and no manifest is there. */
function checkLoss(sql: SqlStorage, jobName: string, commits: number): void {
  if (commits === 0 || generationsIn(sql).some((generation) => bytesIn(sql, manifestName(generation)) !== null)) return
  throw new CheckpointError(
    'STATE_LOST',
    `Cannot open the store of ${jobName}: ${commits} checkpoints were committed and none is there; restore the object to an earlier point in time, or delete its millrace_ tables to start afresh`,
    { details: { commits } },
  )
}
