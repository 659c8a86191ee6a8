/**
 * The tables of a job in a Durable Object, beside those of its store.
 *
 *     millrace_edge       small facts by name: when the job was born, positions of checkpoints, deliveries under way
 *     millrace_requests   keys of requests that were taken, with their answers
 *     millrace_producers  the last message of each producer that numbers its own
 *     millrace_results    rows of results in the order in which they came
 */

import type { SqlStorage } from '../durable-object-store.ts'

const TABLES = [
  'CREATE TABLE IF NOT EXISTS millrace_edge (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID',
  `CREATE TABLE IF NOT EXISTS millrace_requests (
    key TEXT PRIMARY KEY, digest TEXT NOT NULL, answer TEXT NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID`,
  'CREATE TABLE IF NOT EXISTS millrace_producers (name TEXT PRIMARY KEY, last INTEGER NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID',
  `CREATE TABLE IF NOT EXISTS millrace_results (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, sink TEXT NOT NULL, number INTEGER, id TEXT, row TEXT NOT NULL, pane TEXT NOT NULL,
    is_current INTEGER NOT NULL)`,
  'CREATE UNIQUE INDEX IF NOT EXISTS millrace_results_number ON millrace_results (sink, number) WHERE number IS NOT NULL',
  'CREATE INDEX IF NOT EXISTS millrace_results_sink ON millrace_results (sink, seq)',
  'CREATE INDEX IF NOT EXISTS millrace_results_current ON millrace_results (sink, id) WHERE is_current = 1',
]

export function makeEdgeTables(sql: SqlStorage): void {
  const last = `SELECT name FROM sqlite_master WHERE type = 'index' AND name = 'millrace_results_current'`
  if (sql.exec(last).toArray().length > 0) return
  for (const table of TABLES) sql.exec(table)
}

/** A small fact, or null. Plain JSON. */
export function fact<T>(sql: SqlStorage, name: string): T | null {
  const row = sql.exec<{ value: string }>('SELECT value FROM millrace_edge WHERE name = ?', name).toArray()[0]
  return row === undefined ? null : (JSON.parse(row.value) as T)
}

export function setFact(sql: SqlStorage, name: string, value: unknown): void {
  sql.exec('INSERT OR REPLACE INTO millrace_edge (name, value) VALUES (?, ?)', name, JSON.stringify(value))
}
