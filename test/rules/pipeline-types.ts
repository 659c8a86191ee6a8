/**
 * What the type checker must accept and refuse of the fluent API. Checked by `tsc`, never run.
 *
 * Before: the public declarations. After: nothing; an error that is no longer one fails the type check (`@ts-expect-error`).
 */

import { count, first, max, mean } from '../../runtime/aggregate.ts'
import { col, lit, when } from '../../runtime/expression/expression.ts'
import { type Job, pipeline, type SinkNames, type SinkRow, type SourceNames, type SourceRow } from '../../runtime/pipeline.ts'
import { bool, f64, i32, type InputRowOf, type RowOf, schema, timestamp, utf8 } from '../../runtime/schema.ts'
import { boundedOutOfOrderness } from '../../runtime/watermark.ts'
import { tumbling } from '../../runtime/window.ts'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
declare function same<A, B>(...differ: Equal<A, B> extends true ? [] : [never]): void

const readings = schema({ device: utf8(), at: timestamp(), celsius: f64(), isOk: bool(), n: i32() })

// A schema gives the types of its rows.
same<
  RowOf<typeof readings>,
  {
    readonly device: string | null
    readonly at: number | null
    readonly celsius: number | null
    readonly isOk: boolean | null
    readonly n: number | null
  }
>()
const input: InputRowOf<typeof readings> = { device: 'a', at: new Date(0), celsius: null }
// @ts-expect-error a field of another type
const wrongInput: InputRowOf<typeof readings> = { device: 1 }

const stream = pipeline('device-minutes').source('readings', readings)
const timed = stream.eventTime('at', boundedOutOfOrderness('5s', { idleAfter: '30s' }))

// The example of the documentation has the row type it promises.
const job = timed
  .filter(col('celsius').gt(-50))
  .keyBy('device')
  .window(tumbling('1m'))
  .allowedLateness('2m')
  .aggregate({ n: count(), mean: mean('celsius'), max: max('celsius') })
  .sink('minutes')
type Minutes = {
  readonly device: string
  readonly windowStart: number
  readonly windowEnd: number
  readonly n: number
  readonly mean: number
  readonly max: number
}
const minutesOf = (row: SinkRow<typeof job, 'minutes'>): Minutes => row
const rowOf = (row: Minutes): SinkRow<typeof job, 'minutes'> => row
same<SinkNames<typeof job>, 'minutes'>()
same<SourceNames<typeof job>, 'readings'>()
same<SourceRow<typeof job, 'readings'>, InputRowOf<typeof readings>>()
const anyJob: Job = job

// @ts-expect-error a misspelt sink
type Misspelt = SinkRow<typeof job, 'minute'>

// Misspelt columns.
// @ts-expect-error eventTime
stream.eventTime('att', boundedOutOfOrderness('5s'))
// @ts-expect-error eventTime of a column that is no timestamp
stream.eventTime('celsius', boundedOutOfOrderness('5s'))
// @ts-expect-error filter
timed.filter(col('celcius').gt(-50))
// @ts-expect-error deep in an expression
timed.filter(col('isOk').and(col('n').add(col('celcius')).lt(2)))
// @ts-expect-error keyBy
timed.keyBy('devise')
// @ts-expect-error aggregate
timed.window(tumbling('1m')).aggregate({ mean: mean('celcius') })
// @ts-expect-error aggregate over a string
timed.window(tumbling('1m')).aggregate({ max: max('device') })
// @ts-expect-error aggregate over a boolean
timed.window(tumbling('1m')).aggregate({ first: first('isOk') })
timed.window(tumbling('1m')).aggregate({ n: count('device') })
// @ts-expect-error count of a misspelt column
timed.window(tumbling('1m')).aggregate({ n: count('devise') })

// Types of operands.
// @ts-expect-error a string column compared with a number
timed.filter(col('device').gt(5))
// @ts-expect-error a numeric column compared with a string
timed.filter(col('celsius').eq('warm'))
// @ts-expect-error a number is no condition
timed.filter(col('celsius').add(1))
// @ts-expect-error a column that is no condition
timed.filter(col('celsius'))
// @ts-expect-error arithmetic on strings
timed.filter(col('device').add(1).gt(2))
// @ts-expect-error `and` of numbers
timed.filter(col('celsius').and(col('isOk')))
timed.filter(col('isOk'))
timed.filter(col('isOk').not().or(col('device').isNull()))
timed.filter(when(col('isOk'), col('celsius').gt(0), lit(false)))
timed.filter((row) => row.celsius !== null && row.celsius > 0)
// @ts-expect-error a misspelt field of a function's row
timed.filter((row) => row.celcius !== null)
timed.filter({ fn: 'gt', args: [{ column: 'celsius' }, { literal: -50 }] })

