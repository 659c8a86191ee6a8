/**
 * A bounded local log, which makes a source that cannot rewind replayable: what arrives is written here before it is processed.
 *
 * Before: a source of messages appends what it receives. After: at a restart the source reads from the position of its checkpoint on. It lies
 * where the checkpoints lie; a session of a store opens it ({@link CheckpointSession.openJournal}).
 *
 * Contract, which test/contract/checkpoint-store-contract.ts states as tests:
 * - `append` is atomic: after any crash all its entries are there or none, and what was acknowledged stays as long as an acknowledged checkpoint.
 * - Entries are numbered from 0 without gaps; numbers are never used again, also not after a restart.
 * - A session that is fenced appends and trims nothing (`JOB_FENCED`).
 *
 * Invariant: begin ≤ end; the entries `begin` to `end - 1` can be read, those before were trimmed.
 */

export interface Journal {
  /** Number of the oldest entry that is kept. */
  readonly begin: number
  /** Number that the next entry gets. */
  readonly end: number
  /** Bytes of the entries that are kept, about. */
  readonly byteLength: number
  /**
   * Adds entries behind the last one. Resolves when they survive SIGKILL of the process.
   *
   * @returns the number of the first of them.
   * @throws JobStateError `JOB_FENCED`, `JOB_CLOSED`; CheckpointError `STORE_FULL` (retryable) or `STORE_UNAVAILABLE`.
   */
  append(entries: readonly Uint8Array[]): Promise<number>
  /**
   * At most `countMax` entries from number `from` on, in order; none at the end. They belong to the caller.
   *
   * @throws RangeError when `from` is before `begin` or behind `end`; CheckpointError `CHECKPOINT_CORRUPT` when an entry is damaged.
   */
  read(from: number, countMax: number): Promise<readonly Uint8Array[]>
  /** Forgets the entries before number `before`. */
  trim(before: number): Promise<void>
  /** Frees what it holds; the session stays open. */
  close(): Promise<void>
}
