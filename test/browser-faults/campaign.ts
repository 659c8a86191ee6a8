/**
 * Runs each fault many times against real browsers, and counts.
 *
 * Before: faults.ts says what happens on a stage, oracle.ts what must come out. After: main.ts prints the table; a spec asserts that nothing is wrong.
 *
 * Invariant: a run is a function of its fault and seed, as far as browsers and clocks are.
 */

import { fleetRows } from '../support/fleet-pipeline.ts'
import { Prng } from '../support/prng.ts'
import { Chromium } from './chromium.ts'
import type { FaultOptions, Plant } from './fault-options.ts'
import { FaultServer } from './fault-server.ts'
import { type BrowserName, FAULTS } from './faults.ts'
import { Firefox } from './firefox.ts'
import { Oracle } from './oracle.ts'
import { Stage } from './stage.ts'
import { type TestBrowser, temporaryProfile } from './test-browser.ts'

const ROWS = 12_000
const ROWS_PER_SECOND = 8_000
/** So many runs that what a fault must bring about was surely seen. */
const MANY_RUNS = 10

export interface CampaignOptions {
  readonly faults: readonly string[]
  /** Of each fault. */
  readonly runs: number
  readonly seed: number
  readonly plant?: Plant | null
  readonly onRun?: (fault: string, problems: readonly string[]) => void
}

export interface FaultReport {
  readonly fault: string
  runs: number
  readonly violations: string[]
  /** What happened on the way, and how often. */
  readonly seen: Map<string, number>
}

export async function campaign(options: CampaignOptions): Promise<FaultReport[]> {
  const rows = fleetRows(ROWS)
  const oracle = new Oracle(rows)
  const server = await FaultServer.open({ rows, rowsPerSecond: ROWS_PER_SECOND })
  const reports: FaultReport[] = []
  try {
    for (const browser of ['chromium', 'firefox'] as const) {
      const faults = options.faults.filter((fault) => (FAULTS[fault]!.browser ?? 'chromium') === browser)
      if (faults.length > 0) reports.push(...(await campaignIn(browser, { ...options, faults }, server, oracle)))
    }
  } finally {
    server.close()
  }
  return reports
}

async function campaignIn(
  name: BrowserName,
  { faults, runs, seed, plant = null, onRun }: CampaignOptions,
  server: FaultServer,
  oracle: Oracle,
): Promise<FaultReport[]> {
  const profile = await temporaryProfile()
  const openBrowser = (): Promise<TestBrowser> => (name === 'chromium' ? Chromium.open(profile.path) : Firefox.open(profile.path))
  let browser = await openBrowser()
  const reopen = async () => {
    await browser.kill()
    browser = await openBrowser()
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
        const stage = new Stage({ server, prng, options: optionsOf(fault, runSeed, prng, plant), browser, reopen })
        const problems = await judged(stage, report, oracle)
        report.runs++
        report.violations.push(...problems.map((problem) => `${fault}, seed ${runSeed}: ${problem}`))
        onRun?.(fault, problems)
        await browser.closePages()
      }
      const { mustSee } = FAULTS[fault]!
      if (mustSee !== undefined && runs >= MANY_RUNS && !report.seen.has(mustSee)) report.violations.push(`${fault}: no run saw ${mustSee}`)
    }
  } finally {
    await browser.close()
    await profile.remove()
  }
  return reports
}

function optionsOf(fault: string, seed: number, prng: Prng, plant: Plant | null): FaultOptions {
  const place = prng.pick(['page', 'worker'] as const)
  const runId = `${fault.replaceAll(/\W+/g, '-')}-${seed}`
  return {
    runId,
    storeName: runId,
    place,
    source: 'paced',
    host: prng.pick(['shared', 'transferred', 'inline']),
    // Access handles of OPFS are for workers alone.
    store: place === 'page' ? 'indexeddb' : prng.pick(['indexeddb', 'opfs']),
    leadership: 'wait',
    resume: 'auto',
    rowCount: ROWS,
    rowsPerSecond: ROWS_PER_SECOND,
    everyMs: prng.pick([20, 50, 200]),
    plant,
  }
}

async function judged(stage: Stage, report: FaultReport, oracle: Oracle): Promise<string[]> {
  const fault = FAULTS[report.fault]!
  const see = (what: string) => report.seen.set(what, (report.seen.get(what) ?? 0) + 1)
  try {
    const { ending, seen } = await fault.run(stage)
    for (const what of [...seen, ...seenOf(stage)]) see(what)
    const [code] = ending.split(' ')
    if (!fault.endings.includes(code!)) return [`it ended in ${ending}, not in ${fault.endings.join(' or ')}`]
    if (code !== 'complete') see(code!)
    return await oracle.problems(stage.run, stage.source, code === 'complete')
  } catch (error) {
    return [`${error instanceof Error ? error.message : String(error)}; pages: ${await stage.states()}`]
  }
}

/** What the reports of a run tell. */
function seenOf({ run: { reports, ledger } }: Stage): string[] {
  const seen = reports
    .filter(({ kind }) => kind === 'started')
    .slice(1)
    .map(() => 'started again')
  for (const report of reports) {
    if (report.kind !== 'finished') continue
    if (report.status.restarts > 0) seen.push('restarted itself')
    if (report.workersReplaced > 0) seen.push('worker replaced')
    if (report.status.checkpoints.failedCount > 0) seen.push('checkpoint refused')
  }
  if (ledger.fencedCalls > 0) seen.push('fenced at the ledger')
  return seen
}

/** The reports as a table; the last line is `N runs, N violations`. */
export function reportText(reports: readonly FaultReport[]): string {
  const violations = reports.flatMap((report) => report.violations)
  const rows = reports.map(({ fault, runs, violations: own, seen }) => {
    const notes = [...seen].map(([what, count]) => `${count} ${what}`).join(', ')
    return `${fault.padEnd(38)} ${String(runs).padStart(5)} runs ${String(own.length).padStart(4)} violations  ${notes}`
  })
  const runs = reports.reduce((sum, report) => sum + report.runs, 0)
  return [...violations, ...rows, `${runs} runs, ${violations.length} violations`].join('\n')
}
