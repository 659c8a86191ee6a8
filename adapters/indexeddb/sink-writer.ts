/**
 * Writes the results of one job start into an IndexedDB sink and takes part in the commit.
 *
 * Before: sink/sink-port. After: indexeddb/sink-database.
 * Rows are staged while they come, `prepare` closes the part, `commit` moves it into the user's object store: one transaction, so a reader of the
 * page sees a checkpoint's rows all or none. Every transaction looks whether the writer still owns the ledger.
 *
 * Invariant: parts are committed in order, each once, whatever was repeated; `ledger.rowCount` rows are visible.
 */

import { CHANGE_DELETE, CHANGE_UPDATE_BEFORE } from '../../kernel/layout.ts'
import { ConnectorError, JobStateError } from '../../runtime/errors.ts'
import type { RecordBatch, RowObject, Value } from '../../runtime/record-batch.ts'
import type { SinkContext, SinkState, SinkWriter } from '../../runtime/sink/sink.ts'
import type { Connection, Stores, WriteStore } from './connection.ts'
import {
  applyRows,
  asLedger,
  type Ledger,
  LEDGER_STORE,
  ledgerKey,
  sinkError,
  stagedBelow,
  stagedKey,
  type StagedRows,
} from './sink-database.ts'

/** Rows that are gathered before they are staged. */
const STAGE_ROWS = 2_000

export interface SinkTarget {
  readonly database: string
  readonly store: string
  /** Columns whose values are the key of a row; null: its number. */
  readonly key: readonly string[] | null
}

export class IndexedDbSinkWriter implements SinkWriter {
  readonly #connection: Connection
  readonly #target: SinkTarget
  readonly #owner: string
  readonly #prepared = new Map<number, { readonly part: number; readonly rowCount: number }>()
  #keys: IDBValidKey[] = []
  #rows: (RowObject | null)[] = []
  /** Last part that was prepared, and the rows so far, those of the part under construction included. */
  #part: number
  #rowCount: number
  #stagedCount = 0

  private constructor(connection: Connection, target: SinkTarget, ledger: Ledger) {
    this.#connection = connection
    this.#target = target
    this.#owner = ledger.owner
    this.#part = ledger.part
    this.#rowCount = ledger.rowCount
  }

  /** Takes the ledger over, finishes the commit that `restored` speaks of and takes back what is newer. */
  static async open(connection: Connection, target: SinkTarget, context: SinkContext, owner: string): Promise<IndexedDbSinkWriter> {
    const { database, store } = target
    try {
      const ledger = await connection.write([store, LEDGER_STORE], 'strict', (stores) => recover(stores, target, context, owner))
      return new IndexedDbSinkWriter(connection, target, ledger)
    } catch (error) {
      throw sinkError(error, database)
    }
  }

  write(batch: RecordBatch): void | Promise<void> {
    for (let row = 0; row < batch.rowCount; row++) this.#add(batch, row)
    if (this.#keys.length >= STAGE_ROWS) return this.#stage('relaxed')
  }

  async prepare(checkpointId: number): Promise<SinkState> {
    // Strict: it takes along what was staged before, which lies in the same log.
    if (this.#keys.length + this.#stagedCount > 0) {
      await this.#stage('strict')
      this.#part++
      this.#stagedCount = 0
    }
    const state = { part: this.#part, rowCount: this.#rowCount }
    this.#prepared.set(checkpointId, state)
    return state
  }

  async commit(checkpointId: number): Promise<void> {
    const state = this.#prepared.get(checkpointId)
    // A commit that was finished by `open`, or done before, is not known any more.
    if (state === undefined) return
    await this.#transact('strict', async (stores, ledger) => {
      if (ledger.part < state.part || ledger.isFresh) await publish(stores, this.#target, ledger, state)
    })
    for (const id of this.#prepared.keys()) if (id <= checkpointId) this.#prepared.delete(id)
  }

  finish(): Promise<void> {
    return Promise.resolve()
  }

  async close(): Promise<void> {
    this.#keys = []
    this.#rows = []
    this.#connection.close()
  }

  #add(batch: RecordBatch, row: number): void {
    const change = batch.panes?.change[row]
    const values = batch.row(row)
    const { key } = this.#target
    if (key === null) {
      if (change === CHANGE_UPDATE_BEFORE || change === CHANGE_DELETE) throw this.#keyMissing()
      this.#keys.push(this.#rowCount)
      this.#rows.push(values)
    } else {
      // What takes its place follows at once.
      if (change === CHANGE_UPDATE_BEFORE) return
      this.#keys.push(key.map((column) => keyPart(values[column]!)))
      this.#rows.push(change === CHANGE_DELETE ? null : values)
    }
    this.#rowCount++
  }

  async #stage(durability: 'strict' | 'relaxed'): Promise<void> {
    const staged: StagedRows = { keys: this.#keys, rows: this.#rows }
    const index = this.#stagedCount
    await this.#transact(durability, async (stores) => {
      await stores(LEDGER_STORE).put(staged, stagedKey(this.#target.store, this.#part + 1, index))
    })
    this.#stagedCount++
    this.#keys = []
    this.#rows = []
  }

  async #transact(durability: 'strict' | 'relaxed', body: (stores: Stores<WriteStore>, ledger: Ledger) => Promise<void>): Promise<void> {
    const { store, database } = this.#target
    try {
      await this.#connection.write([store, LEDGER_STORE], durability, async (stores) => {
        const ledger = asLedger(await stores(LEDGER_STORE).get(ledgerKey(store)))
        if (ledger === null) throw lost(this.#target, 'its ledger is gone')
        if (ledger.owner !== this.#owner) throw fencedSink(this.#target, ledger)
        await body(stores, ledger)
      })
    } catch (error) {
      throw sinkError(error, database)
    }
  }

