/**
 * Random streams with everything that is hard about them, the plan that reads them, and what of them reaches a window.
 *
 * Before: a seed. After: property tests run the plan on the product and hold the result against the oracle's.
 *
 * Invariant: a case is a function of its seed alone; which rows are filtered, refused or followed by a watermark is computed
 * here from the rules, not from the product.
 */

import type { Arrival, Cell, OracleAggregate, OraclePlan } from '../oracle/windows.ts'
import { call, column, planOf, type Tree, type Type } from './plans.ts'
import type { Prng } from './prng.ts'

export type TestRow = Readonly<Record<string, Cell>>

export interface TimeRules {
  readonly time: string
  readonly delayMs: number
  readonly everyRecords: number
  readonly keys: readonly string[]
  readonly schema: Readonly<Record<string, Type>>
  /** Rows for which it is false move no watermark and reach no window. */
  readonly passesFirst?: (row: TestRow) => boolean
  /** Rows for which it is false move the watermark and reach no window. */
  readonly passes?: (row: TestRow) => boolean
}

export interface Arrivals {
  readonly arrivals: readonly Arrival[]
  readonly filteredCount: number
  readonly deadLetterCount: number
}

const TIME_MAX_MS = 8.64e15

/** Puts watermarks where the rules want them: after every n-th record largest time − delay − 1; at the end, infinity. */
export function arrivalsOf(rows: readonly TestRow[], rules: TimeRules): Arrivals {
  const arrivals: Arrival[] = []
  let filteredCount = 0
  let deadLetterCount = 0
  let recordCount = 0
  let maxMs = Number.NEGATIVE_INFINITY
  for (const row of rows) {
    if (!fits(row, rules.schema)) {
      deadLetterCount++
      continue
    }
    recordCount++
    const raw = row[rules.time] ?? null
    const timeMs = Math.floor(raw as number)
    if (rules.passesFirst?.(row) === false) filteredCount++
    else if (raw === null || !(Math.abs(timeMs) <= TIME_MAX_MS)) deadLetterCount++
    else {
      maxMs = Math.max(maxMs, timeMs)
      if (rules.passes?.(row) === false) filteredCount++
      else arrivals.push({ kind: 'record', timeMs, key: rules.keys.map((name) => row[name] ?? null), values: row })
    }
    if (recordCount % rules.everyRecords === 0 && maxMs > Number.NEGATIVE_INFINITY) {
      arrivals.push({ kind: 'watermark', watermarkMs: maxMs - rules.delayMs - 1 })
    }
  }
  arrivals.push({ kind: 'watermark', watermarkMs: Number.POSITIVE_INFINITY })
  return { arrivals, filteredCount, deadLetterCount }
}

function fits(row: TestRow, schema: Readonly<Record<string, Type>>): boolean {
  return Object.entries(schema).every(([name, type]) => {
    const cell = row[name] ?? null
    if (cell === null) return true
    if (type === 'utf8') return typeof cell === 'string'
    if (type === 'bool') return typeof cell === 'boolean'
    return typeof cell === 'number' && (type !== 'i32' || (cell | 0) === cell)
  })
}

export interface StreamCase extends Arrivals {
  readonly rows: readonly TestRow[]
  readonly keys: readonly string[]
  readonly plan: object
  readonly oracle: OraclePlan
  /** How to run it: legal options that must not change the result. */
  readonly batchRows: number
  readonly ringSlots: number
  readonly parallelism: number
}

