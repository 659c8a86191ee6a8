/** Laws of the columns that are computed before the ring, seen in the ring itself. */

import { expect, test } from 'vitest'
import { BatchBuilder, type DeadLetter } from '../../runtime/batch-builder.ts'
import { systemClock } from '../../runtime/clock.ts'
import { Exchange } from '../../runtime/coordinator/exchange.ts'
import { Dictionary } from '../../runtime/dictionary.ts'
import { computedStage } from '../../runtime/panes/pane-parts.ts'
import type { WindowSpec } from '../../runtime/plan.ts'
import { bool, f64, schema, timestamp, utf8 } from '../../runtime/schema.ts'
import * as assigners from '../../runtime/window-assigner/window-assigner.ts'
import { type InputSlot, InputReader } from '../support/input-slots.ts'
import { laidOut } from '../support/window-specs.ts'

const columns = schema({ t: timestamp(), k: utf8(), v: f64(), s: utf8(), b: bool() })
const where = { fn: 'gt', args: [{ column: 'v' }, { literal: 1 }] } as const
type Row = Readonly<Record<'t' | 'k' | 'v' | 's' | 'b', unknown>>
const row = (fields: Partial<Row>): Row => ({ t: 0, k: 'a', v: 0, s: 'x', b: false, ...fields })

function setUp(
  fields: Partial<WindowSpec>,
  { functions = {}, parallelism = 1, batchRowsMax = 8 }: { functions?: object; parallelism?: number; batchRowsMax?: number } = {},
) {
  const { spec, plan, layout } = laidOut(fields, columns, ['k'], { batchRowsMax })
  const readers = Array.from({ length: parallelism }, () => new InputReader(layout))
  const exchange = new Exchange(layout, readers, 16, 1, systemClock)
  const letters: DeadLetter[] = []
  const stage = computedStage({
    spec,
    plan: plan!,
    schema: columns,
    exchange,
    report: { filtered: () => {}, deadLetter: (letter) => letters.push(letter) },
    functionOf: (name) => (functions as Record<string, unknown>)[name],
    assigners,
  })
  const dictionary = new Dictionary()
  const slots: InputSlot[][] = readers.map(() => [])
  const take = () => readers.forEach((reader, index) => slots[index]!.push(...reader.take()))
  return {
    letters,
    slots,
    offer(rows: readonly Row[], watermarkMs: number | null = null): readonly Readonly<Record<string, unknown>>[] {
      const builder = new BatchBuilder(columns, Math.max(1, rows.length), dictionary)
      for (const each of rows) if (!builder.appendRow(each, '')) throw new Error(builder.deadLetters[0]!.reason)
      stage({ batch: builder.build(), times: Float64Array.from(rows, ({ t }) => Number(t)) })
      if (watermarkMs !== null) exchange.watermark(watermarkMs)
      const before = slots.map(({ length }) => length)
      for (let turn = 0; !exchange.flush(); turn++) {
        if (turn > 10_000) throw new Error('the exchange does not come to an end')
        take()
      }
      take()
      return slots.flatMap((list, index) => list.slice(before[index])).flatMap(({ rows: read }) => read)
    },
  }
}

test('the values of an aggregate with a condition are null where it is not true', () => {
  const aggregates = { n: { fn: 'count', where }, m: { fn: 'mode', column: 's', where }, d: { fn: 'sum', column: 'v', where } } as const
  const { offer } = setUp({ window: { kind: 'global' }, aggregates })
  const read = offer([row({ v: 2, s: 'p' }), row({ v: 1, s: 'q' }), row({ v: null, s: 'r' }), row({ v: 3, s: null })])
  expect(read.map((cell) => [cell['~where'], cell['~where 2'], cell['~where 3']])).toEqual([
    [1, 'p', 2],
    [null, null, null],
    [null, null, null],
    [1, null, 3],
  ])
})

test('the gap of a session is floored; what is no gap becomes a dead letter', () => {
  const { offer, letters } = setUp({ window: { kind: 'session', gap: { column: 'v' } } })
  const read = offer([row({ v: 2.9 }), row({ v: -1 }), row({ v: null }), row({ v: 0 }), row({ v: Number.POSITIVE_INFINITY })])
  expect(read.map((cell) => cell['~gap'])).toEqual([2, 0])
  expect(letters.map(({ code, reason }) => [code, reason.replace(/.*found /, '')])).toEqual([
    ['GAP_INVALID', '-1'],
    ['GAP_INVALID', 'nothing'],
    ['GAP_INVALID', 'Infinity'],
  ])
})

