/** What only jobs with windows beyond the slice kernel, or with computed columns, need: loaded on demand, as one. */

export { planPanes, type WindowPlan } from './pane-plan.ts'
export { ResultCells } from './result-cells.ts'
