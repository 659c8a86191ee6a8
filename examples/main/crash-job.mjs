/**
 * The fleet's job in a process of its own, so that it can be killed: `node crash-job.mjs '{"directory": …}'`.
 *
 * It goes on from a checkpoint if the directory has one, and tells the parent how far it is.
 */

import process from 'node:process'
import { start, systemClock } from 'millrace'
import { fileCheckpoints, ndjsonFile } from 'millrace/node'
import { fleetSource } from './fleet.mjs'
import { fleetJob } from './jobs.mjs'

const { directory, records, parallelism } = JSON.parse(process.argv[2])
const file = (name) => new URL(name, directory)

const run = await start(fleetJob(), {
  sources: { readings: fleetSource(records) },
  sinks: Object.fromEntries(['minutes', 'hot', 'late'].map((name) => [name, ndjsonFile(file(`${name}.ndjson`))])),
  checkpoints: { store: fileCheckpoints(file('checkpoints')), every: '250ms' },
  parallelism,
})

const ended = new AbortController()
const reporting = report()
const last = await run.finished
ended.abort()
await reporting
process.send?.({ kind: 'done', status: last })
process.disconnect?.()

async function report() {
  while (!ended.signal.aborted) {
    const status = await run.status()
    if (!ended.signal.aborted) process.send?.({ kind: 'progress', status })
    await systemClock.sleep(20, ended.signal)
  }
}
