/**
 * The part of a job that only jobs with checkpoints need: opening the store, recovering, and what subtasks restore.
 *
 * Before: engine.ts loads it when checkpoints are asked for, so that other jobs do not download it. After: checkpoint/ and the coordinator of checkpoints.
 */

import type { CheckpointSession, CheckpointStore } from '../checkpoint/checkpoint-store.ts'
import { type Recovered, recover, writeCheckpoint } from '../checkpoint/recovery.ts'
import { JobStateError } from '../errors.ts'
import { fingerprint, type Plan } from '../plan.ts'
import { sectionsForSubtask } from '../subtask/snapshot-chunks.ts'
import { subtaskOfKeyGroup } from './key-router.ts'

export { CheckpointCoordinator } from './checkpoint-coordinator.ts'

export interface Recovery {
  readonly session: CheckpointSession
  readonly planFingerprint: string
  readonly recovered: Recovered | null
}

export interface OpenStoreOptions {
  readonly store: CheckpointStore
  readonly plan: Plan
  readonly keyGroupCount: number
  readonly resume: 'auto' | 'always' | 'never'
  readonly warn: (message: string) => void
}

/**
 * Claims the store and finds the newest checkpoint that is whole. If newer ones were passed over, it is committed once more.
 *
 * @throws JobStateError `CHECKPOINT_EXISTS` (resume never), `CHECKPOINT_MISSING` (resume always), and what the store and recovery throw.
 */
export async function openStore({ store, plan, keyGroupCount, resume, warn }: OpenStoreOptions): Promise<Recovery> {
  const session = await store.open(plan.name)
  try {
    if (resume === 'never' && (await session.generations()).length > 0) {
      throw new JobStateError(
        'CHECKPOINT_EXISTS',
        `The store already has checkpoints of ${plan.name}; resume from them, or use an empty store`,
      )
    }
    const planFingerprint = await fingerprint(plan)
    const recovered = await recover(session, { jobName: plan.name, planFingerprint, keyGroupCount })
    for (const { generation, error } of recovered?.skipped ?? []) {
      warn(
        `Checkpoint ${generation.checkpointId} is damaged and was passed over (${error.message}); going on from checkpoint ${recovered!.generation.checkpointId}`,
      )
    }
    // Damage can heal: the same chunk is written again, a disk reads again. What was passed over must not be the newest generation then,
    // because sinks go back behind it.
    if (recovered !== null && recovered.skipped.length > 0) {
      await writeCheckpoint(session, { ...recovered.manifest, epoch: session.epoch }, recovered.chunks)
    }
    if (recovered === null && resume === 'always') {
      throw new JobStateError(
        'CHECKPOINT_MISSING',
        `There is no checkpoint of ${plan.name} to resume from; start without resuming, or name the store that has it`,
      )
    }
    return { session, planFingerprint, recovered }
  } catch (error) {
    await session.close().catch(() => {})
    throw error
  }
}

/** State of an operator that runs once, before rows are divided by key. */
export function restoreChunks(uid: string, recovered: Recovered | null): Uint8Array<ArrayBuffer>[] {
  const subtasks = recovered?.manifest.operators[uid]?.subtasks ?? []
  return subtasks.flatMap(({ chunks }) => chunks.map(({ hash }) => recovered!.chunks.get(hash)!))
}

/** Sections that each subtask of an operator restores: those of its key groups, whatever the parallelism was. */
export function restoreSections(
  uid: string,
  recovered: Recovered | null,
  parallelism: number,
  keyGroupCount: number,
): (readonly Uint8Array[])[] {
  const entry = recovered?.manifest.operators[uid]
  const chunks =
    entry === undefined ? [] : entry.subtasks.flatMap(({ chunks: refs }) => refs.map(({ hash }) => recovered!.chunks.get(hash)!))
  return Array.from({ length: parallelism }, (_, index) =>
    sectionsForSubtask(chunks, (keyGroup) => subtaskOfKeyGroup(keyGroup, keyGroupCount, parallelism) === index),
  )
}
