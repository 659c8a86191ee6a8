/**
 * The page under faults: begins its job as soon as it is loaded, goes on from the newest checkpoint if there is one, and reports.
 *
 * Before: the campaign opens it, reloads it, kills it. After: the ledger has its results, the harness its reports.
 */

import { start } from 'millrace'
import { indexedDbCheckpoints } from 'millrace/browser'
import { fleetJob, fleetRows } from '../support/fleet-pipeline.ts'
import type { FaultOptions, ReportBody } from './fault-options.ts'
import { FAULT_SINKS } from './fault-sinks.ts'
import { ledgerSink } from './ledger-sink.ts'
import { pacedSource } from './paced-source.ts'

const options = JSON.parse(new URLSearchParams(location.search).get('options')!) as FaultOptions
const { runId, host, leadership, resume, storeName } = options
const page = crypto.randomUUID()

// Kernel workers, for the harness to take away.
const workers: Worker[] = []
globalThis.Worker = class extends Worker {
  constructor(url: string | URL, settings?: WorkerOptions) {
    super(url, settings)
    workers.push(this)
  }
}

/** Reports go out even when the page is on its way out; while the network is away they are tried again. */
async function report(body: ReportBody): Promise<void> {
  for (;;) {
    const sent = await fetch(`/report/${runId}`, { method: 'POST', body: JSON.stringify({ ...body, page }), keepalive: true }).catch(
      () => null,
    )
    if (sent !== null) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

async function main(): Promise<void> {
  await report({ kind: 'loaded' })
  const store = indexedDbCheckpoints(storeName, { leadership, stealAfter: '1s' })
  const run = await start(fleetJob(), {
    sources: { readings: pacedSource(fleetRows(options.rowCount), options.rowsPerSecond) },
    sinks: Object.fromEntries(FAULT_SINKS.map((name) => [name, ledgerSink(runId, name)])) as Record<
      'minutes' | 'late',
      ReturnType<typeof ledgerSink>
    >,
    checkpoints: { store, every: options.everyMs, resume, tolerableFailures: 1_000 },
    parallelism: 2,
    host,
    workerTimeout: '1s',
    restart: { attempts: 100, within: '1m' },
  })
  const { epoch, tier, recoveredFrom } = await run.status()
  await report({ kind: 'started', epoch, tier, recoveredFrom })
  await report({ kind: 'finished', status: await run.finished })
}

addEventListener('pageshow', ({ persisted }) => void report({ kind: 'shown', persisted }))

Object.assign(globalThis, { workers })
main().catch((error: { code?: string; message?: string }) =>
  report({ kind: 'failed', code: error.code ?? 'UNKNOWN', message: error.message ?? String(error) }),
)
