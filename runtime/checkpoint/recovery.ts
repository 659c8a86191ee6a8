/**
 * Checkpoints written and found again: the newest generation of which every part is whole, never a mixture of two.
 *
 * Before: coordinator/checkpoint-coordinator hands over a manifest and chunks. After: the store's session; at a restart `start` takes what
 * {@link recover} found. Damage leads to the generation before, and is reported; a newer format, another plan or another job stops at
 * once, because an older generation would not cure it.
 *
 * Invariant: every byte that {@link recover} returns was verified by length and SHA-256 in this call.
 */

import { CheckpointError, MillraceError } from '../errors.ts'
import type { CheckpointGeneration, CheckpointReader, CheckpointSession, ChunkHash } from './checkpoint-store.ts'
import { sealed, seal, unseal, unsealed } from './envelope.ts'
import { chunkRefsOf, decodeManifest, encodeManifest, type Manifest } from './manifest.ts'

/** What the job that recovers must have in common with the checkpoint. */
export interface RecoveryIdentity {
  readonly jobName: string
  readonly planFingerprint: string
  readonly keyGroupCount: number
}

/** A generation that could not be used, and why. */
export interface SkippedGeneration {
  readonly generation: CheckpointGeneration
  readonly error: CheckpointError
}

export interface Recovered {
  readonly generation: CheckpointGeneration
  readonly manifest: Manifest
  /** Payloads of all chunks that the manifest names. */
  readonly chunks: ReadonlyMap<ChunkHash, Uint8Array<ArrayBuffer>>
  /** Newer generations that were damaged, newest first. Worth a warning. */
  readonly skipped: readonly SkippedGeneration[]
}

/** What {@link writeCheckpoint} did. Bytes are those of payloads; `bytesWritten` includes the manifest and all frames. */
export interface CheckpointWritten {
  readonly bytesWritten: number
  readonly chunksWritten: number
  readonly chunksReused: number
  readonly bytesTotal: number
}

/** What {@link verify} found of one generation. */
export interface GenerationReport {
  readonly generation: CheckpointGeneration
  /** Null: everything is whole. */
  readonly problem: MillraceError | null
  /** Null when it cannot be read. */
  readonly manifest: Manifest | null
  /** Payload bytes and number of the chunks that the manifest names. */
  readonly bytes: number
  readonly chunks: number
}

/** Chunks read or written at the same time: enough to hide the latency of a store, few enough to bound its memory. */
const PARALLEL_CHUNKS = 8

/**
 * Chunks of the last generation that a session committed or recovered. Only these need not be written again: those of older
 * generations may have been collected meanwhile.
 */
const held = new WeakMap<CheckpointSession, ReadonlySet<ChunkHash>>()

/**
 * The newest generation that is whole, or null when the store never had one.
 *
 * @throws CheckpointError `CHECKPOINT_CORRUPT` (none is whole; `details.tried` lists all), `FORMAT_NEWER`, `PLAN_MISMATCH`,
 * `STATE_FOREIGN`, `KEY_GROUP_COUNT_MISMATCH`, or the store's own `STORE_UNAVAILABLE`.
 */
export async function recover(session: CheckpointSession, identity: RecoveryIdentity): Promise<Recovered | null> {
  const skipped: SkippedGeneration[] = []
  for (const generation of await session.generations()) {
    try {
      const manifest = await readManifest(session, generation)
      checkIdentity(manifest, identity)
      const chunks = await readChunks(session, manifest)
      held.set(session, new Set(chunks.keys()))
      return { generation, manifest, chunks, skipped }
    } catch (error) {
      if (!isDamage(error)) throw error
      skipped.push({ generation, error })
    }
  }
  if (skipped.length === 0) return null
  const tried = skipped.map(({ generation: { epoch, checkpointId }, error }) => ({ epoch, checkpointId, message: error.message }))
  const list = tried.map(({ epoch, checkpointId, message }) => `${checkpointId} (epoch ${epoch}): ${message}`).join('; ')
  const remedy = 'restore the store from a copy, or start with an empty one'
  const message = `Cannot recover ${identity.jobName}: all ${tried.length} checkpoints are damaged; ${remedy}. Tried ${list}`
  throw new CheckpointError('CHECKPOINT_CORRUPT', message, { details: { tried }, cause: skipped[0]?.error })
}

/** Reads and checks every generation, newest first, without changing anything. Never throws for damage: it is in the report. */
export async function verify(reader: CheckpointReader): Promise<readonly GenerationReport[]> {
  const reports: GenerationReport[] = []
  for (const generation of await reader.generations()) {
    let manifest: Manifest | null = null
    let problem: MillraceError | null = null
    try {
      manifest = await readManifest(reader, generation)
      await readChunks(reader, manifest)
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error
      problem = error
    }
    const refs = manifest === null ? new Map<ChunkHash, number>() : chunkRefsOf(manifest)
    reports.push({ generation, problem, manifest, bytes: sum(refs.values()), chunks: refs.size })
  }
  return reports
}

/**
 * Writes the chunks that the session's last generation does not hold, then commits the manifest.
 *
 * @param chunks - Payloads by hash; those that the last generation holds may be left out.
 * @throws CheckpointError `CHECKPOINT_INCOMPLETE` when the manifest names a chunk that is nowhere, `CHECKPOINT_CORRUPT` when a payload
 * is not what its hash says, and what the session throws. The generation before stays valid.
 */
