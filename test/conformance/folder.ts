/**
 * Conformance cases from the files of a folder.
 *
 * Before: JSON files, and the data files that their cases name. After: runner.
 *
 * Invariant: cases come in the order of the files' names, then in that of the file.
 */

import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { csvFile } from '../../adapters/file/csv-file.ts'
import type { Case } from './case.ts'
import { type CaseFiles, type CaseOutcome, runCase } from './runner.ts'

/** What a file of cases says, if it is one. */
export interface CaseList {
  readonly name: string
  readonly format: number | undefined
  readonly cases: readonly Case[]
}

/** All lists of cases of all `*.json` of a folder, in order; other files are left out. */
export function caseLists(folder: string): CaseList[] {
  return readdirSync(folder)
    .filter((entry) => entry.endsWith('.json'))
    .sort()
    .flatMap((name) => {
      const { format, cases } = JSON.parse(readFileSync(join(folder, name), 'utf8')) as { format?: number; cases?: readonly Case[] }
      return Array.isArray(cases) ? [{ name, format, cases }] : []
    })
}

/** Runs all cases of a folder. */
export async function* runFolder(folder: string): AsyncGenerator<CaseOutcome> {
  for (const { name, format, cases } of caseLists(folder)) {
    if (format !== 1) {
      yield { id: name, kind: 'failed', where: 'format of the file', expected: 1, actual: format }
      continue
    }
    for (const test of cases) yield await runCase(test, filesBeside(join(folder, name)))
  }
}

/** Files by their paths relative to the file that a case stands in. */
export function filesBeside(file: string): CaseFiles {
  const full = (path: string) => join(dirname(file), path)
  return { text: (path) => textOf(full(path)), csv: (path) => csvFile(full(path)) }
}

export function textOf(path: string): string {
  const bytes = readFileSync(path)
  return (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8')
}
