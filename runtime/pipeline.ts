/**
 * The fluent API: `pipeline(name).source(…).eventTime(…)….sink(name)`.
 *
 * Before: the user's module. After: a {@link Job}: the plan, and the functions that cannot be in it.
 *
 * Every step is checked when it is written, so an error's stack points to the line to correct. Stages may be continued more than
 * once: they branch. A pipeline is one declaration, so a job has all that was declared, on any branch, and leads to a sink.
 * Invariant: a stage is immutable; the declaration only grows.
 */

import { type Duration, durationMs } from './duration.ts'
import type { AllowedRefs, Condition, Expression } from './expression/expression.ts'
import type { RowTypes } from './pipeline-job.ts'
import { type MapColumns, type MappedRow, type MappedTypes, Stage, type StepOptions } from './pipeline-stage.ts'
import { Declaration } from './plan-declaration.ts'
import { broughtBy } from './plan-rules.ts'
import type { ColumnTypes, Flat, InputRowOfTypes, RowOfTypes, Schema } from './schema.ts'
import type { DeduplicateOptions, FindingRow, SortOptions, TrackSequenceOptions } from './stages.ts'
import type { WatermarkDeclaration } from './watermark.ts'
import type { WindowDeclaration } from './window.ts'
import { Windowed } from './windowed.ts'

export { fromPlan, Job, type RowTypes, type SinkNames, type SinkRow, type SourceNames, type SourceRow } from './pipeline-job.ts'
export type { MapColumns, MappedRow, MappedTypes, StepOptions } from './pipeline-stage.ts'
export type { RowFunction } from './plan-functions.ts'

/** Begins a pipeline. */
export function pipeline(name: string): Pipeline {
  return new Pipeline(name)
}

export class Pipeline {
  readonly #declaration: Declaration

  constructor(name: string) {
    this.#declaration = new Declaration(name)
  }

  /** Rows of a schema; where they come from is bound at start, by the name. */
  source<const N extends string, C extends ColumnTypes>(
    name: N,
    schema: Schema<C>,
  ): Stream<C, RowOfTypes<C>, { readonly [K in N]: InputRowOfTypes<C> }, Record<never, never>> {
    const types = Object.fromEntries(schema.columns.map((column) => [column.name, column.type]))
    return new Stream(this.#declaration, this.#declaration.add({ op: 'source', schema: types }, { uid: name, isFixed: true }))
  }
}

/** Rows on their way from a source to a window. `C`: column types; `R`: a row as functions see it; `S`, `K`: sources and sinks so far. */
export class Stream<C extends ColumnTypes, R, S extends RowTypes, K extends RowTypes> extends Stage<C, R, S, K> {
  /** Takes the event time from a column, and watermarks by a strategy. */
  eventTime(column: TimestampNames<C>, watermark: WatermarkDeclaration, options: StepOptions = {}): Stream<C, R, S, K> {
    const spec = { op: 'eventTime', inputs: [this.uid], column, watermark }
    return new Stream(this.declaration, this.declaration.add(spec, { uid: options.uid, derived: 'time' }, broughtBy(watermark)))
  }

  /** Keeps the rows for which the condition is true. */
  filter(where: Condition<C> | Expression | ((row: R) => boolean), options: StepOptions = {}): Stream<C, R, S, K> {
    return new Stream(this.declaration, this.addFilter(where, options))
  }

  /** Adds or replaces columns by expressions; or makes rows of a new schema by a function. */
  map<const M extends MapColumns<C>>(columns: M, options?: StepOptions): Stream<MappedTypes<C, M>, MappedRow<R, C, M>, S, K>
  map<D extends ColumnTypes>(row: (row: R) => InputRowOfTypes<D>, schema: Schema<D>, options?: StepOptions): Stream<D, RowOfTypes<D>, S, K>
  map<D extends ColumnTypes, Q>(columns: unknown, second?: Schema | StepOptions, third?: StepOptions): Stream<D, Q, S, K> {
    return new Stream(this.declaration, this.addMap(columns, second, third))
  }

  /** Holds rows back until the watermark has passed them, and lets them go in order of event time; of equal times in order of arrival. */
  sortByEventTime({ uid, ...options }: SortOptions & StepOptions = {}): Stream<C, R, S, K> {
    const spec = { op: 'sortByEventTime', inputs: [this.uid], ...options }
    return new Stream(this.declaration, this.declaration.add(spec, { uid, derived: 'sort' }))
  }

