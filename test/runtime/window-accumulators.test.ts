/** Laws of accumulators outside the kernel: operations are carried out in order, however slots cut them, and survive a snapshot. */

import { describe, expect, test } from 'vitest'
import * as L from '../../kernel/layout.ts'
import type { DeadLetter } from '../../runtime/batch-builder.ts'
import { OperationStream } from '../../runtime/panes/operations.ts'
import { RecordReader, WindowAccumulators } from '../../runtime/panes/pane-parts.ts'
import type { AggregateFunctions } from '../../runtime/plan-functions.ts'
import { f64, type Json, schema, timestamp, utf8 } from '../../runtime/schema.ts'
import { chunksOfSnapshot, readSections, sectionsForSubtask } from '../../runtime/subtask/snapshot-chunks.ts'
import { Prng } from '../support/prng.ts'
import { records } from '../support/result-slots.ts'
import { laidOut } from '../support/window-specs.ts'

const columns = schema({ t: timestamp(), s: utf8(), v: f64() })
const where = { fn: 'gt', args: [{ column: 'v' }, { literal: 0 }] } as const
const { layout, plan } = laidOut(
  { aggregates: { list: { fn: 'custom', function: true }, some: { fn: 'custom', function: true, where } } },
  columns,
)

const list: AggregateFunctions = {
  create: () => [],
  add: (values, row, timeMs) => {
    if (row['s'] === 'throw') throw new Error('as asked')
    return [...(values as []), [row['s'] ?? null, row['v'] ?? null, timeMs]]
  },
  merge: (a, b) => [...(a as []), ...(b as [])],
  result: (values) => values,
}

function setUp(functions: AggregateFunctions<never> = list as never) {
  const letters: DeadLetter[] = []
  const accumulators = new WindowAccumulators({
    uid: 'w',
    customs: plan!.customs.map((custom) => ({ ...custom, functions: functions as unknown as AggregateFunctions<unknown> })),
    records: new RecordReader(layout, columns),
    report: { filtered: () => {}, deadLetter: (letter) => letters.push(letter) },
  })
  return { accumulators, letters }
}

function operation(kind: number, handle: number, other = 0, record: Uint8Array = new Uint8Array(0)): Uint8Array {
  const bytes = new Uint8Array(L.OPERATION_RECORD_OFFSET + record.length)
  const view = new DataView(bytes.buffer)
  view.setInt32(L.OPERATION_BYTES_OFFSET, bytes.length, true)
  view.setInt32(L.OPERATION_KIND_OFFSET, kind, true)
  view.setFloat64(L.OPERATION_HANDLE_OFFSET, handle, true)
  view.setFloat64(L.OPERATION_OTHER_OFFSET, other, true)
  bytes.set(record, L.OPERATION_RECORD_OFFSET)
  return bytes
}
const add = (handle: number, s: string | null, v: number, timeMs = 1) =>
  operation(L.OPERATION_ADD, handle, 0, records([timeMs, timeMs, s, v, v > 0 ? 1 : 0]))
const joined = (...parts: readonly Uint8Array[]) => Uint8Array.from(parts.flatMap((part) => [...part]))
const handleOf = (group: number, sequence: number) => group * L.HANDLES_A_GROUP + sequence

test('records are added where they meet the condition, windows merge, and are gone', () => {
  const { accumulators } = setUp()
  const [a, b] = [handleOf(3, 1), handleOf(3, 2)]
  accumulators.apply(joined(add(a, 'x', 1, 5), add(b, null, -1, 6), add(a, 'y', 0, 7)))
  expect(accumulators.results(a)).toEqual([
    [
      ['x', 1, 5],
      ['y', 0, 7],
    ],
    [['x', 1, 5]],
  ])
  accumulators.apply(operation(L.OPERATION_MERGE, b, a))
  expect(accumulators.results(b)[0]).toEqual([
    [null, -1, 6],
    ['x', 1, 5],
    ['y', 0, 7],
  ])
  expect(accumulators.size).toBe(1)
  accumulators.apply(operation(L.OPERATION_DROP, b))
  expect([accumulators.size, accumulators.results(b)]).toEqual([0, [[], []]])
  accumulators.apply(joined(operation(L.OPERATION_MERGE, a, b), add(b, 'z', 1), operation(L.OPERATION_MERGE, a, b)))
  expect(accumulators.results(a)[0]).toEqual([['z', 1, 1]])
})

