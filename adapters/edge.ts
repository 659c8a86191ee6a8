/** `millrace/edge`: jobs in Durable Objects and other edge workers. Re-exports only. */

export {
  durableObjectCheckpoints,
  type DurableObjectCheckpointsOptions,
  type ObjectStorage,
  type SqlCursor,
  type SqlRow,
  type SqlStorage,
  type SqlValue,
} from './durable-object-store.ts'
export { type DurableJob, type DurableJobClass, durableJob, type JobResults } from './edge/durable-job.ts'
export type { IngestAnswer } from './edge/ingestion.ts'
export type { ResultPane } from './edge/result-log.ts'
export type { DurableJobOptions, WebhookOptions } from './edge/settings.ts'
export { memoryCheckpoints } from './memory-store.ts'
export * from './web/index.ts'
