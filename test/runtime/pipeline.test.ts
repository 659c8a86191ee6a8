/**
 * The fluent API: which plan it builds, how it names operators, how it branches, and what it refuses where.
 */

import { describe, expect, it } from 'vitest'
import { count, first, last, max, mean, min, stddev, sum, variance } from '../../runtime/aggregate.ts'
import { ConfigError } from '../../runtime/errors.ts'
import { col } from '../../runtime/expression/expression.ts'
import { fromPlan, type Job, pipeline } from '../../runtime/pipeline.ts'
import { loadPlan } from '../../runtime/plan.ts'
import { f64, i32, schema, timestamp, utf8 } from '../../runtime/schema.ts'
import { boundedOutOfOrderness, monotonous } from '../../runtime/watermark.ts'
import { sliding, tumbling } from '../../runtime/window.ts'

const READINGS = schema({ device: utf8(), at: timestamp(), celsius: f64() })
const timed = (name = 'job') => pipeline(name).source('readings', READINGS).eventTime('at', monotonous())
const uidsOf = (job: Job): string[] => job.plan.operators.map(({ uid }) => uid)
const operatorOf = (job: Job, uid: string): unknown => job.plan.operators.find((operator) => operator.uid === uid)

function errorOf(call: () => unknown): ConfigError {
  try {
    call()
  } catch (error) {
    if (error instanceof ConfigError) return error
    throw error
  }
  throw new Error('nothing was refused')
}

