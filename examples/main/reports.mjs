/** The most telling results of each job, as tables. */

import { bold, count, counted, day, fixed, print, span, table, utc } from './terminal.mjs'

const NETWORKS = {
  ak: 'Alaska',
  ci: 'Southern California',
  hv: 'Hawaii',
  mb: 'Montana',
  nc: 'Northern California',
  nm: 'New Madrid',
  nn: 'Nevada',
  pr: 'Puerto Rico',
  se: 'Southeast',
  us: 'world-wide',
  uu: 'Utah',
  uw: 'Pacific Northwest',
}
const network = (code) => `${code}  ${NETWORKS[code] ?? ''}`
const top = (rows, measure, length) => rows.toSorted((left, right) => measure(right) - measure(left)).slice(0, length)

export function earthquakeReport({ status, hours, days, late }) {
  const panes = Map.groupBy(hours, ({ net, windowStart }) => `${net} ${windowStart}`)
  const last = [...panes.values()].map((list) => list.at(-1))
  table(
    'The strongest hours',
    ['hour (UTC)', 'network', '>quakes', '>mean', '>strongest'],
    top(last, ({ max }) => max, 5).map((row) => [
      utc(row.windowStart),
      network(row.net),
      count(row.n),
      fixed(row.mean, 1),
      fixed(row.max, 1),
    ]),
  )
  table(
    'The busiest 24 hours (a sliding window, every 6 h)',
    ['from (UTC)', 'network', '>quakes', '>mean', '>strongest'],
    top(
      [...Map.groupBy(days, ({ net }) => net).values()].map((list) => top(list, ({ n }) => n, 1)[0]),
      ({ n }) => n,
      3,
    ).map((row) => [utc(row.windowStart), network(row.net), count(row.n), fixed(row.mean, 1), fixed(row.max, 1)]),
  )
  const corrected = [...panes.values()].filter((list) => list.length > 1)
  const gained = (list) => list.at(-1).n - list[0].n
  table(
    `Late, but in time to correct: ${counted(corrected.length, 'hour')} fired again`,
    ['hour (UTC)', 'network', '>first result', '>corrected to', '>times'],
    top(corrected, gained, 4).map((list) => {
      const text = ({ n, max }) => `${counted(n, 'quake')}, up to ${fixed(max, 1)}`
      return [utc(list[0].windowStart), network(list[0].net), text(list[0]), text(list.at(-1)), count(list.length - 1)]
    }),
  )
  const tooLate = status.windows.find(({ uid }) => uid === 'hours').late
  const [latest] = top(late, ({ time, updated }) => updated - time, 1)
  print(
    `   ${bold('Too late')}: ${counted(tooLate, 'report')} went to late.ndjson. The latest came ${span(latest.updated - latest.time)} after the quake:`,
  )
  print(`   magnitude ${fixed(latest.mag, 1)}, ${latest.place}, ${utc(latest.time)}.`)
}

export function flightReport({ status, days, weeks }) {
  const row = (result) => [
    day(result.windowStart),
    result.origin,
    count(result.n),
    `${fixed(result.mean, 0)} min`,
    `${fixed(result.max, 0)} min`,
  ]
  const headings = ['from', 'airport', '>flights', '>mean delay', '>longest']
  table(
    'The worst days of an airport (at least 8 flights in the sample)',
    headings,
    top(
      days.filter(({ n }) => n >= 8),
      ({ mean }) => mean,
      5,
    ).map(row),
  )
  const worst = [
    ...Map.groupBy(
      weeks.filter(({ n }) => n >= 40),
      ({ origin }) => origin,
    ).values(),
  ].map((list) => top(list, ({ mean }) => mean, 1)[0])
  table('The worst seven days (a sliding window, every day; at least 40 flights)', headings, top(worst, ({ mean }) => mean, 4).map(row))
  print(`   ${bold('Late')}: ${count(status.late)}.`)
}

export function fleetReport({ status, hot, late }) {
  const peaks = [...Map.groupBy(hot, ({ device }) => device).values()].map((list) => top(list, ({ mean }) => mean, 1)[0])
  table(
    `Devices above 60 °C over five minutes: ${count(peaks.length)}`,
    ['five minutes from', 'device', '>readings', '>mean', '>highest'],
    top(peaks, ({ mean }) => mean, 4).map((row) => [
      utc(row.windowStart),
      row.device,
      count(row.n),
      `${fixed(row.mean, 1)} °C`,
      `${fixed(row.max, 1)} °C`,
    ]),
  )
  const minutes = status.windows.find(({ uid }) => uid === 'minutes')
  print(
    `   ${bold('Late')}: ${counted(minutes.lateUpdates, 'minute result')} corrected within 2 min; ${counted(late.length, 'reading')} too late, in late.ndjson.`,
    '',
  )
}
