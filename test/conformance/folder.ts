/**
 * Reads a folder of conformance cases, for a runner that may be in a place without files.
 *
 * Before: the folder, `*.json` with the cases and beside them what they read. After: runner.
 */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import type { CaseFiles } from './runner.ts'

/** Cases and data by their path in the folder. */
export function readCases(folder: string): CaseFiles {
  const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((path) => path.replaceAll('\\', '/'))
  return new Map(paths.filter((path) => /\.(json|csv|csv\.gz)$/.test(path)).map((path) => [path, textOf(join(folder, path))]))
}

function textOf(path: string): string {
  const bytes = readFileSync(path)
  return (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8')
}
