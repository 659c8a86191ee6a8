/**
 * Runs conformance cases in the documented format against the product.
 *
 * Before: a folder of JSON files (case.ts has the format). After: main prints the report; a test asserts that nothing failed.
 * MAX and MIN stand for the ends of the time that the product knows, ±8.64e15 ms; as a watermark MAX is the end of all input, infinity.
 * Not compared: `isLast` of a pane, which the product does not report.
 *
 * Invariant: a case passes when every expectation in it holds, in order; the first that does not is the failure.
 */

import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { csvFile } from '../../adapters/file/csv-file.ts'
import { PANE_LATE, PANE_ON_TIME } from '../../kernel/layout.ts'
import { ConfigError } from '../../runtime/errors.ts'
import { fromPlan } from '../../runtime/pipeline.ts'
import { loadPlan } from '../../runtime/plan.ts'
import type { RowObject } from '../../runtime/record-batch.ts'
import { run } from '../../runtime/run.ts'
import { collectSink } from '../../runtime/sink/callback-sink.ts'
import { start } from '../../runtime/start.ts'
import { planOf, type Type } from '../support/plans.ts'
import { AGGREGATES, type Case, type Element, type Expectation, missingFeature, type Result, type TimeValue, type WindowDefinition } from './case.ts'
import { ScriptedJob } from './scripted-job.ts'
import { type EmittedPane, ScriptedWindow } from './scripted-window.ts'

export type CaseOutcome =
  | { readonly id: string; readonly kind: 'passed' }
  | { readonly id: string; readonly kind: 'skipped'; readonly feature: string }
  | { readonly id: string; readonly kind: 'failed'; readonly where: string; readonly expected: unknown; readonly actual: unknown }

const TIME_MAX_MS = 8.64e15
/** Least delay of cases that read a file, from their description. */
const FILE_DELAY_MS = 23_000

