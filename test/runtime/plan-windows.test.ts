/**
 * Window operators of a plan, field by field: windows, triggers, evictors, and what follows for their results.
 */

import { describe, expect, it } from 'vitest'
import { TRIGGERS_MAX } from '../../kernel/layout.ts'
import { functionPartsOf } from '../../runtime/plan-functions.ts'
import { TRIGGER_NODES_MAX, triggerNodeCount } from '../../runtime/plan-trigger.ts'
import { windowRules } from '../../runtime/plan-window-rules.ts'
import { explain, fingerprint, loadPlan, usesSliceKernel } from '../../runtime/plan.ts'
import { ANY_FUNCTION, AT, errorOf, type Json, loadWith, planWith, resultsOf, windowOf } from '../support/window-operators.ts'

const column = (name: string) => ({ column: name })
const gt = (name: string, value: number) => ({ fn: 'gt', args: [column(name), { literal: value }] })
const window = (kind: string, fields: Json = {}): Json => ({ window: { kind, ...fields } })
const trigger = (spec: unknown): Json => ({ trigger: spec })
const aggregate = (spec: unknown): Json => ({ aggregates: { a: spec } })
const SESSIONS = [{ days: ['mon', 'tue'], open: '09:30', close: '16:00' }]
const EACH = { kind: 'onCount', n: 1 }

