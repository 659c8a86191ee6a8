/**
 * A connection to one database that survives losing it: each transaction gets a deadline, and a second try on a new connection.
 *
 * Before: reader, session, journals, certificate, sink. After: idb and the browser.
 * A browser may close a connection at any time ("Connection to Indexed Database server lost", cleared data, a slept page), and some never answer.
 * We close it ourselves when another tab wants to delete or upgrade the database, so that no tab waits for us.
 *
 * Invariant: the body of a transaction may run twice and must be idempotent; it has happened when the call resolves.
 */

import { deleteDB, type IDBPDatabase, type IDBPTransaction, openDB } from 'idb'
import type { Clock } from '../../runtime/clock.ts'
import { CheckpointError, MillraceError } from '../../runtime/errors.ts'
import { DatabaseAbsent, isConnectionLost } from './idb-errors.ts'

export type Durability = 'strict' | 'relaxed'

type Query = IDBValidKey | IDBKeyRange

/** An object store of a transaction that reads. */
export interface ReadStore {
  get(query: Query): Promise<unknown>
  getAll(query?: Query): Promise<unknown[]>
  getAllKeys(query?: Query): Promise<IDBValidKey[]>
  count(query?: Query): Promise<number>
}

/** An object store of a transaction that writes. */
export interface WriteStore extends ReadStore {
  put(value: unknown, key?: IDBValidKey): Promise<unknown>
  delete(query: Query): Promise<unknown>
}

/** The stores of a transaction, by name. */
export type Stores<S extends ReadStore> = (name: string) => S

/** A browser that opens a small database needs milliseconds; what takes longer waits for another tab or hangs. */
export const OPEN_DEADLINE_MS = 10_000
/** Far above what 8 MiB take on a slow phone. */
export const TRANSACTION_DEADLINE_MS = 60_000

/** How a database is opened. */
export interface DatabasePlan {
  readonly name: string
  /** Undefined: as it is. */
  readonly version: number | undefined
  /** Makes the object stores. Called within the upgrade. */
  readonly upgrade: (database: IDBPDatabase) => void
  readonly clock: Clock
  readonly openDeadlineMs?: number
}

export class Connection {
  readonly #plan: DatabasePlan
  #opening: Promise<IDBPDatabase> | null = null
  #current: IDBPDatabase | null = null
  #mayCreate: boolean

  /** @param mayCreate - Whether the first opening may create the database; later ones never do: then it was deleted under us. */
  constructor(plan: DatabasePlan, mayCreate: boolean) {
    this.#plan = plan
    this.#mayCreate = mayCreate
  }

  get name(): string {
    return this.#plan.name
  }

  /** Runs `body` in a transaction that reads; otherwise like {@link write}. */
  read<T>(names: readonly string[], body: (stores: Stores<ReadStore>) => Promise<T>): Promise<T> {
    return this.#transact(names, 'readonly', {}, body)
  }

  /**
   * Runs `body` in a transaction and resolves with its result once the transaction is complete. The body awaits requests of the transaction only.
   *
   * @throws what the body threw (the transaction is undone then), {@link DatabaseAbsent}, CheckpointError `STORE_UNAVAILABLE` at a deadline, or
   * the browser's own exception.
   */
  write<T>(names: readonly string[], durability: Durability, body: (stores: Stores<WriteStore>) => Promise<T>): Promise<T> {
    return this.#transact(names, 'readwrite', { durability }, body)
  }

  /** What there is now. Opens the database, and upgrades it if the plan says so. */
  async describe(): Promise<{ readonly version: number; readonly stores: readonly string[] }> {
    const database = await this.#connected(1)
    return { version: database.version, stores: [...database.objectStoreNames] }
  }

  /** Closes the connection; the next transaction opens it again. */
  close(): void {
    const opening = this.#opening
    this.#opening = null
    opening?.then(
      (database) => database.close(),
      () => {},
    )
  }

  /** Deletes the database. @throws CheckpointError `STORE_UNAVAILABLE` when another tab holds it open for too long. */
  async destroy(): Promise<void> {
    const { name, clock, openDeadlineMs = OPEN_DEADLINE_MS } = this.#plan
    this.close()
    await withinDeadline(deleteDB(name), clock, openDeadlineMs, () => {
      return new CheckpointError(
        'STORE_UNAVAILABLE',
        `Cannot delete database ${name}: another tab holds it open; close other tabs of this site`,
        {
          retryable: true,
          details: { store: name, cause: 'BLOCKED' },
        },
      )
    })
  }

