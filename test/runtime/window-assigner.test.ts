import { describe, expect, test } from 'vitest'
import type { IntervalSpec } from '../../runtime/plan-spec.ts'
import type { RowObject } from '../../runtime/record-batch.ts'
import { AssignedWindows, type WindowFunction, windowAssigner } from '../../runtime/window-assigner/window-assigner.ts'
import { assignAll, assignOne, type Bounds } from '../support/assigned.ts'
import { Prng } from '../support/prng.ts'

const intervals = (...table: readonly (readonly [number, number])[]) => ({
  kind: 'intervals' as const,
  table: table.map(([startMs, endMs]): IntervalSpec => ({ startMs, endMs })),
})

describe('intervals', () => {
  test('hold times from their start to before their end', () => {
    const shape = intervals([10, 20], [-5, 0])
    expect(assignAll(windowAssigner(shape), [-6, -5, -1, 0, 9, 10, 19, 20])).toEqual([
      [],
      [[-5, 0]],
      [[-5, 0]],
      [],
      [],
      [[10, 20]],
      [[10, 20]],
      [],
    ])
  })

  test('that overlap all hold the record, ordered by start and end', () => {
    expect(assignOne(intervals([5, 50], [0, 100], [5, 20], [60, 70], [0, 10]), 7)).toEqual([
      [0, 10],
      [0, 100],
      [5, 20],
      [5, 50],
    ])
  })

  test('with the same bounds are one window, whatever they are called', () => {
    const table = [
      { name: 'spring', startMs: 0, endMs: 10 },
      { name: 'sale', startMs: 0, endMs: 10 },
    ]
    expect(assignOne({ kind: 'intervals', table }, 3)).toEqual([[0, 10]])
  })

  test('agree with a scan of the table', () => {
    for (let seed = 1; seed <= 150; seed++) {
      const prng = new Prng(seed)
      const span = prng.pick([20, 300, 100_000])
      const table = Array.from({ length: 1 + prng.int(seed % 50 === 0 ? 10_000 : 60) }, (): Bounds => {
        const start = prng.int(span) - span / 2
        return [start, start + 1 + prng.int(prng.pick([3, span]))]
      })
      const times = Array.from({ length: 100 }, () => prng.int(span * 2) - span)
      const unique = [...new Map(table.map((bounds) => [bounds.join(' '), bounds])).values()]
      const expected = times.map((time) =>
        unique.filter(([start, end]) => start <= time && time < end).sort((a, b) => a[0] - b[0] || a[1] - b[1]),
      )
      expect(assignAll(windowAssigner(intervals(...table)), times), `seed ${seed}`).toEqual(expected)
    }
  })

  test('ten thousand that all overlap are found one by one', () => {
    const table = Array.from({ length: 10_000 }, (_, index): Bounds => [index, 20_000 - index])
    expect(assignOne(intervals(...table), 9_999)).toHaveLength(10_000)
    expect(assignOne(intervals(...table), 3)).toEqual([0, 1, 2, 3].map((index) => [index, 20_000 - index]))
  })
})

interface Outcome {
  readonly entries: readonly (readonly [row: number, start: number, end: number])[]
  readonly reports: readonly (readonly [row: number, code: string, reason: string])[]
}

function runCustom(fn: WindowFunction, rows: readonly RowObject[]): Outcome {
  const out = new AssignedWindows()
  const reports: [number, string, string][] = []
  const assigner = windowAssigner({ kind: 'custom', function: true }, { fn, report: (...report) => reports.push(report) })
  assigner.assign(
    Float64Array.from(rows, (_, index) => index * 10),
    rows.length,
    (row) => rows[row]!,
    out,
  )
  return { entries: Array.from({ length: out.count }, (_, at) => [out.rows[at]!, out.starts[at]!, out.ends[at]!] as const), reports }
}

/** The function of a test returns what the row's field holds, whatever it is. */
const returns = (...values: readonly unknown[]): Outcome => {
  let call = 0
  return runCustom(
    (() => values[call++]) as WindowFunction,
    values.map(() => ({})),
  )
}

