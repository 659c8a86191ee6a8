/** `millrace/node`: files and checkpoints on disk, for Node, Deno and Bun. Re-exports only. */

export { fileCheckpoints } from './disk-store.ts'
export { csvFile, fileFor, ndjsonFile } from './file/index.ts'
export * from './web/index.ts'
export { type GenerationReport, verify } from '../runtime/checkpoint/recovery.ts'
