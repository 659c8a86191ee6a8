/** Laws of reading results: from the bytes of output slots, made by hand, to columns, panes and values. */

import { describe, expect, test } from 'vitest'
import * as L from '../../kernel/layout.ts'
import type { DeadLetter } from '../../runtime/batch-builder.ts'
import { hasFunctions, ResultCells, windowFunctionsStage } from '../../runtime/panes/pane-parts.ts'
import type { AggregateSpec, WindowSpec } from '../../runtime/plan.ts'
import type { RecordBatch, RowObject } from '../../runtime/record-batch.ts'
import { type OutputItem, SlotReader } from '../../runtime/ring/slot-reader.ts'
import { bool, f64, i32, type Schema, schema, timestamp, utf8 } from '../../runtime/schema.ts'
import { paneOf } from '../../runtime/sink/pane.ts'
import { numberPairs, numbers, records, type ResultRow, ResultWriter, text, textPairs, texts } from '../support/result-slots.ts'
import { laidOut } from '../support/window-specs.ts'

const columns = schema({ t: timestamp(), k: utf8(), v: f64(), n: i32(), s: utf8(), b: bool() })

function setUp(fields: Partial<WindowSpec>, keys: readonly string[] = []) {
  const made = laidOut({ window: { kind: 'session', gapMs: 5 }, ...fields }, columns, keys, { slotCount: 64 })
  const writer = new ResultWriter(made.layout)
  const reader = new SlotReader(writer.memory, {
    layout: made.layout,
    resultSchema: made.plan!.kernelSchema,
    newCells: () => new ResultCells(made.layout, columns),
    streamSchema: columns,
    lateDictionary: () => undefined,
    epoch: 1,
  })
  return { ...made, writer, reader }
}

function read(reader: SlotReader): OutputItem[] {
  const items: OutputItem[] = []
  reader.drain(items)
  return items
}

function batchesOf(items: readonly OutputItem[]): RecordBatch[] {
  return items.flatMap((item) => (item.kind === 'results' ? [item.batch] : []))
}

/** Rows of the results of one aggregate. */
function valuesOf(aggregate: AggregateSpec, cells: readonly ResultRow['aggregates'][number][], blobBytes = 64): unknown[] {
  const { writer, reader } = setUp({ aggregates: { x: aggregate } })
  writer.results(
    cells.map((cell) => ({ aggregates: [cell] })),
    Number.NaN,
    blobBytes,
  )
  return batchesOf(read(reader)).flatMap((batch) => Array.from({ length: batch.rowCount }, (_, row) => batch.row(row)['x']))
}

test.each<[string, AggregateSpec, readonly (number | Uint8Array | null)[], readonly unknown[]]>([
  ['sum', { fn: 'sum', column: 'v' }, [1.5, null], [1.5, null]],
  ['any', { fn: 'any', column: 'b' }, [1, 0, null], [true, false, null]],
  ['histogram', { fn: 'histogram', column: 'v', bounds: [1, 2] }, [numbers(3, 0, 2)], [[3, 0, 2]]],
  ['argMax of a number', { fn: 'argMax', column: 'n', by: 'v' }, [7], [7]],
  ['argMax of a text', { fn: 'argMax', column: 's', by: 'v' }, [text('żółw'), null, text('')], ['żółw', null, '']],
  ['argMin of a boolean', { fn: 'argMin', column: 'b', by: 'v' }, [1, 0], [true, false]],
  ['mode', { fn: 'mode', column: 's' }, [text('\ufeffa')], ['\ufeffa']],
  ['collect of numbers', { fn: 'collect', column: 'v' }, [numbers(2, Number.NaN), numbers(), null], [[2, Number.NaN], [], null]],
  ['collect of texts', { fn: 'collect', column: 's' }, [texts('a', '', 'żółw żółw')], [['a', '', 'żółw żółw']]],
  ['collect of booleans', { fn: 'collect', column: 'b' }, [numbers(1, 0)], [[true, false]]],
  ['concat', { fn: 'concat', column: 's' }, [texts('a', 'b'), texts('c')], ['a,b', 'c']],
  ['concat of numbers', { fn: 'concat', column: 'v', separator: ' + ' }, [numbers(1, 2.5)], ['1 + 2.5']],
  [
    'topK',
    { fn: 'topK', column: 's', k: 2 },
    [textPairs(['x', 3], ['longer than eight', 1])],
    [
      [
        { value: 'x', count: 3 },
        { value: 'longer than eight', count: 1 },
      ],
    ],
  ],
  [
    'topK by',
    { fn: 'topK', column: 'v', k: 2, by: 'n' },
    [numberPairs([1.5, 9], [2, 8])],
    [
      [
        { value: 1.5, by: 9 },
        { value: 2, by: 8 },
      ],
    ],
  ],
])('results of %s', (_, aggregate, cells, wanted) => {
  for (const blobBytes of [8, 13, 64, 4096]) expect(valuesOf(aggregate, cells, blobBytes)).toEqual(wanted)
})

