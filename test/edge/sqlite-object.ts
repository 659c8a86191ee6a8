/**
 * The part of a Durable Object that a job stands on, in Node: the same SQLite, in memory, with an alarm that a test looks at.
 *
 * Before: node:sqlite. After: tests that need thousands of lives of an object in one process; that workerd's own storage keeps what it promises is
 * for the tests with real workerd.
 *
 * Invariant: what a transaction that throws has written is undone.
 */

import { DatabaseSync } from 'node:sqlite'
import type { SqlRow, SqlStorage, SqlValue } from '../../adapters/durable-object-store.ts'
import type { ObjectContext } from '../../adapters/edge/object-context.ts'

type Bound = SqlValue | ArrayBufferView

export function sqliteObject(): ObjectContext & { alarmMs: number | null } {
  const database = new DatabaseSync(':memory:')
  const statements = new Map<string, ReturnType<DatabaseSync['prepare']>>()
  const sql: SqlStorage = {
    exec<Row extends SqlRow>(query: string, ...bindings: Bound[]) {
      let statement = statements.get(query)
      if (statement === undefined) statements.set(query, (statement = database.prepare(query)))
      const rows = statement.all(...bindings.map(bound)).map((row) => {
        const values = Object.entries(row).map(([name, value]) => [name, value instanceof Uint8Array ? value.slice().buffer : value])
        return Object.fromEntries(values) as Row
      })
      return { toArray: () => rows, [Symbol.iterator]: () => rows[Symbol.iterator]() }
    },
  }
  let depth = 0
  const context = {
    alarmMs: null as number | null,
    id: { toString: () => 'object' },
    storage: {
      sql,
      transactionSync<T>(write: () => T): T {
        const name = `level_${depth++}`
        database.exec(`SAVEPOINT ${name}`)
        try {
          const result = write()
          database.exec(`RELEASE ${name}`)
          return result
        } catch (error) {
          database.exec(`ROLLBACK TO ${name}; RELEASE ${name}`)
          throw error
        } finally {
          depth--
        }
      },
      sync: () => Promise.resolve(),
      getAlarm: () => Promise.resolve(context.alarmMs),
      setAlarm(atMs: number) {
        context.alarmMs = atMs
        return Promise.resolve()
      },
      deleteAlarm() {
        context.alarmMs = null
        return Promise.resolve()
      },
    },
    blockConcurrencyWhile: <T>(run: () => Promise<T>) => run(),
    acceptWebSocket() {
      throw new Error('There are no sockets here')
    },
    getWebSockets: () => [],
  }
  return context
}

function bound(value: Bound): string | number | null | Uint8Array {
  if (value instanceof ArrayBuffer) return new Uint8Array(value)
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
  return value
}
