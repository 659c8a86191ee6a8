/**
 * Files as sources and sinks, for Node, Deno and Bun.
 *
 * Before: millrace/node, which passes these on to users, and adapters/cli. After: the modules of this folder.
 *
 * Invariant: what is not exported here is internal and may change.
 */

export { type CsvFileOptions, csvFile, type FileBinding } from './csv-file.ts'
export { fileFor } from './file-for.ts'
export type { FilePath } from './file-path.ts'
export { type NdjsonFileOptions, ndjsonFile } from './ndjson-file.ts'