  #keyMissing(): ConnectorError {
    const { database, store } = this.#target
    return new ConnectorError(
      'SINK_KEY_MISSING',
      `Cannot write ${database}/${store}: a result is taken back, and without a key nobody knows which row that was; give the sink a key`,
      { details: { database, store } },
    )
  }
}

/** The ledger as this start takes it over. */
async function recover(stores: Stores<WriteStore>, target: SinkTarget, context: SinkContext, owner: string): Promise<Ledger> {
  const { store } = target
  const millrace = stores(LEDGER_STORE)
  const found = asLedger(await millrace.get(ledgerKey(store)))
  const { jobName, name: sink, hasCheckpoints, restored } = context
  if (found !== null && (found.jobName !== jobName || found.sink !== sink)) throw foreign(target, found)
  const epoch = hasCheckpoints ? context.epoch : (found?.epoch ?? 0)
  const base = { format: 1, jobName, sink, epoch, owner } as const
  let ledger: Ledger = { ...base, part: 0, rowCount: 0, isFresh: true }
  if (restored !== null) {
    const wanted = { part: Number(restored['part']), rowCount: Number(restored['rowCount']) }
    if (found !== null && found.epoch > context.epoch) throw fencedSink(target, found)
    if (found === null && wanted.part > 0) throw lost(target, 'its ledger is gone')
    ledger = { ...base, ...wanted, isFresh: found?.isFresh ?? true }
    if (found !== null && (found.part < wanted.part || (found.isFresh && wanted.part > 0))) {
      await publish(stores, target, found, wanted)
      ledger = { ...ledger, isFresh: false }
    } else if (target.key === null && found?.isFresh === false) {
      // Numbers are given out again; rows by key are overwritten when they come again.
      await stores(store).delete(IDBKeyRange.lowerBound(wanted.rowCount))
    }
  }
  await Promise.all([millrace.delete(stagedBelow(store)), millrace.put(ledger, ledgerKey(store))])
  return ledger
}

/** Moves the staged parts behind those of the ledger, up to `to.part`, into the object store, and the ledger with them. */
async function publish(
  stores: Stores<WriteStore>,
  target: SinkTarget,
  ledger: Ledger,
  to: { readonly part: number; readonly rowCount: number },
): Promise<void> {
  const { store } = target
  const millrace = stores(LEDGER_STORE)
  const range = to.part <= ledger.part ? null : IDBKeyRange.bound(stagedKey(store, ledger.part + 1, 0), stagedKey(store, to.part, Infinity))
  const staged = range === null ? [] : ((await millrace.getAll(range)) as StagedRows[])
  const found = staged.reduce((sum, { keys }) => sum + keys.length, ledger.rowCount)
  if (found !== to.rowCount) throw lost(target, `it holds ${found} rows, the checkpoint speaks of ${to.rowCount}`)
  if (ledger.isFresh) await stores(store).delete(IDBKeyRange.lowerBound(-Infinity))
  await applyRows(stores(store), staged)
  await Promise.all([
    range === null ? Promise.resolve() : millrace.delete(range),
    millrace.put({ ...ledger, ...to, isFresh: false }, ledgerKey(store)),
  ])
}

/** A value as part of a key, which has neither null nor booleans nor NaN. */
function keyPart(value: Value): IDBValidKey {
  if (value === null) return []
  if (typeof value === 'boolean') return value ? 1 : 0
  if (typeof value === 'number') return Number.isNaN(value) ? 'NaN' : value
  if (typeof value === 'string') return value
  return JSON.stringify(value)
}

function foreign({ database, store }: SinkTarget, found: Ledger): ConnectorError {
  return new ConnectorError(
    'SINK_FOREIGN',
    `Cannot write ${database}/${store}: sink ${found.sink} of job ${found.jobName} writes there; name another object store`,
    { details: { database, store, jobName: found.jobName, sink: found.sink } },
  )
}

function fencedSink({ database, store }: SinkTarget, found: Ledger): JobStateError {
  return new JobStateError('JOB_FENCED', `A later start of job ${found.jobName} writes ${database}/${store}; this job must stop`, {
    details: { database, store, newerEpoch: found.epoch },
  })
}

function lost({ database, store }: SinkTarget, what: string): ConnectorError {
  return new ConnectorError(
    'SINK_STATE_LOST',
    `Cannot go on with ${database}/${store}: ${what}; bring it back, or start without the checkpoint`,
    { details: { database, store } },
  )
}
