/**
 * The auditor: makes the whole log once more, in a thread of its own, and compares what the job says with it.
 *
 * Before: the page sends final windows and how far the job has read. After: verdicts, for the ledger.
 *
 * Invariant: a window is compared when exactly the readings are accounted for that the job had read at the same place.
 */

import type { Cells } from '../cells.ts'
import { FeedLog, type LogDescription, type LogSegment } from '../generator/feed-log.ts'
import { type Comparison, Ledger } from '../generator/ledger.ts'

export type ToAuditor =
  | { readonly kind: 'begin'; readonly log: LogDescription; readonly fromMs: number }
  | { readonly kind: 'settings'; readonly segment: LogSegment }
  /** The job has read the readings before this number: the auditor may go on to there. */
  | { readonly kind: 'advance'; readonly number: number }
  | { readonly kind: 'compare'; readonly result: Cells; readonly late: Cells | null; readonly number: number }

export type FromAuditor = Comparison & { readonly kind: 'compared' }

let log: FeedLog | null = null
let ledger: Ledger | null = null
const waiting: Extract<ToAuditor, { readonly kind: 'compare' }>[] = []
let goal = 0
let isWorking = false

addEventListener('message', ({ data }: MessageEvent<ToAuditor>) => {
  switch (data.kind) {
    case 'begin': {
      log = new FeedLog(data.log)
      const devices = Math.max(...data.log.segments.map(({ settings }) => settings.devices))
      ledger = new Ledger(log, { fromMs: data.fromMs, devices })
      waiting.length = 0
      goal = 0
      break
    }
    case 'settings':
      log?.add(data.segment)
      break
    case 'advance':
      goal = Math.max(goal, data.number)
      break
    case 'compare':
      waiting.push(data)
      waiting.sort((a, b) => a.number - b.number)
      break
    default: {
      const never: never = data
      throw new TypeError(`Unknown message ${String(never)}`)
    }
  }
  // What goes wrong here is to be seen by the page: a proof that has stopped proves nothing.
  if (!isWorking) work().catch(reportError)
})

/** Goes on to where it may, in short turns. What is to be compared at a place is compared exactly there. */
async function work(): Promise<void> {
  isWorking = true
  while (ledger !== null) {
    const next = waiting[0]
    const to = next === undefined ? goal : Math.max(next.number, ledger.number)
    if (!ledger.advance(to, 20_000)) {
      await turn()
      continue
    }
    if (next === undefined) break
    waiting.shift()
    globalThis.postMessage({ kind: 'compared', ...ledger.compare(next.result, next.late) } satisfies FromAuditor, {})
  }
  isWorking = false
}

function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0))
}
