/**
 * Custom aggregates of random windows against a fold over the records of each pane, which `collect` tells.
 *
 * Before: window-plans. After: nothing. That panes have the right records is proven elsewhere.
 * Windows whose records are kept fold them when they fire, all others record by record: the results are the same.
 *
 * Invariant: where a job is stopped, crashes or goes on with other subtasks follows from the seed, and changes no result.
 */

import { expect, test } from 'vitest'
import { testJob } from '../../adapters/testing.ts'
import type { Row } from '../oracle/panes/plan.ts'
import { fromPlan, type Job } from '../../runtime/pipeline-job.ts'
import type { AggregateFunctions } from '../../runtime/plan-functions.ts'
import type { RowObject } from '../../runtime/record-batch.ts'
import type { Json } from '../../runtime/schema.ts'
import { col } from '../../runtime/expression/expression.ts'
import { planOf } from '../support/plans.ts'
import { Prng } from '../support/prng.ts'
import { bits, forSeeds } from './run-case.ts'
import { CASE_SCHEMA, isCount, randomWindowCase, type WindowCase, type WindowKind } from './window-plans.ts'

interface Extent {
  least: number
  largest: number
  records: number
}

/** Changes its accumulator in place, and gives it as the result. */
const extent: AggregateFunctions<Extent, never> = {
  create: () => ({ least: Number.POSITIVE_INFINITY, largest: Number.NEGATIVE_INFINITY, records: 0 }),
  add(at, { w }) {
    at.records++
    at.least = Math.min(at.least, (w ?? Number.POSITIVE_INFINITY) as number)
    at.largest = Math.max(at.largest, (w ?? Number.NEGATIVE_INFINITY) as number)
    return at
  },
  merge: (a, b) => ({ least: Math.min(a.least, b.least), largest: Math.max(a.largest, b.largest), records: a.records + b.records }),
  result: (at) => at as never,
}

/** Keeps null until there is a number. */
const total: AggregateFunctions<number | null, number | null> = {
  create: () => null,
  add: (sum, { v }) => (v === null ? sum : (sum ?? 0) + (v as number)),
  merge: (a, b) => (a === null || b === null ? (a ?? b) : a + b),
  result: (sum) => sum,
}

/** The records themselves, in the order in which they came. */
const path: AggregateFunctions<string, string> = {
  create: () => '',
  add: (text, { id, s, b, k }, timestampMs) => `${text}${JSON.stringify([id!, s!, b!, k!, timestampMs])}\n`,
  merge: (a, b) => a + b,
  result: (text) => text,
}

/** Not JSON: a checkpoint keeps it as a list. */
const words: AggregateFunctions<Map<string | null, number>, Json> = {
  create: () => new Map(),
  add: (counts, { s }) => counts.set(s as string | null, (counts.get(s as string | null) ?? 0) + 1),
  merge(a, b) {
    for (const [word, n] of b) a.set(word, (a.get(word) ?? 0) + n)
    return a
  },
  result: (counts) => [...counts].sort(([a], [b]) => (String(a) < String(b) ? -1 : 1)),
  serialize: (counts) => [...counts],
  deserialize: (kept) => new Map(kept as [string | null, number][]),
}

const FUNCTIONS = { extent, total, path, words, some: path } as const
type Name = keyof typeof FUNCTIONS
const where = col('b').toJSON()
const CUSTOM: Readonly<Record<string, object>> = {
  extent: { fn: 'custom', function: true },
  total: { fn: 'custom', function: true },
  path: { fn: 'custom', function: true },
  words: { fn: 'custom', function: true },
  some: { fn: 'custom', function: true, where },
}

function jobOf({ plan, shape, keys, kind }: WindowCase): Job {
  const { window: _, allowedLatenessMs = 0, aggregates: __, ...more } = plan
  const hasLate = plan.time !== 'processing' && !isCount(kind) && kind !== 'global'
  const aggregates = { ids: { fn: 'collect', column: 'id', order: 'arrival' }, ...CUSTOM } as never
  const json = planOf({
    name: 'property',
    schema: CASE_SCHEMA,
    time: 't',
    delayMs: 0,
    windows: [{ name: 'w', keys, sizeMs: 1, allowedLatenessMs, aggregates, ...(hasLate ? { lateSink: 'late' } : {}) }],
  })
  const operators = json.operators.map((operator) => ('window' in operator ? { ...operator, ...more, window: shape } : operator))
  return fromPlan({ ...json, operators }, new Map(Object.entries(FUNCTIONS).map(([name, functions]) => [`w.aggregate.${name}`, functions])))
}

