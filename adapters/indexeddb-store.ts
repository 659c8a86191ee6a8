/**
 * Checkpoints in IndexedDB, for pages and their workers.
 *
 * Before: `start` opens it, checkpoint/recovery writes and reads through its session. After: one database for each store, `millrace/<name>`
 * (indexeddb/records.ts says what lies where), a Web Lock and a BroadcastChannel of the same name (indexeddb/leadership.ts), and the birth
 * certificate in the Cache API (indexeddb/certificate.ts).
 *
 * At `open`: whose is it → leadership → certificate → claim, a transaction that looks what is there, compares it with the certificate and takes
 * the next epoch. Nothing there and nothing known: a fresh start. Known and not there, or there and older than known: `STATE_LOST`, because
 * browsers empty a damaged database, or put it back to an older state, without saying so. The claim is also the test whether this page may write.
 *
 * Nothing is planned by `navigator.storage.estimate()`, which invents figures, and `persist()` is left to the page: in Firefox it asks the user,
 * and may never answer.
 *
 * Invariant: epochs rise, also over a database that was lost; every transaction that writes belongs to the epoch that stands in the head.
 */

import type { CheckpointReader, CheckpointSession, CheckpointStore } from '../runtime/checkpoint/checkpoint-store.ts'
import { type Clock, systemClock } from '../runtime/clock.ts'
import { type Duration, durationMs } from '../runtime/duration.ts'
import { CheckpointError } from '../runtime/errors.ts'
import { Catalog } from './indexeddb/catalog.ts'
import { cachePlace, type CertificateReading, Certificates, databasePlace } from './indexeddb/certificate.ts'
import { Connection, type Durability } from './indexeddb/connection.ts'
import { DatabaseAbsent, storeError } from './indexeddb/idb-errors.ts'
import { IndexedDbReader } from './indexeddb/indexeddb-reader.ts'
import { GENERATIONS_MIN, IndexedDbSession } from './indexeddb/indexeddb-session.ts'
import { lead, type Leadership, type Lease } from './indexeddb/leadership.ts'
import { committedBefore, type OnStateLost } from './indexeddb/lost-state.ts'
import {
  asHead,
  BEAT,
  below,
  CHECKPOINTS,
  DATABASE_VERSION,
  FENCE,
  HEAD,
  type Head,
  headRecord,
  JOURNALS,
  makeObjectStores,
} from './indexeddb/records.ts'
import type { ShelfMaker } from './indexeddb/chunk-shelf.ts'

export type { OnStateLost } from './indexeddb/lost-state.ts'
export type { Leadership } from './indexeddb/leadership.ts'

export interface IndexedDbCheckpointsOptions {
  /** Generations kept, at least 3, which is the default. */
  readonly generations?: number
  /** What to do when another tab or worker runs the job; default `'refuse'`. */
  readonly leadership?: Leadership
  /** With `leadership: 'wait'`: how long a leader that does not answer keeps the job; default `'10s'`. */
  readonly stealAfter?: Duration
  /**
   * `strict` (default): a checkpoint is flushed to the disk before it counts. `relaxed`: only the first one of each start is, so power loss may take
   * those behind it.
   */
  readonly durability?: Durability
  readonly onStateLost?: OnStateLost
}

/** A store that can be taken away as a whole. */
export interface BrowserCheckpointStore extends CheckpointStore {
  /**
   * Deletes everything the store has in this browser, certificate included: the next start is a fresh one.
   *
   * @throws JobStateError `JOB_LOCKED` while a job uses it (by the store's `leadership`), CheckpointError `STORE_UNAVAILABLE`.
   */
  destroy(): Promise<void>
}

/** What the store stands on; tests put their own in. */
export interface IndexedDbStoreParts {
  readonly kind: string
  readonly databaseName: string
  readonly clock: Clock
  readonly locks: LockManager | undefined
  readonly certificates: Certificates
  /** Where chunks lie outside of the database. */
  readonly shelves: ShelfMaker | null
  readonly openDeadlineMs?: number
}

