/**
 * CSV as a source: what each form of a line becomes.
 *
 * Before: nothing. After: adapters/file/csv-*.
 *
 * Invariant: every line that is not blank ends as one row or one dead letter, whatever the size of the chunks.
 */

import { describe, expect, it } from 'vitest'
import { csvFile } from '../../adapters/file/index.ts'
import { codesOf, type Reading, readAll, schemaOf, temporaryFile } from './file-support.ts'

const schema = schemaOf({ ts: 'timestamp', device: 'utf8', value: 'f64' })
const all = schemaOf({ t: 'timestamp', s: 'utf8', f: 'f64', i: 'i32', b: 'bool' })

async function read(text: string | Uint8Array, columns = schema, options = {}): Promise<Reading> {
  const path = await temporaryFile('in.csv', text)
  const whole = await readAll(csvFile(path, options), columns)
  for (const chunkBytes of [1, 2, 7]) {
    const pieces = await readAll(csvFile(path, { ...options, chunkBytes }), columns)
    expect({ rows: pieces.rows, deadLetters: pieces.deadLetters }).toEqual({ rows: whole.rows, deadLetters: whole.deadLetters })
  }
  return whole
}

async function values(text: string, columns = schema): Promise<unknown[]> {
  return (await read(text, columns)).rows.map((row) => Object.values(row))
}

const H = 'ts,device,value\n'

describe('lines that become rows', () => {
  it.each<[string, string, unknown[]]>([
    [
      'plain fields',
      `${H}1,a,2.5\n2,b,-3\n`,
      [
        [1, 'a', 2.5],
        [2, 'b', -3],
      ],
    ],
    ['a last line without newline', `${H}1,a,2`, [[1, 'a', 2]]],
    [
      'CRLF',
      'ts,device,value\r\n1,a,2\r\n3,b,4\r\n',
      [
        [1, 'a', 2],
        [3, 'b', 4],
      ],
    ],
    ['CRLF and a cut end', 'ts,device,value\r\n1,a,2\r', [[1, 'a', 2]]],
    ['a byte order mark', `\ufeff${H}1,a,2\n`, [[1, 'a', 2]]],
    [
      'blank lines',
      `\n\r\n${H}\n1,a,2\n\r\n\n3,b,4\n\n`,
      [
        [1, 'a', 2],
        [3, 'b', 4],
      ],
    ],
    [
      'another order and more columns',
      'x,value,ts,device,y\n,2,1,a,zz\n"q, ""r""",3,1,b,\n',
      [
        [1, 'a', 2],
        [1, 'b', 3],
      ],
    ],
    [
      'empty fields as null, quoted empty as empty text',
      `${H},,\n1,"",""\n`,
      [
        [null, null, null],
        [1, '', null],
      ],
    ],
    [
      'quotes with delimiters, quotes and newlines',
      `${H}1,"a,""b""\n\r\nc",2\n"3","d","4.5"\n`,
      [
        [1, 'a,"b"\n\r\nc', 2],
        [3, 'd', 4.5],
      ],
    ],
    [
      'fields that look like comments or formulas',
      `${H}1,# no,2\n1,=1+1,2\n`,
      [
        [1, '# no', 2],
        [1, '=1+1', 2],
      ],
    ],
    [
      'text beyond ASCII',
      `${H}1,Zürich 🚀,2\n1,"é",2\n`,
      [
        [1, 'Zürich 🚀', 2],
        [1, 'é', 2],
      ],
    ],
    [
      'names of prototypes as data',
      `${H}1,__proto__,2\n1,constructor,2\n`,
      [
        [1, '__proto__', 2],
        [1, 'constructor', 2],
      ],
    ],
    ['a NUL in quotes', `${H}1,"a\0b",2\n`, [[1, 'a\0b', 2]]],
  ])('%s', async (_, text, expected) => {
    const { rows, deadLetters } = await read(text)
    expect(deadLetters).toEqual([])
    expect(rows.map((row) => Object.values(row))).toEqual(expected)
  })

  it('numbers are what Number makes of them', async () => {
    const texts = [
      '0',
      '-0',
      '007',
      '+5',
      '.5',
      '5.',
      '1e3',
      '1E-7',
      '123456789012345678',
      '9007199254740993',
      '0.1',
      '1.7976931348623157e308',
      '5e-324',
      '3.141592653589793238',
      '-12.5e+2',
      '1e23',
      '8.5e22',
      '123456789.987654321',
      '4.35',
      '0.000001',
      '1e-400',
      ' 7 ',
      '"8"',
    ]
    const rows = await values(H + texts.map((text) => `1,a,${text}\n`).join(''))
    expect(rows.map((row) => (row as unknown[])[2])).toEqual(texts.map((text) => Number(text.replaceAll('"', ''))))
  })

  it('NaN and the infinities are values of f64', async () => {
    expect(await values(`${H}1,a,NaN\n1,a,Infinity\n1,a,-Infinity\n`)).toEqual([
      [1, 'a', Number.NaN],
      [1, 'a', Infinity],
      [1, 'a', -Infinity],
    ])
  })

  it('timestamps are milliseconds or ISO 8601 with a zone', async () => {
    const texts = [
      '2024-02-29T23:59:59Z',
      '2024-02-29T23:59:59.123Z',
      '1969-12-31T23:59:59.999+05:30',
      '2024-01-01T00:00-08:00',
      '0001-01-01T00:00:00Z',
      '2024-01-01 12:00:00Z',
      '+275760-09-13T00:00:00.000Z',
      '9999-12-31T23:59:59.999Z',
      '2000-03-01T00:00:00Z',
      '1900-02-28T00:00:00Z',
    ]
    const rows = await values(H + texts.map((text) => `${text},a,1\n"${text}",a,1\n`).join(''))
    expect(rows.map((row) => (row as unknown[])[0])).toEqual(texts.flatMap((text) => [Date.parse(text), Date.parse(text)]))
    expect(await values(`${H}-5,a,1\n1.75,a,1\n`)).toEqual([
      [-5, 'a', 1],
      [1.75, 'a', 1],
    ])
  })

  it('bool and i32', async () => {
    expect(await values('t,s,f,i,b\n1,x,1,-2147483648,true\n1,x,1,2147483647,0\n1,x,1,1.0,1\n1,x,1,,\n', all)).toEqual([
      [1, 'x', 1, -2147483648, true],
      [1, 'x', 1, 2147483647, false],
      [1, 'x', 1, 1, true],
      [1, 'x', 1, null, null],
    ])
  })
})

