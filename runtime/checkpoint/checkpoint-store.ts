/**
 * Where checkpoints are kept: the interface that adapters implement (adapters/memory-store is the reference).
 *
 * A checkpoint is a manifest and the chunks it names. Chunks are immutable and named by the SHA-256 of their content; the
 * manifest is written last and makes the checkpoint real.
 *
 * Contract, which test/contract/checkpoint-store-contract.ts states as tests:
 * - `commit` is atomic: after any crash a generation is there whole or not at all, and what was acknowledged stays.
 * - Epochs rise: opening a store claims a higher epoch than any before, exclusively; a session whose epoch is no longer the highest is
 *   refused (`JOB_FENCED`).
 * - At least `generationsMin` committed generations are kept; chunks that no kept generation names are collected.
 * - Bytes read are verified by the reader (checkpoint/manifest.ts), not here; a store may add checks of its own.
 */

import type { Journal } from './journal.ts'

/** SHA-256 in lower-case hex, 64 characters: the only form in which a chunk has a name. */
export type ChunkHash = string

export interface CheckpointGeneration {
  readonly epoch: number
  readonly checkpointId: number
}

export interface CheckpointStore {
  readonly kind: string
  /**
   * Claims the store for one job.
   *
   * @throws JobStateError `JOB_LOCKED` when another live process holds it, CheckpointError `STORE_UNAVAILABLE` when it cannot be
   * written (remedy in the message), `STATE_FOREIGN` when it belongs to another job, `STATE_LOST` when its birth certificate says that
   * checkpoints were committed and none is there.
   */
  open(jobName: string): Promise<CheckpointSession>
  /** Looks without claiming, for inspection. */
  inspect(): Promise<CheckpointReader>
}

export interface CheckpointReader {
  /** Committed generations, newest first. */
  generations(): Promise<readonly CheckpointGeneration[]>
  /** The manifest's bytes as committed, or null when it is gone. */
  readManifest(generation: CheckpointGeneration): Promise<Uint8Array | null>
  /** A chunk's bytes, or null when it is gone. */
  readChunk(hash: ChunkHash): Promise<Uint8Array | null>
}

export interface CheckpointSession extends CheckpointReader {
  readonly epoch: number
  /** Writes a chunk unless it is there already; durable at the latest when the `commit` that names it resolves. */
  writeChunk(hash: ChunkHash, bytes: Uint8Array): Promise<void>
  /**
   * Makes a generation real. All `chunks` were written before. Resolves when it survives SIGKILL and, where the platform allows, power loss.
   *
   * @throws JobStateError `JOB_FENCED`; CheckpointError `STORE_FULL` (retryable) or `STORE_UNAVAILABLE`.
   */
  commit(checkpointId: number, manifest: Uint8Array, chunks: readonly ChunkHash[]): Promise<void>
  /** Opens the journal of a name, for stores that have journals; each name once at a time. It is fenced with the session. */
  openJournal?(name: string): Promise<Journal>
  /** Gives the claim back. */
  close(): Promise<void>
}
