/**
 * Results in an IndexedDB database, where the page reads them with any library.
 *
 * Before: the user, who binds it by name at `start`. After: indexeddb/sink-writer.
 *
 * Invariant: the object store holds exactly the results up to a checkpoint, each once, at every moment at which somebody can look.
 */

import { ConfigError } from '../runtime/errors.ts'
import type { Schema } from '../runtime/schema.ts'
import type { Sink } from '../runtime/sink/sink.ts'
import { openSinkDatabase, sinkError } from './indexeddb/sink-database.ts'
import { IndexedDbSinkWriter, type SinkTarget } from './indexeddb/sink-writer.ts'

export interface IndexedDbSinkOptions {
  /** Name of the database. It is made when it is not there; otherwise the object stores that are missing are added to it. */
  readonly database: string
  /** Name of the object store for the rows; one for each sink. */
  readonly store: string
  /**
   * Columns that name a row: a later result of the same key takes the place of the one before, and one that is taken back is deleted. The key of a
   * row is the array of their values; null is `[]`, booleans are 0 and 1. `null`: rows are numbered from 0. Default: what tells results of a window
   * apart, its bounds and the key columns, where the job knows it; else numbers.
   */
  readonly key?: readonly string[] | null
}

/**
 * A sink that keeps results in an object store, exactly once: rows become visible when the checkpoint that covers them is complete, or the job ends.
 * A start without a checkpoint replaces, with its first commit, what an earlier one left.
 *
 * @throws ConfigError `SINK_STORE_INVALID`; at `start` also `SINK_KEY_INVALID`. ConnectorError `SINK_UNWRITABLE`, `SINK_FULL`, `SINK_FOREIGN`,
 * `SINK_STATE_LOST`, `SINK_KEY_MISSING` (a result without key is taken back); JobStateError `JOB_FENCED`.
 *
 * @example
 * const sinks = { minutes: indexedDbSink({ database: 'dashboard', store: 'minutes' }) }
 */
export function indexedDbSink({ database, store, key }: IndexedDbSinkOptions): Sink {
  if (database === '' || store === '' || store === 'millrace') {
    throw new ConfigError(
      'SINK_STORE_INVALID',
      `Cannot write ${JSON.stringify(database)}/${JSON.stringify(store)}; wanted two names, and not 'millrace' for the store, which keeps the commits`,
    )
  }
  return {
    kind: 'indexedDbSink',
    delivery: 'exactly-once',
    async open(context) {
      const target: SinkTarget = { database, store, key: key === undefined ? context.traits.key : key }
      checkKey(target, context.schema)
      const owner = Array.from(crypto.getRandomValues(new Uint32Array(4)), (word) => word.toString(16).padStart(8, '0')).join('')
      const connection = await openSinkDatabase(database, store, context.clock).catch((error: unknown) => {
        throw sinkError(error, database)
      })
      try {
        return await IndexedDbSinkWriter.open(connection, target, context, owner)
      } catch (error) {
        connection.close()
        throw error
      }
    },
  }
}

function checkKey({ key, store }: SinkTarget, { columns }: Schema): void {
  if (key === null) return
  const names = columns.filter(({ type }) => type !== 'json').map(({ name }) => name)
  const wrong = key.find((column) => !names.includes(column))
  if (wrong === undefined && key.length > 0) return
  const found = wrong === undefined ? 'no columns' : JSON.stringify(wrong)
  throw new ConfigError('SINK_KEY_INVALID', `Cannot key ${store} by ${found}; wanted one or more of ${names.join(', ')}`, {
    details: { store, key, columns: names },
  })
}
