/**
 * Reads the material that lies beside the repository: conformance cases and real data with golden results.
 *
 * Before: shared-folder knows where it is. After: the tests that read it.
 * The package never needs it. Where it is absent, its suites are replaced by one test that says so, and a line on the console.
 */

import { existsSync, readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { describe, test } from 'vitest'
import { isSharedThere, SHARED_ABSENT, sharedPath } from './shared-folder.ts'

export { isSharedThere, sharedPath }

/** A folder of it, or null when that one is absent. */
export function sharedFolder(name: string): string | null {
  const path = sharedPath(name)
  return existsSync(path) ? path : null
}

/** Rows of one of its CSV files (plain or gzip, no quoted fields with commas) as objects of texts. */
export function sharedTable(...parts: readonly string[]): Record<string, string>[] {
  const bytes = readFileSync(sharedPath(...parts))
  const text = (parts.at(-1)!.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8')
  const [header, ...lines] = text.trimEnd().split(/\r?\n/)
  const names = header!.split(',')
  return lines.map((line) => {
    const fields = line.split(',')
    return Object.fromEntries(names.map((name, index) => [name, fields[index] ?? '']))
  })
}

/** Registers the tests of a suite that needs the material; without it one test that names what was not run. */
export function sharedDescribe(name: string, register: () => void): void {
  if (isSharedThere) {
    describe(name, register)
    return
  }
  test(`${SHARED_ABSENT}: ${name} not run`, () => {
    console.warn(`${SHARED_ABSENT}: ${name} not run`)
  })
}
