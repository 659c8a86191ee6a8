import { expect, test } from 'vitest'
import { BatchBuilder } from '../../runtime/batch-builder.ts'
import { Dictionary } from '../../runtime/dictionary.ts'
import { f64, schema, utf8 } from '../../runtime/schema.ts'
import type { Source, SplitReader } from '../../runtime/source/source.ts'
import { columnsSource, dictionaryColumn } from '../../runtime/source/columns-source.ts'
import { iterableSource, rowsSource } from '../../runtime/source/rows-source.ts'
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
