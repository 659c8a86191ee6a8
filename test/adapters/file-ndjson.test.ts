/**
 * NDJSON as a source: what each form of a line becomes.
 *
 * Before: nothing. After: adapters/format/ndjson-decoder.
 *
 * Invariant: every line that is not blank ends as one row or one dead letter, whatever the size of the chunks.
 */

import { describe, expect, it } from 'vitest'
import { ndjsonFile } from '../../adapters/file/index.ts'
import { codesOf, type Reading, readAll, schemaOf, temporaryFile } from './file-support.ts'

const schema = schemaOf({ t: 'timestamp', s: 'utf8', f: 'f64', i: 'i32', b: 'bool' })

async function read(text: string | Uint8Array, columns = schema, options = {}): Promise<Reading> {
  const path = await temporaryFile('in.ndjson', text)
  const whole = await readAll(ndjsonFile(path, options), columns)
  for (const chunkBytes of [1, 2, 7]) {
    const pieces = await readAll(ndjsonFile(path, { ...options, chunkBytes }), columns)
    expect({ rows: pieces.rows, deadLetters: pieces.deadLetters }).toEqual({ rows: whole.rows, deadLetters: whole.deadLetters })
  }
  return whole
}

describe('lines that become rows', () => {
  it.each<[string, string, unknown[]]>([
    ['in order', '{"t":1,"s":"a","f":2.5,"i":3,"b":true}\n', [[1, 'a', 2.5, 3, true]]],
    [
      'in any order, with others between',
      '{"b":false,"x":"y","f":1,"z":null,"s":"a","t":1,"w":-1.5e3,"i":0}\n{"i":1,"t":2}\n',
      [
        [1, 'a', 1, 0, false],
        [2, null, null, 1, null],
      ],
    ],
    [
      'missing and null',
      '{}\n{"t":null,"s":null,"f":null,"i":null,"b":null}\n',
      [
        [null, null, null, null, null],
        [null, null, null, null, null],
      ],
    ],
    [
      'blanks, tabs, CRLF, blank lines',
      ' \t{ "t" : 1 , "s" :\t"a" }  \r\n\r\n \t\n\n{"t":2 , "s":"b"}\r\n',
      [
        [1, 'a', null, null, null],
        [2, 'b', null, null, null],
      ],
    ],
    ['a byte order mark', '\ufeff{"t":1}\n', [[1, null, null, null, null]]],
    ['a complete last line without newline', '{"t":1}', [[1, null, null, null, null]]],
    ['escapes', '{"\\u0074":1,"s":"a\\"\\\\\\n\\u00fc\\ud83d\\ude80"}\n', [[1, 'a"\\\nü🚀', null, null, null]]],
    ['text beyond ASCII', '{"t":1,"s":"Zürich 🚀"}\n', [[1, 'Zürich 🚀', null, null, null]]],
    ['nested values that nobody asked for', '{"t":1,"x":{"y":[1,{"z":"}"}]},"f":2}\n', [[1, null, 2, null, null]]],
    [
      'a key twice: the last counts',
      '{"t":1,"f":"x","f":null,"f":2}\n{"t":1,"t":3}\n',
      [
        [1, null, 2, null, null],
        [3, null, null, null, null],
      ],
    ],
    [
      'instants',
      '{"t":"1970-01-01T00:00:01Z"}\n{"t":"1970-01-01T01:00:00.5+01:00"}\n{"t":-7.5}\n',
      [
        [1000, null, null, null, null],
        [500, null, null, null, null],
        [-7.5, null, null, null, null],
      ],
    ],
    [
      'numbers without a finite form',
      '{"f":"NaN"}\n{"f":"-Infinity"}\n',
      [
        [null, null, Number.NaN, null, null],
        [null, null, -Infinity, null, null],
      ],
    ],
    [
      'keys of prototypes',
      '{"__proto__":{"t":5},"constructor":1,"t":1}\n{"__proto__":1,"toString":"x","t":2}\n',
      [
        [1, null, null, null, null],
        [2, null, null, null, null],
      ],
    ],
  ])('%s', async (_, text, expected) => {
    const { rows, deadLetters } = await read(text)
    expect(deadLetters).toEqual([])
    expect(rows.map((row) => Object.values(row))).toEqual(expected)
  })

  it('numbers are what JSON.parse makes of them', async () => {
    const texts = [
      '0',
      '-0',
      '1e3',
      '1E-7',
      '123456789012345678',
      '9007199254740993',
      '0.1',
      '1.7976931348623157e308',
      '5e-324',
      '1e23',
      '8.5e22',
      '4.35',
      '1e-400',
    ]
    const { rows } = await read(texts.map((text) => `{"f":${text}}\n`).join(''))
    expect(rows.map((row) => row['f'])).toEqual(texts.map((text) => JSON.parse(text) as number))
  })

  it('a column named __proto__ takes the key of that name, and no prototype', async () => {
    const columns = {
      columns: [
        { name: '__proto__', type: 'f64' },
        { name: 'constructor', type: 'utf8' },
      ],
    } as const
    const { rows } = await read('{"__proto__":7}\n{"x":"\\n","__proto__":8,"constructor":"c"}\n{"x":{}}\n', columns)
    expect(rows.map((row) => Object.values(row))).toEqual([
      [7, null],
      [8, 'c'],
      [null, null],
    ])
  })
})

