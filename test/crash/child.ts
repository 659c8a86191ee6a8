/**
 * The process that is killed: a job over files, through the public API as it is shipped. `node child.ts DIRECTORY JOB FORMAT FILES EVERY_MS`
 *
 * Before: crash.ts writes the input and spawns this. After: lines on standard output say how far it came; the files are the result.
 * Every line is written at once and synchronously, so that what the parent has read was true before the kill.
 */

import { writeSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { type Job, start, systemClock } from 'millrace'
import { csvFile, fileCheckpoints, ndjsonFile } from 'millrace/node'
import { CRASH_JOBS, CRASH_SINKS, type CrashJobName } from './jobs.ts'

const [directory, jobName, format, files, everyMs] = process.argv.slice(2) as [string, CrashJobName, string, string, string]
const say = (line: string) => writeSync(1, `${line}\n`)

const job: Job = CRASH_JOBS[jobName]()
const paths = Array.from({ length: Number(files) }, (_, index) => join(directory, '..', `input-${index}.${format}`))
const out = (name: string) => ndjsonFile(join(directory, `${name}.ndjson`), { pane: name !== 'late' })
say('loaded')
const run = await start(job, {
  host: 'workers',
  parallelism: 2,
  batchRows: 512,
  ringSlots: 8,
  sources: { readings: format === 'csv' ? csvFile(paths) : ndjsonFile(paths) },
  sinks: Object.fromEntries(CRASH_SINKS[jobName].map((name) => [name, out(name)])),
  checkpoints: { store: fileCheckpoints(join(directory, 'state')), every: Number(everyMs) },
  onWarning: (message) => say(`warning ${message}`),
})
say('started')

let isOver = false
let said = 0
const watching = (async () => {
  while (!isOver) {
    const { checkpoints, sources, epoch } = await run.status()
    if (checkpoints.last !== null && checkpoints.last.checkpointId !== said) {
      said = checkpoints.last.checkpointId
      say(`checkpoint ${epoch} ${said}`)
    }
    if (sources[0]!.progress === 1) say('read')
    await systemClock.sleep(4)
  }
})()
const { recordsIn, filtered, late, deadLetters, windows } = await run.finished
isOver = true
await watching
const counts = windows.map(({ uid, recordsIn: entered, processed, results, lateUpdates }) => ({
  uid,
  entered,
  processed,
  results,
  lateUpdates,
}))
say(`ended ${JSON.stringify({ recordsIn, filtered, late, deadLetters, windows: counts })}`)
