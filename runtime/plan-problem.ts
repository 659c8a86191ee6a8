/**
 * How declarations are refused: one form of message, with place, value found, value wanted, remedy and the nearest legal word.
 *
 * Before: every check of schema, durations, expressions and plans. After: the {@link ConfigError} a caller reads.
 *
 * Invariant: a message holds at most 80 characters of any value of the plan, control characters escaped.
 */

import { ConfigError } from './errors.ts'

export interface Problem {
  readonly found: unknown
  readonly wanted: string
  readonly remedy?: string | null
  /** The nearest legal word, from {@link suggestion}. */
  readonly suggestion?: string | null
  /** Name of the rule that is broken. */
  readonly rule?: string
}

const SHOWN_CHARS_MAX = 80

/**
 * The error for a place of a declaration. Not thrown here, so that control flow stays visible at the caller.
 *
 * @param verbatim - `found` is a phrase of ours rather than a value of the plan.
 */
export function planError(code: string, path: string, problem: Problem, verbatim = false): ConfigError {
  const found = verbatim && typeof problem.found === 'string' ? problem.found : describeValue(problem.found)
  const suggested = problem.suggestion ?? null
  const hint = suggested === null ? '' : `; did you mean ${JSON.stringify(suggested)}?`
  const remedy = problem.remedy === undefined || problem.remedy === null ? '' : `; ${problem.remedy}`
  const message = `Cannot accept ${path}: found ${found}, wanted ${problem.wanted}${hint}${remedy}`
  return new ConfigError(code, message, {
    details: {
      path,
      found,
      wanted: problem.wanted,
      ...(suggested === null ? {} : { suggestion: suggested }),
      ...(problem.rule === undefined ? {} : { rule: problem.rule }),
    },
  })
}

/** A value in a few words, safe to print. */
export function describeValue(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value.length > SHOWN_CHARS_MAX ? `${value.slice(0, SHOWN_CHARS_MAX - 1)}…` : value).replace(
        /[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
        (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
      )
    case 'number':
      return Object.is(value, -0) ? '-0' : String(value)
    case 'boolean':
      return String(value)
    case 'undefined':
      return 'nothing'
    case 'bigint':
      return 'a bigint'
    case 'function':
      return 'a function'
    case 'symbol':
      return 'a symbol'
    default:
      if (value === null) return 'null'
      return Array.isArray(value) ? `an array of ${value.length}` : 'an object'
  }
}

/** A field of a path: `.sizeMs`, or `["strange name"]`. */
export function field(path: string, name: string): string {
  if (/^[A-Za-z_$][\w$]{0,79}$/.test(name)) return path === '' ? name : `${path}.${name}`
  return `${path}[${describeValue(name)}]`
}

const CANDIDATES_MAX = 1_000
const WORD_CHARS_MAX = 64

/** The candidate nearest to a word by edit distance, when it is near enough to be meant; else null. */
export function suggestion(word: string, candidates: Iterable<string>): string | null {
  if (word.length === 0 || word.length > WORD_CHARS_MAX) return null
  const limit = Math.max(1, Math.floor(word.length / 3))
  const lower = word.toLowerCase()
  let best: string | null = null
  let bestDistance = limit + 1
  let seen = 0
  for (const candidate of candidates) {
    if (seen++ >= CANDIDATES_MAX) break
    if (candidate === word || Math.abs(candidate.length - word.length) >= bestDistance) continue
    const distance = editDistance(lower, candidate.toLowerCase())
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

/** Edits (insertion, deletion, substitution, exchange of neighbours) between two words: optimal string alignment. */
export function editDistance(a: string, b: string): number {
  let before: number[] = []
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const current = [i]
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1
      let distance = Math.min(previous[j]! + 1, current[j - 1]! + 1, previous[j - 1]! + cost)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) distance = Math.min(distance, before[j - 2]! + 1)
      current.push(distance)
    }
    before = previous
    previous = current
  }
  return previous[b.length]!
}
