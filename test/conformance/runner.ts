/**
 * Runs conformance cases in the documented format against the product.
 *
 * Before: folder.ts has read the files (case.ts has the format). After: main prints the report; a test asserts that nothing failed. No platform is
 * named here, so it runs in pages and edge workers too, which are handed the files.
 *
 * Invariant: a case passes when every expectation in it holds, in order; the first that does not is the failure.
 */

import { ConfigError } from '../../runtime/errors.ts'
import { fromPlan } from '../../runtime/pipeline.ts'
import { loadPlan } from '../../runtime/plan.ts'
import type { RowObject } from '../../runtime/record-batch.ts'
import { run } from '../../runtime/run.ts'
import { collectSink } from '../../runtime/sink/callback-sink.ts'
import { rowsSource } from '../../runtime/source/rows-source.ts'
import { start, type StartOptions } from '../../runtime/start.ts'
import type { Type } from '../support/plans.ts'
import { type Case, missingFeature, type WindowDefinition } from './case.ts'
import { Checker, Mismatch, timeOf } from './checker.ts'
import { type EmittedPane, ScriptedWindow } from './scripted-window.ts'
import { runWatermarkCombine, runWatermarkGenerator } from './watermark-cases.ts'
import { planOfCase, windowOf } from './window-plan.ts'

export type CaseOutcome =
  | { readonly id: string; readonly kind: 'passed' }
  | { readonly id: string; readonly kind: 'skipped'; readonly feature: string }
  | { readonly id: string; readonly kind: 'failed'; readonly where: string; readonly expected: unknown; readonly actual: unknown }

/** Least delay of cases that read a file, from their description. */
const FILE_DELAY_MS = 23_000

/** The texts of a folder's files by their path in it; what was packed is unpacked. */
export type CaseFiles = ReadonlyMap<string, string>

export interface CaseOptions {
  /** What cases read from. */
  readonly files?: CaseFiles
  /** Where whole jobs run; default inline. Operators driven by hand are always inline. */
  readonly start?: Pick<StartOptions, 'host' | 'parallelism'>
}

/** Runs all cases of all `*.json`, in order; files that are not lists of cases are left out. */
export async function* runCases(files: CaseFiles, start: CaseOptions['start'] = {}): AsyncGenerator<CaseOutcome> {
  for (const [name, text] of [...files].filter(([path]) => path.endsWith('.json')).sort(([a], [b]) => (a < b ? -1 : 1))) {
    const content = JSON.parse(text) as { format?: number; cases?: readonly Case[] }
    if (!Array.isArray(content.cases)) continue
    if (content.format !== 1) {
      yield { id: name, kind: 'failed', where: 'format of the file', expected: 1, actual: content.format }
      continue
    }
    for (const test of content.cases as readonly Case[]) yield await runCase(test, { files, start })
  }
}

export async function runCase(test: Case, options: CaseOptions = {}): Promise<CaseOutcome> {
  const { id } = test
  const feature = missingFeature(test)
  if (feature !== null) return { id, kind: 'skipped', feature }
  try {
    if (test.kind === 'assign') await runAssign(test, options)
    else if (test.kind === 'session-assign') await runSessionAssign(test, options)
    else if (test.kind === 'session-merge') await runSessionMerge(test)
    else if (test.kind === 'watermark-generator') runWatermarkGenerator(test)
    else if (test.kind === 'watermark-combine') runWatermarkCombine(test)
    else if (test.inputFile !== undefined) await runInputFile(test, options)
    else await runScript(test)
    return { id, kind: 'passed' }
  } catch (error) {
    if (error instanceof Mismatch) return { id, kind: 'failed', where: error.where, expected: error.expected, actual: error.actual }
    return {
      id,
      kind: 'failed',
      where: 'the product',
      expected: 'no error',
      actual: error instanceof Error ? (error.stack ?? error.message) : error,
    }
  }
}

async function runAssign({ config, assign, invalid }: Case, { start }: CaseOptions): Promise<void> {
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
  const rows = (await run(
    fromPlan(assignPlan(config.window!)),
    assign.map(({ t }, id) => ({ id, t })),
    start,
  )) as readonly RowObject[]
  assign.forEach(({ t, windows }, id) => {
    const actual = rows.filter((row) => row['id'] === id).map((row) => [row['windowStart'], row['windowEnd']])
    const sorted = (list: readonly (readonly unknown[])[]) => JSON.stringify([...list].sort((a, b) => Number(a[0]) - Number(b[0])))
    if (sorted(actual) !== sorted(windows)) throw new Mismatch(`windows of t ${t}`, windows, actual)
  })
}

