/**
 * The plan: a pipeline as plain, validated data. The fluent API builds it; runtime, `explain` and the CLI read it.
 *
 * Before: JSON that is not trusted, or the operators a pipeline has declared. After: everything that runs or explains a job.
 *
 * Invariant: what {@link loadPlan} returns is complete (defaults filled in), legal and frozen; nothing downstream checks it again.
 */

import type { AnalyzedPlan } from './plan-analysis.ts'
import { explainAnalyzed, type Explanation } from './plan-explain.ts'
import type { JobFunctions } from './plan-functions.ts'
import { analysisOf, loadWith } from './plan-loading.ts'
import type { Plan } from './plan-spec.ts'
import { windowRules } from './plan-window-rules.ts'

export type * from './plan-spec.ts'
export type { AnalyzedOperator, AnalyzedPlan, AnalyzedSink, AnalyzedSource } from './plan-analysis.ts'
export type { Explanation } from './plan-explain.ts'
export type * from './plan-functions.ts'
export { fingerprint } from './plan-fingerprint.ts'
export { usesSliceKernel } from './plan-kernel.ts'

/**
 * Checks a plan and fills in the defaults.
 *
 * @param input - Parsed JSON, or a plan that was loaded before (which comes back as it is).
 * @param functions - JavaScript functions by their keys (`uid`, or `uid.gap` and so on), for what is declared with `function: true`.
 * @throws ConfigError whose `details.path` names the place, such as `operators[3].window.sizeMs`: `PLAN_VERSION`, `PLAN_TYPE`,
 *   `PLAN_FIELD_UNKNOWN`, `PLAN_FIELD_MISSING`, `PLAN_UNSUPPORTED`, `OPERATOR_UNKNOWN`, `UID_DUPLICATE`, `INPUT_UNKNOWN`,
 *   `PLAN_CYCLE`, `OPERATOR_ORPHAN`, `COLUMN_UNKNOWN`, `COLUMN_TYPE`, `WINDOW_SIZE_INVALID`, `COMBINATION_INVALID` (`details.rule` names
 *   the combination), `FUNCTION_MISSING` and others.
 */
export function loadPlan(input: unknown, functions: JobFunctions = new Map()): Plan {
  return loadWith(input, functions, windowRules())
}

/** Schemas, keys, event times and readers of every operator of a plan. Computed once per loaded plan; others are checked first. */
export function analyzePlan(plan: Plan): AnalyzedPlan {
  return analysisOf(plan, windowRules())
}

/** What a plan does, for people: as text and as a Mermaid flowchart. */
export function explain(plan: Plan): Explanation {
  return explainAnalyzed(analyzePlan(plan))
}
