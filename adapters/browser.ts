/** `millrace/browser`: checkpoints, sources and sinks of pages and their workers. Re-exports only. */

export { memoryCheckpoints } from './memory-store.ts'