describe('a window operator', () => {
  it('has defaults for what is left out', () => {
    expect(windowOf({})).toEqual({
      uid: 'w',
      op: 'window',
      inputs: ['key'],
      window: { kind: 'tumbling', sizeMs: 60_000, offsetMs: 0 },
      time: 'event',
      trigger: { kind: 'onWatermark' },
      accumulation: 'accumulating',
      closing: 'none',
      allowedLatenessMs: 0,
      late: { kind: 'drop' },
      aggregates: { n: { fn: 'count' } },
    })
  })

  it.each<[string, Json, Json]>([
    ['cumulate', { sizeMs: 60, stepMs: 20 }, { sizeMs: 60, stepMs: 20, offsetMs: 0 }],
    ['session', { gapMs: 5 }, { gapMs: 5 }],
    ['session', { gap: column('n'), maxLengthMs: 9 }, { gap: column('n'), maxLengthMs: 9 }],
    ['session', { gap: { function: true } }, { gap: { function: true } }],
    ['countTumbling', { n: 3, partial: false }, { n: 3 }],
    ['countSliding', { n: 3, every: 4, partial: true }, { n: 3, every: 4, partial: true }],
    ['global', {}, {}],
    ['calendar', { unit: 'month' }, { unit: 'month', every: 1, timeZone: 'UTC' }],
    ['tradingDay', { timeZone: 'America/New_York', sessions: SESSIONS }, { timeZone: 'America/New_York', sessions: SESSIONS }],
    ['intervals', { table: [{ name: 'a', startMs: -5, endMs: 5 }] }, { table: [{ name: 'a', startMs: -5, endMs: 5 }] }],
    ['around', { beforeMs: 0, afterMs: 5 }, { beforeMs: 0, afterMs: 5 }],
    ['slidingByRecord', { differenceMs: 0 }, { differenceMs: 0 }],
    ['stateWindow', { open: column('ok'), close: { function: true } }, { open: column('ok'), close: { function: true } }],
    ['custom', { function: true }, { function: true }],
  ])('may have a window %s %j', (kind, given, loaded) => {
    expect(windowOf(window(kind, given)).window).toEqual({ kind, ...loaded })
    expect(loadPlan(JSON.parse(JSON.stringify(loadWith(window(kind, given)))), ANY_FUNCTION)).toEqual(loadWith(window(kind, given)))
  })

  it('is frozen down to the last part', () => {
    const spec = windowOf({
      ...window('session', { gap: column('n') }),
      trigger: { kind: 'any', of: [EACH, { kind: 'onRecord', when: column('ok') }] },
      evictor: { kind: 'count', n: 1 },
      aggregates: { a: { fn: 'histogram', column: 'n', bounds: [1, 2], where: column('ok') } },
    })
    const parts: object[] = [spec]
    while (parts.length > 0) {
      const part = parts.pop()!
      expect(Object.isFrozen(part)).toBe(true)
      for (const inner of Object.values(part)) if (typeof inner === 'object' && inner !== null) parts.push(inner)
    }
  })

  it.each<[what: string, fields: Json, code: string, path: string, inMessage?: string]>([
    ['a misspelt window', window('sesion', { gapMs: 5 }), 'WINDOW_UNKNOWN', 'window.kind', 'did you mean "session"'],
    ['a step that does not divide', window('cumulate', { sizeMs: 60, stepMs: 25 }), 'WINDOW_STEP_INVALID', 'window.stepMs', 'divides'],
    ['a step longer than the size', window('cumulate', { sizeMs: 60, stepMs: 120 }), 'WINDOW_STEP_INVALID', 'window.stepMs'],
    ['a step of 0', window('cumulate', { sizeMs: 60, stepMs: 0 }), 'WINDOW_STEP_INVALID', 'window.stepMs'],
    ['10,001 steps', window('cumulate', { sizeMs: 10_001, stepMs: 1 }), 'WINDOW_FANOUT', 'window'],
    [
      'an offset of the size',
      window('cumulate', { sizeMs: 60, stepMs: 20, offsetMs: 60 }),
      'WINDOW_OFFSET_INVALID',
      'window.offsetMs',
      'sizeMs (60)',
    ],
    ['a session without a gap', window('session'), 'SESSION_GAP_INVALID', 'window', 'neither'],
    ['a session with two gaps', window('session', { gapMs: 5, gap: column('n') }), 'SESSION_GAP_INVALID', 'window'],
    ['a gap of 0', window('session', { gapMs: 0 }), 'SESSION_GAP_INVALID', 'window.gapMs'],
    ['a gap that is text', window('session', { gapMs: '5s' }), 'SESSION_GAP_INVALID', 'window.gapMs', '60000'],
    ['a gap of a misspelt column', window('session', { gap: column('m') }), 'COLUMN_UNKNOWN', 'window.gap.column'],
    ['a gap of text', window('session', { gap: column('device') }), 'EXPRESSION_TYPE', 'window.gap', 'milliseconds'],
    ['a gap of null', window('session', { gap: { literal: null } }), 'EXPRESSION_TYPE', 'window.gap'],
    ['a gap that is no function', window('session', { gap: { function: 'row => 5' } }), 'PLAN_TYPE', 'window.gap.function'],
    ['a session shorter than its gap', window('session', { gapMs: 5, maxLengthMs: 4 }), 'WINDOW_LENGTH_INVALID', 'window.maxLengthMs'],
    ['a length of 0', window('session', { gap: column('n'), maxLengthMs: 0 }), 'WINDOW_LENGTH_INVALID', 'window.maxLengthMs'],
    ['a field of another window', window('session', { gapMs: 5, sizeMs: 5 }), 'PLAN_FIELD_UNKNOWN', 'window.sizeMs'],
    ['partial where nothing is counted', window('session', { gapMs: 5, partial: true }), 'PLAN_FIELD_UNKNOWN', 'window.partial'],
    ['windows of 0 records', window('countTumbling', { n: 0 }), 'WINDOW_COUNT_INVALID', 'window.n'],
    ['windows of too many records', window('countTumbling', { n: 1_000_001 }), 'WINDOW_COUNT_INVALID', 'window.n'],
    ['windows every 0 records', window('countSliding', { n: 5, every: 0 }), 'WINDOW_COUNT_INVALID', 'window.every'],
    ['a record in 10,001 windows', window('countSliding', { n: 10_001, every: 1 }), 'WINDOW_FANOUT', 'window'],
    ['a global window with a size', window('global', { sizeMs: 5 }), 'PLAN_FIELD_UNKNOWN', 'window.sizeMs'],
    ['an unknown unit', window('calendar', { unit: 'fortnight' }), 'WINDOW_CALENDAR_INVALID', 'window.unit'],
    ['an unknown time zone', window('calendar', { unit: 'day', timeZone: 'Mars/Base' }), 'TIME_ZONE_UNKNOWN', 'window.timeZone'],
    ['an exchange without sessions', window('tradingDay', { timeZone: 'UTC', sessions: [] }), 'TRADING_DAY_INVALID', 'window.sessions'],
    ['an empty table', window('intervals', { table: [] }), 'INTERVALS_INVALID', 'window.table'],
    ['a negative surrounding', window('around', { beforeMs: -1, afterMs: 0 }), 'WINDOW_SIZE_INVALID', 'window.beforeMs'],
    ['a negative difference', window('slidingByRecord', { differenceMs: -1 }), 'WINDOW_SIZE_INVALID', 'window.differenceMs'],
    ['a state window without an end', window('stateWindow', { open: column('ok') }), 'PLAN_FIELD_MISSING', 'window.close'],
    ['a state that is no condition', window('stateWindow', { open: column('ok'), close: column('n') }), 'EXPRESSION_TYPE', 'window.close'],
    ['a custom window without its mark', window('custom'), 'PLAN_TYPE', 'window.function', 'beside it by uid'],
    ['an unknown time', { time: 'ingestion' }, 'TIME_UNKNOWN', 'time'],
    ['an unknown accumulation', { accumulation: 'accumlating' }, 'ACCUMULATION_UNKNOWN', 'accumulation', 'did you mean "accumulating"'],
    ['an unknown closing', { closing: 'never' }, 'CLOSING_UNKNOWN', 'closing'],
    ['a flag that is none', { emptyPanes: 'yes' }, 'PLAN_TYPE', 'emptyPanes'],
    ['an unknown field', { accumulate: true }, 'PLAN_FIELD_UNKNOWN', 'accumulate', 'did you mean "accumulation"'],
    ['an apply without its mark', { apply: { schema: { x: 'f64' } } }, 'PLAN_TYPE', 'apply.function'],
    ['an apply without columns', { apply: { function: true, schema: {} } }, 'SCHEMA_EMPTY', 'apply.schema'],
    ['an apply with json', { apply: { function: true, schema: { x: 'json' } } }, 'COLUMN_TYPE_UNKNOWN', 'apply.schema.x', 'results only'],
    ['an apply that gives a key', { apply: { function: true, schema: { device: 'utf8' } } }, 'NAME_CONFLICT', 'apply.schema.device'],
    ['an apply that gives an aggregate', { apply: { function: true, schema: { n: 'f64' } } }, 'NAME_CONFLICT', 'apply.schema.n'],
    ['no aggregate and no apply', { aggregates: {} }, 'AGGREGATE_EMPTY', 'aggregates'],
  ])('is refused with %s', (_, fields, code, path, inMessage) => {
    const error = errorOf(fields)
    expect(error?.code).toBe(code)
    expect(error?.details['path']).toBe(`${AT}.${path}`)
    if (inMessage !== undefined) expect(error?.message).toContain(inMessage)
  })

  it('json is no type of a source', () => {
    expect(() => loadPlan(planWith({}, { at: 'timestamp', device: 'utf8', x: 'json' }))).toThrow('json is a type of results only')
  })
})