test('a record on which a function throws becomes a dead letter and changes nothing', () => {
  const { accumulators, letters } = setUp()
  accumulators.apply(joined(add(1, 'x', 0), add(1, 'throw', 0), add(1, 'y', 0)))
  expect(accumulators.results(1)[0]).toHaveLength(2)
  expect(letters).toMatchObject([{ code: 'FUNCTION_THREW', source: 'w.aggregate.list' }])
})

test('operations come out whole and in order, however slots cut them', () => {
  const all = joined(...Array.from({ length: 40 }, (_, index) => add(index % 5, 'x'.repeat(index), index)))
  const whole = setUp().accumulators
  whole.apply(all)
  for (let seed = 1; seed <= 20; seed++) {
    const prng = new Prng(seed)
    const { accumulators } = setUp()
    const stream = new OperationStream()
    for (let at = 0; at < all.length; ) {
      const end = Math.min(all.length, at + 1 + prng.int(90))
      accumulators.apply(stream.take(all.slice(at, end)))
      at = end
    }
    for (let handle = 0; handle < 5; handle++) expect(accumulators.results(handle)).toEqual(whole.results(handle))
  }
})

test('a snapshot keeps every value, by key group, and the kernel sees nothing of it', () => {
  const { accumulators } = setUp()
  const odd = [Number.NaN, Number.NEGATIVE_INFINITY, -0, 1e300]
  odd.forEach((v, index) => accumulators.apply(add(handleOf(index % 2, index), ['\u0000NaN', '\u0000\u0000', 'żółw', ''][index]!, v)))
  const chunks = chunksOfSnapshot(accumulators.snapshot())
  expect(chunks.flatMap(readSections).map(({ kind, keyGroup }) => [kind, keyGroup])).toEqual([
    [L.SECTION_FUNCTIONS, 0],
    [L.SECTION_FUNCTIONS, 1],
  ])
  expect(sectionsForSubtask(chunks, () => true)).toEqual([])
  const restored = setUp().accumulators
  restored.restore(chunks)
  odd.forEach((_, index) => {
    const handle = handleOf(index % 2, index)
    expect(restored.results(handle)).toEqual(accumulators.results(handle))
  })
  expect(restored.snapshot()).toEqual(accumulators.snapshot())
  expect(setUp().accumulators.snapshot()).toHaveLength(0)
})

/** Counts in place, and gives its accumulator away. */
const counter: AggregateFunctions<{ n: number }, { n: number }> = {
  create: () => ({ n: 0 }),
  add(kept) {
    kept.n++
    return kept
  },
  merge: (a, b) => ({ n: a.n + b.n }),
  result: (kept) => kept,
}

test('results are copies: later records do not change them', () => {
  const { accumulators } = setUp(counter as never)
  accumulators.apply(add(1, 'x', 1))
  const before = accumulators.results(1)
  accumulators.apply(add(1, 'x', 1))
  expect([before[0], accumulators.results(1)[0]]).toEqual([{ n: 1 }, { n: 2 }])
})

test('an accumulator may be null', () => {
  let isFirst = true
  const { accumulators } = setUp({
    create: () => (isFirst ? 'empty' : 'made again'),
    add: () => null,
    merge: () => null,
    result: (kept: unknown) => kept as string | null,
  } as never)
  accumulators.apply(add(1, 'x', 1))
  isFirst = false
  expect(accumulators.results(1)).toEqual([null, null])
})

