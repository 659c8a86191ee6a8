/**
 * Random streams through sorting, deduplication and sequence tracking, alone and one behind the other, into a sink and into a window.
 *
 * Before: test/support/prng. After: test/oracle/stages says what must come out, test/oracle/windows what a window makes of it.
 *
 * Invariant: whatever the batches, rings, parallelism, stops and restarts are, the same rows come out in the same order.
 */

import { expect, test } from 'vitest'
import { memoryCheckpoints } from '../../adapters/memory-store.ts'
import type { JobStatus } from '../../runtime/coordinator/job-status.ts'
import { fromPlan } from '../../runtime/pipeline.ts'
import { collectSink } from '../../runtime/sink/callback-sink.ts'
import { rowsSource } from '../../runtime/source/rows-source.ts'
import { start } from '../../runtime/start.ts'
import { actualPanes, paneDifferenceByKey } from '../oracle/compare.ts'
import { type DeduplicateRules, deduplicated, findingsOf, type SortRules, sorted, type TrackRules } from '../oracle/stages.ts'
import { type Arrival, windowsOf } from '../oracle/windows.ts'
import { Prng } from '../support/prng.ts'
import { arrivalsOf, type TestRow } from '../support/streams.ts'
import { expectSameBits, forSeeds, type Options } from './run-case.ts'

const SCHEMA = { t: 'timestamp', s: 'utf8', q: 'f64', v: 'f64', b: 'bool' } as const
const WINDOW = {
  sizeMs: 50,
  slideMs: 50,
  offsetMs: 0,
  allowedLatenessMs: 20,
  aggregates: { n: { fn: 'count' }, total: { fn: 'sum', column: 'v' } },
} as const

type StageCase =
  | ({ readonly op: 'sortByEventTime' } & SortRules)
  | ({ readonly op: 'deduplicate' } & DeduplicateRules)
  | ({ readonly op: 'trackSequence' } & TrackRules)

interface Case {
  readonly rows: readonly TestRow[]
  readonly plan: object
  readonly stages: readonly StageCase[]
  readonly arrivals: readonly Arrival[]
  readonly options: Options
}

interface Outcome {
  readonly direct: readonly object[]
  readonly findings: readonly object[]
  readonly late: readonly object[]
  readonly panes: ReturnType<typeof actualPanes>
  readonly status: JobStatus
}

function randomCase(prng: Prng, rowsMax: number): Case {
  const delayMs = prng.pick([0, 1, 10, 100])
  const everyRecords = prng.pick([1, 1, 2, 5, 40])
  const rows = randomRows(prng, 1 + prng.int(rowsMax), prng.pick([0, 5, 50, 200]))
  const stages = Array.from({ length: prng.pick([1, 1, 2, 2, 3]) }, () => randomStage(prng))
  // One tracker at most: its sink has one name.
  const one = stages.filter(({ op }, index) => op !== 'trackSequence' || stages.findIndex((stage) => stage.op === op) === index)
  const { arrivals } = arrivalsOf(rows, { time: 't', delayMs, everyRecords, keys: ['s'], schema: SCHEMA })
  return {
    rows,
    plan: planOf(one, { kind: 'boundedOutOfOrderness', delayMs, everyRecords }, prng.int(2) === 0),
    stages: one,
    arrivals,
    options: optionsOf(prng),
  }
}

function optionsOf(prng: Prng): Options {
  return { host: 'inline', batchRows: prng.pick([1, 2, 7, 64, 256]), ringSlots: prng.pick([2, 4, 64]), parallelism: 1 + prng.int(4) }
}

function randomStage(prng: Prng): StageCase {
  switch (prng.int(3)) {
    case 0:
      return { op: 'sortByEventTime', late: prng.pick(['pass', 'pass', 'drop']), bufferRecordsMax: prng.pick([1, 3, 20, 1_000, 1_000]) }
    case 1:
      return {
        op: 'deduplicate',
        by: prng.pick([['s', 'q'], ['s', 'q'], ['s', 't'], ['q'], ['s'], ['b', 's', 'v']]),
        withinMs: prng.pick([1, 5, 30, 300, 5_000]),
        late: prng.pick(['pass', 'drop']),
      }
    default:
      return {
        op: 'trackSequence',
        source: prng.pick([['s'], ['s'], ['b', 's']]),
        sequence: 'q',
        reorderWindow: prng.pick([0, 1, 3, 10, 100]),
        ...(prng.int(2) === 0 ? { silentAfterMs: prng.pick([1, 20, 200]) } : {}),
        ...(prng.int(3) === 0 ? { forgetAfterMs: prng.pick([1, 30, 300]) } : {}),
        ...(prng.int(3) === 0 ? { restartBelow: prng.pick([1, 3]) } : {}),
      }
  }
}

