import { expect, test } from 'vitest'
import { BatchBuilder } from '../../runtime/batch-builder.ts'
import { Dictionary } from '../../runtime/dictionary.ts'
import { f64, schema, utf8 } from '../../runtime/schema.ts'
import type { Source, SplitReader } from '../../runtime/source/source.ts'
import { columnsSource, dictionaryColumn } from '../../runtime/source/columns-source.ts'
import { iterableSource } from '../../runtime/source/iterable-source.ts'
import { rowsSource } from '../../runtime/source/rows-source.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const columns = schema({ k: utf8(), v: f64() })
const rows = Array.from({ length: 10 }, (_, index) => ({ k: `k${index % 3}`, v: index }))

async function reader(
  source: Source,
  position: Parameters<Awaited<ReturnType<Source['splits']>>[number]['open']>[0] = null,
): Promise<SplitReader> {
  const [split] = await source.splits({ name: 'in', schema: columns, clock: new VirtualClock(), hasCheckpoints: false, openJournal: null })
  return split!.open(position)
}

async function readAll(from: SplitReader, rowsMax: number): Promise<unknown[]> {
  const found: unknown[] = []
  const builder = new BatchBuilder(columns, 16, new Dictionary())
  for (let reads = 0; reads < 1_000; reads++) {
    builder.clear()
    const result = await from.read(builder, rowsMax)
    const batch = builder.build()
    for (let row = 0; row < batch.rowCount; row++) found.push({ ...batch.row(row) })
    if (result === 'end') return found
    if (result === 'idle') await from.ready?.()
  }
  throw new Error('the source does not end')
}

test('a source opened at a position yields exactly the rows that followed it', async () => {
  const dictionary = dictionaryColumn(
    Uint32Array.from(rows, (row) => Number(row.k[1])),
    ['k0', 'k1', 'k2'],
  )
  for (const source of [
    rowsSource(rows),
    columnsSource({ k: dictionary, v: Float64Array.from(rows, (row) => row.v) }),
    columnsSource({ k: rows.map(({ k }) => k), v: rows.map(({ v }) => v) }),
  ]) {
    for (let cut = 0; cut <= rows.length; cut++) {
      const first = await reader(source)
      const builder = new BatchBuilder(columns, 16, new Dictionary())
      await first.read(builder, cut)
      expect(builder.rowCount).toBe(cut)
      expect(await readAll(await reader(source, first.position()), 3), source.kind).toEqual(rows.slice(cut))
    }
  }
})

test('a position behind the end is refused as a rewind that cannot be', async () => {
  await expect(async () => reader(rowsSource(rows), { row: 11 })).rejects.toMatchObject({ code: 'SOURCE_REWIND' })
})

test('columns of different lengths, and columns that are not given, are refused', async () => {
  expect(() => columnsSource({ k: ['a'], v: [1, 2] })).toThrow(expect.objectContaining({ code: 'COLUMN_LENGTH' }) as Error)
  await expect(reader(columnsSource({ v: [1] }))).rejects.toMatchObject({ code: 'COLUMN_UNKNOWN' })
  await expect(reader(columnsSource({ k: ['a'], v: new Int32Array(1) }))).rejects.toMatchObject({ code: 'COLUMN_TYPE' })
})

test('a value that does not fit its column is a dead letter, and the rows around it are read', async () => {
  const from = await reader(columnsSource({ k: ['a', 7, null], v: new Float64Array([1, 2, 3]) }))
  const builder = new BatchBuilder(columns, 16, new Dictionary())
  await from.read(builder, 16)
  const batch = builder.build()
  expect([0, 1].map((row) => batch.row(row))).toEqual([
    { k: 'a', v: 1 },
    { k: null, v: 3 },
  ])
  expect(builder.deadLetters.map(({ code, position }) => ({ code, position }))).toEqual([{ code: 'FIELD_TYPE', position: 'row 1' }])
})

