/**
 * Loading a plan, by the rules that are at hand: those a pipeline brought along, or all.
 *
 * Before: `plan.ts` with JSON that is not trusted, and the fluent API with the operators declared. After: everything that runs a job.
 *
 * Invariant: a plan is analyzed once; what comes from here is complete (defaults filled in), legal and frozen.
 */

import { type AnalyzedPlan, analyze } from './plan-analysis.ts'
import { type JobFunctions, requireFunctions } from './plan-functions.ts'
import type { WindowRules } from './plan-rules.ts'
import type { Plan } from './plan-spec.ts'
import { parsePlan } from './plan-validation.ts'

const analyses = new WeakMap<object, AnalyzedPlan>()

/** As `loadPlan`, of which this is the work. `rules`: those of windows that are not plain, if there may be such. */
export function loadWith(input: unknown, functions: JobFunctions, rules: WindowRules | null): Plan {
  const { plan } = analysisOf(input, rules)
  requireFunctions(plan, functions, rules)
  return plan
}

/** What is known of a plan; a plan that has not been loaded yet is checked first. */
export function analysisOf(input: unknown, rules: WindowRules | null = null): AnalyzedPlan {
  const known = typeof input === 'object' && input !== null ? analyses.get(input) : undefined
  if (known !== undefined) return known
  const analyzed = analyze(parsePlan(input, rules), rules)
  analyses.set(analyzed.plan, analyzed)
  return analyzed
}
