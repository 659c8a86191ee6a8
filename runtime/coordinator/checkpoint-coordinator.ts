/**
 * Gathers a checkpoint: source positions at the barrier, state from every subtask, what every sink prepared; then writes the
 * manifest and lets the sinks commit.
 *
 * Before: job starts one, intakes inject its barrier. After: checkpoint/recovery writes it through the store's session.
 * One checkpoint is under way at a time. A failed write leaves the one before valid and the job running; it is counted.
 *
 * Invariant: sinks commit only after the store has acknowledged the manifest.
 */

import { chunkHash } from '../checkpoint/envelope.ts'
import type { CheckpointSession } from '../checkpoint/checkpoint-store.ts'
import type { ChunkRef, Manifest } from '../checkpoint/manifest.ts'
import { writeCheckpoint } from '../checkpoint/recovery.ts'
import type { Clock } from '../clock.ts'
import { CheckpointError } from '../errors.ts'
import type { SinkPort } from '../sink/sink-port.ts'
import type { SinkState } from '../sink/sink.ts'
import type { StatefulOperator } from '../operator/operator.ts'
import type { SubtaskCounters } from '../subtask/subtask.ts'
import { chunksOfSnapshot } from '../subtask/snapshot-chunks.ts'
import type { IntakeState } from './intake-state.ts'

/** Numbers of the checkpoints so far, for status and metrics. */
export interface CheckpointStatistics {
  readonly count: number
  readonly failedCount: number
  readonly last: {
    readonly checkpointId: number
    readonly bytes: number
    readonly bytesWritten: number
    readonly durationMs: number
    readonly completedAtMs: number
  } | null
}

export interface CheckpointCoordinatorOptions {
  readonly session: CheckpointSession
  readonly jobName: string
  readonly planFingerprint: string
  readonly keyGroupCount: number
  readonly parallelism: number
  readonly sources: readonly string[]
  readonly operators: readonly string[]
  /** Those of them that have state outside the kernel as well. */
  readonly accumulating: readonly string[]
  readonly sinks: readonly SinkPort[]
  readonly clock: Clock
  readonly recovered: Manifest | null
  /** Failed checkpoints in a row that the job survives. */
  readonly tolerableFailures: number
  /** Told of every checkpoint once the sinks have committed it: what each source had said at its barrier. */
  readonly completed: (sources: ReadonlyMap<string, IntakeState>) => void
  readonly failed: (error: Error) => void
}

interface Pending {
  readonly checkpointId: number
  readonly isFinal: boolean
  readonly startedMs: number
  readonly sources: Map<string, IntakeState>
  /** State of the operators behind the sources that run once, of the same cut as the positions. */
  readonly nodes: Map<string, { readonly chunks: Uint8Array<ArrayBuffer>[]; readonly counts: Readonly<Record<string, number>> }>
  readonly subtasks: Map<string, { chunks: Uint8Array<ArrayBuffer>[]; counters: SubtaskCounters }>
  /** State of functions of the user, of the cut that the subtasks' barriers make. */
  readonly accumulators: Map<string, Uint8Array<ArrayBuffer>[]>
  readonly sinks: Map<string, SinkState>
  readonly done: PromiseWithResolvers<boolean>
}

export class CheckpointCoordinator {
  readonly #options: CheckpointCoordinatorOptions
  #pending: Pending | null = null
  #isWriting = false
  #nextId: number
  #previous: Manifest['previous']
  #count = 0
  #failedCount = 0
  #failedInARow = 0
  #last: CheckpointStatistics['last'] = null

  constructor(options: CheckpointCoordinatorOptions) {
    this.#options = options
    this.#nextId = (options.recovered?.checkpointId ?? 0) + 1
    this.#previous = options.recovered === null ? null : { epoch: options.recovered.epoch, checkpointId: options.recovered.checkpointId }
  }

