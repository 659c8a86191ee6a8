/**
 * The file sinks: what they write, what they refuse, and what a commit shows. Crashes are in file-crash.test.ts.
 *
 * Before: nothing. After: adapters/file/file-writer, part-files, the encoders.
 *
 * Invariant: a reader of the result never sees a part of it.
 */

import { mkdir, readdir, readFile, truncate, unlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type FileSystem, nodeFileSystem, type OpenFile } from '../../adapters/file/file-system.ts'
import { csvFile, ndjsonFile } from '../../adapters/file/index.ts'
import { RecordBatch } from '../../runtime/record-batch.ts'
import type { Schema } from '../../runtime/schema.ts'
import type { Sink, SinkState, SinkWriter } from '../../runtime/sink/sink.ts'
import { batchOf as batchOfColumns, openSink as openSinkOf, readAll, schemaOf, temporaryDirectory } from './file-support.ts'

const schema = schemaOf({ at: 'timestamp', key: 'utf8', mean: 'f64', n: 'i32', ok: 'bool' })

function batchOf(batchRows: readonly object[], columns: Schema = schema): RecordBatch {
  return batchOfColumns(batchRows, columns)
}

function openSink(sink: Sink, restored: SinkState | null = null, columns: Schema = schema): Promise<SinkWriter> {
  return openSinkOf(sink, restored, columns)
}

async function writeOnce(sink: Sink, batches: readonly RecordBatch[], columns: Schema = schema): Promise<void> {
  const writer = await openSink(sink, null, columns)
  for (const batch of batches) await writer.write(batch)
  await writer.prepare(1)
  await writer.commit(1)
  await writer.finish()
  await writer.close()
}

const rows = [
  { at: 1_700_000_000_000, key: 'a', mean: 1.5, n: 3, ok: true },
  { at: -1, key: 'x,"y"\nz', mean: Number.NaN, n: -2147483648, ok: false },
  { at: 0, key: '', mean: -Infinity, n: 0, ok: null },
  { at: null, key: null, mean: -0, n: null, ok: null },
  { at: 1, key: '=1+1 é🚀', mean: 5e-324, n: 1, ok: true },
]