describe('a trigger', () => {
  it.each<[Json, Json?]>([
    [{ kind: 'onWatermark', early: { kind: 'onProcessingTime', everyMs: 5 }, late: EACH, purge: false }, undefined],
    [{ kind: 'onCount', n: 2, purge: true }],
    [{ kind: 'afterProcessingTime', delayMs: 5 }],
    [{ kind: 'onEventTime', everyMs: 5 }],
    [{ kind: 'onRecord', when: gt('celsius', 5) }],
    [{ kind: 'any', of: [EACH, { kind: 'onWatermark' }] }],
    [{ kind: 'all', of: [EACH] }],
    [{ kind: 'inOrder', of: [EACH, { kind: 'repeatedly', of: EACH }] }],
    [{ kind: 'orFinally', of: EACH, until: { kind: 'onWatermark' } }],
    [{ kind: 'once', of: EACH }],
    [{ kind: 'custom', function: true }],
  ])('may be %j', (spec) => {
    const { purge, ...rest } = spec
    expect(windowOf(trigger(spec)).trigger).toEqual(purge === true ? spec : rest)
  })

  it.each<[what: string, spec: unknown, code: string, path: string, inMessage?: string]>([
    ['that is text', 'onWatermark', 'PLAN_TYPE', ''],
    ['without a kind', {}, 'PLAN_FIELD_MISSING', '.kind'],
    ['that is misspelt', { kind: 'onWatermrk' }, 'TRIGGER_UNKNOWN', '.kind', 'did you mean "onWatermark"'],
    ['of 0 records', { kind: 'onCount', n: 0 }, 'TRIGGER_COUNT_INVALID', '.n'],
    ['of half a record', { kind: 'onCount', n: 0.5 }, 'TRIGGER_COUNT_INVALID', '.n'],
    ['without its count', { kind: 'onCount' }, 'PLAN_FIELD_MISSING', '.n'],
    ['every 0 ms', { kind: 'onProcessingTime', everyMs: 0 }, 'DURATION_INVALID', '.everyMs'],
    ['every 0 ms of event time', { kind: 'onEventTime', everyMs: 0 }, 'DURATION_INVALID', '.everyMs'],
    ['after 0 ms', { kind: 'afterProcessingTime', delayMs: 0 }, 'DURATION_INVALID', '.delayMs'],
    ['at no record', { kind: 'onRecord' }, 'PLAN_FIELD_MISSING', '.when'],
    ['at records that are no condition', { kind: 'onRecord', when: column('n') }, 'EXPRESSION_TYPE', '.when'],
    [
      'with a misspelt column deep inside',
      { kind: 'any', of: [EACH, { kind: 'once', of: { kind: 'onRecord', when: gt('celcius', 1) } }] },
      'COLUMN_UNKNOWN',
      '.of[1].of.when.args[0].column',
    ],
    ['of no triggers', { kind: 'any', of: [] }, 'TRIGGER_EMPTY', '.of'],
    ['of one that is no list', { kind: 'all', of: EACH }, 'PLAN_TYPE', '.of'],
    ['repeated without a part', { kind: 'repeatedly' }, 'PLAN_FIELD_MISSING', '.of'],
    ['until nothing', { kind: 'orFinally', of: EACH }, 'PLAN_FIELD_MISSING', '.until'],
    ['that purges though it is no leaf', { kind: 'any', of: [EACH], purge: true }, 'PLAN_FIELD_UNKNOWN', '.purge'],
    ['custom without its mark', { kind: 'custom' }, 'PLAN_TYPE', '.function'],
    ['with a field of another', { kind: 'onCount', n: 1, everyMs: 5 }, 'PLAN_FIELD_UNKNOWN', '.everyMs'],
    ['wrong in a part', { kind: 'onWatermark', early: { kind: 'onCount', n: -1 } }, 'TRIGGER_COUNT_INVALID', '.early.n'],
  ])('is refused %s', (_, spec, code, path, inMessage) => {
    const error = errorOf(trigger(spec))
    expect(error?.code).toBe(code)
    expect(error?.details['path']).toBe(`${AT}.trigger${path}`)
    if (inMessage !== undefined) expect(error?.message).toContain(inMessage)
  })

  it('fits in the table of the kernel', () => {
    expect(TRIGGER_NODES_MAX).toBe(TRIGGERS_MAX)
    const any = (count: number) => ({ kind: 'any', of: Array.from({ length: count }, () => EACH) })
    // One for `any`, and one for the repetition around it.
    expect(errorOf(trigger(any(30)))).toBeNull()
    expect(errorOf(trigger(any(31)))).toMatchObject({ code: 'TRIGGER_SIZE', details: { path: `${AT}.trigger` } })
    expect(triggerNodeCount({ kind: 'onWatermark' })).toBe(4)
    expect(triggerNodeCount({ kind: 'onWatermark', early: { kind: 'onCount', n: 1 } })).toBe(4)
    expect(triggerNodeCount({ kind: 'orFinally', of: { kind: 'onEnd' }, until: { kind: 'onEnd' } })).toBe(3)
  })

  it('is refused however deep it is', () => {
    let spec: unknown = EACH
    for (let depth = 0; depth < 100_000; depth++) spec = { kind: 'once', of: spec }
    const error = errorOf(trigger(spec))
    expect(error?.code).toBe('TRIGGER_SIZE')
    expect(error!.message.length).toBeLessThan(600)
  })
})

