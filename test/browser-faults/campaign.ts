/**
 * Runs each fault many times against real browsers, and holds what came out against a run without faults.
 *
 * Before: faults.ts. After: main.ts prints the table; a spec asserts that nothing is wrong.
 *
 * The oracle: every result of a run without faults was committed once (window, key, values, pane), and nothing else; the sums of the last
 * status close; epochs rise from start to start; nothing that was committed was covered twice; and a fault that takes the state away ends in
 * an error that says so, never in a fresh start.
 */

import process from 'node:process'
import { callbackSink, type JobStatus, rowsSource, start } from 'millrace'
import { fleetJob, fleetRows } from '../support/fleet-pipeline.ts'
import { Prng } from '../support/prng.ts'
import { Chromium, temporaryProfile } from './chromium.ts'
import type { FaultOptions } from './fault-options.ts'
import { FaultServer, type RunRecord } from './fault-server.ts'
import { FAULTS, Stage } from './faults.ts'
import { lineOf } from './ledger-sink.ts'

const ROWS = 12_000
const ROWS_PER_SECOND = 8_000

export interface CampaignOptions {
  readonly faults: readonly string[]
  /** Of each fault. */
  readonly runs: number
  readonly seed: number
  readonly onRun?: (fault: string, problems: readonly string[]) => void
}

export interface FaultReport {
  readonly fault: string
  runs: number
  violations: string[]
  /** How often a job was started again, and what else was seen. */
  readonly seen: Map<string, number>
}

export async function campaign({ faults, runs, seed, onRun }: CampaignOptions): Promise<FaultReport[]> {
  const expected = await withoutFaults()
  const server = await FaultServer.open()
  const profile = await temporaryProfile()
  let browser = await Chromium.open(profile.path)
  const reopen = async () => {
    await browser.kill()
    browser = await Chromium.open(profile.path)
    return browser
  }
  const reports: FaultReport[] = []
  try {
    for (const fault of faults) {
      const report: FaultReport = { fault, runs: 0, violations: [], seen: new Map() }
      reports.push(report)
      for (let index = 0; index < runs; index++) {
        const runSeed = seed * 1_000 + index
        const prng = new Prng(runSeed)
        const stage = new Stage({ server, prng, options: optionsOf(fault, runSeed, prng), browser, reopen })
        const problems = await judged(fault, stage, report, expected)
        report.runs++
        report.violations.push(...problems.map((problem) => `${fault}, seed ${runSeed}: ${problem}`))
        onRun?.(fault, problems)
        await browser.closePages()
      }
    }
  } finally {
    await browser.close()
    server.close()
    await profile.remove()
  }
  return reports
}

function optionsOf(fault: string, seed: number, prng: Prng): FaultOptions {
  const place = prng.pick(['page', 'worker'] as const)
  const runId = `${fault.replaceAll(/\W+/g, '-')}-${seed}`
  return {
    runId,
    storeName: runId,
    host: prng.pick(['shared', 'transferred', 'inline']),
    place,
    // Access handles of OPFS are for workers alone.
    store: place === 'page' ? 'indexeddb' : prng.pick(['indexeddb', 'opfs']),
    leadership: 'wait',
    resume: 'auto',
    rowCount: ROWS,
    rowsPerSecond: ROWS_PER_SECOND,
    everyMs: prng.pick([20, 50, 200]),
  }
}

async function judged(name: string, stage: Stage, report: FaultReport, expected: readonly string[]): Promise<string[]> {
  const fault = FAULTS[name]!
  const see = (what: string) => report.seen.set(what, (report.seen.get(what) ?? 0) + 1)
  try {
    const { ending, seen } = await fault.run(stage)
    for (const what of seen) see(what)
    for (const _ of stage.run.reports.filter(({ kind }) => kind === 'started').slice(1)) see('started again')
    if (process.env['MILLRACE_TRACE'] !== undefined)
      console.log(stage.run.reports.map((report) => JSON.stringify(report).slice(0, 200)).join('\n'))
    const [code] = ending.split(' ')
    if (!fault.endings.includes(code!)) return [`it ended in ${ending}, not in ${fault.endings.join(' or ')}`]
    if (code !== 'complete') see(code!)
    for (const report of stage.run.reports) {
      if (report.kind !== 'finished') continue
      if (report.status.restarts > 0) see('restarted itself')
      if (report.workersReplaced > 0) see('worker replaced')
      if (report.status.checkpoints.failedCount > 0) see('checkpoint refused')
    }
    return code === 'complete' ? completeProblems(stage.run, expected) : partialProblems(stage.run, expected)
  } catch (error) {
    return [`${error instanceof Error ? error.message : String(error)}; pages: ${await stage.states()}`]
  }
}

function completeProblems(run: RunRecord, expected: readonly string[]): string[] {
  const problems = partialProblems(run, expected)
  const missing = difference(expected, run.ledger.lines)
  if (missing.length > 0) problems.push(`${missing.length} of ${expected.length} results are missing, the first is ${missing[0]}`)
  for (const report of run.reports) if (report.kind === 'finished') problems.push(...sumProblems(report.status))
  return problems
}

function partialProblems({ ledger, reports }: RunRecord, expected: readonly string[]): string[] {
  const problems = [...ledger.violations]
  const extra = difference(ledger.lines, expected)
  if (extra.length > 0) problems.push(`${extra.length} results are wrong or there twice, the first is ${extra[0]}`)
  const epochs = reports.flatMap((report) => (report.kind === 'started' ? [report.epoch] : []))
  if (epochs.some((epoch, index) => index > 0 && epoch <= epochs[index - 1]!)) problems.push(`epochs do not rise: ${epochs.join(', ')}`)
  return problems
}

function sumProblems({ recordsIn, filtered, late, deadLetters, windows }: JobStatus): string[] {
  const processed = windows[0]!.processed
  const problems = []
  if (recordsIn !== ROWS) problems.push(`${recordsIn} records were read, there are ${ROWS}`)
  if (processed + filtered + late + deadLetters !== recordsIn) {
    problems.push(`${processed} processed + ${filtered} filtered + ${late} late + ${deadLetters} dead letters are not ${recordsIn}`)
  }
  return problems
}

/** What of the first multiset is not in the second; both sorted. */
function difference(first: readonly string[], second: readonly string[]): string[] {
  const rest: string[] = []
  let at = 0
  for (const line of first) {
    while (at < second.length && second[at]! < line) at++
    if (second[at] === line) at++
    else rest.push(line)
  }
  return rest
}

async function withoutFaults(): Promise<string[]> {
  const lines: string[] = []
  const collect = (name: string) =>
    callbackSink((_, batch) => {
      for (let row = 0; row < batch.rowCount; row++) lines.push(lineOf(name, batch, row))
    })
  const sinks = { minutes: collect('minutes'), late: collect('late') }
  const run = await start(fleetJob(), { host: 'inline', sources: { readings: rowsSource(fleetRows(ROWS)) }, sinks })
  await run.finished
  return lines.sort()
}

/** The reports as a table; the last line is `N runs, N violations`. */
export function reportText(reports: readonly FaultReport[]): string {
  const violations = reports.flatMap((report) => report.violations)
  const rows = reports.map(({ fault, runs, violations, seen }) => {
    const notes = [...seen].map(([what, count]) => `${count} ${what}`).join(', ')
    return `${fault.padEnd(38)} ${String(runs).padStart(5)} runs ${String(violations.length).padStart(4)} violations  ${notes}`
  })
  const runs = reports.reduce((sum, report) => sum + report.runs, 0)
  return [...violations, ...rows, `${runs} runs, ${violations.length} violations`].join('\n')
}