describe('the fluent API', () => {
  it('builds exactly the plan of the example', () => {
    const job = pipeline('device-minutes')
      .source('readings', READINGS)
      .eventTime('at', boundedOutOfOrderness('5s', { idleAfter: '30s' }))
      .filter(col('celsius').gt(-50), { uid: 'plausible' })
      .keyBy('device')
      .window(tumbling('1m'), { uid: 'minutes' })
      .allowedLateness('2m')
      .aggregate({ n: count(), mean: mean('celsius'), max: max('celsius') })
      .sink('minutes', { uid: 'out' })
    const expected = loadPlan({
      millrace: 1,
      name: 'device-minutes',
      operators: [
        { uid: 'readings', op: 'source', schema: { device: 'utf8', at: 'timestamp', celsius: 'f64' } },
        {
          uid: 'time',
          op: 'eventTime',
          inputs: ['readings'],
          column: 'at',
          watermark: { kind: 'boundedOutOfOrderness', delayMs: 5_000, idleAfterMs: 30_000, everyRecords: 1_024 },
        },
        { uid: 'plausible', op: 'filter', inputs: ['time'], where: { fn: 'gt', args: [{ column: 'celsius' }, { literal: -50 }] } },
        { uid: 'by-device', op: 'keyBy', inputs: ['plausible'], columns: ['device'] },
        {
          uid: 'minutes',
          op: 'window',
          inputs: ['by-device'],
          window: { kind: 'tumbling', sizeMs: 60_000, offsetMs: 0 },
          allowedLatenessMs: 120_000,
          aggregates: { n: { fn: 'count' }, mean: { fn: 'mean', column: 'celsius' }, max: { fn: 'max', column: 'celsius' } },
        },
        { uid: 'out', op: 'sink', inputs: ['minutes'], name: 'minutes' },
      ],
    })
    expect(job.plan).toEqual(expected)
    expect(JSON.stringify(job.plan)).toBe(JSON.stringify(expected))
    expect(job.functions.size).toBe(0)
    expect(fromPlan(JSON.parse(JSON.stringify(job.plan))).plan).toEqual(job.plan)
  })

  it('names operators by what they are, and a name that is taken gets a number', () => {
    const job = timed()
      .filter(col('celsius').gt(0))
      .filter(col('celsius').lt(9))
      .map({ kelvin: col('celsius').add(273.15) })
      .keyBy('device')
      .filter(col('kelvin').gt(0))
      .window(tumbling('1m'))
      .aggregate({ n: count() })
      .sink('readings')
    expect(uidsOf(job)).toEqual(['readings', 'time', 'filter-1', 'filter-2', 'map-1', 'by-device', 'filter-3', 'window-1', 'readings-2'])
  })

  it('keeps functions beside the plan, by uid', () => {
    const isWarm = (row: { readonly celsius: number | null }) => (row.celsius ?? 0) > 20
    const job = timed()
      .filter(isWarm)
      .map((row) => ({ at: row.at, double: (row.celsius ?? 0) * 2 }), schema({ at: timestamp(), double: f64() }), { uid: 'doubled' })
      .window(tumbling('1m'))
      .aggregate({ sum: sum('double') })
      .filter((row) => row.sum > 10)
      .sink('out')
    expect([...job.functions.keys()]).toEqual(['filter-1', 'doubled', 'filter-2'])
    expect(job.functions.get('filter-1')).toBe(isWarm)
    expect(operatorOf(job, 'doubled')).toEqual({
      uid: 'doubled',
      op: 'map',
      inputs: ['filter-1'],
      function: true,
      schema: { at: 'timestamp', double: 'f64' },
    })
    const json = JSON.parse(JSON.stringify(job.plan))
    expect(errorOf(() => fromPlan(json)).code).toBe('FUNCTION_MISSING')
    expect(fromPlan(json, job.functions).plan).toEqual(job.plan)
  })

  it('branches freely: a job has all branches that lead to a sink so far', () => {
    const keyed = timed().keyBy('device')
    const minutes = keyed.window(tumbling('1m')).aggregate({ n: count() })
    const hours = keyed.window(tumbling('1h')).aggregate({ n: count() })
    const one = minutes.sink('minutes')
    expect(uidsOf(one)).toEqual(['readings', 'time', 'by-device', 'window-1', 'minutes'])
    const two = hours.sink('hours')
    expect(uidsOf(two)).toEqual(['readings', 'time', 'by-device', 'window-1', 'window-2', 'minutes', 'hours'])
    expect(two.and(one).plan).toBe(two.plan)
    expect(() => one.and(two)).toThrow(TypeError)
  })

  it('a refused sink does not spoil the sinks after it', () => {
    const stream = timed()
    stream.sink('a')
    expect(errorOf(() => stream.sink('a')).code).toBe('SINK_DUPLICATE')
    expect(uidsOf(stream.sink('b'))).toEqual(['readings', 'time', 'a', 'b'])
  })

  it('windows, watermarks and aggregates say all they can', () => {
    const job = pipeline('all')
      .source('s', READINGS)
      .eventTime('at', boundedOutOfOrderness(1_500, { everyRecords: 1 }))
      .window(sliding('1h', '5m', { offset: -60_000 }))
      .lateTo('late')
      .aggregate({
        a: count('device'),
        b: sum('celsius', { compensated: true }),
        c: min('at'),
        d: variance('celsius', { population: true }),
        e: stddev('celsius', { population: false }),
        f: first('celsius'),
        g: last('celsius'),
      })
      .sink('out')
    expect(operatorOf(job, 'time')).toMatchObject({ watermark: { kind: 'boundedOutOfOrderness', delayMs: 1_500, everyRecords: 1 } })
    expect(operatorOf(job, 'window-1')).toMatchObject({
      uid: 'window-1',
      op: 'window',
      inputs: ['time'],
      window: { kind: 'sliding', sizeMs: 3_600_000, slideMs: 300_000, offsetMs: -60_000 },
      allowedLatenessMs: 0,
      late: { kind: 'sideOutput', name: 'late' },
      aggregates: {
        a: { fn: 'count', column: 'device' },
        b: { fn: 'sum', column: 'celsius', compensated: true },
        c: { fn: 'min', column: 'at' },
        d: { fn: 'variance', column: 'celsius', population: true },
        e: { fn: 'stddev', column: 'celsius' },
        f: { fn: 'first', column: 'celsius' },
        g: { fn: 'last', column: 'celsius' },
      },
    })
    const fails = timed()
      .window(tumbling('1m', { offset: '10s' }))
      .lateFails()
      .aggregate({ n: count() })
      .sink('out')
    expect(operatorOf(fails, 'window-1')).toMatchObject({ late: { kind: 'fail' }, window: { offsetMs: 10_000 } })
  })

  it('names of Object.prototype are names like others', () => {
    const odd = schema({ ['__proto__']: utf8(), constructor: timestamp(), toString: i32() })
    const job = pipeline('__proto__')
      .source('__proto__', odd)
      .eventTime('constructor', monotonous())
      .keyBy('__proto__')
      .window(tumbling('1m'))
      .aggregate({ valueOf: count(), hasOwnProperty: sum('toString') })
      .sink('constructor')
    expect(operatorOf(job, 'by-__proto__')).toMatchObject({ columns: ['__proto__'] })
    expect(fromPlan(JSON.parse(JSON.stringify(job.plan))).plan).toEqual(job.plan)
  })
})

