/**
 * The database of an IndexedDB sink: the user's object store with the results, and beside it what makes them exactly-once.
 *
 *     <store>      the results: by the key of the row, or by the number of the row
 *     millrace     ['ledger', store]               up to where the results are committed, and who may write them
 *                  ['staged', store, part, n]      rows of a part that is prepared, or under construction; not visible yet
 *
 * Before: indexeddb-sink. After: indexeddb/connection.
 * The database may be the user's own: its version is raised by one when an object store is missing, and taken as it is otherwise.
 *
 * Invariant: rows move from `millrace` to `<store>` in the transaction that moves the ledger, so they are in one of the two, never both.
 */

import type { Clock } from '../../runtime/clock.ts'
import { ConnectorError } from '../../runtime/errors.ts'
import type { RowObject } from '../../runtime/record-batch.ts'
import { Connection, type WriteStore } from './connection.ts'
import { DatabaseAbsent, nameOf } from './idb-errors.ts'
import { below, isCount } from './records.ts'

export const LEDGER_STORE = 'millrace'
const ATTEMPTS_MAX = 5

/** What a sink has committed. */
export interface Ledger {
  readonly format: 1
  readonly jobName: string
  readonly sink: string
  readonly epoch: number
  /** The writer that may change it; chance, one for each `open`. */
  readonly owner: string
  /** Last part whose rows are in the object store, and the rows of all parts up to it. */
  readonly part: number
  readonly rowCount: number
  /** The results of an earlier run are still there: the first commit replaces them. */
  readonly isFresh: boolean
}

/** Rows of a part by their keys; null deletes what has the key. */
export interface StagedRows {
  readonly keys: readonly IDBValidKey[]
  readonly rows: readonly (RowObject | null)[]
}

export const ledgerKey = (store: string) => ['ledger', store]
export const stagedKey = (store: string, part: number, index: number) => ['staged', store, part, index]
export const stagedBelow = (store: string) => below('staged', store)

export function asLedger(value: unknown): Ledger | null {
  if (typeof value !== 'object' || value === null) return null
  const { format, jobName, sink, epoch, owner, part, rowCount, isFresh } = value as Partial<Record<keyof Ledger, unknown>>
  if (format !== 1 || typeof jobName !== 'string' || typeof sink !== 'string' || typeof owner !== 'string') return null
  if (!isCount(epoch) || !isCount(part) || !isCount(rowCount) || typeof isFresh !== 'boolean') return null
  return { format, jobName, sink, epoch, owner, part, rowCount, isFresh }
}

/** A connection to a database that has both object stores; those that are missing are made. */
export async function openSinkDatabase(name: string, store: string, clock: Clock): Promise<Connection> {
  const wanted = [store, LEDGER_STORE]
  let version: number | undefined
  for (let attempt = 1; ; attempt++) {
    const plan = {
      name,
      version,
      clock,
      upgrade: (database: { objectStoreNames: DOMStringList; createObjectStore(name: string): unknown }) => {
        for (const missing of wanted) if (!database.objectStoreNames.contains(missing)) database.createObjectStore(missing)
      },
    }
    const connection = new Connection(plan, true)
    try {
      const found = await connection.describe()
      // As it is from here on: others may raise the version further.
      if (wanted.every((of) => found.stores.includes(of))) return new Connection({ ...plan, version: undefined }, false)
      version = found.version + 1
    } catch (error) {
      // Another sink of the job was faster.
      if (nameOf(error) !== 'VersionError' || attempt === ATTEMPTS_MAX) throw error
      version = undefined
    } finally {
      connection.close()
    }
  }
}

/** Puts staged rows where they belong, in order. */
export async function applyRows(target: WriteStore, staged: readonly StagedRows[]): Promise<void> {
  const requests: Promise<unknown>[] = []
  for (const { keys, rows } of staged) {
    for (const [index, key] of keys.entries()) {
      const row = rows[index] ?? null
      requests.push(row === null ? target.delete(key) : target.put(row, key))
    }
  }
  await Promise.all(requests)
}

/** What the browser said to the sink, as what the caller does next. */
export function sinkError(error: unknown, database: string): Error {
  if (error instanceof ConnectorError || (error instanceof Error && nameOf(error) === 'JobStateError')) return error
  const name = nameOf(error)
  const options = { details: { database, cause: name }, cause: error }
  if (name === 'QuotaExceededError')
    return new ConnectorError('SINK_FULL', `Cannot write ${database}: the browser grants no more space; make room and resume`, options)
  if (error instanceof DatabaseAbsent)
    return new ConnectorError('SINK_STATE_LOST', `Cannot go on with ${database}: it was deleted; start without the checkpoint`, options)
  const reason = error instanceof Error ? error.message : String(error)
  return new ConnectorError(
    'SINK_UNWRITABLE',
    `Cannot write ${database}: ${reason}; close other tabs that hold it, leave the private window, or allow site data`,
    options,
  )
}
