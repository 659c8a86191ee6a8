/** Laws of what the pane kernel is told: columns, aggregates, trigger, window. */

import { describe, expect, test } from 'vitest'
import * as L from '../../kernel/layout.ts'
import { lit } from '../../runtime/expression/expression.ts'
import type { AggregateSpec, TriggerSpec, WindowSpec } from '../../runtime/plan.ts'
import { bool, f64, schema, timestamp, utf8 } from '../../runtime/schema.ts'
import { writeConfig } from '../../runtime/subtask/subtask-layout.ts'
import { laidOut } from '../support/window-specs.ts'

const columns = schema({ t: timestamp(), k: utf8(), v: f64(), w: f64(), s: utf8(), b: bool() })
const where = { fn: 'gt', args: [{ column: 'v' }, { literal: 1 }] } as const

/** Names of constants of the layout with a prefix, by value. */
function names(prefix: string): ReadonlyMap<number, string> {
  return new Map(
    Object.entries(L).flatMap(([name, value]) => (name.startsWith(prefix) && typeof value === 'number' ? [[value, name] as const] : [])),
  )
}

/** The config block as the kernel reads it, in words. */
function configOf(fields: Partial<WindowSpec>, keys: readonly string[] = ['k']) {
  const { layout, plan } = laidOut(fields, columns, keys)
  const buffer = new ArrayBuffer(L.RINGS_OFFSET)
  writeConfig(buffer, layout, 1)
  const view = new DataView(buffer, L.CONFIG_OFFSET)
  const i32 = (offset: number) => view.getInt32(offset, true)
  const f64At = (offset: number) => view.getFloat64(offset, true)
  const column = (index: number) => (index < 0 ? '-' : layout.columns[index]!.name)
  const node = (index: number): unknown => {
    if (index < 0) return null
    const at = L.CONFIG_TRIGGERS + index * L.CONFIG_TRIGGER_BYTES
    const children: unknown[] = []
    for (let child = i32(at + 4); child >= 0; child = i32(L.CONFIG_TRIGGERS + child * L.CONFIG_TRIGGER_BYTES + 8))
      children.push(node(child))
    const name = triggerNames.get(i32(at))!.replace('TRIGGER_', '')
    const flags = i32(at + 12) === 0 ? '' : ' purge'
    const parameter = f64At(at + 16) === 0 ? '' : ` ${f64At(at + 16)}`
    const on = i32(at + 24) < 0 ? '' : ` ${column(i32(at + 24))}`
    const text = `${name}${parameter}${on}${flags}`
    return children.length === 0 ? text : { [text]: children }
  }
  return {
    layout,
    plan,
    window: windowNames.get(i32(L.CONFIG_WINDOW_KIND))!.replace('WINDOW_', ''),
    numbers: [f64At(L.CONFIG_SIZE_MS), f64At(L.CONFIG_SLIDE_MS), f64At(L.CONFIG_OFFSET_MS)],
    trigger: node(0),
    triggerCount: i32(L.CONFIG_TRIGGER_COUNT),
    roles: [
      L.CONFIG_EVICTOR_COLUMN,
      L.CONFIG_START_COLUMN,
      L.CONFIG_END_COLUMN,
      L.CONFIG_MORE_COLUMN,
      L.CONFIG_GAP_COLUMN,
      L.CONFIG_OPEN_COLUMN,
      L.CONFIG_CLOSE_COLUMN,
    ].map((offset) => column(i32(offset))),
    flags: i32(L.CONFIG_PANE_FLAGS),
    time: i32(L.CONFIG_TIME_DOMAIN),
    mode: i32(L.CONFIG_ACCUMULATION),
    closing: i32(L.CONFIG_CLOSING),
    evictor: [i32(L.CONFIG_EVICTOR), f64At(L.CONFIG_EVICTOR_LIMIT)],
    lengthMax: f64At(L.CONFIG_LENGTH_MAX_MS),
    values: layout.values.map(({ column: first, parts }, index) => [column(first), column(i32(L.CONFIG_SECONDS + index * 4)), parts]),
    aggregates: layout.aggregates.map(({ name, fn, value }, index) => {
      const at = L.CONFIG_PARAMETERS + index * L.CONFIG_PARAMETER_BYTES
      return [name, functionNames.get(fn)!.replace('FN_', ''), value, f64At(at), f64At(at + 8)]
    }),
    histogram: Array.from({ length: 4 }, (_, index) => f64At(L.CONFIG_NUMBERS + index * 8)),
  }
}

