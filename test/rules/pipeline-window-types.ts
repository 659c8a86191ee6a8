/**
 * What the type checker must accept and refuse of windows, triggers and aggregates. Checked by `tsc`, never run.
 *
 * Before: the public declarations. After: nothing; an error that is no longer one fails the type check (`@ts-expect-error`).
 */

import {
  anyOf,
  anyTrue,
  argMax,
  argMin,
  bool,
  collect,
  col,
  concat,
  correlation,
  count,
  countDistinct,
  customAggregate,
  customTrigger,
  customWindow,
  deltaEvictor,
  early,
  f64,
  globalWindow,
  histogram,
  i32,
  inOrder,
  median,
  mode,
  monotonous,
  onCount,
  onRecord,
  onWatermark,
  orFinally,
  pipeline,
  purging,
  repeatedly,
  schema,
  session,
  type SinkRow,
  stateWindow,
  sum,
  timestamp,
  topK,
  tumbling,
  utf8,
  when,
} from '../../runtime/index.ts'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
declare function same<A, B>(...differ: Equal<A, B> extends true ? [] : [never]): void

const timed = pipeline('p')
  .source('in', schema({ device: utf8(), at: timestamp(), celsius: f64(), n: i32(), ok: bool() }))
  .eventTime('at', monotonous())
const windowed = timed.keyBy('device').window(tumbling('1m'))

// Results have the types of their aggregates.
const all = windowed
  .aggregate({
    n: count(),
    distinct: countDistinct('device'),
    middle: median('celsius'),
    bars: histogram('celsius', [0, 10]),
    top: topK('device', 3),
    best: topK('device', 3, { by: 'celsius' }),
    usual: mode('ok'),
    hottest: argMax('device', 'celsius'),
    coldestAt: argMin('at', 'celsius'),
    values: collect('celsius'),
    names: concat('device'),
    isAny: anyTrue('ok'),
    product: customAggregate({
      create: () => 1,
      add: (value: number, row: { readonly n: number | null }) => value * (row.n ?? 1),
      merge: (a, b) => a * b,
      result: (value) => ({ value }),
    }),
  })
  .sink('out')
interface AllRow {
  readonly windowStart: number
  readonly windowEnd: number
  readonly device: string
  readonly n: number
  readonly distinct: number
  readonly middle: number
  readonly bars: readonly number[]
  readonly top: readonly { readonly value: string; readonly count: number }[]
  readonly best: readonly { readonly value: string; readonly by: number }[]
  readonly usual: boolean
  readonly hottest: string
  readonly coldestAt: number
  readonly values: readonly number[]
  readonly names: string
  readonly isAny: boolean
  readonly product: { value: number }
}
same<SinkRow<typeof all, 'out'>, { [N in keyof AllRow]: AllRow[N] }>()

// Expressions over results know their types.
windowed.aggregate({ hottest: argMax('device', 'celsius') }).filter(col('hottest').eq('a'))
// @ts-expect-error a string compared with a number
windowed.aggregate({ hottest: argMax('device', 'celsius') }).filter(col('hottest').gt(5))
// @ts-expect-error a list is no number
windowed.aggregate({ list: collect('celsius') }).filter(col('list').gt(5))

// Columns of aggregates.
// @ts-expect-error a median of strings
windowed.aggregate({ a: median('device') })
// @ts-expect-error a misspelt second column
windowed.aggregate({ a: argMax('device', 'celcius') })
// @ts-expect-error a second column of strings
windowed.aggregate({ a: correlation('celsius', 'device') })
// @ts-expect-error truth of numbers
windowed.aggregate({ a: anyTrue('n') })
// @ts-expect-error an aggregate written by hand
windowed.aggregate({ a: { fn: 'count' } })
windowed.aggregate({ a: sum('n').where(col('celsius').gt(30)), b: count().where(col('ok')) })
// @ts-expect-error a condition on a misspelt column
windowed.aggregate({ a: sum('n').where(col('celcius').gt(30)) })
// @ts-expect-error a condition that is a number
windowed.aggregate({ a: sum('n').where(col('celsius')) })
windowed.aggregate({
  // @ts-expect-error a custom aggregate of other rows
  a: customAggregate({ create: () => 0, add: (a: number, row: { readonly x: number }) => a + row.x, merge: (a) => a, result: (a) => a }),
})

