/**
 * A checkpoint store that fails on purpose: wraps a real one and lets a fault plan decide, operation by operation.
 *
 * Before: memoryCheckpoints() or any other store. After: the job under test, or the simulation.
 * An operation fails before it had an effect, or after it (the caller does not learn that it worked), or as a crash: it and all that
 * follow never return an answer but the crash. What the inner store promises still holds: nothing torn is ever visible.
 *
 * Invariant: operations are numbered from 0 in the order of their calls, so the same calls and the same plan give the same faults.
 */

import type { CheckpointReader, CheckpointSession, CheckpointStore } from '../../runtime/checkpoint/checkpoint-store.ts'
import type { Journal } from '../../runtime/checkpoint/journal.ts'
import { CheckpointError } from '../../runtime/errors.ts'
import type { Prng } from './prng.ts'
import { wrappedJournal } from './wrapped-journal.ts'

export type StoreOperation =
  | 'open'
  | 'generations'
  | 'readManifest'
  | 'readChunk'
  | 'writeChunk'
  | 'commit'
  | 'openJournal'
  | 'append'
  | 'read'
  | 'trim'
  | 'close'

/** `before`: without effect. `after`: with effect, and the answer lost. `crash-…`: the same, and nothing works afterwards. */
export type FaultEffect = 'before' | 'after' | 'crash-before' | 'crash-after'

export interface Fault {
  readonly effect: FaultEffect
  readonly error?: Error
}

/** Asked once for each operation; null lets it pass. */
export type FaultPlan = (operation: StoreOperation, index: number) => Fault | null

/** What every operation of a crashed store throws. Not a MillraceError: no program under test may handle it. */
export class StoreCrash extends Error {
  override readonly name = 'StoreCrash'
}

/** Fails the Nth call (from 0) of `operation`, or of all operations when none is named. */
export function failNth(
  nth: number,
  effect: FaultEffect,
  options: { readonly operation?: StoreOperation; readonly error?: Error } = {},
): FaultPlan {
  let count = 0
  return (operation) => {
    if (options.operation !== undefined && options.operation !== operation) return null
    return count++ === nth ? { effect, ...(options.error === undefined ? {} : { error: options.error }) } : null
  }
}

/** Fails one operation in `oneIn`, by the seed of `prng`; only those named, if any are. */
export function failAtRandom(
  prng: Prng,
  oneIn: number,
  effects: readonly FaultEffect[],
  operations?: readonly StoreOperation[],
): FaultPlan {
  return (operation) => {
    if (operations !== undefined && !operations.includes(operation)) return null
    return prng.int(oneIn) === 0 ? { effect: prng.pick(effects) } : null
  }
}

export class FaultyStore implements CheckpointStore {
  readonly kind: string
  readonly #inner: CheckpointStore
  readonly #plan: FaultPlan
  #count = 0
  #isCrashed = false

  constructor(inner: CheckpointStore, plan: FaultPlan) {
    this.kind = `faulty-${inner.kind}`
    this.#inner = inner
    this.#plan = plan
  }

  /** Operations so far. */
  get operationCount(): number {
    return this.#count
  }

  get isCrashed(): boolean {
    return this.#isCrashed
  }

  /** From here on every operation fails, as after a kill. Open the inner store again to recover. */
  crash(): void {
    this.#isCrashed = true
  }

  async open(jobName: string): Promise<CheckpointSession> {
    return await this.#do('open', async () => {
      const session = await this.#inner.open(jobName)
      return {
        epoch: session.epoch,
        ...this.#reader(session),
        writeChunk: (hash, bytes) => this.#do('writeChunk', () => session.writeChunk(hash, bytes)),
        commit: (checkpointId, manifest, chunks) => this.#do('commit', () => session.commit(checkpointId, manifest, chunks)),
        ...(session.openJournal === undefined
          ? {}
          : { openJournal: (name: string) => this.#do('openJournal', async () => this.#journal(await session.openJournal!(name))) }),
        close: () => this.#do('close', () => session.close()),
      }
    })
  }

  async inspect(): Promise<CheckpointReader> {
    return this.#reader(await this.#inner.inspect())
  }

  #journal(journal: Journal): Journal {
    return wrappedJournal(journal, {
      append: (entries) => this.#do('append', () => journal.append(entries)),
      read: (from, countMax) => this.#do('read', () => journal.read(from, countMax)),
      trim: (before) => this.#do('trim', () => journal.trim(before)),
    })
  }

  #reader(reader: CheckpointReader): CheckpointReader {
    return {
      generations: () => this.#do('generations', () => reader.generations()),
      readManifest: (generation) => this.#do('readManifest', () => reader.readManifest(generation)),
      readChunk: (hash) => this.#do('readChunk', () => reader.readChunk(hash)),
    }
  }

  async #do<T>(operation: StoreOperation, run: () => Promise<T>): Promise<T> {
    if (this.#isCrashed) throw new StoreCrash(`${operation} after the crash`)
    const index = this.#count++
    const fault = this.#plan(operation, index)
    if (fault === null) return await run()
    const isCrash = fault.effect === 'crash-before' || fault.effect === 'crash-after'
    if (isCrash) this.#isCrashed = true
    if (fault.effect === 'after' || fault.effect === 'crash-after') await run()
    if (isCrash) throw new StoreCrash(`crash ${fault.effect.slice(6)} operation ${index}, ${operation}`)
    throw (
      fault.error ??
      new CheckpointError('STORE_FULL', `Injected fault ${fault.effect} operation ${index}, ${operation}`, { retryable: true })
    )
  }
}
