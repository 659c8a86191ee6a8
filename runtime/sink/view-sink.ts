/**
 * A sink that keeps its results as a materialized view: the newest row of every (window, key), bounded, for a program that shows them.
 *
 * Before: coordinator/outlet. After: view.ts, which the program looks at; in a job worker also job-worker/view-feed.ts.
 * A result names what it stands in for by its key and window, so after a crash rows that come again change nothing.
 *
 * Invariant: a view has at most `rowsMax` rows, whatever comes; what left is counted.
 */

import { ConfigError } from '../errors.ts'
import type { RecordBatch, RowObject, Value } from '../record-batch.ts'
import { findColumn } from '../schema.ts'
import { accumulatorOf, accumulatorText } from '../panes/accumulator-json.ts'
import { type Pane, paneOf } from './pane.ts'
import type { Sink, SinkContext, SinkState, SinkWriter } from './sink.ts'
import { MaterializedView, type View, type ViewLimits } from './view.ts'

export interface ViewOptions<Row = RowObject> {
  /** Most rows; default 10,000. When there are more, those of the oldest windows leave first. */
  readonly rowsMax?: number
  /** How long rows are kept after the end of their window, ms of event time; default: as long as there is room. */
  readonly keepMs?: number
  /**
   * Columns that tell rows apart: of those with the same values the newest is kept. Default for results: the bounds of the window and the key
   * columns; else every row stands for itself.
   */
  readonly key?: readonly (keyof Row & string)[]
  /**
   * Whether the rows are part of every checkpoint, so that a job which goes on after a reload shows what it showed before; default false.
   * It costs their JSON in every checkpoint: keep `rowsMax` low.
   */
  readonly durable?: boolean
}

/** A sink that is a view of what it got. */
export interface ViewSink<Row = RowObject> extends Sink, View<Row> {}

/** By a name that all copies of the package know: bundlers in development may load it twice, once for `millrace` and once for `millrace/worker`. */
const BRAND = Symbol.for('millrace.view')
interface Branded {
  [BRAND](): ViewBeginning & { readonly view: MaterializedView }
}

const ROWS_MAX_DEFAULT = 10_000
const ROWS_MAX_LIMIT = 1_000_000

/**
 * A sink that keeps the newest row of every window and key, for a program that shows them.
 *
 * Corrections replace what they correct, retractions take it away. Rows are there as soon as they are computed: after a crash some come
 * again and replace themselves. A start without a checkpoint begins with an empty view.
 *
 * @throws ConfigError `OPTION_INVALID`. At start: `VIEW_KEY_UNKNOWN` when the job does not say what tells results apart (a function of the
 *   window gives several rows, or a map replaces the key): name the columns by `key`; `COLUMN_UNKNOWN` when a column of `key` is not there;
 *   `SINK_SHARED` when the view is bound to two sinks.
 *
 * @example
 * ```ts
 * const minutes = viewSink<SinkRow<typeof job, 'minutes'>>({ rowsMax: 2_000 })
 * const run = await start(job, { sources, sinks: { minutes } })
 * minutes.subscribe(() => {
 *   const { rows, panes } = minutes.snapshot()
 *   draw(rows.map(({ device, mean }, index) => ({ device, mean, isCorrected: panes[index]!.timing === 2 })))
 * })
 * ```
 */
export function viewSink<Row = RowObject>(options: ViewOptions<Row> = {}): ViewSink<Row> {
  const view = new MaterializedView<Row>(checkedLimits(options))
  let newest: ViewWriter<Row> | null = null
  const sink: ViewSink<Row> & Branded = {
    kind: 'view',
    delivery: 'at-least-once',
    snapshot: view.snapshot,
    subscribe: view.subscribe,
    async open(context) {
      newest = new ViewWriter<Row>(view, options, context, newest)
      return newest
    },
    [BRAND]: () => ({ view: view as MaterializedView, ...newest!.beginning }),
  }
  return sink
}

/** What a view begins with at a start of its job. */
export interface ViewBeginning {
  /** Whether rows of an earlier start stay, because this one goes on from a checkpoint and names what it replaces. */
  readonly continues: boolean
  /** Rows with this number and above come again; null when rows have names of their own. */
  readonly fromRow: number | null
}

/** The view behind a sink whose job has started; undefined when it is no {@link viewSink}. */
export function viewOf(sink: Sink): (ViewBeginning & { readonly view: MaterializedView }) | undefined {
  return (sink as Partial<Branded>)[BRAND]?.()
}

/** What one start of a job writes into a view. */
class ViewWriter<Row> implements SinkWriter {
  readonly #view: MaterializedView<Row>
  readonly #context: SinkContext
  readonly #key: readonly string[] | null
  readonly #isDurable: boolean
  /** Rows since the job began, across restarts: rows that stand for themselves are named by their number. */
  #rowCount: number
  /** A newer start has the view: an earlier one that still lives writes nothing any more. */
  #isReplaced = false
  #isClosed = false
  readonly beginning: ViewBeginning

