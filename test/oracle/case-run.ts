/**
 * Runs a conformance case on the oracle, which so is proven by the tests of other engines.
 *
 * Before: case-plan.ts. After: conformance.test.ts, which wants null, else the first difference.
 *
 * Invariant: only fields that a case gives are compared, and every row of results is covered by exactly one expectation.
 */

import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import type { Case, Element, Expectation, Result } from '../conformance/case.ts'
import { type Json, planOfCase, rowOfCase, shapeOf, timeOf, valueOfCase } from './case-plan.ts'
import { windowsOf } from './panes/assigners.ts'
import { WindowOracle } from './panes/operator.ts'
import type { PaneRow, Row } from './panes/plan.ts'

export type FullCase = Case & {
  readonly dialect: string
  readonly timestamps?: readonly number[]
  readonly sessions?: readonly { readonly start: number; readonly end: number; readonly members: readonly number[] }[]
  readonly adds?: readonly Json[]
}

/** The first difference between a case and the oracle, or null. */
export function caseDifference(test: FullCase, file: string): string | null {
  switch (test.kind) {
    case 'window':
      return test.inputFile === undefined ? scriptDifference(test) : fileDifference(test, file)
    case 'assign':
      return assignDifference(test)
    case 'session-assign':
      return sessionDifference(test)
    case 'session-merge':
      return mergeDifference(test)
    default:
      return `no kind ${test.kind}`
  }
}

function scriptDifference(test: FullCase): string | null {
  const run = new CaseRun(test)
  for (const [index, step] of (test.script ?? []).entries()) {
    const why = run.step(step as unknown as Json)
    if (why !== null) return `step ${index}: ${why}`
  }
  return null
}

class CaseRun {
  readonly #test: FullCase
  readonly #oracle: WindowOracle
  readonly #elements = new Map<Row, Element>()
  #rowCount = 0
  #lateCount = 0
  #newest = Number.NEGATIVE_INFINITY

  constructor(test: FullCase) {
    this.#test = test
    this.#oracle = new WindowOracle(planOfCase(test))
    this.#oracle.take({ kind: 'processingTime', nowMs: 0 })
  }

  step(step: Json): string | null {
    if ('t' in step) this.#element(step as unknown as Element)
    else if ('watermark' in step) this.watermark(step['watermark'] === 'MAX' ? Number.POSITIVE_INFINITY : timeOf(step['watermark']))
    else if ('advanceProcessingTime' in step) this.#oracle.take({ kind: 'processingTime', nowMs: step['advanceProcessingTime'] as number })
    else if ('expect' in step) return this.expect(step['expect'] as Expectation)
    else if ('expectDropped' in step) return this.#late().length === step['expectDropped'] ? null : `dropped in all ${this.#late().length}`
    else if ('expectCounters' in step) {
      const wanted = (step['expectCounters'] as Json)['droppedWindowAssignments']
      return this.#oracle.closedCount === wanted ? null : `refused window assignments ${this.#oracle.closedCount}, not ${String(wanted)}`
    } else if (!('checkpointRestore' in step)) return `unknown step ${JSON.stringify(step)}`
    return null
  }

  #element(element: Element): void {
    const row = rowOfCase(this.#test, element)
    this.#elements.set(row, element)
    const timeMs = element.t === null ? 0 : timeOf(element.t)
    this.#oracle.take({ kind: 'record', timeMs, key: [row['key'] ?? null], row })
    const { watermark } = this.#test.config
    if (watermark === undefined) return
    this.#newest = Math.max(this.#newest, timeMs)
    this.watermark(this.#newest - (watermark.bound ?? 0) - 1)
  }

  watermark(watermarkMs: number): void {
    this.#oracle.take({ kind: 'watermark', watermarkMs })
  }

  #late(): readonly Element[] {
    return this.#oracle.late.map(({ row }) => this.#elements.get(row)!)
  }

