/** How a job under faults is started, in the page itself or in a worker of its own. */

import type { StartOptions } from 'millrace'
import { indexedDbCheckpoints, opfsCheckpoints, webSocketSource } from 'millrace/browser'
import { fleetRows } from '../support/fleet-pipeline.ts'
import { FAULT_SINKS } from './fault-jobs.ts'
import type { FaultOptions } from './fault-options.ts'
import { ledgerSink } from './ledger-sink.ts'
import { pacedSource } from './paced-source.ts'

export function faultStart(options: FaultOptions): StartOptions {
  const { runId, leadership, host, resume, everyMs, plant } = options
  const storeName = plant === 'every life begins anew' ? `${options.storeName}-${crypto.randomUUID()}` : options.storeName
  const slip = plant === 'rows are skipped' ? 40 : plant === 'rows come twice' ? -40 : 0
  const paced = () => pacedSource(fleetRows(options.rowCount), options.rowsPerSecond, slip)
  const makeStore = options.store === 'opfs' ? opfsCheckpoints : indexedDbCheckpoints
  return {
    sources: {
      readings: options.source === 'paced' ? paced() : feedSource(options),
    },
    sinks: Object.fromEntries(FAULT_SINKS.map((name) => [name, ledgerSink(runId, name)])),
    checkpoints: { store: makeStore(storeName, { leadership, stealAfter: '1s' }), every: everyMs, resume, tolerableFailures: 1_000 },
    parallelism: 2,
    host,
    workerTimeout: '1s',
    restart: { attempts: 100, within: '1m' },
  }
}

/** The server numbers the rows, and goes on behind the number that it is told. */
function feedSource({ runId }: FaultOptions) {
  return webSocketSource((token) => `ws://${location.host}/feed/${runId}?after=${token ?? 0}`, {
    token: (message) => (JSON.parse(String(message)) as { number: number }[]).at(-1)!.number,
    backoff: { least: '50ms', most: '200ms' },
  })
}