// Accumulators are JSON, unless it is said how a checkpoint keeps them.
const distinct = {
  create: () => new Set<string | null>(),
  add: (seen: Set<string | null>, row: { readonly device: string | null }) => seen.add(row.device),
  merge: (a: Set<string | null>, b: Set<string | null>) => a.union(b),
  result: (seen: Set<string | null>) => seen.size,
}
windowed.aggregate({
  a: customAggregate({ ...distinct, serialize: (seen) => [...seen], deserialize: (kept) => new Set(kept as (string | null)[]) }),
})
// @ts-expect-error a set
customAggregate(distinct)
// @ts-expect-error one of two
customAggregate({ ...distinct, serialize: (seen: Set<string | null>) => [...seen] })

// Bounds of a global window are null.
const global = timed.window(globalWindow()).trigger(onCount(5)).aggregate({ n: count() }).sink('out')
same<SinkRow<typeof global, 'out'>, { readonly windowStart: null; readonly windowEnd: null; readonly n: number }>()

// Windows by columns and by rows.
timed.window(session('5s'))
timed.window(session(when(col('ok'), 1_000, col('n'))))
timed.window(session((row) => (row.n ?? 0) * 1_000))
timed.window(customWindow((row, ms) => (row.ok === true ? { start: ms, end: ms + 1 } : [])))
timed.window(stateWindow(col('ok'), col('celsius').lt(0)))
timed.window(
  stateWindow(
    (row) => row.ok === true,
    (row) => row.celsius === null,
  ),
)
// @ts-expect-error a gap of a misspelt column
timed.window(session(col('m')))
// @ts-expect-error a gap of strings
timed.window(session(col('device')))
// @ts-expect-error a gap of a misspelt field
timed.window(session((row) => row.m))
// @ts-expect-error a state that is a number
timed.window(stateWindow(col('n'), col('ok')))

// Triggers.
windowed.trigger(onWatermark({ early: onCount(5), late: onRecord(col('ok')) }))
windowed.trigger(early({ every: '10s' }))
windowed.trigger(early(onRecord(col('celsius').gt(100))))
windowed.trigger(purging(inOrder(orFinally(repeatedly(onCount(2)), onWatermark()), onRecord(col('ok')))))
windowed.trigger(
  anyOf(
    onCount(5),
    customTrigger((row: { readonly ok: boolean | null }) => row.ok === true),
  ),
)
windowed.trigger(customTrigger((row) => row.ok === true))
// @ts-expect-error a misspelt column
windowed.trigger(onRecord(col('okay')))
// @ts-expect-error a misspelt column deep inside
windowed.trigger(onWatermark({ early: anyOf(onCount(5), onRecord(col('okay'))) }))
// @ts-expect-error a condition that is a number
windowed.trigger(onRecord(col('n')))
const ofOtherRows = customTrigger((row: { readonly x: string }) => row.x === '')
// @ts-expect-error rows that have no such field
windowed.trigger(anyOf(onCount(5), ofOtherRows))
// @ts-expect-error triggers of nothing
anyOf()

// Evictors.
windowed.evict(deltaEvictor('celsius', 5))
// @ts-expect-error a column of strings
windowed.evict(deltaEvictor('device', 5))

// Rows of a function.
const applied = windowed
  .apply(
    (records, { windowStart }) => [{ spread: records.length, first: records[0]?.device ?? null, at: windowStart }],
    schema({ spread: f64(), first: utf8(), at: timestamp() }),
    {
      aggregates: { n: count() },
    },
  )
  .filter(col('spread').gt(1))
  .sink('out')
interface AppliedRow {
  readonly windowStart: number
  readonly windowEnd: number
  readonly device: string
  readonly n: number
  readonly spread: number | null
  readonly first: string | null
  readonly at: number | null
}
const appliedOf = (row: SinkRow<typeof applied, 'out'>): AppliedRow => row
// @ts-expect-error a row that does not suit the schema
windowed.apply(() => [{ spread: 'wide' }], schema({ spread: f64() }))

export { all, appliedOf, global }
