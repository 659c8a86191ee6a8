/**
 * Scenarios of the pane kernel: the troubles of another scenario, with random legal windows of every kind in the place of its own.
 *
 * Before: scenario.ts. After: simulate.ts lives it like any other.
 * The windows are those of test/property/window-plans; a custom aggregate, whose state lies outside the kernel, is sometimes among theirs.
 *
 * Invariant: all times of a scenario are event time of bounded sources, so that every result follows from the rows alone.
 */

import { exactText } from '../oracle/panes/aggregates.ts'
import type { PaneEvent, Row } from '../oracle/panes/plan.ts'
import { outcomeDifference, type PaneOutcome } from '../property/pane-run.ts'
import { CASE_SCHEMA, isCount, randomWindowCase, WINDOW_KINDS, type WindowCase } from '../property/window-plans.ts'
import { planOf, type WindowPart } from '../support/plans.ts'
import type { Prng } from '../support/prng.ts'
import { arrivalsOf } from '../support/streams.ts'
import type { Scenario } from './scenario.ts'

/** Custom windows need functions, which scenarios have not; trading days leave out most of a stream. */
const KINDS = WINDOW_KINDS.filter((kind) => kind !== 'custom' && kind !== 'tradingDay')

/** Columns of the keys in rows of the late sink. */
const LATE_COLUMNS: Readonly<Record<string, number>> = { k: 2, j: 3 }

export function withPanes(prng: Prng, scenario: Scenario): Scenario {
  const is = (probability: number) => prng.next() < probability
  const cases = casesOf(prng, is(0.2) ? 2 : 1)
  const { unitMs } = cases[0]!
  const time = { delayMs: prng.pick([0, 0, 1, 6, 30]) * unitMs, everyRecords: prng.pick([1, 1, 2, 5, 16, 64]) }
  const rows = rowsOf(prng, cases)
  const hasCustom = is(0.25)
  const parts = cases.map((windowCase, index) => partOf(windowCase, { index, hasCustom }))
  const splitCount = scenario.splits.length
  const isRescaled = scenario.lives.some(({ parallelism }) => parallelism !== scenario.parallelism)
  return {
    ...scenario,
    plan: planOf({ name: 'simulated', schema: CASE_SCHEMA, time: 't', ...time, windows: parts }),
    functions: new Map(hasCustom ? parts.map(({ name }) => [`${name}.aggregate.texts`, TEXTS]) : []),
    sinkNames: parts.flatMap(({ name, lateSink }) => [`${name}-out`, ...(lateSink === undefined ? [] : [lateSink])]),
    keyColumns: new Map<string, readonly number[]>([
      ...cases.map(({ keys }, index): [string, number[]] => [`w${index}-out`, keys.map((_, key) => 2 + key)]),
      ['late', cases[0]!.keys.map((key) => LATE_COLUMNS[key]!)],
    ]),
    splits: Array.from({ length: splitCount }, (_, split) => rows.filter((_row, at) => at % splitCount === split)),
    isLive: false,
    comparison: isRescaled ? 'every key' : 'every byte',
    oracle: splitCount === 1 && cases.length === 1 ? oracleOf(cases[0]!, { rows, time, hasCustom }) : null,
  }
}

/** An accumulator that says in which order its records came. */
const TEXTS = {
  create: (): (string | null)[] => [],
  add: (texts: (string | null)[], row: Row): (string | null)[] => [...texts, row['s'] as string | null],
  merge: (a: (string | null)[], b: (string | null)[]): (string | null)[] => [...a, ...b],
  result: (texts: (string | null)[]): string => texts.join('|'),
}

/** Cases of one unit of time, so that their rows suit each other. */
function casesOf(prng: Prng, count: number): WindowCase[] {
  const first = randomWindowCase(prng, { isJob: true, kinds: KINDS })
  const cases = [first]
  while (cases.length < count) {
    const other = randomWindowCase(prng, { isJob: true, kinds: KINDS })
    if (other.unitMs === first.unitMs) cases.push(other)
  }
  return cases
}

/** The streams of some cases behind each other, so that a job lives long enough to be killed. */
function rowsOf(prng: Prng, cases: readonly WindowCase[]): Row[] {
  const { kind, unitMs } = cases[0]!
  const streams = cases.map(({ events }) => events)
  for (let more = prng.pick([0, 1, 3]); more > 0; ) {
    const { events, unitMs: unitOf } = randomWindowCase(prng, { isJob: true, kind })
    if (unitOf !== unitMs) continue
    streams.push(events)
    more--
  }
  const rows: Row[] = []
  let nextMs: number | null = null
  for (const events of streams) {
    const own = events.flatMap((event) => (event.kind === 'record' ? [event.row] : []))
    const shiftMs: number = nextMs === null ? 0 : nextMs - Number(own[0]!['t'])
    for (const row of own) rows.push({ ...row, id: rows.length, t: Number(row['t']) + shiftMs })
    nextMs = own.reduce((most, { t }) => Math.max(most, Number(t) + shiftMs), nextMs ?? Number.NEGATIVE_INFINITY)
  }
  return rows
}

function partOf(
  { kind, plan, shape, keys }: WindowCase,
  { index, hasCustom }: { readonly index: number; readonly hasCustom: boolean },
): WindowPart {
  const { window: _, allowedLatenessMs = 0, aggregates, ...more } = plan
  const canBeLate = index === 0 && !isCount(kind) && kind !== 'global'
  return {
    name: `w${index}`,
    keys,
    allowedLatenessMs,
    aggregates: hasCustom ? { ...aggregates, texts: { fn: 'custom', function: true } as never } : aggregates,
    ...(canBeLate ? { lateSink: 'late' } : {}),
    more: { ...more, window: shape },
  }
}

/** What the oracle holds against a run; where a custom aggregate decides whether a result has changed, it cannot say. */
function oracleOf(
  windowCase: WindowCase,
  {
    rows,
    time,
    hasCustom,
  }: {
    readonly rows: readonly Row[]
    readonly time: { readonly delayMs: number; readonly everyRecords: number }
    readonly hasCustom: boolean
  },
): Scenario['oracle'] {
  if (hasCustom && windowCase.plan.accumulation === 'retracting') return null
  const { arrivals } = arrivalsOf(rows, { time: 't', ...time, keys: windowCase.keys, schema: CASE_SCHEMA })
  const events = arrivals.map(
    (arrival): PaneEvent =>
      arrival.kind === 'watermark' ? arrival : { kind: 'record', timeMs: arrival.timeMs, key: arrival.key, row: arrival.values },
  )
  return (outcome: PaneOutcome) => {
    const why = outcomeDifference({ ...windowCase, events }, outcome)
    return why === null ? null : `${why}\n${exactText(windowCase.plan)}`
  }
}
