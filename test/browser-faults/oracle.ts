/**
 * Says what is wrong with the results of a job under faults.
 *
 * Before: the ledger and the reports of a run. After: the campaign counts.
 *
 * What must hold: every result of a run without faults was committed once (window, key, values, pane), and nothing else; the sums of every last
 * status close; epochs rise from start to start; nothing that was committed is taken back or covered twice. A job that ends in an error has
 * committed nothing wrong until then.
 */

import { callbackSink, type JobStatus, rowsSource, start } from 'millrace'
import { faultJob, FAULT_SINKS } from './fault-jobs.ts'
import type { FaultSource } from './fault-options.ts'
import type { RunRecord } from './fault-server.ts'
import { lineOf } from './ledger-sink.ts'

export class Oracle {
  readonly #rows: readonly object[]
  readonly #expected = new Map<FaultSource, Promise<readonly string[]>>()

  constructor(rows: readonly object[]) {
    this.#rows = rows
  }

  async problems(run: RunRecord, source: FaultSource, isComplete: boolean): Promise<string[]> {
    const expected = await this.#linesOf(source)
    const { ledger, reports } = run
    const problems = [...ledger.violations]
    const extra = difference(ledger.lines, expected)
    if (extra.length > 0) problems.push(`${extra.length} results are wrong or there twice, the first is ${extra[0]}`)
    const epochs = reports.flatMap((report) => (report.kind === 'started' ? [report.epoch] : []))
    if (epochs.some((epoch, index) => index > 0 && epoch <= epochs[index - 1]!)) problems.push(`epochs do not rise: ${epochs.join(', ')}`)
    for (const report of reports) if (report.kind === 'finished') problems.push(...this.#sumProblems(report.status))
    if (!isComplete) return problems
    const missing = difference(expected, ledger.lines)
    if (missing.length > 0) problems.push(`${missing.length} of ${expected.length} results are missing, the first is ${missing[0]}`)
    return problems
  }

  #sumProblems({ recordsIn, filtered, late, deadLetters, windows }: JobStatus): string[] {
    const { processed } = windows[0]!
    const problems = []
    if (recordsIn !== this.#rows.length) problems.push(`${recordsIn} records were read, there are ${this.#rows.length}`)
    if (processed + filtered + late + deadLetters !== recordsIn) {
      problems.push(`${processed} processed + ${filtered} filtered + ${late} late + ${deadLetters} dead letters are not ${recordsIn}`)
    }
    return problems
  }

  #linesOf(source: FaultSource): Promise<readonly string[]> {
    let lines = this.#expected.get(source)
    if (lines === undefined) {
      lines = withoutFaults(source, this.#rows)
      this.#expected.set(source, lines)
    }
    return lines
  }
}

/** What a run in Node gives, sorted. */
async function withoutFaults(source: FaultSource, rows: readonly object[]): Promise<string[]> {
  const lines: string[] = []
  const collect = (name: string) =>
    callbackSink((_, batch) => {
      for (let row = 0; row < batch.rowCount; row++) lines.push(lineOf(name, batch, row))
    })
  const sinks = Object.fromEntries(FAULT_SINKS.map((name) => [name, collect(name)]))
  const run = await start(faultJob(source), { host: 'inline', sources: { readings: rowsSource(rows) }, sinks })
  await run.finished
  return lines.sort()
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