export async function writeCheckpoint(
  session: CheckpointSession,
  manifest: Manifest,
  chunks: ReadonlyMap<ChunkHash, Uint8Array>,
): Promise<CheckpointWritten> {
  if (manifest.epoch !== session.epoch)
    throw new RangeError(`Cannot write a checkpoint of epoch ${manifest.epoch} in a session of epoch ${session.epoch}`)
  const refs = chunkRefsOf(manifest)
  const known = held.get(session) ?? new Set<ChunkHash>()
  const missing = [...refs.keys()].filter((hash) => !known.has(hash))
  let bytesWritten = 0
  await forEachParallel(missing, async (hash) => {
    const payload = chunks.get(hash)
    if (payload === undefined || payload.length !== refs.get(hash)) {
      const found = payload === undefined ? 'nobody has it' : `it has ${payload.length} bytes instead of ${refs.get(hash)}`
      throw new CheckpointError(
        'CHECKPOINT_INCOMPLETE',
        `Cannot write checkpoint ${manifest.checkpointId}: its manifest names chunk ${hash}, but ${found}`,
        { details: { hash } },
      )
    }
    const frame = await sealed('chunk', payload)
    if (frame.hash !== hash) {
      throw new CheckpointError(
        'CHECKPOINT_CORRUPT',
        `Cannot write checkpoint ${manifest.checkpointId}: chunk ${hash} was changed while it was written`,
        { details: { hash, found: frame.hash } },
      )
    }
    await session.writeChunk(hash, frame.bytes)
    bytesWritten += frame.bytes.length
  })
  const bytes = await seal('manifest', encodeManifest(manifest))
  await session.commit(manifest.checkpointId, bytes, [...refs.keys()])
  held.set(session, new Set(refs.keys()))
  return {
    bytesWritten: bytesWritten + bytes.length,
    chunksWritten: missing.length,
    chunksReused: refs.size - missing.length,
    bytesTotal: sum(refs.values()),
  }
}

async function readManifest(reader: CheckpointReader, generation: CheckpointGeneration): Promise<Manifest> {
  const bytes = await reader.readManifest(generation)
  if (bytes === null) throw corrupt(generation, 'its manifest is gone')
  const manifest = decodeManifest(await unseal('manifest', bytes))
  if (manifest.epoch !== generation.epoch || manifest.checkpointId !== generation.checkpointId) {
    throw corrupt(generation, `its manifest is that of checkpoint ${manifest.checkpointId}, epoch ${manifest.epoch}`)
  }
  return manifest
}

async function readChunks(reader: CheckpointReader, manifest: Manifest): Promise<Map<ChunkHash, Uint8Array<ArrayBuffer>>> {
  const chunks = new Map<ChunkHash, Uint8Array<ArrayBuffer>>()
  await forEachParallel([...chunkRefsOf(manifest)], async ([hash, byteLength]) => {
    const bytes = await reader.readChunk(hash)
    if (bytes === null) throw corrupt(manifest, `its chunk ${hash} is gone`)
    const found = await unsealed('chunk', bytes)
    if (found.hash !== hash) throw corrupt(manifest, `in place of chunk ${hash} there is chunk ${found.hash}`)
    if (found.payload.length !== byteLength)
      throw corrupt(manifest, `chunk ${hash} has ${found.payload.length} bytes instead of ${byteLength}`)
    chunks.set(hash, found.payload)
  })
  return chunks
}

function checkIdentity(manifest: Manifest, wanted: RecoveryIdentity): void {
  const what = `Cannot restore checkpoint ${manifest.checkpointId}`
  if (manifest.jobName !== wanted.jobName) {
    throw new CheckpointError(
      'STATE_FOREIGN',
      `${what}: it belongs to job ${manifest.jobName}, not to ${wanted.jobName}; use another store for each job`,
      {
        details: { found: manifest.jobName, wanted: wanted.jobName },
      },
    )
  }
  if (manifest.planFingerprint !== wanted.planFingerprint) {
    throw new CheckpointError(
      'PLAN_MISMATCH',
      `${what}: it was taken by another plan of ${wanted.jobName}; resume with the old plan, or start the new one with an empty store`,
      {
        details: { found: manifest.planFingerprint, wanted: wanted.planFingerprint },
      },
    )
  }
  if (manifest.keyGroupCount !== wanted.keyGroupCount) {
    const remedy = `start the job with keyGroupCount ${manifest.keyGroupCount}`
    throw new CheckpointError(
      'KEY_GROUP_COUNT_MISMATCH',
      `${what}: it has ${manifest.keyGroupCount} key groups, the job has ${wanted.keyGroupCount}; ${remedy}`,
      {
        details: { found: manifest.keyGroupCount, wanted: wanted.keyGroupCount },
      },
    )
  }
}

function corrupt({ epoch, checkpointId }: CheckpointGeneration, what: string): CheckpointError {
  return new CheckpointError('CHECKPOINT_CORRUPT', `Checkpoint ${checkpointId} is damaged: ${what}`, {
    details: { epoch, checkpointId, what },
  })
}

function isDamage(error: unknown): error is CheckpointError {
  return error instanceof CheckpointError && error.code === 'CHECKPOINT_CORRUPT'
}

/** Runs `task` on all items, a few at a time. Rejects with the first failure, and only when nothing is under way any more. */
async function forEachParallel<T>(items: readonly T[], task: (item: T) => Promise<void>): Promise<void> {
  const failures: unknown[] = []
  let next = 0
  const work = async () => {
    while (next < items.length && failures.length === 0) {
      await task(items[next++]!).catch((error: unknown) => failures.push(error))
    }
  }
  await Promise.all(Array.from({ length: PARALLEL_CHUNKS }, work))
  if (failures.length > 0) throw failures[0]
}

function sum(numbers: Iterable<number>): number {
  let total = 0
  for (const number of numbers) total += number
  return total
}
