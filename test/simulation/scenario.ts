/**
 * A job, its input and its troubles, all decided by one seed.
 *
 * Before: a seed. After: simulate.ts lives it.
 *
 * Invariant: live sources are given delays that exceed their disorder, so that results do not depend on when watermarks are evaluated,
 * unless a split may go idle: then only the counts must add up.
 */

import { call, column, planOf, type WindowPart } from '../support/plans.ts'
import { Prng } from '../support/prng.ts'
import type { PaneOutcome } from '../property/pane-run.ts'
import { withPanes } from './pane-scenario.ts'
import { type CrashPlan, type FaultRates, NO_FAULTS } from './world.ts'

export type SimRow = Readonly<Record<string, number | string | boolean | null>>

/** What must be equal to the run without faults: with another parallelism, and on live sources, the order for each key. */
export type Comparison = 'every byte' | 'every key' | 'counts'

/** One life of the job. */
export interface LifePlan {
  readonly rates: FaultRates
  readonly crash: CrashPlan | null
  readonly damagesNewest: boolean
  readonly parallelism: number
  readonly batchRows: number
  readonly ringSlots: number
  readonly everyMs: number
  /** Asked for at these virtual milliseconds after the start. */
  readonly demandAtMs: number | null
  readonly stopAtMs: number | null
  /** How unfair the scheduler is: share of turns that a task is left out. */
  readonly starve: number
}

export interface Scenario {
  readonly plan: object
  /** JavaScript functions of the plan by their keys. */
  readonly functions: ReadonlyMap<string, unknown>
  readonly sinkNames: readonly string[]
  /** Columns of a line that are its key, by sink; null: the order of lines means nothing. */
  readonly keyColumns: ReadonlyMap<string, readonly number[] | null>
  readonly splits: readonly (readonly SimRow[])[]
  readonly isLive: boolean
  /** Whether a split says `end` apart from its last rows. */
  readonly endsApart: boolean
  readonly keyGroupCount: number
  readonly parallelism: number
  readonly comparison: Comparison
  readonly reading: { readonly idle: number; readonly async: number; readonly slowMs: number; readonly rowsMax: number }
  readonly lives: readonly LifePlan[]
  /** What is wrong with the results of a run without faults; null: no oracle knows them. */
  readonly oracle: ((outcome: PaneOutcome) => string | null) | null
}

const PLACES = [
  'store commit begins',
  'store commit is done',
  'store commit is done',
  'store write chunk begins',
  'store write chunk is done',
  'sink prepare begins',
  'sink prepare is done',
  'sink commit begins',
  'sink commit is done',
  'sink commit is done',
  'sink finish begins',
  'sink finish is done',
  'position',
  'store open is done',
  'store list is done',
  'sink open is done',
  'split open begins',
  'asynchronous read',
  'slow sink write',
] as const