const triggerNames = new Map([...names('TRIGGER_')].filter(([, name]) => name !== 'TRIGGER_PURGE'))
triggerNames.set(L.TRIGGER_COUNT, 'TRIGGER_COUNT')
const windowNames = names('WINDOW_')
const functionNames = names('FN_')

test('plain windows with plain aggregates stay with the slice kernel; a condition changes only their columns', () => {
  expect(laidOut({}, columns, ['k'])).toMatchObject({ plan: null, layout: { kernel: 'slices', paneConfig: null } })
  const { plan, layout } = laidOut({ aggregates: { n: { fn: 'count', where }, sum: { fn: 'sum', column: 'v', where } } }, columns, ['k'])
  expect(layout).toMatchObject({ kernel: 'slices', paneConfig: null, usesClock: false })
  expect(plan!.computed.map(({ kind, type }) => [kind, type])).toEqual([
    ['masked', 'f64'],
    ['masked', 'f64'],
  ])
  expect(layout.aggregates.map(({ fn }) => fn)).toEqual([L.FN_COUNT, L.FN_SUM])
  expect(layout.columns.map(({ source, form }) => [source, form])).toEqual([
    [1, 'code'],
    [6, 'number'],
    [7, 'number'],
  ])
})

test.each<[string, WindowSpec['window'], string, readonly number[], readonly string[]]>([
  ['cumulate', { kind: 'cumulate', sizeMs: 30, stepMs: 10, offsetMs: 5 }, 'CUMULATE', [30, 10, 5], []],
  ['session', { kind: 'session', gapMs: 7, maxLengthMs: 100 }, 'SESSION', [7, 0, 0], []],
  ['session by expression', { kind: 'session', gap: { column: 'v' } }, 'SESSION', [0, 0, 0], ['~gap']],
  ['countTumbling', { kind: 'countTumbling', n: 4 }, 'COUNT', [4, 4, 0], []],
  ['countSliding', { kind: 'countSliding', n: 4, every: 2, partial: true }, 'COUNT', [4, 2, 0], []],
  ['global', { kind: 'global' }, 'GLOBAL', [0, 0, 0], []],
  ['calendar', { kind: 'calendar', unit: 'day', every: 1, timeZone: 'UTC' }, 'ASSIGNED', [0, 0, 0], ['~start', '~end', '~more']],
  ['custom', { kind: 'custom', function: true }, 'ASSIGNED', [0, 0, 0], ['~start', '~end', '~more']],
  ['around', { kind: 'around', beforeMs: 3, afterMs: 4 }, 'AROUND', [3, 4, 0], []],
  ['slidingByRecord', { kind: 'slidingByRecord', differenceMs: 9 }, 'BY_RECORD', [9, 0, 0], []],
  ['stateWindow', { kind: 'stateWindow', open: where, close: { column: 'b' } }, 'STATE', [0, 0, 0], ['~open', '~close']],
])('a %s window has its kind, its numbers and its columns', (_, window, kind, numbers, roles) => {
  const config = configOf({ window })
  expect(config).toMatchObject({ window: kind, numbers })
  expect(config.roles.filter((name) => name !== '-')).toEqual(roles)
  expect(config.lengthMax).toBe('maxLengthMs' in window ? window.maxLengthMs : Number.POSITIVE_INFINITY)
  expect(config.flags).toBe('partial' in window ? L.FLAG_PARTIAL : 0)
  expect(config.layout.moreColumn >= 0).toBe(roles.includes('~more'))
})

const count = (n: number): TriggerSpec => ({ kind: 'onCount', n })

