/**
 * A process that is killed: a job on messages, through the public API as it is shipped. `node message-child.ts DIRECTORY KIND URL`
 *
 * Before: messages.test.ts runs the server and spawns this. After: what has been committed lies in DIRECTORY/out.ndjson.parts.
 * Prints `open` and `lost` of the connection, `in N` as records come in, and stops when something comes on standard input.
 */

import { writeSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { f64, i32, pipeline, schema, type Source, start, systemClock, timestamp, utf8 } from 'millrace'
import { mqttSource } from 'millrace/mqtt'
import { eventSource, fileCheckpoints, ndjsonFile, webSocketSource } from 'millrace/node'

const [directory, kind, url] = process.argv.slice(2) as [string, string, string]
const common = {
  backoff: { least: '10ms', most: '100ms' },
  onConnection: ({ state }: { readonly state: string }) => writeSync(1, `${state}\n`),
} as const

const sources: Readonly<Record<string, () => Source>> = {
  webSocket: () => webSocketSource((token) => `${url}/?after=${token ?? -1}`, { token: 'n', ...common }),
  webSocketJournal: () => webSocketSource((token) => `${url}/?after=${token ?? -1}`, { token: 'n', ...common, journal: true }),
  eventSourceJournal: () => eventSource(url, { ...common, journal: true }),
  mqttJournal: () => mqttSource(url, { topics: 'devices/+/readings', clientId: 'crash', qos: 1, ...common, journal: true }),
  mqttExactly: () => mqttSource(url, { topics: 'devices/+/readings', clientId: 'crash', qos: 2, ...common, journal: true }),
}

const job = pipeline('messages')
  .source('readings', schema({ n: i32(), device: utf8(), at: timestamp(), value: f64() }))
  .sink('out')
const run = await start(job, {
  host: 'inline',
  sources: { readings: sources[kind]!() },
  sinks: { out: ndjsonFile(join(directory, 'out.ndjson')) },
  checkpoints: { store: fileCheckpoints(join(directory, 'state')), every: '25ms' },
  onWarning: (message) => writeSync(1, `warning ${message}\n`),
  onDeadLetter: ({ code }) => writeSync(1, `letter ${code}\n`),
})
process.stdin.once('data', () => void run.stop())
let said = -1
let isOver = false
const watching = (async () => {
  while (!isOver) {
    const { recordsIn } = (await run.status()).sources[0]!
    if (recordsIn !== said) writeSync(1, `in ${recordsIn}\n`)
    said = recordsIn
    await systemClock.sleep(5)
  }
})()
await run.finished
isOver = true
await watching
writeSync(1, 'stopped\n')
process.exit()
