/**
 * The fluent API of windows, triggers and evictors: which plan it builds, which functions it keeps, what it refuses where.
 */

import { describe, expect, it } from 'vitest'
import * as millrace from '../../runtime/index.ts'
import { col, count, f64, schema, tumbling, when } from '../../runtime/index.ts'
import { errorOf, expectPlain, loose, timed, windowed, windowIn } from '../support/fluent-windows.ts'

const m = millrace
describe('windows', () => {
  it.each<[string, millrace.WindowDeclaration<never, unknown, number | null>, object]>([
    [
      'cumulate',
      m.cumulate('1d', '1h', { offset: '6h' }),
      { kind: 'cumulate', sizeMs: 86_400_000, stepMs: 3_600_000, offsetMs: 21_600_000 },
    ],
    ['session', m.session('30m', { maxLength: '12h' }), { kind: 'session', gapMs: 1_800_000, maxLengthMs: 43_200_000 }],
    ['countTumbling', m.countTumbling(5), { kind: 'countTumbling', n: 5 }],
    ['countSliding', m.countSliding(5, 2, { partial: true }), { kind: 'countSliding', n: 5, every: 2, partial: true }],
    ['globalWindow', m.globalWindow(), { kind: 'global' }],
    [
      'calendar',
      m.calendar('month', { timeZone: 'Europe/Berlin', anchor: { day: 15 } }),
      { kind: 'calendar', unit: 'month', every: 1, timeZone: 'Europe/Berlin', anchor: { day: 15 } },
    ],
    [
      'tradingDay',
      m.tradingDay({
        timeZone: 'America/New_York',
        sessions: [{ days: ['mon'], open: '09:30', close: '16:00' }],
        holidays: ['2024-12-25'],
      }),
      {
        kind: 'tradingDay',
        timeZone: 'America/New_York',
        sessions: [{ days: ['mon'], open: '09:30', close: '16:00' }],
        holidays: ['2024-12-25'],
      },
    ],
    [
      'intervals',
      m.intervals([{ name: 'spring', start: new Date(1_000), end: 2_000 }]),
      { kind: 'intervals', table: [{ name: 'spring', startMs: 1_000, endMs: 2_000 }] },
    ],
    ['around', m.around('5s', 0), { kind: 'around', beforeMs: 5_000, afterMs: 0 }],
    ['slidingByRecord', m.slidingByRecord('10s'), { kind: 'slidingByRecord', differenceMs: 10_000 }],
  ])('%s', (_, window, shape) => {
    const job = timed().window(window).aggregate({ n: count() }).sink('out')
    expect(windowIn(job)).toMatchObject({ window: shape })
    expectPlain(job)
  })

  it('gaps and states may be expressions', () => {
    const gap = when(col('n').gt(5), 1_000, 60_000)
    const session = timed().window(m.session(gap)).aggregate({ n: count() }).sink('out')
    expect(windowIn(session)).toMatchObject({ window: { gap: gap.tree } })
    const states = timed()
      .window(m.stateWindow(col('ok'), col('celsius').lt(0), { maxLength: '1d' }))
      .aggregate({ n: count() })
      .sink('out')
    expect(windowIn(states)).toMatchObject({ window: { open: { column: 'ok' }, close: { fn: 'lt' }, maxLengthMs: 86_400_000 } })
    expect(states.functions.size).toBe(0)
  })

  it('functions are kept beside the plan, by the uid of the window and what they are for', () => {
    const gap = (row: { readonly n: number | null }) => (row.n ?? 0) * 1_000
    const fires = (row: { readonly ok: boolean | null }) => row.ok === true
    const job = timed()
      .window(m.session(gap), { uid: 'w' })
      .trigger(m.anyOf(m.onCount(5), m.customTrigger(fires)))
      .aggregate({ n: count() })
      .sink('out')
    expect([...job.functions]).toEqual([
      ['w.gap', gap],
      ['w.trigger', fires],
    ])
    expect(windowIn(job)).toMatchObject({ window: { gap: { function: true } } })
    expectPlain(job)
    expect(errorOf(() => m.fromPlan(JSON.parse(JSON.stringify(job.plan)))).code).toBe('FUNCTION_MISSING')
    const custom = (_: unknown, timestampMs: number) => ({ start: timestampMs, end: timestampMs + 1 })
    const assigned = timed().window(m.customWindow(custom), { uid: 'w' }).aggregate({ n: count() }).sink('out')
    expect([...assigned.functions]).toEqual([['w.window', custom]])
    const open = () => true
    const states = timed().window(m.stateWindow(open, open), { uid: 'w' }).aggregate({ n: count() }).sink('out')
    expect([...states.functions.keys()]).toEqual(['w.open', 'w.close'])
  })

  it('only functions of operators that lead to a sink belong to a job', () => {
    const stream = timed()
    stream.window(m.session(() => 5)).aggregate({ n: count() })
    expect(stream.sink('out').functions.size).toBe(0)
  })

  it.each<[string, () => unknown, string, string]>([
    ['a gap of 0', () => m.session(0), 'DURATION_INVALID', 'the gap of a session'],
    ['a length without unit', () => m.session('5s', { maxLength: loose('9') }), 'DURATION_INVALID', 'the maximum length of a window'],
    ['a step of 0', () => m.cumulate('1d', 0), 'DURATION_INVALID', 'the step of a cumulating window'],
    ['a negative surrounding', () => m.around(-1, 0), 'DURATION_INVALID', 'how long before'],
    ['a negative difference', () => m.slidingByRecord(-1), 'DURATION_INVALID', 'the difference of a sliding window'],
    ['a table that is none', () => m.intervals(loose(null)), 'PLAN_TYPE', 'intervals'],
    [
      'a misspelt column in a gap',
      () =>
        timed()
          .window(loose(m.session(col('m'))))
          .aggregate({ n: count() }),
      'COLUMN_UNKNOWN',
      'window "window-1".window.gap.column',
    ],
    [
      'an unknown time zone',
      () =>
        timed()
          .window(m.calendar('day', { timeZone: 'Mars' }))
          .aggregate({ n: count() }),
      'TIME_ZONE_UNKNOWN',
      'window "window-1".window.timeZone',
    ],
    [
      'a window written by hand',
      () =>
        timed()
          .window(loose({ kind: 'session', gapMs: 5 }))
          .aggregate({ n: count() }),
      'WINDOW_UNKNOWN',
      'window "window-1".window.kind',
    ],
    [
      'a trigger written by hand',
      () =>
        windowed()
          .trigger(loose({ kind: 'onCount', n: 5 }))
          .aggregate({ n: count() }),
      'PLAN_UNSUPPORTED',
      'window "window-1".trigger',
    ],
    [
      'an evictor written by hand',
      () =>
        windowed()
          .evict(loose({ kind: 'count', n: 5 }))
          .aggregate({ n: count() }),
      'PLAN_UNSUPPORTED',
      'window "window-1".evictor',
    ],
  ])('refuses %s', (_, call, code, path) => {
    expect(errorOf(call)).toMatchObject({ code, details: { path } })
  })
})