test.each<[string, TriggerSpec, unknown]>([
  ['the default', { kind: 'onWatermark' }, { REPEATEDLY: [{ WATERMARK: ['NONE', 'NONE'] }] }],
  [
    'early and late',
    { kind: 'onWatermark', early: { kind: 'onProcessingTime', everyMs: 5 }, late: count(2), purge: true },
    { REPEATEDLY: [{ 'WATERMARK purge': ['PERIODIC 5', 'COUNT 2'] }] },
  ],
  ['a count', { kind: 'onCount', n: 3, purge: true }, { REPEATEDLY: ['COUNT 3 purge'] }],
  ['a condition', { kind: 'onRecord', when: where }, { REPEATEDLY: ['RECORD ~when'] }],
  ['a function', { kind: 'custom', function: true }, { REPEATEDLY: ['RECORD ~when'] }],
  ['any', { kind: 'any', of: [count(1), { kind: 'onEventTime', everyMs: 7 }] }, { REPEATEDLY: [{ ANY: ['COUNT 1', 'CONTINUOUS 7'] }] }],
  ['all', { kind: 'all', of: [count(1), { kind: 'onEnd' }] }, { REPEATEDLY: [{ ALL: ['COUNT 1', 'END'] }] }],
  ['once', { kind: 'once', of: count(2) }, { ANY: ['COUNT 2'] }],
  ['in order', { kind: 'inOrder', of: [count(1), count(2)] }, { IN_ORDER: ['COUNT 1', 'COUNT 2'] }],
  ['repeatedly', { kind: 'repeatedly', of: count(2) }, { REPEATEDLY: ['COUNT 2'] }],
  [
    'until',
    {
      kind: 'orFinally',
      of: { kind: 'repeatedly', of: { kind: 'inOrder', of: [count(1), count(2)] } },
      until: { kind: 'afterProcessingTime', delayMs: 9 },
    },
    { OR_FINALLY: [{ REPEATEDLY: [{ IN_ORDER: ['COUNT 1', 'COUNT 2'] }] }, 'DELAY 9'] },
  ],
])('trigger %s is repeated unless it ends itself', (_, trigger, wanted) => {
  const config = configOf({ trigger, keepRecords: true })
  expect(config.trigger).toEqual(wanted)
})

test('a window of n records fires when it is full', () => {
  expect(configOf({ window: { kind: 'countTumbling', n: 2 } }).trigger).toEqual({ REPEATEDLY: ['FULL'] })
})

test('a trigger of too many parts is refused', () => {
  const trigger: TriggerSpec = { kind: 'any', of: Array.from({ length: 40 }, () => count(1)) }
  expect(() => configOf({ trigger })).toThrow(/at most 32/)
})

test('only windows that go by it are told the clock', () => {
  const uses = (fields: Partial<WindowSpec>) => configOf(fields).layout.usesClock
  expect(uses({ window: { kind: 'global' } })).toBe(false)
  expect(uses({ time: 'processing' })).toBe(true)
  expect(uses({ trigger: { kind: 'any', of: [count(1), { kind: 'onProcessingTime', everyMs: 1 }] } })).toBe(true)
  expect(uses({ trigger: { kind: 'onWatermark', late: { kind: 'afterProcessingTime', delayMs: 1 } } })).toBe(true)
})

test('mode, closing, evictor and flags are those of the spec', () => {
  const evictor = { kind: 'delta', column: 'v', threshold: 5, after: true } as const
  expect(
    configOf({ accumulation: 'retracting', emitUnchanged: true, emptyPanes: true, closing: 'always', evictor, time: 'processing' }),
  ).toMatchObject({
    mode: L.MODE_RETRACTING,
    closing: L.CLOSING_ALWAYS,
    evictor: [L.EVICT_DELTA + L.EVICT_AFTER, 5],
    roles: ['v', '-', '-', '-', '-', '-', '-'],
    flags: L.FLAG_EMIT_UNCHANGED + L.FLAG_EMPTY_PANES + L.FLAG_KEEP_RECORDS,
    time: L.TIME_PROCESSING,
  })
  expect(configOf({ evictor: { kind: 'count', n: 3 } }).evictor).toEqual([L.EVICT_COUNT, 3])
  expect(configOf({ evictor: { kind: 'time', durationMs: 4 } }).evictor).toEqual([L.EVICT_TIME, 4])
})

