import { expect, test } from 'vitest'
import { BatchBuilder } from '../../runtime/batch-builder.ts'
import { Dictionary } from '../../runtime/dictionary.ts'
import { f64, schema, utf8 } from '../../runtime/schema.ts'
import type { Source, SplitReader } from '../../runtime/source/source.ts'
import { columnsSource, dictionaryColumn, iterableSource, rowsSource } from '../../runtime/source/rows-source.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const columns = schema({ k: utf8(), v: f64() })
const rows = Array.from({ length: 10 }, (_, index) => ({ k: `k${index % 3}`, v: index }))

async function reader(
  source: Source,
  position: Parameters<Awaited<ReturnType<Source['splits']>>[number]['open']>[0] = null,
): Promise<SplitReader> {
  const [split] = await source.splits({ name: 'in', schema: columns, clock: new VirtualClock() })
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
  const from = await reader(columnsSource({ v: [1] }))
  expect(() => from.read(new BatchBuilder(columns, 16, new Dictionary()), 1)).toThrow(
    expect.objectContaining({ code: 'COLUMN_UNKNOWN' }) as Error,
  )
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
