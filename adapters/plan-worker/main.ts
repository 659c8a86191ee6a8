/**
 * `millrace/plan-worker`: a ready-made job worker for plans without functions. A page says by data what it runs.
 *
 * @example
 * ```ts
 * // PlanParameters is a type of `millrace/plan-worker`.
 * const worker = () => new Worker(new URL('millrace/plan-worker', import.meta.url), { type: 'module' })
 * const parameters: PlanParameters = {
 *   plan: job.plan,
 *   sources: { readings: { kind: 'rows', rows } },
 *   sinks: { minutes: { kind: 'view', rowsMax: 1_000 } },
 *   checkpoints: { kind: 'memory', every: '5s' },
 * }
 * const remote = await connect<typeof job>(worker, { parameters })
 * ```
 */

import { serveJobs } from '../../runtime/job-worker/serve.ts'
import { planJob } from './plan-job.ts'

export type { CheckpointDescription, PlanParameters, SinkDescription, SourceDescription } from './plan-parameters.ts'

serveJobs(async ({ parameters }) => planJob(parameters))
