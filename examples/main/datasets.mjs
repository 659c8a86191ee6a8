/**
 * The real events, as files: made once from the data that comes with the development dependency `vega-datasets`.
 *
 * earthquakes.ndjson: a week of the US Geological Survey (public domain), in the order in which the reports came in.
 * flights.csv: 20,000 US flights of early 2001 (Bureau of Transportation Statistics), in the order of the timetable.
 */

import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

/** The package exports only its main module; the data lies in the folder beside that. */
const dataUrl = (name) => new URL(`../data/${name}`, import.meta.resolve('vega-datasets'))

export async function prepare(directory) {
  await mkdir(directory, { recursive: true })
  const earthquakes = fileURLToPath(new URL('earthquakes.ndjson', directory))
  const flights = fileURLToPath(new URL('flights.csv', directory))
  await writeFile(earthquakes, lines(await earthquakeRows(), JSON.stringify))
  await writeFile(flights, `date,delay,distance,origin,destination\n${lines(await flightRows(), (row) => Object.values(row).join(','))}`)
  return { earthquakes, flights }
}

const lines = (rows, text) => `${rows.map(text).join('\n')}\n`

/** `time` is when the earth shook, `updated` when the report took its last form: the order of arrival. */
async function earthquakeRows() {
  const { features } = JSON.parse(await readFile(dataUrl('earthquakes.json'), 'utf8'))
  return features
    .map(({ properties: { time, updated, mag, net, place } }) => ({ time, updated, mag, net, place }))
    .sort((left, right) => left.updated - right.updated)
}

/** Departures are local times; taken as UTC, which is right for days of one airport. */
async function flightRows() {
  const flights = JSON.parse(await readFile(dataUrl('flights-20k.json'), 'utf8'))
  return flights.map(({ date, delay, distance, origin, destination }) => ({
    date: `${date.replaceAll('/', '-').replace(' ', 'T')}:00Z`,
    delay,
    distance,
    origin,
    destination,
  }))
}

/** Rows of a result file. */
export async function resultRows(path) {
  const text = await readFile(path, 'utf8')
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
}