function assignPlan(definition: WindowDefinition): object {
  return {
    millrace: 1,
    name: 'assign',
    operators: [
      { uid: 'in', op: 'source', schema: { id: 'i32', t: 'timestamp' } },
      // Everything accepted has to come out: no time may be late.
      {
        uid: 'time',
        op: 'eventTime',
        inputs: ['in'],
        column: 't',
        watermark: { kind: 'boundedOutOfOrderness', delayMs: 0, everyRecords: 1_000_000 },
      },
      { uid: 'by', op: 'keyBy', inputs: ['time'], columns: ['id'] },
      { uid: 'w', op: 'window', inputs: ['by'], window: windowOf(definition), aggregates: { n: { fn: 'count' } } },
      { uid: 'out', op: 'sink', inputs: ['w'], name: 'w-out' },
    ],
  }
}

/** The sessions that timestamps end up in, in the order in which they come. */
async function runSessionAssign({ config, timestamps = [], sessions = [] }: Case, { start }: CaseOptions): Promise<void> {
  const window = windowOf(config.window!)
  const rows = (await run(
    fromPlan(sessionPlan(window, { n: { fn: 'count' }, members: { fn: 'collect', column: 't', order: 'arrival' } })),
    timestamps.map((t) => ({ t, gap: 0 })),
    start,
  )) as readonly RowObject[]
  const key = (start: unknown, end: unknown, members: readonly unknown[]) => JSON.stringify([start, end, [...members].sort()])
  const actual = rows.map((row) => key(row['windowStart'], row['windowEnd'], row['members'] as unknown as readonly unknown[])).sort()
  const expected = sessions.map(({ start, end, members }) => key(start, end, members)).sort()
  if (JSON.stringify(actual) !== JSON.stringify(expected)) throw new Mismatch('sessions', sessions, rows)
}

/** Windows are added as records with a gap of their own; every record shows its session, and takes back those that went into it. */
async function runSessionMerge({ adds = [] }: Case): Promise<void> {
  const plan = sessionPlan({ kind: 'session', gap: { column: 'gap' } }, { n: { fn: 'count' } }, { kind: 'onCount', n: 1 })
  const window = await ScriptedWindow.open(plan)
  try {
    for (const [index, step] of adds.entries()) {
      if ('retire' in step) {
        await window.watermark(step.retire[1] - 1)
        continue
      }
      const [start, end] = step.add
      const seen = window.panes.length
      await window.element({ t: start, gap: end - start })
      const panes = window.panes.slice(seen)
      const bounds = ({ row }: EmittedPane) => [row['windowStart'], row['windowEnd']]
      const sources = panes.filter(({ change }) => change === '-D').map(bounds)
      const result = panes.filter(({ change }) => change !== '-D' && change !== '-U').map(bounds)
      const actual = { result: result[0], merged: sources.length > 0, sources }
      const isSame =
        JSON.stringify(result) === JSON.stringify([step.result]) &&
        actual.merged === step.merged &&
        (step.sources === undefined || JSON.stringify([...sources].sort()) === JSON.stringify([...step.sources].sort()))
      if (!isSame) throw new Mismatch(`add ${index}`, step, actual)
    }
  } finally {
    await window.close()
  }
}

function sessionPlan(window: object, aggregates: object, trigger?: object): object {
  return {
    millrace: 1,
    name: 'sessions',
    operators: [
      { uid: 'in', op: 'source', schema: { t: 'timestamp', gap: 'f64' } },
      {
        uid: 'time',
        op: 'eventTime',
        inputs: ['in'],
        column: 't',
        watermark: { kind: 'boundedOutOfOrderness', delayMs: 0, everyRecords: 1_000_000 },
      },
      {
        uid: 'w',
        op: 'window',
        inputs: ['time'],
        window,
        aggregates,
        ...(trigger === undefined ? {} : { trigger, accumulation: 'retracting' }),
      },
      { uid: 'out', op: 'sink', inputs: ['w'], name: 'w-out' },
    ],
  }
}