describe('lines that become dead letters', () => {
  it.each<[string, string | Uint8Array, string[], number]>([
    [
      'no JSON',
      'x\n{"t":1,}\n{"t" 1}\n{t:1}\n{"t":1\n{"t":01}\n{"t":+1}\n{"t":.5}\n{"t":1.}\n{"x":1e}\n{"t":nul}\n{"t":1}\n',
      Array.from({ length: 11 }, () => 'LINE_SYNTAX'),
      1,
    ],
    ['two documents on a line', '{"t":1}{"t":2}\n{"t":1} {"t":2}\n{"t":1},\n', ['LINE_SYNTAX', 'LINE_SYNTAX', 'LINE_SYNTAX'], 0],
    ['documents that are no objects', '[1]\n1\nnull\n"x"\n', ['LINE_SYNTAX', 'LINE_SYNTAX', 'LINE_SYNTAX', 'LINE_SYNTAX'], 0],
    [
      'NUL and control characters',
      '{"t":1}\0\n{"s":"a\0b"}\n{"s":"a\tb"}\n\0\n',
      ['LINE_SYNTAX', 'LINE_SYNTAX', 'LINE_SYNTAX', 'LINE_SYNTAX'],
      0,
    ],
    ['a byte order mark inside', '{"t":1}\n\ufeff{"t":1}\n', ['LINE_SYNTAX'], 1],
    ['a truncated last line', '{"t":1}\n{"t":12', ['LINE_TRUNCATED'], 1],
    ['a last line cut in a character', Buffer.from('{"t":1}\n{"s":"🚀').subarray(0, -2), ['LINE_TRUNCATED'], 1],
    [
      'wrong types',
      '{"s":1}\n{"f":"x"}\n{"i":1.5}\n{"i":2147483648}\n{"b":1}\n{"f":true}\n{"f":[1]}\n{"s":{}}\n',
      Array.from({ length: 8 }, () => 'FIELD_TYPE'),
      0,
    ],
    ['numbers beyond f64', '{"f":1e400}\n{"f":-1e400}\n', ['NUMBER_RANGE', 'NUMBER_RANGE'], 0],
    [
      'bad timestamps',
      '{"t":"x"}\n{"t":true}\n{"t":1e400}\n{"t":"2024-01-01"}\n{"t":"1"}\n{"t":{}}\n',
      Array.from({ length: 6 }, () => 'TIMESTAMP_INVALID'),
      0,
    ],
    [
      'invalid UTF-8',
      Buffer.concat(
        [[0xff], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xf8], [0xe2, 0x82], [0xf0, 0x80, 0x80, 0x80]].map((bytes) =>
          Buffer.from([...Buffer.from('{"s":"'), ...bytes, ...Buffer.from('"}\n')]),
        ),
      ),
      Array.from({ length: 6 }, () => 'UTF8_INVALID'),
      0,
    ],
    [
      'nesting beyond 64',
      `{"x":${'['.repeat(63)}${']'.repeat(63)}}\n{"x":${'['.repeat(64)}${']'.repeat(64)}}\n{"x":${'['.repeat(5000)}\n`,
      ['LINE_SYNTAX', 'LINE_SYNTAX'],
      1,
    ],
  ])('%s', async (_, text, codes, rowCount) => {
    const reading = await read(text)
    expect(codesOf(reading)).toEqual(codes)
    expect(reading.rows.length).toBe(rowCount)
  })

  it('a line of 10 MB is passed over with its offset and length', async () => {
    const long = `{"s":"${'x'.repeat(10_000_000)}"}`
    const { rows, deadLetters } = await readAll(ndjsonFile(await temporaryFile('in.ndjson', `{"t":1}\n${long}\n{"t":2}\n`)), schema)
    expect(rows.map((row) => row['t'])).toEqual([1, 2])
    expect(deadLetters).toMatchObject([{ code: 'LINE_TOO_LONG', position: 'line 2, byte 8' }])
    expect(deadLetters[0]!.reason).toContain(String(long.length))
    expect(deadLetters[0]!.preview.length).toBeLessThanOrEqual(120)
  })

  it('lines beyond maxLineBytes in every place', async () => {
    const long = `{"s":"${'x'.repeat(40)}"}`
    const { rows, deadLetters } = await read(`${long}\n{"t":1}\n${long}\n${long}\n{"t":2}\n${long}`, schema, { maxLineBytes: 40 })
    expect(rows.map((row) => row['t'])).toEqual([1, 2])
    expect(deadLetters.map(({ code, reason }) => [code, reason.includes('48 bytes')])).toEqual(
      Array.from({ length: 4 }, () => ['LINE_TOO_LONG', true]),
    )
  })
})
