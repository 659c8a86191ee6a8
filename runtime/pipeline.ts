/**
 * The fluent API: `pipeline(name).source(…).eventTime(…)….sink(name)`.
 *
 * Before: the user's module. After: a {@link Job}: the plan, and the functions that cannot be in it.
 *
 * Every step is checked when it is written, so an error's stack points to the line to correct. Stages may be continued more than
 * once: they branch. A pipeline is one declaration, so a job has all that was declared, on any branch, and leads to a sink.
 * Invariant: a stage is immutable; the declaration only grows.
 */

import type { AggregateOver } from './aggregate.ts'
import { type Duration, durationMs } from './duration.ts'
import type { AllowedRefs, Condition, Expr, Expression, ExprKind, Refs, ResolveKind } from './expression/expression.ts'
import { Declaration, type RowFunction } from './plan-declaration.ts'
import { loadPlan, type Plan } from './plan.ts'
import type { AggregateSpec, LatePolicy } from './plan-spec.ts'
import type { ColumnTypes, Flat, InputRowOfTypes, RowOfTypes, Schema, ValueOf } from './schema.ts'
import type { WatermarkDeclaration } from './watermark.ts'
import type { WindowDeclaration } from './window.ts'

export type { RowFunction } from './plan-declaration.ts'

export interface StepOptions {
  /** Name of the operator in plan, metrics and checkpoints. Default: derived from its kind or name. State is found again by it. */
  readonly uid?: string
}

/** Row types by name of source or sink. */
export type RowTypes = { readonly [name: string]: object }

/**
 * A complete pipeline: what `start` and `run` take. Functions are kept beside the plan, by the uid of their operator.
 *
 * `Sources` and `Sinks` exist for the type checker: the row types by name.
 */
export class Job<out Sources extends RowTypes = RowTypes, out Sinks extends RowTypes = RowTypes> {
  declare readonly '~sources': Sources
  declare readonly '~sinks': Sinks
  readonly plan: Plan
  readonly functions: ReadonlyMap<string, RowFunction>

  constructor(plan: Plan, functions: ReadonlyMap<string, RowFunction>) {
    this.plan = plan
    this.functions = functions
  }

  /** This job's types joined with those of a job of an earlier branch of the same pipeline; the plan has both anyway. */
  and<S extends RowTypes, K extends RowTypes>(earlier: Job<S, K>): Job<Sources & S, Sinks & K> {
    const uids = new Set(this.plan.operators.map(({ uid }) => uid))
    const hasAll = this.plan.name === earlier.plan.name && earlier.plan.operators.every(({ uid }) => uids.has(uid))
    if (!hasAll) throw new TypeError('and() takes a job of an earlier branch of the same pipeline')
    return new Job(this.plan, this.functions)
  }
}

/** Names of a job's sources. */
export type SourceNames<J> = J extends Job<infer S, RowTypes> ? keyof S & string : never
/** Names of a job's sinks, late outputs included. */
export type SinkNames<J> = J extends Job<RowTypes, infer K> ? keyof K & string : never
/** Type of the rows that a source of a job takes. */
export type SourceRow<J, N extends SourceNames<J>> = J extends Job<infer S, RowTypes> ? S[N] : never
/** Type of the rows that a sink of a job gets. */
export type SinkRow<J, N extends SinkNames<J>> = J extends Job<RowTypes, infer K> ? K[N] : never

/** A job of a plan that was kept as JSON. `functions` are needed by uid if the plan says so. */
export function fromPlan(json: unknown, functions: ReadonlyMap<string, RowFunction> = new Map()): Job {
  return new Job(loadPlan(json, functions), functions)
}

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

/** Column types after a map by expressions. */
export type MappedTypes<C extends ColumnTypes, M> = Flat<
  Omit<C, keyof M> & {
    readonly [N in keyof M]: M[N] extends Expr<Refs, infer K> ? Extract<ResolveKind<C, K>, ColumnTypes[string]> : ColumnTypes[string]
  }
>
/** Rows after a map by expressions: columns that are kept keep their type, new ones may be null. */
export type MappedRow<R, C extends ColumnTypes, M> = Flat<
  Omit<R, keyof M> & RowOfTypes<Pick<MappedTypes<C, M>, keyof M & keyof MappedTypes<C, M>>>
>
/** Expressions by the name of the column they make. */
export type MapColumns<C extends ColumnTypes> = { readonly [name: string]: Expr<AllowedRefs<C>, ExprKind> | Expression }

/** What filter, map and sink need of any stage. */
abstract class Stage<C extends ColumnTypes, R, S extends RowTypes, K extends RowTypes> {
  declare readonly '~columns': C
  declare readonly '~row': R
  declare readonly '~sources': S
  declare readonly '~sinks': K
  protected readonly declaration: Declaration
  /** The operator whose rows these are. */
  readonly uid: string

  constructor(declaration: Declaration, uid: string) {
    this.declaration = declaration
    this.uid = uid
  }

  protected addFilter(where: unknown, options: StepOptions): string {
    const isFunction = typeof where === 'function'
    const spec = { op: 'filter', inputs: [this.uid], where: isFunction ? { function: true } : where }
    return this.declaration.add(spec, { uid: options.uid, counted: 'filter' }, isFunction ? (where as RowFunction) : null)
  }

