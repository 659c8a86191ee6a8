/**
 * What Millrace does, on real events and at speed: `npm start`.
 *
 * Three streams go through event-time windows on worker threads, with checkpoints on disk and files written exactly once.
 * `npm start -- --kill-after 50%` kills a job in the middle instead, and shows that its results do not know it.
 */

import { rm } from 'node:fs/promises'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { start } from 'millrace'
import { csvFile, fileCheckpoints, ndjsonFile } from 'millrace/node'
import { killAndCompare } from './crash.mjs'
import { prepare, resultRows } from './datasets.mjs'
import { fleetSource } from './fleet.mjs'
import { earthquakeJob, fleetJob, flightJob } from './jobs.mjs'
import { earthquakeReport, fleetReport, flightReport } from './reports.mjs'
import { bold, count, heading, outcome, print, watch } from './terminal.mjs'

const HELP = `npm start -- [options]

  --records N        readings of the generated fleet (default 10,000,000)
  --parallelism N    workers of every job (default 2)
  --kill-after 50%   instead: kill the fleet's process at that share of its work,
                     resume it, and compare the files with an undisturbed run
  --help             this
`

const work = new URL('../../.cache/main/', import.meta.url)
const path = (name) => fileURLToPath(new URL(name, work))

const options = readOptions()
if (options === null) process.exitCode = 2
else if (options.help) process.stdout.write(HELP)
else if (options.killAfter !== null) process.exitCode = await killAndCompare({ ...options, directory: new URL('crash/', work) })
else await showAll(options)

async function showAll({ records, parallelism }) {
  print(bold('Millrace: three streams through event-time windows, checkpoints on disk, files exactly once'))
  const files = await prepare(work)
  const all = []

  heading(
    1,
    'Earthquakes of one week, as they were reported',
    'A record says when the earth shook: its event time. Reports come minutes to days afterwards,',
    'so the watermark (largest event time seen, less 1 h) decides when an hour is complete. A report',
    'within 12 h of that corrects its hour; a later one goes to a file of its own.',
  )
  all.push(await runFiles(earthquakeJob(), ndjsonFile(files.earthquakes), ['hours', 'days', 'late'], { parallelism, pane: true }))
  earthquakeReport({
    status: all.at(-1),
    hours: await resultRows(path('earthquakes/hours.ndjson')),
    days: await resultRows(path('earthquakes/days.ndjson')),
    late: await resultRows(path('earthquakes/late.ndjson')),
  })

  heading(
    2,
    'Flights of three months, in the order of the timetable',
    'Event time never goes back here, so the watermark follows it closely, nothing is late, and the',
    'day of an airport is complete soon after the first flight of the next day has been read.',
  )
  all.push(await runFiles(flightJob(), csvFile(files.flights), ['days', 'weeks', 'late'], { parallelism }))
  flightReport({
    status: all.at(-1),
    days: await resultRows(path('flights/days.ndjson')),
    weeks: await resultRows(path('flights/weeks.ndjson')),
  })

  heading(
    3,
    `A fleet: ${count(records)} generated readings of 1,024 devices`,
    'A fifth comes up to 5 s out of order, one in 10,000 was held back for 1 to 10 min. Every reading',
    'goes through both windows. The rate is that of the whole road on this machine: making the',
    'readings, event time, two windows with keyed state, checkpoints with fsync, result files.',
  )
  all.push(await runFiles(fleetJob(), fleetSource(records), ['minutes', 'hot', 'late'], { parallelism }))
  fleetReport({ status: all.at(-1), hot: await resultRows(path('fleet/hot.ndjson')), late: await resultRows(path('fleet/late.ndjson')) })

  print(
    `Results and checkpoints are in ${bold('.cache/main')}. Next: npm start -- --kill-after 50%`,
    'Each job has two windows; a record that is too late for both counts twice as late below.',
    '',
  )
  const sum = (of) => all.reduce((total, status) => total + of(status), 0)
  const recordsIn = sum((status) => status.recordsIn)
  const ms = sum((status) => status.durationMs)
  const windows = sum((status) => status.windows.reduce((total, window) => total + window.results, 0))
  print(
    `done: ${count(recordsIn)} records, ${count(windows)} windows, ${count(sum((status) => status.late))} late, ${count(sum((status) => status.deadLetters))} dead letters, ` +
      `${count(sum((status) => status.checkpoints.count))} checkpoints in ${(ms / 1000).toFixed(1)} s (${count(Math.round(recordsIn / (ms / 1000)))} records/s)`,
  )
}

/** Runs a job from the beginning, with its checkpoints and its result files in a directory of its name. */
async function runFiles(job, source, sinks, { parallelism, pane = false }) {
  const { name, operators } = job.plan
  await rm(path(name), { recursive: true, force: true })
  const run = await start(job, {
    sources: { [operators[0].uid]: source },
    sinks: Object.fromEntries(sinks.map((sink) => [sink, ndjsonFile(path(`${name}/${sink}.ndjson`), { pane: pane && sink !== 'late' })])),
    checkpoints: { store: fileCheckpoints(path(`${name}/checkpoints`)), every: '200ms' },
    parallelism,
  })
  const status = await watch(run)
  outcome(status)
  return status
}

/** The options of the command line, or null when one is wrong, which is then said. */
function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        records: { type: 'string' },
        parallelism: { type: 'string' },
        'kill-after': { type: 'string' },
        help: { type: 'boolean' },
      },
    })
    return {
      help: values.help === true,
      records: whole('records', values.records ?? '10000000'),
      parallelism: whole('parallelism', values.parallelism ?? '2'),
      killAfter: values['kill-after'] === undefined ? null : share(values['kill-after']),
    }
  } catch (error) {
    process.stderr.write(`${error.message}\n\n${HELP}`)
    return null
  }
}

function whole(name, text) {
  const value = Number(text.replaceAll(/[,_]/g, ''))
  if (!Number.isSafeInteger(value) || value < 1) throw new RangeError(`--${name} is ${text}; it must be a whole number of 1 or more`)
  return value
}

/** `50%` or `0.5`. */
function share(text) {
  const value = text.endsWith('%') ? Number(text.slice(0, -1)) / 100 : Number(text)
  if (!(value > 0 && value < 1)) throw new RangeError(`--kill-after is ${text}; it must be a share such as 50%`)
  return value
}
