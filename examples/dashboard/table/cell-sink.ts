/**
 * Sinks that keep windows of devices as a table: results of the job in one, records that came too late in the other.
 *
 * Before: the job. After: page-port.ts sends the page what changed. The table goes back with the job: every checkpoint covers it, and a restart
 * loads it as the recovered checkpoint knows it. So it is right to the cell after a crash, a reload, or a restart with more workers.
 *
 * Invariant: what a checkpoint covers is in the store before the checkpoint is complete; what is newer than the recovered one is gone.
 */

import type { RecordBatch, Sink, SinkContext, SinkState, SinkWriter } from 'millrace'
import { addValue, type Cells, reserve, WINDOW_MS, WINDOWS_HELD, windowStartOf } from '../cells.ts'
import { deviceOf } from '../generator/fleet.ts'
import { CellStore, type Cut } from './cell-store.ts'
import { CellTable } from './cell-table.ts'

/** Told about a table by its sink. */
export interface TableListener {
  /** The table is that of a checkpoint, or empty. */
  loaded(table: CellTable): void
  /** Rows were written to it. */
  written(table: CellTable, batch: RecordBatch): void
}

/** How rows of a sink become cells. */
type Apply = (table: CellTable, batch: RecordBatch) => void

interface CellSinkOptions {
  /** Name of the database, or null to keep nothing. */
  readonly database: string | null
  readonly listener: TableListener
}

/** Results of the windows of devices; a later one replaces an earlier one. */
export function deviceSink(options: CellSinkOptions): Sink {
  return cellSink('device-cells', options, (table, batch) => {
    const device = devicesOf(batch)
    const [start, n, mean, min, max] = ['windowStart', 'n', 'mean', 'min', 'max'].map((name) => batch.column(name).values)
    for (let row = 0; row < batch.rowCount; row++) {
      const startMs = start![row]!
      const cells = table.window(startMs)
      if (cells === null) continue
      const id = device(row)
      reserve(cells, id)
      // Temperatures are multiples of 1/16 °C: the sum behind a mean can be had again without error.
      cells.sum[id] = Math.round(mean![row]! * n![row]! * 16) / 16
      cells.n[id] = n![row]!
      cells.min[id] = min![row]!
      cells.max[id] = max![row]!
      cells.corrections[id] = batch.panes?.index[row] ?? 0
      table.touch(startMs, id)
    }
  })
}

/** Records that came too late for their window, added up by window and device. */
export function lateSink(options: CellSinkOptions): Sink {
  return cellSink('late-cells', options, (table, batch) => {
    const device = devicesOf(batch)
    const at = batch.column('at').values
    const celsius = batch.column('celsius').values
    for (let row = 0; row < batch.rowCount; row++) {
      const startMs = windowStartOf(at[row]!)
      const cells = table.window(startMs)
      if (cells === null) continue
      const id = device(row)
      addValue(cells, id, celsius[row]!)
      table.touch(startMs, id)
    }
  })
}

function cellSink(kind: string, { database, listener }: CellSinkOptions, apply: Apply): Sink {
  return {
    kind,
    delivery: database === null ? 'at-least-once' : 'exactly-once',
    async open(context) {
      const store = database === null ? null : await CellStore.open(database, context.name)
      const table = new CellTable(WINDOWS_HELD)
      table.load((await store?.load(cutOf(context))) ?? [])
      listener.loaded(table)
      return new CellWriter({ table, store, apply, listener, epoch: context.epoch })
    },
  }
}

interface WriterOptions {
  readonly table: CellTable
  readonly store: CellStore | null
  readonly apply: Apply
  readonly listener: TableListener
  readonly epoch: number
}

class CellWriter implements SinkWriter {
  readonly #options: WriterOptions

  constructor(options: WriterOptions) {
    this.#options = options
  }

  write(batch: RecordBatch): void {
    const { table, apply, listener } = this.#options
    apply(table, batch)
    listener.written(table, batch)
  }

  async prepare(checkpointId: number): Promise<SinkState> {
    const { table, store, epoch } = this.#options
    // Copied at once: rows behind the barrier are written while the store is still at it.
    await store?.write(structuredClone(table.takeDirty()), { epoch, checkpointId })
    return { epoch, checkpointId }
  }

  async commit(checkpointId: number): Promise<void> {
    const { table, store, epoch } = this.#options
    const newestMs = Math.max(...Array.from(table.windows(), ({ startMs }: Cells) => startMs))
    await store?.commit({ epoch, checkpointId }, newestMs - WINDOWS_HELD * WINDOW_MS)
  }

  finish(): Promise<void> {
    return Promise.resolve()
  }

  close(): Promise<void> {
    this.#options.store?.close()
    return Promise.resolve()
  }
}

function cutOf({ restored }: SinkContext): Cut | null {
  return restored === null ? null : { epoch: Number(restored['epoch']), checkpointId: Number(restored['checkpointId']) }
}

/** Numbers of the devices of a batch. Names come as codes; each is looked at once a batch. */
function devicesOf(batch: RecordBatch): (row: number) => number {
  const { values, dictionary } = batch.column('device')
  const known = new Map<number, number>()
  return (row) => {
    const code = values[row]!
    let device = known.get(code)
    if (device === undefined) known.set(code, (device = deviceOf(dictionary!.stringAt(code))))
    return device
  }
}