export function scenarioOf(prng: Prng): Scenario {
  const is = (probability: number) => prng.next() < probability
  const isLive = is(0.2)
  const mayIdle = isLive && is(0.4)
  const splitCount = prng.pick([1, 1, 2, 3])
  const sizeMs = prng.pick([3, 10, 50, 100, 1_000])
  const disorderMs = prng.pick([0, Math.ceil(sizeMs / 2), sizeMs * 2, sizeMs * 5])
  const delayMs = isLive ? disorderMs * 2 + 1 : prng.pick([0, Math.floor(disorderMs / 2), disorderMs])
  const everyRecords = prng.pick([1, 2, 5, 16, 64])
  const keys = prng.pick([[], ['k'], ['k'], ['k'], ['n'], ['k', 'n']])
  const rowCount = prng.pick([20, 80, 200, 400])
  const hasDirectSink = is(0.25)
  const windows = Array.from({ length: is(0.25) ? 2 : 1 }, (_, index): WindowPart => {
    const size = index === 0 ? sizeMs : sizeMs * 3
    return {
      name: `w${index}`,
      keys,
      sizeMs: size,
      ...(is(0.5) ? { slideMs: Math.max(1, Math.floor(size / prng.pick([1, 2, 3, 5]))) } : {}),
      ...(is(0.2) ? { where: call('gt', column('n'), 0) } : {}),
      allowedLatenessMs: prng.pick([0, size, size * 4]),
      ...(index === 0 && is(0.7) ? { lateSink: 'late' } : {}),
      aggregates: {
        rows: { fn: 'count' },
        total: { fn: 'sum', column: 'v' },
        most: { fn: 'max', column: 'v' },
        ...(isLive
          ? {}
          : { middle: { fn: 'mean', column: 'v' }, spread: { fn: 'variance', column: 'v' }, newest: { fn: 'last', column: 'v' } }),
      },
    }
  })
  const plan = planOf({
    name: 'simulated',
    schema: { t: 'timestamp', k: 'utf8', n: 'i32', v: 'f64' },
    time: 't',
    delayMs,
    everyRecords,
    windows,
    ...(is(0.3) ? { whereFirst: call('lt', column('n'), 5) } : {}),
  })
  const time = plan.operators.find((operator) => 'op' in operator && operator.op === 'eventTime') as { watermark: object }
  // Numbers of its own, so that seeds keep the rest of their scenarios.
  const strategy = new Prng(sizeMs * 7_919 + disorderMs * 31 + rowCount + everyRecords)
  if (mayIdle) time.watermark = { ...time.watermark, idleAfterMs: 30 }
  if (!isLive) time.watermark = strategyOf(strategy, { delayMs, everyRecords, sizeMs })
  if (hasDirectSink) plan.operators.push({ uid: 'direct-sink', op: 'sink', name: 'direct', inputs: ['time'] })
  const sinkNames = [
    ...windows.flatMap(({ name, lateSink }) => [`${name}-out`, ...(lateSink === undefined ? [] : [lateSink])]),
    ...(hasDirectSink ? ['direct'] : []),
  ]
  const keyColumns = new Map<string, readonly number[] | null>()
  for (const { name } of windows)
    keyColumns.set(
      `${name}-out`,
      keys.map((_, index) => 2 + index),
    )
  keyColumns.set(
    'late',
    keys.map((key) => (key === 'k' ? 1 : 2)),
  )
  keyColumns.set('direct', isLive ? null : [])
  const keyGroupCount = prng.pick([4, 16, 128])
  const parallelism = prng.pick([1, 1, 2, 3, 4])
  const rescales = is(0.25)
  const lifeCount = prng.pick([1, 2, 2, 3, 3, 5])
  const lives = Array.from({ length: lifeCount }, () => lifeOf(prng, rescales ? prng.pick([1, 2, 3, 4]) : parallelism, rowCount))
  const scenario: Scenario = {
    plan,
    functions: new Map(),
    oracle: null,
    sinkNames,
    keyColumns,
    splits: Array.from({ length: splitCount }, () => rowsOf(prng, Math.ceil(rowCount / splitCount), { sizeMs, disorderMs, isLive })),
    isLive,
    endsApart: is(0.5),
    keyGroupCount,
    parallelism,
    comparison: mayIdle ? 'counts' : isLive || rescales ? 'every key' : 'every byte',
    reading: {
      idle: prng.pick([0, 0.05, 0.3]),
      async: prng.pick([0, 0.1, 0.5]),
      slowMs: prng.pick([1, 10, 40]),
      rowsMax: prng.pick([1, 3, 20, 500]),
    },
    lives: [
      ...lives,
      {
        ...lifeOf(prng, rescales ? prng.pick([1, 2, 3, 4]) : parallelism, rowCount),
        rates: { ...NO_FAULTS, slowMs: 1 },
        crash: null,
        damagesNewest: false,
        stopAtMs: null,
      },
    ],
  }
  const own = new Prng(prng.int(2 ** 31))
  const roll = own.next()
  if (roll < 0.4) return withPanes(own, scenario)
  // When splits fall idle and wake again, any record may be late: what operators drop then has no fixed number.
  return roll < 0.65 && !mayIdle ? withStages(own, scenario, { sizeMs, disorderMs, isLive }) : scenario
}

/**
 * The scenario with operators that keep state between event time and everything behind it.
 *
 * On live sources watermarks lie anywhere, so only what does not depend on them: sorting without late records, duplicates of which all are
 * remembered. Sorting splits that arrive in any order has no fixed order of equal times.
 */