  /** Lets the first record of an id pass and drops those that follow within `within` of its event time. */
  deduplicate<const N extends keyof C & string>(options: DeduplicateOptions<N> & StepOptions): Stream<C, R, S, K> {
    const { uid, by, within, ...rest } = options
    const withinMs = durationMs(within, { of: 'within of deduplicate', positive: true })
    const spec = { op: 'deduplicate', inputs: [this.uid], by: listOf(by), withinMs, ...rest }
    return new Stream(this.declaration, this.declaration.add(spec, { uid, derived: 'deduplicate' }))
  }

  /**
   * Watches the sequence numbers of every source for gaps, duplicates, reorders, restarts and silence. Rows pass unchanged; what is
   * found is counted, and goes to a sink of its own if `findingsTo` names one.
   */
  trackSequence<const N extends keyof C & string, const F extends string = never>(
    options: TrackSequenceOptions<N, NumericNames<C>, F> & StepOptions,
  ): Stream<C, R, S, [F] extends [never] ? K : Flat<K & { readonly [P in F]: FindingRow<Pick<C, N>> }>> {
    const { uid, source, silentAfter, forgetAfter, ...rest } = options
    const optional = (duration: Duration | undefined, of: string) =>
      duration === undefined ? undefined : durationMs(duration, { of: `${of} of trackSequence`, positive: true })
    const spec = {
      op: 'trackSequence',
      inputs: [this.uid],
      source: listOf(source),
      silentAfterMs: optional(silentAfter, 'silentAfter'),
      forgetAfterMs: optional(forgetAfter, 'forgetAfter'),
      ...rest,
    }
    return new Stream(this.declaration, this.declaration.add(spec, { uid, derived: 'sequence' }))
  }

  /** Windows from here on are kept for every combination of values of these columns. */
  keyBy<const N extends keyof C & string>(...columns: readonly [N, ...N[]] | readonly [N, ...N[], StepOptions]): Keyed<C, R, N, S, K> {
    const last = columns.at(-1)
    const options: StepOptions = typeof last === 'object' ? last : {}
    const names = columns.filter((column) => typeof column === 'string')
    const uid = this.declaration.add(
      { op: 'keyBy', inputs: [this.uid], columns: names },
      { uid: options.uid, derived: `by-${names.join('-')}` },
    )
    return new Keyed(this.declaration, uid)
  }

  /** One window for all rows, whatever their keys. */
  window<Bound extends number | null>(
    window: WindowDeclaration<AllowedRefs<C>, R, Bound>,
    options: StepOptions = {},
  ): Windowed<C, R, never, S, K, Bound> {
    return new Windowed(this.declaration, this.uid, { window, options })
  }
}

/** Keyed rows: a stream that only leads to a window. */
export class Keyed<C extends ColumnTypes, R, Keys extends string, S extends RowTypes, K extends RowTypes> extends Stage<C, R, S, K> {
  declare readonly '~keys': Keys

  /** Keeps the rows for which the condition is true. */
  filter(where: Condition<C> | Expression | ((row: R) => boolean), options: StepOptions = {}): Keyed<C, R, Keys, S, K> {
    return new Keyed(this.declaration, this.addFilter(where, options))
  }

  /** Adds or replaces columns by expressions; key columns must stay as they are. */
  map<const M extends MapColumns<C> & { readonly [N in Keys]?: never }>(
    columns: M,
    options?: StepOptions,
  ): Keyed<MappedTypes<C, M>, MappedRow<R, C, M>, Keys, S, K> {
    return new Keyed(this.declaration, this.addMap(columns, options, undefined))
  }

  /** A window for every combination of values of the key columns. */
  window<Bound extends number | null>(
    window: WindowDeclaration<AllowedRefs<C>, R, Bound>,
    options: StepOptions = {},
  ): Windowed<C, R, Keys, S, K, Bound> {
    return new Windowed(this.declaration, this.uid, { window, options })
  }
}

function listOf(columns: string | readonly string[]): readonly string[] {
  return typeof columns === 'string' ? [columns] : columns
}

export type TimestampNames<C extends ColumnTypes> = { [N in keyof C & string]: C[N] extends 'timestamp' ? N : never }[keyof C & string]
export type NumericNames<C extends ColumnTypes> = {
  [N in keyof C & string]: C[N] extends 'f64' | 'i32' | 'timestamp' ? N : never
}[keyof C & string]
