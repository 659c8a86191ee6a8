/**
 * What Millrace needs of a Durable Object's storage, as types of our own: users have those of their platform, which fit.
 *
 * Before: the object's `ctx.storage`. After: the store, the journal and jobs in objects.
 */

import { CheckpointError, ConfigError, MillraceError } from '../../runtime/errors.ts'

export type SqlValue = string | number | ArrayBuffer | null
export type SqlRow = Record<string, SqlValue>

export interface SqlCursor<Row extends SqlRow> extends Iterable<Row> {
  toArray(): Row[]
}

export interface SqlStorage {
  exec<Row extends SqlRow>(query: string, ...bindings: (SqlValue | ArrayBufferView)[]): SqlCursor<Row>
}

/** Storage of an object whose class was declared with SQLite (`new_sqlite_classes`). */
export interface ObjectStorage {
  readonly sql: SqlStorage
  /** All that the function writes, or nothing. */
  transactionSync<T>(write: () => T): T
  /** Resolves when everything written so far is durable. */
  sync(): Promise<void>
}

/** Most bytes of one stored value. Production refuses values above 2 MB, and rows too; the local runtime does not. */
export const PIECE_BYTES_MAX = 1 << 20

/** @throws ConfigError `STORAGE_UNSUITABLE` when the object's storage has no SQL. */
export function sqlOf(storage: ObjectStorage): SqlStorage {
  let sql: SqlStorage | undefined
  try {
    sql = storage.sql
  } catch {
    // Objects without SQLite throw when they are asked.
  }
  if (typeof sql?.exec === 'function' && typeof storage.transactionSync === 'function') return sql
  throw new ConfigError(
    'STORAGE_UNSUITABLE',
    'The storage of this Durable Object has no SQL; declare its class under new_sqlite_classes in the migrations',
  )
}

/** Runs something that reads or writes. @throws CheckpointError `STORE_FULL` (retryable), `STORE_UNAVAILABLE`, and our own errors as they are. */
export function stored<T>(what: string, run: () => T): T {
  try {
    return run()
  } catch (error) {
    throw storageError(what, error)
  }
}

/** The same for what takes time. */
export async function storedLater<T>(what: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    throw storageError(what, error)
  }
}

function storageError(what: string, error: unknown): unknown {
  if (error instanceof MillraceError || error instanceof RangeError) return error
  const message = error instanceof Error ? error.message : String(error)
  if (/SQLITE_FULL|is full|storage limit|too large/i.test(message)) {
    return new CheckpointError('STORE_FULL', `Cannot ${what}: the object's storage is full (${message}); free some of it`, {
      retryable: true,
      cause: error,
    })
  }
  return new CheckpointError('STORE_UNAVAILABLE', `Cannot ${what}: ${message}`, { cause: error })
}