  async #connected(attempt: number): Promise<IDBPDatabase> {
    for (; ; attempt++) {
      const opening = (this.#opening ??= this.#open())
      try {
        this.#current = await opening
        this.#mayCreate = false
        return this.#current
      } catch (error) {
        if (this.#opening === opening) this.#opening = null
        if (attempt > 1 || !isConnectionLost(error)) throw error
      }
    }
  }

  async #open(): Promise<IDBPDatabase> {
    const { name, version, upgrade, clock, openDeadlineMs = OPEN_DEADLINE_MS } = this.#plan
    const mayCreate = this.#mayCreate
    let isLate = false
    let isAbsent = false
    let isBlocked = false
    const opening = openDB(name, version, {
      upgrade: (database, oldVersion, _version, transaction) => {
        transaction.done.catch(() => {})
        isAbsent = oldVersion === 0 && !mayCreate
        // An upgrade that is undone leaves no new database behind.
        if (isLate || isAbsent) transaction.abort()
        else upgrade(database)
      },
      blocked: () => {
        isBlocked = true
      },
      blocking: () => gone(),
      terminated: () => gone(),
    })
    const gone = () => {
      opening.then(
        (database) => this.#drop(database),
        () => {},
      )
    }
    try {
      return await withinDeadline(opening, clock, openDeadlineMs, () => {
        isLate = true
        opening.then(
          (database) => database.close(),
          () => {},
        )
        const holder = isBlocked ? 'another tab holds an old version of it open' : 'another tab may hold it, or the browser hangs'
        return new CheckpointError(
          'STORE_UNAVAILABLE',
          `Cannot open database ${name}: no answer in ${openDeadlineMs} ms, ${holder}; close other tabs of this site and try again`,
          { retryable: true, details: { store: name, cause: isBlocked ? 'BLOCKED' : 'TIMEOUT' } },
        )
      })
    } catch (error) {
      throw isAbsent ? new DatabaseAbsent(`There is no database ${name}`, { cause: error }) : error
    }
  }

  async #transact<T>(
    names: readonly string[],
    mode: 'readonly' | 'readwrite',
    options: IDBTransactionOptions,
    body: (stores: Stores<WriteStore>) => Promise<T>,
  ): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      const database = await this.#connected(attempt)
      try {
        return await this.#attempt(database, (of) => of.transaction([...names], mode, options) as unknown as IDBPTransaction, body)
      } catch (error) {
        if (attempt > 1 || !isConnectionLost(error)) throw error
        this.#drop(database)
      }
    }
  }

  async #attempt<T>(
    database: IDBPDatabase,
    begin: (database: IDBPDatabase) => IDBPTransaction,
    body: (stores: Stores<WriteStore>) => Promise<T>,
  ): Promise<T> {
    const { name, clock } = this.#plan
    const transaction = begin(database)
    const done = transaction.done
    const whole = async () => {
      try {
        const result = await body((of) => transaction.objectStore(of) as unknown as WriteStore)
        await done
        return result
      } catch (error) {
        abort(transaction)
        await done.catch(() => {})
        // Why a transaction was given up (a full disk, a lost connection) says more than that its requests were.
        throw error instanceof MillraceError ? error : (transaction.error ?? error)
      }
    }
    return await withinDeadline(whole(), clock, TRANSACTION_DEADLINE_MS, () => {
      abort(transaction)
      this.#drop(database)
      return new CheckpointError('STORE_UNAVAILABLE', `Database ${name} did not answer in ${TRANSACTION_DEADLINE_MS} ms; reload the page`, {
        retryable: true,
        details: { store: name, cause: 'TIMEOUT' },
      })
    })
  }

  #drop(database: IDBPDatabase): void {
    if (this.#current === database) this.#opening = this.#current = null
    database.close()
  }
}

/** Undoes a transaction that is not complete yet. */
function abort(transaction: { abort(): void }): void {
  try {
    transaction.abort()
  } catch {
    // It is over already.
  }
}

/** The result, or `late()` when the deadline comes first; a result that comes later is dropped. */
async function withinDeadline<T>(work: Promise<T>, clock: Clock, deadlineMs: number, late: () => Error): Promise<T> {
  const settled = new AbortController()
  const deadline = clock.sleep(deadlineMs, settled.signal).then(() => {
    if (!settled.signal.aborted) throw late()
    return work
  })
  try {
    return await Promise.race([work, deadline])
  } finally {
    settled.abort()
    deadline.catch(() => {})
    work.catch(() => {})
  }
}
