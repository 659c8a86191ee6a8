/** Reads what a store in a Durable Object holds. Before: its tables. After: recovery, inspection. */

import type { CheckpointGeneration, CheckpointReader } from '../../runtime/checkpoint/checkpoint-store.ts'
import { type SqlStorage, stored } from './object-storage.ts'
import { joined, type PieceRow } from './pieces.ts'
import { haveTables, manifestName } from './tables.ts'

/** Committed generations, newest first. */
export function generationsIn(sql: SqlStorage): CheckpointGeneration[] {
  return sql
    .exec<{ epoch: number; checkpoint_id: number }>(
      'SELECT epoch, checkpoint_id FROM millrace_generations ORDER BY epoch DESC, checkpoint_id DESC',
    )
    .toArray()
    .map(({ epoch, checkpoint_id: checkpointId }) => ({ epoch, checkpointId }))
}

export function bytesIn(sql: SqlStorage, name: string): Uint8Array<ArrayBuffer> | null {
  return joined(sql.exec<PieceRow>('SELECT part, bytes FROM millrace_pieces WHERE name = ? ORDER BY part', name).toArray())
}

export function sqlReader(sql: SqlStorage): CheckpointReader {
  // Whoever only looks makes no tables.
  const read = <T>(what: string, empty: T, from: () => T) =>
    Promise.resolve().then(() => stored(what, () => (haveTables(sql) ? from() : empty)))
  return {
    generations: () => read('list checkpoints', [], () => generationsIn(sql)),
    readManifest: (generation) => read('read a manifest', null, () => bytesIn(sql, manifestName(generation))),
    readChunk: (hash) => read('read a chunk', null, () => bytesIn(sql, hash)),
  }
}