describe('triggers', () => {
  const cases: readonly [string, millrace.Trigger<never, unknown>, object][] = [
    ['onWatermark', m.onWatermark(), { kind: 'onWatermark' }],
    [
      'onWatermark with early and late',
      m.onWatermark({ early: m.onProcessingTime('10s'), late: m.onCount(2) }),
      { kind: 'onWatermark', early: { kind: 'onProcessingTime', everyMs: 10_000 }, late: { kind: 'onCount', n: 2 } },
    ],
    ['early', m.early({ every: '10s' }), { kind: 'onWatermark', early: { kind: 'onProcessingTime', everyMs: 10_000 } }],
    ['early by count', m.early({ count: 7 }), { kind: 'onWatermark', early: { kind: 'onCount', n: 7 } }],
    ['late', m.late(m.onCount(7)), { kind: 'onWatermark', late: { kind: 'onCount', n: 7 } }],
    ['afterProcessingTime', m.afterProcessingTime('1s'), { kind: 'afterProcessingTime', delayMs: 1_000 }],
    ['onEventTime', m.onEventTime('1m'), { kind: 'onEventTime', everyMs: 60_000 }],
    ['anyOf', m.anyOf(m.onCount(1), m.onWatermark()), { kind: 'any', of: [{ kind: 'onCount', n: 1 }, { kind: 'onWatermark' }] }],
    ['allOf', m.allOf(m.onCount(1)), { kind: 'all', of: [{ kind: 'onCount', n: 1 }] }],
    [
      'inOrder',
      m.inOrder(m.orFinally(m.repeatedly(m.onCount(2)), m.onWatermark()), m.once(m.onCount(1))),
      {
        kind: 'inOrder',
        of: [
          { kind: 'orFinally', of: { kind: 'repeatedly', of: { kind: 'onCount', n: 2 } }, until: { kind: 'onWatermark' } },
          { kind: 'once', of: { kind: 'onCount', n: 1 } },
        ],
      },
    ],
    [
      'purging, which marks the leaves',
      m.purging(m.orFinally(m.repeatedly(m.anyOf(m.onCount(2), m.onEventTime(5))), m.onWatermark({ early: m.once(m.onCount(1)) }))),
      {
        kind: 'orFinally',
        of: {
          kind: 'repeatedly',
          of: {
            kind: 'any',
            of: [
              { kind: 'onCount', n: 2, purge: true },
              { kind: 'onEventTime', everyMs: 5, purge: true },
            ],
          },
        },
        until: { kind: 'onWatermark', early: { kind: 'once', of: { kind: 'onCount', n: 1, purge: true } }, purge: true },
      },
    ],
  ]

  it.each(cases)('%s', (_, trigger, spec) => {
    const job = windowed().allowedLateness('1m').trigger(trigger).aggregate({ n: count() }).sink('out')
    expect(windowIn(job)).toMatchObject({ trigger: spec })
    expect((windowIn(job) as { trigger: object }).trigger).toEqual(spec)
    expectPlain(job)
  })

  it('may look at records', () => {
    const job = windowed()
      .trigger(m.onRecord(col('celsius').gt(100)))
      .aggregate({ n: count() })
      .sink('out')
    expect(windowIn(job)).toMatchObject({ trigger: { kind: 'onRecord', when: col('celsius').gt(100).tree } })
    const purges = windowed()
      .trigger(m.purging(m.customTrigger(() => true)))
      .aggregate({ n: count() })
      .sink('out')
    expect([...purges.functions.keys()]).toEqual(['window-1.trigger'])
    expect(windowIn(purges)).toMatchObject({ trigger: { kind: 'custom', function: true, purge: true } })
  })

  it.each<[string, () => unknown, string]>([
    ['an interval of 0', () => m.onProcessingTime(0), 'the interval of onProcessingTime'],
    ['an interval of event time of 0', () => m.onEventTime('0s'), 'the interval of onEventTime'],
    ['a delay of 0', () => m.afterProcessingTime(0), 'the delay of afterProcessingTime'],
  ])('refuse %s', (_, call, path) => {
    expect(errorOf(call)).toMatchObject({ code: 'DURATION_INVALID', details: { path } })
  })
})