/** A difference between what a case expects and what came. */
class Mismatch extends Error {
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

/** Runs all cases of all `*.json` of a folder, in order; files that are not lists of cases are left out. */
export async function* runFolder(folder: string): AsyncGenerator<CaseOutcome> {
  for (const name of readdirSync(folder).filter((entry) => entry.endsWith('.json')).sort()) {
    const content = JSON.parse(readFileSync(join(folder, name), 'utf8')) as { format?: number; cases?: readonly Case[] }
    if (!Array.isArray(content.cases)) continue
    if (content.format !== 1) {
      yield { id: name, kind: 'failed', where: 'format of the file', expected: 1, actual: content.format }
      continue
    }
    for (const test of content.cases as readonly Case[]) yield await runCase(test, join(folder, name))
  }
}

/** @param file - Where the case stands: paths in it are relative to that. */
export async function runCase(test: Case, file: string): Promise<CaseOutcome> {
  const { id } = test
  const feature = missingFeature(test)
  if (feature !== null) return { id, kind: 'skipped', feature }
  try {
    if (test.kind === 'assign') await runAssign(test)
    else if (test.inputFile !== undefined) await runInputFile(test, file)
    else if (test.config.watermark === undefined) await runScript(test)
    else await runGeneratedWatermarks(test)
    return { id, kind: 'passed' }
  } catch (error) {
    if (error instanceof Mismatch) return { id, kind: 'failed', where: error.where, expected: error.expected, actual: error.actual }
    return { id, kind: 'failed', where: 'the product', expected: 'no error', actual: error instanceof Error ? (error.stack ?? error.message) : error }
  }
}

const SCHEMA: Readonly<Record<string, Type>> = { id: 'i32', t: 'timestamp', key: 'utf8', value: 'f64' }

/** The window of a case as the product's plan writes it. */
function windowOf({ type, size, slide, offset }: WindowDefinition): { kind: string; sizeMs: unknown; slideMs?: unknown; offsetMs: unknown } {
  const common = { sizeMs: size, offsetMs: offset ?? 0 }
  return type === 'sliding' ? { kind: 'sliding', ...common, slideMs: slide } : { kind: type ?? 'none', ...common }
}

function planOfCase({ config }: Case, options: { readonly delayMs: number; readonly isKeyed: boolean; readonly schema?: Readonly<Record<string, Type>> }): ReturnType<typeof planOf> {
  const { sizeMs, slideMs, offsetMs } = windowOf(config.window!)
  return planOf({
    schema: options.schema ?? SCHEMA,
    time: 't',
    delayMs: options.delayMs,
    everyRecords: 1,
    windows: [
      {
        name: 'w',
        keys: options.isKeyed ? ['key'] : [],
        sizeMs: sizeMs as number,
        offsetMs: offsetMs as number,
        ...(slideMs === undefined ? {} : { slideMs: slideMs as number }),
        allowedLatenessMs: config.allowedLateness ?? 0,
        ...(config.lateOutput === true ? { lateSink: 'late' } : {}),
        aggregates: AGGREGATES[config.aggregate!]!.parts,
      },
    ],
  })
}

async function runAssign({ config, assign, invalid }: Case): Promise<void> {
  for (const definition of invalid ?? []) {
    try {
      loadPlan(assignPlan(definition))
    } catch (error) {
      if (error instanceof ConfigError && error.code.startsWith('WINDOW_')) continue
      throw error
    }
    throw new Mismatch('definition', { refused: definition }, 'accepted')
  }
  if (assign === undefined) return
  // Each time is a key of its own, so that its windows are its results.
  const rows = (await run(fromPlan(assignPlan(config.window!)), assign.map(({ t }, id) => ({ id, t })))) as readonly RowObject[]
  assign.forEach(({ t, windows }, id) => {
    const actual = rows.filter((row) => row['id'] === id).map((row) => [row['windowStart'], row['windowEnd']])
    const sorted = (list: readonly (readonly unknown[])[]) => JSON.stringify([...list].sort((a, b) => Number(a[0]) - Number(b[0])))
    if (sorted(actual) !== sorted(windows)) throw new Mismatch(`windows of t ${t}`, windows, actual)
  })
}

function assignPlan(definition: WindowDefinition): object {
  const plan = planOf({ schema: { id: 'i32', t: 'timestamp' }, time: 't', delayMs: 0, windows: [{ name: 'w', keys: ['id'], sizeMs: 1, aggregates: { n: { fn: 'count' } } }] })
  // Everything accepted has to come out: no time may be late.
  const patched = plan.operators.map((operator) => {
    const { op } = operator as { op: string }
    if (op === 'window') return { ...operator, window: windowOf(definition) }
    return op === 'eventTime' ? { ...operator, watermark: { kind: 'boundedOutOfOrderness', delayMs: 0, everyRecords: 1_000_000 } } : operator
  })
  return { ...plan, operators: patched }
}

/** Elements and watermarks by hand. */
async function runScript(test: Case): Promise<void> {
  const steps = test.script ?? []
  const isKeyed = steps.some((step) => 't' in step && step.key !== undefined)
  let window = await ScriptedWindow.open(planOfCase(test, { delayMs: 0, isKeyed }))
  const checker = new Checker(test)
  try {
    for (const [index, step] of steps.entries()) {
      if ('t' in step) window.element(checker.row(step), timeOf(step.t))
      else if ('watermark' in step) window.watermark(step.watermark === 'MAX' ? Number.POSITIVE_INFINITY : timeOf(step.watermark))
      else if ('checkpointRestore' in step) window = await window.restored()
      else if ('expect' in step) checker.check(`step ${index}`, step.expect, window.panes, window.late, await window.dropped())
      else if ('expectDropped' in step) checker.checkDropped(`step ${index}`, step.expectDropped, await window.dropped())
      else if (!('advanceProcessingTime' in step)) throw new Mismatch(`step ${index}`, 'a step of a window script', step)
    }
  } finally {
    await window.close()
  }
}

/** Elements by hand, watermarks by the product, after every one. */
async function runGeneratedWatermarks(test: Case): Promise<void> {
  const steps = test.script ?? []
  const isKeyed = steps.some((step) => 't' in step && step.key !== undefined)
  const job = await ScriptedJob.open(planOfCase(test, { delayMs: test.config.watermark!.bound ?? 0, isKeyed }))
  const checker = new Checker(test)
  try {
    for (const [index, step] of steps.entries()) {
      if ('t' in step) {
        job.element(checker.row(step))
      } else if ('checkpointRestore' in step) {
        await job.restore()
      } else if ('expect' in step) {
        await job.settle()
        checker.check(`step ${index}`, step.expect, job.panes, job.late, await job.dropped())
      } else if ('expectDropped' in step) {
        await job.settle()
        checker.checkDropped(`step ${index}`, step.expectDropped, await job.dropped())
      } else if (!('advanceProcessingTime' in step)) {
        throw new Mismatch(`step ${index}`, 'a step of a script whose watermarks are generated', step)
      }
    }
  } finally {
    await job.close()
  }
}

async function runInputFile(test: Case, file: string): Promise<void> {
  const { path, timeColumn, keyColumn, valueColumn } = test.inputFile!
  const full = join(dirname(file), path)
  const schema: Record<string, Type> = { [timeColumn]: 'timestamp' }
  if (keyColumn !== undefined) schema[keyColumn] = 'utf8'
  if (valueColumn !== undefined) schema[valueColumn] = 'f64'
  const plan = planOfCase(test, { delayMs: Math.max(FILE_DELAY_MS, worstDisorder(full, timeColumn)), isKeyed: false, schema })
  const operators = plan.operators.flatMap((operator) => {
    const { op, inputs } = operator as { op: string; inputs?: readonly string[] }
    if (op === 'eventTime') return [{ ...operator, column: timeColumn }]
    if (op !== 'window') return [operator]
    const aggregates = JSON.parse(JSON.stringify((operator as { aggregates: object }).aggregates).replaceAll('"column":"value"', `"column":${JSON.stringify(valueColumn ?? 'value')}`)) as object
    if (keyColumn === undefined) return [{ ...operator, aggregates }]
    return [{ uid: 'by', op: 'keyBy', inputs, columns: [keyColumn] }, { ...operator, aggregates, inputs: ['by'] }]
  })
  const out = collectSink()
  const late = collectSink()
  const sinks = { 'w-out': out, ...(test.config.lateOutput === true ? { late } : {}) }
  const running = await start(fromPlan({ ...plan, operators }), { host: 'inline', sources: { in: csvFile(full) }, sinks })
  const status = await running.finished
  const panes = out.rows.map((row, index) => ({ row: { ...row, ...(keyColumn === undefined ? {} : { key: row[keyColumn]! }) }, ...out.panes[index]! }))
  new Checker(test).check('the end', test.expectAtEnd!, panes, late.rows, status.late)
}

/** How far a row of a file lies behind the largest time before it, at worst. */
function worstDisorder(path: string, timeColumn: string): number {
  const bytes = readFileSync(path)
  const [header, ...lines] = (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8').trimEnd().split(/\r?\n/)
  const index = header!.split(',').indexOf(timeColumn)
  let max = Number.NEGATIVE_INFINITY
  let worst = 0
  for (const line of lines) {
    const time = Number(line.split(',')[index])
    max = Math.max(max, time)
    worst = Math.max(worst, max - time)
  }
  return worst
}

function timeOf(value: TimeValue): number {
  if (typeof value === 'number') return value
  const parts = typeof value === 'string' ? /^(MAX|MIN)(?:-(\d+))?$/.exec(value) : null
  if (parts === null) throw new Mismatch('time', 'an integer, MAX, MIN or MAX-n', value)
  return (parts[1] === 'MAX' ? TIME_MAX_MS : -TIME_MAX_MS) - Number(parts[2] ?? 0)
}

/** Remembers what earlier expectations have seen, and compares the rest. */
class Checker {
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
    const value = typeof element.value === 'number' ? { value: element.value } : {}
    return { id, t: timeOf(element.t), ...(element.key === undefined ? {} : { key: String(element.key) }), ...value }
  }

  check(where: string, { out, order, late, dropped }: Expectation, panes: readonly EmittedPane[], lateRows: readonly object[], droppedNow: number): void {
    const actual = panes.slice(this.#paneCount).map((pane) => this.#result(pane))
    const actualLate = lateRows.slice(this.#lateCount).map((row) => this.#elements[(row as { id: number }).id]!)
    const isSideOutput = this.#test.config.lateOutput === true
    const actualDropped = isSideOutput ? 0 : droppedNow - this.#dropped
    this.#paneCount = panes.length
    this.#lateCount = lateRows.length
    this.#dropped = droppedNow
    if (this.#test.ignoreOutput !== true) {
      const isExact = order === 'exact' || (out?.length ?? 0) < 2
      const isEqual = isExact ? actual.length === (out?.length ?? 0) && actual.every((result, index) => fits(out![index]!, result)) : isSameSet(out ?? [], actual)
      if (!isEqual) throw new Mismatch(`${where}: out`, out ?? [], actual)
      if (!isSameSet(late ?? [], actualLate)) throw new Mismatch(`${where}: late`, late ?? [], actualLate)
    }
    if (actualDropped !== (dropped ?? 0)) throw new Mismatch(`${where}: dropped`, dropped ?? 0, actualDropped)
  }

  /** Counters are totals since the beginning. */
  checkDropped(where: string, expected: number, actual: number): void {
    if (actual !== expected) throw new Mismatch(`${where}: dropped in all`, expected, actual)
  }

  #result({ row, index, timing }: EmittedPane): Result {
    const end = row['windowEnd'] as number
    const names: Readonly<Record<number, string>> = { [PANE_ON_TIME]: 'ON_TIME', [PANE_LATE]: 'LATE' }
    return {
      key: (row['key'] ?? 'all') as string,
      value: AGGREGATES[this.#test.config.aggregate!]!.value(row),
      start: row['windowStart'] as number,
      end,
      endInclusive: end - 1,
      t: end - 1,
      pane: { timing: names[timing] ?? 'EARLY', index },
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
      const { timing, index } = value as NonNullable<Result['pane']>
      return JSON.stringify({ timing, index }) === JSON.stringify(found)
    }
    return isEqualValue(value, found)
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
