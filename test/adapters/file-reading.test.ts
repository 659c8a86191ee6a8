/**
 * Reading files of either format: positions, compression, what the operating system refuses, and random input against an oracle.
 *
 * Before: nothing. After: adapters/format/line-reader, file/file-input.
 *
 * Invariant: rows + dead letters == lines, and what follows a position is what followed it the first time.
 */

import { truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { csvFile, fileFor, ndjsonFile } from '../../adapters/file/index.ts'
import type { RowObject } from '../../runtime/record-batch.ts'
import type { Source } from '../../runtime/source/source.ts'
import { Chance, codesOf, type Reading, readAll, schemaOf, temporaryDirectory, temporaryFile } from './file-support.ts'

const schema = schemaOf({ ts: 'timestamp', device: 'utf8', value: 'f64', n: 'i32', ok: 'bool' })
const small = schemaOf({ t: 'f64' })

function randomRow(chance: Chance): RowObject {
  const texts = [
    'a',
    'device-12',
    '',
    'a,b',
    'say "x"',
    'two\nlines',
    'tab\t',
    'Zürich',
    '🚀',
    'é"\r\n,',
    '__proto__',
    ' pad ',
    '\u0001',
    '\\',
    '\ufeffbom',
    'null',
    '1',
  ]
  const numbers = [
    0,
    -0,
    1,
    -1.5,
    1e-7,
    123456.789,
    2 ** 53,
    1e300,
    5e-324,
    0.1 + 0.2,
    chance.next() * 1e6,
    Math.round(chance.next() * 1e9) / 1e4,
  ]
  return {
    ts: chance.is(0.1) ? null : 1_700_000_000_000 + chance.below(1e9),
    device: chance.is(0.1) ? null : chance.pick(texts),
    value: chance.is(0.1) ? null : chance.pick(numbers),
    n: chance.is(0.1) ? null : chance.below(2 ** 32) - 2 ** 31,
    ok: chance.is(0.1) ? null : chance.is(0.5),
  }
}

function csvLine(row: RowObject, chance: Chance): string {
  const cells = schema.columns.map(({ name, type }) => {
    const value = row[name] ?? null
    if (value === null) return type !== 'utf8' && chance.is(0.2) ? '""' : ''
    if (name === 'ts' && chance.is(0.2)) return new Date(Number(value)).toISOString()
    const text = Object.is(value, -0) ? '-0' : String(value)
    const needsQuotes = text === '' || /[",\r\n\0]/.test(text)
    return needsQuotes || chance.is(0.2) ? `"${text.replaceAll('"', '""')}"` : text
  })
  return cells.join(',') + chance.pick(['\n', '\n', '\r\n', '\n\n'])
}

function jsonLine(row: RowObject, chance: Chance): string {
  const space = chance.pick(['', '', ' ', '\t'])
  const fields = schema.columns
    .filter(({ name }) => row[name] !== null || chance.is(0.5))
    .map(({ name }) => {
      const value = row[name]
      const key = chance.is(0.1) ? `"\\u00${name.charCodeAt(0).toString(16)}${name.slice(1)}"` : JSON.stringify(name)
      let text = Object.is(value, -0) ? '-0' : JSON.stringify(value)
      if (typeof value === 'string' && chance.is(0.3))
        text = `"${[...value].map((char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}${char.length > 1 ? `\\u${char.charCodeAt(1).toString(16)}` : ''}`).join('')}"`
      if (name === 'ts' && typeof value === 'number' && chance.is(0.2)) text = JSON.stringify(new Date(value).toISOString())
      return `${key}${space}:${space}${text}`
    })
  if (chance.is(0.2)) fields.push('"extra":{"a":[1,2]}')
  if (chance.is(0.2)) fields.unshift('"other":-12.5e3')
  if (chance.is(0.2)) fields.reverse()
  return `{${space}${fields.join(`${space},${space}`)}${space}}${chance.pick(['\n', '\n', '\r\n', '\n \n'])}`
}

type Format = {
  readonly name: string
  readonly header: string
  readonly line: (row: RowObject, chance: Chance) => string
  readonly bind: typeof csvFile | typeof ndjsonFile
}
const formats: readonly Format[] = [
  { name: 'csv', header: 'ts,device,value,n,ok\n', line: csvLine, bind: csvFile },
  { name: 'ndjson', header: '', line: jsonLine, bind: ndjsonFile },
]