describe('a window', () => {
  it('says all it can', () => {
    const job = windowed(m.session('5s'))
      .trigger(m.onCount(2))
      .retracting({ unchanged: true })
      .closing('always')
      .emptyPanes()
      .evict(m.deltaEvictor('celsius', 2.5, { after: true }))
      .keepRecords()
      .allowedLateness('1m')
      .lateTo('late')
      .aggregate({ n: count() })
      .sink('out')
    expect(windowIn(job)).toMatchObject({
      accumulation: 'retracting',
      emitUnchanged: true,
      closing: 'always',
      emptyPanes: true,
      evictor: { kind: 'delta', column: 'celsius', threshold: 2.5, after: true },
      keepRecords: true,
      allowedLatenessMs: 60_000,
      late: { kind: 'sideOutput', name: 'late' },
    })
    expectPlain(job)
    const processing = windowed().processingTime().discarding().closing().evict(m.countEvictor(5)).aggregate({ n: count() }).sink('out')
    expect(windowIn(processing)).toMatchObject({
      time: 'processing',
      accumulation: 'discarding',
      closing: 'ifNonEmpty',
      evictor: { kind: 'count', n: 5 },
    })
    const recent = windowed().evict(m.timeEvictor('5s')).aggregate({ n: count() }).sink('out')
    expect(windowIn(recent)).toMatchObject({ evictor: { kind: 'time', durationMs: 5_000 } })
    const last = windowed().discarding().accumulating().evict(m.countEvictor(3)).aggregate({ n: count() }).sink('out')
    expect(windowIn(last)).toMatchObject({ accumulation: 'accumulating', evictor: { kind: 'count', n: 3 } })
  })

  it('makes rows of its records by a function', () => {
    const rows = (records: readonly object[]) => [{ size: records.length }]
    const job = windowed()
      .apply(rows, schema({ size: f64() }), { uid: 'w', aggregates: { n: count() } })
      .filter(col('size').gt(0))
      .sink('out')
    expect(windowIn(job)).toMatchObject({
      uid: 'w',
      apply: { function: true, schema: { size: 'f64' } },
      aggregates: { n: { fn: 'count' } },
    })
    expect([...job.functions]).toEqual([['w.apply', rows]])
    expect(
      m
        .analyzePlan(job.plan)
        .operators.get('w')!
        .schema.columns.map(({ name }) => name),
    ).toEqual(['windowStart', 'windowEnd', 'device', 'n', 'size'])
    expectPlain(
      windowed()
        .apply(rows, schema({ size: f64() }))
        .sink('out'),
    )
  })

  it.each<[string, () => unknown, string, string]>([
    [
      'lateness in processing time',
      () => windowed().processingTime().allowedLateness('5s').aggregate({ n: count() }),
      'processing-lateness',
      'allowedLatenessMs',
    ],
    [
      'unchanged results',
      () => windowed().retracting({ unchanged: true }).discarding().aggregate({ n: count() }),
      'unchanged-not-retracting',
      'emitUnchanged',
    ],
    [
      'retracting rows of a function',
      () =>
        windowed()
          .retracting()
          .apply(() => [], schema({ x: f64() })),
      'retracting-apply',
      'accumulation',
    ],
    [
      'lateness of a global window',
      () => timed().window(m.globalWindow()).allowedLateness('5s').aggregate({ n: count() }),
      'global-lateness',
      'allowedLatenessMs',
    ],
    [
      'retracting after a purge',
      () =>
        windowed()
          .retracting()
          .trigger(m.purging(m.onCount(2)))
          .aggregate({ n: count() }),
      'retracting-purge',
      'accumulation',
    ],
  ])('refuses %s by name', (_, call, rule, field) => {
    const error = errorOf(call)
    expect(error.code).toBe('COMBINATION_INVALID')
    expect(error.details).toMatchObject({ rule, path: `window "window-1".${field}` })
  })

  it('what one window brings serves others of the same pipeline, and other pipelines do without', () => {
    const keyed = timed().keyBy('device')
    keyed.window(m.session('5s')).aggregate({ n: count() }).sink('sessions')
    const both = keyed
      .window(tumbling('1m'))
      .aggregate({ n: m.median('celsius') })
      .sink('minutes')
    expect(both.plan.operators.filter(({ op }) => op === 'window')).toHaveLength(2)
    expect(windowIn(windowed().aggregate({ n: count() }).sink('out'))).toMatchObject({ window: { kind: 'tumbling' } })
  })
})
