/**
 * Where the material beside the repository is: `../shared`, or the folder that MILLRACE_SHARED names.
 *
 * Before: nothing. After: shared-data for tests of vitest, and the browser tests.
 *
 * Invariant: no other file knows where the folder is.
 */

import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../', import.meta.url))
const directory = resolve(root, process.env['MILLRACE_SHARED'] ?? '../shared')

/** Whether the material is there. */
export const isSharedThere = existsSync(directory)

/** What a suite says that cannot run without it. */
export const SHARED_ABSENT = '../shared is absent; put it beside the repository, or name its folder in MILLRACE_SHARED'

/** Path of a file or folder of it. */
export function sharedPath(...parts: readonly string[]): string {
  return resolve(directory, ...parts)
}
