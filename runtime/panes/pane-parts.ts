/** What only jobs with windows beyond the slice kernel, or with computed columns, need: loaded on demand, as one. */

export { computedStage } from './computed-stage.ts'
export { hasFunctions, tellsOperations } from './pane-aggregates.ts'
export { planPanes, type WindowPlan } from './pane-plan.ts'
export { RecordReader } from './record-cells.ts'
export { ResultCells } from './result-cells.ts'
export { WindowAccumulators } from './window-accumulators.ts'
export { windowFunctionsStage } from './window-functions.ts'