describe('aggregates', () => {
  const withAggregates = (aggregates: Readonly<Record<string, AggregateSpec>>, fields: Partial<WindowSpec> = {}) =>
    configOf({ window: { kind: 'global' }, aggregates, ...fields })

  test('share a value when they read the same columns', () => {
    const config = withAggregates({
      sum: { fn: 'sum', column: 'v' },
      distinct: { fn: 'countDistinct', column: 'v' },
      cov: { fn: 'covariance', column: 'v', by: 'w' },
      at: { fn: 'argMax', column: 'v', by: 'w' },
    })
    expect(config.values).toEqual([
      ['v', '-', L.PART_BASIC | L.PART_COUNTS],
      ['v', 'w', L.PART_BASIC | L.PART_SECOND | L.PART_EXTREMES],
    ])
    expect(config.aggregates).toEqual([
      ['sum', 'SUM', 0, 0, 0],
      ['distinct', 'COUNT_DISTINCT', 0, 0, 0],
      ['cov', 'COVARIANCE_SAMPLE', 1, 0, 0],
      ['at', 'ARG_MAX', 1, 0, 0],
    ])
  })

  test('do not share a value when a part of it would need two parameters', () => {
    const config = withAggregates({
      a: { fn: 'quantile', column: 'v', q: 0.9 },
      b: { fn: 'median', column: 'v' },
      c: { fn: 'quantile', column: 'v', q: 0.9, accuracy: 0.05 },
      h: { fn: 'histogram', column: 'v', bounds: [1, 2] },
      i: { fn: 'histogram', column: 'v', bounds: [3, 4] },
    })
    expect(config.aggregates).toEqual([
      ['a', 'QUANTILE', 0, 0.9, 0.01],
      ['b', 'QUANTILE', 0, 0.5, 0.01],
      ['c', 'QUANTILE', 1, 0.9, 0.05],
      ['h', 'HISTOGRAM', 0, 0, 2],
      ['i', 'HISTOGRAM', 1, 2, 2],
    ])
    expect(config.histogram).toEqual([1, 2, 3, 4])
  })

  test('travel as texts where their contents matter, else as numbers or presence', () => {
    const config = withAggregates({
      n: { fn: 'count', column: 's' },
      list: { fn: 'collect', column: 's' },
      every: { fn: 'every', column: 'b' },
      masked: { fn: 'mode', column: 's', where },
    })
    expect(config.layout.columns.map(({ name, form, hasEntries }) => [name, form, hasEntries])).toEqual([
      ['k', 'code', true],
      ['s', 'presence', false],
      ['s', 'code', true],
      ['b', 'number', false],
      ['~where', 'code', true],
    ])
    expect(config.layout.aggregates.map(({ type, form }) => [type, form.kind])).toEqual([
      ['f64', 'cell'],
      ['json', 'list'],
      ['bool', 'cell'],
      ['utf8', 'text'],
    ])
  })

  test('of functions of the user are told every record with all its columns; or get the records, where those are kept', () => {
    const aggregates = { n: { fn: 'count' }, mine: { fn: 'custom', function: true, where } } as const
    const told = withAggregates(aggregates)
    expect(told.aggregates).toEqual([
      ['n', 'COUNT_ROWS', -1, 0, 0],
      ['~handle', 'HANDLE', -1, 0, 0],
    ])
    expect(told.flags).toBe(L.FLAG_OPERATIONS)
    expect(told.layout.columns.map(({ name }) => name)).toEqual(['k', 't', 'v', 'w', 's', 'b', '~where'])
    for (const fields of [
      { accumulation: 'retracting' },
      { evictor: { kind: 'count', n: 1 } },
      { window: { kind: 'around', beforeMs: 1, afterMs: 1 } },
      { window: { kind: 'session', gapMs: 1, maxLengthMs: 9 } },
      { apply: { function: true, schema: { x: 'f64' } } },
    ] satisfies Partial<WindowSpec>[]) {
      const kept = withAggregates(aggregates, fields)
      expect(kept.aggregates.at(-1)).toEqual(['~records', 'RECORDS', -1, 0, 0])
      expect(kept.flags).toBe(L.FLAG_KEEP_RECORDS)
    }
    const config = withAggregates(aggregates, { keepRecords: true })
    expect(config.aggregates).toEqual([
      ['n', 'COUNT_ROWS', -1, 0, 0],
      ['~records', 'RECORDS', -1, 0, 0],
    ])
    expect(config.flags).toBe(L.FLAG_KEEP_RECORDS)
    expect(config.layout.columns.map(({ name }) => name)).toEqual(['k', 't', 'v', 'w', 's', 'b', '~where'])
    expect(config.plan!.kernelSchema.columns.map(({ name }) => name)).toEqual(['windowStart', 'windowEnd', 'k', 'n', '~records'])
  })
})

test('late rows need every column of the stream, and no computed one twice', () => {
  const { layout } = configOf({ window: { kind: 'session', gap: lit(5).toJSON() }, late: { kind: 'sideOutput', name: 'late' } })
  expect(layout.columns.map(({ name }) => name)).toEqual(['k', '~gap', 't', 'v', 'w', 's', 'b'])
  expect(layout.columns.find(({ name }) => name === 's')).toMatchObject({ form: 'code', hasEntries: false })
})