describe('functions that throw', () => {
  const throwing = (name: keyof AggregateFunctions): AggregateFunctions<never> => ({
    ...(counter as unknown as AggregateFunctions<never>),
    [name]: () => {
      throw new Error('as asked')
    },
  })

  test.each(['create', 'result'] as const)('%s: the window has no result, and other windows neither', (name) => {
    const { accumulators, letters } = setUp(throwing(name))
    accumulators.apply(add(1, 'x', 1))
    for (const handle of [1, 2]) expect(() => accumulators.results(handle)).toThrow('as asked')
    expect(() => accumulators.results(1)).toThrow(expect.objectContaining({ aggregate: 'list' }) as Error)
    expect(letters).toEqual([])
  })

  test('merge: the window has no result until it is emptied, also after a restart', () => {
    const { accumulators } = setUp(throwing('merge'))
    accumulators.apply(joined(add(1, 'x', 1), add(2, 'x', 1), operation(L.OPERATION_MERGE, 1, 2), add(1, 'x', 1)))
    const restored = setUp(throwing('merge')).accumulators
    restored.restore(chunksOfSnapshot(accumulators.snapshot()))
    for (const each of [accumulators, restored]) {
      expect(() => each.results(1)).toThrow('as asked')
      each.apply(joined(add(3, 'x', 1), operation(L.OPERATION_MERGE, 3, 1)))
      expect(() => each.results(3)).toThrow('as asked')
      each.apply(joined(operation(L.OPERATION_DROP, 3), add(3, 'x', 1)))
      expect(each.results(3)).toEqual([{ n: 1 }, { n: 1 }])
    }
  })
})

describe('accumulators that are not JSON', () => {
  const set: AggregateFunctions<Set<string>, string[]> = {
    create: () => new Set(),
    add: (kept, { s }) => kept.add(s as string),
    merge: (a, b) => new Set([...a, ...b]),
    result: (kept) => [...kept],
  }

  test('are refused when the job starts', () => {
    const refused = expect.objectContaining({
      code: 'ACCUMULATOR_INVALID',
      details: { operator: 'w', aggregate: 'list' },
      message: expect.stringMatching(/aggregate list of operator w: it is a Set; make accumulators of plain objects/) as string,
    }) as Error
    expect(() => setUp(set as never)).toThrow(refused)
  })

  test('are refused at a checkpoint when they have become so', () => {
    const { accumulators } = setUp({ ...counter, add: () => ({ n: { of: [1n] } }) } as never)
    accumulators.apply(add(1, 'x', 1))
    expect(() => accumulators.snapshot()).toThrow(/list of operator w: \.n\.of\[0\] is a bigint; make/)
  })

  test('are kept as serialize says, and come back as deserialize says', () => {
    const functions = { ...set, serialize: (kept: Set<string>) => [...kept], deserialize: (kept: Json) => new Set(kept as string[]) }
    const { accumulators } = setUp(functions as never)
    accumulators.apply(joined(add(1, 'x', 1), add(1, 'y', 0), add(1, 'x', 0)))
    const restored = setUp(functions as never).accumulators
    restored.restore(chunksOfSnapshot(accumulators.snapshot()))
    restored.apply(add(1, 'z', 1))
    expect(restored.results(1)).toEqual([
      ['x', 'y', 'z'],
      ['x', 'z'],
    ])
  })

  test.each<[string, object, RegExp]>([
    ['serialize alone', { serialize: () => 1 }, /only one of serialize and deserialize; give both/],
    ['deserialize alone', { deserialize: () => new Set() }, /only one of serialize and deserialize; give both/],
    ['serialize that gives no JSON', { serialize: () => new Map(), deserialize: () => new Set() }, /of what serialize gave, it is a Map/],
    [
      'serialize that throws',
      {
        serialize: () => {
          throw new Error('as asked')
        },
        deserialize: () => new Set(),
      },
      /serialize threw: as asked/,
    ],
  ])('%s is refused', (_, functions, wanted) => {
    expect(() => setUp({ ...set, ...functions } as never)).toThrow(wanted)
  })
})

test('sections that are not what they should be are refused', () => {
  const { accumulators } = setUp()
  accumulators.apply(add(handleOf(5, 1), 'x', 1))
  const [chunk] = chunksOfSnapshot(accumulators.snapshot())
  const corrupt = expect.objectContaining({ code: 'CHECKPOINT_CORRUPT' }) as Error
  const text = (payload: string) => {
    const bytes = chunk!.slice().fill(0x20, L.SECTION_HEADER_BYTES)
    bytes.set(new TextEncoder().encode(payload), L.SECTION_HEADER_BYTES)
    return bytes
  }
  for (const payload of ['', '[', '[[1,[1]]]', '[[1]]', '[1]', '{}', '[[1,[[],[],[]]]]']) {
    expect(() => setUp().accumulators.restore([text(payload)]), payload).toThrow(corrupt)
  }
  const broken = chunk!.slice()
  broken[L.SECTION_HEADER_BYTES + 1] = 0xff
  expect(() => setUp().accumulators.restore([broken])).toThrow(corrupt)
})