  get statistics(): CheckpointStatistics {
    return { count: this.#count, failedCount: this.#failedCount, last: this.#last }
  }

  /** The checkpoint under way, or null. */
  get pendingId(): number | null {
    return this.#pending?.checkpointId ?? null
  }

  /** Resolves when the checkpoint under way is done; null when none is. */
  get pendingDone(): Promise<boolean> | null {
    return this.#pending?.done.promise ?? null
  }

  /** Resolves when the checkpoint that is being written, and committed to the sinks, is done; null when none is. */
  get writing(): Promise<boolean> | null {
    return this.#isWriting ? this.pendingDone : null
  }

  /** Begins a checkpoint; the caller has every intake inject the barrier. @returns its id, and whether it will have been completed. */
  begin(isFinal: boolean): { readonly checkpointId: number; readonly done: Promise<boolean> } {
    if (this.#pending !== null)
      throw new CheckpointError('CHECKPOINT_PENDING', `Checkpoint ${this.#pending.checkpointId} is still under way`, { retryable: true })
    const checkpointId = this.#nextId++
    const done = Promise.withResolvers<boolean>()
    this.#pending = {
      checkpointId,
      isFinal,
      startedMs: this.#options.clock.monotonic(),
      sources: new Map(),
      nodes: new Map(),
      subtasks: new Map(),
      accumulators: new Map(),
      sinks: new Map(),
      done,
    }
    return { checkpointId, done: done.promise }
  }

  /** @param nodes - Operators with state that this source feeds directly: their snapshots are taken here. */
  sourceReached(
    uid: string,
    checkpointId: number,
    state: IntakeState,
    nodes: readonly { readonly operator: StatefulOperator }[] = [],
  ): void {
    const pending = this.#of(checkpointId)
    pending?.sources.set(uid, state)
    for (const { operator } of nodes) {
      pending?.nodes.set(operator.uid, { chunks: operator.snapshot(), counts: { ...operator.status().counts } })
    }
    this.#completeIfWhole()
  }

  subtaskReached(uid: string, subtask: number, checkpointId: number, sections: Uint8Array<ArrayBuffer>, counters: SubtaskCounters): void {
    this.#of(checkpointId)?.subtasks.set(`${uid}/${subtask}`, { chunks: chunksOfSnapshot(sections), counters })
    this.#completeIfWhole()
  }

  accumulatorsReached(uid: string, checkpointId: number, sections: Uint8Array<ArrayBuffer>): void {
    this.#of(checkpointId)?.accumulators.set(uid, chunksOfSnapshot(sections))
    this.#completeIfWhole()
  }

  sinkReached(name: string, checkpointId: number, state: SinkState): void {
    this.#of(checkpointId)?.sinks.set(name, state)
    this.#completeIfWhole()
  }

  #of(checkpointId: number): Pending | null {
    return this.#pending?.checkpointId === checkpointId ? this.#pending : null
  }

  #completeIfWhole(): void {
    const pending = this.#pending
    const { sources, operators, accumulating, sinks, parallelism } = this.#options
    if (pending === null || this.#isWriting) return
    if (
      pending.sources.size < sources.length ||
      pending.sinks.size < sinks.length ||
      pending.accumulators.size < accumulating.length ||
      pending.subtasks.size < operators.length * parallelism
    )
      return
    this.#isWriting = true
    this.#write(pending)
      .then((isWritten) => {
        this.#isWriting = false
        this.#pending = null
        pending.done.resolve(isWritten)
      })
      .catch((error: unknown) => {
        this.#isWriting = false
        this.#pending = null
        pending.done.resolve(false)
        this.#options.failed(error instanceof Error ? error : new Error(String(error)))
      })
  }

