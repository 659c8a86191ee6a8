/** How the job under faults is started, in the page itself or in a worker of its own. */

import type { Job, StartOptions } from 'millrace'
import { indexedDbCheckpoints, opfsCheckpoints } from 'millrace/browser'
import { fleetJob, fleetRows } from '../support/fleet-pipeline.ts'
import { FAULT_SINKS, type FaultOptions } from './fault-options.ts'
import { ledgerSink } from './ledger-sink.ts'
import { pacedSource } from './paced-source.ts'

export const faultJob = fleetJob()

export function faultStart(options: FaultOptions): StartOptions<typeof faultJob> {
  const { runId, storeName, leadership, host, resume, everyMs } = options
  const makeStore = options.store === 'opfs' ? opfsCheckpoints : indexedDbCheckpoints
  const start: StartOptions<Job> = {
    sources: { readings: pacedSource(fleetRows(options.rowCount), options.rowsPerSecond) },
    sinks: Object.fromEntries(FAULT_SINKS.map((name) => [name, ledgerSink(runId, name)])),
    checkpoints: { store: makeStore(storeName, { leadership, stealAfter: '1s' }), every: everyMs, resume, tolerableFailures: 1_000 },
    parallelism: 2,
    host,
    workerTimeout: '1s',
    restart: { attempts: 100, within: '1m' },
  }
  return start
}