describe('what is written', () => {
  it('CSV', async () => {
    const path = join(await temporaryDirectory(), 'out.csv')
    await writeOnce(csvFile(path), [batchOf(rows.slice(0, 2)), batchOf([]), batchOf(rows.slice(2))])
    expect(await readFile(path, 'utf8')).toBe(
      'at,key,mean,n,ok\n1700000000000,a,1.5,3,true\n-1,"x,""y""\nz",NaN,-2147483648,false\n0,"",-Infinity,0,\n,,-0,,\n1,=1+1 é🚀,5e-324,1,true\n',
    )
    expect(await readdir(dirname(path))).toEqual(['out.csv'])
  })

  it('NDJSON', async () => {
    const path = join(await temporaryDirectory(), 'out.ndjson')
    await writeOnce(ndjsonFile(path), [batchOf(rows)])
    expect((await readFile(path, 'utf8')).split('\n').slice(0, 3)).toEqual([
      '{"at":1700000000000,"key":"a","mean":1.5,"n":3,"ok":true}',
      '{"at":-1,"key":"x,\\"y\\"\\nz","mean":"NaN","n":-2147483648,"ok":false}',
      '{"at":0,"key":"","mean":"-Infinity","n":0,"ok":null}',
    ])
  })

  it.each([csvFile, ndjsonFile])('is read back as the same rows', async (bind) => {
    const file = bind(join(await temporaryDirectory(), 'out.x'))
    await writeOnce(file, [batchOf(rows)])
    const { rows: found, deadLetters } = await readAll(file, schema)
    expect(deadLetters).toEqual([])
    expect(found).toEqual(rows.map((row) => Object.assign(Object.create(null), row)))
  })

  it('texts that are formulas are disarmed on request', async () => {
    const path = join(await temporaryDirectory(), 'out.csv')
    const columns = schemaOf({ s: 'utf8', f: 'f64' })
    const texts = ['=1', '+1', '-1', '@x', '\tx', '\rx', ' =1', '\n=1', 'a=1', '1']
    await writeOnce(
      csvFile(path, { spreadsheetSafe: true }),
      [
        batchOf(
          texts.map((s) => ({ s, f: -1 })),
          columns,
        ),
      ],
      columns,
    )
    const { rows: found } = await readAll(csvFile(path), columns)
    expect(found.map((row) => row['s'])).toEqual([...texts.slice(0, 8).map((text) => `'${text}`), 'a=1', '1'])
    expect(found.every((row) => row['f'] === -1)).toBe(true)
  })

  it('panes are columns on request', async () => {
    const columns = schemaOf({ k: 'utf8' })
    const plain = batchOf([{ k: 'a' }, { k: 'b' }, { k: 'c' }], columns)
    const batch = new RecordBatch(columns, plain.columns, 3, {
      index: Uint32Array.of(0, 1, 2),
      timing: Uint8Array.of(0, 1, 2),
      change: Uint8Array.of(0, 1, 2),
      isLast: Uint8Array.of(0, 0, 1),
    })
    const directory = await temporaryDirectory()
    await writeOnce(csvFile(join(directory, 'a.csv'), { pane: true }), [batch, plain], columns)
    expect(await readFile(join(directory, 'a.csv'), 'utf8')).toBe(
      'k,paneIndex,paneTiming,paneChange,paneIsLast\na,0,early,+I,false\nb,1,onTime,-U,false\nc,2,late,+U,true\na,,,,\nb,,,,\nc,,,,\n',
    )
    await writeOnce(ndjsonFile(join(directory, 'a.ndjson'), { pane: true }), [batch], columns)
    expect(await readFile(join(directory, 'a.ndjson'), 'utf8')).toContain(
      '{"k":"b","paneIndex":1,"paneTiming":"onTime","paneChange":"-U","paneIsLast":false}\n',
    )
    await expect(openSink(csvFile(join(directory, 'b.csv'), { pane: true }), null, schemaOf({ paneIndex: 'f64' }))).rejects.toMatchObject({
      code: 'COLUMN_DUPLICATE',
    })
  })

  it('no rows: an empty file, or the header', async () => {
    const directory = await temporaryDirectory()
    await writeOnce(csvFile(join(directory, 'a.csv')), [])
    await writeOnce(ndjsonFile(join(directory, 'a.ndjson')), [batchOf([])])
    expect(await readFile(join(directory, 'a.csv'), 'utf8')).toBe('at,key,mean,n,ok\n')
    expect(await readFile(join(directory, 'a.ndjson'), 'utf8')).toBe('')
  })

  it('a lone null is not a blank line', async () => {
    const columns = schemaOf({ f: 'f64' })
    const file = csvFile(join(await temporaryDirectory(), 'a.csv'))
    await writeOnce(file, [batchOf([{ f: null }, { f: 1 }], columns)], columns)
    expect((await readAll(file, columns)).rows.map((row) => row['f'])).toEqual([null, 1])
  })

  it('much data goes out in pieces', async () => {
    const path = join(await temporaryDirectory(), 'out.csv')
    const columns = schemaOf({ f: 'f64' })
    const many = Array.from({ length: 20_000 }, (_, f) => ({ f }))
    await writeOnce(csvFile(path, { flushBytes: 1000 }), [batchOf(many, columns)], columns)
    expect(await readFile(path, 'utf8')).toBe(`f\n${many.map(({ f }) => `${f}\n`).join('')}`)
  })
})

describe('what is refused', () => {
  it('several paths, gzip, a place that cannot be written', async () => {
    const directory = await temporaryDirectory()
    await expect(openSink(csvFile(['a', 'b']))).rejects.toMatchObject({ code: 'SINK_PATH_MULTIPLE' })
    await expect(openSink(csvFile('a.csv.gz'))).rejects.toMatchObject({ code: 'SINK_COMPRESSED' })
    await writeFile(join(directory, 'file'), '')
    await expect(openSink(csvFile(join(directory, 'file', 'a.csv')))).rejects.toMatchObject({ code: 'SINK_UNWRITABLE' })
    await expect(openSink(csvFile(join(directory, 'none', 'a.csv')))).rejects.toMatchObject({ code: 'SINK_UNWRITABLE' })
    const readOnly: FileSystem = { ...nodeFileSystem, mkdir: () => Promise.reject(Object.assign(new Error('EACCES'), { code: 'EACCES' })) }
    await expect(openSink(csvFile(join(directory, 'a.csv'), { fileSystem: readOnly }))).rejects.toMatchObject({ code: 'SINK_UNWRITABLE' })
  })

  it('a full disk is named, also when it shows as a short write; afterwards nothing is written', async () => {
    const directory = await temporaryDirectory()
    for (const errno of ['ENOSPC', null]) {
      const full = faultySystem((file) => ({
        ...file,
        write: async (bytes) => {
          if (bytes.length > 3) return file.write(bytes.subarray(0, 3))
          if (errno === null) return 0
          throw Object.assign(new Error(errno), { code: errno })
        },
      }))
      const writer = await openSink(ndjsonFile(join(directory, 'a.ndjson'), { fileSystem: full }))
      await writer.write(batchOf(rows))
      await expect(writer.prepare(1)).rejects.toMatchObject({ code: 'SINK_FULL' })
      await expect(writer.prepare(2)).rejects.toMatchObject({ code: 'SINK_FULL' })
      await writer.close()
    }
  })

  it('a lost or shortened part is noticed, and nothing is removed', async () => {
    const directory = await temporaryDirectory()
    const path = join(directory, 'a.ndjson')
    const writer = await openSink(ndjsonFile(path))
    await writer.write(batchOf(rows))
    const state = await writer.prepare(1)
    await writer.write(batchOf(rows))
    await writer.prepare(2)
    await writer.close()
    const part = join(`${path}.parts`, '000001.ndjson.pending')
    await truncate(part, 10)
    await expect(openSink(ndjsonFile(path), state)).rejects.toMatchObject({ code: 'SINK_STATE_LOST' })
    await unlink(part)
    await expect(openSink(ndjsonFile(path), state)).rejects.toMatchObject({ code: 'SINK_STATE_LOST' })
    expect(await readdir(`${path}.parts`)).toEqual(['000002.ndjson.pending'])
  })
})

