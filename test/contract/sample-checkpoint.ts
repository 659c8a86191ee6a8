/**
 * Checkpoints for tests, whose content follows from their id: so a mixture of two is seen at once.
 *
 * Before: a session of the store under test. After: the contract suite, and the tests of adapters and of checkpoint/.
 *
 * Invariant: the recovered values of checkpoint `id` are those of {@link valuesOf}, or the store is wrong.
 */

import type { CheckpointGeneration, CheckpointSession, ChunkHash } from '../../runtime/checkpoint/checkpoint-store.ts'
import { chunkHash } from '../../runtime/checkpoint/envelope.ts'
import type { ChunkRef, Manifest } from '../../runtime/checkpoint/manifest.ts'
import { type Recovered, writeCheckpoint } from '../../runtime/checkpoint/recovery.ts'

export const JOB = { jobName: 'contract', planFingerprint: 'f'.repeat(64), keyGroupCount: 128 } as const

/** A checkpoint whose chunks are `values` in UTF-8, for tests. */
export async function sampleCheckpoint(
  { epoch, checkpointId }: CheckpointGeneration,
  values: readonly string[],
  changes: Partial<Manifest> = {},
): Promise<{ readonly manifest: Manifest; readonly chunks: Map<ChunkHash, Uint8Array> }> {
  const chunks = new Map<ChunkHash, Uint8Array>()
  const refs: ChunkRef[] = []
  for (const value of values) {
    const payload = new TextEncoder().encode(value)
    const hash = await chunkHash(payload)
    chunks.set(hash, payload)
    refs.push({ hash, byteLength: payload.length })
  }
  const manifest: Manifest = {
    format: 1,
    ...JOB,
    epoch,
    checkpointId,
    createdAtMs: 1_700_000_000_000 + checkpointId,
    isFinal: false,
    sources: { readings: { position: checkpointId } },
    operators: { minutes: { subtasks: [{ chunks: refs }, { chunks: [] }] } },
    sinks: { out: { bytes: checkpointId } },
    counters: { recordsIn: checkpointId },
    previous: null,
    ...changes,
  }
  return { manifest, chunks }
}

/** Values of checkpoint `checkpointId`: one that never changes, one that always does. */
export function valuesOf(checkpointId: number): string[] {
  return ['constant', `value of ${checkpointId}`]
}

/** Writes checkpoint `checkpointId` with the values that belong to it. */
export async function commitSample(session: CheckpointSession, checkpointId: number, values = valuesOf(checkpointId)): Promise<void> {
  const { manifest, chunks } = await sampleCheckpoint({ epoch: session.epoch, checkpointId }, values)
  await writeCheckpoint(session, manifest, chunks)
}

/** Texts of the recovered chunks, in the manifest's order. */
export function recoveredValues({ manifest, chunks }: Recovered): string[] {
  return manifest.operators['minutes']!.subtasks.flatMap(({ chunks: refs }) =>
    refs.map(({ hash }) => new TextDecoder().decode(chunks.get(hash))),
  )
}
