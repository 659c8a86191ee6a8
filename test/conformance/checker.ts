/**
 * Compares what came out with what a case expects.
 *
 * Before: runner, which feeds the steps. After: the outcome of the case.
 * MAX and MIN stand for the ends of the time that the product knows, ±8.64e15 ms; as a watermark MAX is the end of all input,
 * infinity. Where a case says that no windows start below 0, those of the product that do are left out.
 *
 * Invariant: only fields that are given are compared, and every emission is covered by exactly one expectation.
 */

import { PANE_LATE, PANE_ON_TIME } from '../../kernel/layout.ts'
import { AGGREGATES, type Case, type Element, type Expectation, type Result, sorted, type TimeValue } from './case.ts'
import type { EmittedPane } from './scripted-window.ts'

const TIME_MAX_MS = 8.64e15

/** A difference between what a case expects and what came. */
export class Mismatch extends Error {
  readonly where: string
  readonly expected: unknown
  readonly actual: unknown

  constructor(where: string, expected: unknown, actual: unknown) {
    super(where)
    this.where = where
    this.expected = expected
    this.actual = actual
  }
}

/** A time of the format as the product counts. */
export function timeOf(value: TimeValue): number {
  if (typeof value === 'number') return value
  const parts = typeof value === 'string' ? /^(MAX|MIN)(?:-(\d+))?$/.exec(value) : null
  if (parts === null) throw new Mismatch('time', 'an integer, MAX, MIN or MAX-n', value)
  return (parts[1] === 'MAX' ? TIME_MAX_MS : -TIME_MAX_MS) - Number(parts[2] ?? 0)
}

/** Remembers what earlier expectations have seen, and compares the rest. */
export class Checker {
  readonly #test: Case
  readonly #elements: Element[] = []
  #paneCount = 0
  #lateCount = 0
  #dropped = 0

  constructor(test: Case) {
    this.#test = test
  }

  /** The element as a row; its id finds it again among late rows. */
  row(element: Element): object {
    const id = this.#elements.push(element) - 1
    const value = element.value === undefined ? {} : { value: element.value }
    // In processing time the clock counts, whatever the event time.
    return {
      id,
      t: element.t === null ? 0 : timeOf(element.t),
      ...(element.key === undefined ? {} : { key: String(element.key) }),
      ...value,
    }
  }

  check(
    where: string,
    { out, order, late, dropped }: Expectation,
    panes: readonly EmittedPane[],
    lateRows: readonly object[],
    droppedNow: number,
  ): void {
    const hasNegative = !this.#test.requires.includes('no-negative-windows')
    const actual = panes
      .slice(this.#paneCount)
      .map((pane) => this.#result(pane))
      .filter(({ start }) => hasNegative || start === undefined || start >= 0)
    const actualLate = lateRows.slice(this.#lateCount).map((row) => this.#elements[(row as { id: number }).id]!)
    const isSideOutput = this.#test.config.lateOutput === true
    const actualDropped = isSideOutput ? 0 : droppedNow - this.#dropped
    this.#paneCount = panes.length
    this.#lateCount = lateRows.length
    this.#dropped = droppedNow
    if (this.#test.ignoreOutput !== true) {
      const isExact = order === 'exact' || (out?.length ?? 0) < 2
      const isEqual = isExact
        ? actual.length === (out?.length ?? 0) && actual.every((result, index) => fits(out![index]!, result))
        : isSameSet(out ?? [], actual)
      if (!isEqual) throw new Mismatch(`${where}: out`, out ?? [], actual)
      if (!isSameSet(late ?? [], actualLate)) throw new Mismatch(`${where}: late`, late ?? [], actualLate)
    }
    if (actualDropped !== (dropped ?? 0)) throw new Mismatch(`${where}: dropped`, dropped ?? 0, actualDropped)
  }

  /** Counters are totals since the beginning. */
  checkDropped(where: string, expected: number, actual: number): void {
    if (actual !== expected) throw new Mismatch(`${where}: dropped in all`, expected, actual)
  }

  /** Counters of other engines, as far as the product has them. */
  checkCounters(where: string, expected: Readonly<Record<string, number>>, closed: number): void {
    const { droppedWindowAssignments, ...others } = expected
    if (Object.keys(others).length > 0) throw new Mismatch(where, expected, 'counters that the runner does not know')
    if (droppedWindowAssignments !== undefined && droppedWindowAssignments !== closed) throw new Mismatch(where, expected, { closed })
  }

  #result({ row, index, timing, change, isLast }: EmittedPane): Result {
    const end = row['windowEnd'] as number | null
    const names: Readonly<Record<number, string>> = { [PANE_ON_TIME]: 'ON_TIME', [PANE_LATE]: 'LATE' }
    const op = change === '+I' ? undefined : change
    const { config } = this.#test
    return {
      key: (row['key'] ?? 'all') as string,
      value: AGGREGATES[config.aggregate!]!.value(row, config),
      // A global window has no bounds; its last moment is the last there is.
      ...(end === null ? { t: 'MAX' } : { start: row['windowStart'] as number, end, endInclusive: end - 1, t: end - 1 }),
      windowIndex: index,
      pane: { timing: names[timing] ?? 'EARLY', index, isLast },
      ...(config.accumulation === 'retracting' && op !== undefined ? { op } : {}),
    }
  }
}

/** Whether the fields that are given are equal; keys as texts, times after resolving MAX and MIN. */
function fits(expected: Result | Element, actual: Result | Element): boolean {
  return Object.entries(expected).every(([name, value]) => {
    const found = (actual as unknown as Readonly<Record<string, unknown>>)[name]
    if (name === 'key') return String(value) === String(found)
    if (name === 't') return found !== undefined && timeOf(value as TimeValue) === timeOf(found as TimeValue)
    if (name === 'pane') {
      return Object.entries(value as object).every(([field, of]) => (found as Readonly<Record<string, unknown>>)[field] === of)
    }
    return isEqualValue(name === 'value' && Array.isArray(value) ? sorted(value) : value, found)
  })
}

function isEqualValue(expected: unknown, actual: unknown): boolean {
  if (typeof expected !== 'object' || expected === null || typeof actual !== 'object' || actual === null) return expected === actual
  const names = Object.keys(expected)
  const of = (object: object, name: string) => (object as Readonly<Record<string, unknown>>)[name]
  return names.length === Object.keys(actual).length && names.every((name) => isEqualValue(of(expected, name), of(actual, name)))
}

/** Whether expected and actual can be paired off, each with one it fits (augmenting paths, as fields may be left out). */
function isSameSet(expected: readonly (Result | Element)[], actual: readonly (Result | Element)[]): boolean {
  if (expected.length !== actual.length) return false
  const pairedWith = new Map<number, number>()
  const pair = (wanted: number, tried: Set<number>): boolean =>
    actual.some((candidate, index) => {
      if (tried.has(index) || !fits(expected[wanted]!, candidate)) return false
      tried.add(index)
      const other = pairedWith.get(index)
      if (other !== undefined && !pair(other, tried)) return false
      pairedWith.set(index, wanted)
      return true
    })
  return expected.every((_, wanted) => pair(wanted, new Set()))
}