test('panes tell index, timing, change and whether they are the last', () => {
  const { writer, reader } = setUp({}, ['k'])
  writer.entry(4, 'key')
  writer.results(
    [
      { index: 0, timing: L.PANE_EARLY, change: L.CHANGE_INSERT, keys: [4], aggregates: [1] },
      { index: 0, timing: L.PANE_EARLY, change: L.CHANGE_UPDATE_BEFORE, keys: [4], aggregates: [1] },
      { index: 1, timing: L.PANE_ON_TIME, change: L.CHANGE_UPDATE_AFTER, keys: [null], aggregates: [2] },
      { index: 70_000, timing: L.PANE_LATE, change: L.CHANGE_DELETE + L.CHANGE_LAST, keys: [4], aggregates: [2] },
    ],
    99,
  )
  const items = read(reader)
  expect(items.map(({ kind }) => kind)).toEqual(['results', 'watermark'])
  const [batch] = batchesOf(items)
  expect(Array.from({ length: 4 }, (_, row) => paneOf(batch!, row))).toEqual([
    { index: 0, timing: 0, change: '+I', isLast: false },
    { index: 0, timing: 0, change: '-U', isLast: false },
    { index: 1, timing: 1, change: '+U', isLast: false },
    { index: 70_000, timing: 2, change: '-D', isLast: true },
  ])
  expect(batch!.row(2)).toEqual({ windowStart: 0, windowEnd: 10, k: null, n: 2 })
  expect(batch!.row(3)).toEqual({ windowStart: 0, windowEnd: 10, k: 'key', n: 2 })
})

test('the global window has no bounds', () => {
  const { writer, reader } = setUp({ window: { kind: 'global' } })
  writer.results([{ aggregates: [3] }])
  expect(batchesOf(read(reader))[0]!.row(0)).toEqual({ windowStart: null, windowEnd: null, n: 3 })
})

test('a column stays what it is when its slot, and the bytes behind it, are written again', () => {
  const { writer, reader } = setUp({ aggregates: { x: { fn: 'concat', column: 's' } } })
  const batches: RecordBatch[] = []
  for (let turn = 0; turn < 10; turn++) {
    writer.results([{ aggregates: [texts(`turn ${turn}`)] }, { aggregates: [texts('and', `${turn}`)] }])
    batches.push(...batchesOf(read(reader)))
  }
  expect(batches.map((batch) => batch.row(0)['x'])).toEqual(Array.from({ length: 10 }, (_, turn) => `turn ${turn}`))
  expect(batches[3]!.row(1)['x']).toBe('and,3')
})

