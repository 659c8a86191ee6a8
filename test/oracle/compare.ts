/**
 * Holds panes of the product against panes of the oracle: sums within a tolerance relative to what was added, everything else exact.
 *
 * Before: rows and panes of a collecting sink. After: a test, which prints the first difference.
 *
 * Invariant: the tolerance follows from the records of a pane, never from the result under test.
 */

import { PANE_LATE, PANE_ON_TIME } from '../../kernel/layout.ts'
import { type Cell, keyIdentity, type OracleAggregate, type OraclePane } from './windows.ts'

export type ResultRow = Readonly<Record<string, Cell>>

/** A result row with the pane it came from, as a collecting sink has them. */
export interface ActualPane {
  readonly row: ResultRow
  readonly index: number
  readonly timing: number
}

export function actualPanes(sink: {
  readonly rows: readonly object[]
  readonly panes: readonly { readonly index: number; readonly timing: number }[]
}): ActualPane[] {
  return sink.rows.map((row, index) => ({ row: row as ResultRow, ...sink.panes[index]! }))
}

/** The first difference between two sequences of panes, or null. */
export function paneDifference(
  expected: readonly OraclePane[],
  actual: readonly ActualPane[],
  rules: { readonly keys: readonly string[]; readonly aggregates: Readonly<Record<string, OracleAggregate>> },
): string | null {
  for (let at = 0; at < Math.max(expected.length, actual.length); at++) {
    const wanted = expected[at]
    const found = actual[at]
    const why = wanted === undefined ? 'unexpected pane' : found === undefined ? 'missing pane' : difference(wanted, found, rules)
    if (why === null) continue
    const { records, ...rest } = wanted ?? { records: [] }
    const contents = records.slice(0, 20).map(({ timeMs, values }) => ({ timeMs, ...values }))
    const title = `pane ${at} of ${expected.length} (found ${actual.length}): ${why}`
    return `${title}\n  expected ${show(rest)}\n  actual   ${show(found)}\n  records  ${show(contents)}`
  }
  return null
}

/** The same key by key, for runs whose subtasks interleave. */
export function paneDifferenceByKey(
  expected: readonly OraclePane[],
  actual: readonly ActualPane[],
  rules: Parameters<typeof paneDifference>[2],
): string | null {
  const expectedByKey = Map.groupBy(expected, ({ key }) => keyIdentity(key))
  const actualByKey = Map.groupBy(actual, ({ row }) => keyOf(row, rules.keys))
  for (const key of new Set([...expectedByKey.keys(), ...actualByKey.keys()])) {
    const why = paneDifference(expectedByKey.get(key) ?? [], actualByKey.get(key) ?? [], rules)
    if (why !== null) return `key ${key}: ${why}`
  }
  return null
}

function keyOf(row: ResultRow, keys: readonly string[]): string {
  return keyIdentity(keys.map((name) => row[name] ?? null))
}

function difference(wanted: OraclePane, found: ActualPane, { keys, aggregates }: Parameters<typeof paneDifference>[2]): string | null {
  const { row } = found
  if (keyIdentity(wanted.key) !== keyOf(row, keys)) return 'another key'
  if (row['windowStart'] !== wanted.windowStart || row['windowEnd'] !== wanted.windowEnd) return 'another window'
  if (found.index !== wanted.index) return 'another pane index'
  if (found.timing !== (wanted.timing === 'late' ? PANE_LATE : PANE_ON_TIME)) return 'another timing'
  for (const [name, spec] of Object.entries(aggregates)) {
    const expected = wanted.values[name] ?? null
    const actual = row[name]
    if (actual === undefined) return `no column ${name}`
    if (!isSame(spec, expected, actual, wanted))
      return `${name} = ${spec.fn}(${spec.column ?? ''}) should be ${expected}, is ${String(actual)}`
  }
  return null
}

function isSame({ fn, column }: OracleAggregate, expected: number | null, actual: Cell, { records }: OraclePane): boolean {
  // -0 and 0 compare as one number; NaN only with itself.
  if (expected === actual || Object.is(expected, actual)) return true
  if (typeof expected !== 'number' || typeof actual !== 'number' || !Number.isFinite(expected) || !Number.isFinite(actual)) return false
  const numbers = records.map(({ values }) => values[column!] ?? null).filter((cell) => typeof cell === 'number')
  const sum = numbers.reduce((total, number) => total + Math.abs(number), 0)
  const squares = numbers.reduce((total, number) => total + number * number, 0) / numbers.length
  switch (fn) {
    case 'sum':
      return Math.abs(expected - actual) <= 1e-9 * sum
    case 'mean':
      return Math.abs(expected - actual) <= (1e-9 * sum) / numbers.length
    case 'variance':
      return Math.abs(expected - actual) <= 1e-9 * squares
    case 'stddev':
      return Math.abs(expected ** 2 - actual ** 2) <= 1e-9 * squares
    default:
      return false
  }
}

function show(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'number' && (!Number.isFinite(inner) || Object.is(inner, -0)) ? (Object.is(inner, -0) ? '-0' : String(inner)) : inner,
  )
}
