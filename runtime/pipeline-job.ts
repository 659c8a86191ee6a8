/**
 * A pipeline that is complete: its plan, and the functions that cannot be in it.
 *
 * Before: the fluent API, or a plan of JSON. After: `start` and `run`.
 *
 * Invariant: the plan has been loaded, and every function it needs is there.
 */

import type { JobFunctions } from './plan-functions.ts'
import { loadPlan, type Plan } from './plan.ts'

/** Row types by name of source or sink. */
export type RowTypes = { readonly [name: string]: object }

/**
 * A complete pipeline: what `start` and `run` take. Functions are kept beside the plan, by keys: the uid of their operator, and what they
 * are for where it can have several (`minutes.gap`, `minutes.aggregate.total`).
 *
 * `Sources` and `Sinks` exist for the type checker: the row types by name.
 */
export class Job<out Sources extends RowTypes = RowTypes, out Sinks extends RowTypes = RowTypes> {
  declare readonly '~sources': Sources
  declare readonly '~sinks': Sinks
  readonly plan: Plan
  readonly functions: JobFunctions

  constructor(plan: Plan, functions: JobFunctions) {
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

/** A job of a plan that was kept as JSON. `functions` are needed by their keys if the plan says so. */
export function fromPlan(json: unknown, functions: JobFunctions = new Map()): Job {
  return new Job(loadPlan(json, functions), functions)
}