describe('the commit', () => {
  it('shows nothing before commit, everything after, and is idempotent', async () => {
    const path = join(await temporaryDirectory(), 'a.ndjson')
    const parts = `${path}.parts`
    const writer = await openSink(ndjsonFile(path))
    expect(await writer.prepare(1)).toEqual({ part: 0, totalBytes: 0 })
    await writer.commit(1)
    await writer.write(batchOf(rows.slice(0, 1)))
    await writer.prepare(2)
    expect(await readdir(parts)).toEqual(['000001.ndjson.pending'])
    await writer.commit(2)
    await writer.commit(2)
    expect(await readdir(parts)).toEqual(['000001.ndjson'])
    await writer.write(batchOf(rows.slice(1, 2)))
    await writer.prepare(3)
    await writer.write(batchOf(rows.slice(2, 3)))
    await writer.prepare(4)
    await writer.commit(4)
    expect(await readdir(parts)).toEqual(['000001.ndjson', '000002.ndjson', '000003.ndjson'])
    await writer.write(batchOf(rows))
    await writer.close()
    expect((await readdir(parts)).length).toBe(3)
  })

  it('a fresh start removes what an earlier run left, and replaces its result at the end only', async () => {
    const path = join(await temporaryDirectory(), 'a.ndjson')
    await writeOnce(ndjsonFile(path), [batchOf(rows)])
    const before = await readFile(path, 'utf8')
    await mkdir(`${path}.parts`)
    for (const name of ['000001.ndjson', '000007.ndjson.pending', 'final.temporary', 'notes.txt'])
      await writeFile(join(`${path}.parts`, name), 'old')
    const writer = await openSink(ndjsonFile(path))
    expect(await readdir(`${path}.parts`)).toEqual(['notes.txt'])
    await writer.write(batchOf(rows.slice(0, 1)))
    await writer.prepare(1)
    await writer.commit(1)
    expect(await readFile(path, 'utf8')).toBe(before)
    await writer.finish()
    await writer.finish()
    expect((await readFile(path, 'utf8')).split('\n').length).toBe(2)
    expect(await readdir(`${path}.parts`)).toEqual(['notes.txt'])
  })

  it('a job that had ended can go on', async () => {
    const path = join(await temporaryDirectory(), 'a.csv')
    let writer = await openSink(csvFile(path))
    await writer.write(batchOf(rows.slice(0, 1)))
    const state = await writer.prepare(1)
    await writer.commit(1)
    await writer.finish()
    writer = await openSink(csvFile(path), state)
    await writer.write(batchOf(rows.slice(0, 1)))
    await writer.prepare(2)
    await writer.commit(2)
    await writer.finish()
    expect(await readFile(path, 'utf8')).toBe('at,key,mean,n,ok\n1700000000000,a,1.5,3,true\n1700000000000,a,1.5,3,true\n')
  })
})

/** A file system whose files opened for writing are passed through `change`. */
function faultySystem(change: (file: OpenFile) => OpenFile): FileSystem {
  return {
    ...nodeFileSystem,
    open: async (path, mode) => (mode === 'write' ? change(await nodeFileSystem.open(path, mode)) : nodeFileSystem.open(path, mode)),
  }
}
