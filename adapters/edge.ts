/** `millrace/edge`: jobs in Durable Objects and other edge workers. Re-exports only. */

export { memoryCheckpoints } from './memory-store.ts'
export { durableObjectCheckpoints, type DurableObjectCheckpointsOptions } from './durable-object-store.ts'