describe('custom', () => {
  test('the function sees the row and its time, and may give one window or several', () => {
    const fn: WindowFunction = ({ length }, timestampMs) => ({ start: timestampMs, end: timestampMs + Number(length) })
    expect(runCustom(fn, [{ length: 5 }, { length: 7 }]).entries).toEqual([
      [0, 0, 5],
      [1, 10, 17],
    ])
    expect(returns([{ start: 0, end: 1 }], { start: 1, end: 2 }).entries).toEqual([
      [0, 0, 1],
      [1, 1, 2],
    ])
  })

  test('windows are sorted, made unique, and their fractions floored', () => {
    const windows = [
      { start: 5, end: 9 },
      { start: -0.5, end: 8 },
      { start: 5.9, end: 9.9 },
      { start: 5, end: 6 },
    ]
    expect(returns(windows).entries).toEqual([
      [0, -1, 8],
      [0, 5, 6],
      [0, 5, 9],
    ])
  })

  test('a start of -0 is 0', () => {
    expect(Object.is(returns({ start: -0, end: 1 }).entries[0]![1], 0)).toBe(true)
  })

  test('an empty array is a row outside of all windows', () => {
    const { entries, reports } = returns([], { start: 1, end: 2 })
    expect(entries).toEqual([
      [0, Number.NaN, Number.NaN],
      [1, 1, 2],
    ])
    expect(reports).toEqual([])
  })

  test.each([
    ['nothing', undefined],
    ['null', null],
    ['a number', 5],
    ['a promise', Promise.resolve({ start: 0, end: 1 })],
    ['a window without end', { start: 1 }],
    ['a text as bound', { start: '1', end: 2 }],
    ['an empty window', { start: 2, end: 2 }],
    ['a window that is empty once floored', { start: 2.1, end: 2.9 }],
    ['a window that ends before it starts', { start: 3, end: 2 }],
    ['NaN', { start: Number.NaN, end: 2 }],
    ['an infinite end', { start: 0, end: Number.POSITIVE_INFINITY }],
    ['bounds too large to be exact', { start: 0, end: 2 ** 53 }],
    ['one bad window among good ones', [{ start: 0, end: 1 }, null]],
    ['nested arrays', [[{ start: 0, end: 1 }]]],
    ['more than 10,000 windows', Array.from({ length: 10_001 }, (_, start) => ({ start, end: start + 1 }))],
  ])('%s is reported and leaves no entry', (_, value) => {
    const { entries, reports } = returns(value, { start: 1, end: 2 })
    expect(entries).toEqual([[1, 1, 2]])
    expect(reports.map(([row, code]) => [row, code])).toEqual([[0, 'WINDOW_INVALID']])
  })

  test('the reason names what was found and what was wanted', () => {
    expect(returns({ start: 3, end: 2 }).reports[0]![2]).toBe(
      'The window function returned { start: 3, end: 2 }, wanted { start, end } with finite numbers and start < end',
    )
  })

  test('10,000 windows are allowed', () => {
    expect(returns(Array.from({ length: 10_000 }, (_, start) => ({ start, end: start + 1 }))).entries).toHaveLength(10_000)
  })

  test('a function that throws is reported, and the batch goes on', () => {
    const { entries, reports } = runCustom(
      ({ bad }) => {
        if (bad === true) throw new Error('no such campaign')
        return { start: 0, end: 1 }
      },
      [{ bad: true }, { bad: false }],
    )
    expect(entries).toEqual([[1, 0, 1]])
    expect(reports).toEqual([[0, 'FUNCTION_THREW', 'The window function threw: no such campaign']])
  })

  test('without its function there is no assigner', () => {
    expect(() => windowAssigner({ kind: 'custom', function: true })).toThrow(RangeError)
  })
})

test('a batch replaces what the batch before has left', () => {
  const out = new AssignedWindows()
  const assigner = windowAssigner(intervals([0, 10]))
  const noRow = () => ({})
  assigner.assign(Float64Array.of(1, 2, 3), 3, noRow, out)
  assigner.assign(Float64Array.of(4, 11), 2, noRow, out)
  expect([out.count, [...out.rows.subarray(0, 2)], out.starts[0], out.starts[1]]).toEqual([2, [0, 1], 0, Number.NaN])
})

test('an empty batch has no entries', () => {
  const out = new AssignedWindows()
  windowAssigner(intervals([0, 10])).assign(new Float64Array(0), 0, () => ({}), out)
  expect(out.count).toBe(0)
})