// Maps.
const mapped = timed.map({
  fahrenheit: col('celsius').mul(1.8).add(32),
  label: col('device').coalesce('unknown'),
  place: col('device'),
  isWarm: col('celsius').gt(20),
  small: when(col('isOk'), col('n'), 0),
})
mapped.filter((row) => {
  const fahrenheit: number | null = row.fahrenheit
  const label: string | null = row.label
  const place: string | null = row.place
  const isWarm: boolean | null = row.isWarm
  const small: number | null = row.small
  // @ts-expect-error a number, not a string
  const wrong: string | null = row.fahrenheit
  return [fahrenheit, label, place, isWarm, small, wrong, row.celsius].length > 0
})
mapped.filter(col('fahrenheit').gt(50).and(col('label').eq('a')).and(col('isWarm')))
// @ts-expect-error the mapped column is numeric
mapped.filter(col('fahrenheit').eq('hot'))
// @ts-expect-error a misspelt column in a map
timed.map({ fahrenheit: col('celcius').mul(1.8) })
const byFunction = timed.map(
  (row) => ({ key: row.device, at: row.at, double: (row.celsius ?? 0) * 2 }),
  schema({ key: utf8(), at: timestamp(), double: f64() }),
)
byFunction.keyBy('key')
// @ts-expect-error a column that is gone
byFunction.keyBy('device')
// @ts-expect-error a row that does not suit the schema
timed.map((row) => ({ key: row.celsius }), schema({ key: utf8() }))

// After a window.
const results = timed
  .keyBy('device', 'isOk')
  .window(tumbling('1m'))
  .lateTo('late')
  .aggregate({ n: count(), max: max('celsius') })
const filtered = results
  .filter(col('n').gt(1).and(col('device').ne('x')))
  .filter((row) => row.isOk && row.max > row.windowStart)
  .map({ rate: col('n').div(60) })
  .sink('rates')
same<SinkNames<typeof filtered>, 'late' | 'rates'>()
same<SinkRow<typeof filtered, 'late'>, RowOf<typeof readings>>()
const rateOf = (row: SinkRow<typeof filtered, 'rates'>): number => row.n + (row.rate ?? 0)
// @ts-expect-error no longer a column
results.filter(col('celsius').gt(1))
// @ts-expect-error a key column must stay as it is
timed.keyBy('device').map({ device: col('device') })
const joined = results.sink('results').and(filtered)
same<SinkNames<typeof joined>, 'late' | 'rates' | 'results'>()
timed.keyBy('device', { uid: 'by-device' })

export { anyJob, findingOf, input, joined, minutesOf, type Misspelt, rateOf, rowOf, wrongInput }

// Stages with state keep the type of the rows; findings are a sink of their own with the columns of the source.
const watched = timed
  .sortByEventTime()
  .deduplicate({ by: ['device', 'at'], within: '1m' })
  .trackSequence({ source: 'device', sequence: 'n', silentAfter: '30s', findingsTo: 'findings' })
  .sink('watched')
same<SinkRow<typeof watched, 'watched'>, RowOf<typeof readings>>()
same<SinkNames<typeof watched>, 'findings' | 'watched'>()
const findingOf = (
  finding: SinkRow<typeof watched, 'findings'>,
): {
  readonly device: string | null
  readonly kind: 'gap' | 'duplicate' | 'reorder' | 'restart' | 'silence' | 'resumed'
  readonly from: number | null
  readonly to: number | null
  readonly count: number
  readonly at: number
} => finding
const counted = timed.trackSequence({ source: ['device', 'isOk'], sequence: 'n' }).sink('counted')
same<SinkNames<typeof counted>, 'counted'>()
// @ts-expect-error an id of a misspelt column
timed.deduplicate({ by: 'devices', within: '1m' })
// @ts-expect-error numbers that are text
timed.trackSequence({ source: 'device', sequence: 'device' })
// @ts-expect-error keyed rows are divided already
timed.keyBy('device').sortByEventTime()