  protected addMap(columns: unknown, second: Schema | StepOptions | undefined, third: StepOptions | undefined): string {
    if (typeof columns !== 'function') {
      const options = (second ?? {}) as StepOptions
      return this.declaration.add({ op: 'map', inputs: [this.uid], columns }, { uid: options.uid, counted: 'map' })
    }
    const list = second !== undefined && 'columns' in second ? second.columns : []
    const schema = Object.fromEntries(list.map(({ name, type }) => [name, type]))
    const spec = { op: 'map', inputs: [this.uid], function: true, schema }
    return this.declaration.add(spec, { uid: third?.uid, counted: 'map' }, columns as RowFunction)
  }

  /** Ends a branch; where the rows go is bound at start, by the name. */
  sink<const N extends string>(name: N, options: StepOptions = {}): Job<S, Flat<K & { readonly [P in N]: R }>> {
    const rule = { uid: options.uid, derived: typeof name === 'string' ? name : 'sink' }
    const uid = this.declaration.add({ op: 'sink', inputs: [this.uid], name }, rule)
    try {
      const { plan, functions } = this.declaration.complete()
      return new Job(loadPlan(plan, functions), functions)
    } catch (error) {
      // Only here are outputs compared with each other: a refused sink must not spoil the sinks after it.
      this.declaration.remove(uid)
      throw error
    }
  }
}

/** Rows on their way from a source to a window. `C`: column types; `R`: a row as functions see it; `S`, `K`: sources and sinks so far. */
export class Stream<C extends ColumnTypes, R, S extends RowTypes, K extends RowTypes> extends Stage<C, R, S, K> {
  /** Takes the event time from a column, and watermarks by a strategy. */
  eventTime(column: TimestampNames<C>, watermark: WatermarkDeclaration, options: StepOptions = {}): Stream<C, R, S, K> {
    const spec = { op: 'eventTime', inputs: [this.uid], column, watermark }
    return new Stream(this.declaration, this.declaration.add(spec, { uid: options.uid, derived: 'time' }))
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
  window(window: WindowDeclaration, options: StepOptions = {}): Windowed<C, R, never, S, K> {
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

  window(window: WindowDeclaration, options: StepOptions = {}): Windowed<C, R, Keys, S, K> {
    return new Windowed(this.declaration, this.uid, { window, options })
  }
}

interface WindowSettings {
  readonly window: WindowDeclaration
  readonly options: StepOptions
  readonly allowedLatenessMs?: number
  readonly late?: LatePolicy
}

/** The result of a window: as design has it, aggregates are numbers; one over nulls only gives null at run time. */
export type ResultRow<C extends ColumnTypes, Keys extends string, A> = Flat<
  { readonly windowStart: number; readonly windowEnd: number } & { readonly [N in Keys]: ValueOf<C[N]> } & {
    readonly [N in keyof A]: number
  }
>
export type ResultTypes<C extends ColumnTypes, Keys extends string, A> = Flat<
  { readonly windowStart: 'timestamp'; readonly windowEnd: 'timestamp' } & { readonly [N in Keys]: C[N] } & {
    readonly [N in keyof A]: 'f64'
  }
>

/** A window whose aggregates are still to be named. */
export class Windowed<C extends ColumnTypes, R, Keys extends string, S extends RowTypes, K extends RowTypes> {
  declare readonly '~columns': C
  declare readonly '~row': R
  readonly #declaration: Declaration
  readonly #input: string
  readonly #settings: WindowSettings

  constructor(declaration: Declaration, input: string, settings: WindowSettings) {
    this.#declaration = declaration
    this.#input = input
    this.#settings = settings
  }

  /** How long a window that fired still takes records, and fires again for each. Default 0. */
  allowedLateness(duration: Duration): Windowed<C, R, Keys, S, K> {
    return this.#with({ allowedLatenessMs: durationMs(duration, { of: 'allowedLateness' }) })
  }

  /** Records too late for all their windows go to a sink of their own, bound at start by the name. Default: dropped and counted. */
  lateTo<const N extends string>(name: N): Windowed<C, R, Keys, S, Flat<K & { readonly [P in N]: R }>> {
    return this.#with({ late: { kind: 'sideOutput', name } })
  }

  /** A record too late for all its windows stops the job. */
  lateFails(): Windowed<C, R, Keys, S, K> {
    return this.#with({ late: { kind: 'fail' } })
  }

  /** Names the aggregates: with the window's bounds and the keys they make up the result rows. */
  aggregate<const A extends { readonly [name: string]: AggregateOver<C> }>(
    aggregates: A,
    options: StepOptions = {},
  ): Results<ResultTypes<C, Keys, A>, ResultRow<C, Keys, A>, S, K> {
    const { window, allowedLatenessMs, late } = this.#settings
    const spec = {
      op: 'window',
      inputs: [this.#input],
      window,
      allowedLatenessMs,
      late,
      aggregates: aggregates satisfies Readonly<Record<string, AggregateSpec>>,
    }
    return new Results(
      this.#declaration,
      this.#declaration.add(spec, { uid: options.uid ?? this.#settings.options.uid, counted: 'window' }),
    )
  }

  #with<L extends RowTypes>(change: Partial<WindowSettings>): Windowed<C, R, Keys, S, L> {
    return new Windowed(this.#declaration, this.#input, { ...this.#settings, ...change })
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

export type TimestampNames<C extends ColumnTypes> = { [N in keyof C & string]: C[N] extends 'timestamp' ? N : never }[keyof C & string]
