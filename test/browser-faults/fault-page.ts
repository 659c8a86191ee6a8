/**
 * The page under faults: begins its job as soon as it is loaded, goes on from the newest checkpoint if there is one, and reports.
 *
 * Before: the campaign opens it, reloads it, kills it. After: the ledger has its results, the harness its reports.
 */

import { type JobStatus, start } from 'millrace'
import { connect } from 'millrace/browser'
import { faultJob } from './fault-jobs.ts'
import type { FaultOptions, ReportBody } from './fault-options.ts'
import { faultStart } from './fault-start.ts'

const options = JSON.parse(new URLSearchParams(location.search).get('options')!) as FaultOptions
const page = crypto.randomUUID()

// Workers, for the harness to take away.
const workers: Worker[] = []
globalThis.Worker = class extends Worker {
  constructor(url: string | URL, settings?: WorkerOptions) {
    super(url, settings)
    workers.push(this)
  }
}

/** Reports go out even when the page is on its way out; while the network is away they are tried again. */
async function report(body: ReportBody): Promise<void> {
  const text = JSON.stringify({ ...body, page })
  for (;;) {
    const sent = await fetch(`/report/${options.runId}`, { method: 'POST', body: text, keepalive: true }).catch(() => null)
    if (sent !== null) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** What a run in the page and one in a worker have in common. */
interface Started {
  readonly finished: Promise<JobStatus>
  status(): Promise<JobStatus>
  readonly restartCount?: number
}

function begin(): Promise<Started> {
  if (options.place === 'page') return start(faultJob(options.source), faultStart(options))
  const worker = () => new Worker(`/fault-worker.js?source=${options.source}`, { type: 'module' })
  return connect(worker, { parameters: options, restart: { attempts: 100 }, aliveTimeout: '1s', answerTimeout: '30s' })
}

async function main(): Promise<void> {
  await report({ kind: 'loaded' })
  const run = await begin()
  Object.assign(globalThis, { run })
  const { epoch, tier, recoveredFrom } = await run.status()
  await report({ kind: 'started', epoch, tier, recoveredFrom })
  const status = await run.finished
  await report({ kind: 'finished', status, workersReplaced: run.restartCount ?? 0 })
}

addEventListener('pageshow', ({ persisted }) => void report({ kind: 'shown', persisted }))
document.addEventListener('resume', () => void report({ kind: 'thawed' }))

Object.assign(globalThis, { workers })
main().catch((error: { code?: string; message?: string }) =>
  report({ kind: 'failed', code: error.code ?? 'UNKNOWN', message: error.message ?? String(error) }),
)
