// Stops a job in the middle and goes on from its checkpoint. Run: node examples/03-restart-from-checkpoint/main.mjs
//
// A checkpoint holds the state of all windows, the positions of the sources, and what the sinks have to commit. So the second
// run reads on where the first one stopped, and the result file has every window once. After a crash it is the same.

import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { boundedOutOfOrderness, count, generatedSource, pipeline, schema, start, timestamp, tumbling } from 'millrace'
import { fileCheckpoints, ndjsonFile } from 'millrace/node'

const job = pipeline('ticks')
  .source('ticks', schema({ at: timestamp() }))
  .eventTime('at', boundedOutOfOrderness('1s'))
  .window(tumbling('1h'))
  .aggregate({ n: count() })
  .sink('hours')

const directory = await mkdtemp(join(tmpdir(), 'millrace-'))
const file = join(directory, 'hours.ndjson')
const half = Promise.withResolvers()
const ticks = generatedSource(5_000_000, (rows, from, count) => {
  for (let index = from; index < from + count; index++) rows.appendRow({ at: index * 100 })
  if (from + count >= 2_500_000) half.resolve()
})
const begin = () =>
  start(job, {
    sources: { ticks },
    sinks: { hours: ndjsonFile(file) },
    checkpoints: { store: fileCheckpoints(join(directory, 'state')) },
  })

const first = await begin()
await half.promise
const stopped = await first.stop()
console.log(`first run: ${stopped.state} after ${stopped.recordsIn} records`)

const ended = await (await begin()).finished
console.log(`second run: went on from checkpoint ${ended.recoveredFrom?.checkpointId}, ${ended.state} after ${ended.recordsIn} records`)

const hours = (await readFile(file, 'utf8')).trim().split('\n')
console.log(`${hours.length} hours, ${hours.reduce((sum, hour) => sum + JSON.parse(hour).n, 0)} records in them`)
await rm(directory, { recursive: true })
