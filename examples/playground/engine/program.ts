/**
 * A program of TypeScript as a job: types are stripped, `millrace` is resolved to the package of this page, and the module is run.
 *
 * Before: the text of the editor. After: `play.ts`.
 *
 * Invariant: lines stay where they are, so the line of an error is that of the text.
 */

import * as millrace from 'millrace'
import type { Job } from 'millrace'
import * as testing from 'millrace/testing'
import type { Problem } from '../model/trace.ts'
import { problemOf } from './problem.ts'

export class ProgramError extends Error {
  readonly problem: Problem
  constructor(problem: Problem) {
    super(problem.message)
    this.problem = problem
  }
}

/** What a program may import, and where the page has it. */
export type Addresses = Readonly<Record<'millrace' | 'millrace/testing', string>>

const NAMES: Readonly<Record<string, readonly string[]>> = { millrace: Object.keys(millrace), 'millrace/testing': Object.keys(testing) }

export async function jobOf(text: string, addresses: Addresses): Promise<Job> {
  const code = await stripped(text)
  checkImports(text)
  const resolved = code.replace(
    /(\bfrom\s*|\bimport\s*)(['"])(millrace(?:\/testing)?)\2/g,
    (_, keyword: string, quote: string, name: keyof Addresses) => {
      return `${keyword}${quote}${addresses[name]}${quote}`
    },
  )
  const address = URL.createObjectURL(new Blob([resolved], { type: 'text/javascript' }))
  try {
    const module = (await import(address)) as { readonly default?: unknown }
    return requireJob(module.default, text)
  } catch (error) {
    if (error instanceof ProgramError) throw error
    throw new ProgramError(problemOf(error, address))
  } finally {
    URL.revokeObjectURL(address)
  }
}

async function stripped(text: string): Promise<string> {
  const { transform } = await import('sucrase')
  try {
    return transform(text, { transforms: ['typescript'], disableESTransforms: true }).code
  } catch (error) {
    const loc = (error as { readonly loc?: { readonly line: number; readonly column: number } }).loc
    const message = (error instanceof Error ? error.message : String(error))
      .replace(/^Error transforming [^:]*: /, '')
      .replace(/ \(\d+:\d+\)$/, '')
    const place = loc === undefined ? null : ({ kind: 'text', line: loc.line, column: loc.column } as const)
    throw new ProgramError({ code: 'SyntaxError', message, suggestion: null, found: null, place })
  }
}

/** Says which name a module has not, and where: browsers only say the former. */
function checkImports(text: string): void {
  for (const statement of text.matchAll(/^import\s+(type\s+)?(?:[^'"{]*\{([^}]*)\}\s*from\s*)?['"]([^'"]+)['"]/gm)) {
    const [whole, isType, list = '', module = ''] = statement
    if (isType !== undefined) continue
    const names = NAMES[module]
    if (names === undefined) {
      const suggestion = nearest(module, Object.keys(NAMES))
      throw importProblem(text, statement.index + whole.lastIndexOf(module), {
        found: module,
        message: `Cannot find the module ${module}: programs of this page import from millrace and millrace/testing${hintOf(suggestion)}`,
        suggestion,
      })
    }
    const start = statement.index + whole.indexOf('{') + 1
    for (const item of list.matchAll(/(?<=^|,)\s*(type\s+)?([\w$]+)/g)) {
      const name = item[2]!
      if (item[1] !== undefined || names.includes(name) || /^[A-Z]/.test(name)) continue
      const suggestion = nearest(name, names)
      throw importProblem(text, start + item.index + item[0].lastIndexOf(name), {
        found: name,
        message: `${module} has no export ${name}${hintOf(suggestion)}`,
        suggestion,
      })
    }
  }
}

function hintOf(suggestion: string | null): string {
  return suggestion === null ? '' : `; did you mean ${suggestion}?`
}

function importProblem(
  text: string,
  at: number,
  { found, message, suggestion }: { found: string; message: string; suggestion: string | null },
): Error {
  const before = text.slice(0, at).split('\n')
  const place = { kind: 'text', line: before.length, column: before.at(-1)!.length + 1 } as const
  return new ProgramError({ code: 'IMPORT_UNKNOWN', message, suggestion, found, place })
}

function requireJob(value: unknown, text: string): Job {
  if (typeof value === 'object' && value !== null && 'plan' in value && 'functions' in value) return value as Job
  const line = text.slice(0, Math.max(0, text.indexOf('export default'))).split('\n').length
  const message =
    value === undefined
      ? 'The program exports no pipeline; begin it with: export default pipeline(…)'
      : 'The default export is no complete pipeline: it ends with .sink(name)'
  throw new ProgramError({ code: 'JOB_MISSING', message, suggestion: null, found: null, place: { kind: 'text', line, column: 1 } })
}

/** The candidate with the least edits (insertion, deletion, substitution, exchange of neighbours), if they are few. */
export function nearest(word: string, candidates: readonly string[]): string | null {
  const limit = Math.max(1, Math.floor(word.length / 3))
  const ranked = candidates.map((candidate) => ({ candidate, distance: edits(word.toLowerCase(), candidate.toLowerCase()) }))
  const best = ranked.sort((a, b) => a.distance - b.distance)[0]
  return best !== undefined && best.distance <= limit ? best.candidate : null
}

function edits(a: string, b: string): number {
  let before: number[] = []
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const isSame = a[i - 1] === b[j - 1]
      const isExchange = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      next.push(
        Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (isSame ? 0 : 1), isExchange ? before[j - 2]! + 1 : Number.POSITIVE_INFINITY),
      )
    }
    before = row
    row = next
  }
  return row[b.length]!
}
