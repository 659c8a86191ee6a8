/**
 * A window of the fluent API whose aggregates are still to be named, and its results.
 *
 * Before: streams and keyed streams of `pipeline.ts`. After: the plan's window operator.
 *
 * Invariant: what is left out stays left out; the plan fills in defaults, and refuses what makes no sense together.
 */

import { Aggregate, type AggregateOver, type AggregateTypes, type AggregateValues } from './aggregate.ts'
import { type Duration, durationMs } from './duration.ts'
import type { Evictor } from './evictor.ts'
import type { AllowedRefs, Condition, Expression, Refs } from './expression/expression.ts'
import type { RowTypes } from './pipeline-job.ts'
import { type MapColumns, type MappedRow, type MappedTypes, Stage, type StepOptions } from './pipeline-stage.ts'
import type { Declaration } from './plan-declaration.ts'
import type { FiredWindow } from './plan-functions.ts'
import { broughtBy, together } from './plan-rules.ts'
import type { Closing, LatePolicy, WindowSpec } from './plan-spec.ts'
import type { ColumnTypes, Flat, InputRowOfTypes, RowOfTypes, Schema, ValueOf } from './schema.ts'
import type { NumericNames } from './aggregate.ts'
import type { Trigger } from './trigger.ts'
import type { WindowDeclaration } from './window.ts'

export interface WindowSettings {
  readonly window: WindowDeclaration<Refs, never, number | null>
  readonly options: StepOptions
  readonly trigger?: Trigger<Refs, never>
  readonly evictor?: Evictor<never>
  readonly fields?: Partial<Pick<WindowSpec, 'time' | 'accumulation' | 'closing' | 'allowedLatenessMs'>> & {
    readonly emitUnchanged?: boolean
    readonly emptyPanes?: boolean
    readonly keepRecords?: boolean
    readonly late?: LatePolicy
  }
}

export interface Bounds<B> {
  readonly windowStart: B
  readonly windowEnd: B
}

/** The result of a window: its bounds, keys and aggregates. An aggregate over nulls only gives null at run time, whatever its type says. */
export type ResultRow<C extends ColumnTypes, Keys extends string, A, B = number> = Flat<
  Bounds<B> & { readonly [N in Keys]: ValueOf<C[N]> } & AggregateValues<C, A>
>
export type ResultTypes<C extends ColumnTypes, Keys extends string, A> = Flat<
  Bounds<'timestamp'> & { readonly [N in Keys]: C[N] } & AggregateTypes<C, A>
>

export interface ApplyOptions<A> extends StepOptions {
  /** Aggregates that every row has too. */
  readonly aggregates?: A
}

/** A window whose aggregates are still to be named. */
export class Windowed<
  C extends ColumnTypes,
  R,
  Keys extends string,
  S extends RowTypes,
  K extends RowTypes,
  B extends number | null = number,