describe('lines that become dead letters', () => {
  it.each<[string, string | Uint8Array, string[], number]>([
    ['missing and extra columns', `${H}1,a\n1,a,2,3\n\n1,a,2\n1\n`, ['CSV_COLUMNS', 'CSV_COLUMNS', 'CSV_COLUMNS'], 1],
    [
      'wrong numbers',
      `${H}1,a,x\n1,a,1e\n1,a,--1\n1,a,1_0\n1,a,0x10\n1,a,"1,5"\n1,a,2\n`,
      Array.from({ length: 6 }, () => 'FIELD_TYPE'),
      1,
    ],
    ['numbers beyond f64', `${H}1,a,1e400\n1,a,-1e999\n`, ['NUMBER_RANGE', 'NUMBER_RANGE'], 0],
    [
      'bad timestamps',
      `${H}x,a,1\nNaN,a,1\n1e400,a,1\n2024-01-01,a,1\n2024-01-01T00:00:00,a,1\n2023-02-29T00:00:00Z,a,1\n2024-13-01T00:00:00Z,a,1\n`,
      Array.from({ length: 7 }, () => 'TIMESTAMP_INVALID'),
      0,
    ],
    ['quotes inside a field, text behind a quote', `${H}1,a"b,2\n1,"a"b,2\n1,c,3\n`, ['LINE_SYNTAX', 'LINE_SYNTAX'], 1],
    ['a NUL, a lone carriage return', `${H}1,a\0b,2\n1,a\rb,2\n1,c,3\n`, ['LINE_SYNTAX', 'LINE_SYNTAX'], 1],
    ['a quote that is never closed costs one line', `${H}1,"a,2\n1,b,2\n1,c,2\n`, ['CSV_UNCLOSED'], 2],
    ['a quote that is never closed in the last line', `${H}1,b,2\n1,"a`, ['CSV_UNCLOSED'], 1],
    [
      'invalid UTF-8',
      Buffer.concat([
        Buffer.from(H),
        ...[[0xff], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe2, 0x82], [0x80]].map((bytes) =>
          Buffer.from([...Buffer.from('1,'), ...bytes, ...Buffer.from(',2\n')]),
        ),
      ]),
      Array.from({ length: 6 }, () => 'UTF8_INVALID'),
      0,
    ],
  ])('%s', async (_, text, codes, rowCount) => {
    const reading = await read(text)
    expect(codesOf(reading)).toEqual(codes)
    expect(reading.rows.length).toBe(rowCount)
  })

  it('i32 and bool out of their range', async () => {
    const reading = await read('t,s,f,i,b\n1,x,1,2147483648,true\n1,x,1,1.5,true\n1,x,1,1,yes\n1,x,1,NaN,true\n1,x,1,1,2\n', all)
    expect(codesOf(reading)).toEqual(Array.from({ length: 5 }, () => 'FIELD_TYPE'))
  })

  it('invalid UTF-8 in a column that nobody asked for', async () => {
    const text = Buffer.concat([Buffer.from('x,ts,device,value\n'), Buffer.from([0xff]), Buffer.from(',1,a,2\n')])
    expect(codesOf(await read(text))).toEqual(['UTF8_INVALID'])
  })

  it('says where the line is and shows its beginning', async () => {
    const { deadLetters } = await read(`${H}1,a,2\n1,"b\nc",x\n1,a\n`)
    expect(deadLetters[0]).toMatchObject({ code: 'FIELD_TYPE', position: 'line 3, byte 22', preview: '1,"b\\u000ac",x' })
    expect(deadLetters[0]!.reason).toBe('Field value should be f64, found "x"')
    expect(deadLetters[1]).toMatchObject({ code: 'CSV_COLUMNS', position: 'line 5, byte 32' })
  })

  it('lines beyond maxLineBytes, at the limit exactly and inside quotes', async () => {
    const text = `${H}1,${'a'.repeat(56)},2\n1,${'a'.repeat(57)},2\n1,b,2\n1,"${'q'.repeat(30)}\n${'q'.repeat(30)}",2\n1,${'c'.repeat(500)},2\n1,"${'d'.repeat(500)}`
    const { rows, deadLetters } = await read(text, schema, { maxLineBytes: 60 })
    expect(deadLetters.map(({ code }) => code)).toEqual(['LINE_TOO_LONG', 'CSV_UNCLOSED', 'LINE_SYNTAX', 'LINE_TOO_LONG', 'LINE_TOO_LONG'])
    expect(deadLetters[0]!.reason).toContain('61 bytes')
    expect(deadLetters[3]!.reason).toContain('504 bytes')
    expect(rows.length).toBe(2)
  })
})

