/** The fleet in Node, by the built package: prints as JSON what the page's results must equal. */

import { collectSink, rowsSource, start } from 'millrace'
import { fleetJob, fleetRows } from '../support/fleet-pipeline.ts'

const minutes = collectSink()
const late = collectSink()
const run = await start(fleetJob(), {
  sources: { readings: rowsSource(fleetRows(20_000)) },
  sinks: { minutes, late },
  parallelism: Number(process.argv[2]),
  host: 'inline',
})
await run.finished
console.log(JSON.stringify({ rows: minutes.rows, late: late.rows }))