> {
  declare readonly '~columns': C
  declare readonly '~row': R
  declare readonly '~bound': B
  readonly #declaration: Declaration
  readonly #input: string
  readonly #settings: WindowSettings

  constructor(declaration: Declaration, input: string, settings: WindowSettings) {
    this.#declaration = declaration
    this.#input = input
    this.#settings = settings
  }

  /** When panes come. Default `onWatermark()`: at the window's end, and for every late record that is still allowed. */
  trigger(trigger: Trigger<AllowedRefs<C>, R>): Windowed<C, R, Keys, S, K, B> {
    return this.#with({ ...this.#settings, trigger })
  }

  /** A pane has all records of its window so far, and replaces the pane before. This is the default. */
  accumulating(): Windowed<C, R, Keys, S, K, B> {
    return this.#withFields({ accumulation: 'accumulating' })
  }

  /** A pane has the records since the pane before. */
  discarding(): Windowed<C, R, Keys, S, K, B> {
    return this.#withFields({ accumulation: 'discarding' })
  }

  /**
   * A pane has all records so far, and is preceded by the pane before, taken back: results have a change kind (`+I`, `-U`, `+U`, `-D`).
   *
   * @param options - `unchanged`: also when the result is the same. Default: then nothing comes.
   */
  retracting(options: { readonly unchanged?: boolean } = {}): Windowed<C, R, Keys, S, K, B> {
    return this.#withFields({
      accumulation: 'retracting',
      ...(options.unchanged === undefined ? {} : { emitUnchanged: options.unchanged }),
    })
  }

  /** A last pane when the window expires: if there are new records since the pane before, or always. Default: none. */
  closing(when: Closing = 'ifNonEmpty'): Windowed<C, R, Keys, S, K, B> {
    return this.#withFields({ closing: when })
  }

  /** A pane at the window's end also when there is nothing in it. */
  emptyPanes(): Windowed<C, R, Keys, S, K, B> {
    return this.#withFields({ emptyPanes: true })
  }

  /** Removes records before a pane is computed, or after. Windows then keep their records. */
  evict(evictor: Evictor<NumericNames<C>>): Windowed<C, R, Keys, S, K, B> {
    return this.#with({ ...this.#settings, evictor: evictor as Evictor })
  }

  /** Windows go by the clock of the host, not by the event times of records: nothing is late. */
  processingTime(): Windowed<C, R, Keys, S, K, B> {
    return this.#withFields({ time: 'processing' })
  }

  /** Windows keep their records instead of accumulators alone. Implied by `apply` and `evict`. */
  keepRecords(): Windowed<C, R, Keys, S, K, B> {
    return this.#withFields({ keepRecords: true })
  }

  /** How long a window that fired still takes records, and fires again for each. Default 0. */
  allowedLateness(duration: Duration): Windowed<C, R, Keys, S, K, B> {
    return this.#withFields({ allowedLatenessMs: durationMs(duration, { of: 'allowedLateness' }) })
  }

  /** Records too late for all their windows go to a sink of their own, bound at start by the name. Default: dropped and counted. */
  lateTo<const N extends string>(name: N): Windowed<C, R, Keys, S, Flat<K & { readonly [P in N]: R }>, B> {
    return this.#withFields({ late: { kind: 'sideOutput', name } })
  }

  /** A record too late for all its windows stops the job. */
  lateFails(): Windowed<C, R, Keys, S, K, B> {
    return this.#withFields({ late: { kind: 'fail' } })
  }

  /**
   * Names the aggregates: with the window's bounds and the keys they make up the result rows.
   *
   * @throws ConfigError `COMBINATION_INVALID` (`details.rule` names the combination) and others, as `loadPlan`.
   */
  aggregate<const A extends { readonly [name: string]: AggregateOver<C, R> }>(
    aggregates: A,
    options: StepOptions = {},
  ): Results<ResultTypes<C, Keys, A>, ResultRow<C, Keys, A, B>, S, K> {
    return new Results(this.#declaration, this.#add(aggregates, {}, {}, options))
  }

  /**
   * Makes rows of all records of a window by a function; they get the window's bounds, the keys and `options.aggregates` in front.
   *
   * @param rows - Gets the records in their order of arrival. It must depend on nothing but its arguments.
   * @param schema - Columns of the rows it returns.
   * @throws ConfigError as {@link aggregate}.
   * @example
   * .apply((records, { windowStart }) => [{ spread: records.length }], schema({ spread: f64() }))
   */
  apply<D extends ColumnTypes, const A extends { readonly [name: string]: AggregateOver<C, R> } = Record<never, never>>(
    rows: (records: readonly R[], window: FiredWindow) => Iterable<InputRowOfTypes<D>>,
    schema: Schema<D>,
    options: ApplyOptions<A> = {},
  ): Results<Flat<ResultTypes<C, Keys, A> & D>, Flat<ResultRow<C, Keys, A, B> & RowOfTypes<D>>, S, K> {
    const types = Object.fromEntries(schema.columns.map(({ name, type }) => [name, type]))
    const uid = this.#add(options.aggregates ?? {}, { apply: { function: true, schema: types } }, { apply: rows }, options)
    return new Results(this.#declaration, uid)
  }

  #add(
    aggregates: { readonly [name: string]: unknown },
    fields: Readonly<Record<string, unknown>>,
    functions: Readonly<Record<string, unknown>>,
    options: StepOptions,
  ): string {
    const { window, trigger, evictor } = this.#settings
    const specs: Record<string, unknown> = Object.create(null)
    const ofAggregates: Record<string, unknown> = {}
    for (const [name, aggregate] of Object.entries(aggregates)) {
      specs[name] = aggregate instanceof Aggregate ? aggregate.spec : aggregate
      if (aggregate instanceof Aggregate && aggregate.functions !== null) ofAggregates[`aggregate.${name}`] = aggregate.functions
    }
    const spec = {
      op: 'window',
      inputs: [this.#input],
      window,
      trigger,
      evictor,
      ...this.#settings.fields,
      aggregates: specs,
      ...fields,
    }
    const brought = broughtBy(window, trigger, evictor, ...Object.values(aggregates))
    return this.#declaration.add(
      spec,
      { uid: options.uid ?? this.#settings.options.uid, counted: 'window' },
      together(brought, { rules: null, functions: { ...ofAggregates, ...functions } }),
    )
  }

  #withFields<L extends RowTypes>(fields: NonNullable<WindowSettings['fields']>): Windowed<C, R, Keys, S, L, B> {
    return this.#with({ ...this.#settings, fields: { ...this.#settings.fields, ...fields } })
  }

  #with<L extends RowTypes>(settings: WindowSettings): Windowed<C, R, Keys, S, L, B> {
    return new Windowed(this.#declaration, this.#input, settings)
  }
}

/** Results of a window. */
export class Results<C extends ColumnTypes, R, S extends RowTypes, K extends RowTypes> extends Stage<C, R, S, K> {
  /** Keeps the results for which the condition is true. */
  filter(where: Condition<C> | Expression | ((row: R) => boolean), options: StepOptions = {}): Results<C, R, S, K> {
    return new Results(this.declaration, this.addFilter(where, options))
  }

  /** Adds or replaces columns by expressions; or makes rows of a new schema by a function. */
  map<const M extends MapColumns<C>>(columns: M, options?: StepOptions): Results<MappedTypes<C, M>, MappedRow<R, C, M>, S, K>
  map<D extends ColumnTypes>(row: (row: R) => InputRowOfTypes<D>, schema: Schema<D>, options?: StepOptions): Results<D, RowOfTypes<D>, S, K>
  map<D extends ColumnTypes, Q>(columns: unknown, second?: Schema | StepOptions, third?: StepOptions): Results<D, Q, S, K> {
    return new Results(this.declaration, this.addMap(columns, second, third))
  }
}