function planOf(stages: readonly StageCase[], watermark: object, hasFilter: boolean): object {
  const operators: object[] = [
    { uid: 'in', op: 'source', schema: SCHEMA },
    { uid: 'time', op: 'eventTime', inputs: ['in'], column: 't', watermark },
  ]
  let at = 'time'
  stages.forEach(({ op, ...rules }, index) => {
    const full = op === 'sortByEventTime' ? { whenFull: 'release' } : op === 'trackSequence' ? { findingsTo: 'findings' } : {}
    operators.push({ uid: `stage-${index}`, op, inputs: [at], ...rules, ...full })
    at = `stage-${index}`
    if (!hasFilter) return
    // Passes everything, but copies rows on the way.
    operators.push({ uid: `map-${index}`, op: 'map', inputs: [at], columns: { v: { fn: 'add', args: [{ column: 'v' }, { literal: 0 }] } } })
    at = `map-${index}`
  })
  operators.push(
    { uid: 'direct-sink', op: 'sink', inputs: [at], name: 'direct' },
    { uid: 'by', op: 'keyBy', inputs: [at], columns: ['s'] },
    {
      uid: 'w',
      op: 'window',
      inputs: ['by'],
      window: { kind: 'tumbling', sizeMs: WINDOW.sizeMs },
      allowedLatenessMs: WINDOW.allowedLatenessMs,
      late: { kind: 'sideOutput', name: 'late' },
      aggregates: WINDOW.aggregates,
    },
    { uid: 'w-sink', op: 'sink', inputs: ['w'], name: 'w-out' },
  )
  return { millrace: 1, name: 'stages', operators }
}

/** Sources that count, lose, repeat, shuffle and restart, with nonsense among it. */
function randomRows(prng: Prng, count: number, disorderMs: number): TestRow[] {
  const is = (probability: number) => prng.next() < probability
  const names = ['a', 'b', 'long name é€😀', '', '__proto__'].slice(0, prng.pick([1, 2, 3, 5]))
  const next = new Map(names.map((name) => [name, prng.pick([0, 1, 500])]))
  const trouble = prng.pick([0, 0.02, 0.1])
  const stepMs = prng.pick([1, 4, 30])
  let now = prng.pick([0, 1_700_000_000_000, -10_000])
  const rows: TestRow[] = []
  while (rows.length < count) {
    now += prng.int(stepMs * 2) + (is(0.01) ? 400 : 0)
    const s = prng.pick(names)
    let q = next.get(s)!
    if (is(trouble)) q += prng.pick([1, 1, 2, 5, 30, 200])
    if (is(trouble)) q = prng.pick([0, 0, 1, 3, q - 1, q - 2, Math.max(0, q - 20)])
    next.set(s, q + 1)
    const row = { t: now - (is(0.5) ? prng.int(disorderMs + 1) : 0), s: is(0.03) ? null : s, q, v: prng.int(100), b: is(0.5) }
    rows.push(
      is(0.03)
        ? { ...row, ...prng.pick<TestRow>([{ q: null }, { q: 1.5 }, { q: Number.NaN }, { q: -0 }, { s: null, q: null, v: null }]) }
        : row,
    )
    if (is(trouble) && rows.length > 1) rows.push(rows[Math.max(0, rows.length - 1 - prng.int(6))]!)
    if (is(trouble) && rows.length > 1) rows.push(...rows.splice(Math.max(0, rows.length - 1 - prng.int(5)), 1))
  }
  return rows
}

/** Rows, findings and panes that must come out. */
function expectedOf({ arrivals, stages }: Case) {
  let at = arrivals
  let findings: object[] = []
  for (const stage of stages) {
    if (stage.op === 'sortByEventTime') at = sorted(at, stage)
    else if (stage.op === 'deduplicate') at = deduplicated(at, stage)
    else {
      findings = findingsOf(at, stage).map(({ source, ...finding }) => ({
        ...Object.fromEntries(stage.source.map((name, index) => [name, source[index]])),
        ...finding,
      }))
    }
  }
  return {
    direct: at.flatMap((arrival) => (arrival.kind === 'record' ? [withNulls(arrival.values)] : [])),
    findings,
    windows: windowsOf(WINDOW, at),
  }
}

function withNulls(row: TestRow): object {
  return { t: row['t'] ?? null, s: row['s'] ?? null, q: row['q'] ?? null, v: row['v'] ?? null, b: row['b'] ?? null }
}

function sinksOf(stages: readonly StageCase[]) {
  const sinks = { direct: collectSink(), 'w-out': collectSink(), late: collectSink() }
  const findings = collectSink()
  return { sinks: { ...sinks, ...(stages.some(({ op }) => op === 'trackSequence') ? { findings } : {}) }, own: sinks, findings }
}

function outcomeOf({ own, findings }: ReturnType<typeof sinksOf>, status: JobStatus): Outcome {
  return { direct: own.direct.rows, findings: findings.rows, late: own.late.rows, panes: actualPanes(own['w-out']), status }
}