describe('functions of a window', () => {
  type Aggregates = Readonly<Record<string, AggregateSpec>>
  function run(fields: Partial<WindowSpec>, functions: Readonly<Record<string, unknown>>, rows: readonly ResultRow[], results: Schema) {
    const { spec, plan, writer, reader } = setUp(fields, ['k'])
    expect(hasFunctions(spec)).toBe(true)
    const letters: DeadLetter[] = []
    const out: { row: RowObject; pane: object }[] = []
    const stage = windowFunctionsStage({
      spec,
      plan: plan!,
      keyColumns: ['k'],
      resultSchema: results,
      functionOf: (name) => functions[name],
      accumulators: null,
      report: { filtered: () => {}, deadLetter: (letter) => letters.push(letter) },
      next: [
        ({ batch }) => {
          for (let row = 0; row < batch.rowCount; row++) out.push({ row: batch.row(row), pane: paneOf(batch, row) })
        },
      ],
    })
    writer.entry(0, 'a')
    writer.results(rows)
    for (const batch of batchesOf(read(reader))) stage({ batch, times: null })
    return { out, letters }
  }
  // Columns travel as keys, those of aggregates, then the rest in their order; behind them conditions.
  const first = records([1, 'a', 1, 2.5, null, 'x', 1], [2, 'a', 2, null, 7, 'żółw', 0])
  const second = records([3, 'a', 3, 4, 5, null, null])

  test('apply makes rows of records, with bounds, keys and aggregates in front', () => {
    const seen: unknown[] = []
    const some = records([1, 'a', 'x', 1, 2.5, null, 1], [2, 'a', 'żółw', 2, null, 7, 0])
    const other = records([3, 'a', null, 3, 4, 5, null])
    const apply = (rows: readonly RowObject[], window: { windowStart: number; timing: string }) => {
      seen.push([rows, window])
      return rows.map((row) => ({ total: Number(row['v']) + window.windowStart, name: row['s'] }))
    }
    const { out, letters } = run(
      {
        apply: { function: true, schema: { total: 'f64', name: 'utf8' } },
        aggregates: { m: { fn: 'mode', column: 's' } },
      },
      { apply },
      [
        { start: 100, end: 110, keys: [0], aggregates: [text('x'), some] },
        { start: 200, end: 210, index: 1, timing: 2, change: 6, keys: [0], aggregates: [null, other] },
      ],
      schema({ windowStart: timestamp(), windowEnd: timestamp(), k: utf8(), m: utf8(), total: f64(), name: utf8() }),
    )
    expect(letters).toEqual([])
    expect(out.map(({ row }) => Object.values(row))).toEqual([
      [100, 110, 'a', 'x', 102.5, 'x'],
      [100, 110, 'a', 'x', 100, 'żółw'],
      [200, 210, 'a', null, 204, null],
    ])
    expect(out[2]!.pane).toEqual({ index: 1, timing: 2, change: '+U', isLast: true })
    expect(seen).toEqual([
      [
        [
          { t: 1, k: 'a', v: 2.5, n: null, s: 'x', b: true },
          { t: 2, k: 'a', v: null, n: 7, s: 'żółw', b: false },
        ],
        { windowStart: 100, windowEnd: 110, paneIndex: 0, timing: 'onTime', isLast: false, key: { k: 'a' } },
      ],
      [
        [{ t: 3, k: 'a', v: 4, n: 5, s: null, b: null }],
        { windowStart: 200, windowEnd: 210, paneIndex: 1, timing: 'late', isLast: true, key: { k: 'a' } },
      ],
    ])
  })

  test('a pane on which a function throws, and what is no row, become dead letters; the rest goes on', () => {
    const apply = (rows: readonly RowObject[]): unknown => {
      if (rows.length === 1) throw new Error('as asked')
      return [{ total: 1 }, null, { total: 'x' }, { total: null }]
    }
    const { out, letters } = run(
      { apply: { function: true, schema: { total: 'f64' } }, aggregates: {} },
      { apply },
      [
        { keys: [0], aggregates: [second] },
        { keys: [0], aggregates: [first] },
      ],
      schema({ windowStart: timestamp(), windowEnd: timestamp(), k: utf8(), total: f64() }),
    )
    expect(out.map(({ row }) => row['total'])).toEqual([1, null])
    expect(letters.map(({ code, position }) => [code, position])).toEqual([
      ['FUNCTION_THREW', 'window [0, 10)'],
      ['FUNCTION_RESULT', 'window [0, 10)'],
      ['FIELD_TYPE', 'window [0, 10)'],
    ])
  })

  test('a custom aggregate is folded over the records that meet its condition', () => {
    const where = { fn: 'gt', args: [{ column: 'v' }, { literal: 1 }] } as const
    const functions = {
      create: () => [] as unknown[],
      add: (list: unknown[], row: RowObject, timeMs: number) => [...list, [row['t'], timeMs]],
      merge: () => [],
      result: (list: unknown[]) => (list.length === 0 ? null : { list }),
    }
    const aggregates: Aggregates = { all: { fn: 'custom', function: true }, some: { fn: 'custom', function: true, where } }
    const { layout } = setUp({ aggregates, keepRecords: true }, ['k'])
    expect(layout.columns.map(({ name }) => name)).toEqual(['k', 't', 'v', 'n', 's', 'b', '~where'])
    const rows: readonly ResultRow[] = [
      { keys: [0], aggregates: [records([1, 'a', 1, 2, null, null, null, 1], [2, 'a', 2, 0, null, null, null, 0])] },
      { keys: [0], aggregates: [records([3, 'a', 3, 0, null, null, null, 0])] },
    ]
    const bounds = schema({ windowStart: timestamp(), windowEnd: timestamp(), k: utf8() })
    const results: Schema = { columns: [...bounds.columns, { name: 'all', type: 'json' }, { name: 'some', type: 'json' }] }
    const { out } = run({ aggregates, keepRecords: true }, { 'aggregate.all': functions, 'aggregate.some': functions }, rows, results)
    expect(out.map(({ row }) => Object.values(row))).toEqual([
      [
        0,
        10,
        'a',
        {
          list: [
            [1, 1],
            [2, 2],
          ],
        },
        { list: [[1, 1]] },
      ],
      [0, 10, 'a', { list: [[3, 3]] }, null],
    ])
  })
})
