/**
 * Runs conformance cases in the documented format against the product.
 *
 * Before: cases as data (case.ts has the format; folder.ts reads them from files). After: main prints the report; a test asserts that nothing failed.
 * Nothing here names a platform, so the cases run wherever the product does.
 *
 * Invariant: a case passes when every expectation in it holds, in order; the first that does not is the failure.
 */

import { ConfigError } from '../../runtime/errors.ts'
import { fromPlan } from '../../runtime/pipeline.ts'
import { loadPlan } from '../../runtime/plan.ts'
import type { RowObject } from '../../runtime/record-batch.ts'
import { run } from '../../runtime/run.ts'
import { collectSink } from '../../runtime/sink/callback-sink.ts'
import type { Source } from '../../runtime/source/source.ts'
import { start } from '../../runtime/start.ts'
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

/** Files that a case names, as the place where it runs has them. */
export interface CaseFiles {
  /** The text of a file, unpacked. */
  text(path: string): string
  /** A source of the rows of a CSV file. */
  csv(path: string, schema: Readonly<Record<string, Type>>): Source
}

const noFiles: CaseFiles = {
  text: (path) => {
    throw new Error(`There is no file ${path} here`)
  },
  csv: (path) => {
    throw new Error(`There is no file ${path} here`)
  },
}

export async function runCase(test: Case, files: CaseFiles = noFiles): Promise<CaseOutcome> {
  const { id } = test
  const feature = missingFeature(test)
  if (feature !== null) return { id, kind: 'skipped', feature }
  try {
    if (test.kind === 'assign') await runAssign(test)
    else if (test.kind === 'session-assign') await runSessionAssign(test)
    else if (test.kind === 'session-merge') await runSessionMerge(test)
    else if (test.kind === 'watermark-generator') runWatermarkGenerator(test)
    else if (test.kind === 'watermark-combine') runWatermarkCombine(test)
    else if (test.inputFile !== undefined) await runInputFile(test, files)
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
  const rows = (await run(
    fromPlan(assignPlan(config.window!)),
    assign.map(({ t }, id) => ({ id, t })),
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
async function runSessionAssign({ config, timestamps = [], sessions = [] }: Case): Promise<void> {
  const window = windowOf(config.window!)
  const rows = (await run(
    fromPlan(sessionPlan(window, { n: { fn: 'count' }, members: { fn: 'collect', column: 't', order: 'arrival' } })),
    timestamps.map((t) => ({ t, gap: 0 })),
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

async function runInputFile(test: Case, files: CaseFiles): Promise<void> {
  const { path, timeColumn, keyColumn, valueColumn } = test.inputFile!
  const schema: Record<string, Type> = { [timeColumn]: 'timestamp' }
  if (keyColumn !== undefined) schema[keyColumn] = 'utf8'
  if (valueColumn !== undefined) schema[valueColumn] = 'f64'
  const plan = planOfCase(test, {
    delayMs: Math.max(FILE_DELAY_MS, worstDisorder(files.text(path), timeColumn)),
    isKeyed: keyColumn !== undefined,
    schema,
    timeColumn,
    ...(keyColumn === undefined ? {} : { keyColumn }),
    ...(valueColumn === undefined ? {} : { valueColumn }),
  })
  const out = collectSink()
  const late = collectSink()
  const sinks = { 'w-out': out, ...(test.config.lateOutput === true ? { late } : {}) }
  const running = await start(fromPlan(plan), { host: 'inline', sources: { in: files.csv(path, schema) }, sinks })
  const status = await running.finished
  const panes = out.rows.map((row, index) => ({
    row: { ...row, ...(keyColumn === undefined ? {} : { key: row[keyColumn]! }) },
    ...out.panes[index]!,
  }))
  new Checker(test).check('the end', test.expectAtEnd!, panes, late.rows, status.late)
}

/** How far a row of a file lies behind the largest time before it, at worst. */
function worstDisorder(text: string, timeColumn: string): number {
  const [header, ...lines] = text.trimEnd().split(/\r?\n/)
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