describe('an evictor', () => {
  it.each<Json>([
    { kind: 'count', n: 5, after: true },
    { kind: 'time', durationMs: 0 },
    { kind: 'delta', column: 'celsius', threshold: 0.5 },
  ])('may be %j', (evictor) => {
    expect(windowOf({ evictor }).evictor).toEqual(evictor)
  })

  it.each<[string, Json, string, string]>([
    ['that is unknown', { kind: 'cuont', n: 1 }, 'EVICTOR_UNKNOWN', '.kind'],
    ['of no records', { kind: 'count', n: 0 }, 'EVICTOR_LIMIT_INVALID', '.n'],
    ['of negative time', { kind: 'time', durationMs: -1 }, 'EVICTOR_LIMIT_INVALID', '.durationMs'],
    ['of a threshold that is none', { kind: 'delta', column: 'celsius', threshold: Number.NaN }, 'EVICTOR_LIMIT_INVALID', '.threshold'],
    ['of a misspelt column', { kind: 'delta', column: 'celcius', threshold: 1 }, 'COLUMN_UNKNOWN', '.column'],
    ['of text', { kind: 'delta', column: 'device', threshold: 1 }, 'COLUMN_TYPE', '.column'],
    ['with a field of another', { kind: 'count', n: 1, threshold: 1 }, 'PLAN_FIELD_UNKNOWN', '.threshold'],
  ])('is refused %s', (_, evictor, code, path) => {
    expect(errorOf({ evictor })).toMatchObject({ code, details: { path: `${AT}.evictor${path}` } })
  })
})