  /** @returns false when the store refused but the job may go on. */
  async #write(pending: Pending): Promise<boolean> {
    const { session, clock, sinks } = this.#options
    const { manifest, chunks } = await this.#manifest(pending)
    let written: Awaited<ReturnType<typeof writeCheckpoint>>
    try {
      written = await writeCheckpoint(session, manifest, chunks)
    } catch (error) {
      if (!(error instanceof CheckpointError && error.retryable) || ++this.#failedInARow > this.#options.tolerableFailures) throw error
      this.#failedCount++
      return false
    }
    this.#failedInARow = 0
    this.#previous = { epoch: manifest.epoch, checkpointId: manifest.checkpointId }
    for (const sink of sinks) await sink.commit(pending.checkpointId)
    this.#options.completed(pending.sources)
    this.#count++
    this.#last = {
      checkpointId: pending.checkpointId,
      bytes: written.bytesTotal,
      bytesWritten: written.bytesWritten,
      durationMs: clock.monotonic() - pending.startedMs,
      completedAtMs: clock.now(),
    }
    return true
  }

  async #manifest(pending: Pending): Promise<{ manifest: Manifest; chunks: Map<string, Uint8Array<ArrayBuffer>> }> {
    const { session, jobName, planFingerprint, keyGroupCount, parallelism, operators, clock } = this.#options
    const chunks = new Map<string, Uint8Array<ArrayBuffer>>()
    const counters: Record<string, number> = {}
    const operatorEntries: [string, { subtasks: { chunks: ChunkRef[] }[] }][] = []
    for (const uid of operators) {
      const subtasks: { chunks: ChunkRef[] }[] = []
      for (let index = 0; index < parallelism; index++) {
        const part = pending.subtasks.get(`${uid}/${index}`)!
        // State outside the kernel belongs to no subtask: it is kept with the first.
        const own = index === 0 ? [...part.chunks, ...(pending.accumulators.get(uid) ?? [])] : part.chunks
        subtasks.push({ chunks: await refsOf(own, chunks) })
        for (const [name, value] of Object.entries(part.counters)) {
          if (isTotal(name)) {
            counters[`${uid}.${name}`] = (counters[`${uid}.${name}`] ?? 0) + value
          }
        }
      }
      operatorEntries.push([uid, { subtasks }])
    }
    for (const [uid, part] of pending.nodes) {
      operatorEntries.push([uid, { subtasks: [{ chunks: await refsOf(part.chunks, chunks) }] }])
      for (const [name, value] of Object.entries(part.counts)) counters[`${uid}.${name}`] = value
    }
    // Counters go on from the recovered checkpoint.
    for (const [name, value] of Object.entries(this.#options.recovered?.counters ?? {})) counters[name] = (counters[name] ?? 0) + value
    const manifest: Manifest = {
      format: 1,
      jobName,
      planFingerprint,
      epoch: session.epoch,
      checkpointId: pending.checkpointId,
      createdAtMs: clock.now(),
      keyGroupCount,
      isFinal: pending.isFinal,
      sources: Object.fromEntries(pending.sources),
      operators: Object.fromEntries(operatorEntries),
      sinks: Object.fromEntries(pending.sinks),
      counters,
      previous: this.#previous,
    }
    return { manifest, chunks }
  }
}

/** Counters that go on across restarts; the others are of the moment. */
function isTotal(name: string): boolean {
  return ['recordsIn', 'lateDropped', 'lateUpdates', 'results', 'outside', 'closed'].includes(name)
}

/** Names chunks by their hash, and notes them. */
async function refsOf(parts: readonly Uint8Array<ArrayBuffer>[], into: Map<string, Uint8Array<ArrayBuffer>>): Promise<ChunkRef[]> {
  // Together: each digest waits for a turn of the event loop, which a busy job grants every few milliseconds.
  const hashes = await Promise.all(parts.map((chunk) => chunkHash(chunk)))
  for (const [at, chunk] of parts.entries()) into.set(hashes[at]!, chunk)
  return parts.map((chunk, at) => ({ hash: hashes[at]!, byteLength: chunk.length }))
}