  expect({ out, order, late, dropped }: Expectation): string | null {
    const { config, ignoreOutput, requires } = this.#test
    // Kafka has no windows that begin before 0; the case asks to leave out the results of those that do.
    const isLeftOut = ({ windowStart }: PaneRow) => requires.includes('no-negative-windows') && windowStart !== null && windowStart < 0
    const rows = this.#oracle.rows
      .slice(this.#rowCount)
      .filter((row) => !isLeftOut(row))
      .map((row) => this.#result(row))
    const lateNow = this.#late().slice(this.#lateCount)
    this.#rowCount = this.#oracle.rows.length
    this.#lateCount = this.#oracle.late.length
    if (ignoreOutput !== true && !isMatch(out ?? [], rows, order === 'exact'))
      return `expected ${JSON.stringify(out)}\n  actual ${JSON.stringify(rows)}`
    const lateOut = config.lateOutput === true ? lateNow : []
    if (!isMatch(late ?? [], lateOut as unknown as Result[], false)) return `late ${JSON.stringify(lateOut)}`
    const droppedNow = config.lateOutput === true ? 0 : lateNow.length
    return droppedNow === (dropped ?? 0) ? null : `dropped ${droppedNow}, not ${dropped ?? 0}`
  }

  #result(row: PaneRow): Result {
    const end = row.windowEnd
    const t = end === null ? timeOf('MAX') : end - 1
    const timing = { early: 'EARLY', onTime: 'ON_TIME', late: 'LATE' }[row.timing]
    return {
      key: row.key[0] as string,
      value: valueOfCase(this.#test, row.values),
      start: row.windowStart!,
      end: end!,
      endInclusive: t,
      t,
      windowIndex: row.index,
      op: row.change,
      pane: { timing, index: row.index, isLast: row.isLast },
    }
  }
}

/** Whether expected and actual can be paired off; `+I` is written by leaving `op` out. */
function isMatch(expected: readonly (Result | Element)[], actual: readonly Result[], isExact: boolean): boolean {
  if (expected.length !== actual.length) return false
  if (isExact) return expected.every((wanted, index) => fits(wanted, actual[index]!))
  const free = new Set(actual)
  return expected.every((wanted) => {
    const found = [...free].find((candidate) => fits(wanted, candidate))
    return found !== undefined && free.delete(found)
  })
}

function fits(expected: Result | Element, actual: Result): boolean {
  return Object.entries(expected).every(([name, wanted]) => {
    const found = (actual as unknown as Json)[name]
    if (name === 't') return timeOf(wanted) === timeOf(found)
    if (name === 'key') return String(wanted) === String(found)
    if (name === 'pane') return Object.entries(wanted as Json).every(([field, value]) => (found as Json)[field] === value)
    if (Array.isArray(wanted)) return JSON.stringify([...wanted].sort((a, b) => a - b)) === JSON.stringify(found)
    return JSON.stringify(wanted) === JSON.stringify(found)
  })
}

/** All rows of a file, then the end of the input: nothing of it may be late. */
function fileDifference(test: FullCase, file: string): string | null {
  const { path, timeColumn } = test.inputFile!
  const lines = gunzipSync(readFileSync(join(dirname(file), path)))
    .toString('utf8')
    .trimEnd()
    .split(/\r?\n/)
  const at = lines[0]!.split(',').indexOf(timeColumn)
  const run = new CaseRun(test)
  for (const line of lines.slice(1)) run.step({ t: Number(line.split(',')[at]), key: 'all', value: 1 })
  run.watermark(Number.POSITIVE_INFINITY)
  return run.expect(test.expectAtEnd!)
}

function assignDifference({ config, assign, invalid }: FullCase): string | null {
  if (invalid !== undefined) return null
  const shape = shapeOf(config.window as unknown as Json)
  if (shape.kind !== 'tumbling' && shape.kind !== 'sliding' && shape.kind !== 'assigned') return `no assigner ${shape.kind}`
  for (const { t, windows } of assign ?? []) {
    const actual = windowsOf(shape, t, {}).map(({ start, end }) => [start, end])
    if (JSON.stringify(actual) !== JSON.stringify(windows)) return `windows of ${t}: ${JSON.stringify(actual)}`
  }
  return null
}

function sessionDifference({ config, timestamps, sessions }: FullCase): string | null {
  const oracle = new WindowOracle({
    window: { kind: 'session', gapMs: config.window!.size ?? ((config.window as unknown as Json)['gap'] as number) },
    aggregates: { times: { fn: 'collect', column: 't' } },
  })
  for (const t of timestamps!) oracle.take({ kind: 'record', timeMs: t, key: [], row: { t } })
  oracle.take({ kind: 'watermark', watermarkMs: Number.POSITIVE_INFINITY })
  const actual = oracle.rows.map(({ windowStart, windowEnd, values }) => ({
    start: windowStart,
    end: windowEnd,
    members: values['times'],
  }))
  return JSON.stringify(actual) === JSON.stringify(sessions) ? null : JSON.stringify(actual)
}

/** Windows added one after the other, as records with a gap of their own. */
function mergeDifference({ adds }: FullCase): string | null {
  const oracle = new WindowOracle({
    window: { kind: 'session', gap: { column: 'gap' } },
    trigger: { kind: 'onCount', n: 1 },
    accumulation: 'retracting',
    aggregates: { n: { fn: 'count' } },
  })
  for (const step of adds!) {
    if (!('add' in step)) continue
    const [start, end] = step['add'] as [number, number]
    const before = oracle.rows.length
    oracle.take({ kind: 'record', timeMs: start, key: [], row: { gap: end - start } })
    const rows = oracle.rows.slice(before).map(({ windowStart, windowEnd, change }) => ({ bounds: [windowStart, windowEnd], change }))
    const result = rows.at(-1)!.bounds
    const sources = rows.filter(({ change }) => change === '-D').map(({ bounds }) => bounds)
    const isMerged = sources.length > 0
    if (JSON.stringify(result) !== JSON.stringify(step['result'])) return `${JSON.stringify(step)}: ${JSON.stringify(result)}`
    if (isMerged !== step['merged']) return `${JSON.stringify(step)}: merged ${String(isMerged)}`
    const wanted = (step['sources'] as [number, number][] | undefined) ?? []
    if (JSON.stringify(sources.sort()) !== JSON.stringify([...wanted].sort())) return `${JSON.stringify(step)}: ${JSON.stringify(sources)}`
  }
  return null
}
