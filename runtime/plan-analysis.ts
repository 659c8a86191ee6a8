/**
 * What takes more than one operator to see: the graph, and the schema, keys and event time of the rows between operators.
 *
 * Before: `plan-validation.ts`, which has checked every operator by itself. After: the runtime, which builds a job from this.
 *
 * Invariant: operators come in an order in which inputs precede their readers; expressions are checked copies.
 */

import { deriveOperator } from './plan-derive.ts'
import { planError } from './plan-problem.ts'
import type { DerivedRows } from './plan-rows.ts'
import type { WindowRules } from './plan-rules.ts'
import type { LatePolicy, OperatorSpec, Plan, SourceSpec } from './plan-spec.ts'
import { findingsSchema } from './plan-stages.ts'
import { inputUnknown } from './plan-validation.ts'
import type { Schema } from './schema.ts'

/** An operator, and what is known of the rows that leave it. For a sink: of the rows that enter. */
export interface AnalyzedOperator<S extends OperatorSpec = OperatorSpec> extends DerivedRows {
  readonly uid: string
  /** Index in `plan.operators`. */
  readonly index: number
  /** As in the plan: with defaults, expressions checked. */
  readonly spec: S
  /** Operators that read this one, in the order of the plan. */
  readonly downstream: readonly string[]
}

export interface AnalyzedSource {
  readonly uid: string
  readonly schema: Schema
}

/** A place that rows leave by, bound by name at start: a sink, or the side output of a window (late rows) or a tracker (findings). */
export interface AnalyzedSink {
  readonly name: string
  readonly kind: 'result' | 'late' | 'findings'
  /** The sink operator, or the operator whose late rows or findings come. */
  readonly uid: string
  readonly schema: Schema
}

export interface AnalyzedPlan {
  readonly plan: Plan
  /** By uid, in an order in which inputs precede their readers. */
  readonly operators: ReadonlyMap<string, AnalyzedOperator>
  readonly sources: readonly AnalyzedSource[]
  readonly sinks: readonly AnalyzedSink[]
}

/**
 * Checks the graph of a plan and finds what flows along its edges. The plan of the result has checked copies of all expressions.
 *
 * @throws ConfigError `INPUT_UNKNOWN`, `PLAN_CYCLE`, `OPERATOR_ORPHAN`, `SINK_DUPLICATE` and those of {@link deriveOperator}.
 */
export function analyze(input: Plan, rules: WindowRules | null = null): AnalyzedPlan {
  const indexes = new Map(input.operators.map(({ uid }, index) => [uid, index]))
  const downstream = readersOf(input, indexes)
  const order = inputsFirst(input, indexes)
  requireNoOrphan(input, downstream)
  const operators = new Map<string, AnalyzedOperator>()
  for (const index of order) {
    const spec = input.operators[index]!
    const upstream = spec.op === 'source' ? null : operators.get(spec.inputs[0])!
    const derived = deriveOperator(spec, upstream, `operators[${index}]`, rules)
    operators.set(spec.uid, Object.freeze({ ...derived, uid: spec.uid, index, downstream: downstream.get(spec.uid)! }))
  }
  const plan = Object.freeze({ ...input, operators: Object.freeze(input.operators.map(({ uid }) => operators.get(uid)!.spec)) })
  const sources = [...operators.values()].filter(isSource).map(({ uid, schema }) => ({ uid, schema }))
  return Object.freeze({ plan, operators, sources, sinks: Object.freeze(sinksOf(plan, operators)) })
}

function isSource(operator: AnalyzedOperator): operator is AnalyzedOperator<SourceSpec> {
  return operator.spec.op === 'source'
}

