/**
 * What every stage of the fluent API can do: filter, map, sink.
 *
 * Before: `plan-declaration.ts`, which it adds operators to. After: streams in `pipeline.ts`, results of windows in `windowed.ts`.
 *
 * Invariant: a stage is immutable; the declaration only grows.
 */

import type { AllowedRefs, Expr, Expression, ExprKind, Refs, ResolveKind } from './expression/expression.ts'
import { Job, type RowTypes } from './pipeline-job.ts'
import type { Declaration } from './plan-declaration.ts'
import type { ColumnTypes, Flat, RowOfTypes, Schema } from './schema.ts'

export interface StepOptions {
  /** Name of the operator in plan, metrics and checkpoints. Default: derived from its kind or name. State is found again by it. */
  readonly uid?: string
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
export abstract class Stage<C extends ColumnTypes, R, S extends RowTypes, K extends RowTypes> {
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
    return this.declaration.add(spec, { uid: options.uid, counted: 'filter' }, isFunction ? { functions: { '': where } } : {})
  }

  protected addMap(columns: unknown, second: Schema | StepOptions | undefined, third: StepOptions | undefined): string {
    if (typeof columns !== 'function') {
      const options = (second ?? {}) as StepOptions
      return this.declaration.add({ op: 'map', inputs: [this.uid], columns }, { uid: options.uid, counted: 'map' })
    }
    const list = second !== undefined && 'columns' in second ? second.columns : []
    const schema = Object.fromEntries(list.map(({ name, type }) => [name, type]))
    const spec = { op: 'map', inputs: [this.uid], function: true, schema }
    return this.declaration.add(spec, { uid: third?.uid, counted: 'map' }, { functions: { '': columns } })
  }

  /** Ends a branch; where the rows go is bound at start, by the name. */
  sink<const N extends string>(name: N, options: StepOptions = {}): Job<S, Flat<K & { readonly [P in N]: R }>> {
    const rule = { uid: options.uid, derived: typeof name === 'string' ? name : 'sink' }
    const uid = this.declaration.add({ op: 'sink', inputs: [this.uid], name }, rule)
    try {
      const { plan, functions } = this.declaration.complete()
      return new Job(plan, functions)
    } catch (error) {
      // Only here are outputs compared with each other: a refused sink must not spoil the sinks after it.
      this.declaration.remove(uid)
      throw error
    }
  }
}
