/**
 * `node test/conformance/main.ts FOLDER`: runs the conformance cases of a folder and says how they went.
 *
 * Before: the shell. After: runner. Needs the built kernel and platform (`npm run build`).
 *
 * Invariant: the last line is `N passed, N failed, N skipped`; the exit code is 1 when any failed, 2 when nothing could be run.
 */

import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { CaseOutcome } from './runner.ts'

const [folder] = process.argv.slice(2)
if (folder === undefined || !existsSync(folder)) {
  console.error(folder === undefined ? 'usage: node test/conformance/main.ts FOLDER' : `There is no folder ${folder}`)
  process.exit(2)
}
const built = new URL('../../dist/', import.meta.url)
const missing = ['kernel-inline.js', 'kernel-panes-inline.js', 'platform-node.js'].filter((name) => !existsSync(new URL(name, built)))
if (missing.length > 0) {
  console.error(`${missing.join(' and ')} of ${fileURLToPath(built)} must be built first: npm run build`)
  process.exit(2)
}

const { readCases } = await import('./folder.ts')
const { runCases } = await import('./runner.ts')
const counts = { passed: 0, failed: 0, skipped: 0 }
const skipped = new Map<string, string[]>()
for await (const outcome of runCases(readCases(resolve(folder)))) {
  counts[outcome.kind]++
  if (outcome.kind === 'skipped') skipped.set(outcome.feature, [...(skipped.get(outcome.feature) ?? []), outcome.id])
  if (outcome.kind === 'failed') console.log(failure(outcome))
}
for (const [feature, ids] of [...skipped].sort(([a, x], [b, y]) => y.length - x.length || (a < b ? -1 : 1))) {
  console.log(`skipped ${ids.length} for ${feature}: ${ids.join(', ')}`)
}
console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`)
process.exit(counts.failed > 0 ? 1 : 0)

function failure({ id, where, expected, actual }: Extract<CaseOutcome, { kind: 'failed' }>): string {
  const text = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value))
  return `FAILED ${id}\n  at       ${where}\n  expected ${text(expected)}\n  actual   ${text(actual)}`
}