/** The naive result: from the first record to the last. Windows around records find theirs in the order of event time. */
function folded(name: Name, records: readonly Row[], kind: WindowKind): unknown {
  const functions = FUNCTIONS[name] as unknown as AggregateFunctions<unknown>
  const byTime = kind === 'around' || kind === 'slidingByRecord'
  const sorted = byTime ? [...records].sort((a, b) => Number(a['t']) - Number(b['t']) || Number(a['id']) - Number(b['id'])) : records
  const taken = sorted.filter((row) => name !== 'some' || row['b'] === true)
  // Functions get the event time, also in windows by the clock.
  return functions.result(taken.reduce((kept, row) => functions.add(kept, row as never, row['t'] as number), functions.create()))
}

const NAMES = Object.keys(FUNCTIONS) as Name[]

/** Holds every row of the results against the records that the kernel says the pane has. */
function checkRows(rows: readonly RowObject[], { kind, events }: WindowCase): void {
  const byId = new Map(events.flatMap((event) => (event.kind === 'record' ? [[event.row['id'], event.row]] : [])))
  // Where sessions merge, the records of the earlier one come first, whatever came first.
  const isMerging = kind === 'session' || kind === 'sessionByRecord'
  const unordered = (value: unknown) => (isMerging && typeof value === 'string' ? value.split('\n').sort().join('\n') : value)
  const shown = (values: readonly unknown[]) => bits(values.map((value, index) => [NAMES[index], unordered(value)]))
  for (const row of rows) {
    const records = ((row['ids'] ?? []) as readonly number[]).map((id) => byId.get(id)!)
    const actual = NAMES.map((name) => row[name])
    const expected = NAMES.map((name) => folded(name, records, kind))
    expect(shown(actual), `of the records ${String(row['ids'])}`).toBe(shown(expected))
  }
}

type Disturbance = 'none' | 'restarts' | 'crashes'

async function resultsOf(windowCase: WindowCase, prng: Prng, disturbance: Disturbance): Promise<readonly RowObject[]> {
  const options = () => ({ parallelism: 1 + prng.int(4), batchRows: prng.pick([1, 3, 16]), ringSlots: prng.pick([2, 4, 8]) })
  const job = await testJob(jobOf(windowCase), { ...options(), keyGroupCount: 16 })
  let nowMs = 0
  let pending: Row[] = []
  const flush = async () => {
    if (pending.length > 0) await job.push(...pending.splice(0))
  }
  let isEnded = false
  for (const event of windowCase.events) {
    if (event.kind === 'record') {
      pending.push(event.row)
      if (windowCase.plan.time === 'processing' || prng.next() < 0.3) await flush()
    } else {
      await flush()
      if (event.kind === 'processingTime') {
        await job.advanceTime(event.nowMs - nowMs)
        nowMs = event.nowMs
      } else if (event.watermarkMs === Number.POSITIVE_INFINITY) isEnded = true
      else await job.advanceWatermark(event.watermarkMs)
    }
    if (disturbance === 'none' || prng.next() < 0.85) continue
    if (disturbance === 'restarts') await job.restart(options())
    else if (prng.next() < 0.5) await job.checkpoint()
    else {
      await flush()
      await job.crash(options())
    }
  }
  await flush()
  pending = []
  if (isEnded) await job.end()
  expect(job.deadLetters.filter(({ code }) => code !== 'GAP_INVALID')).toEqual([])
  const rows = job.rows('w-out' as never) as readonly RowObject[]
  await job.close()
  return rows
}

const KINDS: readonly WindowKind[] = ['tumbling', 'sliding', 'session', 'sessionByRecord', 'countTumbling', 'countSliding', 'global']
const OTHERS: readonly WindowKind[] = ['cumulate', 'intervals', 'calendar', 'around', 'slidingByRecord', 'sessionMaxLength']

const BLOCKS = [
  { name: 'windows of which each has its accumulators', from: 1, count: 300, kinds: KINDS, disturbance: 'none' },
  { name: 'windows of other kinds', from: 10_001, count: 120, kinds: OTHERS, disturbance: 'none' },
  { name: 'windows of jobs that are stopped and go on', from: 20_001, count: 200, kinds: [...KINDS, ...OTHERS], disturbance: 'restarts' },
  { name: 'windows of jobs that crash', from: 30_001, count: 150, kinds: [...KINDS, ...OTHERS], disturbance: 'crashes' },
] as const

for (const { name, from, count, kinds, disturbance } of BLOCKS) {
  test(`custom aggregates of ${name} are folds over the records of the pane`, { timeout: 120_000 }, async () => {
    let rowCount = 0
    await forSeeds('custom-aggregates.test.ts', `custom aggregates of ${name}`, from, count, async (seed) => {
      const prng = new Prng(seed)
      // After a crash rows come again, at another time of the clock.
      const isJob = disturbance === 'crashes'
      const windowCase = randomWindowCase(prng, { kind: prng.pick(kinds as readonly WindowKind[]), isJob })
      const rows = await resultsOf(windowCase, prng, disturbance)
      checkRows(rows, windowCase)
      rowCount += rows.length
    })
    if (process.env['SEED'] === undefined) expect(rowCount).toBeGreaterThan(count * 3)
  })
}
