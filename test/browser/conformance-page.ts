/** The conformance cases, in the page: they come as data, as a page has no files. */

import { type CaseOptions, type CaseOutcome, runCases } from '../conformance/runner.ts'

async function runConformance(files: readonly (readonly [string, string])[], start: CaseOptions['start']): Promise<CaseOutcome[]> {
  return Array.fromAsync(runCases(new Map(files), start))
}

Object.assign(globalThis, { runConformance })