function withStages(
  prng: Prng,
  scenario: Scenario,
  { sizeMs, disorderMs, isLive }: { readonly sizeMs: number; readonly disorderMs: number; readonly isLive: boolean },
): Scenario {
  const { operators, ...plan } = scenario.plan as {
    readonly operators: readonly { readonly uid: string; readonly inputs?: readonly string[] }[]
  }
  const withinMs = isLive ? disorderMs * 100 + 100 : prng.pick([1, sizeMs, sizeMs * 5])
  const sort = {
    op: 'sortByEventTime',
    late: prng.pick(['pass', 'drop']),
    bufferRecordsMax: isLive ? 10_000 : prng.pick([2, 30, 10_000]),
    whenFull: 'release',
  }
  const distinct = {
    op: 'deduplicate',
    by: prng.pick([
      ['k', 'n', 't'],
      ['k', 't'],
      ['n', 't'],
    ]),
    withinMs,
    late: prng.pick(['pass', 'drop']),
  }
  const track = {
    op: 'trackSequence',
    source: ['k'],
    sequence: 'n',
    reorderWindow: prng.pick([0, 2, 5]),
    silentAfterMs: prng.pick([1, sizeMs]),
    forgetAfterMs: sizeMs * 20,
    findingsTo: 'findings',
  }
  // Duplicates among several live splits: which is the first is open, so they must be equal in every column.
  const all = { ...distinct, by: ['k', 'n', 't', 'v'] }
  const stages = isLive
    ? prng.pick([[sort], [all], [all, sort]])
    : prng.pick([[sort], [distinct], [track], [sort, track], [distinct, sort, track], [sort, distinct]])
  const added = stages.map((stage, index) => ({ ...stage, uid: `stage-${index}`, inputs: [index === 0 ? 'time' : `stage-${index - 1}`] }))
  const last = added.at(-1)!.uid
  const behind = operators.map((operator) => (operator.inputs?.[0] === 'time' ? { ...operator, inputs: [last] } : operator))
  const hasFindings = stages.includes(track)
  return {
    ...scenario,
    plan: { ...plan, operators: [...behind, ...added] },
    sinkNames: [...scenario.sinkNames, ...(hasFindings ? ['findings'] : [])],
    keyColumns: new Map([...scenario.keyColumns, ['findings', []]]),
  }
}

/** Strategies of which what is late follows from the records alone. */
function strategyOf(
  prng: Prng,
  { delayMs, everyRecords, sizeMs }: { readonly delayMs: number; readonly everyRecords: number; readonly sizeMs: number },
): object {
  const learned = { p: prng.pick([0.5, 0.9, 1]), windowRecords: prng.pick([1, 10, 100]) }
  const strategy = prng.pick<object>([
    { kind: 'boundedOutOfOrderness', delayMs },
    { kind: 'boundedOutOfOrderness', delayMs },
    { kind: 'boundedOutOfOrderness', delayMs },
    { kind: 'percentile', ...learned },
    { kind: 'predicted', ...learned },
    { kind: 'punctuated', when: call('lt', column('n'), 0), time: call('sub', column('t'), delayMs) },
  ])
  return { ...strategy, everyRecords, ...(prng.int(4) === 0 ? { maxDriftMs: prng.pick([0, sizeMs, sizeMs * 10]) } : {}) }
}

function lifeOf(prng: Prng, parallelism: number, rowCount: number): LifePlan {
  const is = (probability: number) => prng.next() < probability
  const place = is(0.6) ? prng.pick(PLACES) : null
  const count = place === null ? 1 + prng.int(rowCount * 6) : 1 + prng.int(prng.pick([1, 4, 12]))
  return {
    rates: {
      storeFails: prng.pick([0, 0.05, 0.3]),
      sinkFails: prng.pick([0, 0, 0, 0.03]),
      sourceFails: prng.pick([0, 0, 0, 0.003]),
      slowMs: prng.pick([0, 1, 5, 30]),
    },
    crash: is(0.85) ? { place, count, isZombie: is(place?.startsWith('store') === true ? 0.7 : 0.12) } : null,
    damagesNewest: is(0.2),
    parallelism,
    batchRows: prng.pick([1, 2, 5, 32, 256]),
    ringSlots: prng.pick([2, 2, 4, 16]),
    everyMs: prng.pick([1, 3, 10, 40]),
    demandAtMs: is(0.2) ? prng.int(100) : null,
    stopAtMs: is(0.15) ? prng.int(150) : null,
    starve: prng.pick([0, 0.2, 0.6]),
  }
}

function rowsOf(
  prng: Prng,
  count: number,
  { sizeMs, disorderMs, isLive }: { readonly sizeMs: number; readonly disorderMs: number; readonly isLive: boolean },
): SimRow[] {
  const is = (probability: number) => prng.next() < probability
  const keyCount = prng.pick([1, 3, 20])
  const stepMs = sizeMs / prng.pick([2, 5, 20])
  const hasWild = !isLive && is(0.5)
  const hasRefused = is(0.4)
  let now = prng.pick([0, -500, 1_700_000_000_000])
  return Array.from({ length: count }, () => {
    now += Math.floor(prng.next() * stepMs * 2)
    const back = Math.floor(prng.next() * (disorderMs + 1)) * (hasWild && is(0.05) ? 10 : 1)
    const row = {
      t: now - back,
      k: is(0.05) ? null : prng.pick(['__proto__', `key-${prng.int(keyCount)}`, `key-${prng.int(keyCount)}`]),
      n: prng.int(10) - 3,
      v: isLive ? prng.int(1_000) : prng.next() * 100 - 50,
    }
    if (hasRefused && is(0.05)) return { ...row, ...prng.pick<SimRow>([{ t: null }, { t: 9e15 }, { n: 1.5 }, { k: 7 }]) }
    return row
  })
}