  constructor(view: MaterializedView<Row>, options: ViewOptions<Row>, context: SinkContext, before: ViewWriter<Row> | null) {
    const { restored } = context
    this.#view = view
    this.#context = context
    this.#key = keyColumns(options, context)
    this.#isDurable = options.durable === true
    this.#rowCount = restored === null ? 0 : Number(restored['rowCount'])
    before?.makeWayFor(context)
    this.beginning = { continues: restored !== null && !this.#isDurable, fromRow: this.#key === null ? this.#rowCount : null }
    if (restored === null || this.#isDurable) view.clear()
    else if (this.#key === null) this.#takeBack()
    if (this.#isDurable && restored !== null) this.#restore(restored)
    view.publish()
  }

  /** @throws ConfigError `SINK_SHARED` when it is not another start that wants the view, but another sink of the same one. */
  makeWayFor({ name, finished }: SinkContext): void {
    const own = this.#context
    if (!this.#isClosed && own.finished === finished && own.name !== name) {
      throw new ConfigError('SINK_SHARED', `One view is bound to the sinks ${own.name} and ${name}; give each a viewSink() of its own`)
    }
    this.#isReplaced = true
  }

  write(batch: RecordBatch): void {
    if (this.#isReplaced) return
    for (let row = 0; row < batch.rowCount; row++) this.#apply(batch.row(row), paneOf(batch, row))
    this.#view.publish()
  }

  prepare(): Promise<SinkState> {
    const rowCount = this.#rowCount
    if (!this.#isDurable) return Promise.resolve({ rowCount })
    return Promise.resolve({ rowCount, rows: this.#view.entries().map(({ row, pane }) => accumulatorText([row, pane])) })
  }

  commit(): Promise<void> {
    return Promise.resolve()
  }

  finish(): Promise<void> {
    return Promise.resolve()
  }

  close(): Promise<void> {
    this.#isClosed = true
    return Promise.resolve()
  }

  #apply(row: RowObject, pane: Pane): void {
    const number = this.#rowCount++
    const { kind, timeColumn } = this.#context.traits
    const time = timeColumn === null ? null : row[timeColumn]
    const timeMs = typeof time === 'number' ? time : null
    const key = this.#key === null ? String(number) : keyOf(row, this.#key)
    const known = this.#view.get(key)
    // By a key of the user's own the newest is that of the latest window, whatever is corrected behind it.
    const isOlder = known !== undefined && timeMs !== null && known.timeMs !== null && timeMs < known.timeMs
    if (isOlder) return
    if (pane.change === '-U' || pane.change === '-D') {
      if (known?.timeMs === timeMs) this.#view.take(key)
      return
    }
    // Windows without an end never grow old.
    const rank = kind === 'events' ? 0 : (timeMs ?? Number.POSITIVE_INFINITY)
    this.#view.put({ key, rank, timeMs, row: row as Row, pane })
  }

  /** What came behind the checkpoint comes again. */
  #takeBack(): void {
    for (const { key } of this.#view.entries()) if (Number(key) >= this.#rowCount) this.#view.take(key)
  }

  #restore(restored: SinkState): void {
    const rows = restored['rows']
    if (!Array.isArray(rows)) return
    const first = this.#rowCount - rows.length
    this.#rowCount = first
    for (const text of rows as readonly string[]) {
      const [row, pane] = accumulatorOf(text) as [RowObject, Pane]
      this.#apply(row, pane)
    }
  }
}

function checkedLimits({ rowsMax = ROWS_MAX_DEFAULT, keepMs }: ViewOptions<never>): ViewLimits {
  if (!Number.isInteger(rowsMax) || rowsMax < 1 || rowsMax > ROWS_MAX_LIMIT) {
    throw new ConfigError('OPTION_INVALID', `rowsMax is ${String(rowsMax)}; it must be a whole number from 1 to ${ROWS_MAX_LIMIT}`)
  }
  if (keepMs !== undefined && !(Number.isFinite(keepMs) && keepMs > 0)) {
    throw new ConfigError('OPTION_INVALID', `keepMs is ${String(keepMs)}; it must be a positive number of milliseconds`)
  }
  return { rowsMax, keepMs: keepMs ?? null }
}

function keyColumns({ key }: ViewOptions<never>, { name, schema, traits }: SinkContext): readonly string[] | null {
  const columns = key ?? traits.key
  if (columns === null && traits.kind === 'results') {
    throw new ConfigError(
      'VIEW_KEY_UNKNOWN',
      `Cannot tell which rows of sink ${name} stand in for which: a function of its window gives several rows, or a map replaces the key; name the columns: viewSink({ key: [...] })`,
    )
  }
  for (const column of columns ?? []) {
    if (findColumn(schema, column) !== undefined) continue
    const names = schema.columns.map((known) => known.name).join(', ')
    throw new ConfigError('COLUMN_UNKNOWN', `viewSink: key names ${column}; sink ${name} has the columns ${names}`)
  }
  return columns
}

/** Values as one text, different for different values; -0 is 0, and all NaN are one. */
function keyOf(row: RowObject, columns: readonly string[]): string {
  let key = ''
  for (const column of columns) {
    const value: Value = row[column]!
    key += typeof value === 'string' ? `${value.length}"${value}` : typeof value === 'number' ? `${value};` : `${JSON.stringify(value)};`
  }
  return key
}