function readersOf(plan: Plan, indexes: ReadonlyMap<string, number>): Map<string, string[]> {
  const readers = new Map<string, string[]>(plan.operators.map(({ uid }) => [uid, []]))
  plan.operators.forEach((spec, index) => {
    if (spec.op === 'source') return
    const [input] = spec.inputs
    const path = `operators[${index}].inputs[0]`
    const inputIndex = indexes.get(input)
    if (inputIndex === undefined) throw inputUnknown(input, path, indexes.keys())
    if (plan.operators[inputIndex]!.op === 'sink') {
      throw planError('INPUT_UNKNOWN', path, {
        found: input,
        wanted: 'an operator with an output',
        remedy: 'it is a sink: read what the sink reads',
      })
    }
    readers.get(input)!.push(spec.uid)
  })
  return readers
}

/** Indices such that inputs come first; every operator has at most one input, so following it upwards finds any cycle. */
function inputsFirst(plan: Plan, indexes: ReadonlyMap<string, number>): readonly number[] {
  const done = new Set<number>()
  const order: number[] = []
  for (let start = 0; start < plan.operators.length; start++) {
    const chain: number[] = []
    const onChain = new Set<number>()
    let at: number | undefined = start
    while (at !== undefined && !done.has(at)) {
      if (onChain.has(at)) throw cycle(plan, chain.slice(chain.indexOf(at)))
      chain.push(at)
      onChain.add(at)
      const spec: OperatorSpec = plan.operators[at]!
      at = spec.op === 'source' ? undefined : indexes.get(spec.inputs[0])
    }
    for (const index of chain.toReversed()) {
      done.add(index)
      order.push(index)
    }
  }
  return order
}

function cycle(plan: Plan, chain: readonly number[]): Error {
  const uids = chain.map((index) => plan.operators[index]!.uid).toReversed()
  const shown = [uids.at(-1)!, ...uids]
    .slice(0, 10)
    .map((uid) => JSON.stringify(uid))
    .join(' → ')
  const wanted = 'operators that lead from sources to sinks'
  return planError('PLAN_CYCLE', `operators[${chain[0]}].inputs[0]`, { found: `a cycle, ${shown}`, wanted }, true)
}

function requireNoOrphan(plan: Plan, downstream: ReadonlyMap<string, readonly string[]>): void {
  plan.operators.forEach(({ uid, op }, index) => {
    if (op === 'sink' || downstream.get(uid)!.length > 0) return
    throw planError('OPERATOR_ORPHAN', `operators[${index}]`, {
      found: uid,
      wanted: 'an operator that somebody reads',
      remedy: `let a sink read this ${op}, or remove it`,
    })
  })
}

function sinksOf(plan: Plan, operators: ReadonlyMap<string, AnalyzedOperator>): readonly AnalyzedSink[] {
  const sinks = new Map<string, AnalyzedSink>()
  const add = (sink: AnalyzedSink, path: string): void => {
    const other = sinks.get(sink.name)
    if (other !== undefined) {
      const owner = JSON.stringify(other.uid)
      throw planError('SINK_DUPLICATE', path, {
        found: sink.name,
        wanted: 'a name of its own for every output',
        remedy: `${owner} writes there`,
      })
    }
    sinks.set(sink.name, sink)
  }
  plan.operators.forEach((spec, index) => {
    const { uid } = spec
    if (spec.op === 'sink') add({ name: spec.name, kind: 'result', uid, schema: operators.get(uid)!.schema }, `operators[${index}].name`)
    const late: LatePolicy | null = spec.op === 'window' ? spec.late : null
    if (spec.op === 'window' && late?.kind === 'sideOutput') {
      add({ name: late.name, kind: 'late', uid, schema: operators.get(spec.inputs[0])!.schema }, `operators[${index}].late.name`)
    }
    if (spec.op === 'trackSequence' && spec.findingsTo !== undefined) {
      const schema = findingsSchema(spec, operators.get(spec.inputs[0])!.schema)
      add({ name: spec.findingsTo, kind: 'findings', uid, schema }, `operators[${index}].findingsTo`)
    }
  })
  return [...sinks.values()]
}