describe('headers', () => {
  async function failure(text: string, columns = schema, options = {}): Promise<unknown> {
    return read(text, columns, options).then(
      () => null,
      (error: unknown) => error,
    )
  }

  it('an unknown column is refused with the nearest name and the list', async () => {
    const error = await failure('ts,devise,value\n1,a,2\n')
    expect(error).toMatchObject({ name: 'ConfigError', code: 'COLUMN_UNKNOWN' })
    expect(String(error)).toContain('did you mean "devise"?')
    expect(String(error)).toContain('"ts", "devise", "value"')
  })

  it('a duplicate, a malformed and an unclosed header are refused', async () => {
    expect(await failure('ts,device,value,ts\n')).toMatchObject({ code: 'CSV_HEADER_DUPLICATE' })
    expect(await failure('ts,de"vice,value\n')).toMatchObject({ code: 'CSV_HEADER_INVALID' })
    expect(await failure('ts,"device,value\n1,a,2\n')).toMatchObject({ code: 'CSV_HEADER_INVALID' })
  })

  it('header-only and empty files have no rows', async () => {
    for (const text of ['', '\n\n', '\ufeff', H, 'ts,device,value']) expect((await read(text)).rows).toEqual([])
  })

  it('__proto__ and constructor are names like others', async () => {
    const columns = {
      columns: [
        { name: '__proto__', type: 'f64' },
        { name: 'constructor', type: 'utf8' },
      ],
    } as const
    const { rows } = await read('constructor,__proto__\nx,7\n', columns)
    expect(Object.entries(rows[0]!)).toEqual([
      ['__proto__', 7],
      ['constructor', 'x'],
    ])
    expect(await failure('a,b\n', columns)).toMatchObject({ code: 'COLUMN_UNKNOWN' })
  })

  it('a header can be given, and another delimiter', async () => {
    const { rows } = await read('1;a,b;2\n', schema, { header: ['ts', 'device', 'value'], delimiter: ';' })
    expect(rows.map((row) => ({ ...row }))).toEqual([{ ts: 1, device: 'a,b', value: 2 }])
    expect(() => csvFile('x.csv', { delimiter: '""' })).toThrow('delimiter')
  })
})