test('functions get the row and its event time; one that throws makes a dead letter', () => {
  const gap = (object: { v: number }, timeMs: number) => {
    if (object.v < 0) throw new Error('as asked')
    return object.v + timeMs
  }
  const { offer, letters } = setUp({ window: { kind: 'session', gap: { function: true } } }, { functions: { gap } })
  const read = offer([row({ t: 10, v: 1 }), row({ v: -1 }), row({ t: 5, v: 7 })])
  expect(read.map(({ time, '~gap': found }) => [time, found])).toEqual([
    [10, 11],
    [5, 12],
  ])
  expect(letters).toMatchObject([{ code: 'FUNCTION_THREW', reason: 'The function of w.gap threw: as asked' }])
})

test('conditions of state windows and triggers are 1 where true, 0 where false or null', () => {
  const open = { fn: 'gt', args: [{ column: 'v' }, { literal: 1 }] } as const
  const close = (object: { s: string }) => object.s === 'end'
  const window = { kind: 'stateWindow', open, close: { function: true } } as const
  const { offer } = setUp({ window, trigger: { kind: 'onRecord', when: { column: 'b' } } }, { functions: { close } })
  const read = offer([row({ v: 2 }), row({ v: null, b: true }), row({ v: 0, s: 'end', b: null })])
  expect(read.map((cell) => [cell['~open'], cell['~close'], cell['~when']])).toEqual([
    [1, 0, 0],
    [0, 0, 1],
    [0, 1, 0],
  ])
})

test('a record comes once for each of its windows, and once without any', () => {
  const windows: Record<string, readonly { start: number; end: number }[]> = {
    one: [{ start: 0, end: 10 }],
    two: [
      { start: 5, end: 10 },
      { start: 0, end: 10 },
    ],
    none: [],
  }
  const window = (object: { s: string }) => windows[object.s] ?? [{ start: 1, end: 0 }]
  const { offer, letters } = setUp({ window: { kind: 'custom', function: true } }, { functions: { window } })
  const read = offer([
    row({ t: 1, s: 'one' }),
    row({ t: 2, s: 'two' }),
    row({ t: 3, s: 'none' }),
    row({ t: 4, s: 'wrong' }),
    row({ t: 5, s: 'one' }),
  ])
  expect(read.map((cell) => [cell['time'], cell['~start'], cell['~end'], cell['~more']])).toEqual([
    [1, 0, 10, 0],
    [2, 0, 10, 1],
    [2, 5, 10, 0],
    [3, null, null, 0],
    [5, 0, 10, 0],
  ])
  expect(letters).toMatchObject([{ code: 'WINDOW_INVALID', source: 'w.window', position: 'row 3' }])
})

test('rows of one record stay in one slot if they can, whatever their number; the watermark follows the last', () => {
  for (const parallelism of [1, 3]) {
    for (const most of [1, 3, 8, 20]) {
      const window = (object: { v: number }) => Array.from({ length: object.v }, (_, start) => ({ start, end: start + 1 }))
      const { offer, slots } = setUp({ window: { kind: 'custom', function: true } }, { functions: { window }, parallelism })
      const rows = Array.from({ length: 50 }, (_, index) => row({ t: index, k: `k${index % 7}`, v: (index % most) + 1 }))
      const read = offer(rows, 77)
      expect(read).toHaveLength(rows.reduce((sum, { v }) => sum + Number(v), 0))
      for (const list of slots) {
        expect(list.filter(({ watermarkMs }) => !Number.isNaN(watermarkMs)).map(({ watermarkMs }) => watermarkMs)).toEqual([77])
        expect(list.at(-1)!.watermarkMs).toBe(77)
        const full = list.filter((slot) => slot.rows.length > 0)
        if (most <= 8) for (const slot of full) expect(slot.rows.at(-1)!['~more']).toBe(0)
        // Rows of one record follow each other, the last without more.
        const all = full.flatMap((slot) => slot.rows)
        all.forEach((cell, index) => expect(cell['~more']).toBe(all[index + 1]?.['time'] === cell['time'] ? 1 : 0))
      }
    }
  }
})

test('periods of a calendar are found for whole chunks', () => {
  const { offer } = setUp({ window: { kind: 'calendar', unit: 'day', every: 1, timeZone: 'Europe/Berlin' } })
  const at = Date.UTC(2024, 2, 31, 12)
  const [cell] = offer([row({ t: at })])
  expect([cell!['~start'], cell!['~end']]).toEqual([Date.UTC(2024, 2, 30, 23), Date.UTC(2024, 2, 31, 22)])
})
