/**
 * The plan: a pipeline as plain, validated data. The fluent API builds it; runtime, `explain` and the CLI read it.
 *
 * Before: JSON that is not trusted, or the operators a pipeline has declared. After: everything that runs or explains a job.
 *
 * Invariant: what {@link loadPlan} returns is complete (defaults filled in), legal and frozen; nothing downstream checks it again.
 */

import { type AnalyzedPlan, analyze, type JobFunctions } from './plan-analysis.ts'
import { planError } from './plan-problem.ts'
import { isFunctionRef } from './plan-derive.ts'
import { explainAnalyzed, type Explanation } from './plan-explain.ts'
import { parsePlan } from './plan-validation.ts'
import type { Plan } from './plan-spec.ts'

export type * from './plan-spec.ts'
export type { AnalyzedOperator, AnalyzedPlan, AnalyzedSink, AnalyzedSource, JobFunctions } from './plan-analysis.ts'
export type { Explanation } from './plan-explain.ts'
export { fingerprint } from './plan-fingerprint.ts'
export { usesSliceKernel } from './plan-kernel.ts'

const analyses = new WeakMap<object, AnalyzedPlan>()

/**
 * Checks a plan and fills in the defaults, the only place that has any.
 *
 * @param input - Parsed JSON, or a plan that was loaded before (which comes back as it is).
 * @param functions - JavaScript functions by uid, for operators declared with `function: true`.
 * @throws ConfigError whose `details.path` names the place, such as `operators[3].window.sizeMs`: `PLAN_VERSION`, `PLAN_TYPE`,
 *   `PLAN_FIELD_UNKNOWN`, `PLAN_FIELD_MISSING`, `PLAN_UNSUPPORTED`, `OPERATOR_UNKNOWN`, `UID_DUPLICATE`, `INPUT_UNKNOWN`,
 *   `PLAN_CYCLE`, `OPERATOR_ORPHAN`, `COLUMN_UNKNOWN`, `COLUMN_TYPE`, `WINDOW_SIZE_INVALID`, `FUNCTION_MISSING` and others.
 */
export function loadPlan(input: unknown, functions: JobFunctions = new Map()): Plan {
  const known = typeof input === 'object' && input !== null ? analyses.get(input) : undefined
  const analyzed = known ?? analyze(parsePlan(input))
  analyses.set(analyzed.plan, analyzed)
  requireFunctions(analyzed.plan, functions)
  return analyzed.plan
}

/** Schemas, keys, event times and readers of every operator of a plan. Computed once per loaded plan; others are checked first. */
export function analyzePlan(plan: Plan): AnalyzedPlan {
  const known = analyses.get(plan)
  if (known !== undefined) return known
  const analyzed = analyze(parsePlan(plan))
  analyses.set(analyzed.plan, analyzed)
  return analyzed
}

/** What a plan does, for people: as text and as a Mermaid flowchart. */
export function explain(plan: Plan): Explanation {
  return explainAnalyzed(analyzePlan(plan))
}

function requireFunctions(plan: Plan, functions: JobFunctions): void {
  plan.operators.forEach((operator, index) => {
    const isFunction = (operator.op === 'filter' && isFunctionRef(operator.where)) || (operator.op === 'map' && operator.function === true)
    if (!isFunction || functions.has(operator.uid)) return
    throw planError('FUNCTION_MISSING', `operators[${index}]`, {
      found: operator.uid,
      wanted: 'an operator whose function is at hand',
      remedy: 'a plan with functions is only complete together with the module that declares them: load that module',
    })
  })
}