/**
 * A store that keeps checkpoints in IndexedDB. It works in pages and workers; tabs of one site that name the same store share it, and one of them
 * leads.
 *
 * @param name - One for each job, of this site.
 * @throws RangeError when an option is out of range; ConfigError `DURATION_INVALID`.
 *
 * @example
 * await start(job, { sources, sinks, checkpoints: { store: indexedDbCheckpoints('telemetry'), every: '10s' } })
 */
export function indexedDbCheckpoints(name: string, options: IndexedDbCheckpointsOptions = {}): BrowserCheckpointStore {
  return new IndexedDbStore(options, {
    kind: 'indexeddb',
    databaseName: `millrace/${name}`,
    clock: systemClock,
    locks: globalThis.navigator?.locks,
    certificates: certificatesOf(name, systemClock),
    shelves: null,
  })
}

/** Where the certificates of a store lie, best place first. */
export function certificatesOf(name: string, clock: Clock): Certificates {
  return new Certificates([cachePlace(name), databasePlace(name, clock)])
}

/** {@link indexedDbCheckpoints} on given parts. */
export class IndexedDbStore implements BrowserCheckpointStore {
  readonly kind: string
  readonly #parts: IndexedDbStoreParts
  readonly #generationsKept: number
  readonly #leadership: Leadership
  readonly #stealAfterMs: number
  readonly #durability: Durability
  readonly #onStateLost: OnStateLost

  constructor(options: IndexedDbCheckpointsOptions, parts: IndexedDbStoreParts) {
    const kept = options.generations ?? GENERATIONS_MIN
    if (!Number.isSafeInteger(kept) || kept < GENERATIONS_MIN)
      throw new RangeError(`generations must be an integer of at least ${GENERATIONS_MIN}, it is ${kept}`)
    this.kind = parts.kind
    this.#parts = parts
    this.#generationsKept = kept
    this.#leadership = oneOf('leadership', options.leadership, ['refuse', 'wait', 'steal'])
    this.#stealAfterMs = durationMs(options.stealAfter ?? '10s', { of: 'stealAfter', positive: true })
    this.#durability = oneOf('durability', options.durability, ['strict', 'relaxed'])
    this.#onStateLost = oneOf('onStateLost', options.onStateLost, ['fail', 'resume', 'startAfresh'])
  }