async function runOnce({ plan, rows, stages }: Case, options: Options): Promise<Outcome> {
  const bound = sinksOf(stages)
  const run = await start(fromPlan(plan), { ...options, sources: { in: rowsSource(rows) }, sinks: bound.sinks })
  return outcomeOf(bound, await run.finished)
}

function expectAsOracle(stream: Case, result: Outcome): void {
  const expected = expectedOf(stream)
  expectSameBits(result.direct, expected.direct)
  expectSameBits(result.findings, expected.findings)
  const why = paneDifferenceByKey(expected.windows.panes, result.panes, { keys: ['s'], aggregates: WINDOW.aggregates })
  expect(why, why ?? '').toBeNull()
  const { status } = result
  const [window] = status.windows
  expect(window!.recordsIn).toBe(expected.direct.length)
  // Every record is processed, late, filtered or a dead letter.
  expect(status.recordsIn).toBe(window!.processed + status.late + status.filtered + status.deadLetters)
  for (const { stateCount, counts } of status.operators) if (counts['recordsOut'] !== undefined) expect(stateCount).toBe(0)
}

test('sorted, deduplicated and tracked streams are those of the oracle, at every parallelism', async () => {
  await forSeeds('stages.test.ts', 'sorted, deduplicated and tracked streams', 910_001, 400, async (seed) => {
    const stream = randomCase(new Prng(seed), seed % 20 === 0 ? 2_000 : 250)
    expectAsOracle(stream, await runOnce(stream, stream.options))
  })
})

test('batches, rings and parallelism change no row and no finding', async () => {
  await forSeeds('stages.test.ts', 'batches, rings and parallelism', 920_001, 40, async (seed) => {
    const stream = randomCase(new Prng(seed), 400)
    const first = await runOnce(stream, { ...stream.options, parallelism: 1 })
    for (const parallelism of [2, 3, 4]) {
      const other = await runOnce(stream, { ...stream.options, batchRows: 3, parallelism })
      expectSameBits(other.direct, first.direct)
      expectSameBits(other.findings, first.findings)
    }
  })
})

test('stops and restarts anywhere, at another parallelism, change no row and no finding', async () => {
  await forSeeds('stages.test.ts', 'stops and restarts anywhere', 930_001, 150, async (seed) => {
    const prng = new Prng(seed)
    const stream = randomCase(prng, 300)
    const bound = sinksOf(stream.stages)
    const checkpoints = { store: memoryCheckpoints(), every: '1h' } as const
    const job = fromPlan(stream.plan)
    let status: JobStatus | null = null
    // Each life reads some more rows; the source ends where the life does, and says that nothing is ready.
    for (let count = prng.int(stream.rows.length); status === null; count += 1 + prng.int(stream.rows.length)) {
      const isLast = count >= stream.rows.length
      const { source, reached } = pausedRows(stream.rows, isLast ? Number.POSITIVE_INFINITY : count)
      const options = { ...stream.options, ...optionsOf(prng) }
      const run = await start(job, { ...options, sources: { in: source }, sinks: bound.sinks, checkpoints })
      if (isLast) status = await run.finished
      else {
        await reached
        await run.stop()
      }
    }
    expectAsOracle(stream, outcomeOf(bound, status))
  })
})

test('checkpoints all the time change no row and no finding', async () => {
  await forSeeds('stages.test.ts', 'checkpoints all the time', 940_001, 30, async (seed) => {
    const stream = randomCase(new Prng(seed), 1_000)
    const bound = sinksOf(stream.stages)
    const run = await start(fromPlan(stream.plan), {
      ...stream.options,
      batchRows: 5,
      ringSlots: 2,
      sources: { in: rowsSource(stream.rows) },
      sinks: bound.sinks,
      checkpoints: { store: memoryCheckpoints(), every: '1ms' },
    })
    expectAsOracle(stream, outcomeOf(bound, await run.finished))
  })
})

/** The rows up to a place, where the reader stays: a live source, so that a stop takes it as it is. */
function pausedRows(rows: readonly object[], count: number) {
  const { promise: reached, resolve } = Promise.withResolvers<void>()
  const whole = rowsSource(rows)
  const source: typeof whole = {
    ...whole,
    isBounded: count === Number.POSITIVE_INFINITY,
    async splits(context) {
      const [split] = await whole.splits(context)
      return [
        {
          splitId: split!.splitId,
          async open(position) {
            const reader = await split!.open(position)
            return {
              ...reader,
              read(builder, rowsMax) {
                const rest = count - Number(reader.position()['row'])
                if (rest > 0) return reader.read(builder, Math.min(rest, rowsMax))
                resolve()
                return 'more'
              },
            }
          },
        },
      ]
    },
  }
  return { source, reached }
}
