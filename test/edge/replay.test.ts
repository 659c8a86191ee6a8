/**
 * Jobs in objects are functions of their log: whatever is crashed, and wherever checkpoints lie, the same log gives the same results, rows by the
 * clock and rows out of silence included.
 */

import process from 'node:process'
import { describe, expect, test } from 'vitest'
import { linesOfRows } from '../../adapters/edge/ingest-body.ts'
import { ObjectJob } from '../../adapters/edge/object-job.ts'
import type { ResultRow } from '../../adapters/edge/result-log.ts'
import { type DurableJobOptions, settingsOf } from '../../adapters/edge/settings.ts'
import {
  boundedOutOfOrderness,
  count,
  early,
  f64,
  type Job,
  last,
  onProcessingTime,
  pipeline,
  schema,
  session,
  sum,
  timestamp,
  tumbling,
  utf8,
} from '../../runtime/index.ts'
import { ManualClock } from '../../runtime/testing/manual-clock.ts'
import { Prng } from '../support/prng.ts'
import { sqliteObject } from './sqlite-object.ts'

const START_MS = 1_700_000_000_000

const readings = (name: string) =>
  pipeline(name)
    .source('readings', schema({ device: utf8(), at: timestamp(), value: f64() }))
    .eventTime('at', boundedOutOfOrderness('1s', { everyRecords: 16, flushAfter: '2s' }))

const JOBS: Readonly<Record<string, () => Job>> = {
  'windows that silence closes': () =>
    readings('flushed')
      .keyBy('device')
      .window(tumbling('5s'))
      .lateTo('late')
      .aggregate({ n: count(), total: sum('value'), newest: last('value') })
      .sink('out'),
  'sessions with results by the clock before their end': () =>
    readings('sessions')
      .keyBy('device')
      .window(session('3s'))
      .allowedLateness('4s')
      .trigger(early(onProcessingTime('1s')))
      .retracting()
      .aggregate({ n: count(), total: sum('value') })
      .sink('out'),
  'windows by the clock': () =>
    pipeline('clocked')
      .source('readings', schema({ device: utf8(), at: timestamp(), value: f64() }))
      .keyBy('device')
      .window(tumbling('2s'))
      .processingTime()
      .aggregate({ n: count(), total: sum('value') })
      .sink('out'),
  'rows that are sorted and thinned out first': () =>
    readings('stages')
      .deduplicate({ by: ['device', 'value'], within: '4s' })
      .sortByEventTime()
      .keyBy('device')
      .window(tumbling('3s'))
      .aggregate({ n: count(), newest: last('value') })
      .sink('out'),
}

type Op =
  | { readonly kind: 'rows'; readonly rows: readonly object[] }
  | { readonly kind: 'time'; readonly ms: number }
  | { readonly kind: 'tick' }

/** Rows in time with the clock, out of order, some by more than the silences in between. */
function makeOps(prng: Prng): Op[] {
  let nowMs = START_MS
  return Array.from({ length: 60 }, (): Op => {
    const chance = prng.int(10)
    if (chance < 4) {
      const rows = Array.from({ length: 1 + prng.int(6) }, () => ({
        device: `device-${prng.int(3)}`,
        at: nowMs - prng.int(prng.int(4) === 0 ? 9_000 : 900),
        value: prng.int(20),
      }))
      return { kind: 'rows', rows }
    }
    if (chance < 7) {
      const ms = prng.int(prng.int(4) === 0 ? 9_000 : 700)
      nowMs += ms
      return { kind: 'time', ms }
    }
    return { kind: 'tick' }
  })
}

interface Lives {
  /** Of ten chances, how many a crash, and a checkpoint, has behind each step. */
  readonly crashes: number
  readonly checkpoints: number
}

async function results(makeJob: () => Job, ops: readonly Op[], { crashes, checkpoints }: Lives, prng: Prng) {
  const clock = new ManualClock({ startMs: START_MS })
  const context = sqliteObject()
  const options: DurableJobOptions = { job: makeJob(), clock }
  let job = new ObjectJob(context, settingsOf(options))
  await job.open()
  let differences = 0
  for (const op of ops) {
    if (op.kind === 'time') clock.advance(op.ms)
    else if (op.kind === 'tick') job.log.tick()
    else job.log.append('readings', linesOfRows(op.rows).parts)
    // A crash may also come between the log and the work.
    if (prng.int(10) >= crashes) await job.drive()
    if (prng.int(10) < checkpoints) await job.checkpoint()
    if (prng.int(10) >= crashes) continue
    differences += job.results.differences
    job = new ObjectJob(context, settingsOf(options))
    await job.open()
  }
  await job.drive()
  const names = settingsOf(options).results
  const rows = Object.fromEntries(names.map((name): [string, readonly ResultRow[]] => [name, job.results.page(name, 0, 10_000).rows]))
  const { job: status } = await job.status()
  return { rows, differences: differences + job.results.differences, counts: [status!.recordsIn, status!.late, status!.deadLetters] }
}

const seeds = Number(process.env['MILLRACE_RUNS'] ?? 6)
const first = Number(process.env['MILLRACE_SEED'] ?? 1)

describe('a job in an object', () => {
  for (const [name, makeJob] of Object.entries(JOBS)) {
    test(`gives the same ${name}, whatever its lives were`, { timeout: 600_000 }, async () => {
      let rows = 0
      for (let seed = first; seed < first + seeds; seed++) {
        const ops = makeOps(new Prng(seed))
        const undisturbed = await results(makeJob, ops, { crashes: 0, checkpoints: 0 }, new Prng(seed))
        for (const lives of [
          { crashes: 0, checkpoints: 5 },
          { crashes: 2, checkpoints: 0 },
          { crashes: 3, checkpoints: 4 },
        ]) {
          const found = await results(makeJob, ops, lives, new Prng(seed))
          const without = ({ row, pane }: ResultRow) => ({ row, pane })
          for (const [sink, list] of Object.entries(undisturbed.rows)) {
            expect(found.rows[sink]!.map(without), `seed ${seed}, ${JSON.stringify(lives)}`).toEqual(list.map(without))
          }
          expect([found.differences, found.counts], `seed ${seed}`).toEqual([0, undisturbed.counts])
        }
        rows += undisturbed.rows['out']!.length
      }
      expect(rows).toBeGreaterThan(seeds * 5)
    })
  }
})

test('silence goes on where the checkpoint left it: what it closed is closed, and a record behind it is late', async () => {
  const row = (at: number): Op => ({ kind: 'rows', rows: [{ device: 'a', at: START_MS + at, value: 1 }] })
  const time = (ms: number): Op => ({ kind: 'time', ms })
  const tick: Op = { kind: 'tick' }
  // The watermark is at 3.499 s; after 2 s of silence it goes on by the clock, and passes 4.999 s when that is at 8 s.
  const ops = [time(4_500), row(4_500), time(1_900), tick, time(1_700), tick, row(4_600), row(30_000)]
  const makeJob = JOBS['windows that silence closes']!
  const undisturbed = await results(makeJob, ops, { crashes: 0, checkpoints: 0 }, new Prng(1))
  expect(undisturbed.rows['late']).toHaveLength(1)
  // A checkpoint and a crash behind every step.
  const found = await results(makeJob, ops, { crashes: 10, checkpoints: 10 }, new Prng(1))
  expect(found.rows['late']!.map(({ row: late }) => late)).toEqual(undisturbed.rows['late']!.map(({ row: late }) => late))
  expect(found.rows['out']!.map(({ row: out }) => out)).toEqual(undisturbed.rows['out']!.map(({ row: out }) => out))
})