  async inspect(): Promise<CheckpointReader> {
    const { certificates, shelves } = this.#parts
    const certified = async () => (await certificates.read()).certificate?.committed ?? null
    return new IndexedDbReader(this.#connection(false), shelves?.reader() ?? null, certified)
  }

  async open(jobName: string): Promise<CheckpointSession> {
    const { certificates, shelves } = this.#parts
    let connection = this.#connection(true)
    let lease: Lease | null = null
    try {
      shelves?.checkPlace()
      // Once before the leadership, so that another job's store is left as it is.
      this.#checkJob((await this.#head(connection))?.jobName, jobName)
      this.#checkJob((await certificates.read()).certificate?.jobName, jobName)
      lease = await this.#lead(connection)
      // The store may have been destroyed while we waited.
      connection.close()
      connection = this.#connection(true)
      const { head, catalog } = await this.#claim(connection, jobName, await certificates.read())
      await certificates.write({ jobName, epoch: head.epoch, committed: head.committed })
      await certificates.forget(head.epoch)
      const shelf = (await shelves?.open(connection, head, this.#leadership !== 'refuse')) ?? null
      return new IndexedDbSession({
        connection,
        reader: new IndexedDbReader(connection, shelf),
        certificates,
        lease,
        clock: this.#parts.clock,
        head,
        catalog,
        shelf,
        generationsKept: this.#generationsKept,
        durability: this.#durability,
      })
    } catch (error) {
      connection.close()
      await lease?.release()
      throw storeError(error, `open the checkpoints of ${jobName}`, this.#parts.databaseName)
    } finally {
      lease?.settle()
    }
  }

  async destroy(): Promise<void> {
    const { certificates, shelves, databaseName } = this.#parts
    const connection = this.#connection(false)
    let lease: Lease | null = null
    try {
      lease = await this.#lead(connection)
      await shelves?.destroy()
      await connection.destroy()
      await certificates.forget(Infinity)
    } catch (error) {
      throw storeError(error, 'delete the checkpoints', databaseName)
    } finally {
      connection.close()
      await lease?.release()
    }
  }

  #connection(mayCreate: boolean): Connection {
    const { databaseName: name, clock, openDeadlineMs } = this.#parts
    const plan = { name, version: DATABASE_VERSION, upgrade: makeObjectStores, clock }
    return new Connection(openDeadlineMs === undefined ? plan : { ...plan, openDeadlineMs }, mayCreate)
  }

  #lead(connection: Connection): Promise<Lease> {
    const { databaseName: name, clock, locks } = this.#parts
    const beat = async () => {
      try {
        const stored = await connection.read([CHECKPOINTS], (stores) => {
          const checkpoints = stores(CHECKPOINTS)
          return Promise.all([checkpoints.get(BEAT), checkpoints.get(HEAD)])
        })
        return JSON.stringify([stored[0], asHead(stored[1])?.epoch])
      } catch (error) {
        if (error instanceof DatabaseAbsent) return ''
        throw error
      }
    }
    return lead({ name, leadership: this.#leadership, stealAfterMs: this.#stealAfterMs, clock, locks, beat })
  }

  #head(connection: Connection): Promise<Head | null> {
    return connection.read([CHECKPOINTS], async (stores) => asHead(await stores(CHECKPOINTS).get(HEAD)))
  }

  /** Takes the next epoch, if what is there is what was known, or may be less. */
  async #claim(connection: Connection, jobName: string, reading: CertificateReading): Promise<{ head: Head; catalog: Catalog }> {
    const owner = Array.from(crypto.getRandomValues(new Uint32Array(4)), (word) => word.toString(16).padStart(8, '0')).join('')
    const claimed = await connection.write([CHECKPOINTS, JOURNALS], 'strict', async (stores) => {
      const checkpoints = stores(CHECKPOINTS)
      const before = asHead(await checkpoints.get(HEAD))
      const catalog = await Catalog.load(checkpoints)
      const hasChunks = (await checkpoints.count(below('chunk'))) > 0
      this.#checkJob(before?.jobName, jobName)
      this.#checkJob(reading.certificate?.jobName, jobName)
      const committed = committedBefore({
        store: this.#parts.databaseName,
        head: before,
        newest: catalog.newest,
        hasChunks,
        reading,
        onStateLost: this.#onStateLost,
      })
      const epochs = [before?.epoch, reading.certificate?.epoch, catalog.newest?.epoch]
      const head = headRecord({
        jobName,
        epoch: Math.max(0, ...epochs.map((epoch) => epoch ?? 0)) + 1,
        owner,
        createdAtMs: before?.createdAtMs ?? this.#parts.clock.now(),
        committed,
        journalEnds: before?.journalEnds ?? [],
      })
      const { epoch } = head
      await Promise.all([
        checkpoints.put(head, HEAD),
        checkpoints.put({ epoch, count: 0 }, BEAT),
        stores(JOURNALS).put({ epoch, owner }, FENCE),
      ])
      return { head, catalog }
    })
    const kept = await this.#head(connection)
    if (kept?.owner === owner || (kept !== null && kept.epoch > claimed.head.epoch)) return claimed
    const { databaseName } = this.#parts
    throw new CheckpointError(
      'STORE_UNAVAILABLE',
      `Cannot use ${databaseName}: the browser took a write and did not keep it; leave the private window, or restart the browser`,
      { details: { store: databaseName, cause: 'WRITE_NOT_KEPT' } },
    )
  }

  #checkJob(found: string | undefined, jobName: string): void {
    if (found === undefined || found === jobName) return
    const { databaseName } = this.#parts
    throw new CheckpointError(
      'STATE_FOREIGN',
      `Cannot open ${databaseName} for ${jobName}: it belongs to job ${found}; name another store for each job`,
      { details: { found, wanted: jobName, store: databaseName } },
    )
  }
}

function oneOf<T extends string>(option: string, value: T | undefined, allowed: readonly [T, ...T[]]): T {
  if (value === undefined) return allowed[0]
  if (allowed.includes(value)) return value
  throw new RangeError(`${option} must be one of ${allowed.join(', ')}, it is ${String(value)}`)
}