describe.each(formats)('$name, at random', ({ name, header, line, bind }) => {
  it.each(Array.from({ length: 40 }, (_, seed) => seed))(
    'rows come back as they were written, from every position (seed %i)',
    async (seed) => {
      const chance = new Chance(seed)
      const rows = Array.from({ length: 60 }, () => randomRow(chance))
      const content = header + rows.map((row) => line(row, chance)).join('')
      const isGzip = chance.is(0.3)
      const path = await temporaryFile(isGzip ? `in.${name}.gz` : `in.${name}`, isGzip ? gzipSync(content) : content)
      const source = bind(path, { chunkBytes: 1 + chance.below(200) })
      const reading = await readAll(source, schema, { rowsMax: () => 1 + chance.below(10) })
      expect(reading.deadLetters).toEqual([])
      expect(reading.rows).toEqual(rows.map((row) => Object.assign(Object.create(null), row)))
      const mark = chance.pick(reading.marks)
      const rest = await readAll(source, schema, { from: JSON.parse(JSON.stringify(mark.position)) })
      expect(rest.rows).toEqual(reading.rows.slice(mark.rows))
      expect(rest.marks.at(-1)!.position).toEqual(reading.marks.at(-1)!.position)
    },
  )

  it.each(Array.from({ length: 60 }, (_, seed) => seed))('corrupted input is accounted for line by line (seed %i)', async (seed) => {
    const chance = new Chance(1000 + seed)
    const bytes = Buffer.from(Array.from({ length: 40 }, () => line(randomRow(chance), chance)).join(''))
    const parts: Buffer[] = [bytes]
    for (let i = chance.below(12); i >= 0; i--) {
      const at = chance.below(bytes.length)
      const noise = chance.pick([0x22, 0x2c, 0x0a, 0x0d, 0x00, 0xff, 0xc3, 0x5c, 0x7b, 0x7d, 0x3a, 0x31, 0x2d, 0x65])
      bytes[at] = noise
    }
    if (chance.is(0.5)) parts[0] = bytes.subarray(0, chance.below(bytes.length))
    const path = await temporaryFile(`in.${name}`, Buffer.concat([Buffer.from(header), ...parts]))
    const options = chance.is(0.5) ? { maxLineBytes: 30 + chance.below(60) } : {}
    const whole = await readAll(bind(path, options), schema)
    const pieces = await readAll(bind(path, { ...options, chunkBytes: 1 + chance.below(50) }), schema, {
      rowsMax: () => 1 + chance.below(5),
    })
    expect(pieces.rows).toEqual(whole.rows)
    expect(pieces.deadLetters).toEqual(whole.deadLetters)
    expect(pieces.marks.at(-1)!.position).toEqual(whole.marks.at(-1)!.position)
    const mark = chance.pick(pieces.marks)
    const rest = await readAll(bind(path, options), schema, { from: mark.position })
    expect(rest.rows).toEqual(whole.rows.slice(mark.rows))
    expect(rest.deadLetters).toEqual(whole.deadLetters.slice(mark.deadLetters))
    if (name === 'csv') return
    // In NDJSON a record is a line: the sums must close, and a naive parser must agree on what is a row.
    const lines = parts[0]!
      .toString('latin1')
      .split('\n')
      .filter((text) => !/^[ \t\r]*$/.test(text))
    expect(whole.rows.length + whole.deadLetters.length).toBe(lines.length)
    if ('maxLineBytes' in options) return
    const isObject = lines.map((text) => {
      try {
        const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(text, 'latin1')))
        return typeof value === 'object' && value !== null && !Array.isArray(value)
      } catch {
        return false
      }
    })
    const syntax = codesOf(whole).filter((code) => ['LINE_SYNTAX', 'UTF8_INVALID', 'LINE_TRUNCATED'].includes(code))
    expect(syntax.length).toBe(isObject.filter((is) => !is).length)
  })
})

