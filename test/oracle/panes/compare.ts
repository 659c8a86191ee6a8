/**
 * Holds rows of results of the product against those of the oracle: window by window, in order, to the last bit where that is promised.
 *
 * Before: rows of the product with their panes, and an oracle that has taken the same stream. After: a property test prints the difference.
 *
 * Invariant: only functions that divide or take roots of what was merged have a tolerance, and it follows from the records.
 */

import { type Cell, keyIdentity } from '../windows.ts'
import { exactText } from './aggregates.ts'
import type { Aggregate, PanePlan, PaneRow, Value } from './plan.ts'

/** A row of the product. */
export interface ActualRow {
  readonly row: Readonly<Record<string, unknown>>
  readonly index: number
  readonly timing: number
  readonly change: string
  readonly isLast: boolean
}

const TIMINGS = ['early', 'onTime', 'late']

interface Shown {
  readonly keyId: string
  readonly windowId: string
  /** Everything but the values. */
  readonly pane: string
  readonly values: Readonly<Record<string, unknown>>
}

export interface CompareRules {
  readonly keys: readonly string[]
  readonly aggregates: PanePlan['aggregates']
  /** Functions whose last bits may differ. */
  readonly rounded: ReadonlySet<string>
  /** Whether the windows of a key must come in one order: else only the panes of each window. */
  readonly isOrdered: boolean
  /** Whether the product says which pane is the last of a window; the kernel of slices does so only where there is one. */
  readonly hasLast: boolean
}

/** The first difference, or null. */
export function rowsDifference(expected: readonly PaneRow[], actual: readonly ActualRow[], rules: CompareRules): string | null {
  const group = ({ keyId, windowId }: Shown) => (rules.isOrdered ? keyId : `${keyId} ${windowId}`)
  const wanted = Map.groupBy(
    expected.map((row) => shownOfOracle(row, rules)),
    group,
  )
  const found = Map.groupBy(
    actual.map((row) => shownOfProduct(row, rules)),
    group,
  )
  for (const id of new Set([...wanted.keys(), ...found.keys()])) {
    const why = sequenceDifference(wanted.get(id) ?? [], found.get(id) ?? [], rules)
    if (why !== null) return `${id}: ${why}`
  }
  return null
}

function shownOfOracle({ key, windowStart, windowEnd, index, timing, change, isLast, values }: PaneRow, { hasLast }: CompareRules): Shown {
  const windowId = `[${windowStart}, ${windowEnd})`
  return {
    keyId: keyIdentity(key),
    windowId,
    pane: `${windowId} pane ${index} ${timing} ${change}${hasLast && isLast ? ' last' : ''}`,
    values,
  }
}

function shownOfProduct({ row, index, timing, change, isLast }: ActualRow, { keys, aggregates, hasLast }: CompareRules): Shown {
  const windowId = `[${String(row['windowStart'])}, ${String(row['windowEnd'])})`
  const key = keys.map((name) => (row[name] ?? null) as Cell)
  const values = Object.fromEntries(Object.keys(aggregates).map((name) => [name, row[name]]))
  const pane = `${windowId} pane ${index} ${TIMINGS[timing]} ${change}${hasLast && isLast ? ' last' : ''}`
  return { keyId: keyIdentity(key), windowId, pane, values }
}

function sequenceDifference(wanted: readonly Shown[], found: readonly Shown[], { aggregates, rounded }: CompareRules): string | null {
  for (let at = 0; at < Math.max(wanted.length, found.length); at++) {
    const [one, other] = [wanted[at], found[at]]
    const why = one === undefined ? 'unexpected' : other === undefined ? 'missing' : difference(one, other, aggregates, rounded)
    if (why === null) continue
    const show = (shown: Shown | undefined) => (shown === undefined ? 'nothing' : `${shown.pane} ${exactText(shown.values)}`)
    const before = wanted
      .slice(Math.max(0, at - 3), at)
      .map((shown) => `\n  before   ${show(shown)}`)
      .join('')
    return `row ${at} of ${wanted.length} (found ${found.length}): ${why}${before}\n  expected ${show(one)}\n  actual   ${show(other)}`
  }
  return null
}

function difference(
  wanted: Shown,
  found: Shown,
  aggregates: Readonly<Record<string, Aggregate>>,
  rounded: ReadonlySet<string>,
): string | null {
  if (wanted.pane !== found.pane) return 'another pane'
  for (const [name, spec] of Object.entries(aggregates)) {
    const [expected, actual] = [wanted.values[name] as Value, found.values[name]]
    if (exactText(expected) === exactText(actual) || (rounded.has(spec.fn) && isNear(expected, actual))) continue
    return `${name} = ${JSON.stringify(spec)}`
  }
  return null
}

/** Values of the streams are small: what cancels out leaves at most this. */
function isNear(a: unknown, b: unknown): boolean {
  if (typeof a !== 'number' || typeof b !== 'number') return false
  return Math.abs(a - b) <= 1e-9 * Math.max(1, Math.abs(a))
}
