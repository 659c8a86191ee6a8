/**
 * Runs conformance cases in the documented format against the product.
 *
 * Before: a folder of JSON files (case.ts has the format). After: main prints the report; a test asserts that nothing failed.
 *
 * Invariant: a case passes when every expectation in it holds, in order; the first that does not is the failure.
 */

import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { csvFile } from '../../adapters/file/csv-file.ts'
import { ConfigError } from '../../runtime/errors.ts'
import { fromPlan } from '../../runtime/pipeline.ts'
import { loadPlan } from '../../runtime/plan.ts'
import type { RowObject } from '../../runtime/record-batch.ts'
import { run } from '../../runtime/run.ts'
import { collectSink } from '../../runtime/sink/callback-sink.ts'
import { start } from '../../runtime/start.ts'
import { planOf, type Type } from '../support/plans.ts'
import { AGGREGATES, type Case, missingFeature, type WindowDefinition } from './case.ts'
import { Checker, Mismatch, timeOf } from './checker.ts'
import { ScriptedJob } from './scripted-job.ts'
import { ScriptedWindow } from './scripted-window.ts'

export type CaseOutcome =
  | { readonly id: string; readonly kind: 'passed' }
  | { readonly id: string; readonly kind: 'skipped'; readonly feature: string }
  | { readonly id: string; readonly kind: 'failed'; readonly where: string; readonly expected: unknown; readonly actual: unknown }

/** Least delay of cases that read a file, from their description. */
const FILE_DELAY_MS = 23_000

/** Runs all cases of all `*.json` of a folder, in order; files that are not lists of cases are left out. */
export async function* runFolder(folder: string): AsyncGenerator<CaseOutcome> {
  for (const name of readdirSync(folder)
    .filter((entry) => entry.endsWith('.json'))
    .sort()) {
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
    return {
      id,
      kind: 'failed',
      where: 'the product',
      expected: 'no error',
      actual: error instanceof Error ? (error.stack ?? error.message) : error,
    }
  }
}

const SCHEMA: Readonly<Record<string, Type>> = { id: 'i32', t: 'timestamp', key: 'utf8', value: 'f64' }

/** The window of a case as the product's plan writes it. */
function windowOf({ type, size, slide, offset }: WindowDefinition): {
  kind: string
  sizeMs: unknown
  slideMs?: unknown
  offsetMs: unknown
} {
  const common = { sizeMs: size, offsetMs: offset ?? 0 }
  return type === 'sliding' ? { kind: 'sliding', ...common, slideMs: slide } : { kind: type ?? 'none', ...common }
}

function planOfCase(
  { config }: Case,
  options: { readonly delayMs: number; readonly isKeyed: boolean; readonly schema?: Readonly<Record<string, Type>> },
): ReturnType<typeof planOf> {
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
  const plan = planOf({
    schema: { id: 'i32', t: 'timestamp' },
    time: 't',
    delayMs: 0,
    windows: [{ name: 'w', keys: ['id'], sizeMs: 1, aggregates: { n: { fn: 'count' } } }],
  })
  // Everything accepted has to come out: no time may be late.
  const patched = plan.operators.map((operator) => {
    const { op } = operator as { op: string }
    if (op === 'window') return { ...operator, window: windowOf(definition) }
    return op === 'eventTime'
      ? { ...operator, watermark: { kind: 'boundedOutOfOrderness', delayMs: 0, everyRecords: 1_000_000 } }
      : operator
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
    const aggregates = JSON.parse(
      JSON.stringify((operator as { aggregates: object }).aggregates).replaceAll(
        '"column":"value"',
        `"column":${JSON.stringify(valueColumn ?? 'value')}`,
      ),
    ) as object
    if (keyColumn === undefined) return [{ ...operator, aggregates }]
    return [
      { uid: 'by', op: 'keyBy', inputs, columns: [keyColumn] },
      { ...operator, aggregates, inputs: ['by'] },
    ]
  })
  const out = collectSink()
  const late = collectSink()
  const sinks = { 'w-out': out, ...(test.config.lateOutput === true ? { late } : {}) }
  const running = await start(fromPlan({ ...plan, operators }), { host: 'inline', sources: { in: csvFile(full) }, sinks })
  const status = await running.finished
  const panes = out.rows.map((row, index) => ({
    row: { ...row, ...(keyColumn === undefined ? {} : { key: row[keyColumn]! }) },
    ...out.panes[index]!,
  }))
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