describe('the fluent API refuses at the step that is wrong', () => {
  const loose = (value: unknown): never => value as never

  it.each<[string, () => unknown, string, string]>([
    [
      'a misspelt column of a filter',
      () => timed().filter(loose(col('celcius').gt(0))),
      'COLUMN_UNKNOWN',
      'filter "filter-1".where.args[0].column',
    ],
    [
      'a misspelt event time',
      () => pipeline('p').source('s', READINGS).eventTime(loose('att'), monotonous()),
      'COLUMN_UNKNOWN',
      'eventTime "time".column',
    ],
    ['a misspelt key', () => timed().keyBy(loose('devise')), 'COLUMN_UNKNOWN', 'keyBy "by-devise".columns[0]'],
    [
      'a misspelt aggregate column',
      () =>
        timed()
          .window(tumbling('1m'))
          .aggregate({ m: loose(max('celcius')) }),
      'COLUMN_UNKNOWN',
      'window "window-1".aggregates.m.column',
    ],
    ['a string compared with a number', () => timed().filter(loose(col('device').gt(0))), 'EXPRESSION_TYPE', 'filter "filter-1".where'],
    [
      'a window before the event time',
      () => pipeline('p').source('s', READINGS).window(tumbling('1m')).aggregate({ n: count() }),
      'EVENT_TIME_MISSING',
      'window "window-1"',
    ],
    ['no aggregate', () => timed().window(tumbling('1m')).aggregate({}), 'AGGREGATE_EMPTY', 'window "window-1".aggregates'],
    ['a uid that is taken', () => timed().filter(col('celsius').gt(0), { uid: 'time' }), 'UID_DUPLICATE', 'the option uid'],
    [
      'a source that is there already',
      () => {
        const p = pipeline('p')
        p.source('s', READINGS)
        p.source('s', READINGS)
      },
      'UID_DUPLICATE',
      'source "s"',
    ],
    [
      'a sink name that is taken',
      () => {
        const t = timed()
        t.sink('a')
        t.sink('a')
      },
      'SINK_DUPLICATE',
      'operators[3].name',
    ],
    ['a pipeline without name', () => pipeline(''), 'PLAN_TYPE', 'the name of the pipeline'],
    ['a source without name', () => pipeline('p').source(loose(undefined), READINGS), 'PLAN_FIELD_MISSING', 'source nothing.uid'],
    ['a sink without name', () => timed().sink(loose(undefined)), 'PLAN_FIELD_MISSING', 'sink "sink".name'],
    [
      'a function map without schema',
      () =>
        timed().map(
          loose(() => ({})),
          loose(undefined),
        ),
      'SCHEMA_EMPTY',
      'map "map-1".schema',
    ],
    [
      'a key that is replaced',
      () =>
        timed()
          .keyBy('device')
          .map(loose({ device: col('device') })),
      'KEY_REPLACED',
      'map "map-1".columns.device',
    ],
    ['a window of size 0', () => tumbling(0), 'DURATION_INVALID', 'the size of a tumbling window'],
    ['a slide of size 0', () => sliding('1m', '0s'), 'DURATION_INVALID', 'the slide of a sliding window'],
    ['an offset without unit', () => tumbling('1m', { offset: loose('5') }), 'DURATION_INVALID', 'the offset of a window'],
    ['a negative delay', () => boundedOutOfOrderness(-1), 'DURATION_INVALID', 'the delay of boundedOutOfOrderness'],
    ['idleness at once', () => monotonous({ idleAfter: 0 }), 'DURATION_INVALID', 'idleAfter'],
    [
      'watermarks every 0 records',
      () =>
        pipeline('p')
          .source('s', READINGS)
          .eventTime('at', monotonous({ everyRecords: 0 })),
      'EVERY_RECORDS_INVALID',
      'eventTime "time".watermark.everyRecords',
    ],
    ['negative lateness', () => timed().window(tumbling('1m')).allowedLateness(-1), 'DURATION_INVALID', 'allowedLateness'],
  ])('%s', (_, call, code, path) => {
    const error = errorOf(call)
    expect(error.code).toBe(code)
    expect(error.details['path']).toBe(path)
  })
})