/** A case of at most `rowsMax` rows. */
export function randomCase(prng: Prng, rowsMax = 300): StreamCase {
  const is = (probability: number) => prng.next() < probability
  const keys = Array.from({ length: prng.pick([0, 1, 1, 1, 1, 2, 3]) }, (_, index) => `k${index}`)
  const types = keys.map(() => prng.pick<Type>(['utf8', 'utf8', 'f64', 'i32', 'bool', 'timestamp']))
  const schema: Record<string, Type> = {
    t: 'timestamp',
    v: 'f64',
    w: 'i32',
    ...Object.fromEntries(keys.map((name, index) => [name, types[index]!])),
  }

  const shape = randomWindow(prng)
  const allowedLatenessMs = is(0.4) ? 0 : prng.int(shape.sizeMs * prng.pick([1, 4, 20]) + 2)
  const disorderMs = prng.pick([0, 1, shape.sizeMs, shape.sizeMs * 3, shape.sizeMs * 8, 100])
  const delayMs = prng.pick([0, 0, 1, Math.floor(disorderMs / 8), Math.floor(disorderMs / 2), disorderMs, disorderMs * 2])
  const everyRecords = prng.pick([1, 1, 1, 2, 3, 7, 20, 64, 1024, 1 + prng.int(200)])
  const oracle: OraclePlan = { ...shape, allowedLatenessMs, aggregates: randomAggregates(prng, keys, types) }
  const filter = randomFilter(prng)
  const isFirst = is(0.5)

  const rows = randomRows(prng, {
    schema,
    keys,
    types,
    disorderMs,
    rowCount: 1 + prng.int(prng.pick([3, 60, rowsMax, rowsMax, rowsMax])),
    stepMs: shape.sizeMs / prng.pick([0.5, 2, 4, 10, 40]),
  })
  const plan = planOf({
    schema,
    time: 't',
    delayMs,
    everyRecords,
    ...(filter !== null && isFirst ? { whereFirst: filter.tree } : {}),
    windows: [
      {
        name: 'w',
        keys,
        sizeMs: shape.sizeMs,
        offsetMs: shape.offsetMs,
        allowedLatenessMs,
        lateSink: 'late',
        aggregates: oracle.aggregates,
        ...(shape.isTumbling ? {} : { slideMs: shape.slideMs }),
        ...(filter !== null && !isFirst ? { where: filter.tree } : {}),
      },
    ],
  })
  const rules = {
    time: 't',
    delayMs,
    everyRecords,
    keys,
    schema,
    ...(filter === null ? {} : isFirst ? { passesFirst: filter.passes } : { passes: filter.passes }),
  }
  return {
    ...arrivalsOf(rows, rules),
    rows,
    keys,
    plan,
    oracle,
    batchRows: prng.pick([1, 2, 7, 64, 256]),
    ringSlots: prng.pick([2, 4, 8, 64]),
    parallelism: 1 + prng.int(4),
  }
}

interface RandomWindow extends Pick<OraclePlan, 'sizeMs' | 'slideMs' | 'offsetMs'> {
  readonly isTumbling: boolean
}

function randomWindow(prng: Prng): RandomWindow {
  const sizeMs = prng.pick([1, 2, 10, 60, 1_000, 60_000, 3_600_000, 86_400_000, 1 + prng.int(500)])
  const isTumbling = prng.next() < 0.4
  // Slides that divide the size, that do not, and that exceed it; windows of at most some 24 overlaps.
  const least = Math.max(1, Math.ceil(sizeMs / 24))
  const part = (share: number) => Math.max(least, Math.floor(sizeMs * share))
  const slides = [
    sizeMs,
    part(1 / 2),
    part(1 / 3),
    part(2 / 3),
    part(1 / 12),
    least + prng.int(sizeMs),
    least + prng.int(sizeMs),
    sizeMs + prng.int(sizeMs * 3 + 5),
  ]
  const slideMs = isTumbling ? sizeMs : prng.pick(slides.filter((slide) => sizeMs / divisor(sizeMs, slide) <= 5_000))
  const offsetMs = prng.next() < 0.5 ? 0 : prng.int(slideMs * 2 - 1) - (slideMs - 1)
  return { sizeMs, slideMs, offsetMs, isTumbling }
}

function divisor(a: number, b: number): number {
  return b === 0 ? a : divisor(b, a % b)
}

function randomAggregates(prng: Prng, keys: readonly string[], types: readonly Type[]): Record<string, OracleAggregate> {
  const all: OracleAggregate[] = [{ fn: 'count' }, { fn: 'count', column: 'v' }]
  for (const name of ['v', 'v', 'w', 't']) {
    for (const fn of ['sum', 'min', 'max', 'mean', 'first', 'last'] as const) all.push({ fn, column: name })
    for (const fn of ['variance', 'stddev'] as const) all.push({ fn, column: name }, { fn, column: name, population: true })
    all.push({ fn: 'sum', column: name, compensated: true })
  }
  keys.forEach((name, index) => {
    if (types[index] !== 'bool') all.push({ fn: 'count', column: name })
  })
  return Object.fromEntries(Array.from({ length: 1 + prng.int(6) }, (_, index) => [`a${index}`, prng.pick(all)]))
}

interface RandomFilter {
  readonly tree: Tree
  readonly passes: (row: TestRow) => boolean
}