describe('what follows from a window', () => {
  it('results have bounds, keys, aggregates, then the columns of the function', () => {
    const fields = {
      aggregates: { n: { fn: 'count' }, names: { fn: 'collect', column: 'device' } },
      apply: { function: true, schema: { x: 'utf8' } },
    }
    expect(resultsOf(fields).columns).toEqual([
      { name: 'windowStart', type: 'timestamp' },
      { name: 'windowEnd', type: 'timestamp' },
      { name: 'device', type: 'utf8' },
      { name: 'n', type: 'f64' },
      { name: 'names', type: 'json' },
      { name: 'x', type: 'utf8' },
    ])
  })

  it('a list of results can be asked for null, and nothing else', () => {
    const plan = (where: unknown) => {
      const json = planWith(aggregate({ fn: 'collect', column: 'n' })) as { operators: Json[] }
      json.operators[4]!['inputs'] = ['f']
      json.operators.push({ uid: 'f', op: 'filter', inputs: ['w'], where })
      return json
    }
    expect(() => loadPlan(plan({ fn: 'isNull', args: [column('a')] }))).not.toThrow()
    expect(() => loadPlan(plan({ fn: 'eq', args: [column('a'), column('a')] }))).toThrow('type json')
  })

  it.each<[string, Json, number]>([
    ['conditions of aggregates', { aggregates: { a: { fn: 'sum', column: 'n', where: column('ok') }, b: { fn: 'sum', column: 'n' } } }, 3],
    ['assigned windows', { ...window('custom', { function: true }) }, 4],
    ['a gap by record', { ...window('session', { gap: column('n') }) }, 2],
    ['all columns for a function', { apply: { function: true, schema: { x: 'f64' } } }, 5],
  ])('%s are columns that travel to the kernel', (_, fields, count) => {
    const wide = (columns: number): Json => ({
      aggregates: {
        ...(fields['aggregates'] as Json | undefined),
        ...Object.fromEntries(Array.from({ length: columns }, (_, i) => [`x${i}`, { fn: 'max', column: `c${i}` }])),
      },
    })
    const load = (columns: number) => {
      const schema = { device: 'utf8', at: 'timestamp', celsius: 'f64', n: 'i32', ok: 'bool' }
      const extra = Object.fromEntries(Array.from({ length: columns }, (_, i) => [`c${i}`, 'f64']))
      return loadPlan(planWith({ ...fields, ...wide(columns) }, { ...schema, ...extra }), ANY_FUNCTION)
    }
    expect(() => load(32 - count)).not.toThrow()
    expect(() => load(33 - count)).toThrow('33 columns')
  })

  it('functions are needed under the keys of their parts', () => {
    const fields = {
      ...window('stateWindow', { open: { function: true }, close: { function: true } }),
      aggregates: { mine: { fn: 'custom', function: true } },
      apply: { function: true, schema: { x: 'f64' } },
    }
    expect(functionPartsOf(windowOf(fields), windowRules())).toEqual(['open', 'close', 'aggregate.mine', 'apply'])
    const session = { ...window('session', { gap: { function: true } }), trigger: { kind: 'custom', function: true } }
    expect(functionPartsOf(windowOf(session), windowRules())).toEqual(['gap', 'trigger'])
    expect(functionPartsOf(windowOf(window('custom', { function: true })), windowRules())).toEqual(['window'])
    expect(() =>
      loadPlan(
        planWith(fields),
        new Map([
          ['w.open', 1],
          ['w.close', 1],
          ['w.apply', 1],
        ]),
      ),
    ).toThrow('"w.aggregate.mine"')
  })

  it('two operators cannot keep a function under one key', () => {
    const json = planWith(window('session', { gap: { function: true } })) as { operators: Json[] }
    json.operators[1]!['inputs'] = ['w.gap']
    json.operators.push({ uid: 'w.gap', op: 'filter', inputs: ['in'], where: { function: true } })
    expect(() => loadPlan(json, ANY_FUNCTION)).toThrow(expect.objectContaining({ code: 'UID_DUPLICATE' }))
  })

  it.each<[boolean, string, Json]>([
    [true, 'a tumbling window', {}],
    [true, 'late records', { allowedLatenessMs: 5, late: { kind: 'fail' } }],
    [
      true,
      'a sliding window with conditions',
      { window: { kind: 'sliding', sizeMs: 60, slideMs: 7 }, ...aggregate({ fn: 'count', where: column('ok') }) },
    ],
    [false, 'sessions', window('session', { gapMs: 5 })],
    [false, 'processing time', { time: 'processing' }],
    [false, 'early panes', trigger({ kind: 'onWatermark', early: EACH })],
    [false, 'purging', trigger({ kind: 'onWatermark', purge: true })],
    [false, 'another trigger', trigger(EACH)],
    [true, 'discarding without lateness', { accumulation: 'discarding' }],
    [false, 'discarding with lateness', { accumulation: 'discarding', allowedLatenessMs: 5 }],
    [false, 'closing', { closing: 'always' }],
    [false, 'empty panes', { emptyPanes: true }],
    [false, 'an evictor', { evictor: { kind: 'count', n: 1 } }],
    [false, 'records kept', { keepRecords: true }],
    [false, 'a function', { apply: { function: true, schema: { x: 'f64' } } }],
    [false, 'a median', aggregate({ fn: 'median', column: 'n' })],
  ])('the slice kernel runs it: %s, %s', (isSliced, _, fields) => {
    expect(usesSliceKernel(windowOf(fields))).toBe(isSliced)
  })

  it('the fingerprint is that of before where the plan says what was meant then', async () => {
    const print = async (fields: Json) => fingerprint(loadWith(fields))
    const before = await print({})
    const written = { time: 'event', trigger: { kind: 'onWatermark' }, accumulation: 'accumulating', closing: 'none', emptyPanes: false }
    expect(await print(written)).toBe(before)
    const others = [
      { time: 'processing' },
      trigger(EACH),
      { accumulation: 'discarding' },
      { closing: 'always' },
      { emptyPanes: true },
      { keepRecords: true },
    ]
    const prints = await Promise.all(others.map(print))
    expect(new Set([before, ...prints]).size).toBe(others.length + 1)
  })

  it.each<[Json, ...string[]]>([
    [window('cumulate', { sizeMs: 86_400_000, stepMs: 3_600_000 }), 'window: cumulate 1 d by 1 h'],
    [window('session', { gapMs: 5_000, maxLengthMs: 3_600_000 }), 'window: session, gap 5 s, at most 1 h'],
    [window('session', { gap: column('n') }), 'window: session, gap n'],
    [window('countSliding', { n: 1_000, every: 10, partial: true }), 'window: 1,000 records, every 10, fewer at the end of the stream'],
    [window('countTumbling', { n: 1 }), 'window: 1 record'],
    [window('global'), 'window: global'],
    [
      window('calendar', { unit: 'month', every: 3, timeZone: 'Europe/Berlin', anchor: { day: 31, hour: 6, from: '2024-01-31' } }),
      'window: calendar, 3 months, Europe/Berlin, from day 31 06:00 counted from 2024-01-31',
    ],
    [
      window('tradingDay', { timeZone: 'UTC', sessions: SESSIONS, holidays: ['2024-12-25'] }),
      'window: trading day, UTC, mon tue 09:30-16:00, 1 holiday',
    ],
    [window('intervals', { table: [{ startMs: 0, endMs: 1 }] }), 'window: 1 interval'],
    [window('around', { beforeMs: 0, afterMs: 60_000 }), 'window: around each record, 0 ms before to 1 m after'],
    [window('slidingByRecord', { differenceMs: 10 }), 'window: sliding by record, difference 10 ms'],
    [window('stateWindow', { open: column('ok'), close: { function: true } }), 'window: from ok to by a JavaScript function'],
    [window('custom', { function: true }), 'window: by a JavaScript function'],
    [{ time: 'processing' }, 'window: tumbling 1 m, in processing time'],
    [
      trigger({ kind: 'onWatermark', early: { kind: 'onProcessingTime', everyMs: 10_000 }, late: EACH }),
      'trigger: at the end, early every 10 s of the clock, late every 1 record',
    ],
    [
      trigger({
        kind: 'orFinally',
        of: { kind: 'repeatedly', of: { kind: 'onCount', n: 2, purge: true } },
        until: { kind: 'all', of: [EACH, { kind: 'onRecord', when: column('ok') }] },
      }),
      'trigger: (repeatedly (every 2 records and purge)) until ((every 1 record and at records with ok))',
    ],
    [
      trigger({
        kind: 'inOrder',
        of: [
          { kind: 'once', of: { kind: 'afterProcessingTime', delayMs: 5 } },
          {
            kind: 'any',
            of: [
              { kind: 'onEventTime', everyMs: 60_000 },
              { kind: 'custom', function: true },
            ],
          },
        ],
      }),
      'trigger: (once (5 ms of the clock after the first record), then (every 1 m of event time or at records by a JavaScript function))',
    ],
    [{ ...window('global'), ...trigger({ kind: 'onEnd' }) }, 'trigger: at the end of the stream'],
    [
      { accumulation: 'retracting', emitUnchanged: true, closing: 'ifNonEmpty' },
      'panes: retracting, unchanged results too',
      'last pane when it expires: if there are new records',
    ],
    [
      { emptyPanes: true, closing: 'always', keepRecords: true },
      'panes: also when empty at the end',
      'last pane when it expires: always',
      'keeps its records',
    ],
    [{ evictor: { kind: 'count', n: 2, after: true } }, 'evict: all but the last 2 records, after the pane'],
    [{ evictor: { kind: 'time', durationMs: 1_000 } }, 'evict: records 1 s or more older than the newest'],
    [{ evictor: { kind: 'delta', column: 'celsius', threshold: 2 } }, 'evict: records whose celsius is 2 or more below that of the last'],
    [{ apply: { function: true, schema: { x: 'f64', y: 'f64' } } }, 'rows by a JavaScript function: x, y'],
    [
      aggregate({ fn: 'quantile', column: 'n', q: 0.9, where: gt('celsius', 3) }),
      'a = quantile(n, q 0.9, accuracy 0.01) where celsius > 3',
    ],
    [aggregate({ fn: 'topK', column: 'device', k: 3, by: 'n' }), 'a = topK(device, by n, k 3)'],
    [aggregate({ fn: 'concat', column: 'device', separator: '; ' }), 'a = concat(device, order "eventTime", separator "; ")'],
    [
      aggregate({ fn: 'histogram', column: 'n', bounds: [1, 2, 3, 4, 5, 6, 7, 8, 9] }),
      'a = histogram(n, bounds 1 2 3 4 5 6 7 8 and 1 more)',
    ],
    [aggregate({ fn: 'countDistinct', column: 'n', approximate: true }), 'a = countDistinct(n, approximate, precision 12)'],
    [aggregate({ fn: 'ewma', column: 'n', halfLifeMs: 60_000 }), 'a = ewma(n, half-life 1 m)'],
    [aggregate({ fn: 'custom', function: true }), 'a = custom(a JavaScript function)'],
  ])('is explained: %j', (fields, ...lines) => {
    const { text, mermaid } = explain(loadWith(fields))
    for (const line of lines) expect(text).toContain(`    ${line}\n`)
    expect(mermaid).toMatch(/^flowchart LR\n/)
  })
})