/** Values of a case are all numbers or all texts. */
function schemaOf({ script = [] }: Case): { readonly schema?: Readonly<Record<string, Type>> } {
  const hasTexts = script.some((step) => 't' in step && typeof step.value === 'string')
  return hasTexts ? { schema: { id: 'i32', t: 'timestamp', key: 'utf8', value: 'utf8' } } : {}
}

/** Later than any event time of a case, so that none counts as being in the future. */
const NOW_MS = 8.64e15

/** Elements by hand, and watermarks too, or by the product after every element. */
async function runScript(test: Case): Promise<void> {
  const steps = test.script ?? []
  const { watermark } = test.config
  const isKeyed = steps.some((step) => 't' in step && step.key !== undefined)
  const plan = planOfCase(test, { delayMs: watermark?.bound ?? 0, isKeyed, ...schemaOf(test) })
  const window = await ScriptedWindow.open(plan, watermark === undefined ? {} : { watermarks: 'declared', startMs: NOW_MS })
  const checker = new Checker(test)
  try {
    for (const [index, step] of steps.entries()) {
      if ('t' in step) await window.element(checker.row(step))
      else if ('advanceProcessingTime' in step)
        await window.processingTime(step.advanceProcessingTime + (watermark === undefined ? 0 : NOW_MS))
      else if ('watermark' in step) await window.watermark(step.watermark === 'MAX' ? Number.POSITIVE_INFINITY : timeOf(step.watermark))
      else if ('checkpointRestore' in step) await window.restore()
      else if ('expect' in step) checker.check(`step ${index}`, step.expect, window.panes, window.late, await window.dropped())
      else if ('expectDropped' in step) checker.checkDropped(`step ${index}`, step.expectDropped, await window.dropped())
      else checker.checkCounters(`step ${index}`, step.expectCounters, await window.closed())
    }
  } finally {
    await window.close()
  }
}

async function runInputFile(test: Case, { files, start: where }: CaseOptions): Promise<void> {
  const { path, timeColumn, keyColumn, valueColumn } = test.inputFile!
  const text = files?.get(path)
  if (text === undefined) throw new Mismatch('the file of the case', path, [...(files ?? new Map()).keys()])
  const schema: Record<string, Type> = { [timeColumn]: 'timestamp' }
  if (keyColumn !== undefined) schema[keyColumn] = 'utf8'
  if (valueColumn !== undefined) schema[valueColumn] = 'f64'
  const rows = rowsOf(text, schema)
  const plan = planOfCase(test, {
    delayMs: Math.max(FILE_DELAY_MS, worstDisorder(rows.map((row) => row[timeColumn] as number))),
    isKeyed: keyColumn !== undefined,
    schema,
    timeColumn,
    ...(keyColumn === undefined ? {} : { keyColumn }),
    ...(valueColumn === undefined ? {} : { valueColumn }),
  })
  const out = collectSink()
  const late = collectSink()
  const sinks = { 'w-out': out, ...(test.config.lateOutput === true ? { late } : {}) }
  const running = await start(fromPlan(plan), { host: 'inline', ...where, sources: { in: rowsSource(rows) }, sinks })
  const status = await running.finished
  const panes = out.rows.map((row, index) => ({
    row: { ...row, ...(keyColumn === undefined ? {} : { key: row[keyColumn]! }) },
    ...out.panes[index]!,
  }))
  new Checker(test).check('the end', test.expectAtEnd!, panes, late.rows, status.late)
}

/** The rows of a CSV file without quotes; columns that the schema does not have are left out. */
function rowsOf(text: string, schema: Readonly<Record<string, Type>>): Readonly<Record<string, string | number>>[] {
  const [header, ...lines] = text.trimEnd().split(/\r?\n/)
  const names = header!.split(',')
  return lines.map((line) => {
    const cells = line.split(',')
    const columns = Object.entries(schema).map(([name, type]) => {
      const cell = cells[names.indexOf(name)]!
      return [name, type === 'utf8' ? cell : Number(cell)] as const
    })
    return Object.fromEntries(columns)
  })
}

/** How far a time lies behind the largest before it, at worst. */
function worstDisorder(times: readonly number[]): number {
  let max = Number.NEGATIVE_INFINITY
  let worst = 0
  for (const time of times) {
    max = Math.max(max, time)
    worst = Math.max(worst, max - time)
  }
  return worst
}