function randomFilter(prng: Prng): RandomFilter | null {
  const bound = prng.int(200) - 100
  return prng.pick<RandomFilter | null>([
    null,
    null,
    null,
    null,
    null,
    { tree: call('gt', column('v'), bound), passes: ({ v }) => typeof v === 'number' && v > bound },
    { tree: call('not', call('isNull', column('w'))), passes: ({ w }) => typeof w === 'number' },
    { tree: call('le', call('coalesce', column('w'), bound), bound), passes: ({ w }) => ((w ?? bound) as number) <= bound },
    {
      tree: call('and', call('lt', column('w'), bound), call('isNull', column('v'))),
      passes: ({ v, w }) => typeof w === 'number' && w < bound && (v ?? null) === null,
    },
  ])
}

interface RowRules {
  readonly schema: Readonly<Record<string, Type>>
  readonly keys: readonly string[]
  readonly types: readonly Type[]
  readonly disorderMs: number
  readonly rowCount: number
  readonly stepMs: number
}

function randomRows(prng: Prng, { keys, types, disorderMs, rowCount, stepMs }: RowRules): TestRow[] {
  const is = (probability: number) => prng.next() < probability
  const keyCount = prng.pick([1, 1, 2, 2, 3, 5, 20, 100, 1_000, 5_000])
  const pools = types.map((type) => Array.from({ length: Math.max(1, keyCount) }, (_, index) => keyCell(prng, type, index)))
  const hasNulls = is(0.5)
  const hasSpecials = is(0.4)
  const hasFractions = is(0.1)
  const hasRefused = is(0.2)
  const gap = prng.pick([0, 0, 0.01, 0.1])
  let now = prng.pick([0, 1_700_000_000_000, -50_000_000_000, -1_000, 8.64e15 - 50_000, -8.64e15 + 10, prng.int(1_000_000)])
  const rows: TestRow[] = []
  let latest = now
  for (let row = 0; row < rowCount; row++) {
    now += Math.floor(prng.next() * stepMs * 2)
    if (is(gap)) now += Math.floor(prng.next() * stepMs * prng.pick([50, 5_000, 1_000_000]))
    now = Math.min(now, TIME_MAX_MS)
    const time = is(0.1)
      ? latest
      : Math.max(-TIME_MAX_MS, now - (is(0.5) ? Math.floor(prng.next() * (disorderMs + 1)) : 0) - (is(0.02) ? disorderMs * 40 : 0))
    latest = time
    const cells: Record<string, Cell> = { t: hasFractions && Math.abs(time) < 1e14 ? time + prng.pick([0, 0.25, 0.999]) : time }
    if (hasRefused && is(0.05)) cells['t'] = prng.pick([null, Number.NaN, Number.POSITIVE_INFINITY, 8.64e15 + 2, -8.64e15 - 2])
    if (!(hasNulls && is(0.2)))
      cells['v'] = hasSpecials && is(0.1) ? prng.pick([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0]) : value(prng)
    else if (is(0.5)) cells['v'] = null
    if (!(hasNulls && is(0.2))) cells['w'] = is(0.05) ? prng.pick([2 ** 31 - 1, -(2 ** 31)]) : prng.int(400) - 200
    if (hasRefused && is(0.02)) cells['w'] = prng.pick<Cell>([1.5, 'seven', true, 2 ** 31])
    keys.forEach((name, index) => {
      const cell = prng.pick(pools[index]!)
      if (!(hasNulls && is(0.1))) cells[name] = cell
    })
    rows.push(cells)
  }
  return rows
}

function value(prng: Prng): number {
  return prng.pick([() => prng.int(100), () => (prng.next() - 0.5) * 200, () => (prng.next() - 0.5) * 1e9, () => prng.next() * 1e-6])()
}

function keyCell(prng: Prng, type: Type, index: number): Cell {
  switch (type) {
    case 'utf8':
      return index === 0 ? prng.pick(['', 'null', '__proto__', 'é€😀', 'key']) : `key-${index}`
    case 'bool':
      return index % 2 === 0
    case 'f64':
      return index === 0
        ? prng.pick([0, -0, Number.NaN, Number.POSITIVE_INFINITY, 0.1])
        : index === 1
          ? prng.pick([-0, 0, Number.NaN])
          : index / 7
    case 'i32':
      return index === 0 ? prng.pick([0, 2 ** 31 - 1, -(2 ** 31)]) : index - 3
    case 'timestamp':
      return index * 86_400_000 - 3
    default: {
      const never: never = type
      throw new RangeError(`Unknown type ${String(never)}`)
    }
  }
}