test('typed columns give views whose codes are those of the stream, whatever it has interned before', async () => {
  const from = await reader(columnsSource({ k: dictionaryColumn(new Uint32Array([1, 0, 1]), ['x', 'y']), v: new Float64Array([1, 2, 3]) }))
  for (const interned of [[], ['y'], ['x', 'y']]) {
    const dictionary = new Dictionary()
    for (const text of interned) dictionary.codeOf(text)
    const view = (
      await reader(columnsSource({ k: dictionaryColumn(new Uint32Array([1, 0, 1]), ['x', 'y']), v: new Float64Array([1, 2, 3]) }))
    ).readBatch!(16, dictionary)!
    expect([0, 1, 2].map((row) => view.batch.row(row))).toEqual([
      { k: 'y', v: 1 },
      { k: 'x', v: 2 },
      { k: 'y', v: 3 },
    ])
    expect(view.result).toBe('end')
  }
  expect(from.position()).toEqual({ row: 0 })
})

test('an iterable that pauses is idle, goes on, and ends', async () => {
  async function* slow() {
    for (const row of rows) {
      await new Promise((resolve) => {
        setImmediate(resolve)
      })
      yield row
    }
  }
  const source = iterableSource(slow())
  expect(source).toMatchObject({ isReplayable: false, isBounded: false })
  expect(await readAll(await reader(source), 4)).toEqual(rows)
})

test('an iterable that throws ends in SOURCE_FAILED with its cause', async () => {
  async function* broken() {
    yield rows[0]!
    throw new RangeError('no more')
  }
  await expect(async () => readAll(await reader(iterableSource(broken())), 4)).rejects.toMatchObject({
    code: 'SOURCE_FAILED',
    cause: { message: 'no more' },
  })
})

test.each<[string, () => Parameters<typeof iterableSource>[0]]>([
  ['an array', () => rows],
  ['a set', () => new Set(rows)],
  [
    'a generator of chunks',
    function* () {
      yield rows.slice(0, 3)
      yield []
      yield rows[3]!
      yield rows.slice(4)
    },
  ],
  [
    'an async generator of chunks',
    async function* () {
      yield rows.slice(0, 7)
      yield []
      yield rows.slice(7)
    },
  ],
  [
    'a ReadableStream',
    () =>
      new ReadableStream({
        start: (controller) => {
          for (const row of rows) controller.enqueue(row)
          controller.close()
        },
      }),
  ],
  [
    'a ReadableStream of chunks',
    () =>
      new ReadableStream({
        start: (controller) => {
          controller.enqueue(rows.slice(0, 5))
          controller.enqueue(rows.slice(5))
          controller.close()
        },
      }),
  ],
])('%s gives its rows in order, whatever is asked for at a time', async (_, make) => {
  for (const rowsMax of [1, 2, 3, 16]) expect(await readAll(await reader(iterableSource(make())), rowsMax)).toEqual(rows)
})

test('a producer that has to be waited for is held back while nobody reads', async () => {
  let produced = 0
  async function* fast() {
    for (;;) {
      produced++
      yield rows[produced % rows.length]!
    }
  }
  const from = await reader(iterableSource(fast()))
  const builder = new BatchBuilder(columns, 16, new Dictionary())
  await from.read(builder, 16)
  for (let turn = 0; turn < 20; turn++)
    await new Promise((resolve) => {
      setImmediate(resolve)
    })
  expect(produced).toBeGreaterThan(1_000)
  expect(produced).toBeLessThan(10_000)
  await from.close()
})

test('closing does not wait for a producer that waits, and tells a stream', async () => {
  async function* silent() {
    await new Promise(() => {})
    yield rows[0]!
  }
  const from = await reader(iterableSource(silent()))
  const builder = new BatchBuilder(columns, 16, new Dictionary())
  expect(await from.read(builder, 16)).toBe('idle')
  await from.close()
  let reason: unknown = 'not cancelled'
  const stream = await reader(
    iterableSource(
      new ReadableStream<object>({
        cancel: (given) => {
          reason = given
        },
      }),
    ),
  )
  expect(await stream.read(builder, 16)).toBe('idle')
  await stream.close()
  expect(reason).toBeUndefined()
})

test('items that are no rows are dead letters', async () => {
  const from = await reader(iterableSource([{ k: 'a', v: 1 }, 7, [null, 'x', { v: 2 }], { v: 'two' }] as object[]))
  const builder = new BatchBuilder(columns, 16, new Dictionary())
  await from.read(builder, 16)
  expect(builder.rowCount).toBe(2)
  expect(builder.deadLetters.map(({ code, position }) => [code, position])).toEqual([
    ['ROW_SHAPE', 'row 1'],
    ['ROW_SHAPE', 'row 2'],
    ['ROW_SHAPE', 'row 3'],
    ['FIELD_TYPE', 'row 5'],
  ])
})
