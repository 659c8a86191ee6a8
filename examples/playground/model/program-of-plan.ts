/** A program that has a plan: for now, the plan itself. */

import type { Plan } from 'millrace'
import { planText } from './plan-text.ts'

export function programOf(plan: Plan): string {
  return `import { fromPlan } from 'millrace'\n\nexport default fromPlan(${planText(plan)})\n`
}
