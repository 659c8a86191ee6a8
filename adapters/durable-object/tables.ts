/**
 * The tables of a store in a Durable Object.
 *
 * Before: the object's SQL storage. After: sessions, readers and journals.
 *
 *     millrace_store        job, epoch in force, commits so far: the birth certificate
 *     millrace_generations  committed generations
 *     millrace_refs         the chunks that each of them names
 *     millrace_pieces       chunks by hash, manifests by generation, in pieces
 *     millrace_journals     begin, end and bytes of each journal
 *     millrace_entries      entries of journals, in pieces, each with its checksum
 *
 * Invariant: a generation and its references are written in one transaction with its manifest.
 */

import type { CheckpointGeneration } from '../../runtime/checkpoint/checkpoint-store.ts'
import type { SqlStorage } from './object-storage.ts'

const TABLES = [
  `CREATE TABLE IF NOT EXISTS millrace_store (
    one INTEGER PRIMARY KEY CHECK (one = 1), job TEXT NOT NULL, epoch INTEGER NOT NULL, commits INTEGER NOT NULL)`,
  `CREATE TABLE IF NOT EXISTS millrace_generations (
    epoch INTEGER NOT NULL, checkpoint_id INTEGER NOT NULL, PRIMARY KEY (epoch, checkpoint_id)) WITHOUT ROWID`,
  `CREATE TABLE IF NOT EXISTS millrace_refs (
    hash TEXT NOT NULL, epoch INTEGER NOT NULL, checkpoint_id INTEGER NOT NULL, PRIMARY KEY (hash, epoch, checkpoint_id)) WITHOUT ROWID`,
  `CREATE TABLE IF NOT EXISTS millrace_pieces (
    name TEXT NOT NULL, part INTEGER NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY (name, part))`,
  `CREATE TABLE IF NOT EXISTS millrace_journals (
    name TEXT PRIMARY KEY, first INTEGER NOT NULL, next INTEGER NOT NULL, bytes INTEGER NOT NULL) WITHOUT ROWID`,
  `CREATE TABLE IF NOT EXISTS millrace_entries (
    journal TEXT NOT NULL, number INTEGER NOT NULL, part INTEGER NOT NULL, crc INTEGER NOT NULL, bytes BLOB NOT NULL,
    PRIMARY KEY (journal, number, part))`,
]

export function makeTables(sql: SqlStorage): void {
  // An object that wakes up has them: one question instead of one for each.
  if (haveTables(sql)) return
  for (const table of TABLES) sql.exec(table)
}

export function haveTables(sql: SqlStorage): boolean {
  return sql.exec(`SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'millrace_entries'`).toArray().length > 0
}

/** Under which a manifest's pieces lie: never the name of a chunk, which is 64 hexadecimal digits. */
export function manifestName({ epoch, checkpointId }: CheckpointGeneration): string {
  return `manifest ${epoch} ${checkpointId}`
}
