/** `millrace/browser`: checkpoints, sources and sinks of pages and their workers. Re-exports only. */

export { indexedDbSink, type IndexedDbSinkOptions } from './indexeddb-sink.ts'
export {
  type BrowserCheckpointStore,
  indexedDbCheckpoints,
  type IndexedDbCheckpointsOptions,
  type Leadership,
  type OnStateLost,
} from './indexeddb-store.ts'
export { memoryCheckpoints } from './memory-store.ts'
export { connect, type ConnectOptions, type RemoteRow, type RemoteRun, type WorkerRestartOptions } from '../runtime/job-worker/connect.ts'
export type { JobWorker } from '../runtime/job-worker/worker-link.ts'
export { opfsCheckpoints, type OpfsCheckpointsOptions } from './opfs-store.ts'
export * from './web/index.ts'
