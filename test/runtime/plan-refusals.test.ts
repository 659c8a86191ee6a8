/**
 * Plans that are refused: by which code, at which place of the plan, and with what in the message.
 */

import { describe, expect, it } from 'vitest'
import type { ConfigError } from '../../runtime/errors.ts'
import {
  aggregates,
  changed,
  errorOf,
  EXAMPLE,
  example,
  FILTER,
  inserted,
  KEY,
  SINK,
  sliding,
  SOURCE,
  TIME,
  tumbling,
  watermark,
  WINDOW,
  without,
} from '../support/example-plan.ts'
import type { Json } from '../support/window-operators.ts'

/** Two windows in a row are several stages. */
const secondWindow = { uid: 'again', op: 'window', window: { kind: 'tumbling', sizeMs: 1 }, aggregates: { n: { fn: 'count' } } }
const wide = (columns: number): Json => Object.fromEntries(Array.from({ length: columns }, (_, i) => [`c${i}`, 'f64']))

describe('a plan is refused', () => {
  it.each<[what: string, plan: unknown, code: string, path: string, inMessage?: string]>([
    ['that is text', EXAMPLE, 'PLAN_TYPE', 'the plan', 'JSON.parse'],
    ['that is null', null, 'PLAN_TYPE', ''],
    ['that is an array', [], 'PLAN_TYPE', ''],
    ['of no version', { name: 'x', operators: [] }, 'PLAN_FIELD_MISSING', 'millrace'],
    ['of a newer version', { ...example(), millrace: 2, sparkles: true }, 'PLAN_VERSION', 'millrace', 'newer'],
    ['of a version that is text', { ...example(), millrace: '1' }, 'PLAN_VERSION', 'millrace'],
    ['with an unknown field', { ...example(), operatos: [] }, 'PLAN_FIELD_UNKNOWN', 'operatos'],
    ['with an own field __proto__', JSON.parse(EXAMPLE.replace('"name"', '"__proto__": {}, "name"')), 'PLAN_FIELD_UNKNOWN', '__proto__'],
    ['without a name', { ...example(), name: '' }, 'PLAN_TYPE', 'name'],
    ['with a long name', { ...example(), name: 'x'.repeat(201) }, 'PLAN_TYPE', 'name'],
    ['without operators', { ...example(), operators: [] }, 'PLAN_TYPE', 'operators'],
    ['with operators by name', { ...example(), operators: {} }, 'PLAN_TYPE', 'operators'],
    ['with 1,001 operators', { ...example(), operators: Array.from({ length: 1_001 }, () => ({})) }, 'PLAN_TYPE', 'operators'],
    ['with a hole among the operators', { ...example(), operators: Array.of(undefined) }, 'PLAN_FIELD_MISSING', 'operators[0]'],
    ['without op', without(FILTER, 'op'), 'PLAN_FIELD_MISSING', 'operators[2].op'],
    ['with a misspelt op', changed(FILTER, { op: 'filtre' }), 'OPERATOR_UNKNOWN', 'operators[2].op', 'did you mean "filter"'],
    ['with __proto__ as op', changed(FILTER, { op: '__proto__' }), 'OPERATOR_UNKNOWN', 'operators[2].op'],
    ['with an op of later', changed(FILTER, { op: 'union' }), 'PLAN_UNSUPPORTED', 'operators[2].op', 'not supported yet'],
    ['with a misspelt field', changed(WINDOW, { allowedLatenes: 1 }), 'PLAN_FIELD_UNKNOWN', 'operators[4].allowedLatenes'],
    ['without uid', without(SINK, 'uid'), 'PLAN_FIELD_MISSING', 'operators[5].uid'],
    ['with an empty uid', changed(SINK, { uid: '' }), 'PLAN_TYPE', 'operators[5].uid'],
    ['with one uid twice', changed(SINK, { uid: 'minutes' }), 'UID_DUPLICATE', 'operators[5].uid'],
    ['without inputs', without(SINK, 'inputs'), 'PLAN_FIELD_MISSING', 'operators[5].inputs'],
    ['with a source that reads', changed(SOURCE, { inputs: ['out'] }), 'PLAN_FIELD_UNKNOWN', 'operators[0].inputs'],
    ['with empty inputs', changed(SINK, { inputs: [] }), 'PLAN_TYPE', 'operators[5].inputs[0]'],
    ['with two inputs', changed(SINK, { inputs: ['minutes', 'time'] }), 'PLAN_UNSUPPORTED', 'operators[5].inputs'],
    ['with a misspelt input', changed(SINK, { inputs: ['minuets'] }), 'INPUT_UNKNOWN', 'operators[5].inputs[0]', 'did you mean "minutes"'],
    [
      'that reads a sink',
      inserted('minutes', { uid: 'f', op: 'filter', inputs: ['out'], where: { literal: true } }),
      'INPUT_UNKNOWN',
      'operators[6].inputs[0]',
    ],
    ['with a cycle', changed(TIME, { inputs: ['by-device'] }), 'PLAN_CYCLE', 'operators[1].inputs[0]', '→'],
    ['with an operator that reads itself', changed(FILTER, { inputs: ['plausible'] }), 'PLAN_CYCLE', 'operators[2].inputs[0]'],
    [
      'with a source nobody reads',
      { ...example(), operators: [...example().operators, { uid: 's', op: 'source', schema: { a: 'f64' } }] },
      'OPERATOR_ORPHAN',
      'operators[6]',
    ],
    ['without a sink', { ...example(), operators: example().operators.slice(0, 5) }, 'OPERATOR_ORPHAN', 'operators[4]'],
    ['with an empty schema', changed(SOURCE, { schema: {} }), 'SCHEMA_EMPTY', 'operators[0].schema'],
    [
      'with a type that is none',
      changed(SOURCE, { schema: { at: 'timestmp' } }),
      'COLUMN_TYPE_UNKNOWN',
      'operators[0].schema.at',
      'did you mean "timestamp"',
    ],
    ['with an empty column name', changed(SOURCE, { schema: { '': 'f64' } }), 'COLUMN_NAME_INVALID', 'operators[0].schema'],
    ['with 1,001 columns', changed(SOURCE, { schema: wide(1_001) }), 'COLUMNS_TOO_MANY', 'operators[0].schema'],
    ['with a misspelt event time', changed(TIME, { column: 'att' }), 'COLUMN_UNKNOWN', 'operators[1].column', 'did you mean "at"'],
    ['with __proto__ as unknown column', changed(TIME, { column: '__proto__' }), 'COLUMN_UNKNOWN', 'operators[1].column'],
    ['with an event time that is none', changed(TIME, { column: 'celsius' }), 'COLUMN_TYPE', 'operators[1].column'],
    [
      'with an event time set twice',
      inserted('time', { uid: 't2', op: 'eventTime', column: 'at', watermark: { kind: 'monotonous' } }),
      'EVENT_TIME_TWICE',
      'operators[6]',
    ],
    ['without a watermark', without(TIME, 'watermark'), 'PLAN_FIELD_MISSING', 'operators[1].watermark'],
    ['with a misspelt strategy', watermark({ kind: 'monotonus' }), 'WATERMARK_UNKNOWN', 'operators[1].watermark.kind', 'monotonous'],
    ['with a negative delay', watermark({ delayMs: -1 }), 'DURATION_INVALID', 'operators[1].watermark.delayMs'],
    [
      'with a delay as text',
      watermark({ delayMs: '5s' }),
      'DURATION_INVALID',
      'operators[1].watermark.delayMs',
      'integers of milliseconds',
    ],
    ['with a delay that is null', watermark({ delayMs: null }), 'DURATION_INVALID', 'operators[1].watermark.delayMs'],
    [
      'without a delay',
      changed(TIME, { watermark: { kind: 'boundedOutOfOrderness' } }),
      'PLAN_FIELD_MISSING',
      'operators[1].watermark.delayMs',
    ],
    ['with a delay where there is none', watermark({ kind: 'monotonous' }), 'PLAN_FIELD_UNKNOWN', 'operators[1].watermark.delayMs'],
    ['with idleness at once', watermark({ idleAfterMs: 0 }), 'DURATION_INVALID', 'operators[1].watermark.idleAfterMs'],
    ['with watermarks every 0 records', watermark({ everyRecords: 0 }), 'EVERY_RECORDS_INVALID', 'operators[1].watermark.everyRecords'],
    ['with watermarks every half record', watermark({ everyRecords: 0.5 }), 'EVERY_RECORDS_INVALID', 'operators[1].watermark.everyRecords'],
    [
      'with a misspelt column in a filter',
      changed(FILTER, { where: { fn: 'gt', args: [{ column: 'celcius' }, { literal: 0 }] } }),
      'COLUMN_UNKNOWN',
      'operators[2].where.args[0].column',
      'celsius',
    ],
    [
      'with a misspelt function',
      changed(FILTER, { where: { fn: 'grt', args: [] } }),
      'FUNCTION_UNKNOWN',
      'operators[2].where.fn',
      'did you mean "gt"',
    ],
    ['with a filter that is no condition', changed(FILTER, { where: { column: 'celsius' } }), 'EXPRESSION_TYPE', 'operators[2].where'],
    [
      'with a filter of a function that is none',
      changed(FILTER, { where: { function: 'row => true' } }),
      'PLAN_TYPE',
      'operators[2].where.function',
    ],
    ['with a filter without where', without(FILTER, 'where'), 'PLAN_FIELD_MISSING', 'operators[2].where'],
    ['with an empty map', inserted('time', { uid: 'm', op: 'map', columns: {} }), 'MAP_INVALID', 'operators[6].columns'],
    ['with a map of nothing', inserted('time', { uid: 'm', op: 'map' }), 'PLAN_FIELD_MISSING', 'operators[6].columns'],
    [
      'with a map both ways',
      inserted('time', { uid: 'm', op: 'map', function: true, schema: { a: 'f64' }, columns: {} }),
      'MAP_INVALID',
      'operators[6]',
    ],
    ['with a map schema without function', inserted('time', { uid: 'm', op: 'map', schema: { a: 'f64' } }), 'MAP_INVALID', 'operators[6]'],
    [
      'with a map of nulls only',
      inserted('time', { uid: 'm', op: 'map', columns: { a: { literal: null } } }),
      'EXPRESSION_TYPE',
      'operators[6].columns.a',
    ],
    [
      'with an empty name in a map',
      inserted('time', { uid: 'm', op: 'map', columns: { '': { literal: 1 } } }),
      'COLUMN_NAME_INVALID',
      'operators[6].columns',
    ],
    [
      'with a map that replaces a key',
      inserted('by-device', { uid: 'm', op: 'map', columns: { device: { literal: 'x' } } }),
      'KEY_REPLACED',
      'operators[6].columns.device',
    ],
    [
      'with a function after keyBy',
      inserted('by-device', { uid: 'm', op: 'map', function: true, schema: { device: 'utf8' } }),
      'KEY_REPLACED',
      'operators[6]',
    ],
    ['with a misspelt key', changed(KEY, { columns: ['devise'] }), 'COLUMN_UNKNOWN', 'operators[3].columns[0]', 'device'],
    ['without keys', changed(KEY, { columns: [] }), 'KEYS_INVALID', 'operators[3].columns'],
    ['with one key twice', changed(KEY, { columns: ['device', 'device'] }), 'KEYS_INVALID', 'operators[3].columns[1]'],
    ['with a second keyBy', inserted('by-device', { uid: 'k', op: 'keyBy', columns: ['at'] }), 'PLAN_UNSUPPORTED', 'operators[6]'],
    [
      'with eventTime after keyBy',
      inserted('by-device', { uid: 't', op: 'eventTime', column: 'at', watermark: { kind: 'monotonous' } }),
      'PLAN_UNSUPPORTED',
      'operators[6]',
    ],
    [
      'with a sink after keyBy',
      { ...example(), operators: [...example().operators, { uid: 'o', op: 'sink', inputs: ['by-device'], name: 'o' }] },
      'PLAN_UNSUPPORTED',
      'operators[6]',
    ],
    ['with several stages', inserted('minutes', secondWindow), 'PLAN_UNSUPPORTED', 'operators[6]', 'several stages are not supported yet'],
    ['with keyBy after a window', inserted('minutes', { uid: 'k', op: 'keyBy', columns: ['n'] }), 'PLAN_UNSUPPORTED', 'operators[6]'],
    [
      'with 17 keys',
      inserted('plausible', { uid: 'k', op: 'keyBy', columns: Array.from({ length: 17 }, (_, i) => `k${i}`) }),
      'KEYS_INVALID',
      'operators[6].columns',
    ],
    ['without a window in a window', without(WINDOW, 'window'), 'PLAN_FIELD_MISSING', 'operators[4].window'],
    ['with a misspelt window', tumbling({ kind: 'tumblign' }), 'WINDOW_UNKNOWN', 'operators[4].window.kind', 'did you mean "tumbling"'],
    ['with a window of size 0', tumbling({ sizeMs: 0 }), 'WINDOW_SIZE_INVALID', 'operators[4].window.sizeMs'],
    ['with a window of negative size', tumbling({ sizeMs: -1 }), 'WINDOW_SIZE_INVALID', 'operators[4].window.sizeMs'],
    ['with a window of half a millisecond', tumbling({ sizeMs: 0.5 }), 'WINDOW_SIZE_INVALID', 'operators[4].window.sizeMs'],
    ['with a window of infinite size', tumbling({ sizeMs: Number.POSITIVE_INFINITY }), 'WINDOW_SIZE_INVALID', 'operators[4].window.sizeMs'],
    ['with a window of size as text', tumbling({ sizeMs: '1m' }), 'WINDOW_SIZE_INVALID', 'operators[4].window.sizeMs', '60000'],
    ['with slide 0', sliding({ slideMs: 0 }), 'WINDOW_SLIDE_INVALID', 'operators[4].window.slideMs'],
    ['with a negative slide', sliding({ slideMs: -5 }), 'WINDOW_SLIDE_INVALID', 'operators[4].window.slideMs'],
    ['with a slide where there is none', tumbling({ slideMs: 5 }), 'PLAN_FIELD_UNKNOWN', 'operators[4].window.slideMs'],
    ['with 10,001 slices', sliding({ sizeMs: 10_001, slideMs: 1 }), 'WINDOW_FANOUT', 'operators[4].window'],
    ['with slices of a millisecond', sliding({ sizeMs: 86_400_000, slideMs: 86_399_999 }), 'WINDOW_FANOUT', 'operators[4].window'],
    ['with an offset of the size', tumbling({ offsetMs: 60_000 }), 'WINDOW_OFFSET_INVALID', 'operators[4].window.offsetMs'],
    ['with negative lateness', changed(WINDOW, { allowedLatenessMs: -1 }), 'LATENESS_INVALID', 'operators[4].allowedLatenessMs'],
    ['with NaN as lateness', changed(WINDOW, { allowedLatenessMs: Number.NaN }), 'LATENESS_INVALID', 'operators[4].allowedLatenessMs'],
    [
      'with an unknown late policy',
      changed(WINDOW, { late: { kind: 'dorp' } }),
      'LATE_POLICY_UNKNOWN',
      'operators[4].late.kind',
      'did you mean "drop"',
    ],
    ['with a side output without name', changed(WINDOW, { late: { kind: 'sideOutput' } }), 'PLAN_FIELD_MISSING', 'operators[4].late.name'],
    [
      'with a side output named as a sink',
      changed(WINDOW, { late: { kind: 'sideOutput', name: 'minutes' } }),
      'SINK_DUPLICATE',
      'operators[5].name',
    ],
    [
      'with two sinks of one name',
      { ...example(), operators: [...example().operators, { uid: 'o', op: 'sink', inputs: ['time'], name: 'minutes' }] },
      'SINK_DUPLICATE',
      'operators[6].name',
    ],
    [
      'with a window without event time',
      {
        ...changed(FILTER, { inputs: ['readings'] }),
        operators: changed(FILTER, { inputs: ['readings'] }).operators.filter(({ uid }) => uid !== 'time'),
      },
      'EVENT_TIME_MISSING',
      'operators[3]',
    ],
    ['without aggregates', aggregates({}), 'AGGREGATE_EMPTY', 'operators[4].aggregates'],
    [
      'with an aggregate that is none',
      aggregates({ n: { fn: 'cuont' } }),
      'FUNCTION_UNKNOWN',
      'operators[4].aggregates.n.fn',
      'did you mean "count"',
    ],
    ['with an aggregate without column', aggregates({ n: { fn: 'max' } }), 'PLAN_FIELD_MISSING', 'operators[4].aggregates.n.column'],
    [
      'with an aggregate of a misspelt column',
      aggregates({ n: { fn: 'max', column: 'celcius' } }),
      'COLUMN_UNKNOWN',
      'operators[4].aggregates.n.column',
    ],
    [
      'with an aggregate over strings',
      aggregates({ n: { fn: 'max', column: 'device' } }),
      'COLUMN_TYPE',
      'operators[4].aggregates.n.column',
    ],
    [
      'with an option of another aggregate',
      aggregates({ n: { fn: 'max', column: 'celsius', compensated: true } }),
      'PLAN_FIELD_UNKNOWN',
      'operators[4].aggregates.n.compensated',
    ],
    [
      'with an option that is no flag',
      aggregates({ n: { fn: 'sum', column: 'celsius', compensated: 1 } }),
      'PLAN_TYPE',
      'operators[4].aggregates.n.compensated',
    ],
    ['with an aggregate named like a key', aggregates({ device: { fn: 'count' } }), 'NAME_CONFLICT', 'operators[4].aggregates.device'],
    [
      'with an aggregate named windowStart',
      aggregates({ windowStart: { fn: 'count' } }),
      'NAME_CONFLICT',
      'operators[4].aggregates.windowStart',
    ],
    [
      'with 65 aggregates',
      aggregates(Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`a${i}`, { fn: 'count' }]))),
      'AGGREGATES_TOO_MANY',
      'operators[4].aggregates',
    ],
  ])('%s', (_, plan, code, path, inMessage) => {
    const error = errorOf(plan)
    expect(error?.code).toBe(code)
    expect(error?.details['path']).toBe(path)
    if (inMessage !== undefined) expect(error?.message).toContain(inMessage)
  })

  it('with a key named windowEnd', () => {
    const text = EXAMPLE.replaceAll('"device"', '"windowEnd"')
    expect(errorOf(JSON.parse(text))).toMatchObject({ code: 'NAME_CONFLICT', details: { path: 'operators[4]' } })
  })

  it('with more than 32 columns in a window', () => {
    const plan = changed(SOURCE, { schema: { device: 'utf8', at: 'timestamp', celsius: 'f64', ...wide(32) } })
    const over = (columns: number) =>
      Object.fromEntries(Array.from({ length: columns }, (_, i) => [`a${i}`, { fn: 'max', column: `c${i}` }]))
    Object.assign(plan.operators[WINDOW]!, { aggregates: over(31) })
    expect(errorOf(plan)).toBeNull()
    Object.assign(plan.operators[WINDOW]!, { aggregates: over(32) })
    expect(errorOf(plan)).toMatchObject({ code: 'COLUMNS_TOO_MANY', details: { path: 'operators[4]' } })
  })

  it('with a message that names place, value, wish and remedy', () => {
    expect(errorOf(tumbling({ sizeMs: '1m' }))?.message).toBe(
      'Cannot accept operators[4].window.sizeMs: found "1m", wanted a positive integer of milliseconds; ' +
        'durations of a plan are integers of milliseconds, 60000 for a minute',
    )
  })

  it('with a message that stays short and printable, whatever the plan holds', () => {
    const error = errorOf(changed(FILTER, { op: `\u001b[31m\u202e${'x'.repeat(100_000)}` }))
    expect(error?.message.length).toBeLessThan(400)
    expect(error?.message).not.toContain('\u001b')
    expect(error?.message).not.toContain('\u202e')
  })

  it('without a polluted prototype being taken for its fields', () => {
    const plan = without(WINDOW, 'allowedLatenessMs')
    const polluted = ['allowedLatenessMs', 'late', 'function', 'everyRecords', 'column', 'literal', 'idleAfterMs', 'compensated']
    for (const name of polluted) Reflect.defineProperty(Object.prototype, name, { value: -1, configurable: true, writable: true })
    let error: ConfigError | null
    try {
      error = errorOf(plan)
    } finally {
      for (const name of polluted) Reflect.deleteProperty(Object.prototype, name)
    }
    expect(error).toBeNull()
  })
})