describe('the outer world', () => {
  async function failure(source: Source, into?: Reading): Promise<unknown> {
    return readAll(source, small, {}, into).then(
      () => null,
      (error: unknown) => error,
    )
  }

  it('a missing file and a directory are named', async () => {
    const directory = await temporaryDirectory()
    const error = await failure(ndjsonFile(join(directory, 'no.ndjson')))
    expect(error).toMatchObject({ name: 'ConnectorError', code: 'SOURCE_MISSING' })
    expect(String(error)).toContain('no.ndjson')
    expect(await failure(ndjsonFile(directory))).toMatchObject({ code: 'SOURCE_MISSING' })
  })

  it('a position beyond the end is refused, plain and gzip', async () => {
    const plain = await temporaryFile('in.ndjson', '{"t":1}\n{"t":2}\n')
    const { marks } = await readAll(ndjsonFile(plain), small)
    await truncate(plain, 8)
    const from = marks.at(-1)!.position
    await expect(readAll(ndjsonFile(plain), small, { from })).rejects.toMatchObject({ code: 'SOURCE_REWIND' })
    const packed = await temporaryFile('in.ndjson.gz', gzipSync('{"t":1}\n'))
    await expect(readAll(ndjsonFile(packed), small, { from })).rejects.toMatchObject({ code: 'SOURCE_REWIND' })
    await expect(readAll(ndjsonFile(plain), small, { from: { index: 3 } })).rejects.toMatchObject({ code: 'SOURCE_REWIND' })
    await expect(readAll(ndjsonFile('-'), small, { from })).rejects.toMatchObject({ code: 'SOURCE_REWIND' })
  })

  it('a truncated or corrupt gzip file delivers what came before', async () => {
    const chance = new Chance(7)
    const lines = Array.from({ length: 200_000 }, () => `{"t":${chance.next()}}\n`)
    const packed = gzipSync(lines.join(''))
    const cut = { rows: [], deadLetters: [], marks: [] } satisfies Reading as Reading
    const path = await temporaryFile('in.ndjson.gz', packed.subarray(0, packed.length - 2000))
    expect(await failure(ndjsonFile(path), cut)).toMatchObject({ code: 'SOURCE_CORRUPT' })
    expect(cut.rows.length).toBeGreaterThan(199_000)
    expect(cut.deadLetters).toEqual([])
    const flipped = Buffer.from(packed)
    flipped.fill(0xff, packed.length >> 1, (packed.length >> 1) + 50)
    await writeFile(path, flipped)
    const half = { rows: [], deadLetters: [], marks: [] } satisfies Reading as Reading
    expect(await failure(ndjsonFile(path), half)).toMatchObject({ code: 'SOURCE_CORRUPT' })
    expect(half.rows.length).toBeGreaterThan(50_000)
    for (const content of ['', 'plain text\n', packed.subarray(0, 5)]) {
      await writeFile(path, content)
      expect(await failure(ndjsonFile(path))).toMatchObject({ code: 'SOURCE_CORRUPT' })
    }
  })

  it('gzip of several members is one content, and a bomb meets its limit', async () => {
    const path = await temporaryFile('in.ndjson.gz', Buffer.concat([gzipSync('{"t":1}\n{"t"'), gzipSync(':2}\n')]))
    expect((await readAll(ndjsonFile(path), small)).rows.map((row) => row['t'])).toEqual([1, 2])
    await writeFile(path, gzipSync(Buffer.alloc(5_000_000, 0x20)))
    expect(await failure(ndjsonFile(path, { maxDecompressedBytes: 1_000_000 }))).toMatchObject({ code: 'DECOMPRESSED_TOO_LARGE' })
  })

  it('several paths are several splits; URLs are paths', async () => {
    const one = await temporaryFile('one.ndjson', '{"t":1}\n')
    const two = await temporaryFile('two.ndjson', '{"t":2}\n')
    const source = ndjsonFile([one, pathToFileURL(two)])
    expect((await readAll(source, small, { split: 1 })).rows.map((row) => row['t'])).toEqual([2])
    expect(() => ndjsonFile(new URL('https://example.org/a.ndjson'))).toThrow('file: URL')
    expect(() => ndjsonFile([])).toThrow('at least one')
  })

  it('fileFor goes by the extension', async () => {
    expect(fileFor('a/b.csv').kind).toBe('csvFile')
    expect(fileFor('b.CSV.gz').kind).toBe('csvFile')
    expect(fileFor('b.jsonl').kind).toBe('ndjsonFile')
    expect(fileFor('-')).toMatchObject({ kind: 'ndjsonFile', isReplayable: false, isBounded: true, delivery: 'at-least-once' })
    expect(fileFor('b.ndjson')).toMatchObject({ isReplayable: true, isBounded: true, delivery: 'exactly-once' })
    for (const path of ['a.parquet', 'a', 'a.csv/b', '.gz']) {
      expect(() => fileFor(path)).toThrow(expect.objectContaining({ code: 'FILE_FORMAT_UNKNOWN' }) as Error)
    }
  })
})
