/**
 * Pictures of GUIDE.md in which watermarks come from records and the clock: the story of its first chapter, strategies, the flush,
 * late records.
 *
 * Before: `millrace/testing`. After: `guide-claims.test.ts`.
 */

import { testJob } from '../../../adapters/testing.ts'
import {
  boundedOutOfOrderness,
  col,
  count,
  customWatermark,
  f64,
  monotonous,
  percentile,
  pipeline,
  predicted,
  punctuated,
  schema,
  timeLag,
  timestamp,
  tumbling,
  utf8,
  type WatermarkDeclaration,
} from '../../../runtime/index.ts'
import { table } from './drawing.ts'
import { paneText } from './pane-pictures.ts'
import { at, readings } from './pictures.ts'

const seconds = (ms: number | null | undefined) => (ms === null || ms === undefined ? '–' : String(ms / 1000))

const timed = (watermark: WatermarkDeclaration) =>
  pipeline('guide')
    .source('readings', schema({ device: utf8(), at: timestamp(), value: f64() }))
    .eventTime('at', watermark)
    .window(tumbling('10s'))
    .lateTo('late')
    .aggregate({ n: count() })
    .sink('results')

/** Records, the watermark after each, the window that closes, and the record that comes too late. */
async function story(): Promise<string> {
  const test = await testJob(timed(boundedOutOfOrderness('3s', { everyRecords: 1 })), { watermarks: 'declared' })
  const results = () => test.take('results').map(({ row }) => `[${row.windowStart / 1000}, ${row.windowEnd / 1000}) n ${row.n}`)
  const columns: string[][] = []
  for (const second of [1, 7, 4, 12, 9, 14, 8]) {
    await test.push(...at(second))
    const { watermarkMs } = (await test.status()).eventTimes[0]!
    const late = test.take('late').map(({ row }) => `${seconds(row.at)} s`)
    columns.push([`● ${second}`, seconds(watermarkMs), results().join(), late.join()])
  }
  await test.end()
  columns.push(['end', '', results().join(), ''])
  return table(columns, ['comes', 'watermark', 'result', 'late'])
}

/** A strategy that counts: at most one record out of place. */
const lastTwo = () => {
  let times: number[] = []
  return {
    onRecord: (time: number) => void (times = [...times, time].sort((a, b) => b - a).slice(0, 2)),
    watermark: () => (times.length < 2 ? Number.NEGATIVE_INFINITY : times[1]! - 1),
    snapshot: () => times,
    restore: (state: unknown) => void (times = state as number[]),
  }
}

const options = { everyRecords: 1 }
const STRATEGIES: Readonly<Record<string, WatermarkDeclaration>> = {
  'monotonous()': monotonous(options),
  "boundedOutOfOrderness('3s')": boundedOutOfOrderness('3s', options),
  'percentile(0.5)': percentile(0.5, options),
  'percentile(0.99)': percentile(0.99, options),
  'predicted(0.99, { block: 2 })': predicted(0.99, { block: 2, ...options }),
  "punctuated(col('value').eq(7))": punctuated(col('value').eq(7), options),
  "timeLag('10s')": timeLag('10s', options),
  'customWatermark(lastTwo)': customWatermark(lastTwo, options),
}

/** The watermark of every strategy after each of five records. */
async function strategies(): Promise<string> {
  const columns: string[][] = [1, 7, 4, 12, 9].map((second) => [`● ${second}`])
  for (const strategy of Object.values(STRATEGIES)) {
    const test = await testJob(timed(strategy), { watermarks: 'declared', startMs: 20_000 })
    for (const [index, second] of [1, 7, 4, 12, 9].entries()) {
      await test.push(...at(second))
      columns[index]!.push(seconds((await test.status()).eventTimes[0]!.watermarkMs))
    }
    await test.close()
  }
  return table(columns, ['comes', ...Object.keys(STRATEGIES)])
}

/** Silence that is made into event time, and a record that is behind it. */
async function flush(): Promise<string> {
  const test = await testJob(timed(monotonous(options)), { watermarks: 'declared' })
  const columns: string[][] = []
  let clock = 0
  for (const step of ['● 5', 'clock 30', 'clock 31', 'clock 36', '● 7', '● 12', '● 9', 'clock 65', 'clock 67']) {
    const [kind, second] = step.split(' ')
    if (kind === '●') await test.push(...at(Number(second)))
    else {
      await test.advanceTime((Number(second) - clock) * 1000)
      clock = Number(second)
    }
    const { watermarkMs } = (await test.status()).eventTimes[0]!
    const late = test.take('late').map(({ row }) => `${seconds(row.at)} s`)
    columns.push([step, seconds(watermarkMs), late.join()])
  }
  await test.close()
  return table(columns, ['comes', 'watermark', 'late'])
}

/** A window that is corrected, and a record that it does not take any more. */
async function lateRecords(): Promise<string> {
  const test = await testJob(readings().window(tumbling('10s')).allowedLateness('10s').lateTo('late').aggregate({ n: count() }).sink('out'))
  const columns: string[][] = []
  for (const step of [1, 4, 'W 9.999', 6, 'W 19.998', 3, 'W 19.999', 8]) {
    if (typeof step === 'number') await test.push(...at(step))
    else await test.advanceWatermark(Math.round(Number(step.slice(2)) * 1000))
    const late = test.take('late').map(({ row }) => `${seconds(row.at)} s`)
    const [pane = '', values = ''] = test.take('out').flatMap(paneText)
    columns.push([typeof step === 'number' ? `● ${step}` : step, pane, values, late.join()])
  }
  await test.close()
  return table(columns, ['comes', 'panes', '', 'late'])
}

/** Rows that wait for the watermark, and one that is late. */
async function sorting(): Promise<string> {
  const test = await testJob(readings().sortByEventTime().sink('out'))
  const columns: string[][] = []
  for (const step of [5, 2, 9, 4, 'W 4', 7, 'W 8', 3, 'end']) {
    if (typeof step === 'number') await test.push(...at(step))
    else if (step === 'end') await test.end()
    else await test.advanceWatermark(Number(step.slice(2)) * 1000)
    const held = (await test.status()).operators[0]!.stateCount
    columns.push([
      typeof step === 'number' ? `● ${step}` : step,
      String(held),
      test
        .take()
        .map(({ row }) => seconds(row.at))
        .join(', '),
    ])
  }
  return table(columns, ['comes', 'held', 'leaves'])
}

export const timePictures: Readonly<Record<string, () => Promise<string>>> = {
  story,
  strategies,
  flush,
  'late records': lateRecords,
  sorting,
}
